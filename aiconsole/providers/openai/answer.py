"""What has been collected of an answer, and its numbers and finish reason in our terms."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from aiconsole.domain.chat import FinishReason, ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta, Usage
from aiconsole.domain.messages import ImagePart, NativePart, Part, ReasoningPart, TextPart, ToolCallPart
from aiconsole.providers.openai.thoughts import Details

if TYPE_CHECKING:
    from aiconsole.providers.openai.dialect import OpenAIDialect

_FINISH: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "content_filter": "refused",
    "refusal": "refused",
    "safety": "refused",
    "error": "error",
}
"""The words of OpenAI, Mistral (``model_length``) and OpenRouter, and those that other servers let through."""


def finish_reason(raw: str | None, *, calls: bool, refused: bool) -> FinishReason:
    """Our word for a wire's finish reason; what calls tools or refuses is called that, even where the wire says ``stop``."""
    ours = _FINISH.get((raw or "").lower(), "other")
    if ours in ("stop", "other"):
        if calls:
            return "tool_calls"
        if refused:
            return "refused"
    return ours


def usage_of(found: Any) -> Usage:
    """Tokens as counted. Where the total is larger than prompt and completion together, the difference is thinking that
    the completion leaves out (Gemini's OpenAI path, xAI), and is added to it."""
    if not isinstance(found, dict):
        return Usage()
    prompt, completion = _count(found, "prompt_tokens"), _count(found, "completion_tokens")
    reasoning = _count(found.get("completion_tokens_details"), "reasoning_tokens")
    if reasoning is None:
        reasoning = _count(found, "reasoning_tokens")
    total = _count(found, "total_tokens")
    if total is not None and prompt is not None and completion is not None and total > prompt + completion:
        reasoning = total - prompt - completion if reasoning is None else reasoning
        completion = total - prompt
    cached = _count(found.get("prompt_tokens_details"), "cached_tokens")
    for key in ("num_cached_tokens", "prompt_cache_hit_tokens", "cached_tokens"):
        cached = _count(found, key) if cached is None else cached
    return Usage(
        prompt=prompt,
        completion=completion,
        cached=cached,
        cache_written=_count(found.get("prompt_tokens_details"), "cache_write_tokens"),
        reasoning=reasoning,
    )


def _count(found: Any, key: str) -> int | None:
    value = found.get(key) if isinstance(found, dict) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and value >= 0 else None


class _Call:
    __slots__ = ("arguments", "extra", "id", "name")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []
        self.extra: dict[str, Any] = {}


