"""What the graph shows, as values, and the same as shapes in the data's own measure.

A frame of a pan or a zoom only maps shapes by a transform, which Qt does; they are made anew when the figures change. A bucket
without a figure is a gap in a line and no bar.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Final, Literal, NamedTuple

import msgspec
from PySide6.QtCore import QLineF, QPointF, QRectF
from PySide6.QtGui import QPolygonF

from ...domain.history import BreakerSpan, Figures, Series
from .recent import Recent

Metric = Literal["duration", "ttft"]
Plot = Literal["latency", "errors", "requests", "cost", "breakers"]
PLOTS: Final[tuple[Plot, ...]] = ("latency", "errors", "requests", "cost", "breakers")
_BAR: Final = 0.86
"""The share of a bucket that its bar takes."""


class Graph(msgspec.Struct, frozen=True):
    """Figures bucket by bucket: number ``n`` of each of ``lines`` begins at ``start + n * step`` (epoch s)."""

    start: float = 0.0
    step: int = 10
    lines: Mapping[str, Sequence[Figures | None]] = {}
    spans: tuple[BreakerSpan, ...] = ()

    def number(self, at: float) -> int:
        """The bucket that holds the time ``at``."""
        return math.floor((at - self.start) / self.step)

    def begins(self, number: int) -> float:
        """When a bucket begins."""
        return self.start + number * self.step

    def at(self, provider: str, number: int) -> Figures | None:
        """One provider's bucket."""
        line = self.lines.get(provider, ())
        return line[number] if 0 <= number < len(line) else None

    def between(self, provider: str, start: float, end: float) -> Sequence[Figures | None]:
        """The buckets of a provider that reach into a stretch of time."""
        first = max(0, self.number(start))
        return self.lines.get(provider, ())[first : max(first, self.number(end) + 1)]

    def newest(self) -> int | None:
        """The last bucket in which anything happened."""
        return max((at for line in self.lines.values() for at, part in enumerate(line) if part), default=None)

    def states(self, provider: str, start: float, end: float) -> list[BreakerSpan]:
        """The spans of a provider's breakers, its own and its models', that reach into a stretch of time. Where none is kept,
        they are closed from the first attempt on: every other state is kept."""
        kept = [span for span in self.spans if span.key.partition("/")[0] == provider]
        told = [msgspec.structs.replace(span, start=self._known(span)) for span in kept]
        asked = self._asked(provider)
        if asked is not None and not kept:
            told = [BreakerSpan(provider, "closed", asked, None, "")]
        return [span for span in told if span.start < end and (span.end is None or span.end > start)]

    def _known(self, span: BreakerSpan) -> float:
        """When the state of ``span`` was seen first: that from before the first change is cut to the range."""
        if span.state != "closed" or span.start > self.start + self.step:
            return span.start
        asked = self._asked(span.key.partition("/")[0])
        ends = math.inf if span.end is None else span.end
        return min(max(span.start, asked), ends) if asked is not None else span.start

    def _asked(self, provider: str) -> float | None:
        """When the first bucket begins in which a provider was asked."""
        first = next((at for at, part in enumerate(self.lines.get(provider, ())) if part), None)
        return None if first is None else self.begins(first)


