"""In which order the candidates of a route are asked.

`rank` takes the candidates that may be asked now and orders them by a strategy; what it has to know of each comes through
`Facts`. All strategies that follow measurements share two guards. Against flapping: what is nearly equal counts as equal.
Against herds: among equals the load is spread by the power of two choices, and a candidate that has just recovered takes
its share of the traffic only as far as its recent attempts succeed.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

import msgspec

if TYPE_CHECKING:
    from aiconsole.routing.candidates import Candidate

Strategy = Literal["priority", "weighted", "lowest latency", "lowest cost", "most headroom", "most reliable", "blend"]

_UNTRIED_MS: Final = 1_000.0
_OUT: Final = 1_000.0
_LEAST_RECENT: Final = 0.05


class Facts(Protocol):
    """What selection asks about a candidate; only what the strategy needs is asked."""

    def latency_ms(self, candidate: Candidate) -> float | None:
        """Peak EWMA of the time to the first token, None where unknown."""

    def in_flight(self, candidate: Candidate) -> int: ...

    def cost_usd(self, candidate: Candidate) -> float | None:
        """What this request is expected to cost, None where unknown."""

    def headroom(self, candidate: Candidate) -> float:
        """What is left of the tightest limit, 0 to 1."""

    def score(self, candidate: Candidate) -> float:
        """The reliability score, 0 to 100."""

    def weight(self, candidate: Candidate) -> float:
        """The route's weight, 0 for only where no other is left."""

    def recent_success(self, candidate: Candidate) -> float:
        """The share of recent attempts that succeeded, 0 to 1; 1 where unknown."""


class Blend(msgspec.Struct, frozen=True):
    """How much each part counts in the strategy "blend"; only the proportions matter."""

    latency: float = 0.3
    cost: float = 0.2
    headroom: float = 0.2
    reliability: float = 0.3
    priority: float = 0.0


DEFAULT_BLEND: Final = Blend()


class Ranked(NamedTuple):
    """A candidate in its place. ``score`` is 0 to 1, higher is better, and comparable within one ranking only; ``why`` says
    in words what it stands on."""

    candidate: Candidate
    score: float
    why: str


class _Rated(NamedTuple):
    """A candidate with its load (lower is better) and its place in the given order, which settles ties."""

    load: float
    place: int
    candidate: Candidate
    score: float
    why: str


def rank(
    candidates: Sequence[Candidate],
    strategy: Strategy,
    facts: Facts,
    random: Random,
    *,
    blend: Blend = DEFAULT_BLEND,
    last: str = "",
) -> tuple[Ranked, ...]:
    """The candidates in the order in which they are to be asked.

    - ``priority``: as given.
    - ``weighted``: at random, each place by the weights of those left (Efraimidis and Spirakis, "Weighted random sampling
      with a reservoir", 2006); those of weight 0 last.
    - ``lowest latency``: load is latency x (in flight + 1). Of the candidates with at most twice the least load two are
      drawn, and the one with the lower load is first; within 25 % it is as drawn. Source: Mitzenmacher, "The Power of Two
      Choices in Randomized Load Balancing", 2001. One never tried counts as fast as the fastest while nothing is in flight
      to it, and comes last while its first answer is out.
    - ``lowest cost``: by expected USD; within 5 % of the least as given; unknown prices last.
    - ``most headroom``: by headroom; within 0.1 of the most, the power of two choices by requests in flight.
    - ``most reliable``: by score; within 5 points of the best as given. ``last``, the name of the one that was first before,
      stays first until it is 10 points below the best.
    - ``blend``: the weighted mean of latency and cost (least / own; unknown: 0.5), headroom, score / 100, and the place in
      the given order; within 0.05 of the best, the power of two choices by requests in flight.

    Where two choices are made, the first is passed over for the second with the probability 1 - its recent success, so that
    one that recovers is not given everything at once.
    """
    if strategy == "priority" or len(candidates) < 2:
        return _as_given(candidates)
    if strategy == "most reliable":
        return _by_reliability(candidates, facts, last)
    if strategy == "lowest cost":
        return _by_cost(candidates, facts)
    if strategy == "weighted":
        return _weighted(candidates, facts, random)
    if strategy == "lowest latency":
        return _by_latency(candidates, facts, random)
    if strategy == "most headroom":
        return _by_headroom(candidates, facts, random)
    return _blended(candidates, facts, random, blend)


def _as_given(candidates: Sequence[Candidate]) -> tuple[Ranked, ...]:
    count = len(candidates)
    return tuple(
        Ranked(candidate, 1.0 - index / count, f"place {index + 1} of the route")
        for index, candidate in enumerate(candidates)
    )


def _weighted(candidates: Sequence[Candidate], facts: Facts, random: Random) -> tuple[Ranked, ...]:
    weights = [max(facts.weight(candidate), 0.0) for candidate in candidates]
    total = sum(weights) or 1.0
    drawn = [random.expovariate(1.0) / weight if weight else float("inf") for weight in weights]
    order = sorted(range(len(candidates)), key=drawn.__getitem__)
    return tuple(
        Ranked(candidates[index], weights[index] / total, f"weight {weights[index]:g} of {total:g}") for index in order
    )


