"""A plot of some curves: distributions, figures over time, over levels of load, or over runs. A cursor tells the values."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from ..theme import CAPTION_PX, RADIUS, SPACE_M, SPACE_S, SPACE_XS, Theme, font
from .axes import Axis, fixed, linear

_LEFT: Final = 64
_BOTTOM: Final = 24
_HEAD: Final = 22
_DASHES: Final = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)


class Series(NamedTuple):
    """A curve: ``points`` are (x, y) by x; ``bars`` are (x, low, high), the intervals of points."""

    name: str
    provider: str
    points: Sequence[tuple[float, float]]
    bars: Sequence[tuple[float, float, float]] = ()


class Drawn(NamedTuple):
    """All that is drawn: ``x_words`` and ``y_words`` write a tick; ``marked`` draws a dot at each point."""

    series: Sequence[Series]
    x: Axis
    y: Axis
    x_words: Callable[[float], str]
    y_words: Callable[[float], str]
    marked: bool = False
    x_title: str = ""
    y_title: str = ""


_NOTHING: Final = Drawn((), fixed(0, 1, 1), linear([1.0], 2), str, str)


class Curves(QWidget):
    """``pointed(words)``: the values at the cursor, "" where it is nowhere; mouse and arrow keys move it."""

    pointed = Signal(str)

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self._drawn = _NOTHING
        self._cursor: float | None = None
        self._font = font(CAPTION_PX)
        self._measure = QFontMetricsF(self._font)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName(name)
        self.setMinimumSize(260, 150)
        theme.changed.connect(self.update)

    @property
    def drawn(self) -> Drawn:
        """What is shown."""
        return self._drawn

    def draw(self, drawn: Drawn) -> None:
        """Show this from now on."""
        self._drawn = drawn
        self.setAccessibleDescription(", ".join(each.name for each in drawn.series) or "nothing yet")
        self.update()

    def told_at(self, place: float) -> str:
        """The values at a place of the x axis (0 to 1), of each curve the one at or before it."""
        drawn = self._drawn
        at = drawn.x.value(place)
        words = []
        for each in drawn.series:
            index = bisect_right(each.points, at + 1e-9, key=lambda point: point[0]) - 1
            if index >= 0:
                words.append(f"{each.name} {drawn.y_words(each.points[index][1])}")
        return f"{drawn.x_words(at)}: {', '.join(words)}" if words else ""

    # The person

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -0.02, Qt.Key.Key_Right: 0.02}.get(Qt.Key(event.key()))
        if event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._point(0.0 if event.key() == Qt.Key.Key_Home else 1.0)
        elif step is None:
            super().keyPressEvent(event)
        else:
            self._point(min(1.0, max(0.0, (0.5 if self._cursor is None else self._cursor) + step)))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        plot = self._plot()
        x = event.position().x()
        self._point((x - plot.left()) / plot.width() if plot.left() <= x <= plot.right() else None)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if not self.hasFocus():
            self._point(None)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._point(None)

    def _point(self, place: float | None) -> None:
        if place != self._cursor:
            self._cursor = place
            self.pointed.emit("" if place is None else self.told_at(place))
            self.update()

    # Painting

    def _plot(self) -> QRectF:
        head = _HEAD if self._drawn.series else SPACE_S
        return QRectF(self.rect()).adjusted(_LEFT, head + SPACE_XS, -SPACE_M, -_BOTTOM)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(self._font)
        plot = self._plot()
        if plot.width() > 40 and plot.height() > 30:
            self._axes(painter, plot)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            seen: dict[str, int] = {}
            left = plot.left()
            for each in self._drawn.series:
                nth = seen[each.provider] = seen.get(each.provider, -1) + 1
                left = self._name(painter, each, nth, left)
                self._curve(painter, plot, each, nth)
            if self._cursor is not None:
                x = plot.left() + plot.width() * self._cursor
                painter.setPen(QPen(self._theme.color("muted"), 1, Qt.PenStyle.DashLine))
                painter.drawLine(QLineF(x, plot.top(), x, plot.bottom()))
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(self._theme.color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), RADIUS, RADIUS)

    def _axes(self, painter: QPainter, plot: QRectF) -> None:
        drawn = self._drawn
        line, muted = self._theme.color("line"), self._theme.color("muted")
        right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        for tick in drawn.y.ticks:
            y = plot.bottom() - plot.height() * drawn.y.place(tick)
            painter.setPen(line)
            painter.drawLine(QLineF(plot.left(), y, plot.right(), y))
            painter.setPen(muted)
            painter.drawText(QRectF(0, y - 9, _LEFT - SPACE_S, 18), right, drawn.y_words(tick))
        until = -math.inf
        for tick in drawn.x.ticks:
            x = plot.left() + plot.width() * drawn.x.place(tick)
            words = drawn.x_words(tick)
            half = self._measure.horizontalAdvance(words) / 2
            middle = min(max(x, plot.left() + half - SPACE_M), self.width() - half - SPACE_XS)
            if middle - half < until:
                continue
            until = middle + half + SPACE_M
            painter.setPen(line)
            painter.drawLine(QLineF(x, plot.top(), x, plot.bottom()))
            painter.setPen(muted)
            box = QRectF(middle - half - 2, plot.bottom() + SPACE_XS, 2 * half + 4, 18)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)

    def _name(self, painter: QPainter, each: Series, nth: int, left: float) -> float:
        """The curve's swatch and name above the plot; returns where the next one goes."""
        wide = self._measure.horizontalAdvance(each.name)
        if left + 18 + wide > self.width() - SPACE_S:
            return left
        painter.setPen(QPen(self._theme.provider_color(each.provider), 2, _DASHES[nth % len(_DASHES)]))
        painter.drawLine(QLineF(left, _HEAD / 2, left + 12, _HEAD / 2))
        painter.setPen(self._theme.color("muted"))
        box = QRectF(left + 18, 0, wide + 4, _HEAD)
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, each.name)
        return left + 18 + wide + SPACE_M

    def _curve(self, painter: QPainter, plot: QRectF, each: Series, nth: int) -> None:
        x_axis, y_axis = self._drawn.x, self._drawn.y
        color = self._theme.provider_color(each.provider)

        def at(x: float, y: float) -> QPointF:
            return QPointF(
                plot.left() + plot.width() * x_axis.place(x), plot.bottom() - plot.height() * y_axis.place(y)
            )

        painter.setPen(QPen(color, 1))
        for x, low, high in each.bars:
            painter.drawLine(at(x, low), at(x, high))
        placed = [at(x, y) for x, y in each.points]
        painter.setPen(QPen(color, 1.4, _DASHES[nth % len(_DASHES)]))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if len(placed) > 1:
            painter.drawPolyline(QPolygonF(placed))
        if self._drawn.marked or len(placed) == 1:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            for spot in placed:
                painter.drawEllipse(spot, 3, 3)
