"""Reads the events of a streamed answer of Cohere's v2 chat.

Source: Cohere docs, "Streaming Responses", and the event types of its Python SDK. Events are named, each with its ``type`` in
the data too; ``message-end`` brings finish reason and usage, or the error that ended the answer, and ``[DONE]`` follows.
Content blocks, tool calls and citations are each numbered for themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from aiconsole.domain.chat import ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta
from aiconsole.domain.errors import ConnectionCut, MalformedAnswer
from aiconsole.domain.messages import Part, ReasoningPart, TextPart, ToolCallPart
from aiconsole.providers.base import Answer
from aiconsole.providers.cohere.answer import FAILED, WireUsage, assemble, call_of, make_answer, part_of
from aiconsole.providers.cohere.errors import WireError, failure


class _Text(msgspec.Struct, gc=False):
    text: str | None = None
    thinking: str | None = None


class _TextMessage(msgspec.Struct, gc=False):
    content: _Text


class _TextInner(msgspec.Struct, gc=False):
    message: _TextMessage


class _ContentDelta(msgspec.Struct, gc=False):
    delta: _TextInner
    index: int = 0


class _AnyMessage(msgspec.Struct):
    content: dict[str, Any] | list[Any] | None = None
    tool_plan: str | None = None
    tool_calls: dict[str, Any] | list[Any] | None = None
    citations: Any = None


class _AnyDelta(msgspec.Struct):
    message: _AnyMessage | None = None
    finish_reason: str | None = None
    usage: WireUsage | None = None
    error: str | None = None
    error_type: str | None = None


class _Event(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    delta: _AnyDelta | None = None


class _Typed(msgspec.Struct, gc=False):
    type: str | None = None


_content_delta: Final = msgspec.json.Decoder(_ContentDelta).decode
_event: Final = msgspec.json.Decoder(_Event).decode
_error: Final = msgspec.json.Decoder(WireError).decode
_typed: Final = msgspec.json.Decoder(_Typed).decode

_NOTHING: Final[tuple[StreamEvent, ...]] = ()


class _Call:
    """A tool call as it grows."""

    __slots__ = ("arguments", "number", "start")

    def __init__(self, number: int, start: dict[str, Any]) -> None:
        self.number = number
        self.start = start
        self.arguments: list[str] = []

    def part(self) -> ToolCallPart:
        return msgspec.structs.replace(call_of(self.start), arguments="".join(self.arguments) or "{}")


class CohereReader:
    """Reads one streamed answer; see `StreamReader`."""

    def __init__(self) -> None:
        self.done = False
        self._id: str | None = None
        self._reason: str | None = None
        self._usage: WireUsage | None = None
        self._plan: list[str] = []
        self._blocks: dict[int, tuple[dict[str, Any], list[str]]] = {}
        self._index = -1
        self._fragments: list[str] = []
        self._calls: dict[int, _Call] = {}
        self._citations: list[Any] = []
        self._readers: dict[str | None, Callable[[_Event], Sequence[StreamEvent]]] = {
            "message-start": self._start,
            "content-start": self._content_start,
            "tool-plan-delta": self._plan_delta,
            "tool-call-start": self._call_start,
            "tool-call-delta": self._call_delta,
            "tool-call-end": self._call_end,
            "citation-start": self._citation,
            "message-end": self._end,
        }

    def feed(self, event: str, data: bytes) -> Sequence[StreamEvent]:
        try:
            if event == "content-delta":
                return self._content(data)
            if data == b"[DONE]":
                self.done = True
                return _NOTHING
            kind = _typed(data).type if event == "message" else event
            if kind == "content-delta":
                return self._content(data)
            if kind == "error":
                return self._fail(data)
            reader = self._readers.get(kind)
            return reader(_event(data)) if reader is not None else _NOTHING
        except (ValueError, RecursionError) as fault:
            raise MalformedAnswer(f"An event “{event}” of Cohere's stream is unreadable: {fault}") from fault

    def finish(self) -> Answer:
        if not self.done and self._reason is None:
            raise ConnectionCut("Cohere's stream ended before the answer did.", partial=self._begun)
        return self.partial()

    def partial(self) -> Answer:
        content = [_block(*self._blocks[index]) for index in sorted(self._blocks)]
        calls = [call.part() for call in self._calls.values()]
        parts = assemble("".join(self._plan), content, self._citations, calls)
        return make_answer(self._id, parts, self._reason, self._usage)

    @property
    def _begun(self) -> bool:
        return bool(self._plan or self._blocks or self._calls)

    def _content(self, data: bytes) -> Sequence[StreamEvent]:
        read = _content_delta(data)
        content = read.delta.message.content
        if read.index != self._index:
            self._turn_to(read.index, "thinking" if content.thinking else "text")
        if text := content.text:
            self._fragments.append(text)
            return (TextDelta(text),)
        if thinking := content.thinking:
            self._fragments.append(thinking)
            return (ReasoningDelta(thinking),)
        return _NOTHING

    def _turn_to(self, index: int, kind: str) -> None:
        """A block that never started (a proxy's omission) starts here."""
        if index not in self._blocks:
            self._blocks[index] = ({"type": kind}, [])
        self._index = index
        self._fragments = self._blocks[index][1]

    def _start(self, event: _Event) -> Sequence[StreamEvent]:
        self._id = event.id
        return _NOTHING

    def _content_start(self, event: _Event) -> Sequence[StreamEvent]:
        message = event.delta.message if event.delta is not None else None
        start = message.content if message is not None and isinstance(message.content, dict) else {}
        part = part_of(start)
        index = event.index or 0
        self._blocks[index] = (start, [])
        self._turn_to(index, "")
        if isinstance(part, TextPart) and part.text:
            return (TextDelta(part.text),)
        if isinstance(part, ReasoningPart) and part.text:
            return (ReasoningDelta(part.text),)
        return _NOTHING

    def _plan_delta(self, event: _Event) -> Sequence[StreamEvent]:
        message = event.delta.message if event.delta is not None else None
        if message is None or not message.tool_plan:
            return _NOTHING
        self._plan.append(message.tool_plan)
        return (ReasoningDelta(message.tool_plan),)

    def _call_start(self, event: _Event) -> Sequence[StreamEvent]:
        start = _call(event)
        part = call_of(start)
        call = _Call(len(self._calls), start)
        self._calls[event.index if event.index is not None else len(self._calls)] = call
        arguments = _arguments(start)
        if arguments:
            call.arguments.append(arguments)
        return (ToolCallDelta(call.number, part.id, part.name, arguments),)

    def _call_delta(self, event: _Event) -> Sequence[StreamEvent]:
        arguments = _arguments(_call(event))
        call = self._calls.get(event.index or 0)
        if call is None:
            raise MalformedAnswer("Cohere's stream goes on with a tool call that it never began.")
        if not arguments:
            return _NOTHING
        call.arguments.append(arguments)
        return (ToolCallDelta(call.number, arguments=arguments),)

    def _call_end(self, event: _Event) -> Sequence[StreamEvent]:
        """A call without arguments brings none at all: it is shown as the empty object that it is."""
        call = self._calls.get(event.index or 0)
        if call is None or call.arguments:
            return _NOTHING
        call.arguments.append("{}")
        return (ToolCallDelta(call.number, arguments="{}"),)

    def _citation(self, event: _Event) -> Sequence[StreamEvent]:
        message = event.delta.message if event.delta is not None else None
        found = message.citations if message is not None else None
        self._citations += found if isinstance(found, list) else [] if found is None else [found]
        return _NOTHING

    def _end(self, event: _Event) -> Sequence[StreamEvent]:
        delta = event.delta
        if delta is None:
            return _NOTHING
        self._usage = delta.usage or self._usage
        if delta.finish_reason in FAILED or delta.error:
            raise failure(delta.finish_reason, delta.error, delta.error_type, partial=self._begun)
        self._reason = delta.finish_reason or self._reason
        return _NOTHING

    def _fail(self, data: bytes) -> Sequence[StreamEvent]:
        error = _error(data)
        raise failure("ERROR", error.message, error.error_type, partial=self._begun)


def _block(start: dict[str, Any], fragments: list[str]) -> Part:
    block = dict(start)
    if fragments:
        field = "thinking" if block.get("type") == "thinking" else "text"
        begun = block.get(field)
        block[field] = (begun if isinstance(begun, str) else "") + "".join(fragments)
    return part_of(block)


def _call(event: _Event) -> dict[str, Any]:
    message = event.delta.message if event.delta is not None else None
    found = message.tool_calls if message is not None else None
    if isinstance(found, dict):
        return found
    raise MalformedAnswer("An event of Cohere's stream holds no tool call.")


def _arguments(call: dict[str, Any]) -> str:
    function = call.get("function")
    arguments = function.get("arguments") if isinstance(function, dict) else None
    return arguments if isinstance(arguments, str) else ""
