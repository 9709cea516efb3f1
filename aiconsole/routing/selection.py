"""In which order the candidates of a route are asked.

`rank` takes the candidates that may be asked now and orders them by a strategy; what it has to know of each comes through
`Facts`. All strategies that follow measurements share two guards. Against flapping: what is nearly equal counts as equal.
Against herds: among equals the load is spread by the power of two choices, and a candidate that has just recovered takes
its share of the traffic only as far as its recent attempts succeed.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from random import Random
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

import msgspec

from aiconsole.domain.trace import Basis, Choice

if TYPE_CHECKING:
    from aiconsole.routing.candidates import Candidate

Strategy = Literal["priority", "weighted", "lowest latency", "lowest cost", "most headroom", "most reliable", "blend"]

_UNTRIED_MS: Final = 1_000.0
_OUT: Final = 1_000.0
_LEAST_RECENT: Final = 0.05


class Facts(Protocol):
    """What selection asks about the candidates; only what the strategy needs is asked."""

    def latency_ms(self, candidates: Sequence[Candidate]) -> list[float | None]:
        """Each one's peak EWMA of the time to the first token, None where unknown."""

    def in_flight(self, candidates: Sequence[Candidate]) -> list[int]: ...

    def cost_usd(self, candidates: Sequence[Candidate]) -> list[float | None]:
        """What this request is expected to cost at each, None where unknown."""

    def headroom(self, candidates: Sequence[Candidate]) -> list[float]:
        """What is left of the tightest limit of each, 0 to 1."""

    def score(self, candidates: Sequence[Candidate], headroom: Sequence[float] | None = None) -> list[float]:
        """The reliability scores, 0 to 100; ``headroom`` where it was asked for already."""

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


class Ranking(NamedTuple):
    """The candidates in their order, and what each one's place stands on. A `Choice.score` is 0 to 1, higher is better, and
    comparable within one ranking only."""

    candidates: tuple[Candidate, ...]
    choices: tuple[Choice, ...]


def rank(
    candidates: Sequence[Candidate],
    strategy: Strategy,
    facts: Facts,
    random: Random,
    *,
    blend: Blend = DEFAULT_BLEND,
    last: str = "",
) -> Ranking:
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


def _ranking(
    candidates: Sequence[Candidate],
    order: Sequence[int],
    scores: Sequence[float],
    bases: Sequence[Basis],
    note: str = "",
) -> Ranking:
    """From indices in order, and scores and bases by index; ``note`` belongs to the first."""
    choices = [Choice(candidates[index].name, scores[index], bases[index]) for index in order]
    if note:
        choices[0] = msgspec.structs.replace(choices[0], note=note)
    return Ranking(tuple([candidates[index] for index in order]), tuple(choices))


def _as_given(candidates: Sequence[Candidate]) -> Ranking:
    count = len(candidates)
    return Ranking(
        tuple(candidates),
        tuple(
            [
                Choice(candidate.name, 1.0 - index / count, ("place", index + 1))
                for index, candidate in enumerate(candidates)
            ]
        ),
    )


def _weighted(candidates: Sequence[Candidate], facts: Facts, random: Random) -> Ranking:
    weights = [max(facts.weight(candidate), 0.0) for candidate in candidates]
    total = sum(weights) or 1.0
    drawn = [random.expovariate(1.0) / weight if weight else inf for weight in weights]
    order = sorted(range(len(candidates)), key=drawn.__getitem__)
    scores = [weight / total for weight in weights]
    return _ranking(candidates, order, scores, [("weight", weight, total) for weight in weights])


def _by_latency(candidates: Sequence[Candidate], facts: Facts, random: Random) -> Ranking:
    known = facts.latency_ms(candidates)
    flying = facts.in_flight(candidates)
    fastest = min([ms for ms in known if ms is not None], default=_UNTRIED_MS)
    loads: list[float] = []
    for ms, busy in zip(known, flying, strict=True):
        if ms is None:
            loads.append(max(fastest, 1.0) * (busy + 1) * (_OUT if busy else 1.0))
        else:
            loads.append((ms if ms > 1.0 else 1.0) * (busy + 1))
    bases: list[Basis] = [("latency", ms, busy) for ms, busy in zip(known, flying, strict=True)]
    order = sorted(range(len(loads)), key=loads.__getitem__)
    least = loads[order[0]]
    near = sum([load <= 2.0 * least for load in loads])
    note = _two_choices(candidates, order, loads, bases, near, facts, random, same=1.25)
    return _ranking(candidates, order, [least / load for load in loads], bases, note)


