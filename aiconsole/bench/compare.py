"""Comparing runs: each figure before and after, with the interval of its difference and a plain verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from aiconsole.bench.metrics import CHECK_TIMES, METRICS, TOTALS, lower_is_better, side, split_name, unit_of
from aiconsole.bench.report import Report, TargetReport
from aiconsole.bench.statistics import Difference, difference, share_draw
from aiconsole.domain.errors import ConfigError

FIGURES: Final = (
    "ttft_p50",
    "ttft_p95",
    "visible_p50",
    "itl_p50",
    "tpot_p50",
    "speed_p50",
    "e2e_p50",
    "latency_p95",
    "error_rate",
)


def compare(before: Report, after: Report) -> tuple[Difference, ...]:
    """Every figure that both runs have, target by target; targets are matched by name, else by provider."""
    found = []
    for target in after.targets:
        earlier = before.target(target.target)
        if earlier is not None:
            found += compare_targets(earlier, target)
    return tuple(found)


def compare_targets(before: TargetReport, after: TargetReport) -> list[Difference]:
    """Every figure that both targets have; also for two targets of one run."""
    differences = (compare_figure(before, after, name) for name in FIGURES)
    return [found for found in differences if found is not None]


def compare_figure(before: TargetReport, after: TargetReport, name: str) -> Difference | None:
    """One figure of two targets; None where one of them lacks it.

    Raises:
        ConfigError: there is no such figure, or it has no spread (a rate or a cost).
    """
    metric, statistic = split_name(name)
    lower = lower_is_better(name)
    if statistic:
        old, new = before.values.get(metric), after.values.get(metric)
        if not old or not new:
            return None
        found = difference(name, side(name, old), side(name, new), lower_is_better=lower)
    elif name == "error_rate":
        if not before.requests or not after.requests:
            return None
        sides = [
            (target.errors / target.requests, share_draw(target.errors, target.requests)) for target in (before, after)
        ]
        found = difference(name, sides[0], sides[1], lower_is_better=True)
    else:
        raise ConfigError(
            f"“{name}” is one figure of a whole run and cannot be told apart from chance.",
            advice="Compare a percentile, a mean or error_rate.",
        )
    return msgspec.structs.replace(found, target=after.target, words=in_words(found))


def in_words(found: Difference) -> str:
    """A difference as a sentence without a subject: “worse: 812 ms before, 1,034 ms now (+27 %, ...)”."""
    unit = unit_of(found.metric)
    scale = 100.0 if unit == "%" else 1.0
    values = [f"{figure(value * scale)} {unit}" for value in (found.before, found.after)]
    span = found.difference
    share = "" if found.share is None else f"{found.share:+.1%}, "
    low, high = (f"{'+' if end > 0 else ''}{figure(end * scale)}" for end in (span.low, span.high))
    return f"{found.verdict}: {values[0]} before, {values[1]} now ({share}95 % interval {low} to {high} {unit})"


def figure(value: float) -> str:
    """A number for people: three digits that matter."""
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.3g}"


def label(name: str) -> str:
    """A figure's name for people: “Time to first token, p95”. Raises as `split_name`."""
    metric, statistic = split_name(name)
    if statistic:
        return f"{METRICS[metric].label}, {statistic}"
    return f"Check of {CHECK_TIMES[metric]}" if metric in CHECK_TIMES else TOTALS[metric][0]


def totals(target: TargetReport) -> Mapping[str, float | None]:
    """The figures of a whole target by name; ``error_rate`` is a share."""
    return {
        "error_rate": None if target.error_rate is None else target.error_rate.value,
        "requests_per_s": target.requests_per_s,
        "tokens_per_s": target.tokens_per_s,
        "goodput_per_s": target.goodput_per_s,
        "cost": target.cost_usd,
        "requests": float(target.requests),
        "errors": float(target.errors),
    }
