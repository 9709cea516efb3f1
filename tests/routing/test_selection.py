from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiconsole.routing.candidates import Candidate
from aiconsole.routing.reliability import Reliability
from aiconsole.routing.selection import Blend, Strategy, rank
from tests.clocks import FakeClock
from tests.routing.candidates import candidate


class Sheet:
    """Facts as a test writes them down, by provider; in flight and recent success have usual values."""

    def __init__(self, **facts: dict[str, float | None]) -> None:
        self._facts = facts

    def _get(self, fact: str, one: Candidate, usual: float | None) -> float | None:
        return self._facts.get(fact, {}).get(one.provider.name, usual)

    def latency_ms(self, many: Sequence[Candidate]) -> list[float | None]:
        return [self._get("latency_ms", one, None) for one in many]

    def in_flight(self, many: Sequence[Candidate]) -> list[int]:
        return [int(self._get("in_flight", one, 0) or 0) for one in many]

    def cost_usd(self, many: Sequence[Candidate]) -> list[float | None]:
        return [self._get("cost_usd", one, None) for one in many]

    def headroom(self, many: Sequence[Candidate]) -> list[float]:
        return [self._get("headroom", one, 1.0) or 0.0 for one in many]

    def score(self, many: Sequence[Candidate], headroom: Sequence[float] | None = None) -> list[float]:
        return [self._get("score", one, 70.0) or 0.0 for one in many]

    def weight(self, one: Candidate) -> float:
        return self._get("weight", one, 1.0) or 0.0

    def recent_success(self, one: Candidate) -> float:
        return self._get("recent_success", one, 1.0) or 0.0


THREE = (candidate("a"), candidate("b"), candidate("c"))


def order(strategy: Strategy, facts: Sheet, seed: int = 1, **options: object) -> str:
    ranked = rank(THREE, strategy, facts, Random(seed), **options)  # type: ignore[arg-type]
    return "".join(one.provider.name for one in ranked.candidates)


def firsts(strategy: Strategy, facts: Sheet, times: int = 2_000) -> Counter[str]:
    random = Random(11)
    return Counter(rank(THREE, strategy, facts, random).candidates[0].provider.name for _ in range(times))


@given(
    strategy=st.sampled_from(get_args(Strategy)),
    latency=st.lists(st.none() | st.floats(0, 1e5), min_size=3, max_size=3),
    cost=st.lists(st.none() | st.floats(0, 10), min_size=3, max_size=3),
    headroom=st.lists(st.floats(0, 1), min_size=3, max_size=3),
    score=st.lists(st.floats(0, 100), min_size=3, max_size=3),
    weight=st.lists(st.floats(0, 10), min_size=3, max_size=3),
    flying=st.lists(st.integers(0, 64), min_size=3, max_size=3),
    recent=st.lists(st.floats(0, 1), min_size=3, max_size=3),
    count=st.integers(0, 3),
    seed=st.integers(),
)
def test_every_candidate_has_one_place_a_score_and_a_reason(
    strategy: Strategy,
    latency: list[float | None],
    cost: list[float | None],
    headroom: list[float | None],
    score: list[float | None],
    weight: list[float | None],
    flying: list[float | None],
    recent: list[float | None],
    count: int,
    seed: int,
) -> None:
    def by_name(values: list[float | None]) -> dict[str, float | None]:
        return dict(zip("abc", values, strict=True))

    facts = Sheet(
        latency_ms=by_name(latency),
        cost_usd=by_name(cost),
        headroom=by_name(headroom),
        score=by_name(score),
        weight=by_name(weight),
        in_flight=by_name(flying),
        recent_success=by_name(recent),
    )
    ranked = rank(THREE[:count], strategy, facts, Random(seed))
    assert [one.name for one in ranked.candidates] == [one.candidate for one in ranked.choices]
    assert sorted(one.name for one in ranked.candidates) == [one.name for one in THREE[:count]]
    assert all(0.0 <= one.score <= 1.0 and one.why for one in ranked.choices)


def test_priority_is_the_given_order() -> None:
    assert order("priority", Sheet(latency_ms={"a": 9_000.0, "b": 1.0})) == "abc"


def test_weights_are_shares_of_the_first_place_and_nothing_comes_last() -> None:
    facts = Sheet(weight={"a": 3.0, "b": 1.0, "c": 0.0})
    counts = firsts("weighted", facts, 4_000)
    assert counts["a"] / 4_000 == pytest.approx(0.75, abs=0.03)
    assert counts["c"] == 0
    assert all(order("weighted", facts, seed).endswith("c") for seed in range(50))
    assert set(firsts("weighted", Sheet(weight={"a": 0.0, "b": 0.0, "c": 0.0}))) <= {"a", "b", "c"}


