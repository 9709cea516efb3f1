"""Job 5, performance monitoring: what was reached of the objectives, how fast their error budgets burn, and which requests
were slow.

A budget burns too fast where it does so over a long window and still over a short one: 14.4 times over an hour and 5 minutes, 6
times over 6 hours and 30 minutes, once over 3 days and 6 hours (Google, The Site Reliability Workbook, "Alerting on SLOs",
multiwindow, multi-burn-rate alerts). Windows with few requests say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from aiconsole.domain.analysis import Burn, Performance, SlowRequest
from aiconsole.domain.clock import Clock
from aiconsole.domain.history import Objective, RequestFilter, RequestRow, Series, Sort, Targets
from aiconsole.domain.spans import span
from aiconsole.jobs.job import Job, Outcome, Run

WINDOWS: Final = ((3600.0, 300.0, 14.4), (6 * 3600.0, 1800.0, 6.0), (3 * 86400.0, 6 * 3600.0, 1.0))
"""Long window and short one in s, and how many times too fast."""

FEWEST: Final = 10
SLOW_SHOWN: Final = 5
EVERY_S: Final = 300.0
_BURNING: Final = ("availability", "p95", "error rate")


class Found(Protocol):
    """Requests that were found."""

    async def page(self, offset: int, limit: int = 100) -> tuple[RequestRow, ...]: ...


class Past(Protocol):
    """The history, as far as it is asked here."""

    async def objectives(
        self, start: float, end: float, targets: Targets, *, simulated: bool = False
    ) -> tuple[Objective, ...]: ...

    async def series(
        self, start: float, end: float, step: float | None = None, *, simulated: bool = False
    ) -> Series: ...

    async def requests(self, wanted: RequestFilter, sort: Sort = "time", *, descending: bool = True) -> Found: ...


class PerformanceWatch:
    """Looks at the objectives; ``latest`` is what the last look found, None before the first.

    Args:
        targets: the objectives as set.
        simulated: whether the simulator answers now, so that its requests are looked at.
        tell: takes what each look found.
    """

    def __init__(
        self,
        past: Past,
        clock: Clock,
        targets: Callable[[], Targets],
        simulated: Callable[[], bool],
        tell: Callable[[Performance], object] = lambda found: None,
    ) -> None:
        self._past = past
        self._clock = clock
        self._targets = targets
        self._simulated = simulated
        self._tell = tell
        self.latest: Performance | None = None

    def job(self) -> Job:
        return Job(
            "performance",
            "Performance",
            "Compares what was reached with the objectives, tells error budgets that burn too fast, and slow requests.",
            "every 5m",
            self.work,
            timeout_s=120,
            first_in_s=150,
        )

    async def work(self, run: Run) -> Outcome:
        """Look, and tell."""
        now, targets, simulated = self._clock.now(), self._targets(), self._simulated()
        since = now - EVERY_S if self.latest is None else min(max(self.latest.at, now - 86400), now)
        burns = []
        for long_s, short_s, limit in WINDOWS:
            slow = await self._past.objectives(now - long_s, now, targets, simulated=simulated)
            fast = await self._past.objectives(now - short_s, now, targets, simulated=simulated)
            burns += burning(slow, fast, long_s, short_s, limit)
        wanted = RequestFilter(since, now, failed=False, simulated=simulated)
        found = await (await self._past.requests(wanted, "duration")).page(0, SLOW_SHOWN)
        slow_ones = tuple(_slow(row) for row in found if row.duration_ms > targets.p95_ms and not row.cached)
        self.latest = Performance(now, tuple(burns), slow_ones)
        self._tell(self.latest)
        await self._tell_providers(run, now, simulated)
        for burn in burns:
            run.say(
                f"the budget of “{burn.objective}” burns {burn.long_rate:.1f} times too fast over {span(burn.long_s)}, "
                f"{burn.short_rate:.1f} times over {span(burn.short_s)}"
            )
        for each in slow_ones:
            run.say(
                f"slow: {each.duration_ms / 1000:.1f} s, {each.provider}/{each.model} for {each.route}, request {each.id}"
            )
        return Outcome(_words(self.latest), found=bool(burns))

    async def _tell_providers(self, run: Run, now: float, simulated: bool) -> None:
        series = await self._past.series(now - 3600, now, 3600, simulated=simulated)
        for line in series.lines:
            last = next((bucket for bucket in reversed(line.buckets) if bucket is not None), None)
            if last is not None and last.answered:
                figures = "/".join("-" if ms is None else f"{ms:.0f}" for ms in (last.p50_ms, last.p95_ms, last.p99_ms))
                run.say(
                    f"{line.provider}: p50/p95/p99 {figures} ms, {last.count} attempts, {last.error_rate or 0:.1%} failed"
                )


def burning(
    slow: Sequence[Objective], fast: Sequence[Objective], long_s: float, short_s: float, limit: float
) -> list[Burn]:
    """The objectives whose budget burns at least ``limit`` times too fast over both windows."""
    short = {objective.name: objective for objective in fast}
    found = []
    for objective in slow:
        other = short.get(objective.name)
        if objective.name not in _BURNING or other is None:
            continue
        if objective.budget_left is None or other.budget_left is None or min(objective.over, other.over) < FEWEST:
            continue
        rates = 1 - objective.budget_left, 1 - other.budget_left
        if min(rates) >= limit:
            found.append(Burn(objective.name, long_s, short_s, *rates, limit))
    return found


def _slow(row: RequestRow) -> SlowRequest:
    return SlowRequest(row.id, row.finished_at, row.provider, row.model, row.route, row.duration_ms, row.ttft_ms)


def _words(found: Performance) -> str:
    told = []
    if found.burns:
        told.append(f"error budgets that burn too fast: {', '.join(sorted({burn.objective for burn in found.burns}))}")
    if found.slow:
        told.append(f"{len(found.slow)} slow requests, the slowest {found.slow[0].duration_ms / 1000:.1f} s")
    return f"{'; '.join(told)}.".capitalize() if told else "The objectives' budgets last."
