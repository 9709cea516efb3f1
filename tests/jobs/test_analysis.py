"""Performance and analytics over a real history of several weeks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from aiconsole.domain.chat import Cost, Timing, Usage
from aiconsole.domain.events import AttemptFinished
from aiconsole.domain.history import Figures, Line, Objective, Series, Spend, Targets
from aiconsole.jobs.analytics import DAY, HOUR, WEEK, Analytics, anomalies_at, forecast, profile, told
from aiconsole.jobs.job import Run
from aiconsole.jobs.performance import PerformanceWatch, burning
from tests.store.happened import NOON, Past, past, request

BERLIN = ZoneInfo("Europe/Berlin")


def by_hand() -> tuple[Run, list[str]]:
    said: list[str] = []
    return Run(None, "by hand", said.append), said


def happened(here: Past, ended: float, times: int = 1, took_ms: float = 500.0, error: str | None = None) -> None:
    for number in range(times):
        at = ended + number
        here.recorder.listen(request(at, took_ms, f"r{at}", error_kind=error))
        here.recorder.listen(
            AttemptFinished(
                "groq",
                "oss",
                Timing(at - took_ms / 1000, 50.0, took_ms),
                Usage(100, 20),
                Cost(0.001, "price list"),
                error_kind=error,
            )
        )


async def test_budgets_that_burn_and_slow_requests_are_told(tmp_path: Path) -> None:
    async with past(tmp_path / "aiconsole.db") as here:
        watch = PerformanceWatch(here.history, here.clock, Targets, lambda: False)
        happened(here, NOON - 3000, 50)
        await here.recorder.flush()
        run, said = by_hand()
        assert (await watch.work(run)).message == "The objectives' budgets last."
        assert any("groq: p50/p95/p99" in line for line in said)
        happened(here, NOON - 200, 20, error="server fault")
        happened(here, NOON - 60, 2, took_ms=9000.0)
        here.clock.time += 30
        await here.recorder.flush()
        watch.latest = None
        run, said = by_hand()
        outcome = await watch.work(run)
    assert watch.latest is not None
    assert {(burn.objective, burn.limit) for burn in watch.latest.burns} >= {
        ("availability", 14.4),
        ("error rate", 14.4),
    }
    assert [each.duration_ms for each in watch.latest.slow] == [9000.0, 9000.0]
    assert "availability" in outcome.message
    assert "2 slow requests, the slowest 9.0 s" in outcome.message
    assert sum(line.startswith("slow: 9.0 s, groq/oss") for line in said) == 2


@pytest.mark.parametrize(
    ("long_left", "short_left", "over", "burns"),
    [(-13.5, -14.0, 100, True), (-13.3, -20.0, 100, False), (-20.0, 0.5, 100, False), (-20.0, -20.0, 9, False)],
)
def test_a_budget_burns_only_over_both_windows_and_with_enough_requests(
    long_left: float, short_left: float, over: int, burns: bool
) -> None:
    slow = Objective("availability", 0.999, 0.98, long_left, 1000)
    fast = Objective("availability", 0.999, 0.98, short_left, over)
    assert bool(burning([slow], [fast], 3600, 300, 14.4)) is burns


async def test_usage_is_summed_up_compared_and_projected(tmp_path: Path) -> None:
    hour = NOON - NOON % HOUR - HOUR
    async with past(tmp_path / "aiconsole.db") as here:
        for week in range(1, 6):
            happened(here, hour - week * WEEK + 60, 4)
        happened(here, hour - 3 * DAY, 10)
        happened(here, hour + 60, 80)
        here.clock.time = NOON + 1
        await here.recorder.flush()
        work = Analytics(here.history, here.clock, UTC, lambda: 0.2, lambda: False)
        run, said = by_hand()
        outcome = await work.work(run)
    usage = work.latest
    assert usage is not None
    assert {(each.by, each.name) for each in usage.slices} == {
        ("provider", "groq"),
        ("model", "groq/oss"),
        ("route", "fast"),
    }
    provider = next(each for each in usage.slices if each.by == "provider")
    assert (provider.requests, provider.requests_change) == (90, 90 / 4 - 1)
    assert {(odd.name, odd.measure) for odd in usage.anomalies} == {("all requests", "requests"), ("groq", "requests")}
    assert sum(usage.hours) == sum(usage.weekdays) == 4 * 4 + 90
    assert usage.forecast is not None
    assert usage.forecast.spent_usd == pytest.approx(0.098)
    assert usage.forecast.expected_usd >= usage.forecast.spent_usd
    assert "90 calls in seven days; 2 anomalies" in outcome.message
    assert said == told(usage)


def counts(start: float, numbers: list[int]) -> Series:
    return Series(
        start, HOUR, (Line("groq", "", tuple(Figures(count=number) if number else None for number in numbers)),)
    )


def test_hours_are_compared_by_local_time_across_a_clock_change() -> None:
    after = datetime(2026, 4, 1, 9, tzinfo=BERLIN).timestamp()
    start = after - 5 * WEEK - 2 * HOUR
    numbers = [100 if datetime.fromtimestamp(start + n * HOUR, BERLIN).hour == 9 else 1 for n in range(5 * 168 + 3)]
    series = counts(start, numbers)
    assert anomalies_at(series, after, BERLIN) == []
    assert [odd.measure for odd in anomalies_at(series, after, ZoneInfo("UTC"))] == ["requests"]
    hours, weekdays = profile(series, BERLIN, 0.0)
    assert hours[9] == sum(number for number in numbers if number == 100)
    assert sum(weekdays) == sum(hours)


def test_a_young_history_has_no_anomalies() -> None:
    start = NOON - 2 * WEEK
    assert anomalies_at(counts(start, [5] * (2 * 168) + [500]), start + 2 * WEEK, BERLIN) == []


def test_the_month_is_forecast_from_the_same_weekdays() -> None:
    now = datetime(2026, 6, 16, 0, tzinfo=UTC).timestamp()
    days = [datetime(2026, 5, day, tzinfo=UTC) for day in range(15, 32)] + [
        datetime(2026, 6, day, tzinfo=UTC) for day in range(1, 16)
    ]
    spent = [Spend(day.timestamp(), "groq", "fast", 0.0 if day.weekday() >= 5 else 2.0, 9, 0) for day in days]
    plan = forecast(spent, now, 30.0)
    workdays = sum(datetime(2026, 6, day, tzinfo=UTC).weekday() < 5 for day in range(1, 31))
    assert plan.spent_usd == 22.0
    assert plan.expected_usd == pytest.approx(2.0 * workdays)
    assert plan.low_usd < plan.expected_usd < plan.high_usd
    assert plan.reached_at == datetime(2026, 6, 20, tzinfo=UTC).timestamp()
    assert forecast([], now, 0.0).expected_usd == 0.0
    over = forecast([Spend(now - DAY, "groq", "fast", 50.0, 1, 0)], now, 30.0)
    assert over.reached_at == now
