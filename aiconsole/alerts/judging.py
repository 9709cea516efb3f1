"""Whether a rule's condition holds for a subject now, in words, and when that could change without anything happening."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from aiconsole.alerts import declare
from aiconsole.alerts.declare import AlertRule
from aiconsole.alerts.measures import Calls
from aiconsole.alerts.words import BENCH_METRICS, METRICS, figure
from aiconsole.alerts.world import Moment, Run, Sort, World
from aiconsole.domain.events import BenchTarget
from aiconsole.domain.spans import span

_TICK_S: Final = (5.0, 300.0)


class Judged(NamedTuple):
    """``holds``: the condition begins or goes on; ``ceased``: it is beyond its clear threshold; neither: it stays as it is.

    ``next_s`` is after how many seconds to look again; None where nothing can change until something happens.
    """

    holds: bool
    ceased: bool
    words: str = ""
    value: float | None = None
    next_s: float | None = None


QUIET: Final = Judged(False, True)


def sort_of(rule: AlertRule) -> Sort:
    """What kind of fact a rule is about."""
    condition = rule.condition
    return rule.of if isinstance(condition, _MEASURED) else _SORTS[type(condition)]


def concerns(rule: AlertRule, subject: str) -> bool:
    """Whether a rule is about a subject."""
    condition = rule.condition
    if isinstance(condition, declare.JobFailed):
        return not condition.jobs or subject in condition.jobs
    if isinstance(condition, declare.BudgetReached):
        return True
    if isinstance(condition, declare.Finding):
        return True
    if isinstance(condition, _MEASURED) and (rule.by == "all") != (subject == ""):
        return False
    provider = subject.partition("/")[0]
    return not rule.providers or any(fnmatchcase(provider, pattern) for pattern in rule.providers)


def judge(rule: AlertRule, subject: str, world: World, now: Moment) -> Judged:
    """Hold a rule's condition against the world."""
    condition = rule.condition
    return _JUDGES[type(condition)](rule, condition, subject, world, now)


def subjects_of_budgets(world: World) -> Iterable[str]:
    """The budgets there are, by their words."""
    return (budget.words for budget in world.budgets())


def tick(window_s: float) -> float:
    """How often to look at a window while its contents age."""
    return min(max(window_s / 30, _TICK_S[0]), _TICK_S[1])


def hold_threshold(condition: declare.Threshold, value: float | None, count: int) -> tuple[bool, bool]:
    """Whether a figure begins (or goes on) to hold, and whether it has ceased. One that is not known has ceased."""
    if value is None or (condition.metric not in declare.COUNTS and count < condition.least):
        return False, True
    if condition.above is not None:
        return value > condition.above, value <= condition.ceases and value < condition.above
    below = condition.below or 0.0
    return value < below, value >= condition.ceases and value > below


def hold_change(
    condition: declare.Change, value: float | None, count: int, before: float | None, count_before: int
) -> tuple[bool, bool, float | None]:
    """The same for a change; and the change as a share of what was before."""
    counted = condition.metric in declare.COUNTS
    enough = count_before >= condition.least and (count >= condition.least or (counted and condition.fall is not None))
    if value is None or not before or not enough:
        return False, True, None
    if counted:
        value, before = value / condition.window_s, before / condition.before_s
    change = value / before - 1
    moved, limit = (change, condition.rise) if condition.rise is not None else (-change, condition.fall or 0.0)
    return moved >= limit, moved < limit / 2, change


def hold_burn(
    condition: declare.Burn, target: float, long: tuple[int, int], short: tuple[int, int]
) -> tuple[bool, bool, float]:
    """The same for a burn rate, from (failures, calls) of both windows; and the rate over the long one."""
    allowed = max(1 - (condition.target or target), 1e-9)
    rates = [failed / calls / allowed if calls else 0.0 for failed, calls in (long, short)]
    enough = long[1] >= condition.least and long[0] >= condition.failures
    holds = enough and min(rates) >= condition.times
    return holds, not holds, rates[0]


def _threshold(rule: AlertRule, it: declare.Threshold, subject: str, world: World, now: Moment) -> Judged:
    calls = world.of(rule.of, subject)
    value, count = calls.figure(it.metric, now.wall - it.window_s, now.wall)
    holds, ceased = hold_threshold(it, value, count)
    if it.below is not None and it.metric in declare.COUNTS and not _known_for(calls, world, it.window_s, now):
        holds, ceased = False, True
    return Judged(
        holds, ceased, threshold_words(rule, it, value, count), value, tick(it.window_s) if count or holds else None
    )


def threshold_words(rule: AlertRule, it: declare.Threshold, value: float | None, count: int) -> str:
    """What was found: “the error rate of attempts is 40 % over 5 min (20 attempts)”."""
    told = "not known" if value is None else figure(it.metric, value)
    return f"{METRICS[it.metric]} of {rule.of} is {told} over {span(it.window_s)} ({count} {rule.of})"


def _known_for(calls: Calls, world: World, window_s: float, now: Moment) -> bool:
    """Whether the console has watched for a whole window, so that a low number means something."""
    return calls.last_at is not None and now.wall - world.awake_since >= window_s


def _change(rule: AlertRule, it: declare.Change, subject: str, world: World, now: Moment) -> Judged:
    calls, edge = world.of(rule.of, subject), now.wall - it.window_s
    value, count = calls.figure(it.metric, edge, now.wall)
    if count < it.least and (it.fall is None or it.metric not in declare.COUNTS):
        return Judged(False, True, next_s=tick(it.window_s) if count else None)
    before, count_before = calls.figure(it.metric, edge - it.before_s, edge)
    holds, ceased, change = hold_change(it, value, count, before, count_before)
    return Judged(
        holds, ceased, change_words(rule, it, change), change, tick(it.window_s) if count or count_before else None
    )


def change_words(rule: AlertRule, it: declare.Change, change: float | None) -> str:
    """What was found: “the p95 time of attempts rose by 250 % over 10 min, compared with the 1 h before”."""
    told = "is not known" if change is None else f"{'rose' if change >= 0 else 'fell'} by {abs(change) * 100:.0f} %"
    what = f"{METRICS[it.metric]} of {rule.of} {told} over {span(it.window_s)}"
    return f"{what}, compared with the {span(it.before_s)} before"


def _absence(rule: AlertRule, it: declare.Absence, subject: str, world: World, now: Moment) -> Judged:
    calls = world.of(rule.of, subject)
    if calls.last_at is None:
        return QUIET
    quiet = now.wall - max(calls.last_at, world.awake_since)
    expected = calls.over(calls.last_at - it.before_s, calls.last_at + 1.0).judged
    if expected < it.least:
        return QUIET
    holds = quiet >= it.after_s
    words = f"no {rule.of} for {span(it.after_s)}, after {expected} in the {span(it.before_s)} before"
    return Judged(holds, not holds, words, quiet, None if holds else it.after_s - quiet)


def _burn(rule: AlertRule, it: declare.Burn, subject: str, world: World, now: Moment) -> Judged:
    calls = world.of(rule.of, subject)
    short = calls.over(now.wall - it.short_s, now.wall)
    if not short.failures:
        return QUIET
    long = calls.over(now.wall - it.long_s, now.wall)
    holds, ceased, rate = hold_burn(it, world.target(), (long.failures, long.judged), (short.failures, short.judged))
    return Judged(holds, ceased, burn_words(rule, it, rate, long.failures, long.judged), rate, tick(it.short_s))


def burn_words(rule: AlertRule, it: declare.Burn, rate: float, failures: int, calls: int) -> str:
    """What was found: “the error budget burns 20 times too fast: 30 of 1,500 requests failed over 1 h”."""
    failed = f"{failures:,} of {calls:,} {rule.of} failed over {span(it.long_s)}"
    return f"the error budget burns {rate:.3g} times too fast: {failed}"


def _since(failing_since: Moment, least_s: float, now: Moment) -> tuple[bool, float, float | None]:
    lasted = now.mono - failing_since.mono
    holds = lasted >= least_s
    return holds, lasted, None if holds else least_s - lasted


def _breaker(_: AlertRule, it: declare.BreakerOpen, subject: str, world: World, now: Moment) -> Judged:
    failing = world.breakers.get(subject)
    if failing is None:
        return QUIET
    holds, lasted, next_s = _since(failing.since, it.open_s, now)
    reason = f": {failing.words}" if failing.words else ""
    return Judged(holds, False, f"the circuit breaker of {subject} is open{reason}", lasted, next_s)


def _unhealthy(_: AlertRule, it: declare.Unhealthy, subject: str, world: World, now: Moment) -> Judged:
    failing = world.health.get(subject)
    if failing is None:
        return QUIET
    holds, lasted, next_s = _since(failing.since, it.down_s, now)
    reason = f": {failing.words}" if failing.words else ""
    words = f"{failing.times} health checks of {subject} failed{reason}"
    return Judged(holds and failing.times >= it.looks, False, words, lasted, next_s)


def _job(_: AlertRule, it: declare.JobFailed, subject: str, world: World, now: Moment) -> Judged:
    failing = world.jobs.get(subject)
    if failing is None:
        return QUIET
    often = "failed" if failing.times == 1 else f"failed {failing.times} times in a row"
    reason = f": {failing.words}" if failing.words else ""
    return Judged(failing.times >= it.times, False, f"the job {subject} {often}{reason}", float(failing.times))


def _budget(_: AlertRule, it: declare.BudgetReached, subject: str, world: World, now: Moment) -> Judged:
    budget = next((budget for budget in world.budgets() if budget.words == subject), None)
    if budget is None or budget.limit <= 0:
        return QUIET
    share = budget.spent / budget.limit
    holds = share >= it.share
    words = f"${budget.spent:,.2f} of {budget.words} is spent"
    return Judged(holds, not holds, words, share, max(1.0, budget.resets_at - now.wall) if holds else None)


def _errors(_: AlertRule, it: declare.Errors, subject: str, world: World, now: Moment) -> Judged:
    answered = world.answered_at.get(subject, float("-inf"))
    seen = [
        error
        for error in world.errors.get(subject, ())
        if error.kind in it.kinds and it.words.lower() in error.words.lower() and error.at.mono > answered
    ]
    if not seen or now.mono - seen[-1].at.mono >= it.quiet_s:
        return QUIET
    recent = sum(now.mono - error.at.mono <= it.within_s for error in seen)
    last = seen[-1]
    words = f"{subject} answered “{last.kind}”{f': {last.words}' if last.words else ''}"
    return Judged(recent >= it.count, False, words, float(recent), it.quiet_s - (now.mono - last.at.mono))


def _finding(_: AlertRule, it: declare.Finding, subject: str, world: World, now: Moment) -> Judged:
    found = world.findings.get(subject)
    if found is None or found.turn not in it.turns:
        return QUIET
    left = it.quiet_s - (now.mono - found.at.mono)
    return Judged(True, False, found.words, None, left) if left > 0 else QUIET


def _bench(_: AlertRule, it: declare.BenchFigure, subject: str, world: World, now: Moment) -> Judged:
    del now
    return hold_runs(it, world.runs.get(subject, ()))


def hold_runs(it: declare.BenchFigure, runs: Iterable[Run]) -> Judged:
    """Judge the scheduled runs of one target, oldest first."""
    enough = (run for run in runs if run.found.requests >= it.least)
    known = [(run, value) for run in enough if (value := _figure_of(it.metric, run.found)) is not None]
    if not known:
        return QUIET
    last = known[-it.runs :]
    run, value = last[-1]
    holds = len(last) == it.runs and all(value > it.above for _, value in last)
    words = (
        f"{BENCH_METRICS[it.metric]} of {run.found.target} was {figure(it.metric, value)} in the scheduled run "
        f"{run.name or run.run} ({run.found.requests:,} requests)"
    )
    again = f", too high for {it.runs} runs in a row" if holds and it.runs > 1 else ""
    return Judged(holds, value <= it.ceases, words + again, value)


def _figure_of(metric: declare.BenchMetric, found: BenchTarget) -> float | None:
    if metric == "error rate":
        return found.error_share
    return found.ttft_p95_ms if metric == "first token p95" else float(found.worse)


_MEASURED: Final = (declare.Threshold, declare.Change, declare.Absence, declare.Burn)
_SORTS: Final[dict[type, Sort]] = {
    declare.BreakerOpen: "breaker",
    declare.Unhealthy: "health",
    declare.JobFailed: "job",
    declare.BudgetReached: "budget",
    declare.Errors: "errors",
    declare.Finding: "finding",
    declare.BenchFigure: "bench",
}
_JUDGES: Final[dict[type, Callable[[AlertRule, Any, str, World, Moment], Judged]]] = {
    declare.Threshold: _threshold,
    declare.Change: _change,
    declare.Absence: _absence,
    declare.Burn: _burn,
    declare.BreakerOpen: _breaker,
    declare.Unhealthy: _unhealthy,
    declare.JobFailed: _job,
    declare.BudgetReached: _budget,
    declare.Errors: _errors,
    declare.Finding: _finding,
    declare.BenchFigure: _bench,
}
