"""The soak of the benchmarks, in small: nothing leaks and nothing untrue is told, whatever the providers do."""

from __future__ import annotations

from tests.benchmarks.soak import lapsed


def test_nothing_leaks_and_nothing_untrue_is_told_under_random_faults() -> None:
    soak = lapsed(2_000, seed=7, changes_per_s=4.0)
    assert soak.broken == []
    assert sum(soak.outcomes.values()) == 2_000
    assert soak.outcomes["answered"] > 1_000
    assert soak.outcomes["cancelled"] > 0
    assert soak.events["Switched"] > 0
    assert soak.events["BreakerChanged"] > 0
