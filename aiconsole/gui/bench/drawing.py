"""What the plots show, made from what was seen and from reports. No Qt but the plot's own description."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from ...bench.compare import figure
from ...bench.history import Point
from ...bench.metrics import split_name, unit_of
from ...bench.outputs.plots import distribution
from ...bench.progress import LiveTarget
from ...bench.report import TargetReport
from ..figures import latency
from .axes import Axis, fixed, linear, logarithmic
from .curves import Drawn, Series
from .words import number, provider_of, short_names

_PERCENT = fixed(0.0, 100.0, 4)


def live_distribution(targets: Sequence[LiveTarget]) -> Drawn:
    """The share of answers that took at most so long, so far."""
    names = short_names([target.target for target in targets])
    series = []
    for target in targets:
        total = sum(count for _, count in target.distribution)
        reached, points = 0, []
        for upper, count in target.distribution:
            reached += count
            points.append((upper, 100.0 * reached / total))
        if points:
            series.append(Series(names[target.target], provider_of(target.target), points))
    return _shares(series)


def spread(targets: Sequence[TargetReport], metric: str) -> Drawn:
    """The same of a finished run, of any figure in ms."""
    names = short_names([target.target for target in targets])
    return _shares(
        [
            Series(names[target.target], provider_of(target.target), distribution("", target.values[metric]).points)
            for target in targets
            if target.values.get(metric)
        ]
    )


def _shares(series: Sequence[Series]) -> Drawn:
    values = [x for each in series for x, _ in each.points]
    return Drawn(series, logarithmic(values, 8), _PERCENT, latency, lambda share: f"{share:.0f} %")


def over_time(targets: Sequence[TargetReport]) -> Drawn:
    """The median time to the first token, or the latency where nothing was streamed, over the run."""
    names = short_names([target.target for target in targets])
    series = []
    for target in targets:
        points = [
            (slice_.at_s, ms)
            for slice_ in target.over_time
            if (ms := slice_.ttft_p50_ms if slice_.ttft_p50_ms is not None else slice_.latency_p50_ms) is not None
        ]
        if points:
            series.append(Series(names[target.target], provider_of(target.target), points))
    return Drawn(series, linear(_xs(series), 8), linear(_ys(series), 4), _seconds, latency, marked=True)


def levels(targets: Sequence[TargetReport]) -> Drawn:
    """Good requests/s at each level of load."""
    names = short_names([target.target for target in targets])
    series = [
        Series(
            names[target.target],
            provider_of(target.target),
            sorted((stage.level, stage.goodput_per_s) for stage in target.stages),
        )
        for target in targets
        if target.stages
    ]
    return Drawn(
        series, linear(_xs(series), 8), linear(_ys(series), 4), number, lambda y: f"{number(y)} /s", marked=True
    )


def history(name: str, found: Mapping[str, Sequence[Point]]) -> Drawn:
    """A figure of some targets over runs, one place a run, with intervals."""
    runs = sorted({(point.at, point.run) for points in found.values() for point in points})
    places = {run: number for number, (_, run) in enumerate(runs)}
    scale = 100.0 if unit_of(name) == "%" else 1.0
    names = short_names(list(found))
    series = [
        Series(
            names[target],
            provider_of(target),
            [(float(places[point.run]), point.value * scale) for point in points],
            [
                (float(places[point.run]), point.low * scale, point.high * scale)
                for point in points
                if point.low is not None and point.high is not None
            ],
        )
        for target, points in found.items()
        if points
    ]
    tops = _ys(series) + [high for each in series for _, _, high in each.bars]
    last = max(len(runs) - 1, 1)
    x = Axis(-0.3, last + 0.3, tuple(float(number) for number in range(len(runs))))

    def when(place: float) -> str:
        at = runs[min(max(0, round(place)), len(runs) - 1)][0] if runs else 0.0
        return time.strftime("%d %b %H:%M", time.localtime(at))

    return Drawn(series, x, linear(tops, 4), when, lambda y: with_unit(name, y), marked=True)


def with_unit(name: str, value: float) -> str:
    """A value of a figure, already in per cent where that is its unit, with its unit."""
    split_name(name)
    unit = unit_of(name)
    return (
        latency(value) if unit == "ms" else f"${figure(value)}" if unit == "USD" else f"{number(value)} {unit}".strip()
    )


def _xs(series: Iterable[Series]) -> list[float]:
    return [x for each in series for x, _ in each.points]


def _ys(series: Iterable[Series]) -> list[float]:
    return [y for each in series for _, y in each.points]


def _seconds(value: float) -> str:
    return f"{value:.3g} s"
