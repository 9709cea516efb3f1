"""Job 2, usage analytics: who was used how much, what changed, which hours were unlike themselves, what the month will cost.

An hour is compared with the same hour of the same weekday in up to `WEEKS` earlier weeks: it is an anomaly where it lies more
than `SIGMAS` robust standard deviations (1.4826 times the median absolute deviation: Rousseeuw and Croux, "Alternatives to the
Median Absolute Deviation", 1993) from their median, with a floor under the deviation so that small numbers say nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from math import sqrt
from statistics import mean, median, pstdev
from typing import Final, Literal, Protocol

from aiconsole.domain.analysis import Anomaly, Forecast, Measure, Slice, Slicing, Usage
from aiconsole.domain.clock import Clock
from aiconsole.domain.history import Figures, Of, Series, Spend
from aiconsole.jobs.job import Job, Outcome, Run

WEEKS: Final = 5
LEAST_WEEKS: Final = 3
SIGMAS: Final = 5.0
FEWEST: Final = 20
"""Answers in an hour from which on its p95 says something."""

ROUTES: Final = 20
HOUR: Final = 3600.0
DAY: Final = 86400.0
WEEK: Final = 7 * DAY

_FLOORS: Final[dict[Measure, float]] = {"requests": 10.0, "cost": 0.05, "failures": 3.0, "p95": 200.0}
"""No deviation counts as smaller than this (requests, USD, failures, ms)."""

By = Literal["provider", "model", "all"]


class Past(Protocol):
    """The history, as far as it is asked here."""

    async def series(
        self,
        start: float,
        end: float,
        step: float | None = None,
        *,
        of: Of = "attempts",
        by: By = "provider",
        route: str = "",
        simulated: bool = False,
    ) -> Series: ...

    async def spend(self, start: float, end: float, *, simulated: bool = False) -> tuple[Spend, ...]: ...

    async def routes(self) -> tuple[str, ...]: ...


class Analytics:
    """Makes sense of usage; ``latest`` is what the last run made of it, None before the first.

    Args:
        zone: whose clocks hours and weekdays go by.
        budget_usd: the month's budget as set, 0 where there is none.
        simulated: whether the simulator answers now, so that its requests are looked at.
    """

    def __init__(
        self,
        past: Past,
        clock: Clock,
        zone: tzinfo,
        budget_usd: Callable[[], float],
        simulated: Callable[[], bool],
    ) -> None:
        self._past = past
        self._clock = clock
        self._zone = zone
        self._budget_usd = budget_usd
        self._simulated = simulated
        self.latest: Usage | None = None

    def job(self) -> Job:
        return Job(
            "analytics",
            "Usage analytics",
            "Sums usage up by provider, model, route, hour and weekday; tells trends, anomalies and what the month will cost.",
            "5 * * * *",
            self.work,
            timeout_s=300,
            after=("maintenance",),
        )

    async def work(self, run: Run) -> Outcome:
        """Look at the last weeks, and tell."""
        now, simulated = self._clock.now(), self._simulated()
        start = now - now % HOUR - (WEEKS + 1) * WEEK
        whole = await self._past.series(start, now, HOUR, of="requests", by="all", simulated=simulated)
        providers = await self._past.series(start, now, HOUR, of="attempts", by="provider", simulated=simulated)
        slices = await self._slices(now, simulated)
        hours, weekdays = profile(whole, self._zone, now - WEEKS * WEEK)
        last = now - now % HOUR - HOUR
        anomalies = [
            *anomalies_at(whole, last, self._zone, "all requests"),
            *anomalies_at(providers, last, self._zone),
        ]
        month = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        spent = await self._past.spend(min(month.timestamp(), now - 29 * DAY), now, simulated=simulated)
        predicted = forecast(spent, now, self._budget_usd())
        self.latest = Usage(now, tuple(slices), hours, weekdays, tuple(anomalies), predicted)
        for line in told(self.latest):
            run.say(line)
        used = sum(each.requests for each in slices if each.by == "provider")
        words = f"{used} calls in seven days; {len(anomalies)} anomalies in the last hour"
        words += f"; {predicted.month} will cost about ${predicted.expected_usd:.2f}."
        return Outcome(words, found=bool(anomalies))

    async def _slices(self, now: float, simulated: bool) -> list[Slice]:
        start, found = now - 2 * WEEK, []
        providers = await self._past.series(start, now, HOUR, of="attempts", by="provider", simulated=simulated)
        models = await self._past.series(start, now, HOUR, of="attempts", by="model", simulated=simulated)
        found += [_slice("provider", line.provider, providers, line.buckets, now) for line in providers.lines]
        found += [_slice("model", f"{line.provider}/{line.model}", models, line.buckets, now) for line in models.lines]
        for route in (await self._past.routes())[:ROUTES]:
            series = await self._past.series(
                start, now, HOUR, of="requests", by="all", route=route, simulated=simulated
            )
            found += [_slice("route", route, series, line.buckets, now) for line in series.lines]
        used = [each for each in found if each.requests]
        return sorted(used, key=lambda each: (each.by, -each.usd, -each.requests))


def profile(series: Series, zone: tzinfo, since: float) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Requests by local hour of the day, and by weekday, of hourly lines."""
    hours, weekdays = [0] * 24, [0] * 7
    for line in series.lines:
        for start, figures in zip(series.times, line.buckets, strict=True):
            if figures is not None and start >= since:
                local = datetime.fromtimestamp(start, zone)
                hours[local.hour] += figures.count
                weekdays[local.weekday()] += figures.count
    return tuple(hours), tuple(weekdays)


