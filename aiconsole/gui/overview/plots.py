"""Painting the graph: five plots on one time axis into one picture. The chart paints the cursor and the readout over it.

Lines are 1 px wide, for which Qt has a fast way: 0.2 ms for 16 of them, 24 ms at 1.4 px. Bands are filled without antialiasing,
in 1 ms instead of 14.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log10
from typing import Final

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPixmap, QTransform

from ...domain.history import BreakerSpan
from ...domain.spans import span as length
from ..breakers import GLYPHS
from ..figures import latency, money
from ..icons import paint_state
from ..theme import CAPTION_PX, SPACE_S, SPACE_XS, State, Theme, font
from .graph import PLOTS, Course, Plot, Shapes
from .scale import axis_top, linear_ticks, log_ticks, round_down, round_up, time_ticks

LEFT: Final = 84
RIGHT: Final = 12
AXIS: Final = 20
TITLE: Final = 22
LANE: Final = 15
_LOW_LANE: Final = 12
_LOW: Final = 400
"""Less than so many px high, the graph has lower lanes."""
_WEIGHTS: Final[dict[Plot, float]] = {"latency": 2.6, "errors": 1.0, "requests": 1.0, "cost": 1.0}
_TITLES: Final[dict[Plot, str]] = {
    "errors": "Error rate",
    "requests": "Requests a minute",
    "cost": "Cost",
    "breakers": "Circuit breakers",
}
_KEY: Final[tuple[tuple[State, str], ...]] = (("crit", "open"), ("warn", "half-open"), ("ok", "closed"))
_POINT: Final = 2.5


class Places:
    """Where the plots are in a widget of a size, and how time and figures become px."""

    def __init__(self, width: float, height: float, lanes: int, start: float, end: float) -> None:
        self.start, self.end = start, end
        self.left, self.right = float(LEFT), max(width - RIGHT, LEFT + 10.0)
        self.lane = LANE if height >= _LOW else _LOW_LANE
        lanes_px = lanes * self.lane
        spare = height - AXIS - lanes_px - len(PLOTS) * TITLE - SPACE_XS
        whole = sum(_WEIGHTS.values())
        top = 0.0
        self.boxes: dict[Plot, QRectF] = {}
        for plot in PLOTS:
            tall = max(spare * _WEIGHTS[plot] / whole, 8.0) if plot in _WEIGHTS else float(lanes_px)
            self.boxes[plot] = QRectF(self.left, top + TITLE, self.right - self.left, tall)
            top += TITLE + tall
        self.bottom = top

    def x(self, at: float) -> float:
        """Where a time is."""
        return self.left + (at - self.start) / (self.end - self.start) * (self.right - self.left)

    def time(self, x: float) -> float:
        """Which time is there."""
        return self.start + (x - self.left) / (self.right - self.left) * (self.end - self.start)

    def plot_at(self, y: float) -> Plot | None:
        """The plot at a height, its title included."""
        return next((plot for plot, box in self.boxes.items() if box.top() - TITLE <= y <= box.bottom()), None)

    def span(self, plot: Plot, low: float, high: float, start: float, step: int) -> QTransform:
        """From x in buckets of ``step`` s since ``start`` and y from ``low`` to ``high`` to px of a plot."""
        box = self.boxes[plot]
        per_bucket = step / (self.end - self.start) * box.width()
        scale = -box.height() / (high - low)
        return QTransform(per_bucket, 0, 0, scale, self.x(start), box.bottom() - low * scale)


class Painted:
    """One picture of the graph, with the measures that hit tests need.

    Attributes:
        transforms: of the plots with figures, from the shapes' measure to px.
    """

    def __init__(
        self,
        theme: Theme,
        shapes: Shapes,
        places: Places,
        labels: Mapping[str, str],
        *,
        now: float,
        objective_ms: float,
        selected: str,
        ratio: float,
    ) -> None:
        self._theme, self._shapes, self.places, self._labels = theme, shapes, places, labels
        self._now, self._objective_ms, self._selected = now, objective_ms, selected
        self.transforms: dict[Plot, QTransform] = {}
        self._metrics = QFontMetricsF(font(CAPTION_PX))
        self.picture = QPixmap(round((places.right + RIGHT) * ratio), round((places.bottom + AXIS + SPACE_XS) * ratio))
        self.picture.setDevicePixelRatio(ratio)
        self.picture.fill(theme.color("surface"))
        painter = QPainter(self.picture)
        painter.setFont(font(CAPTION_PX))
        self._times(painter)
        self._latency(painter)
        self._errors(painter)
        self._bars(painter, "requests", shapes.requests)
        self._bars(painter, "cost", shapes.cost)
        self._breakers(painter)
        painter.end()

    def _color(self, provider: str) -> QColor:
        color = self._theme.provider_color(provider)
        if self._selected not in ("", provider):
            color.setAlpha(70)
        return color

    def _times(self, painter: QPainter) -> None:
        places = self.places
        ticks = time_ticks(places.start, places.end, int((places.right - places.left) / 90))
        centre = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        for at, words in ticks:
            x = places.x(at)
            painter.setPen(self._theme.color("line"))
            for box in places.boxes.values():
                painter.drawLine(QLineF(x, box.top(), x, box.bottom()))
            if places.left + 20 <= x <= places.right - 20:
                painter.setPen(self._theme.color("muted"))
                painter.drawText(QRectF(x - 45, places.bottom + 3, 90, AXIS), centre, words)

    def _frame(self, painter: QPainter, plot: Plot, title: str, ticks: list[tuple[float, str]]) -> None:
        """Title, hairlines and their figures; each tick is a height in px."""
        box = self.places.boxes[plot]
        painter.setPen(self._theme.color("muted"))
        head = QRectF(box.left(), box.top() - TITLE, box.width(), TITLE - 4)
        painter.drawText(head, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, title)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for y, words in ticks:
            painter.setPen(self._theme.color("line"))
            painter.drawLine(QLineF(box.left(), y, box.right(), y))
            painter.setPen(self._theme.color("muted"))
            painter.drawText(QRectF(0, y - 8, LEFT - SPACE_S, 16), right, words)

    def _latency(self, painter: QPainter) -> None:
        shapes, places, box = self._shapes, self.places, self.places.boxes["latency"]
        found = shapes.latency_range(places.start, places.end)
        low, high = (round_down(found[0] / 1.1), round_up(found[1] * 1.05)) if found else (100.0, 1000.0)
        high = max(high, low * 5)
        what = "First token" if shapes.metric == "ttft" else "Whole answer"
        transform = places.span("latency", log10(low), log10(high), shapes.graph.start, shapes.graph.step)
        self.transforms["latency"] = transform
        ticks = [(_y(transform, log10(ms)), latency(ms)) for ms in log_ticks(low, high, int(box.height() / 20))]
        self._frame(painter, "latency", f"{what}: line p50, band up to p95, logarithmic", ticks)
        if low < self._objective_ms < high and shapes.metric == "duration":
            self._objective(painter, _y(transform, log10(self._objective_ms)))
        self._clip(painter, box)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        for name, bands in shapes.bands.items():
            shade = self._theme.provider_color(name)
            shade.setAlpha(90 if name == self._selected else 34 if not self._selected else 12)
            painter.setBrush(shade)
            for band in bands:
                painter.drawPolygon(transform.map(band))
        if self._selected in shapes.reaches:
            painter.setPen(QPen(self._color(self._selected), 1))
            painter.drawLines([transform.map(reach) for reach in shapes.reaches[self._selected]])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for name, course in shapes.medians.items():
            self._lines(painter, name, course, transform)
        painter.restore()

    def _objective(self, painter: QPainter, y: float) -> None:
        box = self.places.boxes["latency"]
        painter.setPen(QPen(self._theme.color("warn"), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QLineF(box.left(), y, box.right(), y))
        painter.setPen(self._theme.color("warn_text"))
        place = QRectF(box.left(), y - 16, box.width() - SPACE_XS, 15)
        painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, "objective for p95")

    def _errors(self, painter: QPainter) -> None:
        shapes, places = self._shapes, self.places
        top = max(axis_top(shapes.top("errors", places.start, places.end)), 0.01)
        top = min(top, 1.0)
        transform = places.span("errors", 0.0, top * 1.04, shapes.graph.start, shapes.graph.step)
        self.transforms["errors"] = transform
        ticks = [(_y(transform, value), f"{value * 100:g} %") for value in self._steps("errors", top)]
        self._frame(painter, "errors", _TITLES["errors"], ticks)
        self._clip(painter, places.boxes["errors"].adjusted(0, -2, 0, 3))
        for name, course in shapes.errors.items():
            self._lines(painter, name, course, transform)
        painter.restore()

    def _bars(self, painter: QPainter, plot: Plot, bars: Mapping[str, list[QRectF]]) -> None:
        shapes, places = self._shapes, self.places
        top = shapes.top(plot, places.start, places.end)
        top = axis_top(top) if top else 1.0
        transform = places.span(plot, 0.0, top, shapes.graph.start, shapes.graph.step)
        self.transforms[plot] = transform
        words = money if plot == "cost" else "{:,g}".format
        ticks = [(_y(transform, value), words(value) if value else "0") for value in self._steps(plot, top)]
        title = f"Cost in {length(shapes.graph.step)}" if plot == "cost" else _TITLES[plot]
        self._frame(painter, plot, title, ticks)
        self._clip(painter, places.boxes[plot])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setTransform(transform, True)
        filling = shapes.graph.number(self._now)
        for name, rects in bars.items():
            color = self._color(name)
            painter.setBrush(color)
            whole = [rect for rect in rects if rect.x() < filling]
            painter.drawRects(whole)
            if len(whole) < len(rects):
                color.setAlpha(color.alpha() // 2)
                painter.setBrush(color)
                painter.drawRects(rects[len(whole) :])
        painter.restore()

    def _steps(self, plot: Plot, top: float) -> list[float]:
        return linear_ticks(top, 2 if self.places.boxes[plot].height() >= 44 else 1)

    def _breakers(self, painter: QPainter) -> None:
        places, box = self.places, self.places.boxes["breakers"]
        painter.setPen(self._theme.color("muted"))
        head = QRectF(box.left(), box.top() - TITLE, box.width(), TITLE - 4)
        painter.drawText(head, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, _TITLES["breakers"])
        self._key(painter, head)
        gravity = list(GLYPHS)
        for at, (name, label) in enumerate(self._labels.items()):
            lane = QRectF(box.left(), box.top() + at * places.lane, box.width(), places.lane)
            painter.setPen(self._theme.color("muted"))
            short = self._metrics.elidedText(label, Qt.TextElideMode.ElideRight, LEFT - SPACE_S)
            place = QRectF(0, lane.top(), LEFT - SPACE_S, lane.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, short)
            painter.setPen(self._theme.color("line"))
            painter.drawLine(QLineF(lane.left(), lane.center().y(), lane.right(), lane.center().y()))
            spans = self._shapes.graph.states(name, places.start, places.end)
            for span in sorted(spans, key=lambda span: gravity.index(span.state)):
                self._span(painter, span, lane)

    def _span(self, painter: QPainter, span: BreakerSpan, lane: QRectF) -> None:
        """Closed is a line, half-open a low bar in outline, open a high one: told apart by shape as well as by colour."""
        places = self.places
        left = max(places.x(span.start), lane.left())
        right = min(places.x(min(span.end or self._now, self._now)), lane.right())
        state = GLYPHS[span.state]
        tall = {"ok": 3.0, "warn": 7.0, "crit": 11.0}.get(state, 3.0)
        bar = QRectF(left, lane.center().y() - tall / 2, max(right - left, 2.0), tall)
        color = self._theme.color("idle" if span.observe_only else state)
        if state == "warn":
            painter.fillRect(bar, self._theme.color("warn_soft"))
            painter.setPen(color)
            painter.drawRect(bar.adjusted(0, 0, -1, -1))
        else:
            painter.fillRect(bar, color)

    def _key(self, painter: QPainter, head: QRectF) -> None:
        """Which shape is which state, at the right of the lanes' title."""
        x = head.right()
        middle = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom
        for state, word in _KEY:
            wide = self._metrics.horizontalAdvance(word)
            x -= wide
            painter.setPen(self._theme.color("muted"))
            painter.drawText(QRectF(x, head.top(), wide + 2, head.height()), middle, word)
            x -= 13
            glyph = QRectF(x, head.bottom() - 11, 9, 9)
            paint_state(painter, glyph, state, self._theme.color(state))
            x -= SPACE_S + SPACE_XS

    def _lines(self, painter: QPainter, name: str, course: Course, transform: QTransform) -> None:
        color = self._color(name)
        painter.setPen(QPen(color, 2 if name == self._selected else 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for line in course.lines:
            painter.drawPolyline(transform.map(line))
        if course.lone:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            for point in course.lone:
                painter.drawEllipse(transform.map(point), _POINT, _POINT)

    def _clip(self, painter: QPainter, box: QRectF) -> None:
        painter.save()
        painter.setClipRect(box)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)


def _y(transform: QTransform, value: float) -> float:
    return transform.map(QPointF(0.0, value)).y()