def test_the_fastest_is_asked_and_the_slow_one_never_while_it_is_slow() -> None:
    counts = firsts("lowest latency", Sheet(latency_ms={"a": 4_000.0, "b": 300.0, "c": 320.0}))
    assert counts["a"] == 0
    assert counts["b"] == pytest.approx(counts["c"], rel=0.15)


def test_the_load_of_requests_in_flight_counts_as_latency() -> None:
    facts = Sheet(latency_ms={"a": 100.0, "b": 250.0, "c": 2_000.0}, in_flight={"a": 9})
    assert firsts("lowest latency", facts) == Counter(b=2_000)


def test_one_never_tried_is_tried_by_one_request_at_a_time() -> None:
    assert firsts("lowest latency", Sheet(latency_ms={"a": 400.0, "b": 3_000.0}))["c"] > 500
    busy = Sheet(latency_ms={"a": 400.0, "b": 3_000.0}, in_flight={"c": 1})
    assert firsts("lowest latency", busy) == Counter(a=2_000)
    assert order("lowest latency", busy) == "abc"


def test_nearly_equal_latencies_are_equal() -> None:
    counts = firsts("lowest latency", Sheet(latency_ms={"a": 300.0, "b": 330.0, "c": 360.0}))
    assert all(500 < counts[name] < 850 for name in "abc")


def test_the_cheapest_is_asked_and_an_unknown_price_is_not_free() -> None:
    assert order("lowest cost", Sheet(cost_usd={"b": 0.02, "c": 0.001})) == "cba"
    assert order("lowest cost", Sheet(cost_usd={"a": 0.0102, "b": 0.02, "c": 0.01})) == "acb"
    assert order("lowest cost", Sheet(cost_usd={"b": 0.0, "c": 0.01})) == "bca"


def test_most_headroom_spreads_over_those_with_about_the_most() -> None:
    counts = firsts("most headroom", Sheet(headroom={"a": 0.9, "b": 0.85, "c": 0.2}))
    assert counts["c"] == 0
    assert counts["a"] == pytest.approx(1_000, rel=0.1)
    assert order("most headroom", Sheet(headroom={"a": 0.1, "b": 0.85, "c": 0.2})) == "bca"
    assert firsts("most headroom", Sheet(in_flight={"a": 3, "b": 2}))["c"] > 1_200


def test_most_reliable_follows_the_score_and_does_not_flap_at_its_edge() -> None:
    assert order("most reliable", Sheet(score={"a": 40.0, "b": 97.0, "c": 80.0})) == "bca"
    assert order("most reliable", Sheet(score={"a": 93.0, "b": 97.0, "c": 80.0})) == "abc"
    random = Random(3)
    last, switches = "", 0
    for _ in range(500):
        facts = Sheet(score={"a": 97.0, "b": 50.0, "c": 30.0} | {"a": 92.0 + random.uniform(-3, 3), "b": 97.0})
        first = rank(THREE, "most reliable", facts, random, last=last).candidates[0].name
        switches += first != last
        last = first
    assert switches <= 2
    fallen = Sheet(score={"a": 86.0, "b": 97.0, "c": 30.0})
    assert rank(THREE, "most reliable", fallen, random, last="a/m").candidates[0].name == "b/m"


def test_a_blend_weighs_its_parts() -> None:
    facts = Sheet(
        latency_ms={"a": 300.0, "b": 3_000.0, "c": 3_000.0},
        cost_usd={"a": 0.05, "b": 0.001, "c": 0.05},
        score={"a": 90.0, "b": 90.0, "c": 95.0},
    )
    assert order("blend", facts, blend=Blend(latency=1, cost=0, headroom=0, reliability=0)) == "abc"
    assert order("blend", facts, blend=Blend(latency=0, cost=1, headroom=0, reliability=0)) == "bac"
    backwards = Sheet(score={"a": 20.0, "b": 60.0, "c": 100.0})
    assert order("blend", backwards, blend=Blend(0, 0, 0, 1)) == "cba"
    assert order("blend", backwards, blend=Blend(0, 0, 0, 0, 1)) == "abc"
    assert "speed" in rank(THREE, "blend", facts, Random(1)).choices[0].why


def test_the_reason_names_the_figure_the_place_stands_on() -> None:
    facts = Sheet(latency_ms={"a": 312.0, "b": 5_000.0, "c": 6_000.0}, in_flight={"b": 2}, recent_success={"a": 0.0})
    ranked = rank(THREE, "lowest latency", facts, Random(1))
    assert [one.why for one in ranked.choices if one.candidate == "c/m"] == [
        "6000 ms; before a/m, only recovering (0 % succeeded)"
    ]
    assert rank(THREE, "lowest cost", Sheet(cost_usd={"a": 0.0123}), Random(1)).choices[0].why == "about $0.0123"


