"""The condition of an alert rule as the parts of a sentence: words, and between them what can be chosen or set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, floor
from typing import Any, Final, NamedTuple

from ...alerts import declare
from ...alerts.declare import AlertRule, BenchMetric, Metric
from ...alerts.words import BENCH_METRICS, METRICS
from ...routing.rules.declare import ERROR_KINDS
from ...settings.declare import JOB_NAMES
from ..routing.rules_conditions import Figure

KINDS: Final[dict[str, str]] = {
    "threshold": "a figure passes a limit:",
    "change": "a figure changes suddenly:",
    "absence": "nothing comes any more:",
    "burn": "the error budget burns too fast:",
    "breaker": "a circuit breaker stays open:",
    "unhealthy": "health checks fail:",
    "job": "a background job fails:",
    "budget": "a budget is spent:",
    "errors": "certain errors come:",
    "finding": "a background job finds something:",
    "bench": "a scheduled run of the test bench finds:",
}
"""Every kind of condition by its field in a rule, in the order they are offered."""

NEW: Final[dict[str, declare.Condition]] = {
    "threshold": declare.Threshold(metric="error rate", above=0.3, clear=0.1),
    "change": declare.Change(metric="p95", rise=1.0),
    "absence": declare.Absence(),
    "burn": declare.Burn(),
    "breaker": declare.BreakerOpen(),
    "unhealthy": declare.Unhealthy(),
    "job": declare.JobFailed(times=3),
    "budget": declare.BudgetReached(share=0.8),
    "errors": declare.Errors(kinds=("quota exhausted",), count=2),
    "finding": declare.Finding(turns=("regression", "spike")),
    "bench": declare.BenchFigure(metric="error rate", above=0.05),
}
"""What a condition is when it is chosen."""

_OF: Final = {"attempts": "attempts", "requests": "requests"}
_BY: Final = {"provider": "at a provider", "all": "at all together"}
_TURNS: Final = ("new", "regression", "spike", "slow")
_PERCENT: Final = 100.0


class Pick(NamedTuple):
    """One of some choices, kept in ``field`` of the condition, or of the rule where ``ruled``."""

    field: str
    name: str
    options: Mapping[Any, str]
    ruled: bool = False


class Side(NamedTuple):
    """Which of two fields has the figure: above or below, rise or fall."""

    name: str
    options: Mapping[str, str]


class Several(NamedTuple):
    """Some of many, kept as a tuple."""

    field: str
    name: str
    options: tuple[str, ...]
    none: str
    ruled: bool = False


class Text(NamedTuple):
    """A few words."""

    field: str
    name: str
    hint: str


class Ruled(NamedTuple):
    """A figure of the rule itself."""

    figure: Figure


Part = str | Figure | Pick | Side | Several | Text | Ruled


def kind_of(rule: AlertRule) -> str:
    """The field that holds its condition, "" where none does."""
    return next((name for name in KINDS if getattr(rule, name) is not None), "")


def parts_of(rule: AlertRule, providers: tuple[str, ...]) -> tuple[Part, ...]:
    """The sentence of a rule's condition, behind its kind."""
    kind = kind_of(rule)
    return _PARTS[kind](rule, getattr(rule, kind), providers) if kind else ()


def span(field: str, name: str, value: float, low_s: float, high_s: float) -> Figure:
    """A stretch of time in the unit in which it is a whole number."""
    size, unit = next(
        ((size, unit) for size, unit in ((86_400, " d"), (3600, " h"), (60, " min")) if value and value % size == 0),
        (1, " s"),
    )
    if value == size and size > 60 and low_s < size:
        size, unit = {86_400: (3600, " h"), 3600: (60, " min")}[size]
    return Figure(field, name, unit, ceil(low_s / size), floor(high_s / size), 1 / size)


def holding(rule: AlertRule) -> tuple[Part, ...]:
    """For how long it must hold, and must have ceased."""
    return (
        "Tell once that has lasted for",
        Ruled(span("for_s", "how long it must hold", rule.for_s, 0, 86_400)),
        "and call it over when it has ceased for",
        Ruled(span("resolve_s", "how long it must have ceased", rule.resolve_s, 0, 86_400)),
    )


def _counted(rule: AlertRule, providers: tuple[str, ...]) -> tuple[Part, ...]:
    where: tuple[Part, ...] = (
        "of",
        Pick("of", "What is judged", _OF, ruled=True),
        Pick("by", "Whether each provider is judged by itself", _BY, ruled=True),
    )
    return where if rule.by == "all" else (*where, _among(providers))


def _among(providers: tuple[str, ...]) -> Several:
    return Several("providers", "Providers", providers, "any of them", ruled=True)


def _value(metric: Metric | BenchMetric, field: str, name: str, *, leave: bool = False) -> Figure:
    if metric == "error rate":
        return Figure(field, name, " %", 0, 100, _PERCENT, 0, leave)
    if metric in ("p50", "p95", "first token p95"):
        return Figure(field, name, " ms", 1, 3_600_000, 1.0, 0, leave)
    if metric == "cost":
        return Figure(field, name, " USD", 0, 100_000, 1.0, 2, leave)
    return Figure(field, name, "", 0, 1_000_000_000, 1.0, 0, leave)


def _least(metric: Metric) -> tuple[Part, ...]:
    if metric in declare.COUNTS:
        return ()
    return ("counting from", Figure("least", "least number of calls", " calls", 1, 100_000))


