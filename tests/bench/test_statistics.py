"""Percentiles, their intervals, and whether a difference is one."""

from __future__ import annotations

from random import Random

import pytest

from aiconsole.bench.metrics import side
from aiconsole.bench.statistics import difference, percentile, percentile_draw, share_draw, share_interval, spread


def lognormal(count: int, seed: int, factor: float = 1.0) -> list[float]:
    random = Random(seed)
    return [factor * random.lognormvariate(5, 0.4) for _ in range(count)]


def test_percentiles_are_values_that_were_measured() -> None:
    ordered = [float(number) for number in range(1, 101)]
    assert [percentile(ordered, share) for share in (0.5, 0.9, 0.95, 0.99, 1)] == [50, 90, 95, 99, 100]
    assert percentile([7.0], 0.99) == 7


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_the_short_cut_of_the_bootstrap_draws_what_resampling_draws(share: float) -> None:
    ordered = sorted(lognormal(200, 1))
    random = Random(2)
    draw = percentile_draw(ordered, share)
    short = sorted(draw(random) for _ in range(4000))
    long = sorted(percentile(sorted(random.choices(ordered, k=200)), share) for _ in range(4000))
    for at in (0.025, 0.5, 0.975):
        assert percentile(short, at) == pytest.approx(percentile(long, at), rel=0.03)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    truth = 148.4  # the median of this distribution, exp(5)
    hits = 0
    for seed in range(40):
        found = spread(lognormal(100, seed), seed=seed)
        assert found is not None
        hits += found.p50.low <= truth <= found.p50.high
    assert hits >= 33  # 95 % of 40 is 38; fewer than 33 happens once in a thousand


def test_a_share_has_an_interval_even_where_nothing_happened() -> None:
    none = share_interval(0, 100)
    assert none is not None
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(0.0370, abs=2e-4)  # Wilson's own formula, by hand
    assert share_interval(0, 0) is None


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "no difference shown"), (1.3, "worse"), (0.7, "better")])
def test_a_verdict_needs_more_than_chance(factor: float, verdict: str) -> None:
    before, after = lognormal(300, 3), lognormal(300, 4, factor)
    found = difference("ttft_p50", side("ttft_p50", before), side("ttft_p50", after), lower_is_better=True)
    assert found.verdict == verdict
    assert found.difference.low <= found.difference.value <= found.difference.high


def test_more_speed_is_better_and_more_errors_are_worse() -> None:
    speed = difference("speed_p50", side("speed_p50", lognormal(300, 5)), side("speed_p50", lognormal(300, 6, 1.4)),
                       lower_is_better=False)  # fmt: skip
    assert speed.verdict == "better"
    errors = difference("error_rate", (0.01, share_draw(2, 200)), (0.2, share_draw(40, 200)), lower_is_better=True)
    assert errors.verdict == "worse"
    same = difference("error_rate", (0.01, share_draw(1, 100)), (0.02, share_draw(2, 100)), lower_is_better=True)
    assert same.verdict == "no difference shown"


def test_false_alarms_are_as_rare_as_they_should_be() -> None:
    alarms = 0
    for seed in range(40):
        sides = (side("ttft_p95", lognormal(100, 2 * seed)), side("ttft_p95", lognormal(100, 2 * seed + 1)))
        alarms += difference("ttft_p95", *sides, lower_is_better=True).verdict != "no difference shown"
    assert alarms <= 7  # 5 % of 40 is 2; more than 7 happens once in a thousand