def anomalies_at(series: Series, hour: float, zone: tzinfo, name: str = "") -> list[Anomaly]:
    """What was unusual in the hour that begins at ``hour``, by each hourly line's own earlier weeks. Hours before the first in
    which anything happened at all do not count."""
    found = []
    for line in series.lines:
        by_start = dict(zip(series.times, line.buckets, strict=True))
        begun = next((start for start, figures in by_start.items() if figures is not None), None)
        if begun is None or hour not in by_start:
            continue
        earlier = [by_start.get(start) for start in _weeks_before(hour, zone) if start >= begun]
        for measure, read in _MEASURES.items():
            usual = [value for value in map(read, earlier) if value is not None]
            value = read(by_start[hour])
            if value is None or len(usual) < LEAST_WEEKS:
                continue
            middle = median(usual)
            deviation = 1.4826 * median(abs(each - middle) for each in usual)
            if abs(value - middle) > SIGMAS * max(deviation, _FLOORS[measure], 0.1 * middle):
                found.append(Anomaly(hour, name or line.provider, measure, value, middle))
    return found


def forecast(spent: Iterable[Spend], now: float, budget_usd: float) -> Forecast:
    """What the month will have cost: what it did so far, and for the days left the mean of the same weekdays of the last four
    weeks. The spread is that of those days, as if each was drawn by itself (1.2816 standard deviations hold 80 of 100)."""
    by_day: dict[float, float] = defaultdict(float)
    for each in spent:
        by_day[each.day] += each.usd
    today = now - now % DAY
    begun = min(by_day, default=today)
    past = {day: by_day.get(day, 0.0) for day in _days(max(begun, today - 28 * DAY), today)}
    overall = mean(past.values()) if past else by_day.get(today, 0.0)
    weekdays: dict[int, list[float]] = defaultdict(list)
    for day, usd in past.items():
        weekdays[_weekday(day)].append(usd)
    spread = pstdev(past.values()) if len(past) > 1 else overall
    month = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (month + timedelta(days=32)).replace(day=1).timestamp()
    so_far = sum(usd for day, usd in by_day.items() if day >= month.timestamp())
    expected, reached = so_far, now if budget_usd and so_far >= budget_usd else None
    left = 0.0
    for day in _days(today, end):
        share = 1 - (now - day) / DAY if day == today else 1.0
        usual = weekdays.get(_weekday(day))
        more = (mean(usual) if usual else overall) * share
        if budget_usd and reached is None and more > 0 and expected + more >= budget_usd:
            reached = max(day, now) + (budget_usd - expected) / more * share * DAY
        expected += more
        left += share
    margin = 1.2816 * spread * sqrt(left)
    low, high = max(so_far, expected - margin), expected + margin
    return Forecast(month.strftime("%Y-%m"), so_far, expected, low, high, budget_usd, reached)