def test_a_recovering_candidate_gets_its_share_as_far_as_it_succeeds() -> None:
    facts = Sheet(latency_ms={"a": 300.0, "b": 300.0, "c": 300.0}, recent_success={"a": 0.25})
    counts = firsts("lowest latency", facts, 6_000)
    assert counts["a"] / 6_000 == pytest.approx(0.25 / 3, abs=0.02)


class Town:
    """Requests over candidates whose times a test sets, learnt by the real `Reliability`, on a clock of its own."""

    def __init__(self, count: int, seed: int) -> None:
        self.clock = FakeClock()
        self.random = Random(seed)
        self.known = Reliability(self.clock)
        self.candidates = tuple(candidate(f"p{number}") for number in range(count))
        self.flying: Counter[str] = Counter()
        self.most_flying: Counter[str] = Counter()
        self.asked: list[str] = []
        self._ends: list[tuple[float, str, float | None]] = []

    def latency_ms(self, many: Sequence[Candidate]) -> list[float | None]:
        return self.known.latencies([one.name for one in many], streamed=True)

    def in_flight(self, many: Sequence[Candidate]) -> list[int]:
        return [self.flying[one.name] for one in many]

    def recent_success(self, one: Candidate) -> float:
        return self.known.recent_success(one.name)

    def score(self, many: Sequence[Candidate], headroom: Sequence[float] | None = None) -> list[float]:
        return self.known.scores([one.name for one in many], headroom or [1.0] * len(many))

    def headroom(self, many: Sequence[Candidate]) -> list[float]:
        return [1.0] * len(many)

    def cost_usd(self, many: Sequence[Candidate]) -> list[float | None]:
        return [None] * len(many)

    def weight(self, one: Candidate) -> float:
        return 1.0

    def run(self, requests: int, every_s: float, time_ms: Callable[[str], float | None]) -> Counter[str]:
        """Ask so often, one candidate a request; a time of None fails after 5 ms. Returns who was asked how often."""
        begin = len(self.asked)
        for _ in range(requests):
            self.clock.advance(every_s)
            self._end_until(self.clock.monotonic())
            name = rank(self.candidates, "lowest latency", self, self.random).candidates[0].name
            self.asked.append(name)
            self.flying[name] += 1
            self.most_flying[name] = max(self.most_flying[name], self.flying[name])
            ms = time_ms(name)
            heappush(self._ends, (self.clock.monotonic() + (5.0 if ms is None else ms) / 1e3, name, ms))
        return Counter(self.asked[begin:])

    def _end_until(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            at, name, ms = heappop(self._ends)
            self.flying[name] -= 1
            if ms is None:
                self.known.seen(name, "server fault", duration_ms=5.0, at=at)
            else:
                self.known.seen(name, duration_ms=ms, ttft_ms=ms, at=at)

    def usual(self, name: str) -> float:
        return self.random.lognormvariate(5.7, 0.3)


@pytest.mark.parametrize("every_s", [0.02, 1.0])
def test_over_five_equal_candidates_nothing_herds_or_flaps(every_s: float) -> None:
    town = Town(5, seed=5)
    town.run(50, every_s, town.usual)
    counts = town.run(1_000, every_s, town.usual)
    assert min(counts.values()) > 100
    assert max(counts.values()) < 320
    assert max(town.most_flying.values()) < 20
    fifty = [Counter(town.asked[start : start + 50]).most_common(1)[0][1] for start in range(50, 1_050, 50)]
    assert max(fifty) <= 35


def test_a_brown_out_is_left_within_a_few_requests_and_found_again_after_it() -> None:
    town = Town(3, seed=9)
    town.run(100, 1.0, town.usual)
    slow = town.run(60, 1.0, lambda name: 10 * town.usual(name) if name == "p0/m" else town.usual(name))
    assert slow["p0/m"] <= 4
    after = town.run(600, 1.0, town.usual)
    assert after["p0/m"] > 60


def test_a_recovering_candidate_is_not_stampeded() -> None:
    town = Town(5, seed=3)
    town.run(100, 0.05, town.usual)
    town.run(200, 0.05, lambda name: None if name == "p0/m" else town.usual(name))
    early = town.run(100, 0.05, town.usual)
    assert early["p0/m"] <= 20
    town.run(1_000, 0.5, town.usual)
    assert town.run(500, 0.5, town.usual)["p0/m"] > 50
