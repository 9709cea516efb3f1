"""What happened, as immutable facts on the event bus. Nothing here holds content or a key.

Written down or sent to another console (`aiconsole.realtime.wire`), an event is a JSON object whose "type" is its tag. A later
version of the console may add fields with a default, kinds of events and words of a state, and raises `EVENT_VERSION` with
it; nothing is ever taken away, renamed or given another meaning. Who reads leaves out what it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from aiconsole.domain.chat import Continued, Cost, Origin, RateLimit, Timing, Usage
from aiconsole.domain.trace import DecisionTrace

EVENT_VERSION: Final = 1
"""The version of the events as they are written down here."""


class AttemptFinished(msgspec.Struct, frozen=True, tag="attempt", gc=False):
    """One attempt at one candidate ended; ``error_kind`` None means it succeeded, "cancelled" that the caller left, or that
    another candidate won the race.

    ``timing`` counts from the attempt's own start. Of a stream that broke off or was left, ``usage`` is an estimate of what
    was sent and shown, and ``cost`` its list price; of a race's loser the cost is what the whole call would have cost.
    """

    provider: str
    model: str
    timing: Timing
    usage: Usage = Usage()
    cost: Cost | None = None
    error_kind: str | None = None
    status: int | None = None
    stream: bool = False
    attempt: int = 1
    origin: Origin = "chat"
    rate_limits: tuple[RateLimit, ...] = ()
    simulated: bool = False


class RequestFinished(msgspec.Struct, frozen=True, tag="request", gc=False):
    """One request ended, after however many attempts: answered, failed, or left by its caller.

    It is told exactly once for each request, but not for one whose name stands for nothing. ``route`` is what was asked for
    (a route, or ``provider/model``). ``provider`` and ``model`` are who answered, or who was asked last; "" where nobody was
    asked. ``timing`` counts from the request's start, so its TTFT has what failed before in it. ``usage`` and ``cost`` are of
    all attempts together, as far as known. ``error_kind`` None means it was answered, "cancelled" that the caller left. A
    ``cached`` answer came from the response cache and cost nothing; ``saved_usd`` and ``saved_ms`` tell what the real call
    had cost, and below zero what was spent to find like questions. ``headers`` are those of the last attempt's HTTP answer, by
    lower-case name and without cookies.
    """

    request_id: str
    route: str
    provider: str
    model: str
    timing: Timing
    usage: Usage = Usage()
    cost: Cost | None = None
    error_kind: str | None = None
    status: int | None = None
    attempts: int = 1
    stream: bool = False
    origin: Origin = "chat"
    simulated: bool = False
    cached: bool = False
    saved_usd: float | None = None
    saved_ms: float | None = None
    trace: DecisionTrace | None = None
    headers: Mapping[str, str] | None = None


class HealthSeen(msgspec.Struct, frozen=True, gc=False, tag="health"):
    """A provider's health was looked at, by a probe or by a live request; ``latency_ms`` None where it did not answer."""

    provider: str
    at: float
    healthy: bool
    latency_ms: float | None = None
    error_kind: str | None = None
    reason: str = ""
    simulated: bool = False


CacheStep = Literal["hit", "miss", "store", "evict", "invalidate", "expire"]


class CacheEvent(msgspec.Struct, frozen=True, gc=False, tag="cache"):
    """The response cache did something with an entry; ``key`` is the start of its digest, never content. ``at`` in epoch
    seconds, ``age_s`` the entry's age, ``size`` in bytes, ``similarity`` 0 to 1 where it was found by meaning."""

    step: CacheStep
    key: str
    at: float
    provider: str = ""
    model: str = ""
    size: int = 0
    age_s: float | None = None
    saved_usd: float | None = None
    saved_ms: float | None = None
    similarity: float | None = None
    reason: str = ""


JobStep = Literal[
    "started", "progress", "succeeded", "failed", "timed out", "cancelled", "interrupted", "missed", "paused", "resumed"
]


class JobChanged(msgspec.Struct, frozen=True, gc=False, tag="job"):
    """A background job changed its state; ``at`` and ``next_at`` in epoch seconds, ``duration_ms`` once it ended."""

    job: str
    step: JobStep
    at: float
    run: int | None = None
    duration_ms: float | None = None
    next_at: float | None = None
    message: str = ""