def _threshold(rule: AlertRule, it: declare.Threshold, providers: tuple[str, ...]) -> tuple[Part, ...]:
    side = "above" if it.above is not None else "below"
    back = "below" if it.above is not None else "above"
    return (
        Pick("metric", "Figure", METRICS),
        *_counted(rule, providers),
        "is",
        Side("On which side", {"above": "above", "below": "below"}),
        _value(it.metric, side, "limit"),
        "over",
        span("window_s", "window", it.window_s, 30, 259_200),
        *_least(it.metric),
        f"until it is {back}",
        _value(it.metric, "clear", "where it ceases", leave=True),
    )


def _change(rule: AlertRule, it: declare.Change, providers: tuple[str, ...]) -> tuple[Part, ...]:
    side = "rise" if it.rise is not None else "fall"
    return (
        Pick("metric", "Figure", METRICS),
        *_counted(rule, providers),
        Side("In which direction", {"rise": "rises by", "fall": "falls by"}),
        Figure(side, "by how much", " %", 1, 100 if side == "fall" else 10_000, _PERCENT),
        "over",
        span("window_s", "window", it.window_s, 30, 259_200),
        "compared with the",
        span("before_s", "window before", it.before_s, 30, 259_200),
        "before, of at least",
        Figure("least", "least number of calls", " calls", 1, 100_000),
    )


def _absence(rule: AlertRule, it: declare.Absence, providers: tuple[str, ...]) -> tuple[Part, ...]:
    return (
        "none",
        *_counted(rule, providers),
        "for",
        span("after_s", "how long", it.after_s, 30, 259_200),
        "after at least",
        Figure("least", "least number of calls", " calls", 1, 100_000),
        "in the",
        span("before_s", "window before", it.before_s, 30, 259_200),
        "before",
    )


def _burn(rule: AlertRule, it: declare.Burn, providers: tuple[str, ...]) -> tuple[Part, ...]:
    return (
        "that",
        *_counted(rule, providers),
        "at least",
        Figure("times", "how many times too fast", " times too fast", 0.1, 1000, 1.0, 1),
        "over",
        span("long_s", "long window", it.long_s, 30, 259_200),
        "and still over",
        span("short_s", "short window", it.short_s, 30, 259_200),
        "with at least",
        Figure("least", "least number of calls", " calls", 1, 100_000),
        "and",
        Figure("failures", "least number of failures", " failures", 1, 100_000),
    )


def _breaker(_: AlertRule, it: declare.BreakerOpen, providers: tuple[str, ...]) -> tuple[Part, ...]:
    return ("that of", _among(providers), "for", span("open_s", "how long", it.open_s, 0, 86_400))


def _unhealthy(_: AlertRule, it: declare.Unhealthy, providers: tuple[str, ...]) -> tuple[Part, ...]:
    return (
        "those of",
        _among(providers),
        "for",
        span("down_s", "how long", it.down_s, 0, 86_400),
        "and at least",
        Figure("looks", "how many in a row", " in a row", 1, 1000),
    )


def _job(_rule: AlertRule, _it: declare.JobFailed, _providers: tuple[str, ...]) -> tuple[Part, ...]:
    return (
        Several("jobs", "Jobs", JOB_NAMES, "any job"),
        Figure("times", "how many times in a row", " times in a row", 1, 1000),
    )


def _budget(_rule: AlertRule, _it: declare.BudgetReached, _providers: tuple[str, ...]) -> tuple[Part, ...]:
    return (Figure("share", "share of the budget", " %", 1, 100, _PERCENT), "of it or more")


def _errors(_: AlertRule, it: declare.Errors, providers: tuple[str, ...]) -> tuple[Part, ...]:
    return (
        Figure("count", "how many", " of", 1, 100_000),
        Several("kinds", "Kinds of errors", tuple(sorted(ERROR_KINDS)), "no kind"),
        "with the words",
        Text("words", "Words in the error", "any"),
        "within",
        span("within_s", "within", it.within_s, 30, 259_200),
        "from",
        _among(providers),
        "until none came for",
        span("quiet_s", "how long none", it.quiet_s, 30, 259_200),
    )


def _finding(_rule: AlertRule, it: declare.Finding, _providers: tuple[str, ...]) -> tuple[Part, ...]:
    return (
        Several("turns", "Findings", _TURNS, "nothing"),
        "until it is not found for",
        span("quiet_s", "how long none", it.quiet_s, 30, 259_200),
    )


def _bench(_: AlertRule, it: declare.BenchFigure, providers: tuple[str, ...]) -> tuple[Part, ...]:
    return (
        Pick("metric", "Figure", BENCH_METRICS),
        "at",
        _among(providers),
        "is above",
        _value(it.metric, "above", "limit"),
        "in",
        Figure("runs", "how many runs in a row", " runs in a row", 1, 20),
        "of at least",
        Figure("least", "least number of requests", " requests", 1, 100_000),
        "until a run finds at most",
        _value(it.metric, "clear", "where it ceases", leave=True),
    )


_PARTS: Final[dict[str, Callable[[AlertRule, Any, tuple[str, ...]], tuple[Part, ...]]]] = {
    "threshold": _threshold,
    "change": _change,
    "absence": _absence,
    "burn": _burn,
    "breaker": _breaker,
    "unhealthy": _unhealthy,
    "job": _job,
    "budget": _budget,
    "errors": _errors,
    "finding": _finding,
    "bench": _bench,
}