def _by_cost(candidates: Sequence[Candidate], facts: Facts) -> Ranking:
    costs = facts.cost_usd(candidates)
    least = min([usd for usd in costs if usd is not None], default=0.0)
    nearly = least * 1.05
    places = [inf if usd is None else least if usd <= nearly else usd for usd in costs]
    order = sorted(range(len(costs)), key=places.__getitem__)
    scores = [0.0 if usd is None else 1.0 if usd <= least else least / usd for usd in costs]
    return _ranking(candidates, order, scores, [("cost", usd) for usd in costs])


def _by_headroom(candidates: Sequence[Candidate], facts: Facts, random: Random) -> Ranking:
    values = facts.headroom(candidates)
    bases: list[Basis] = [("headroom", value) for value in values]
    return _by_value(candidates, values, bases, facts, random, within=0.1)


def _by_reliability(candidates: Sequence[Candidate], facts: Facts, last: str) -> Ranking:
    scores = facts.score(candidates)
    best = max(scores)

    def place(index: int) -> float:
        score = scores[index]
        if last and score >= best - 10.0 and candidates[index].name == last:
            return -inf
        return -min(score, best - 5.0)

    order = sorted(range(len(scores)), key=place)
    return _ranking(
        candidates, order, [score / 100.0 for score in scores], [("reliability", score) for score in scores]
    )


def _blended(candidates: Sequence[Candidate], facts: Facts, random: Random, blend: Blend) -> Ranking:
    total = (blend.latency + blend.cost + blend.headroom + blend.reliability + blend.priority) or 1.0
    count = len(candidates)
    none = [0.0] * count
    speed = _shares(facts.latency_ms(candidates)) if blend.latency else none
    thrift = _shares(facts.cost_usd(candidates)) if blend.cost else none
    left = facts.headroom(candidates)
    headroom = left if blend.headroom else none
    trust = [score / 100.0 for score in facts.score(candidates, left)] if blend.reliability else none
    parts = list(zip(speed, thrift, headroom, trust, strict=True))
    fast, cheap, roomy, sound = (
        weight / total for weight in (blend.latency, blend.cost, blend.headroom, blend.reliability)
    )
    values = [fast * one + cheap * two + roomy * three + sound * four for one, two, three, four in parts]
    if blend.priority:
        places = (blend.priority / total * (1.0 - index / count) for index in range(count))
        values = [value + place for value, place in zip(values, places, strict=True)]
    bases: list[Basis] = [("blend", *each) for each in parts]
    return _by_value(candidates, values, bases, facts, random, within=0.05)


def _shares(values: list[float | None]) -> list[float]:
    """Least / own for each value, 0.5 where unknown."""
    least = min([value for value in values if value is not None], default=0.0)
    return [0.5 if value is None else 1.0 if value <= least else least / value for value in values]


def _by_value(
    candidates: Sequence[Candidate],
    values: list[float],
    bases: list[Basis],
    facts: Facts,
    random: Random,
    *,
    within: float,
) -> Ranking:
    """Highest value first; those within ``within`` of it are equals, told apart by what is in flight."""
    least = max(values) - within
    equals = [index for index, value in enumerate(values) if value >= least]
    loads = [0.0] * len(values)
    for index, busy in enumerate(facts.in_flight(candidates)):
        loads[index] = busy + 1.0
    order = sorted(equals, key=loads.__getitem__)
    if len(equals) < len(values):
        lesser = [index for index, value in enumerate(values) if value < least]
        order += sorted(lesser, key=values.__getitem__, reverse=True)
    note = _two_choices(candidates, order, loads, bases, len(equals), facts, random, same=1.0)
    return _ranking(candidates, order, values, bases, note)


def _two_choices(
    candidates: Sequence[Candidate],
    order: list[int],
    loads: list[float],
    bases: list[Basis],
    near: int,
    facts: Facts,
    random: Random,
    *,
    same: float,
) -> str:
    """Put first in ``order`` the better of two drawn from its first ``near``, and add to its basis from how many, unless it
    is passed over because it is only recovering; that in words, else ""."""
    first, second = 0, 1
    if near > 1:
        first = int(random.random() * near)
        second = int(random.random() * (near - 1))
        second += second >= first
        if loads[order[second]] * same < loads[order[first]]:
            first, second = second, first
    chosen = candidates[order[first]]
    recent = facts.recent_success(chosen)
    note = ""
    if recent < 1.0 and random.random() >= max(recent, _LEAST_RECENT):
        first = second
        note = f"before {chosen.name}, only recovering ({recent * 100:.0f} % succeeded)"
    elif first:
        bases[order[first]] += (near,)
    if first:
        order.insert(0, order.pop(first))
    return note
