"""Reads answers, streamed and whole: a whole answer is read as a stream of one event.

One reader serves all OpenAI-shaped providers, because what differs on the way in does not collide: thoughts come as
``reasoning`` (Groq, Cerebras, OpenRouter, vLLM), ``reasoning_content`` (DeepSeek, older vLLM), ``reasoning_details``
(OpenRouter) or as ``thinking`` parts of a content that changes from text to a list and back within one stream (Mistral).
``[DONE]`` may be missing (Cerebras), usage may come on the finishing event, after it, or in ``x_groq``. Facts: recorded
traffic, and the references of OpenAI, Groq, Mistral, Cerebras and OpenRouter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from aiconsole.domain.chat import ReasoningDelta, StreamEvent, TextDelta
from aiconsole.domain.errors import ConnectionCut, ProviderError
from aiconsole.providers.base import Answer
from aiconsole.providers.openai.answer import Collected, finish_reason, usage_of
from aiconsole.providers.openai.errors import error_in_answer, unreadable

if TYPE_CHECKING:
    from aiconsole.providers.openai.dialect import OpenAIDialect


class _Delta(Struct, gc=False):
    content: Any = None
    reasoning: Any = None
    reasoning_content: Any = None
    reasoning_details: Any = None
    tool_calls: Any = None
    refusal: Any = None
    annotations: Any = None
    images: Any = None
    extra_content: Any = None
    executed_tools: Any = None


class _Choice(Struct, gc=False):
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: Any = None
    native_finish_reason: Any = None
    index: Any = None
    error: Any = None


class _Chunk(Struct, gc=False):
    choices: list[_Choice] | None = None
    id: Any = None
    model: Any = None
    usage: Any = None
    error: Any = None
    x_groq: Any = None


_decode: Final = msgspec.json.Decoder(_Chunk).decode
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_OF_MESSAGE: Final = ("annotations", "extra_content", "executed_tools")


class OpenAIReader:
    """A `StreamReader`, and with `whole` the reader of an answer that is not streamed."""

    __slots__ = (
        "_collected",
        "_dialect",
        "_error",
        "_finish",
        "_id",
        "_model",
        "_others",
        "_raw_finish",
        "_request_id",
        "_text",
        "_usage",
        "done",
    )

    def __init__(self, dialect: OpenAIDialect) -> None:
        self.done = False
        self._dialect = dialect
        self._collected = Collected(dialect)
        self._text = self._collected.text
        self._model = ""
        self._id: str | None = None
        self._request_id: str | None = None
        self._usage: Any = None
        self._finish: str | None = None
        self._raw_finish: str | None = None
        self._others = 0
        self._error: ProviderError | None = None

    def feed(self, event: str, data: bytes) -> Sequence[StreamEvent]:
        try:
            chunk = _decode(data)
        except _UNREADABLE as fault:
            return self._odd(event, data, fault)
        choices = chunk.choices
        if choices and len(choices) == 1 and chunk.error is None and self._model:
            choice = choices[0]
            delta = choice.delta
            if delta is not None and choice.finish_reason is None and not choice.index:
                content = delta.content
                if (
                    content.__class__ is str
                    and delta.reasoning is None
                    and delta.tool_calls is None
                    and delta.reasoning_content is None
                    and not delta.reasoning_details
                    and delta.refusal is None
                    and delta.annotations is None
                    and delta.images is None
                    and delta.extra_content is None
                    and delta.executed_tools is None
                ):
                    if chunk.usage is not None:
                        self._usage = chunk.usage
                    if not content:
                        return ()
                    self._text.append(content)
                    return (TextDelta(content),)
        if choices is None and not chunk.error:
            found = msgspec.json.decode(data)
            if event == "error" or _is_flat_error(found):
                raise self._reported(found)
        return self._chunk(chunk)

    def whole(self, body: bytes) -> Answer:
        """Read a whole answer. Raises as `Dialect.answer` does."""
        try:
            chunk = _decode(body)
        except _UNREADABLE as fault:
            raise self._complaint_or_unreadable(body, fault) from fault
        self._chunk(chunk)
        if not chunk.choices:
            raise self._complaint_or_unreadable(body, None)
        return self.partial()

    def finish(self) -> Answer:
        if self._error is not None:
            raise self._error
        if self._finish is None and not self.done:
            raise ConnectionCut("The stream ended before the answer was complete.", partial=not self._collected.empty)
        return self.partial()

    def partial(self) -> Answer:
        collected = self._collected
        warnings: tuple[str, ...] = ()
        if self._others:
            warnings = (f"{self._others + 1} answers came; only the first is shown.",)
        return Answer(
            model=self._model,
            content=collected.parts(),
            finish_reason=finish_reason(self._finish, calls=bool(collected.calls), refused=bool(collected.refusal)),
            raw_finish_reason=self._raw_finish,
            usage=usage_of(self._usage),
            cost_usd=self._dialect.cost(self._usage) if isinstance(self._usage, dict) else None,
            response_id=self._id,
            request_id=self._request_id,
            warnings=warnings,
        )

    def _chunk(self, chunk: _Chunk) -> Sequence[StreamEvent]:
        """One event in all its possible detail."""
        if not self._model and isinstance(chunk.model, str):
            self._model = chunk.model
        if self._id is None and isinstance(chunk.id, str) and chunk.id:
            self._id = chunk.id
        if isinstance(chunk.x_groq, dict):
            self._groq(chunk.x_groq)
        if chunk.usage is not None:
            self._usage = chunk.usage
        if chunk.error:
            raise self._reported(chunk.error)
        events: list[StreamEvent] = []
        for position, choice in enumerate(chunk.choices or ()):
            index = choice.index if isinstance(choice.index, int) else position
            if index:
                self._others = max(self._others, index)
                continue
            if choice.error:
                raise self._reported(choice.error)
            delta = choice.delta or choice.message
            if delta is not None:
                self._delta(delta, events)
            if choice.finish_reason and isinstance(choice.finish_reason, str):
                self._finish = choice.finish_reason
                native = choice.native_finish_reason
                self._raw_finish = native if isinstance(native, str) else choice.finish_reason
        return events

    def _groq(self, found: dict[str, Any]) -> None:
        if isinstance(found.get("id"), str):
            self._request_id = found["id"]
        if self._usage is None and found.get("usage"):
            self._usage = found["usage"]
        if found.get("error"):
            raise self._reported(found["error"])

    def _delta(self, delta: _Delta, events: list[StreamEvent]) -> None:
        collected = self._collected
        thought = delta.reasoning or delta.reasoning_content
        if thought and isinstance(thought, str):
            collected.think(thought, "reasoning" if delta.reasoning else "reasoning_content")
            events.append(ReasoningDelta(thought))
        if isinstance(delta.reasoning_details, list):
            told = collected.add_details(delta.reasoning_details)
            if told and not thought:
                events.append(ReasoningDelta(told))
        content = delta.content
        if content:
            if isinstance(content, str):
                self._text.append(content)
                events.append(TextDelta(content))
            elif isinstance(content, list):
                events.extend(collected.add_content(content))
        if delta.refusal and isinstance(delta.refusal, str):
            collected.refusal.append(delta.refusal)
            events.append(TextDelta(delta.refusal))
        if isinstance(delta.images, list):
            collected.add_images(delta.images)
        if isinstance(delta.tool_calls, list):
            events.extend(collected.add_calls(delta.tool_calls))
        for key in _OF_MESSAGE:
            value = getattr(delta, key)
            if value:
                collected.keep(key, value)

    def _reported(self, found: Any) -> ProviderError:
        """The error that the answer reports about itself; it is also how the stream ends, whatever still follows."""
        self._error = error_in_answer(self._dialect, found, partial=not self._collected.empty)
        self._error.request_id = self._request_id
        return self._error

    def _odd(self, event: str, data: bytes, fault: Exception) -> Sequence[StreamEvent]:
        """An event that is not a chunk: the end mark, nothing at all, an error, or rubbish."""
        stripped = data.strip()
        if stripped == b"[DONE]":
            self.done = True
            return ()
        if not stripped:
            return ()
        if event == "error":
            raise self._reported(_json_or_text(data))
        raise self._complaint_or_unreadable(data, fault)

    def _complaint_or_unreadable(self, body: bytes, fault: Exception | None) -> ProviderError:
        """An error body that came with status 200 in another shape than ``error``, or simply rubbish."""
        found = _json_or_text(body)
        if isinstance(found, list) and found:
            found = found[0]
        if isinstance(found, dict):
            if found.get("error"):
                return self._reported(found["error"])
            if _is_flat_error(found):
                return self._reported(found)
        return unreadable(self._dialect, body, fault)


def _is_flat_error(found: Any) -> bool:
    """Whether an object without ``error`` is one itself: Mistral's and vLLM's, Cerebras's, FastAPI's."""
    if not isinstance(found, dict):
        return False
    if found.get("object") == "error" or (found.get("detail") and "choices" not in found):
        return True
    return bool(found.get("message")) and ("code" in found or str(found.get("type")).endswith("error"))


def _json_or_text(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except _UNREADABLE:
        return data[:2000].decode("utf-8", "replace").strip()
