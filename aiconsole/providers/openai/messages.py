"""From our messages to the wire's.

What is given as a string is sent as a string, and parts are sent as parts. The one exception is an assistant's turn, which
our types hold as parts as soon as it has a thought or a tool call: plain text in it is sent as a string, which every server
takes, unless a text part says by its ``extra`` for this dialect (even an empty one) that it is to be a part.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.errors import BadRequest
from aiconsole.domain.messages import (
    DocumentPart,
    ImagePart,
    Message,
    NativePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from aiconsole.providers.base import Refuse

if TYPE_CHECKING:
    from aiconsole.providers.openai.dialect import OpenAIDialect

_MAGIC: Final = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


def write_messages(dialect: OpenAIDialect, request: ChatRequest, refuse: Refuse) -> list[dict[str, Any]]:
    """The ``messages`` of the body; a turn with several tool results becomes one message for each."""
    written: list[dict[str, Any]] = []
    for message in request.messages:
        if isinstance(message.content, str):
            if message.role == "tool":
                raise BadRequest("A tool's turn holds nothing but tool results.")
            wire = {"role": message.role, "content": message.content}
            written.append(dialect.merge_extra(wire, message.extra) if message.extra else wire)
        elif message.role == "assistant":
            written.append(_assistant(dialect, message, message.content, request.model, refuse))
        else:
            written.extend(_turn(dialect, message, message.content, refuse))
    return written


def data_url(data: bytes, media_type: str) -> str:
    """The bytes as a ``data:`` URL."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def _turn(dialect: OpenAIDialect, message: Message, parts: tuple[Part, ...], refuse: Refuse) -> list[dict[str, Any]]:
    results = [part for part in parts if isinstance(part, ToolResultPart)]
    written = [dialect.merge_extra(_result(dialect, part, refuse), message.extra) for part in results]
    rest = [part for part in parts if not isinstance(part, ToolResultPart)]
    if message.role == "tool":
        if rest:
            raise BadRequest("A tool's turn holds nothing but tool results.")
    elif rest or not results:
        wire = {"role": message.role, "content": _content(dialect, rest, refuse)}
        written.append(dialect.merge_extra(wire, message.extra))
    return written


def _result(dialect: OpenAIDialect, part: ToolResultPart, refuse: Refuse) -> dict[str, Any]:
    if part.is_error:
        refuse(f"{dialect.label} has no mark for a failed tool call; say it in the result's text.")
    content: str | list[Any]
    if isinstance(part.content, str):
        content = part.content
    else:
        taken = [inner for inner in part.content if dialect.rich_results or isinstance(inner, TextPart)]
        if len(taken) < len(part.content):
            refuse(f"{dialect.label} takes nothing but text as the result of a tool.")
        content = _content(dialect, taken, refuse)
    return dialect.merge_extra(
        {"role": "tool", "tool_call_id": dialect.call_id(part.call_id), "content": content}, part.extra
    )


def _content(dialect: OpenAIDialect, parts: Sequence[Part], refuse: Refuse) -> list[Any]:
    return [wire for part in parts if (wire := _part(dialect, part, refuse)) is not None]


def _part(dialect: OpenAIDialect, part: Part, refuse: Refuse) -> Any:
    if isinstance(part, TextPart):
        return dialect.merge_extra({"type": "text", "text": part.text}, part.extra)
    if isinstance(part, ImagePart):
        return dialect.merge_extra(image(part), part.extra)
    if isinstance(part, DocumentPart):
        return dialect.merge_extra(dialect.document(part), part.extra)
    if isinstance(part, NativePart):
        if dialect.takes_native(part.dialect):
            return part.data
        refuse(f"{dialect.label} cannot take a content block of {part.dialect}.")
        return None
    if isinstance(part, ReasoningPart):
        return None
    raise BadRequest("A tool call belongs to the assistant's turn, and its result to the tool's.")


def image(part: ImagePart) -> dict[str, Any]:
    """An image as a content part. Raises BadRequest where it has neither bytes nor URL."""
    if part.data is not None:
        url = data_url(part.data, part.media_type or _sniffed(part.data))
    elif part.url:
        url = part.url
    else:
        raise BadRequest("An image needs its bytes or a URL.")
    inner = {"url": url}
    if part.detail is not None:
        inner["detail"] = part.detail
    return {"type": "image_url", "image_url": inner}


def document_url(part: DocumentPart) -> str:
    """A document's own URL, or its bytes as a ``data:`` URL. Raises BadRequest where it has neither."""
    if part.data is not None:
        return data_url(part.data, part.media_type)
    if part.url:
        return part.url
    raise BadRequest("A document needs its bytes or a URL.")


def _sniffed(data: bytes) -> str:
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), "image/png")


def _assistant(
    dialect: OpenAIDialect, message: Message, parts: tuple[Part, ...], model: str, refuse: Refuse
) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": "assistant"}
    thoughts = [part for part in parts if isinstance(part, ReasoningPart) and dialect.takes_thought(part, model)]
    calls = [part for part in parts if isinstance(part, ToolCallPart)]
    said = [
        part
        for part in parts
        if not isinstance(part, ToolCallPart)
        and (not isinstance(part, ReasoningPart) or (dialect.thoughts_in_content and part in thoughts))
    ]
    if said:
        _said(dialect, wire, said, refuse)
    elif not calls:
        wire["content"] = ""
    if calls:
        wire["tool_calls"] = [_call(dialect, part) for part in calls]
    if thoughts and not dialect.thoughts_in_content:
        dialect.write_thoughts(wire, thoughts)
    return dialect.merge_extra(wire, message.extra) if message.extra else wire


def _said(dialect: OpenAIDialect, wire: dict[str, Any], said: Sequence[Part], refuse: Refuse) -> None:
    """Put an assistant's visible parts into its message: text, images it made, and what belongs to the message itself."""
    as_parts = False
    content: list[Any] = []
    for part in said:
        if isinstance(part, TextPart):
            own = dialect.own_extra(part.extra)
            inner = {key: value for key, value in own.items() if key not in dialect.of_message} if own else {}
            if own:
                wire.update({key: own[key] for key in own if dialect.of_message.get(key)})
                if "refusal" in own:
                    continue
            as_parts = as_parts or bool(inner) or own == {}
            content.append({"type": "text", "text": part.text, **inner})
        elif isinstance(part, ReasoningPart):
            as_parts = True
            content.append(dialect.thought_part(part))
        elif isinstance(part, ImagePart) and dialect.of_message.get("images"):
            wire.setdefault("images", []).append(dialect.merge_extra(image(part), part.extra))
        elif isinstance(part, ToolResultPart):
            raise BadRequest("A tool's result belongs to the tool's turn.")
        elif isinstance(part, ImagePart | DocumentPart):
            refuse(f"{dialect.label} takes no images or documents in the assistant's turns.")
        else:
            as_parts = True
            content.extend(_content(dialect, [part], refuse))
    if as_parts:
        wire["content"] = content
    elif content or "refusal" not in wire:
        wire["content"] = "".join(part["text"] for part in content)


def _call(dialect: OpenAIDialect, part: ToolCallPart) -> dict[str, Any]:
    function = {"name": part.name, "arguments": part.arguments}
    return dialect.merge_extra({"id": dialect.call_id(part.id), "type": "function", "function": function}, part.extra)
