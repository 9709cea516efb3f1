"""From our messages and tools to the content blocks of Anthropic's Messages API.

Source: Anthropic docs, "Create a Message" (content block types and their sources), "Vision" (image types), "PDF support".
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from aiconsole.domain.errors import BadRequest
from aiconsole.domain.messages import (
    DocumentPart,
    ImagePart,
    Message,
    NativePart,
    NativeTool,
    Part,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from aiconsole.providers.base import Dialect, Refuse

_IMAGE_TYPES: Final = frozenset(("image/jpeg", "image/png", "image/gif", "image/webp"))
_IMAGE_STARTS: Final = (
    (b"\x89PNG\r\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)
_TEXT_TYPES: Final = frozenset(
    ("application/json", "application/xml", "application/yaml", "application/x-yaml", "application/toml")
)
_DATA_URL: Final = re.compile(r"data:([^;,]*);base64,")
_NOT_IN_IDS: Final = re.compile(r"[^a-zA-Z0-9_-]")

Block = dict[str, Any]


class BlockWriter:
    """Writes content blocks for one request; what the API does not take goes to ``refuse``.

    Left out without a word, because the API refuses them and the conversation loses nothing: blank text beside other parts,
    and thoughts that nobody signed or that another provider's model had.
    """

    def __init__(self, dialect: Dialect, refuse: Refuse) -> None:
        self._dialect = dialect
        self._refuse = refuse
        self._writers: dict[type, Callable[[Any], Block | None]] = {
            TextPart: self._text,
            ImagePart: self._image,
            DocumentPart: self._document,
            ReasoningPart: self._reasoning,
            ToolCallPart: self._tool_call,
            ToolResultPart: self._tool_result,
            NativePart: self._native,
        }

    def content(self, message: Message) -> str | list[Block]:
        """A message's content: text stays text, parts become blocks."""
        return message.content if isinstance(message.content, str) else self.blocks(message.content)

    def blocks(self, parts: Iterable[Part]) -> list[Block]:
        written = (self._writers[type(part)](part) for part in parts)
        return [block for block in written if block is not None]

    def system(self, message: Message) -> list[Block]:
        """A system message as blocks of the ``system`` field; the message's extras go into its last block."""
        blocks = self.blocks(part for part in message.parts if self._fits_system(part))
        if blocks and isinstance(blocks[-1], dict):
            self._dialect.merge_extra(blocks[-1], message.extra)
        return blocks

    def tool(self, tool: Tool | NativeTool) -> Any:
        if isinstance(tool, NativeTool):
            if self._dialect.takes_native(tool.dialect):
                return _verbatim(tool.data)
            self._refuse(f"Anthropic does not know this tool of {tool.dialect}.")
            return None
        block: Block = {"name": tool.name}
        if tool.description:
            block["description"] = tool.description
        block["input_schema"] = (
            {"type": "object", "properties": {}} if tool.parameters is None else dict(tool.parameters)
        )
        if tool.strict is not None:
            block["strict"] = tool.strict
        return self._dialect.merge_extra(block, tool.extra)

    def _fits_system(self, part: Part) -> bool:
        if isinstance(part, TextPart | NativePart):
            return True
        self._refuse("Anthropic takes only text in a system message.")
        return False

    def _text(self, part: TextPart) -> Block | None:
        if not part.text or part.text.isspace():
            return None
        return self._dialect.merge_extra({"type": "text", "text": part.text}, part.extra)

    def _reasoning(self, part: ReasoningPart) -> Block | None:
        if part.dialect is not None and not self._dialect.takes_native(part.dialect):
            return None
        if part.redacted is not None:
            return self._dialect.merge_extra({"type": "redacted_thinking", "data": part.redacted}, part.extra)
        if part.signature is None:
            return None
        block: Block = {"type": "thinking", "thinking": part.text, "signature": part.signature}
        return self._dialect.merge_extra(block, part.extra)

    def _tool_call(self, part: ToolCallPart) -> Block:
        block: Block = {
            "type": "tool_use",
            "id": _wire_id(part.id),
            "name": part.name,
            "input": _arguments(part),
        }
        return self._dialect.merge_extra(block, part.extra)

    def _tool_result(self, part: ToolResultPart) -> Block:
        block: Block = {"type": "tool_result", "tool_use_id": _wire_id(part.call_id)}
        if part.content != "":
            block["content"] = part.content if isinstance(part.content, str) else self.blocks(part.content)
        if part.is_error:
            block["is_error"] = True
        return self._dialect.merge_extra(block, part.extra)

    def _native(self, part: NativePart) -> Any:
        if self._dialect.takes_native(part.dialect):
            return _verbatim(part.data)
        self._refuse(f"The conversation holds a block that only {part.dialect} understands.")
        return None

    def _image(self, part: ImagePart) -> Block | None:
        if part.detail not in (None, "auto"):
            self._refuse("Anthropic takes no level of detail for an image.")
        source = _inline(part.url) or _url(part.url)
        if part.data is not None:
            source = _base64(part.data, part.media_type or _sniffed(part.data))
        media_type = source.get("media_type")
        if media_type is not None and media_type not in _IMAGE_TYPES:
            self._refuse(f"Anthropic takes JPEG, PNG, GIF and WebP images, not {media_type or 'an unknown kind'}.")
            return None
        return self._with_source({"type": "image"}, source, part, "An image")

    def _document(self, part: DocumentPart) -> Block | None:
        data, media_type = part.data, part.media_type
        if inline := _inline(part.url):
            data, media_type = _decoded(inline["data"]), inline["media_type"]
        source = _url(part.url)
        if data is not None:
            if media_type == "application/pdf":
                source = _base64(data, media_type)
            elif (text := _as_text(data, media_type)) is not None:
                source = {"type": "text", "media_type": "text/plain", "data": text}
            else:
                self._refuse(f"Anthropic takes PDF and plain text documents, not {media_type}.")
                return None
        elif source and media_type != "application/pdf":
            self._refuse(f"Anthropic fetches only PDF documents from a URL, not {media_type}.")
            return None
        block: Block = {"type": "document"}
        if part.name is not None:
            block["title"] = part.name
        return self._with_source(block, source, part, "A document")

    def _with_source(self, block: Block, source: Block, part: ImagePart | DocumentPart, what: str) -> Block:
        if source:
            block["source"] = source
        self._dialect.merge_extra(block, part.extra)
        if "source" not in block:
            raise BadRequest(f"{what} has neither data nor a URL.")
        return block


