"""What the past is asked for and how it answers: figures over a range, lines for graphs, rows of requests, spans and events.

Times are epoch seconds, durations ms, money USD. A figure that is not known is None; so is every figure of a stretch of time
in which nothing happened, as no data is not zero. Ranges are half open: ``start`` belongs to them, ``end`` does not. A request
or attempt belongs to the moment at which it ended. Real and simulated ones are never mixed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from aiconsole.domain.chat import Cost, Origin, Usage
from aiconsole.domain.events import BreakerState
from aiconsole.domain.trace import Attempt, DecisionTrace

Of = Literal["attempts", "requests"]
"""What is counted. Attempts say how each provider did; requests say what the person got, after retries and fallbacks."""

Sort = Literal["time", "duration", "ttft", "cost", "tokens", "attempts"]


class Figures(msgspec.Struct, frozen=True, gc=False):
    """Sums and percentiles over some requests or attempts.

    ``failures`` are those for which the provider, the network, a key or a quota is to blame; ``refusals`` are the caller's own
    errors, ``cancelled`` was left by its caller; neither counts for or against anybody. ``error_rate`` is failures to failures
    and answers, ``availability`` the rest. Latencies are of answers; ``low_ms`` and ``high_ms`` are the shortest and longest.
    Percentiles, ``low_ms`` and ``high_ms`` are within 1 %. ``uncosted`` answers have no known cost.
    """

    count: int = 0
    answered: int = 0
    failures: int = 0
    refusals: int = 0
    cancelled: int = 0
    error_rate: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    low_ms: float | None = None
    high_ms: float | None = None
    mean_ms: float | None = None
    ttft_p50_ms: float | None = None
    ttft_p95_ms: float | None = None
    cost_usd: float = 0.0
    uncosted: int = 0
    cached: int = 0
    saved_usd: float = 0.0
    saved_ms: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def availability(self) -> float | None:
        return None if self.error_rate is None else 1.0 - self.error_rate


class Line(msgspec.Struct, frozen=True):
    """The figures of one provider (or model, or of all: ``provider`` "") bucket by bucket, None where nothing happened."""

    provider: str
    model: str
    buckets: tuple[Figures | None, ...]


class Series(msgspec.Struct, frozen=True):
    """Lines on one time axis: bucket ``n`` begins at ``start + n * step`` (``start`` is a multiple of ``step`` seconds). The
    last bucket is still filling where it reaches into the future."""

    start: float
    step: float
    lines: tuple[Line, ...] = ()

    @property
    def times(self) -> tuple[float, ...]:
        """When each bucket begins."""
        length = len(self.lines[0].buckets) if self.lines else 0
        return tuple(self.start + at * self.step for at in range(length))


class CallSums(msgspec.Struct, frozen=True, gc=False):
    """Calls of one provider (or of all: "") in the bucket that begins at ``at``; fields as in `Figures`."""

    provider: str
    at: float
    count: int
    answered: int
    failures: int
    usd: float = 0.0
    tokens: int = 0


class Tiles(msgspec.Struct, frozen=True):
    """Requests of a range, of the range of the same length before it, and bucket by bucket for a sparkline."""

    now: Figures
    before: Figures
    spark: Series


class RequestFilter(msgspec.Struct, frozen=True):
    """Which requests. Empty texts and None let everything pass.

    ``provider`` is who answered or was asked last; ``asked`` (a provider, or ``provider/model``) anyone who was asked at all,
    so it finds the requests behind a point of that provider's line. ``text`` is looked for in provider, model, route, error
    kind and error text, and as the beginning of a request's id. ``failed`` True keeps errors of every kind, cancelled ones too.
    """

    start: float
    end: float
    provider: str = ""
    model: str = ""
    asked: str = ""
    route: str = ""
    origin: Origin | None = None
    error_kind: str = ""
    failed: bool | None = None
    cached: bool | None = None
    text: str = ""
    simulated: bool = False


class RequestRow(msgspec.Struct, frozen=True, gc=False):
    """One request as the table shows it; fields as in `RequestFinished`. ``error`` is the last attempt's, in words."""

    id: int
    request_id: str
    started_at: float
    finished_at: float
    route: str
    provider: str
    model: str
    origin: Origin
    simulated: bool
    error_kind: str | None
    error: str
    status: int | None
    ttft_ms: float | None
    duration_ms: float
    usage: Usage
    cost: Cost | None
    cached: bool
    saved_usd: float | None
    saved_ms: float | None
    attempts: int
    stream: bool


class PastRequest(msgspec.Struct, frozen=True):
    """One request with its attempts and, while they are kept, its decision trace and the headers of its last answer. Once the
    trace is gone, what followed an attempt (``after``) is not known any more."""

    row: RequestRow
    attempts: tuple[Attempt, ...] = ()
    trace: DecisionTrace | None = None
    headers: Mapping[str, str] | None = None


class RequestNames(msgspec.Struct, frozen=True, gc=False):
    """Requests with these names were seen, for a filter's choices."""

    provider: str
    model: str
    route: str
    origin: Origin
    simulated: bool


class BreakerSpan(msgspec.Struct, frozen=True, gc=False):
    """A stretch of time in which a breaker was in one state; ``end`` None where it still is."""

    key: str
    state: BreakerState
    start: float
    end: float | None
    reason: str
    observe_only: bool = False


class HealthSpan(msgspec.Struct, frozen=True, gc=False):
    """A stretch of time in which each look at a provider found the same; ``latency_ms`` is the last look's."""

    provider: str
    start: float
    last_seen: float
    healthy: bool
    looks: int
    latency_ms: float | None = None
    error_kind: str | None = None
    reason: str = ""


EventKind = Literal[
    "breaker", "switch", "continued", "rule", "hedge", "limit", "health", "cache", "action", "alert", "failed request"
]


class PastEvent(msgspec.Struct, frozen=True, gc=False):
    """Something that happened, for a feed: ``subject`` says to whom or between whom, ``words`` what."""

    at: float
    kind: EventKind
    subject: str
    words: str
    route: str = ""
    request_id: str = ""


class FailureCount(msgspec.Struct, frozen=True, gc=False):
    """How many requests ended with one kind of error; ``words`` are those of the newest, which ended at ``last_at``."""

    kind: str
    count: int
    last_at: float
    words: str


class Spend(msgspec.Struct, frozen=True, gc=False):
    """What one provider cost on one route in one UTC day, which begins at ``day``."""

    day: float
    provider: str
    route: str
    usd: float
    requests: int
    uncosted: int


class Targets(msgspec.Struct, frozen=True):
    """What is to be reached; shares from 0 to 1."""

    availability: float = 0.999
    p95_ms: float = 2000.0
    error_rate: float = 0.01
    cache_hits: float = 0.8


class Objective(msgspec.Struct, frozen=True):
    """A target, what was measured, and what is left of the error budget: 1 is all, 0 none, below 0 overspent.

    The budget is what the target allows to go wrong: of availability and the error rate, failures; of p95, 5 % of answers
    slower than it; of cache hits, repeated queries that missed. ``value`` and ``budget_left`` are None where there is no data.
    ``over`` is how many requests, attempts or look-ups that rests on.
    """

    name: Literal["availability", "p95", "error rate", "cache hits"]
    target: float
    value: float | None = None
    budget_left: float | None = None
    over: int = 0
