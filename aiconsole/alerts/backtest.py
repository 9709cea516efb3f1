"""When a rule would have fired over the stored past: the same conditions and the same states, run over what was kept.

Figures come from the tiers of the history, so times are to a bucket, and percentiles are those of whole windows side by side
instead of one that slides. What the history does not keep, it says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import groupby
from math import ceil
from typing import TYPE_CHECKING, Final, Protocol

from aiconsole.alerts import declare
from aiconsole.alerts.declare import AlertRule
from aiconsole.alerts.judging import (
    QUIET,
    Judged,
    burn_words,
    change_words,
    concerns,
    hold_burn,
    hold_change,
    hold_threshold,
    threshold_words,
)
from aiconsole.alerts.measures import Sums, metric_of
from aiconsole.alerts.stretches import Stretch, bad_runs, failed_jobs, fired_in
from aiconsole.alerts.track import Track
from aiconsole.alerts.world import Moment
from aiconsole.domain.alerts import Backtest, WouldFire
from aiconsole.domain.spans import span

if TYPE_CHECKING:
    from aiconsole.domain.events import BenchFinished
    from aiconsole.domain.history import BreakerSpan, CallSums, Figures, HealthSpan, Series
    from aiconsole.domain.jobs import JobRun

MOST_FIRED: Final = 500
_BUCKETS: Final = 9_000
_STEPS: Final = (10.0, 60.0, 300.0, 3600.0, 14_400.0, 86_400.0)
_PERCENTILES: Final[dict[str, str]] = {"p50": "p50_ms", "p95": "p95_ms", "first token p95": "ttft_p95_ms"}
_AT_ONCE: Final = 200
_PIECE: Final = 100

Pause = Callable[[], object]
At = tuple[float, Judged]


class Past(Protocol):
    """The history, as far as it is asked here."""

    async def call_sums(
        self,
        start: float,
        end: float,
        step: float,
        *,
        of: declare.Of = "attempts",
        by: declare.By = "provider",
        simulated: bool = False,
    ) -> tuple[float, tuple[CallSums, ...]]: ...

    async def series(
        self,
        start: float,
        end: float,
        step: float | None = None,
        *,
        of: declare.Of = "attempts",
        by: declare.By = "provider",
        simulated: bool = False,
    ) -> Series: ...

    async def breaker_spans(self, start: float, end: float, *, simulated: bool = False) -> tuple[BreakerSpan, ...]: ...

    async def health_spans(self, start: float, end: float, *, simulated: bool = False) -> tuple[HealthSpan, ...]: ...


Runs = Callable[[], Awaitable[Sequence["JobRun"]]]
Benches = Callable[[float], Awaitable[Sequence["BenchFinished"]]]
"""The scheduled runs of the test bench since a moment (epoch s), oldest first."""


async def backtest(
    rule: AlertRule,
    start: float,
    end: float,
    past: Past,
    *,
    target: float,
    simulated: bool,
    runs: Runs,
    benches: Benches,
    pause: Pause = lambda: None,
) -> Backtest:
    """See the module; the work is done in threads, which call ``pause`` every now and then.

    Raises:
        StoreError: the history cannot be read.
    """
    condition = rule.condition
    if isinstance(condition, declare.Threshold | declare.Change) and condition.metric in _PERCENTILES:
        window = condition.window_s
        first, step, lines = await _windows(rule, start, end, window, past, simulated)
        found = await asyncio.to_thread(_over, rule, lambda: _percentiles(rule, first, step, lines), pause)
    elif isinstance(condition, declare.Threshold | declare.Change | declare.Burn | declare.Absence):
        least = _step_for(condition, end - start)
        reach = start - _reach(condition)
        step, sums = await past.call_sums(reach, end, least, of=rule.of, by=rule.by, simulated=simulated)
        found = await asyncio.to_thread(
            _over, rule, lambda: _sliding(rule, sums, start, end, step, target, pause), pause
        )
    else:
        return await _of_events(rule, start, end, past, simulated, runs, benches)
    return _told(rule, start, end, step, found)


async def _of_events(
    rule: AlertRule, start: float, end: float, past: Past, simulated: bool, runs: Runs, benches: Benches
) -> Backtest:
    condition = rule.condition
    spans: list[Stretch] = []
    if isinstance(condition, declare.BreakerOpen):
        spans += [
            (each.key, each.start, each.end, f"The circuit breaker of {each.key} is open.")
            for each in await past.breaker_spans(start, end, simulated=simulated)
            if each.state in ("open", "half-open") and not each.observe_only
        ]
        fired = fired_in(rule, end, spans, condition.open_s)
    elif isinstance(condition, declare.Unhealthy):
        for look in await past.health_spans(start, end, simulated=simulated):
            if not look.healthy and look.looks >= condition.looks:
                words = f"{look.looks} health checks of {look.provider} failed."
                spans.append((look.provider, look.start, look.last_seen, words))
        fired = fired_in(rule, end, spans, condition.down_s)
    elif isinstance(condition, declare.JobFailed):
        fired = fired_in(rule, end, failed_jobs(condition, await runs(), start), 0.0)
    elif isinstance(condition, declare.BenchFigure):
        ends = [run for run in await benches(start) if run.at < end and run.simulated == simulated]
        fired = fired_in(rule, end, bad_runs(condition, ends), 0.0)
    else:
        return Backtest(rule.name, start, end, 0.0, False, "The history cannot tell when this rule would have fired.")
    return _told(rule, start, end, 1.0, fired)


def _over(rule: AlertRule, judge: Callable[[], Iterator[tuple[str, Iterable[At]]]], pause: Pause) -> list[WouldFire]:
    """Run the states of a rule over what was judged bucket by bucket."""
    fired: list[WouldFire] = []
    for subject, judged in judge():
        track = Track(rule, subject)
        open_at: float | None = None
        words = ""
        for number, (at, each) in enumerate(judged):
            moment = Moment(at, at)
            done = track.step(each, moment)
            if done == "fires":
                open_at, words = at, each.words
            elif done == "ceased" and open_at is not None:
                fired.append(WouldFire(subject, open_at, at, words))
                open_at = None
            if number % _AT_ONCE == 0:
                pause()
        if open_at is not None:
            fired.append(WouldFire(subject, open_at, None, words))
    return fired


def _sliding(
    rule: AlertRule, sums: Sequence[CallSums], start: float, end: float, step: float, target: float, pause: Pause
) -> Iterator[tuple[str, Iterable[At]]]:
    """A condition on sums, judged at the end of each bucket."""
    for provider, buckets in groupby(sums, lambda each: each.provider):
        subject = provider if rule.by == "provider" else ""
        if concerns(rule, subject):
            yield subject, _judged(rule, _Running(buckets, step, pause), start, end, target)


class _Running:
    """Running sums of buckets, so that any window is two look-ups."""

    def __init__(self, buckets: Iterable[CallSums], step: float, pause: Pause) -> None:
        self.step = step
        self.first = float("nan")
        self.busy: set[int] = set()
        total = (0, 0, 0.0, 0)
        self._totals = [total]
        for number, each in enumerate(buckets):
            if not number:
                self.first = each.at
            place = int((each.at - self.first) // step)
            self._totals += [total] * (place + 1 - len(self._totals))
            answered, failures, usd, tokens = total
            total = (answered + each.answered, failures + each.failures, usd + each.usd, tokens + each.tokens)
            self._totals.append(total)
            if each.answered or each.failures:
                self.busy.add(place)
            if number % _AT_ONCE == 0:
                pause()

    def over(self, since: float, until: float) -> Sums:
        """The sums of the buckets from ``since`` to ``until``."""
        low, high = (self._totals[self._place(at)] for at in (since, until))
        sums = Sums(since)
        sums.answered, sums.failures = high[0] - low[0], high[1] - low[1]
        sums.usd, sums.tokens = high[2] - low[2], high[3] - low[3]
        return sums

    def _place(self, at: float) -> int:
        return min(max(ceil((at - self.first) / self.step), 0), len(self._totals) - 1)


def _judged(rule: AlertRule, running: _Running, start: float, end: float, target: float) -> Iterator[At]:
    step, condition = running.step, rule.condition
    at = ceil(start / step) * step
    last: float | None = None
    while at <= end:
        if int((at - running.first) // step) - 1 in running.busy:
            last = at
        yield at, _judge(rule, condition, running, at, last, target)
        at += step


def _judge(
    rule: AlertRule, it: declare.Condition, running: _Running, at: float, last: float | None, target: float
) -> Judged:
    if isinstance(it, declare.Threshold):
        value, count = metric_of(it.metric, running.over(at - it.window_s, at))
        if value is None:
            return QUIET
        holds, ceased = hold_threshold(it, value, count)
        return Judged(holds, ceased, threshold_words(rule, it, value, count) if holds else "", value)
    if isinstance(it, declare.Change):
        edge = at - it.window_s
        value, count = metric_of(it.metric, running.over(edge, at))
        before, count_before = metric_of(it.metric, running.over(edge - it.before_s, edge))
        holds, ceased, change = hold_change(it, value, count, before, count_before)
        return Judged(holds, ceased, change_words(rule, it, change) if holds else "", change)
    if isinstance(it, declare.Burn):
        short = running.over(at - it.short_s, at)
        if not short.failures:
            return QUIET
        long = running.over(at - it.long_s, at)
        holds, ceased, rate = hold_burn(it, target, (long.failures, long.judged), (short.failures, short.judged))
        return Judged(holds, ceased, burn_words(rule, it, rate, long.failures, long.judged) if holds else "", rate)
    if isinstance(it, declare.Absence) and last is not None and at - last >= it.after_s:
        expected = running.over(last - it.before_s, last).judged
        holds = expected >= it.least
        return Judged(holds, not holds, f"no {rule.of} for {span(it.after_s)}" if holds else "", at - last)
    return QUIET


async def _windows(
    rule: AlertRule, start: float, end: float, window: float, past: Past, simulated: bool
) -> tuple[float, float, dict[str, list[Figures | None]]]:
    """The figures of windows side by side, by line, with the first one's beginning and their length; asked for in pieces, so
    that nothing is held up for long."""

    async def ask(since: float, until: float, step: float) -> Series:
        return await past.series(since, until, step, of=rule.of, by=rule.by, simulated=simulated)

    probe = await ask(start, start + 1.0, window)
    at, step, length = probe.start, probe.step, 0
    lines: dict[str, list[Figures | None]] = {}
    while at < end:
        for line in (await ask(at, min(at + _PIECE * step, end), step)).lines:
            known = lines.setdefault(line.provider if rule.by == "provider" else "", [])
            known += [None] * (length - len(known))
            known += line.buckets
        at += _PIECE * step
        length += _PIECE
    return probe.start, step, lines


def _percentiles(
    rule: AlertRule, first: float, step: float, lines: dict[str, list[Figures | None]]
) -> Iterator[tuple[str, Iterable[At]]]:
    """A condition on a percentile, judged window by window, each at its end."""
    for subject, buckets in lines.items():
        if concerns(rule, subject):
            yield (
                subject,
                (
                    (first + (number + 1) * step, _percentile(rule, buckets, number, bucket, step))
                    for number, bucket in enumerate(buckets)
                ),
            )


def _percentile(
    rule: AlertRule, buckets: Sequence[Figures | None], number: int, bucket: Figures | None, step: float
) -> Judged:
    it = rule.condition
    if bucket is None or not isinstance(it, declare.Threshold | declare.Change):
        return QUIET
    value, count = getattr(bucket, _PERCENTILES[it.metric]), bucket.answered
    if isinstance(it, declare.Threshold):
        holds, ceased = hold_threshold(it, value, count)
        return Judged(holds, ceased, threshold_words(rule, it, value, count) if holds else "", value)
    earlier = [each for each in buckets[max(0, number - max(1, int(it.before_s / step))) : number] if each is not None]
    known = [(getattr(each, _PERCENTILES[it.metric]), each.answered) for each in earlier]
    known = [(figure, answered) for figure, answered in known if figure is not None]
    before = max((figure for figure, _ in known), default=None)
    holds, ceased, change = hold_change(it, value, count, before, sum(answered for _, answered in known))
    return Judged(holds, ceased, change_words(rule, it, change) if holds else "", change)


def _told(rule: AlertRule, start: float, end: float, step: float, fired: list[WouldFire]) -> Backtest:
    fired.sort(key=lambda each: each.start)
    over = span(round((end - start) / 3600) * 3600 or round(end - start))
    if not fired:
        words = f"It would not have fired in the last {over}."
    else:
        times = "once" if len(fired) == 1 else f"{len(fired)} times"
        words = f"It would have fired {times} in the last {over}."
    return Backtest(rule.name, start, end, step, True, words, tuple(fired[-MOST_FIRED:]))


def _reach(condition: declare.Condition) -> float:
    """How much of the past before the start a condition looks at."""
    if isinstance(condition, declare.Burn):
        return condition.long_s
    if isinstance(condition, declare.Change):
        return condition.window_s + condition.before_s
    if isinstance(condition, declare.Absence):
        return condition.after_s + condition.before_s
    return getattr(condition, "window_s", 0.0)


def _step_for(condition: declare.Condition, length: float) -> float:
    """The finest buckets that fit the windows and are not too many."""
    window = getattr(condition, "short_s", None) or getattr(condition, "window_s", None) or 600.0
    fitting = [step for step in _STEPS if step <= window and length / step <= _BUCKETS]
    return fitting[0] if fitting else next((step for step in _STEPS if length / step <= _BUCKETS), _STEPS[-1])
