"""What is drilled: scenarios as data, each with its faults, its load, and the figures it is held to.

All times are in s from the drill's beginning. A drill begins with healthy providers, so that there is something to compare
with, and mostly ends with healthy ones, so that recovery is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from aiconsole.simulator.behaviour import Behaviour, StreamFault
from aiconsole.simulator.catalogue import CATALOGUE, find_model

FaultKind = Literal[
    "outage", "reset", "silence", "errors", "slow-down", "tail", "rate limits", "cut", "stall", "garbage", "torn"
]

FAULTS: Final[Mapping[FaultKind, Mapping[str, Any]]] = {
    "outage": {"error_rates": {"server_fault": 1.0}, "server_statuses": (503,)},
    "reset": {"outage": "refuse"},
    "silence": {"outage": "hang"},
    "errors": {"error_rates": {"server_fault": 0.2}, "server_statuses": (500, 502, 503)},
    "slow-down": {"slow": 10.0},
    "tail": {"ttft_ms": 100.0, "tail": 0.8},
    "rate limits": {"error_rates": {"rate_limit": 1.0}, "retry_after_s": 5.0},
    "cut": {"stream_fault": StreamFault("cut", 1.0, 20)},
    "stall": {"stream_fault": StreamFault("stall", 1.0, 20)},
    "garbage": {"stream_fault": StreamFault("malformed", 1.0, 20)},
    "torn": {"stream_fault": StreamFault("torn", 1.0, 20)},
}
"""What each kind of fault changes in a provider's `Behaviour`."""

PACE: Final[Mapping[str, Behaviour]] = {
    "groq": Behaviour(ttft_ms=60, tokens_per_s=400, jitter=0.2),
    "cerebras": Behaviour(ttft_ms=80, tokens_per_s=400, jitter=0.2),
    "openrouter": Behaviour(ttft_ms=120, tokens_per_s=400, jitter=0.2),
}
"""The healthy pace of the three providers."""

GROQ: Final = "groq/openai/gpt-oss-120b"
CEREBRAS: Final = "cerebras/gpt-oss-120b"
OPENROUTER: Final = "openrouter/openai/gpt-oss-120b"


class Fault(msgspec.Struct, frozen=True):
    """One provider's fault from ``from_s`` until ``to_s``. ``changes`` are fields of its `Behaviour`, those of the kind where
    empty."""

    provider: str
    kind: FaultKind
    from_s: float
    to_s: float
    changes: Mapping[str, Any] = {}

    @property
    def behaviour(self) -> Mapping[str, Any]:
        return self.changes or FAULTS[self.kind]

    @property
    def total(self) -> bool:
        """Whether it strikes every request, so that the provider is best not asked."""
        if self.kind in ("tail", "torn"):
            return False
        stream_fault, rates = self.behaviour.get("stream_fault"), self.behaviour.get("error_rates")
        return (stream_fault is None or stream_fault.rate == 1) and (not rates or sum(rates.values()) == 1)


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """The figures a scenario is held to; None is not judged. Those of `Summary` of the same meaning.

    Attributes:
        availability: the least share of requests that end complete and correct.
        failover_ms: from the first failure to the sending of what answered, p95.
        skip_ms: from the request to its first attempt where that is not at the preferred candidate, p95.
        gap_ms: the longest silence after the first token, in ms.
        calls: the most calls that reach the preferred provider while it is faulty.
        openings: how often its breaker opens, half-open trials apart; it must close as often.
        serves_again_s: from the end of the fault until it has answered again.
        late_waits: requests after the first 10 of the fault that lose more than 250 ms at it.
        settled: p95 of the whole answer from the 20th request of the fault on, over the healthy p95.
        fails_in_ms: every request must fail, with one error that names all candidates, within this time (p99).
        hedge_share: the most of the requests that are asked twice, as a share.
        hedged_p95, hedged_p99: the first token's percentile with hedging over that without.
    """

    availability: float | None = None
    failover_ms: float | None = None
    skip_ms: float | None = None
    gap_ms: float | None = None
    calls: int | None = None
    openings: int | None = None
    serves_again_s: float | None = None
    late_waits: int | None = None
    settled: float | None = None
    fails_in_ms: float | None = None
    hedge_share: float | None = None
    hedged_p95: float | None = None
    hedged_p99: float | None = None


class Scenario(msgspec.Struct, frozen=True):
    """One drill.

    Attributes:
        about: in a sentence.
        candidates: the route, preferred first, as ``provider/model``.
        rate_per_s: requests begin at this rate, whatever becomes of those before (an open loop).
        duration_s: requests begin during this time.
        tokens: length of each answer; its text is the simulator's known text.
        known: requests that each candidate answers beforehand, so that its usual times are known; faults that begin at
            0 are there already.
        hedge: run twice, without hedging and with it, to compare.
    """

    name: str
    about: str
    faults: tuple[Fault, ...]
    limits: Limits
    candidates: tuple[str, ...] = (GROQ, CEREBRAS, OPENROUTER)
    rate_per_s: float = 2.0
    duration_s: float = 60.0
    tokens: int = 60
    known: int = 0
    hedge: bool = False

    @property
    def preferred(self) -> str:
        """The provider that is asked first while all is well."""
        return provider_of(self.candidates[0])