class Collected:
    """The pieces of one answer in their order: finished parts, then a thought and a text that are still growing."""

    __slots__ = (
        "_details",
        "_dialect",
        "_finished",
        "_kept",
        "_signed",
        "_slots",
        "_thought",
        "_thought_field",
        "calls",
        "refusal",
        "text",
    )

    def __init__(self, dialect: OpenAIDialect) -> None:
        self.text: list[str] = []
        self.refusal: list[str] = []
        self.calls: dict[int, _Call] = {}
        self._slots: dict[int, int] = {}
        self._dialect = dialect
        self._finished: list[Part] = []
        self._thought: list[str] = []
        self._thought_field = ""
        self._signed: dict[str, Any] = {}
        self._details = Details()
        self._kept: dict[str, Any] = {}

    @property
    def empty(self) -> bool:
        """Whether nothing that a person could see has come."""
        return not (self.text or self._thought or self.calls or self.refusal or self._finished or self._details)

    def think(self, text: str, field: str) -> None:
        """A piece of a thought, and the field it came in."""
        self._thought.append(text)
        self._thought_field = field

    def add_details(self, found: list[Any]) -> str:
        """OpenRouter's ``reasoning_details``; returns the text they bring."""
        return self._details.add(found)

    def add_content(self, found: list[Any]) -> Iterator[StreamEvent]:
        """A content that is a list of parts (Mistral's thinking models)."""
        for part in found:
            if not isinstance(part, dict):
                continue
            kind = part.get("type")
            if kind == "thinking":
                yield from self._add_thinking(part)
            elif kind == "text" and isinstance(part.get("text"), str) and len(part) == 2:
                if part["text"]:
                    self.text.append(part["text"])
                    yield TextDelta(part["text"])
            elif kind == "text" and isinstance(part.get("text"), str):
                self._flush()
                rest = {key: value for key, value in part.items() if key not in ("type", "text")}
                self._finished.append(TextPart(part["text"], extra={self._dialect.name: rest}))
                yield TextDelta(part["text"])
            else:
                self._flush()
                self._finished.append(NativePart(self._dialect.name, part))

    def _add_thinking(self, part: dict[str, Any]) -> Iterator[StreamEvent]:
        if self.text:
            self._flush()
        inner = part.get("thinking")
        for piece in inner if isinstance(inner, list) else [{"type": "text", "text": inner}]:
            if isinstance(piece, dict) and piece.get("type") == "text" and isinstance(piece.get("text"), str):
                if piece["text"]:
                    self._thought.append(piece["text"])
                    yield ReasoningDelta(piece["text"])
            elif isinstance(piece, dict):
                self._signed.setdefault("references", []).append(piece)
        for key, value in part.items():
            if key not in ("type", "thinking"):
                self._signed[key] = value

    def add_images(self, found: list[Any]) -> None:
        """Images that the model made (OpenRouter, ``message.images``)."""
        for item in found:
            url = item.get("image_url") if isinstance(item, dict) else None
            url = url.get("url") if isinstance(url, dict) else url
            if isinstance(url, str) and url:
                self._flush()
                self._finished.append(_image(url))

    def add_calls(self, found: list[Any]) -> Iterator[StreamEvent]:
        """Tool calls, or pieces of them."""
        for item in found:
            if not isinstance(item, dict):
                continue
            function = item.get("function")
            function = function if isinstance(function, dict) else {}
            slot = self._slot(item, bool(function.get("name")))
            call = self.calls.setdefault(slot, _Call())
            if not call.id and isinstance(item.get("id"), str):
                call.id = item["id"]
            name = function.get("name")
            name = name if isinstance(name, str) and not call.name else ""
            if name:
                call.name = name
                call.id = call.id or f"call_{slot}"
            arguments = function.get("arguments")
            if arguments is not None and not isinstance(arguments, str):
                arguments = msgspec.json.encode(arguments).decode()
            if arguments:
                call.arguments.append(arguments)
            for key, value in item.items():
                if key not in ("id", "type", "function", "index") and value is not None:
                    call.extra[key] = value
            yield ToolCallDelta(slot, call.id if name else "", name, arguments or "")

    def _slot(self, item: dict[str, Any], begins: bool) -> int:
        """Which call a piece belongs to. The wire's index says it, but where a new name comes with another id, or with none
        although the call at this index has its name, a new call begins: some servers number all of them 0, or none."""
        index = item.get("index")
        index = index if type(index) is int else -1
        known = self.calls.get(self._slots.get(index, -1))
        new = max(self.calls, default=-1) + 1
        if known is None:
            self._slots[index] = slot = index if index >= new else new
        elif begins and (item["id"] != known.id if item.get("id") and known.id else known.name):
            self._slots[index] = slot = new
        else:
            slot = self._slots[index]
        return slot

    def keep(self, key: str, value: Any) -> None:
        """Something that belongs to the message as a whole, where the dialect keeps such a thing."""
        if key not in self._dialect.of_message:
            return
        before = self._kept.get(key)
        if isinstance(before, list) and isinstance(value, list):
            self._kept[key] = before + value
        else:
            self._kept[key] = value

    def parts(self) -> tuple[Part, ...]:
        """The answer's content as far as it came."""
        parts = [*self._finished, *self._growing()]
        if self.refusal:
            said = "".join(self.refusal)
            parts.append(TextPart(said, extra={self._dialect.name: {"refusal": said}}))
        if self._kept:
            _attach(parts, self._dialect.name, self._kept)
        for _, call in sorted(self.calls.items()):
            extra = {self._dialect.name: call.extra} if call.extra else None
            parts.append(ToolCallPart(call.id, call.name, "".join(call.arguments) or "{}", extra=extra))
        return tuple(parts)

    def _flush(self) -> None:
        self._finished.extend(self._growing())
        self.text.clear()
        self._thought.clear()
        self._signed.clear()
        self._details = Details()

    def _growing(self) -> Iterator[Part]:
        name = self._dialect.name
        thought = "".join(self._thought)
        if self._details:
            if thought and not self._details.text:
                yield ReasoningPart(thought, dialect=name)
            yield from self._details.parts(name)
        elif thought or self._signed:
            signed = dict(self._signed)
            signature = signed.pop("signature", None)
            if self._thought_field == "reasoning_content":
                signed["field"] = "reasoning_content"
            yield ReasoningPart(
                thought,
                signature=signature if isinstance(signature, str) else None,
                dialect=name,
                extra={name: signed} if signed else None,
            )
        if self.text:
            yield TextPart("".join(self.text))


def _attach(parts: list[Part], name: str, kept: dict[str, Any]) -> None:
    for position, part in enumerate(parts):
        if isinstance(part, TextPart) and part.extra is None:
            parts[position] = TextPart(part.text, extra={name: kept})
            return
    parts.append(TextPart("", extra={name: kept}))


def _image(url: str) -> ImagePart:
    head, comma, data = url.partition(",")
    if head.startswith("data:") and head.endswith(";base64") and comma:
        try:
            return ImagePart(base64.b64decode(data, validate=True), media_type=head[5:-7])
        except binascii.Error:
            pass
    return ImagePart(url=url)
