"""From Anthropic's content blocks, usage and stop reasons to our own terms; shared by whole and streamed answers.

Source: Anthropic docs, "Create a Message" (response) and "Handling stop reasons".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from aiconsole.domain.chat import FinishReason, Usage
from aiconsole.domain.errors import MalformedAnswer
from aiconsole.domain.messages import Extra, NativePart, Part, ReasoningPart, TextPart, ToolCallPart
from aiconsole.providers.anthropic.errors import WireError, wire_error
from aiconsole.providers.base import Answer

NAME: Final = "anthropic"

_FINISH: Final[dict[str | None, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refused",
}
"""``pause_turn`` (the provider's own tool loop rests; send the answer back to go on) and what is new count as "other"."""


class WireOutputDetails(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class WireUsage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens_details: WireOutputDetails | None = None

    def updated(self, later: WireUsage) -> WireUsage:
        """Counts in ``message_delta`` are cumulative and replace those of ``message_start`` where they are given."""
        changes = {name: value for name in self.__struct_fields__ if (value := getattr(later, name)) is not None}
        return msgspec.structs.replace(self, **changes)

    def in_our_terms(self) -> Usage:
        """Docs: all input is the sum of ``input_tokens``, cache writes and cache reads; output includes thinking."""
        written, cached = self.cache_creation_input_tokens, self.cache_read_input_tokens
        prompt = None if self.input_tokens is None else self.input_tokens + (written or 0) + (cached or 0)
        details = self.output_tokens_details
        return Usage(
            prompt=prompt,
            completion=self.output_tokens,
            cached=cached,
            cache_written=written,
            reasoning=None if details is None else details.thinking_tokens,
        )


class WireMessage(msgspec.Struct):
    """A whole answer, or what ``message_start`` tells of a streamed one; an error in its place has ``error``."""

    id: str | None = None
    model: str | None = None
    content: list[dict[str, Any]] | None = None
    stop_reason: str | None = None
    stop_details: dict[str, Any] | None = None
    usage: WireUsage | None = None
    error: WireError | None = None
    request_id: str | None = None


_decode_message: Final = msgspec.json.Decoder(WireMessage).decode


def read_answer(body: bytes) -> Answer:
    """A whole answer.

    Raises:
        MalformedAnswer: the body is no message.
        ProviderError: the body reports an error.
    """
    try:
        message = _decode_message(body)
    except (ValueError, RecursionError) as fault:
        raise MalformedAnswer(f"Anthropic's answer is not a message: {fault}") from fault
    if message.error is not None:
        raise wire_error(message.error, request_id=message.request_id)
    if message.content is None and message.stop_reason is None:
        raise MalformedAnswer("Anthropic's answer has neither content nor a stop reason.")
    return make_answer(message, [part_of(block) for block in message.content or ()])


def make_answer(message: WireMessage, parts: Iterable[Part]) -> Answer:
    content = tuple(parts)
    return Answer(
        model=message.model or "",
        content=content,
        finish_reason=_finish_reason(message.stop_reason, content),
        raw_finish_reason=message.stop_reason,
        usage=message.usage.in_our_terms() if message.usage is not None else Usage(),
        response_id=message.id,
        warnings=_why_refused(message.stop_details),
    )


def part_of(block: Mapping[str, Any], *, arguments: str | None = None) -> Part:
    """One content block as a part, with whatever we have no name for kept to be sent back.

    Args:
        block: the block as JSON data.
        arguments: of a tool call, as the model wrote them, where the stream gave them as text.

    Raises:
        MalformedAnswer: a field of the block is not of the promised type.
    """
    match block.get("type"):
        case "text":
            return TextPart(_text(block, "text"), extra=_rest(block, "text"))
        case "thinking":
            signature = _text(block, "signature") or None
            extra = _rest(block, "thinking", "signature")
            return ReasoningPart(_text(block, "thinking"), signature=signature, dialect=NAME, extra=extra)
        case "redacted_thinking":
            return ReasoningPart(redacted=_text(block, "data"), dialect=NAME, extra=_rest(block, "data"))
        case "tool_use":
            if arguments is None:
                given = block.get("input")
                arguments = msgspec.json.encode({} if given is None else given).decode()
            extra = _rest(block, "id", "name", "input")
            return ToolCallPart(_text(block, "id"), _text(block, "name"), arguments, extra=extra)
    return NativePart(NAME, dict(block))


def _text(block: Mapping[str, Any], key: str) -> str:
    value = block.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedAnswer(f"“{key}” of a {block.get('type')} block is no text.")
    return value


def _rest(block: Mapping[str, Any], *known: str) -> Extra | None:
    rest = {
        key: value
        for key, value in block.items()
        if key != "type" and key not in known and value is not None and value != []
    }
    return {NAME: rest} if rest else None


def _finish_reason(raw: str | None, content: tuple[Part, ...]) -> FinishReason:
    reason = _FINISH.get(raw, "other")
    if reason == "stop" and any(isinstance(part, ToolCallPart) for part in content):
        return "tool_calls"
    return reason


def _why_refused(details: Mapping[str, Any] | None) -> tuple[str, ...]:
    explanation = details.get("explanation") if details else None
    return (explanation,) if isinstance(explanation, str) and explanation else ()
