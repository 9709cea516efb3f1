"""What is told of a request while it runs: each attempt and switch as an event, and all of it as the trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aiconsole.domain.chat import ChatRequest, ChatResult, Timing
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ProviderError
from aiconsole.domain.events import AttemptFinished, Event, Switched
from aiconsole.domain.trace import DecisionTrace, Outcome, TraceBuilder
from aiconsole.routing.candidates import Candidate, Route

if TYPE_CHECKING:
    from aiconsole.routing.journey import Leg


class Record:
    """Tells the story of one request. ``trace`` collects it."""

    __slots__ = ("_clock", "_publish", "_request", "_request_id", "_route", "_stream", "trace")

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
        self.trace = TraceBuilder(request_id, route.name, route.policy.strategy, clock.now(), clock.monotonic())

    def answered(self, leg: Leg, result: ChatResult) -> None:
        """An attempt brought the answer."""
        timing = result.timing
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

    def ended(self, leg: Leg, outcome: Outcome, error: ProviderError | None = None, *, after: str = "") -> None:
        """An attempt ended without an answer; ``error`` None where the caller left it."""
        now = self._clock.monotonic()
        self.trace.attempted(
            leg.candidate.name,
            leg.began,
            now,
            outcome,
            error_kind=None if error is None else error.kind,
            error="" if error is None else error.message,
            status=None if error is None else error.status,
            after=after,
        )
        self._publish(
            AttemptFinished(
                leg.candidate.provider.name,
                leg.candidate.model,
                Timing(leg.started_at, None, (now - leg.began) * 1000),
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

    def finish(self, answered_by: str | None = None) -> DecisionTrace:
        """The trace as far as it goes."""
        return self.trace.finish(self._clock.monotonic(), answered_by)
