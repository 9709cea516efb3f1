"""Assertions on a run, as they are written in suites and on the command line.

    ttft_p95 < 800 ms
    error_rate <= 1 %
    groq: tokens_per_s >= 500
    ttft_p95 not worse
    ttft_p95 <= 110 % of baseline

    mistral: chat < 5 s

A name before a colon limits it to one provider or ``provider/model``. Figures are those of metrics.py; those of
a health check (``chat``, ``json_schema``) are how long it took, and one that was not passed fails. ``not worse`` holds
unless the comparison with the baseline says "worse"; a share ``of baseline`` takes the baseline's figure alone, without chance.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from aiconsole.bench.compare import compare_figure, figure, totals
from aiconsole.bench.metrics import CHECK_TIMES, side, split_name, unit_of
from aiconsole.bench.report import Assertion, Report, TargetReport
from aiconsole.domain.errors import ConfigError

_OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
}
_FORM: Final = re.compile(
    r"(?:(?P<target>\S+):\s+)?(?P<name>[a-z0-9_]+)\s*(?:(?P<compare>not\s+worse)|(?P<op><=|>=|==|<|>)\s*"
    r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>%\s*of\s+baseline|[a-zA-Z%/$]+)?)\Z"
)
_FACTORS: Final = {
    ("ms", "ms"): 1.0,
    ("ms", "s"): 1000.0,
    ("ms", "us"): 0.001,
    ("%", "%"): 0.01,
    ("tokens/s", "tokens/s"): 1.0,
    ("requests/s", "requests/s"): 1.0,
    ("USD", "USD"): 1.0,
    ("USD", "$"): 1.0,
}
_EXAMPLE: Final = "Write it like “ttft_p95 < 800 ms”, “error_rate < 1 %” or “ttft_p95 not worse”."


class Condition(msgspec.Struct, frozen=True):
    """One assertion, read. ``limit`` is in the figure's own unit (a share for %), or a factor ``of_baseline``."""

    text: str
    name: str
    target: str = ""
    op: str = ""
    limit: float = 0.0
    of_baseline: bool = False

    @property
    def needs_baseline(self) -> bool:
        return self.of_baseline or not self.op


def read(text: str) -> Condition:
    """One assertion.

    Raises:
        ConfigError: it cannot be understood; the message says what is wrong.
    """
    found = _FORM.match(text.strip())
    if found is None:
        raise ConfigError(f"The assertion “{text}” cannot be understood.", advice=_EXAMPLE)
    name, target = found["name"], found["target"] or ""
    unit = unit_of(name)
    if name in CHECK_TIMES and (found["compare"] or (found["unit"] or "").endswith("baseline")):
        raise ConfigError(f"“{name}” is one check and cannot be compared with a baseline.", advice=_EXAMPLE)
    if found["compare"]:
        _, statistic = split_name(name)
        if not statistic and name != "error_rate":
            raise ConfigError(f"“{name}” cannot be “not worse”: it is one figure without a spread.", advice=_EXAMPLE)
        return Condition(text, name, target)
    number, given = float(found["number"]), found["unit"] or ""
    if given.endswith("baseline"):
        return Condition(text, name, target, found["op"], number / 100, of_baseline=True)
    if not given:
        return Condition(text, name, target, found["op"], number * (0.01 if unit == "%" else 1.0))
    factor = _FACTORS.get((unit, given))
    if factor is None:
        told = f"it is in {unit}" if unit else "it has none"
        raise ConfigError(f"The assertion “{text}” has the wrong unit for {name}: {told}.", advice=_EXAMPLE)
    return Condition(text, name, target, found["op"], number * factor)


def judged(conditions: Sequence[Condition], report: Report, baseline: Report | None) -> tuple[Assertion, ...]:
    """Each assertion held against each target it is about."""
    found: list[Assertion] = []
    for condition in conditions:
        if condition.name in CHECK_TIMES:
            found += _of_health(condition, report)
            continue
        about = [target for target in report.targets if _concerns(condition, target)]
        if not about:
            found.append(Assertion(condition.text, condition.target, False, words="No such target was measured."))
        for target in about:
            earlier = None if baseline is None else baseline.target(target.target)
            found.append(_judge(condition, target, earlier))
    return tuple(found)


def _of_health(condition: Condition, report: Report) -> list[Assertion]:
    """A condition on the time of a check, for each provider that was looked at."""
    name = CHECK_TIMES[condition.name]
    found = []
    for check in report.health:
        if check.check != name or condition.target not in ("", check.provider):
            continue
        if check.result == "skipped" or check.ms is None:
            found.append(Assertion(condition.text, check.provider, None, words=check.reason or "It was not tried."))
            continue
        shown = in_unit(condition.name, check.ms)
        in_time = _OPERATORS[condition.op](check.ms, condition.limit)
        words = f"{shown}, wanted {condition.op} {in_unit(condition.name, condition.limit)}"
        words += "" if check.result == "pass" else f"; it failed: {check.reason}"
        found.append(Assertion(condition.text, check.provider, in_time and check.result == "pass", shown, words))
    return found or [Assertion(condition.text, condition.target, False, words="No such check was made.")]


def _concerns(condition: Condition, target: TargetReport) -> bool:
    return condition.target in ("", target.target, target.target.partition("/")[0])


def _judge(condition: Condition, target: TargetReport, baseline: TargetReport | None) -> Assertion:
    value = value_of(target, condition.name)
    if value is None:
        return Assertion(condition.text, target.target, False, words="There is no such figure: no request brought one.")
    shown = in_unit(condition.name, value)
    if condition.needs_baseline and baseline is None:
        words = "There is no baseline for this target, so nothing was compared."
        return Assertion(condition.text, target.target, None, shown, words)
    if not condition.op:
        assert baseline is not None
        change = compare_figure(baseline, target, condition.name)
        if change is None:
            return Assertion(condition.text, target.target, None, shown, "The baseline has no such figure.")
        return Assertion(condition.text, target.target, change.verdict != "worse", shown, change.words)
    limit = condition.limit
    if condition.of_baseline:
        assert baseline is not None
        earlier = value_of(baseline, condition.name)
        if earlier is None:
            return Assertion(condition.text, target.target, None, shown, "The baseline has no such figure.")
        limit *= earlier
    passed = _OPERATORS[condition.op](value, limit)
    words = f"{shown}, wanted {condition.op} {in_unit(condition.name, limit)}"
    return Assertion(condition.text, target.target, passed, shown, words)


def value_of(target: TargetReport, name: str) -> float | None:
    """A figure of a target in its own unit (a share for %); None where it has none. Raises as `metrics.split_name`."""
    metric, statistic = split_name(name)
    if not statistic:
        return totals(target).get(name)
    found = target.spreads.get(metric)
    if found is not None:
        return float(getattr(found, statistic).value)
    kept = target.values.get(metric)
    return side(name, kept)[0] if kept else None


def in_unit(name: str, value: float) -> str:
    """A figure with its unit, for people."""
    unit = unit_of(name)
    return f"{figure(value * 100)} %" if unit == "%" else f"{figure(value)} {unit}".strip()
