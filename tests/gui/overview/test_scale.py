"""Ticks stand at round values, buckets fit the view, and what was just seen replaces what the store told."""

from __future__ import annotations

import pytest

from aiconsole.domain.events import BreakerChanged
from aiconsole.domain.history import BreakerSpan, Figures, Line, Series
from aiconsole.gui.overview.graph import Shapes, merged
from aiconsole.gui.overview.recent import Recent
from aiconsole.gui.overview.scale import log_ticks, round_down, round_up, step_for, time_ticks
from aiconsole.gui.overview.source import changed
from aiconsole.realtime.activity import Sample
from aiconsole.store.rollups import TIERS


def sample(at: float, ms: float, kind: str | None = None, provider: str = "groq", simulated: bool = False) -> Sample:
    return Sample(at, provider, "m", ms / 2, ms, kind, 0.5, simulated)


@pytest.mark.parametrize(
    ("length", "step"), [(300, 10), (900, 30), (3600, 60), (86_400, 1800), (604_800, 7200), (2_592_000, 43_200)]
)
def test_each_range_has_buckets_that_the_store_keeps_or_whole_multiples(length: float, step: int) -> None:
    assert step_for(length) == step
    assert any(step % tier == 0 for tier in TIERS)


def test_ticks() -> None:
    assert [round_up(0.13), round_up(210), round_down(210)] == pytest.approx([0.2, 500, 200])
    assert log_ticks(100, 5000, 8) == pytest.approx([100, 200, 500, 1000, 2000, 5000])
    assert len(log_ticks(1, 100_000, 4)) <= 4
    times = time_ticks(1_700_000_000, 1_700_003_600, 8)
    assert 2 <= len(times) <= 9
    assert all(at % 300 == 0 for at, _ in times)


def test_what_was_seen_from_a_buckets_beginning_on_replaces_it_and_gaps_stay_gaps() -> None:
    told = Figures(count=9, answered=9, p50_ms=100.0, p95_ms=200.0, error_rate=0.0)
    series = Series(1000.0, 10.0, (Line("groq", "", (told, None, told, told)),))
    recent = Recent(10, simulated=False)
    assert recent.add([sample(1032.0, 10), sample(1033.0, 30), sample(1034.0, 20), sample(1022.0, 5)])
    assert not recent.add([sample(1035.0, 10, simulated=True)])
    assert recent.add([sample(1055.0, 7, "overloaded", "cohere"), sample(1056.0, 7, "cancelled", "cohere")])
    graph = merged(series, recent, 1025.0, ())
    assert [part and part.count for part in graph.lines["groq"]] == [9, None, 9, 3, None, None]
    own = graph.at("groq", 3)
    assert own is not None
    assert (own.p50_ms, own.p95_ms, own.low_ms, own.high_ms, own.cost_usd) == (20, 30, 10, 30, 1.5)
    failed = graph.at("cohere", 5)
    assert failed is not None
    assert (failed.failures, failed.cancelled, failed.error_rate, failed.p50_ms) == (1, 1, 1.0, None)
    assert graph.newest() == 5


def test_a_change_of_a_breaker_ends_its_span_once() -> None:
    told = (BreakerSpan("groq", "closed", 10.0, None, ""), BreakerSpan("cohere", "closed", 10.0, None, ""))
    change = BreakerChanged("groq", "closed", "open", "5 in a row", 20.0)
    once = changed(told, (change,))
    assert [(span.key, span.state, span.end) for span in once] == [
        ("groq", "closed", 20.0),
        ("cohere", "closed", None),
        ("groq", "open", None),
    ]
    assert changed(once, (change,)) == once


def test_lines_break_at_gaps_bars_stand_on_each_other_and_the_longest_answer_is_kept() -> None:
    recent = Recent(10, simulated=False)
    recent.add([sample(1000.0, 10), sample(1010.0, 1000), sample(1011.0, 10), sample(1030.0, 10)])
    recent.add([sample(1000.0, 10, provider="cohere")])
    graph = merged(Series(1000.0, 10.0), recent, 0.0, ())
    shapes = Shapes(graph, ("groq", "cohere"), "duration")
    course = shapes.medians["groq"]
    assert ([line.size() for line in course.lines], [point.x() for point in course.lone]) == ([2], [3.5])
    assert [(bar.y(), bar.height()) for bar in shapes.requests["cohere"]] == [(6.0, 6.0)]
    assert shapes.reaches["groq"][1].y2() == pytest.approx(3.0)
    assert shapes.top("requests", 1000.0, 1040.0) == 12.0
    assert shapes.latency_range(1000.0, 1040.0) == (10, 1000)
