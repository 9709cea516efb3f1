"""From Cohere's messages, usage and finish reasons to our own terms; shared by whole and streamed answers.

Source: Cohere docs, "Chat" (v2), and the response types of its Python SDK. A tool plan ("I will search for…", written before
tool calls by models that do not think) is a thought whose extra says ``{"cohere": {"type": "tool_plan"}}``; citations are kept
in the extra of the text they belong to. Both go back as the message's own fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from aiconsole.domain.chat import FinishReason, Usage
from aiconsole.domain.errors import MalformedAnswer
from aiconsole.domain.messages import Extra, NativePart, Part, ReasoningPart, TextPart, ToolCallPart
from aiconsole.providers.base import Answer
from aiconsole.providers.cohere.errors import failure

NAME: Final = "cohere"
PLAN: Final[Extra] = {NAME: {"type": "tool_plan"}}
FAILED: Final = frozenset(("ERROR", "TIMEOUT"))

_FINISH: Final[dict[str | None, FinishReason]] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
}

Count = int | float | None
"""The SDK's types allow fractions in counts."""


class WireTokens(msgspec.Struct, gc=False):
    input_tokens: Count = None
    output_tokens: Count = None
    reasoning_tokens: Count = None


class WireUsage(msgspec.Struct):
    tokens: WireTokens | None = None
    billed_units: WireTokens | None = None
    cached_tokens: Count = None

    def in_our_terms(self) -> Usage:
        """``tokens`` counts all that went in, the prompt template and cached tokens among it, and out, thinking included;
        ``billed_units`` are what is paid for."""
        billed = self.billed_units or WireTokens()
        counted = self.tokens or billed
        return Usage(
            prompt=_whole(counted.input_tokens),
            completion=_whole(counted.output_tokens),
            cached=_whole(self.cached_tokens),
            reasoning=_whole(counted.reasoning_tokens),
            billed_prompt=_whole(billed.input_tokens),
            billed_completion=_whole(billed.output_tokens),
        )


class WireMessage(msgspec.Struct):
    content: list[dict[str, Any]] | str | None = None
    tool_plan: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    citations: list[Any] | None = None


class WireAnswer(msgspec.Struct):
    id: str | None = None
    message: WireMessage | str | None = None
    finish_reason: str | None = None
    usage: WireUsage | None = None
    error: str | None = None
    error_type: str | None = None


_decode_answer: Final = msgspec.json.Decoder(WireAnswer).decode


def read_answer(body: bytes) -> Answer:
    """A whole answer.

    Raises:
        MalformedAnswer: the body is no answer.
        ProviderError: the answer says that it failed.
    """
    try:
        answer = _decode_answer(body)
    except (ValueError, RecursionError) as fault:
        raise MalformedAnswer(f"Cohere's answer is unreadable: {fault}") from fault
    message = answer.message
    if answer.finish_reason in FAILED or isinstance(message, str):
        words = message if isinstance(message, str) else answer.error
        raise failure(answer.finish_reason, words, answer.error_type, partial=False)
    if message is None:
        raise MalformedAnswer("Cohere's answer has no message.")
    if isinstance(message.content, str):
        message.content = [{"type": "text", "text": message.content}]
    content = [part_of(block) for block in message.content or ()]
    calls = [call_of(call) for call in message.tool_calls or ()]
    parts = assemble(message.tool_plan, content, message.citations or (), calls)
    return make_answer(answer.id, parts, answer.finish_reason, answer.usage)


def make_answer(answer_id: str | None, parts: tuple[Part, ...], reason: str | None, usage: WireUsage | None) -> Answer:
    """Cohere does not say which model answered."""
    found = _FINISH.get(reason, "other")
    if found == "stop" and any(isinstance(part, ToolCallPart) for part in parts):
        found = "tool_calls"
    return Answer(
        content=parts,
        finish_reason=found,
        raw_finish_reason=reason,
        usage=usage.in_our_terms() if usage is not None else Usage(),
        response_id=answer_id,
    )


def assemble(
    plan: str | None, content: Sequence[Part], citations: Sequence[Any], calls: Iterable[ToolCallPart]
) -> tuple[Part, ...]:
    """A message's parts in the order a person reads them. Citations go to the last text, an empty one where there is none."""
    parts: list[Part] = [ReasoningPart(plan, dialect=NAME, extra=PLAN)] if plan else []
    parts += content
    if citations:
        last = max((number for number, part in enumerate(parts) if isinstance(part, TextPart)), default=len(parts))
        text = parts[last] if last < len(parts) else TextPart("")
        extra = (text.extra or {}).get(NAME, {}) if isinstance(text, TextPart) else {}
        parts[last : last + 1] = [msgspec.structs.replace(text, extra={NAME: {**extra, "citations": list(citations)}})]
    return (*parts, *calls)


def part_of(block: Mapping[str, Any]) -> Part:
    """One content block as a part; one we have no name for is kept to be sent back.

    Raises:
        MalformedAnswer: its text is no text.
    """
    match block.get("type"):
        case "text":
            return TextPart(_text(block, "text"), extra=_rest(block, "type", "text"))
        case "thinking":
            return ReasoningPart(_text(block, "thinking"), dialect=NAME, extra=_rest(block, "type", "thinking"))
    return NativePart(NAME, dict(block))


def call_of(call: Mapping[str, Any]) -> ToolCallPart:
    """A tool call. One without arguments comes with an empty text or none."""
    function = call.get("function")
    if not isinstance(function, Mapping):
        raise MalformedAnswer("A tool call of Cohere's names no function.")
    arguments = _text(function, "arguments") or "{}"
    name, call_id = _text(function, "name"), _text(call, "id")
    return ToolCallPart(call_id, name, arguments, extra=_rest(call, "type", "id", "function"))


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedAnswer(f"“{key}” in Cohere's answer is no text.")
    return value


def _rest(found: Mapping[str, Any], *known: str) -> Extra | None:
    rest = {key: value for key, value in found.items() if key not in known and value is not None}
    return {NAME: rest} if rest else None


def _whole(count: Count) -> int | None:
    return None if count is None else int(count)
