"""What alert rules are judged by: calls, breakers, health, jobs, errors and findings, kept up to date by events.

Durations are measured by the monotonic clock, so that time in which the machine slept does not count; windows of calls and
what is shown go by the wall clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple, Protocol

from aiconsole.alerts.declare import Of
from aiconsole.alerts.measures import Calls
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import CALLERS_KINDS
from aiconsole.domain.events import (
    AttemptFinished,
    BenchFinished,
    BenchTarget,
    BreakerChanged,
    Event,
    HealthSeen,
    JobChanged,
    RequestFinished,
)

Sort = Literal["attempts", "requests", "breaker", "health", "job", "budget", "errors", "finding", "bench"]
Touched = tuple[Sort, str]
"""A kind of fact that changed, and of whom."""

KINDS: Final = (AttemptFinished, RequestFinished, BreakerChanged, HealthSeen, JobChanged, BenchFinished)
"""The events that are listened to."""

JOINED: Final = frozenset({"connection failed", "connection cut", "timeout"})
"""Errors that may come from this machine's own network, and so at all providers at once."""

_NOT_SENT: Final = frozenset({"held back", "all candidates failed", "cancelled"})
_REQUESTS: Final = 10
_ERRORS: Final = 100
RUNS_KEPT: Final = 20
"""Scheduled runs of the test bench, of each target."""


class Moment(NamedTuple):
    """A moment on both clocks: epoch s and monotonic s."""

    wall: float
    mono: float


class Budget(Protocol):
    """How a budget stands, in USD; see `routing.budgets.Standing`."""

    @property
    def words(self) -> str: ...

    @property
    def limit(self) -> float: ...

    @property
    def spent(self) -> float: ...

    @property
    def resets_at(self) -> float: ...


class Failing:
    """Since when something fails, and how many times in a row."""

    __slots__ = ("since", "times", "words")

    def __init__(self, since: Moment, words: str = "", times: int = 1) -> None:
        self.since = since
        self.words = words
        self.times = times


class ErrorAt(NamedTuple):
    """One error of a provider."""

    at: Moment
    kind: str
    words: str
    request: str


class Found(NamedTuple):
    """What a job found last about a subject."""

    at: Moment
    turn: str
    words: str
    fingerprint: str
    request: str


class Run(NamedTuple):
    """What a scheduled run of the test bench found of a target."""

    run: str
    name: str
    found: BenchTarget


