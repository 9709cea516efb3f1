"""Attempts become points: medians of fixed slices, gaps that stay gaps, failures apart."""

from __future__ import annotations

import math

from aiconsole.gui.overview.series import Series
from aiconsole.realtime.activity import Sample


def sample(at: float, ms: float, kind: str | None = None, provider: str = "groq") -> Sample:
    return Sample(at, provider, "m", ms / 2, ms, kind, None, simulated=False)


def test_a_slice_shows_its_median_and_gaps_stay_gaps() -> None:
    series = Series(900.0, "duration")
    series.add([sample(1000.0, 10), sample(1001.0, 30), sample(1002.0, 20), sample(1012.0, 50), sample(1200.0, 70)])
    line = series.line("groq")
    assert [y for y in line.ys if y == y] == [20, 50, 70]
    assert math.isnan(line.ys[2])
    assert line.lone == [3]
    assert line.failed == []


def test_failures_are_no_latency_and_are_shown() -> None:
    series = Series(900.0, "ttft")
    series.add([sample(1000.0, 10, "server fault"), sample(1011.0, 80), sample(1011.0, 10, "cancelled")])
    line = series.line("groq")
    assert (line.ys, line.failed) == ([40], [1005.0])
    part = series.slice_at("groq", series.number(1000.0))
    assert part is not None
    assert (part.median_ms, part.failures) == (None, 1)
    last = series.last("groq")
    assert last is not None
    assert last.median_ms == 40


def test_new_attempts_change_their_slice_and_old_ones_go() -> None:
    series = Series(300.0, "duration")
    series.add([sample(1000.0, 10)])
    assert series.line("groq").ys == [10]
    series.add([sample(1000.5, 30), sample(1001.0, 40)])
    assert series.line("groq").ys == [30]
    series.add([sample(1290.0, 5, provider="cohere")])
    series.forget_before(1310.0)
    assert series.providers == ("cohere",)
    assert series.newest() == series.number(1290.0)