def told(usage: Usage) -> list[str]:
    """The findings as lines."""
    lines = []
    for each in usage.slices:
        change = "" if each.requests_change is None else f", {each.requests_change:+.0%} on the week before"
        lines.append(f"{each.by} {each.name}: {each.requests} calls{change}, {each.failures} failed, ${each.usd:.4f}")
    lines += [
        f"unusual: {odd.name} had {odd.measure} {odd.value:.4g} instead of {odd.usual:.4g}" for odd in usage.anomalies
    ]
    if sum(usage.hours):
        busiest = max(range(24), key=usage.hours.__getitem__)
        lines.append(
            f"the busiest hour is {busiest:02d}:00, the busiest day {_NAMES[max(range(7), key=usage.weekdays.__getitem__)]}"
        )
    if usage.forecast is not None:
        plan = usage.forecast
        range_of = f"${plan.low_usd:.2f} to ${plan.high_usd:.2f}"
        lines.append(f"{plan.month}: ${plan.spent_usd:.2f} so far, ${plan.expected_usd:.2f} expected ({range_of})")
        if plan.reached_at is not None:
            day = datetime.fromtimestamp(plan.reached_at, UTC).date()
            lines.append(f"the month's budget of ${plan.budget_usd:.2f} will be used up on {day}")
    return lines


_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MEASURES: Final[dict[Measure, Callable[[Figures | None], float | None]]] = {
    "requests": lambda figures: 0.0 if figures is None else float(figures.count),
    "cost": lambda figures: 0.0 if figures is None else figures.cost_usd,
    "failures": lambda figures: 0.0 if figures is None else float(figures.failures),
    "p95": lambda figures: None if figures is None or figures.answered < FEWEST else figures.p95_ms,
}


def _slice(by: Slicing, name: str, series: Series, buckets: Sequence[Figures | None], now: float) -> Slice:
    week: list[Figures] = []
    before: list[Figures] = []
    for start, figures in zip(series.times, buckets, strict=True):
        if figures is not None and start >= now - 2 * WEEK:
            (week if start >= now - WEEK else before).append(figures)
    requests, usd = sum(each.count for each in week), sum(each.cost_usd for each in week)
    return Slice(
        by,
        name,
        requests,
        sum(each.failures for each in week),
        usd,
        sum(each.prompt_tokens + each.completion_tokens for each in week),
        _change(requests, sum(each.count for each in before)),
        _change(usd, sum(each.cost_usd for each in before)),
    )


def _weeks_before(hour: float, zone: tzinfo) -> list[float]:
    """The same hour by the clocks of ``zone`` in each of the earlier weeks."""
    offset = datetime.fromtimestamp(hour, zone).utcoffset() or timedelta()
    found = []
    for week in range(1, WEEKS + 1):
        start = hour - week * WEEK
        then = datetime.fromtimestamp(start, zone).utcoffset() or timedelta()
        found.append(start + (offset - then).total_seconds())
    return found


def _change(value: float, before: float) -> float | None:
    return value / before - 1 if before else None


def _days(start: float, end: float) -> list[float]:
    return [start + at * DAY for at in range(round((end - start) / DAY))]


def _weekday(day: float) -> int:
    return datetime.fromtimestamp(day, UTC).weekday()
