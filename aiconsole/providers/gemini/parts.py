"""Messages on their way out: the turns as Gemini's contents and parts, and the system instruction."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

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
from aiconsole.providers.base import Dialect, Refuse

MADE_ID: Final = "gemini-call-"
"""How the ids begin that we make for function calls that came without one; they never go back on the wire."""

SKIP_SIGNATURE: Final = base64.b64encode(b"skip_thought_signature_validator").decode()
"""Stands where Gemini 3 demands a thought signature and the call was another model's (guide "Thought signatures", FAQ)."""

_MAGIC: Final = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
    (b"%PDF", "application/pdf"),
)


class PartsWriter:
    """Writes the messages of one request. ``modern`` is True for Gemini 3 and later, which check thought signatures and take
    media inside a tool's result."""

    def __init__(self, dialect: Dialect, messages: tuple[Message, ...], refuse: Refuse, *, modern: bool) -> None:
        self._dialect = dialect
        self._messages = messages
        self._refuse = refuse
        self._modern = modern
        self._call_names = {
            part.id: part.name
            for message in messages
            if not isinstance(message.content, str)
            for part in message.content
            if isinstance(part, ToolCallPart)
        }

    def contents(self) -> list[dict[str, Any]]:
        """The turns but the system's. Results of parallel calls, one message each with us, share one content, because
        Gemini wants as many responses in a content as there were calls; media that results bring follow in a content of
        their own where the model takes none inside a result."""
        contents: list[dict[str, Any]] = []
        results: list[dict[str, Any]] | None = None
        loose: list[dict[str, Any]] = []
        for message in self._messages:
            if message.role == "system":
                continue
            if message.role != "tool" or message.extra:
                results = None
            if loose and results is None:
                contents.append({"role": "user", "parts": loose})
                loose = []
            parts = self._parts(message, loose)
            if results is not None:
                results.extend(parts)
            elif parts:
                role = "model" if message.role == "assistant" else "user"
                contents.append(self._dialect.merge_extra({"role": role, "parts": parts}, message.extra))
                results = parts if message.role == "tool" else None
        if loose:
            contents.append({"role": "user", "parts": loose})
        return contents

    def _parts(self, message: Message, loose: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if isinstance(message.content, str):
            return [{"text": message.content}]
        parts = [wire for part in message.content if (wire := self._part(part, loose)) is not None]
        if message.role == "assistant" and self._modern:
            _sign_first_call(parts)
        return parts

    def _part(self, part: Part, loose: list[dict[str, Any]]) -> dict[str, Any] | None:
        wire: dict[str, Any]
        match part:
            case TextPart():
                wire = {"text": part.text}
            case ImagePart() | DocumentPart():
                wire = self._media(part)
            case ReasoningPart():
                if part.dialect is not None and not self._dialect.takes_native(part.dialect):
                    return None
                wire = {"text": part.text, "thought": True}
                if part.signature is not None:
                    wire["thoughtSignature"] = part.signature
            case ToolCallPart():
                wire = _call(part)
            case ToolResultPart():
                wire = self._result(part, loose)
            case NativePart():
                return self._native(part)
        return self._dialect.merge_extra(wire, part.extra)

    def _native(self, part: NativePart) -> dict[str, Any] | None:
        if not self._dialect.takes_native(part.dialect):
            self._refuse(f"A message part that only {part.dialect} understands cannot go to {self._dialect.label}.")
            return None
        if not isinstance(part.data, Mapping):
            raise BadRequest(f"A native part for {self._dialect.label} has to be a JSON object.")
        return dict(part.data)

    def _media(self, part: ImagePart | DocumentPart) -> dict[str, Any]:
        if isinstance(part, ImagePart) and part.detail not in (None, "auto"):
            self._refuse(f"{self._dialect.label} takes no level of detail per image.")
        if part.data is not None:
            return _inline(part.data, part.media_type)
        if not part.url:
            raise BadRequest("An image or document has neither bytes nor an address.")
        if part.url.startswith("data:"):
            return _inline_url(part.url)
        file = {"fileUri": part.url}
        if part.media_type:
            file["mimeType"] = part.media_type
        return {"fileData": file}

    def _result(self, part: ToolResultPart, loose: list[dict[str, Any]]) -> dict[str, Any]:
        name = part.name or self._call_names.get(part.call_id)
        if not name:
            raise BadRequest(
                f"The tool result “{part.call_id}” names no tool, and no call in the conversation has its id."
            )
        response: dict[str, Any] = {"name": name}
        if part.call_id and not part.call_id.startswith(MADE_ID):
            response["id"] = part.call_id
        content = part.content
        texts = [content] if isinstance(content, str) else [item.text for item in content if isinstance(item, TextPart)]
        response["response"] = _response(texts, part.is_error)
        if not isinstance(content, str):
            media = [wire for item in content if (wire := self._result_media(item)) is not None]
            if self._modern and media:
                response["parts"] = media
            else:
                loose.extend(media)
        return {"functionResponse": response}

    def _result_media(self, item: TextPart | ImagePart | DocumentPart | NativePart) -> dict[str, Any] | None:
        match item:
            case TextPart():
                return None
            case NativePart():
                return self._native(item)
            case _:
                return self._dialect.merge_extra(self._media(item), item.extra)

    def system(self) -> dict[str, Any] | None:
        parts: list[dict[str, Any]] = []
        system: dict[str, Any] = {}
        begun = warned = False
        for message in self._messages:
            if message.role != "system":
                begun = True
                continue
            if begun and not warned:
                self._refuse(
                    f"{self._dialect.label} has no system messages inside a conversation, only one instruction before it"
                    " (their place; the text is added to that instruction)."
                )
                warned = True
            for part in (TextPart(message.content),) if isinstance(message.content, str) else message.content:
                if isinstance(part, TextPart):
                    parts.append(self._dialect.merge_extra({"text": part.text}, part.extra))
                else:
                    self._refuse(f"{self._dialect.label} takes only text as a system instruction.")
            self._dialect.merge_extra(system, message.extra)
        return {"parts": parts, **system} if parts else None


def _call(part: ToolCallPart) -> dict[str, Any]:
    try:
        arguments = msgspec.json.decode(part.arguments) if part.arguments.strip() else {}
    except (ValueError, RecursionError) as fault:
        raise BadRequest(f"The arguments of the call of “{part.name}” are no JSON: {fault}") from fault
    if not isinstance(arguments, dict):
        raise BadRequest(f"The arguments of the call of “{part.name}” are no JSON object.")
    call: dict[str, Any] = {"name": part.name, "args": arguments}
    if part.id and not part.id.startswith(MADE_ID):
        call["id"] = part.id
    wire: dict[str, Any] = {"functionCall": call}
    if part.signature is not None:
        wire["thoughtSignature"] = part.signature
    return wire


def _sign_first_call(parts: list[dict[str, Any]]) -> None:
    """Gemini 3 refuses a turn whose first function call has no signature; where none came, the call is another model's."""
    if any("thoughtSignature" in part for part in parts):
        return
    for part in parts:
        if "functionCall" in part:
            part["thoughtSignature"] = SKIP_SIGNATURE
            return


def _response(texts: list[str], is_error: bool) -> dict[str, Any]:
    """A result as the object Gemini wants: a JSON object as it is, other text as ``output``, a failure as ``error``."""
    value: Any = texts if len(texts) > 1 else "".join(texts)
    if len(texts) == 1 and texts[0].lstrip().startswith("{"):
        try:
            value = msgspec.json.decode(texts[0])
        except (ValueError, RecursionError):
            value = texts[0]
    if is_error:
        return {"error": value}
    if isinstance(value, dict):
        return value
    return {"output": value} if texts else {}


def _inline(data: bytes, media_type: str) -> dict[str, Any]:
    kind = media_type or next((kind for magic, kind in _MAGIC if data.startswith(magic)), "")
    if not kind:
        raise BadRequest("The media type of an image or document is not given and cannot be told from its bytes.")
    return {"inlineData": {"mimeType": kind, "data": base64.b64encode(data).decode("ascii")}}


def _inline_url(url: str) -> dict[str, Any]:
    """A ``data:`` URL (RFC 2397) as inline data."""
    head, comma, payload = url[len("data:") :].partition(",")
    if not comma:
        raise BadRequest("A data: address has no data.")
    kind, _, encoding = head.partition(";")
    try:
        data = unquote_to_bytes(payload)
        if encoding.endswith("base64"):
            data = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as fault:
        raise BadRequest(f"A data: address cannot be decoded: {fault}") from fault
    return _inline(data, kind or "text/plain")
