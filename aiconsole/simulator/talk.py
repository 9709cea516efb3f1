"""What was asked and what is answered, in terms no dialect owns."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from aiconsole.simulator import words

Finish = Literal["stop", "stop_sequence", "length", "tool_calls", "refused"]

_MESSAGE_CHARACTERS = 12  # about three tokens of template around each message
_IMAGE_CHARACTERS = 1_032  # about 258 tokens, what Gemini counts for a small image


class BadBody(Exception):
    """The request body cannot be understood; the text says why, as a provider would."""


class Attachment(msgspec.Struct, frozen=True):
    """An image or a document of the last user message; ``size`` in bytes, None where it is named by a URL only."""

    kind: Literal["image", "document"]
    media_type: str
    size: int | None = None


class OfferedTool(msgspec.Struct, frozen=True):
    name: str
    schema: Mapping[str, Any]


class Begun(msgspec.Struct, frozen=True):
    """An answer already begun, ``text``, to the question ``prompt``; ``flat`` is what had been said before it. ``last`` where
    nothing was said after it: the model is to go on as if it had begun it itself."""

    text: str
    prompt: str
    flat: str
    turns: int
    last: bool


class Ask(msgspec.Struct, frozen=True):
    """One request. ``flat`` is everything said, in order: the answer is drawn from it and prefixes are remembered by it."""

    model: str
    prompt: str
    system: str
    flat: str
    characters: int
    turns: int
    attachments: tuple[Attachment, ...] = ()
    results: tuple[str, ...] = ()
    tools: tuple[OfferedTool, ...] = ()
    tool_choice: str = "auto"
    named_tool: str | None = None
    parallel: bool = True
    json: bool = False
    schema: Mapping[str, Any] | None = None
    reasoning: bool | None = None
    show_reasoning: bool = True
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    stream: bool = False
    include_usage: bool = False
    caching: bool = True
    begun: Begun | None = None
    echoes: bool = False


class Call(msgspec.Struct, frozen=True):
    """A tool call; ``arguments`` is JSON text."""

    name: str
    arguments: str


class Answer(msgspec.Struct, frozen=True):
    """What is said, as tokens. ``reasoning`` and ``text`` may be empty; ``calls`` come after both."""

    reasoning: list[str]
    text: list[str]
    calls: tuple[Call, ...] = ()
    finish: Finish = "stop"
    stopped_by: str | None = None

    @property
    def completion_tokens(self) -> int:
        calls = sum(len(words.pieces(call.name + call.arguments)) for call in self.calls)
        return len(self.reasoning) + len(self.text) + calls


class Counts(msgspec.Struct, frozen=True):
    """Tokens of one exchange; ``prompt`` includes ``cached`` and ``cache_written``, ``completion`` includes ``reasoning``."""

    prompt: int
    completion: int
    reasoning: int = 0
    cached: int = 0
    cache_written: int = 0


class Gathered:
    """Collects a conversation while a dialect walks through its messages."""

    def __init__(self) -> None:
        self.system = ""
        self.prompt = ""
        self.turns = 0
        self.attachments: list[Attachment] = []
        self.results: list[str] = []
        self._said: list[str] = []
        self._extra = 0
        self._begun: Begun | None = None

    def begin(self, role: str) -> None:
        """A message starts: ``system``, ``user``, ``assistant`` or ``tool``."""
        if role == "assistant":
            self._begun = Begun("", self.prompt, "".join(self._said), self.turns, last=True)
        elif self._begun is not None:
            self._begun = msgspec.structs.replace(self._begun, last=False) if self._begun.last else None
        self._said.append(f"\x1e{role}\x1f")
        self._extra += _MESSAGE_CHARACTERS
        if role == "user":
            self.turns += 1
            self.prompt = ""
            self.attachments = []
            self.results = []
        elif role == "assistant":
            self.results = []

    def say(self, role: str, text: str) -> None:
        """Text within the message that began last."""
        self._said.append(text)
        if role == "user":
            self.prompt += text
        elif role == "system":
            self.system += text
        elif role == "assistant" and self._begun is not None:
            self._begun = msgspec.structs.replace(self._begun, text=self._begun.text + text)

    def attach(self, kind: Literal["image", "document"], media_type: str, data: str | None) -> None:
        """An attachment, with its base64 text where it came along."""
        size = None if data is None else len(data) * 3 // 4 - data[-2:].count("=")
        self._said.append(f"\x1d{kind}:{media_type}:{size}:{(data or '')[:64]}")
        self._extra += _IMAGE_CHARACTERS if kind == "image" else min(size or _IMAGE_CHARACTERS, 400_000)
        self.attachments.append(Attachment(kind, media_type, size))

    def result(self, text: str) -> None:
        """A tool's answer."""
        self._said.append(text)
        self.results.append(text)

    def ask(self, model: str, tools: Iterable[OfferedTool] = (), **rest: Any) -> Ask:
        tools = tuple(tools)
        offered = msgspec.json.encode([[tool.name, tool.schema] for tool in tools]).decode() if tools else ""
        flat = offered + "".join(self._said)
        begun = self._begun and msgspec.structs.replace(self._begun, flat=offered + self._begun.flat)
        return Ask(
            model=model,
            prompt=self.prompt,
            system=self.system,
            flat=flat,
            characters=len(flat) + self._extra,
            turns=self.turns,
            attachments=tuple(self.attachments),
            results=tuple(self.results),
            tools=tools,
            begun=begun,
            **rest,
        )


def split_data_url(url: str) -> tuple[str, str | None]:
    """``(media type, base64 text)`` of a data URL; for any other URL the type is guessed from its end, without data."""
    if url.startswith("data:"):
        head, _, data = url[5:].partition(",")
        return head.partition(";")[0] or "text/plain", data
    if url.lower().partition("?")[0].endswith(".pdf"):
        return "application/pdf", None
    return "image", None


def field(body: Mapping[str, Any], name: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
    """A field of a JSON object, checked for its type; null counts as absent.

    Raises:
        BadBody: it has another type.
    """
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise BadBody(f"{name}: invalid type")
    return value


def number(body: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    """A number within limits, or None where it is absent.

    Raises:
        BadBody: it is no number or out of range.
    """
    value = field(body, name, (int, float))
    if value is not None and not low <= value <= high:
        raise BadBody(f"{name}: range: {low:g}..{high:g}")
    return value  # type: ignore[no-any-return]


def stops(value: Any) -> tuple[str, ...]:
    """Stop sequences given as one text or as a list."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,) if value else ()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(item for item in value if item)
    raise BadBody("stop: invalid type")


def signature(seed: bytes) -> str:
    """An opaque signature as base64 text, as thinking blocks carry them."""
    return base64.b64encode(seed).decode()
