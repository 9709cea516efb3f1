"""Load shapes as moments at which requests are due."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiconsole.bench.plan import Load, Plan, checked
from aiconsole.bench.shapes import Segment, arrivals, level_at, next_at_least, segments, stage_at, total_s
from aiconsole.domain.errors import ConfigError


def due(load: Load, seed: int = 0) -> list[float]:
    return list(arrivals(segments(load), poisson=load.poisson, random=Random(seed)))


def test_a_constant_rate_is_evenly_spaced() -> None:
    times = due(Load("constant", level=4, seconds=2))
    assert times == pytest.approx([0.25 * number for number in range(1, 9)])


def test_a_ramp_sends_what_lies_under_its_line() -> None:
    times = due(Load("ramp", level=1, to=9, seconds=10))
    assert len(times) == 50
    gaps = [after - before for before, after in pairwise(times)]
    assert all(later < earlier for earlier, later in pairwise(gaps))
    assert gaps[-1] == pytest.approx(1 / 9, rel=0.05)


def test_steps_spikes_and_soaks_hold_their_levels() -> None:
    steps = segments(Load("step", level=2, to=6, steps=3, seconds=5))
    assert [part.begin for part in steps] == [2, 4, 6]
    assert total_s(steps) == 15
    spike = segments(Load("spike", level=1, to=10, seconds=9))
    assert [level_at(spike, at) for at in (1, 4, 8)] == [1, 10, 1]
    assert [stage_at(spike, at) for at in (1, 4, 8, 99)] == [0, 1, 2, 2]
    assert len(due(Load("soak", level=3, seconds=20))) == 60


def test_a_sweep_rises_by_one_factor() -> None:
    levels = [part.begin for part in segments(Load("sweep", level=1, to=16, steps=5))]
    assert levels == pytest.approx([1, 2, 4, 8, 16])


def test_poisson_arrivals_have_the_mean_and_the_spread_of_one() -> None:
    times = due(Load("poisson", level=50, seconds=100), seed=7)
    gaps = [after - before for before, after in pairwise(times)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert mean == pytest.approx(1 / 50, rel=0.05)
    assert variance**0.5 == pytest.approx(mean, rel=0.1)
    assert times == due(Load("poisson", level=50, seconds=100), seed=7)


parts = st.lists(
    st.builds(Segment, st.floats(0.5, 5), st.floats(0.5, 20), st.floats(0.5, 20)), min_size=1, max_size=4
).map(tuple)


@given(parts, st.integers(1, 20), st.floats(0, 10))
def test_a_place_rests_exactly_while_the_level_is_below_it(row: tuple[Segment, ...], place: int, from_s: float) -> None:
    at = next_at_least(row, place, from_s)
    step = total_s(row) / 200
    seen = [index * step for index in range(200) if index * step >= from_s and level_at(row, index * step) >= place]
    if at is None:
        assert not seen
    else:
        assert at >= from_s
        assert level_at(row, at) >= place - 1e-6
        assert not seen or at <= seen[0] + 1e-9


@given(parts)
def test_arrivals_never_run_ahead_of_the_level(row: tuple[Segment, ...]) -> None:
    times = list(arrivals(row, poisson=False, random=Random(0)))
    area = sum((part.begin + part.end) / 2 * part.seconds for part in row)
    assert abs(len(times) - area) <= 1
    assert times == sorted(times)
    assert all(0 <= at <= total_s(row) + 1e-6 for at in times)


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (Load("ramp", level=1), "load.to is needed for a ramp"),
        (Load("sweep", level=4, to=2), "above load.level"),
        (Load("constant", level=0), "load.level must be above 0"),
        (Load("closed", level=0.5), "at least 1 request in flight"),
    ],
)
def test_a_load_that_makes_no_sense_is_refused_by_name(load: Load, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        checked(Plan(kind="stress", load=load))