def _verbatim(data: Any) -> Any:
    """Native data as it is; a copy where it is an object, as an extra may still be merged into it."""
    return dict(data) if isinstance(data, Mapping) else data


def _arguments(part: ToolCallPart) -> Any:
    try:
        arguments = msgspec.json.decode(part.arguments or "{}")
    except (ValueError, RecursionError) as fault:
        raise BadRequest(f"The arguments of the call to “{part.name}” are no JSON: {fault}") from fault
    if not isinstance(arguments, dict):
        raise BadRequest(f"The arguments of the call to “{part.name}” are no JSON object.")
    return arguments


def _wire_id(call_id: str) -> str:
    """Ids given by other providers may hold characters the API refuses (`^[a-zA-Z0-9_-]+$`)."""
    return _NOT_IN_IDS.sub("_", call_id)


def _url(url: str | None) -> Block:
    return {"type": "url", "url": url} if url else {}


def _inline(url: str | None) -> Block:
    """The source of a ``data:`` URL, which the API does not fetch."""
    found = _DATA_URL.match(url) if url else None
    if found is None or url is None:
        return {}
    return {"type": "base64", "media_type": found[1], "data": url[found.end() :]}


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError as fault:
        raise BadRequest(f"A data URL is no base64: {fault}") from fault


def _base64(data: bytes, media_type: str) -> Block:
    return {"type": "base64", "media_type": media_type, "data": b64encode(data).decode("ascii")}


def _sniffed(data: bytes) -> str:
    return next((media_type for start, media_type in _IMAGE_STARTS if data.startswith(start)), "")


def _as_text(data: bytes, media_type: str) -> str | None:
    if not (media_type.startswith("text/") or media_type in _TEXT_TYPES):
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None