def _by_latency(candidates: Sequence[Candidate], facts: Facts, random: Random) -> tuple[Ranked, ...]:
    known = [facts.latency_ms(candidate) for candidate in candidates]
    flying = [facts.in_flight(candidate) for candidate in candidates]
    fastest = min([ms for ms in known if ms is not None], default=_UNTRIED_MS)
    loads = [
        max(fastest if ms is None else ms, 1.0) * (busy + 1) * (_OUT if ms is None and busy else 1.0)
        for ms, busy in zip(known, flying, strict=True)
    ]
    least = min(loads)
    rated: list[_Rated] = []
    for place, (load, ms, busy) in enumerate(zip(loads, known, flying, strict=True)):
        why = "not measured yet" if ms is None else f"{ms:.0f} ms"
        if busy:
            why = f"{why}, {busy} in flight"
        rated.append(_Rated(load, place, candidates[place], least / load, why))
    rated.sort()
    near = sum([load <= 2.0 * least for load in loads])
    return _two_choices(rated, near, facts, random, same=1.25)


def _by_cost(candidates: Sequence[Candidate], facts: Facts) -> tuple[Ranked, ...]:
    costs = [facts.cost_usd(candidate) for candidate in candidates]
    least = min((usd for usd in costs if usd is not None), default=0.0)

    def place(index: int) -> tuple[float, int]:
        usd = costs[index]
        if usd is None:
            return float("inf"), index
        return (least if usd <= least * 1.05 else usd), index

    order = sorted(range(len(candidates)), key=place)
    return tuple(
        Ranked(
            candidates[index],
            0.0 if usd is None else 1.0 if usd <= least else least / usd,
            "price unknown" if usd is None else f"about ${usd:.3g}",
        )
        for index, usd in ((index, costs[index]) for index in order)
    )


def _by_headroom(candidates: Sequence[Candidate], facts: Facts, random: Random) -> tuple[Ranked, ...]:
    rated: list[tuple[float, int, Candidate, str]] = []
    for place, candidate in enumerate(candidates):
        left = facts.headroom(candidate)
        rated.append((left, place, candidate, f"{left:.0%} of its limits left"))
    return _by_value(rated, facts, random, within=0.1)


def _by_reliability(candidates: Sequence[Candidate], facts: Facts, last: str) -> tuple[Ranked, ...]:
    scores = [facts.score(candidate) for candidate in candidates]
    best = max(scores)

    def place(index: int) -> tuple[float, int]:
        score = scores[index]
        if last and score >= best - 10.0 and candidates[index].name == last:
            return float("-inf"), index
        return -min(score, best - 5.0), index

    return tuple(
        Ranked(candidates[index], scores[index] / 100.0, f"reliability {scores[index]:.0f} of 100")
        for index in sorted(range(len(candidates)), key=place)
    )


def _blended(candidates: Sequence[Candidate], facts: Facts, random: Random, blend: Blend) -> tuple[Ranked, ...]:
    total = (blend.latency + blend.cost + blend.headroom + blend.reliability + blend.priority) or 1.0
    speed = _shares([facts.latency_ms(candidate) for candidate in candidates] if blend.latency else [], candidates)
    thrift = _shares([facts.cost_usd(candidate) for candidate in candidates] if blend.cost else [], candidates)
    rated: list[tuple[float, int, Candidate, str]] = []
    for index, candidate in enumerate(candidates):
        headroom = facts.headroom(candidate) if blend.headroom else 0.0
        trust = facts.score(candidate) / 100.0 if blend.reliability else 0.0
        place = 1.0 - index / len(candidates)
        value = (
            blend.latency * speed[index]
            + blend.cost * thrift[index]
            + blend.headroom * headroom
            + blend.reliability * trust
            + blend.priority * place
        ) / total
        why = f"speed {speed[index]:.2f}, cost {thrift[index]:.2f}, headroom {headroom:.2f}, reliability {trust:.2f}"
        rated.append((value, index, candidate, why))
    return _by_value(rated, facts, random, within=0.05)


def _shares(values: list[float | None], candidates: Sequence[Candidate]) -> list[float]:
    """Least / own for each value, 0.5 where unknown, 0 where nothing was asked."""
    if not values:
        return [0.0] * len(candidates)
    least = min((value for value in values if value is not None), default=0.0)
    return [0.5 if value is None else 1.0 if value <= least else least / value for value in values]


def _by_value(
    values: list[tuple[float, int, Candidate, str]], facts: Facts, random: Random, *, within: float
) -> tuple[Ranked, ...]:
    """Highest value first; those within ``within`` of it are equals, told apart by what is in flight."""
    best = max(value for value, _, _, _ in values)
    equals = [one for one in values if one[0] >= best - within]
    rated = sorted(
        _Rated(float(facts.in_flight(candidate) + 1), index, candidate, value, why)
        for value, index, candidate, why in equals
    )
    near = len(rated)
    lesser = sorted((one for one in values if one[0] < best - within), key=lambda one: (-one[0], one[1]))
    rated += [_Rated(0.0, index, candidate, value, why) for value, index, candidate, why in lesser]
    return _two_choices(rated, near, facts, random, same=1.0)


def _two_choices(rated: list[_Rated], near: int, facts: Facts, random: Random, *, same: float) -> tuple[Ranked, ...]:
    """Put first the better of two drawn from the first ``near``, unless it is passed over because it is only recovering."""
    first, second = 0, 1
    if near > 1:
        first = int(random.random() * near)
        second = int(random.random() * (near - 1))
        second += second >= first
        if rated[second].load * same < rated[first].load:
            first, second = second, first
    chosen = rated[first]
    recent = facts.recent_success(chosen.candidate)
    if recent < 1.0 and random.random() >= max(recent, _LEAST_RECENT):
        first = second
        why = f"{rated[first].why}; before {chosen.candidate.name}, only recovering ({recent:.0%} succeeded)"
        chosen = rated[first]._replace(why=why)
    elif first:
        chosen = chosen._replace(why=f"{chosen.why}; drawn from {near} about equal")
    ordered = [chosen, *rated[:first], *rated[first + 1 :]]
    return tuple(Ranked(one.candidate, one.score, one.why) for one in ordered)
