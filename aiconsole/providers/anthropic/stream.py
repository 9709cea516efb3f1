"""Reads the events of a streamed answer of Anthropic's Messages API.

Source: Anthropic docs, "Streaming Messages": typed events, no ``[DONE]``; input tokens come in ``message_start``, the final
counts and the stop reason in ``message_delta``; ``message_stop`` ends the stream; an ``error`` event may come at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from aiconsole.domain.chat import ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta
from aiconsole.domain.errors import ConnectionCut, MalformedAnswer
from aiconsole.domain.messages import Part, ReasoningPart, TextPart
from aiconsole.providers.anthropic.answer import WireMessage, WireUsage, make_answer, part_of
from aiconsole.providers.anthropic.errors import WireErrorBody, wire_error
from aiconsole.providers.base import Answer


class _Delta(msgspec.Struct, gc=False):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    signature: str | None = None


class _BlockDelta(msgspec.Struct, gc=False):
    index: int
    delta: _Delta


class _AnyDelta(msgspec.Struct):
    delta: dict[str, Any]


class _BlockStart(msgspec.Struct):
    index: int
    content_block: dict[str, Any]


class _BlockStop(msgspec.Struct, gc=False):
    index: int


class _MessageStart(msgspec.Struct):
    message: WireMessage


class _StopDelta(msgspec.Struct):
    stop_reason: str | None = None
    stop_details: dict[str, Any] | None = None


class _MessageDelta(msgspec.Struct):
    delta: _StopDelta | None = None
    usage: WireUsage | None = None


class _Typed(msgspec.Struct, gc=False):
    type: str = ""


_block_delta: Final = msgspec.json.Decoder(_BlockDelta).decode
_any_delta: Final = msgspec.json.Decoder(_AnyDelta).decode
_block_start: Final = msgspec.json.Decoder(_BlockStart).decode
_block_stop: Final = msgspec.json.Decoder(_BlockStop).decode
_message_start: Final = msgspec.json.Decoder(_MessageStart).decode
_message_delta: Final = msgspec.json.Decoder(_MessageDelta).decode
_error: Final = msgspec.json.Decoder(WireErrorBody).decode
_typed: Final = msgspec.json.Decoder(_Typed).decode

_NOTHING: Final[tuple[StreamEvent, ...]] = ()


class _Block:
    """One content block as it grows: what ``content_block_start`` gave, and the fragments since."""

    __slots__ = ("call", "fragments", "json", "start")

    def __init__(self, start: dict[str, Any], call: int | None) -> None:
        self.start = start
        self.call = call
        self.fragments: list[str] = []
        self.json: list[str] = []

    def part(self) -> Part:
        block = dict(self.start)
        if self.fragments:
            field = "thinking" if block.get("type") == "thinking" else "text"
            block[field] = _str(block.get(field)) + "".join(self.fragments)
        arguments = "".join(self.json)
        if self.call is not None:
            return part_of(block, arguments=arguments or None)
        if arguments:
            try:
                block["input"] = msgspec.json.decode(arguments)
            except (ValueError, RecursionError):
                block.setdefault("input", {})
        return part_of(block)


class AnthropicReader:
    """Reads one streamed answer; see `StreamReader`."""

    def __init__(self) -> None:
        self.done = False
        self._message = WireMessage()
        self._usage = WireUsage()
        self._blocks: dict[int, _Block] = {}
        self._index = -1
        self._current = _Block({}, None)
        self._calls = 0
        self._readers: dict[str, Callable[[bytes], Sequence[StreamEvent]]] = {
            "message_start": self._start,
            "content_block_start": self._block_start,
            "content_block_stop": self._block_stop,
            "content_block_delta": self._other_delta,
            "message_delta": self._message_delta,
            "message_stop": self._stop,
            "error": self._fail,
        }

    def feed(self, event: str, data: bytes) -> Sequence[StreamEvent]:
        try:
            if event == "content_block_delta":
                read = _block_delta(data)
                if read.index == self._index:
                    delta = read.delta
                    if delta.type == "text_delta" and (text := delta.text):
                        self._current.fragments.append(text)
                        return (TextDelta(text),)
                return self._delta(read, data)
            reader = self._readers.get(event if event != "message" else _typed(data).type)
            return reader(data) if reader is not None else _NOTHING
        except (ValueError, RecursionError) as fault:
            raise MalformedAnswer(f"An event “{event}” of Anthropic's stream is unreadable: {fault}") from fault

    def finish(self) -> Answer:
        if not self.done and self._message.stop_reason is None:
            raise ConnectionCut("Anthropic's stream ended before the answer did.", partial=bool(self._blocks))
        return self.partial()

    def partial(self) -> Answer:
        self._message.usage = self._usage
        return make_answer(self._message, [self._blocks[index].part() for index in sorted(self._blocks)])

    def _start(self, data: bytes) -> Sequence[StreamEvent]:
        self._message = _message_start(data).message
        if self._message.usage is not None:
            self._usage = self._message.usage
        return _NOTHING

    def _block_start(self, data: bytes) -> Sequence[StreamEvent]:
        read = _block_start(data)
        start = read.content_block
        part = part_of(start)
        is_call = start.get("type") == "tool_use"
        block = self._open(read.index, start, is_call=is_call)
        if block.call is not None:
            return (ToolCallDelta(block.call, id=_str(start.get("id")), name=_str(start.get("name"))),)
        return _deltas(part)

    def _block_stop(self, data: bytes) -> Sequence[StreamEvent]:
        """A call without arguments comes without any ``input_json_delta`` text: what it was started with counts."""
        block = self._blocks.get(_block_stop(data).index)
        if block is None or block.call is None or block.json:
            return _NOTHING
        block.json.append(msgspec.json.encode(block.start.get("input") or {}).decode())
        return (ToolCallDelta(block.call, arguments=block.json[0]),)

    def _other_delta(self, data: bytes) -> Sequence[StreamEvent]:
        return self._delta(_block_delta(data), data)

    def _delta(self, read: _BlockDelta, data: bytes) -> Sequence[StreamEvent]:
        delta = read.delta
        block = self._at(read.index, delta.type)
        match delta.type:
            case "text_delta":
                if delta.text:
                    block.fragments.append(delta.text)
                    return (TextDelta(delta.text),)
            case "thinking_delta":
                if delta.thinking:
                    block.fragments.append(delta.thinking)
                    return (ReasoningDelta(delta.thinking),)
            case "input_json_delta":
                if delta.partial_json:
                    block.json.append(delta.partial_json)
                    if block.call is not None:
                        return (ToolCallDelta(block.call, arguments=delta.partial_json),)
            case "signature_delta":
                block.start["signature"] = _str(block.start.get("signature")) + (delta.signature or "")
            case "citations_delta":
                given = block.start.get("citations")
                before = given if isinstance(given, list) else []
                block.start["citations"] = [*before, _any_delta(data).delta.get("citation")]
            case "compaction_delta":
                fields = _any_delta(data).delta
                block.start.update({key: value for key, value in fields.items() if key != "type"})
        return _NOTHING

    def _at(self, index: int, kind: str) -> _Block:
        """The block a delta belongs to; one that never started (a proxy's omission) starts here."""
        if index != self._index:
            block = self._blocks.get(index)
            if block is None:
                started = {"thinking_delta": "thinking", "signature_delta": "thinking"}.get(kind, "text")
                block = self._open(index, {"type": started}, is_call=False)
            self._index, self._current = index, block
        return self._current

    def _open(self, index: int, start: dict[str, Any], *, is_call: bool) -> _Block:
        block = _Block(start, self._calls if is_call else None)
        self._calls += is_call
        self._blocks[index] = self._current = block
        self._index = index
        return block

    def _message_delta(self, data: bytes) -> Sequence[StreamEvent]:
        read = _message_delta(data)
        if read.delta is not None:
            self._message.stop_reason = read.delta.stop_reason or self._message.stop_reason
            self._message.stop_details = read.delta.stop_details or self._message.stop_details
        if read.usage is not None:
            self._usage = self._usage.updated(read.usage)
        return _NOTHING

    def _stop(self, data: bytes) -> Sequence[StreamEvent]:
        self.done = True
        return _NOTHING

    def _fail(self, data: bytes) -> Sequence[StreamEvent]:
        body = _error(data)
        raise wire_error(body.error, request_id=body.request_id, partial=bool(self._blocks))


def _deltas(part: Part) -> Sequence[StreamEvent]:
    """What a block already holds when it starts; mostly nothing."""
    if isinstance(part, TextPart) and part.text:
        return (TextDelta(part.text),)
    if isinstance(part, ReasoningPart) and part.text:
        return (ReasoningDelta(part.text),)
    return _NOTHING


def _str(value: Any) -> str:
    return value if isinstance(value, str) else ""