class World:
    """See the module.

    Args:
        simulated: whether the simulator answers now; events of the other kind are left out.
        target: the share of requests that is to be answered.
        budgets: how the budgets stand.

    Attributes:
        awake_since: the last moment (epoch s) before which the machine may have slept.
        failing_requests: the latest failed requests by provider ("" is all), oldest first.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        simulated: Callable[[], bool] = lambda: False,
        target: Callable[[], float] = lambda: 0.999,
        budgets: Callable[[], Sequence[Budget]] = lambda: (),
    ) -> None:
        self._clock = clock
        self._simulated = simulated
        self.target = target
        self.budgets = budgets
        self.forget()

    def moment(self) -> Moment:
        """Now."""
        return Moment(self._clock.now(), self._clock.monotonic())

    def forget(self) -> None:
        """Know nothing any more, as when the simulator takes over."""
        self.awake_since = self._clock.now()
        self.calls: dict[tuple[Of, str], Calls] = {("attempts", ""): Calls(), ("requests", ""): Calls()}
        self.breakers: dict[str, Failing] = {}
        self.health: dict[str, Failing] = {}
        self.jobs: dict[str, Failing] = {}
        self.errors: dict[str, deque[ErrorAt]] = {}
        self.answered_at: dict[str, float] = {}
        self.findings: dict[str, Found] = {}
        self.runs: dict[str, deque[Run]] = {}
        self.failing_requests: dict[str, deque[str]] = {}
        self.last_error: dict[str, ErrorAt] = {}

    def notice(self, event: Event) -> tuple[Touched, ...]:
        """Take an event in; what it changed."""
        if isinstance(event, AttemptFinished):
            return self._attempt(event)
        if isinstance(event, RequestFinished):
            return self._request(event)
        if isinstance(event, BreakerChanged):
            return self._breaker(event)
        if isinstance(event, HealthSeen):
            return self._health(event)
        if isinstance(event, JobChanged):
            return self._job(event)
        if isinstance(event, BenchFinished):
            return self._bench(event)
        return ()

    def found(
        self, subject: str, turn: str, words: str, *, fingerprint: str = "", request: str = ""
    ) -> tuple[Touched, ...]:
        """Take in what a job found about a subject."""
        self.findings[subject] = Found(self.moment(), turn, words, fingerprint, request)
        return (("finding", subject),)

    def of(self, of: Of, provider: str) -> Calls:
        """The calls of a provider, or of all ("")."""
        calls = self.calls.get((of, provider))
        if calls is None:
            calls = self.calls[of, provider] = Calls()
        return calls

    def worst(self, since: float, until: float) -> str:
        """The provider with the most failed attempts in that time, "" where none failed."""
        failures = {
            provider: calls.over(since, until).failures
            for (of, provider), calls in self.calls.items()
            if of == "attempts" and provider
        }
        most = max(failures, key=lambda name: failures[name], default="")
        return most if most and failures[most] else ""

    def _attempt(self, event: AttemptFinished) -> tuple[Touched, ...]:
        if event.simulated != self._simulated() or event.origin == "bench":
            return ()
        kind = event.error_kind
        if kind is None:
            self.answered_at[event.provider] = self._clock.monotonic()
        elif kind in CALLERS_KINDS or kind in _NOT_SENT:
            return ()
        self._count("attempts", event)
        touched: tuple[Touched, ...] = (("attempts", event.provider), ("attempts", ""))
        return (*touched, ("errors", event.provider)) if event.provider in self.errors else touched

    def _request(self, event: RequestFinished) -> tuple[Touched, ...]:
        if event.simulated != self._simulated() or event.origin == "bench":
            return ()
        touched: list[Touched] = [("budget", "")] if event.cost is not None else []
        for attempt in event.trace.attempts if event.trace is not None else ():
            if attempt.error_kind is not None and attempt.error_kind not in _NOT_SENT:
                touched += self._error(attempt.candidate, attempt.error_kind, attempt.error, event.request_id)
        if event.cached or (event.error_kind in CALLERS_KINDS):
            return tuple(touched)
        if event.error_kind is not None:
            for name in {"", event.provider}:
                self.failing_requests.setdefault(name, deque(maxlen=_REQUESTS)).append(event.request_id)
        self._count("requests", event)
        return (*touched, ("requests", event.provider), ("requests", ""))

    def _count(self, of: Of, event: AttemptFinished | RequestFinished) -> None:
        at, timing, usage = self._clock.now(), event.timing, event.usage
        for provider in {"", event.provider}:
            self.of(of, provider).count(
                at,
                failed=event.error_kind is not None,
                duration_ms=timing.duration_ms,
                ttft_ms=timing.ttft_ms,
                usd=0.0 if event.cost is None else event.cost.usd,
                tokens=usage.total or 0,
            )

    def _error(self, candidate: str, kind: str, words: str, request: str) -> tuple[Touched, ...]:
        provider = candidate.partition("/")[0]
        seen = ErrorAt(self.moment(), kind, words, request)
        self.last_error[provider] = seen
        self.errors.setdefault(provider, deque(maxlen=_ERRORS)).append(seen)
        requests = self.failing_requests.setdefault(provider, deque(maxlen=_REQUESTS))
        if not requests or requests[-1] != request:
            requests.append(request)
        return (("errors", provider),)

    def _breaker(self, event: BreakerChanged) -> tuple[Touched, ...]:
        if event.observe_only or event.after in ("closed", "forced open", "forced closed"):
            self.breakers.pop(event.key, None)
        elif event.key not in self.breakers:
            self.breakers[event.key] = Failing(self.moment(), event.reason)
        return (("breaker", event.key),)

    def _health(self, event: HealthSeen) -> tuple[Touched, ...]:
        if event.simulated != self._simulated():
            return ()
        known = self.health.get(event.provider)
        if event.healthy:
            self.health.pop(event.provider, None)
        elif known is None:
            self.health[event.provider] = Failing(self.moment(), event.reason or event.error_kind or "")
        else:
            known.times += 1
        return (("health", event.provider),)

    def _job(self, event: JobChanged) -> tuple[Touched, ...]:
        known = self.jobs.get(event.job)
        if event.step in ("failed", "timed out"):
            if known is None:
                self.jobs[event.job] = Failing(self.moment(), event.message)
            else:
                known.times += 1
                known.words = event.message
        elif event.step == "succeeded":
            self.jobs.pop(event.job, None)
        else:
            return ()
        return (("job", event.job),)

    def _bench(self, event: BenchFinished) -> tuple[Touched, ...]:
        if not counts(event) or event.simulated != self._simulated():
            return ()
        for found in event.found:
            runs = self.runs.setdefault(found.target, deque(maxlen=RUNS_KEPT))
            runs.append(Run(event.run, event.name, found))
        return tuple(("bench", found.target) for found in event.found)


def counts(event: BenchFinished) -> bool:
    """Whether a run is one that rules judge."""
    return event.scheduled and event.valid and not event.partial
