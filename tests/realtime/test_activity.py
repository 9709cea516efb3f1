"""What this process has seen: exact percentiles, rates of what is the provider's own, bounded memory."""

from __future__ import annotations

import pytest

from aiconsole.domain.chat import Cost, Timing
from aiconsole.domain.events import AttemptFinished, Notice
from aiconsole.realtime.activity import Activity, summary


class Clock:
    def __init__(self) -> None:
        self.at = 10_000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


def attempt(
    ended: float, ms: float = 100.0, kind: str | None = None, *, ttft: float | None = None, simulated: bool = False
) -> AttemptFinished:
    timing = Timing(ended - ms / 1000, ttft, ms)
    return AttemptFinished("groq", "m", timing, cost=Cost(0.25, "provider"), error_kind=kind, simulated=simulated)


def test_rates_and_percentiles_leave_out_what_says_nothing_about_the_provider() -> None:
    activity = Activity(Clock())
    for kind in (None, None, "server fault", "cancelled", "bad request", "unknown model"):
        activity.add(attempt(9_990.0, kind=kind, ttft=40.0))
    activity.add(Notice("not an attempt"))
    seen = summary(activity.samples(60.0))
    assert (seen.requests, seen.failures) == (5, 1)
    assert seen.error_rate == pytest.approx(1 / 3)
    assert seen.p50_ms == 100.0
    assert activity.revision == 6


def test_it_forgets_what_is_old_and_says_since_when_it_knows_all() -> None:
    clock = Clock()
    activity = Activity(clock, keep_s=100.0, most=3)
    for ended in (10_000.0, 10_001.0, 10_002.0, 10_003.0):
        activity.add(attempt(ended))
    clock.at = 10_004.0
    assert [sample.at for sample in activity.samples(1000.0)] == [10_001.0, 10_002.0, 10_003.0]
    assert activity.since() == 10_000.0
    assert [sample.at for sample in activity.after(2)] == [10_002.0, 10_003.0]
    assert [sample.at for sample in activity.samples(1.5)] == [10_003.0]
    clock.at = 10_102.5
    assert [sample.at for sample in activity.samples(1000.0)] == [10_003.0]
    assert activity.since() == 10_002.5
