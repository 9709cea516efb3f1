"""The figures by name: what each is called, its unit, whether less is better, and how it is had from samples.

A figure of a run is named ``<metric>_<statistic>`` (``ttft_p95``, ``latency_mean``) or by a name of its own (``error_rate``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

from aiconsole.bench import statistics
from aiconsole.bench.measure import Sample
from aiconsole.bench.statistics import Draw
from aiconsole.domain.errors import ConfigError

STATISTICS: Final = ("mean", "p50", "p90", "p95", "p99")


class Metric(NamedTuple):
    """One figure of a single request: ``of`` gives it, None where the request has none."""

    name: str
    label: str
    unit: str
    of: Callable[[Sample], float | None]
    lower_is_better: bool = True


METRICS: Final = {
    metric.name: metric
    for metric in (
        Metric("ttft", "Time to first token", "ms", lambda sample: sample.ttft_ms),
        Metric("visible", "Time to first visible token", "ms", lambda sample: sample.visible_ms),
        Metric("itl", "Inter-token latency", "ms", lambda sample: sample.itl_ms),
        Metric("tpot", "Time per output token", "ms", lambda sample: sample.tpot_ms),
        Metric("e2e", "Whole answer, from sent", "ms", lambda sample: sample.e2e_ms),
        Metric("latency", "Whole answer, from scheduled", "ms", lambda sample: sample.latency_ms),
        Metric("speed", "Speed of one answer", "tokens/s", lambda sample: sample.speed, lower_is_better=False),
    )
}
TOTALS: Final = {
    "error_rate": ("Failed requests", "%", True),
    "requests_per_s": ("Requests", "requests/s", False),
    "tokens_per_s": ("Output tokens", "tokens/s", False),
    "goodput_per_s": ("Good requests", "requests/s", False),
    "cost": ("Cost", "USD", True),
    "requests": ("Requests", "", False),
    "errors": ("Failed requests", "", True),
}
"""Figures of a whole target: label, unit, whether less is better."""


CHECK_TIMES: Final = {
    "key": "key",
    "models": "models",
    "chat": "chat",
    "stream": "stream",
    "vision": "vision",
    "json_schema": "JSON schema",
    "tools": "tools",
}
"""Figures of a health check, all in ms: how long each check took, by the check's name."""


def values(samples: Sequence[Sample], metric: str) -> list[float]:
    """A figure of each answered and counted request, in the order they ended."""
    of = METRICS[metric].of
    return [value for sample in samples if sample.counted and sample.ok and (value := of(sample)) is not None]


def split_name(name: str) -> tuple[str, str]:
    """A figure's name as metric and statistic, the latter "" for figures of a whole target.

    Raises:
        ConfigError: there is no such figure.
    """
    if name in TOTALS or name in CHECK_TIMES:
        return name, ""
    metric, _, statistic = name.rpartition("_")
    if metric in METRICS and statistic in STATISTICS:
        return metric, statistic
    names = [*TOTALS, *CHECK_TIMES, *(f"{metric}_{statistic}" for metric in METRICS for statistic in STATISTICS)]
    near = get_close_matches(name, names, 3, 0.6) or ["ttft_p95", "error_rate", "requests_per_s"]
    raise ConfigError(f"There is no figure called “{name}”.", advice=f"Try {', '.join(near)}.")


def lower_is_better(name: str) -> bool:
    """Whether less of a figure is better. Raises as `split_name`."""
    metric, statistic = split_name(name)
    if statistic:
        return METRICS[metric].lower_is_better
    return metric in CHECK_TIMES or TOTALS[metric][2]


def unit_of(name: str) -> str:
    """A figure's unit. Raises as `split_name`."""
    metric, statistic = split_name(name)
    if statistic:
        return METRICS[metric].unit
    return "ms" if metric in CHECK_TIMES else TOTALS[metric][1]


def side(name: str, figures: Sequence[float]) -> tuple[float, Draw]:
    """One side of a comparison: the figure's value and what draws it again. ``figures`` is not empty."""
    _, statistic = split_name(name)
    if statistic == "mean":
        return sum(figures) / len(figures), statistics.mean_draw(figures)
    ordered = sorted(figures)
    share = int(statistic[1:]) / 100
    return statistics.percentile(ordered, share), statistics.percentile_draw(ordered, share)
