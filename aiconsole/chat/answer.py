"""One answer while it is being given: what came so far, kept on disk in short steps, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from contextlib import suppress

import msgspec

from aiconsole.domain.chat import (
    ChatResult,
    Continued,
    Finished,
    ReasoningDelta,
    Started,
    StreamEvent,
    TextDelta,
    Timing,
    ToolCallDelta,
    Warned,
)
from aiconsole.domain.clock import Clock
from aiconsole.domain.conversations import AnswerMeta, Delta, Turn, TurnError, TurnState, assemble
from aiconsole.domain.errors import AllFailed, ConsoleError, ProviderError, StoreError
from aiconsole.domain.messages import Message
from aiconsole.domain.trace import DecisionTrace
from aiconsole.store.conversations import ConversationStore


class Answer:
    """Takes the events of a stream in passing. The loop pays a list append an event and a hand-over every ``flush_s``."""

    def __init__(self, turn: Turn, store: ConversationStore, clock: Clock, flush_s: float) -> None:
        self._turn = turn
        self._store = store
        self._clock = clock
        self._flush_s = flush_s
        self._deltas: list[Delta] = []
        self._flushed = 0
        self._timer: asyncio.TimerHandle | None = None
        self._started: Started | None = None
        self._began = (clock.now(), clock.monotonic())
        self._ttft_ms: float | None = None
        self._warnings: list[str] = []
        self._result: ChatResult | None = None
        self._written: Future[None] | None = None
        self._waiting: asyncio.Task[object] | None = None
        self._stop: TurnState | None = None
        self._way: Callable[[], DecisionTrace] | None = None
        self.left = asyncio.Event()  # set when its generator has ended, and the stream below it with it

    @property
    def id(self) -> str:
        return self._turn.id

    @property
    def conversation_id(self) -> str:
        return self._turn.conversation_id

    @property
    def over(self) -> bool:
        return self._turn.state != "streaming"

    @property
    def kept(self) -> bool:
        """True when how it ended is on the disk, so that the store knows as much as this object."""
        return self._written is not None and self._written.done() and self._written.exception() is None

    @property
    def turn(self) -> Turn:
        """The turn as it is now, with all text that came so far."""
        return self._turn if self.over else self._with(Message("assistant", assemble(self._deltas)))

    def follow(self, way: Callable[[], DecisionTrace]) -> None:
        """``way`` tells where its request went so far."""
        self._way = way

    def take(self, event: StreamEvent) -> None:
        if isinstance(event, TextDelta | ReasoningDelta | ToolCallDelta | Continued):
            if self._ttft_ms is None:
                self._ttft_ms = (self._clock.monotonic() - self._began[1]) * 1000
            self._deltas.append(event)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(self._flush_s, self._flush)
        elif isinstance(event, Finished):
            self._result = event.result
            self.end("complete")
        elif isinstance(event, Started):
            self._started = event
        elif isinstance(event, Warned):
            self._warnings.append(event.text)

    async def next_event(self, events: AsyncGenerator[StreamEvent, None]) -> StreamEvent | None:
        """The next event, None at the end of the stream or after ``stop``.

        A stop cancels the task that waits here, whoever's it is, and takes the cancellation back, as ``asyncio.timeout``
        does: the consumer sees the stream end and is not cancelled itself.
        """
        if self._stop is not None or (self.over and self._result is None):
            return None
        task = asyncio.current_task()
        assert task is not None
        self._waiting = task
        others = task.cancelling()
        try:
            event = await anext(events, None)
        except (asyncio.CancelledError, Exception):
            if self._stop is not None and task.uncancel() <= others:
                return None
            raise
        finally:
            self._waiting = None
        if self._stop is not None:
            task.uncancel()
            return None
        return event

    def stop(self, state: TurnState) -> None:
        """End it from outside: at once where its consumer is busy elsewhere, else through the task that waits for an event."""
        if self._stop is not None or self.left.is_set():
            return
        self._stop = state
        if self._waiting is not None:
            self._waiting.cancel()
        else:
            self.end(state)

    def end(self, state: TurnState, error: TurnError | None = None, trace: DecisionTrace | None = None) -> None:
        """Settle how it ended, once, and hand it to the writer. A result that came makes it complete whatever followed.
        ``trace`` is the way of a request that failed, by default as far as it is known."""
        if self.over:
            return
        if self._timer is not None:
            self._timer.cancel()
        if self._result is not None:
            self._turn = self._with(self._result.message, state="complete", meta=_meta(self._result))
        else:
            message = Message("assistant", assemble(self._deltas))
            failed = None if self._stop else error
            if trace is None and self._way is not None:
                trace = self._way()
            self._turn = self._with(message, state=self._stop or state, meta=self._partial_meta(trace), error=failed)
        self._deltas.clear()
        try:
            self._written = self._store.finish(self._turn, self._clock.now())
        except StoreError as closed:
            self._written = Future()
            self._written.set_exception(closed)

    async def written(self, wait_s: float) -> None:
        """Wait until its end is on the disk, or for ``wait_s``; what cannot be written stays in memory and is tried again."""
        if self._written is not None:
            writing = asyncio.wrap_future(self._written)
            writing.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.wait({writing}, timeout=wait_s)

    def _flush(self) -> None:
        self._timer = None
        fresh = self._deltas[self._flushed :]
        self._flushed = len(self._deltas)
        with suppress(StoreError):  # closed under us: the end is near, and it holds all of the text
            self._store.journal(self._turn.id, fresh)

    def _with(
        self,
        message: Message,
        *,
        state: TurnState = "streaming",
        meta: AnswerMeta | None = None,
        error: TurnError | None = None,
    ) -> Turn:
        return msgspec.structs.replace(self._turn, message=message, state=state, meta=meta, error=error)

    def _partial_meta(self, trace: DecisionTrace | None) -> AnswerMeta | None:
        if self._started is None:
            return None if trace is None else AnswerMeta("", "", trace=trace)
        began, since = self._began
        duration_ms = (self._clock.monotonic() - since) * 1000
        return AnswerMeta(
            provider=self._started.provider,
            model=self._started.model,
            timing=Timing(began, self._ttft_ms, duration_ms),
            warnings=tuple(self._warnings),
            simulated=self._started.simulated,
            trace=trace,
        )


def turn_error(error: ConsoleError) -> TurnError:
    """``error`` as a turn keeps it: without the provider's body."""
    if not isinstance(error, ProviderError):
        return TurnError("not sent", error.message, error.advice)
    return TurnError(
        kind=error.kind,
        message=error.message,
        advice=error.advice,
        provider=error.provider,
        model=error.model,
        status=error.status,
        code=error.code,
        request_id=error.request_id,
        retry_after=error.retry_after,
        attempts=tuple(turn_error(attempt) for attempt in error.attempts) if isinstance(error, AllFailed) else (),
    )


def _meta(result: ChatResult) -> AnswerMeta:
    return AnswerMeta(
        provider=result.provider,
        model=result.model,
        finish_reason=result.finish_reason,
        raw_finish_reason=result.raw_finish_reason,
        usage=result.usage,
        cost=result.cost,
        timing=result.timing,
        warnings=result.warnings,
        request_id=result.request_id,
        simulated=result.simulated,
        trace=result.trace,
        cached=result.cached,
    )