class UserActed(msgspec.Struct, frozen=True, gc=False, tag="user"):
    """The person at this console did something: ``action`` such as "session started" or "breaker held open", ``subject``
    whom it concerned. Never content, never a key. ``at`` in epoch seconds."""

    action: str
    at: float
    subject: str = ""


AlertState = Literal["pending", "firing", "acknowledged", "silenced", "resolved"]


class AlertChanged(msgspec.Struct, frozen=True, gc=False, tag="alert"):
    """An alert changed its state; ``alert`` identifies it over its life, ``rule`` names what raised it. ``at`` in epoch
    seconds."""

    alert: str
    rule: str
    state: AlertState
    at: float
    severity: Literal["info", "warning", "critical"] = "warning"
    summary: str = ""
    subject: str = ""


class Notice(msgspec.Struct, frozen=True, tag="notice"):
    """Something the person should see: what happened, and what they can do."""

    message: str
    advice: str = ""


class Switched(msgspec.Struct, frozen=True, gc=False, tag="switched"):
    """A request left one candidate for another; ``before`` and ``after`` are ``provider/model``.

    ``reason`` is in words for the person, ``error_kind`` the kind of the error that led to it (None: a rule or a choice).
    ``mid_stream`` is True where part of the answer had been shown. ``at`` in epoch seconds.
    """

    before: str
    after: str
    reason: str
    at: float
    route: str = ""
    request_id: str = ""
    error_kind: str | None = None
    mid_stream: bool = False


BreakerState = Literal["closed", "open", "half-open", "forced open", "forced closed"]


class BreakerChanged(msgspec.Struct, frozen=True, gc=False, tag="breaker"):
    """A circuit breaker changed its state; ``key`` is ``provider/model``, or a provider's name for faults of the whole.

    ``at`` and ``open_until`` in epoch seconds; ``open_until`` None unless ``after`` is "open". Where ``observe_only`` is True
    the breaker only tells what it would have done and let every call pass.
    """

    key: str
    before: BreakerState
    after: BreakerState
    reason: str
    at: float
    open_until: float | None = None
    observe_only: bool = False


class LimitSeen(msgspec.Struct, frozen=True, gc=False, tag="limit"):
    """A rate limit became known or changed, came near, eased, or was hit; ``key`` as in `BreakerChanged`.

    ``headroom`` is what is left of the tightest limit, 0 to 1; ``held_until`` in epoch seconds where no request is sent
    before; ``at`` in epoch seconds.
    """

    key: str
    reason: str
    headroom: float
    at: float
    limits: tuple[RateLimit, ...] = ()
    held_until: float | None = None


class RuleFired(msgspec.Struct, frozen=True, gc=False, tag="rule"):
    """A fallback rule began or ceased to hold, or took an error; ``subject`` is the candidate (``provider/model``) concerned.

    ``action`` is the rule's, ``reason`` in words. ``holds`` is False where a rule with a threshold ceased to hold. ``at`` in
    epoch seconds.
    """

    rule: str
    action: str
    subject: str
    reason: str
    at: float
    route: str = ""
    holds: bool = True


class Hedged(msgspec.Struct, frozen=True, gc=False, tag="hedged"):
    """A second candidate was asked because the first stayed silent; both as ``provider/model``.

    ``after_ms`` is how long it was waited. ``winner`` gave the first token, "" where both failed or the caller left first.
    ``extra_usd`` is what the loser's call cost by estimate, None where unknown. ``at`` in epoch seconds.
    """

    first: str
    second: str
    after_ms: float
    winner: str
    at: float
    route: str = ""
    extra_usd: float | None = None


class FromPeer(msgspec.Struct, frozen=True, tag="peer"):
    """Another console told an event. It is wrapped so that nobody takes it for our own: not our budgets, scores, breakers or
    store, and no link sends it on.

    ``origin`` names that console's run, ``sequence`` counts its events from 1, ``link`` is what brought it.
    """

    origin: str
    sequence: int
    event: OwnEvent
    link: str = ""