def provider_of(candidate: str) -> str:
    """The provider of a ``provider/model``, or of a breaker's key."""
    return candidate.partition("/")[0]


def drillable(candidates: Iterable[str]) -> tuple[str, ...]:
    """Those of the candidates (``provider/model``) that the simulator has."""
    pairs = {candidate: candidate.partition("/")[::2] for candidate in candidates}
    return tuple(
        name for name, (provider, model) in pairs.items() if provider in CATALOGUE and find_model(provider, model)
    )


def one_fault(
    kind: FaultKind, candidates: tuple[str, ...], provider: str, *, lasts_s: float = 30.0, rate_per_s: float = 2.0
) -> Scenario:
    """A drill of one's own: one provider of a route with one fault, 10 s healthy before and 20 s after.

    Args:
        candidates: the route as ``provider/model``, preferred first.
    """
    return Scenario(
        f"{kind} at {provider}",
        f"{provider}: {kind} for {lasts_s:g} s.",
        (Fault(provider, kind, 10.0, 10.0 + lasts_s),),
        Limits(availability=1.0),
        candidates,
        rate_per_s,
        lasts_s + 30.0,
    )


def _down(kind: FaultKind, about: str, *candidates: str) -> Scenario:
    provider = provider_of(candidates[0])
    return Scenario(
        f"down-{provider}",
        about,
        (Fault(provider, kind, 10.0, 50.0),),
        Limits(availability=1.0, failover_ms=250.0, skip_ms=5.0, late_waits=0),
        candidates,
        duration_s=80.0,
    )


def _broken(
    name: str, about: str, kind: Literal["cut", "stall", "malformed", "torn"], fault: FaultKind, gap_ms: float
) -> Scenario:
    """Streams that break after ever more tokens, at a share of them that keeps breakers closed."""
    faults = tuple(
        Fault("groq", fault, begin, begin + 10.0, {"stream_fault": StreamFault(kind, 0.4, after)})
        for begin, after in ((10.0, 1), (20.0, 7), (30.0, 30), (40.0, 59), (50.0, 60))
    )
    return Scenario(name, about, faults, Limits(availability=1.0, gap_ms=gap_ms), duration_s=65.0)


SCENARIOS: Final[tuple[Scenario, ...]] = (
    _down("outage", "The preferred provider answers 503.", GROQ, CEREBRAS, OPENROUTER),
    _down("reset", "The preferred provider resets every connection.", CEREBRAS, OPENROUTER, GROQ),
    _down("silence", "The preferred provider accepts requests and stays silent.", OPENROUTER, GROQ, CEREBRAS),
    Scenario(
        "two-down",
        "Two of the three providers are down, one by 503, one by resets.",
        (Fault("groq", "outage", 10.0, 40.0), Fault("cerebras", "reset", 10.0, 40.0)),
        Limits(availability=1.0, skip_ms=5.0, late_waits=0),
    ),
    Scenario(
        "errors-20",
        "Each provider fails 20 % of the requests at random.",
        tuple(Fault(name, "errors", 0.0, 60.0) for name in PACE),
        Limits(availability=0.995),
        rate_per_s=10.0,
    ),
    Scenario(
        "brown-out",
        "The preferred provider becomes 10 times slower.",
        (Fault("groq", "slow-down", 20.0, 80.0),),
        Limits(availability=1.0, settled=1.5),
        duration_s=90.0,
    ),
    Scenario(
        "rate-limits",
        "The preferred provider answers 429 with Retry-After 5 s.",
        (Fault("groq", "rate limits", 10.0, 40.0),),
        Limits(availability=1.0, failover_ms=250.0, skip_ms=5.0, calls=12, openings=0),
    ),
    _broken("cut-streams", "Four of ten streams of the preferred provider are cut.", "cut", "cut", 500.0),
    _broken("stalled-streams", "Four of ten streams of the preferred provider go silent.", "stall", "stall", 5500.0),
    _broken("garbled-streams", "Four of ten streams of the preferred provider tear.", "malformed", "garbage", 500.0),
    _broken("torn-events", "Four of ten streams of the preferred provider have one torn event.", "torn", "torn", 500.0),
    Scenario(
        "hedging",
        "The preferred provider's first token has a heavy tail; without hedging and with it.",
        (Fault("groq", "tail", 0.0, 24.0),),
        Limits(availability=1.0, hedge_share=0.065, hedged_p95=1.02, hedged_p99=1.05),
        rate_per_s=5.0,
        duration_s=24.0,
        known=12,
        hedge=True,
    ),
    Scenario(
        "all-down",
        "Everything is down: 503, resets, overload.",
        (
            Fault("groq", "outage", 0.0, 30.0),
            Fault("cerebras", "reset", 0.0, 30.0),
            Fault("openrouter", "outage", 0.0, 30.0, {"error_rates": {"overloaded": 1.0}}),
        ),
        Limits(fails_in_ms=2500.0),
        duration_s=30.0,
    ),
    Scenario(
        "recovery",
        "An outage of 60 s at 1 request/s, then all is well again.",
        (Fault("groq", "outage", 10.0, 70.0),),
        Limits(
            availability=1.0,
            failover_ms=250.0,
            skip_ms=5.0,
            calls=12,
            openings=1,
            serves_again_s=5.0,
            late_waits=0,
        ),
        rate_per_s=1.0,
        duration_s=90.0,
    ),
)