def merged(series: Series, recent: Recent, complete_from: float, spans: tuple[BreakerSpan, ...]) -> Graph:
    """What the store told, with what this window saw itself in place of each bucket that it saw from the beginning."""
    length = max((len(line.buckets) for line in series.lines), default=0)
    step, start = recent.step, series.start
    own = recent.buckets()
    newest = max((at for cells in own.values() for at in cells), default=0)
    length = max(length, int((newest - start) // step) + 1)
    lines: dict[str, list[Figures | None]] = {}
    for told in series.lines:
        lines[told.provider] = [*told.buckets, *[None] * (length - len(told.buckets))]
    first = max(0, math.ceil((complete_from - start) / step))
    for name, cells in own.items():
        line = lines.setdefault(name, [None] * length)
        for at, figures in cells.items():
            place = int((at - start) // step)
            if first <= place < length or (0 <= place < length and line[place] is None):
                line[place] = figures
    return Graph(start, step, {name: line for name, line in lines.items() if any(line)}, spans)


def latency_of(figures: Figures, metric: Metric) -> tuple[float | None, float | None]:
    """p50 and p95 in ms."""
    if metric == "ttft":
        return figures.ttft_p50_ms, figures.ttft_p95_ms
    return figures.p50_ms, figures.p95_ms


class Course(NamedTuple):
    """A figure over time: ``lines`` of neighbouring points, ``lone`` points without a neighbour, and all ``points``."""

    lines: list[QPolygonF]
    lone: list[QPointF]
    points: list[QPointF]


class Shapes:
    """A `Graph` as shapes: x in buckets from its beginning, y the logarithm of ms, a share, requests a minute or USD.

    Args:
        providers: those drawn, in the order in which their bars stand on each other.
    """

    def __init__(self, graph: Graph, providers: Iterable[str], metric: Metric) -> None:
        self.graph = graph
        self.providers = tuple(name for name in providers if name in graph.lines)
        self.metric = metric

    @cached_property
    def medians(self) -> dict[str, Course]:
        """By provider its p50."""
        return {name: _course(self._logs(name, 0)) for name in self.providers}

    @cached_property
    def bands(self) -> dict[str, list[QPolygonF]]:
        """By provider what lies between p50 and p95."""
        found: dict[str, list[QPolygonF]] = {}
        for name in self.providers:
            tops = {point.x(): point for point in self._logs(name, 1) if point is not None}
            bands = found[name] = []
            for run in _runs(self._logs(name, 0)):
                if len(run) == 1:
                    low, high = run[0], tops.get(run[0].x(), run[0])
                    bands.append(QPolygonF(QRectF(low.x() - 0.2, low.y(), 0.4, high.y() - low.y())))
                else:
                    bands.append(QPolygonF([*run, *(tops[point.x()] for point in reversed(run) if point.x() in tops)]))
        return found

    @cached_property
    def reaches(self) -> dict[str, list[QLineF]]:
        """By provider a line a bucket from its shortest to its longest answer; there are none for first tokens."""
        if self.metric == "ttft":
            return {}
        return {
            name: [
                QLineF(at + 0.5, math.log10(part.low_ms), at + 0.5, math.log10(part.high_ms))
                for at, part in enumerate(self.graph.lines[name])
                if part is not None and part.low_ms and part.high_ms
            ]
            for name in self.providers
        }

    @cached_property
    def errors(self) -> dict[str, Course]:
        """By provider its error rate. Lone points at 0 are left out: the bars below say that there was something."""
        found = {}
        for name in self.providers:
            course = _course(
                [
                    None if part is None or part.error_rate is None else QPointF(at + 0.5, part.error_rate)
                    for at, part in enumerate(self.graph.lines[name])
                ]
            )
            found[name] = course._replace(lone=[point for point in course.lone if point.y() > 0])
        return found

    @cached_property
    def requests(self) -> dict[str, list[QRectF]]:
        """By provider its bars of requests a minute, standing on those before."""
        a_minute = 60 / self.graph.step
        return self._bars(lambda part: part.count * a_minute)

    @cached_property
    def cost(self) -> dict[str, list[QRectF]]:
        """By provider its bars of USD, standing on those before."""
        return self._bars(lambda part: part.cost_usd)

    def top(self, plot: Plot, start: float, end: float) -> float:
        """The highest bar of a stretch of time, or the highest error rate."""
        graph = self.graph
        columns = [graph.between(name, start, end) for name in self.providers]
        if plot == "errors":
            return max((part.error_rate or 0.0 for column in columns for part in column if part), default=0.0)
        if plot == "requests":
            sums = (sum(part.count for part in row if part) * 60 / graph.step for row in zip(*columns, strict=False))
        else:
            sums = (sum(part.cost_usd for part in row if part) for row in zip(*columns, strict=False))
        return max(sums, default=0.0)

    def latency_range(self, start: float, end: float) -> tuple[float, float] | None:
        """The least p50 and the greatest p95 of a stretch of time, in ms; None without any."""
        pairs = [
            latency_of(part, self.metric)
            for name in self.providers
            for part in self.graph.between(name, start, end)
            if part is not None
        ]
        lows = [low for low, _ in pairs if low]
        highs = [high for _, high in pairs if high]
        return (min(lows), max(highs)) if lows and highs else None

    def _logs(self, name: str, which: int) -> list[QPointF | None]:
        found: list[QPointF | None] = []
        for at, part in enumerate(self.graph.lines[name]):
            ms = None if part is None else latency_of(part, self.metric)[which]
            found.append(QPointF(at + 0.5, math.log10(ms)) if ms else None)
        return found

    def _bars(self, of: Callable[[Figures], float]) -> dict[str, list[QRectF]]:
        floors: dict[int, float] = {}
        found: dict[str, list[QRectF]] = {}
        for name in self.providers:
            bars = found[name] = []
            for at, part in enumerate(self.graph.lines[name]):
                height = of(part) if part is not None else 0.0
                if height > 0:
                    floor = floors.get(at, 0.0)
                    bars.append(QRectF(at + (1 - _BAR) / 2, floor, _BAR, height))
                    floors[at] = floor + height
        return found


def _runs(points: Sequence[QPointF | None]) -> list[list[QPointF]]:
    """Points in runs without a gap."""
    runs: list[list[QPointF]] = [[]]
    for point in points:
        if point is not None:
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _course(points: Sequence[QPointF | None]) -> Course:
    runs = _runs(points)
    lines = [QPolygonF(run) for run in runs if len(run) > 1]
    return Course(lines, [run[0] for run in runs if len(run) == 1], [point for run in runs for point in run])
