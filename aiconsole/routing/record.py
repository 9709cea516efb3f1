"""What is told of a request while it runs: each attempt and switch as an event, all of it as the trace, and its one end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from aiconsole.domain.chat import ChatRequest, ChatResult, Cost, Timing, Usage
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ProviderError
from aiconsole.domain.events import AttemptFinished, Event, RequestFinished, Switched
from aiconsole.domain.trace import DecisionTrace, Outcome, TraceBuilder
from aiconsole.routing.candidates import Candidate, Route

if TYPE_CHECKING:
    from aiconsole.routing.journey import Leg


class Spent(NamedTuple):
    """What an attempt used and cost; unknown where it says nothing."""

    usage: Usage = Usage()
    cost: Cost | None = None

    def plus(self, other: Spent) -> Spent:
        """Both together; what one does not know is taken from the other. Costs of two sources count as the price list's."""
        if other is NOTHING:
            return self
        if self is NOTHING:
            return other
        cost, more = self.cost, other.cost
        if cost is not None and more is not None:
            cost = Cost(cost.usd + more.usd, cost.source if cost.source == more.source else "price list")
        return Spent(self.usage.plus(other.usage), cost or more)


NOTHING = Spent()


class Record:
    """Tells the story of one request. ``trace`` collects it."""

    __slots__ = (
        "_began",
        "_clock",
        "_first_token_ms",
        "_headers",
        "_last",
        "_over",
        "_publish",
        "_request",
        "_request_id",
        "_route",
        "_spent",
        "_started_at",
        "_stream",
        "trace",
    )

    def __init__(
        self,
        route: Route,
        request: ChatRequest,
        request_id: str,
        publish: Callable[[Event], None],
        clock: Clock,
        *,
        stream: bool,
    ) -> None:
        self._route = route
        self._request = request
        self._request_id = request_id
        self._publish = publish
        self._clock = clock
        self._stream = stream
        self._started_at = clock.now()
        self._began = clock.monotonic()
        self._first_token_ms: float | None = None
        self._headers: Mapping[str, str] | None = None
        self._spent = NOTHING
        self._last: Leg | None = None
        self._over = False
        self.trace = TraceBuilder(request_id, route.name, route.policy.strategy, self._started_at, self._began)

    def spoke(self, leg: Leg) -> None:
        """An attempt gave its first token."""
        now = self._clock.monotonic()
        leg.ttft_ms = (now - leg.began) * 1000
        if self._first_token_ms is None:
            self._first_token_ms = (now - self._began) * 1000

    def answered(self, leg: Leg, result: ChatResult) -> None:
        """An attempt brought the answer, or the last part of it."""
        timing = result.timing
        if self._first_token_ms is None and timing.ttft_ms is not None:
            self._first_token_ms = (leg.began - self._began) * 1000 + timing.ttft_ms
        self._headers = result.headers
        self._note(leg, Spent(result.usage, result.cost))
        self.trace.attempted(
            leg.candidate.name,
            leg.began,
            self._clock.monotonic(),
            "answered",
            ttft_ms=timing.ttft_ms,
            cost_usd=None if result.cost is None else result.cost.usd,
        )
        self._publish(
            AttemptFinished(
                leg.candidate.provider.name,
                leg.candidate.model,
                timing,
                result.usage,
                result.cost,
                stream=self._stream,
                attempt=leg.number,
                origin=self._request.origin,
                rate_limits=result.rate_limits,
                simulated=leg.candidate.provider.simulated,
            )
        )

    def ended(
        self, leg: Leg, outcome: Outcome, error: ProviderError | None = None, *, spent: Spent = NOTHING, after: str = ""
    ) -> None:
        """An attempt ended without an answer; ``error`` None where the caller left it."""
        now = self._clock.monotonic()
        self._headers = None if error is None else error.headers
        self._note(leg, spent)
        self.trace.attempted(
            leg.candidate.name,
            leg.began,
            now,
            outcome,
            ttft_ms=leg.ttft_ms,
            error_kind=None if error is None else error.kind,
            error="" if error is None else error.message,
            status=None if error is None else error.status,
            cost_usd=None if spent.cost is None else spent.cost.usd,
            after=after,
        )
        self._publish(
            AttemptFinished(
                leg.candidate.provider.name,
                leg.candidate.model,
                Timing(leg.started_at, leg.ttft_ms, (now - leg.began) * 1000),
                spent.usage,
                spent.cost,
                error_kind="cancelled" if error is None else error.kind,
                status=None if error is None else error.status,
                stream=self._stream,
                attempt=leg.number,
                origin=self._request.origin,
                simulated=leg.candidate.provider.simulated,
            )
        )

    def switched(self, before: Candidate, after: Candidate, error: ProviderError, *, mid_stream: bool) -> None:
        """The request went from one candidate to another."""
        self._publish(
            Switched(
                before.name,
                after.name,
                error.message,
                self._clock.now(),
                self._route.name,
                self._request_id,
                error.kind,
                mid_stream,
            )
        )

    def fired(self, rule: str, action: str) -> None:
        """A rule was followed."""
        self.trace.fired(rule, action, self._clock.monotonic())

    def note(self, text: str) -> None:
        """Anything else worth telling."""
        self.trace.note(text, self._clock.monotonic())

    def so_far(self, running: Sequence[Leg] = ()) -> DecisionTrace:
        """The trace as far as it goes, with the attempts that are under way."""
        under_way = [(leg.candidate.name, leg.began, leg.ttft_ms) for leg in running]
        return self.trace.finish(self._clock.monotonic(), running=under_way)

    def finish(self, leg: Leg) -> DecisionTrace:
        """The request was answered by ``leg``: tell its end, unless it was told, and give the whole trace."""
        trace = self.trace.finish(self._clock.monotonic(), leg.candidate.name)
        self._finished(trace, leg)
        return trace

    def fail(self, error: BaseException) -> None:
        """The request ended by ``error``, which may be a cancellation: tell its end, unless it was told."""
        if self._over:
            return
        if isinstance(error, ProviderError):
            self._finished(error.trace or self.so_far(), self._last, error.kind, error.status)
            return
        left = isinstance(error, asyncio.CancelledError | GeneratorExit | KeyboardInterrupt)
        self._finished(self.so_far(), self._last, "cancelled" if left else ProviderError.kind)

    def _finished(
        self, trace: DecisionTrace, leg: Leg | None, error_kind: str | None = None, status: int | None = None
    ) -> None:
        if self._over:
            return
        self._over = True
        asked = None if leg is None else leg.candidate
        self._publish(
            RequestFinished(
                self._request_id,
                self._route.name,
                "" if asked is None else asked.provider.name,
                "" if asked is None else asked.model,
                Timing(self._started_at, self._first_token_ms, trace.duration_ms),
                self._spent.usage,
                self._spent.cost,
                error_kind,
                status,
                self.trace.attempts,
                self._stream,
                self._request.origin,
                (asked or self._route.candidates[0]).provider.simulated,
                trace=trace,
                headers=self._headers,
            )
        )

    def _note(self, leg: Leg, spent: Spent) -> None:
        self._last = leg
        self._spent = self._spent.plus(spent)