class PeerGap(msgspec.Struct, frozen=True, gc=False, tag="peer gap"):
    """Events ``first`` to ``last`` of another console's run can no longer be had: more came than its replay buffer holds.
    ``at`` in epoch seconds."""

    origin: str
    first: int
    last: int
    at: float
    link: str = ""


LinkState = Literal["off", "connecting", "connected", "late", "reconnecting", "failed"]


class LinkChanged(msgspec.Struct, frozen=True, gc=False, tag="link"):
    """The link to other consoles changed its state; ``reason`` in words for the person, ``at`` in epoch seconds."""

    link: str
    before: LinkState
    after: LinkState
    reason: str
    at: float


HeartState = Literal["alive", "late", "stopped"]


class HeartChanged(msgspec.Struct, frozen=True, gc=False, tag="heart"):
    """The event loop's heartbeat changed its state; ``lag_ms`` is how late the beat came, ``at`` in epoch seconds."""

    before: HeartState
    after: HeartState
    lag_ms: float
    at: float


class BenchTarget(msgspec.Struct, frozen=True, gc=False):
    """What a run of the test bench found of one ``provider/model``; the figures are those of `BenchFinished`."""

    target: str
    requests: int = 0
    error_share: float | None = None
    ttft_p95_ms: float | None = None
    worse: int = 0


class BenchFinished(msgspec.Struct, frozen=True, gc=False, tag="bench"):
    """A run of the test bench ended. ``at`` in epoch seconds, ``error_share`` from 0 to 1, None where nothing was sent.

    ``ttft_p95_ms`` is that of the slowest target. ``valid`` is False where the generator was the limit, ``passed`` where an
    assertion or a health check failed; ``worse`` counts figures that are worse than the baseline's. ``scheduled`` is True
    where a background job began it; ``found`` has the same of each target.
    """

    run: str
    kind: Literal["health", "bench", "stress"]
    at: float
    name: str = ""
    targets: tuple[str, ...] = ()
    requests: int = 0
    error_share: float | None = None
    ttft_p95_ms: float | None = None
    valid: bool = True
    passed: bool = True
    worse: int = 0
    partial: bool = False
    simulated: bool = False
    scheduled: bool = False
    found: tuple[BenchTarget, ...] = ()


class PerformanceChanged(msgspec.Struct, frozen=True, gc=False, tag="performance"):
    """A figure of the console's own performance went over its limit and stayed there for its hold time (``over`` True), or came
    back under it and stayed there.

    ``measure`` identifies it, ``title`` is it in words, ``figure`` and ``limit`` are in ``unit``. ``at`` in epoch seconds.
    """

    measure: str
    over: bool
    figure: float
    limit: float
    unit: str
    at: float
    title: str = ""


class LeakSeen(msgspec.Struct, frozen=True, gc=False, tag="leak"):
    """Something of a pool has been held for longer than it should be; told once for each. ``holder`` is who took it, ``where``
    the stack at that moment, "" unless stacks are kept. ``held_s`` in seconds, ``at`` in epoch seconds."""

    pool: str
    holder: str
    held_s: float
    at: float
    where: str = ""


class MemoryRelieved(msgspec.Struct, frozen=True, tag="memory"):
    """Memory was given back. ``before_mb`` and ``after_mb`` are resident memory, ``caches_mb`` what each cache let go, by name,
    ``collected`` how many objects the collection freed and ``took_ms`` how long that held the event loop. ``at`` in epoch
    seconds."""

    reason: str
    at: float
    before_mb: float
    after_mb: float
    caches_mb: Mapping[str, float] = {}
    collected: int = 0
    took_ms: float = 0.0


OwnEvent = (
    RequestFinished
    | AttemptFinished
    | Notice
    | Switched
    | BreakerChanged
    | LimitSeen
    | RuleFired
    | Hedged
    | Continued
    | HealthSeen
    | CacheEvent
    | JobChanged
    | UserActed
    | AlertChanged
)
"""What a console tells of itself, and may tell to others."""

Event = (
    OwnEvent
    | BenchFinished
    | FromPeer
    | PeerGap
    | LinkChanged
    | HeartChanged
    | PerformanceChanged
    | LeakSeen
    | MemoryRelieved
)
"""Everything on the bus."""
