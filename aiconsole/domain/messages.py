"""What is said: messages, their parts, and the tools a model may call.

All types are immutable. Where a wire dialect knows something no other does, it travels in one of two ways: ``extra``, keyed
by dialect name and merged into the wire object by that dialect alone, or a ``NativePart``/``NativeTool``, sent verbatim by
its own dialect and refused or dropped by the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]
Extra = Mapping[str, Mapping[str, Any]]
"""Dialect name -> wire keys merged into the object by that dialect, for example ``{"anthropic": {"cache_control": {…}}}``."""


class TextPart(msgspec.Struct, frozen=True, tag="text", omit_defaults=True):
    text: str
    extra: Extra | None = None


class ImagePart(msgspec.Struct, frozen=True, tag="image", omit_defaults=True):
    """An image, by its bytes or by a URL the provider fetches. ``media_type`` like ``image/png``."""

    data: bytes | None = None
    url: str | None = None
    media_type: str = ""
    detail: str | None = None
    extra: Extra | None = None


class DocumentPart(msgspec.Struct, frozen=True, tag="document", omit_defaults=True):
    """A document (PDF or text) by its bytes or by a URL the provider fetches."""

    data: bytes | None = None
    url: str | None = None
    media_type: str = "application/pdf"
    name: str | None = None
    extra: Extra | None = None


class ReasoningPart(msgspec.Struct, frozen=True, tag="reasoning", omit_defaults=True):
    """What a model thought. ``signature`` and ``redacted`` are opaque and go back unchanged on the next turn.

    ``dialect`` names whose they are, None where unknown: another dialect cannot verify them and leaves such a part out.
    """

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    dialect: str | None = None
    extra: Extra | None = None


class ToolCallPart(msgspec.Struct, frozen=True, tag="tool_call", omit_defaults=True):
    """A call the model asks for. ``arguments`` is JSON text exactly as the model wrote it; ``signature`` is opaque."""

    id: str
    name: str
    arguments: str = "{}"
    signature: str | None = None
    extra: Extra | None = None


class NativePart(msgspec.Struct, frozen=True, tag="native", omit_defaults=True):
    """A content block only one dialect understands (a server tool's call or result, say): JSON data sent back verbatim."""

    dialect: str
    data: Any


class ToolResultPart(msgspec.Struct, frozen=True, tag="tool_result", omit_defaults=True):
    """The answer to a tool call. ``name`` is the tool's name (Gemini wants it)."""

    call_id: str
    content: str | tuple[TextPart | ImagePart | DocumentPart | NativePart, ...] = ""
    name: str | None = None
    is_error: bool = False
    extra: Extra | None = None


Part = TextPart | ImagePart | DocumentPart | ReasoningPart | ToolCallPart | ToolResultPart | NativePart


class Message(msgspec.Struct, frozen=True, omit_defaults=True, weakref=True):
    """One turn. A plain string and a tuple of parts are both kept as given, as providers tell them apart on the wire."""

    role: Role
    content: str | tuple[Part, ...]
    extra: Extra | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """The content as parts, whichever way it was given."""
        if isinstance(self.content, str):
            return (TextPart(self.content),) if self.content else ()
        return self.content

    @property
    def text(self) -> str:
        """The visible text, parts joined without a separator."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content if isinstance(part, TextPart))

    @classmethod
    def system(cls, text: str) -> Message:
        return cls("system", text)

    @classmethod
    def user(cls, *content: str | Part) -> Message:
        return cls("user", _content(content))

    @classmethod
    def assistant(cls, *content: str | Part) -> Message:
        return cls("assistant", _content(content))

    @classmethod
    def tool(cls, *results: ToolResultPart) -> Message:
        return cls("tool", results)


def _content(items: tuple[str | Part, ...]) -> str | tuple[Part, ...]:
    if len(items) == 1 and isinstance(items[0], str):
        return items[0]
    return tuple(TextPart(item) if isinstance(item, str) else item for item in items)


class Tool(msgspec.Struct, frozen=True, omit_defaults=True):
    """A function the model may call; ``parameters`` is its JSON Schema, None where it takes none."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    strict: bool | None = None
    extra: Extra | None = None


class NativeTool(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tool only one dialect offers (its own web search, say): JSON data sent verbatim."""

    dialect: str
    data: Any


class NamedTool(msgspec.Struct, frozen=True):
    """As a tool choice: the model must call just this tool."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedTool
