"""Alert rules and figures as people say them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aiconsole.alerts import declare
from aiconsole.alerts.declare import AlertRule, BenchMetric, Metric
from aiconsole.domain.spans import span

METRICS: Final[dict[Metric, str]] = {
    "error rate": "the error rate",
    "p50": "the median time",
    "p95": "the p95 time",
    "first token p95": "the p95 time to the first token",
    "calls": "the number",
    "failures": "the number of failures",
    "cost": "the cost",
    "tokens": "the number of tokens",
}
"""What is measured."""

BENCH_METRICS: Final[dict[BenchMetric, str]] = {
    "error rate": METRICS["error rate"],
    "first token p95": METRICS["first token p95"],
    "worse figures": "the number of figures worse than the baseline's",
}
"""What is measured of a run of the test bench."""


def describe(rule: AlertRule) -> str:
    """A rule as one sentence, such as “Warns when the error rate of attempts at any provider is above 30 % over 5 min (of 10 or
    more), for 2 min, until it is below 10 %.”"""
    if len(rule.conditions) != 1:
        return "This rule has no condition yet."
    told = _SENTENCES[type(rule.condition)](rule, rule.condition)
    held = f", for {span(rule.for_s)}" if rule.for_s else ""
    until = _until(rule)
    begins = {"info": "Notes", "warning": "Warns", "critical": "Raises a critical alert"}[rule.severity]
    return f"{begins} when {told}{held}{until}."


def figure(metric: Metric | BenchMetric, value: float) -> str:
    """A figure with its unit."""
    if metric == "error rate":
        return f"{value * 100:.3g} %"
    if metric in ("p50", "p95", "first token p95"):
        return f"{value:.0f} ms" if value < 10_000 else f"{value / 1000:.1f} s"
    if metric == "cost":
        return f"${value:,.2f}"
    return f"{value:,.0f}"


def _whom(rule: AlertRule) -> str:
    if rule.by == "all" and any(getattr(rule, name) is not None for name in declare.MEASURED):
        return "at all providers together"
    return f"at {' or '.join(rule.providers)}" if rule.providers else "at any provider"


def _counted(rule: AlertRule, metric: Metric) -> str:
    return f"{METRICS[metric]} of {rule.of} {_whom(rule)}"


def _threshold(rule: AlertRule, it: declare.Threshold) -> str:
    side, value = ("above", it.above) if it.above is not None else ("below", it.below or 0.0)
    least = "" if it.metric in declare.COUNTS else f" (of {it.least} or more)"
    return f"{_counted(rule, it.metric)} is {side} {figure(it.metric, value)} over {span(it.window_s)}{least}"


def _change(rule: AlertRule, it: declare.Change) -> str:
    moved, share = ("rises", it.rise) if it.rise is not None else ("falls", it.fall or 0.0)
    return (
        f"{_counted(rule, it.metric)} {moved} by {share * 100:.3g} % or more over {span(it.window_s)}, compared with the "
        f"{span(it.before_s)} before"
    )


def _absence(rule: AlertRule, it: declare.Absence) -> str:
    return (
        f"there are no {rule.of} {_whom(rule)} for {span(it.after_s)}, after {it.least} or more in the "
        f"{span(it.before_s)} before"
    )


def _burn(rule: AlertRule, it: declare.Burn) -> str:
    goal = "the objective" if it.target is None else f"{it.target * 100:g} % answered"
    return (
        f"the error budget of {rule.of} {_whom(rule)} ({goal}) burns {it.times:g} times too fast over {span(it.long_s)} "
        f"and {span(it.short_s)}"
    )


def _breaker(rule: AlertRule, it: declare.BreakerOpen) -> str:
    return f"a circuit breaker of {_whom(rule).removeprefix('at ')} has been open for {span(it.open_s)}"


def _unhealthy(rule: AlertRule, it: declare.Unhealthy) -> str:
    return f"health checks {_whom(rule)} have failed for {span(it.down_s)}, {it.looks} or more in a row"


def _job(_: AlertRule, it: declare.JobFailed) -> str:
    whom = f"the job {' or '.join(it.jobs)}" if it.jobs else "a background job"
    return f"{whom} fails" if it.times == 1 else f"{whom} fails {it.times} times in a row"


def _budget(_: AlertRule, it: declare.BudgetReached) -> str:
    return "a budget is used up" if it.share >= 1 else f"{it.share * 100:g} % of a budget is spent"


def _errors(rule: AlertRule, it: declare.Errors) -> str:
    kinds = " or ".join(f"“{kind}”" for kind in it.kinds)
    about = f" about “{it.words}”" if it.words else ""
    whom = _whom(rule).replace("at", "from", 1)
    if it.count == 1:
        return f"an error {kinds}{about} comes {whom}"
    return f"{it.count} errors {kinds}{about} come {whom} within {span(it.within_s)}"


def _finding(_: AlertRule, it: declare.Finding) -> str:
    told = {
        "new": "an error is new",
        "regression": "an error is back that was gone",
        "spike": "an error comes far more often than usual",
        "slow": "answers take longer than their objective allows",
    }
    return " or ".join(told[turn] for turn in it.turns)


def _bench(rule: AlertRule, it: declare.BenchFigure) -> str:
    runs = "a scheduled run" if it.runs == 1 else f"{it.runs} scheduled runs in a row"
    limit = f"is above {figure(it.metric, it.above)}"
    return (
        f"in {runs} of the test bench {BENCH_METRICS[it.metric]} {_whom(rule)} {limit} (of {it.least} requests or more)"
    )


def _until(rule: AlertRule) -> str:
    condition = rule.condition
    if isinstance(condition, declare.Threshold):
        side = "below" if condition.above is not None else "above"
        return f", until it is {side} {figure(condition.metric, condition.ceases)}"
    if isinstance(condition, declare.Errors):
        return f", until the provider answers or none came for {span(condition.quiet_s)}"
    if isinstance(condition, declare.BenchFigure):
        return f", until a run finds {figure(condition.metric, condition.ceases)} or less"
    if isinstance(condition, declare.Finding):
        return f", until it is not found for {span(condition.quiet_s)}"
    return ""


_SENTENCES: Final[dict[type, Callable[[AlertRule, Any], str]]] = {
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
