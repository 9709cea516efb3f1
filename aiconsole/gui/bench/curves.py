"""A plot of some curves: distributions, figures over time, over levels of load, or over runs. A cursor tells the values.

Dragging or Ctrl+wheel zooms, a double click or 0 shows all again; by keyboard the arrows move the cursor, + and - zoom around
it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import log10
from typing import Any, Final, NamedTuple

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ..theme import CAPTION_PX, RADIUS, SPACE_L, SPACE_M, SPACE_S, Theme, font
from .axes import Axis, fixed, linear

_HEAD: Final = 22
_LEFT: Final = 62
_BEYOND: Final = {"bottom": 40, "left": 10}
"""How far a tick's words may reach beyond the ends of their axis, in px."""
_DASHES: Final = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)


class Series(NamedTuple):
    """A curve: ``points`` are (x, y) by x; ``bars`` are (x, low, high), the intervals of points."""

    name: str
    provider: str
    points: Sequence[tuple[float, float]]
    bars: Sequence[tuple[float, float, float]] = ()


class Drawn(NamedTuple):
    """All that is drawn: ``x_words`` and ``y_words`` write a tick; ``marked`` draws a dot at each point. Only the x axis may be
    logarithmic."""

    series: Sequence[Series]
    x: Axis
    y: Axis
    x_words: Callable[[float], str]
    y_words: Callable[[float], str]
    marked: bool = False


_NOTHING: Final = Drawn((), fixed(0, 1, 1), linear([1.0], 2), str, str)


class Curves(QWidget):
    """``pointed(words)``: the values at the cursor, "" where it is nowhere; mouse and arrow keys move it."""

    pointed = Signal(str)

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self._drawn = _NOTHING
        self._cursor: float | None = None
        self._legend = _Legend(theme)
        self._left, self._bottom = _Ticks("left"), _Ticks("bottom")
        self._plot = _Canvas(self._left, self._bottom)
        self._line = pg.InfiniteLine(angle=90, movable=False)
        self._line.hide()
        self._plot.box.addItem(self._line, ignoreBounds=True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(name)
        self.setMinimumSize(260, 150)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.setSpacing(0)
        layout.addWidget(self._legend)
        layout.addWidget(self._plot, 1)
        self._plot.hovered.connect(self._on_hovered)
        self._plot.all_wanted.connect(self.show_all)
        theme.changed.connect(self._restyle)
        self._restyle()

    @property
    def drawn(self) -> Drawn:
        """What is shown."""
        return self._drawn

    @property
    def view(self) -> tuple[float, float]:
        """The stretch of the x axis in view, in its own unit."""
        low, high = self._plot.x_range
        return (10.0**low, 10.0**high) if self._drawn.x.log else (low, high)

    def draw(self, drawn: Drawn) -> None:
        """Show this from now on; where the axes stay as they were, so does what the person zoomed to."""
        same = (drawn.x, drawn.y) == (self._drawn.x, self._drawn.y)
        self._drawn = drawn
        self.setAccessibleDescription(", ".join(each.name for each in drawn.series) or "nothing yet")
        self._bottom.take(drawn.x, drawn.x_words)
        self._left.take(drawn.y, drawn.y_words)
        self._legend.show_series(drawn.series)
        self._fill()
        if not same:
            self.show_all()

    def show_all(self) -> None:
        """Show both axes whole."""
        x, y = self._drawn.x, self._drawn.y
        self._plot.box.setRange(xRange=(_scaled(x, x.low), _scaled(x, x.high)), yRange=(y.low, y.high), padding=0)

    def told_at(self, place: float) -> str:
        """The values at a place of what is in view of the x axis (0 to 1), of each curve the one at or before it."""
        drawn = self._drawn
        low, high = self._plot.x_range
        at = low + (high - low) * place
        at = 10.0**at if drawn.x.log else at
        words = []
        for each in drawn.series:
            index = bisect_right(each.points, at + 1e-9, key=lambda point: point[0]) - 1
            if index >= 0:
                words.append(f"{each.name} {drawn.y_words(each.points[index][1])}")
        return f"{drawn.x_words(at)}: {', '.join(words)}" if words else ""

    # The person

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, place = Qt.Key(event.key()), 0.5 if self._cursor is None else self._cursor
        if key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._point(0.0 if key == Qt.Key.Key_Home else 1.0)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._point(min(1.0, max(0.0, place + (0.02 if key == Qt.Key.Key_Right else -0.02))))
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self._zoom(place, 1.5 if key == Qt.Key.Key_Minus else 1 / 1.5)
        elif key == Qt.Key.Key_0:
            self.show_all()
        else:
            super().keyPressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if not self.hasFocus():
            self._point(None)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._point(None)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.hasFocus():
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(self._theme.color("accent"), 2))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), RADIUS, RADIUS)

    def _zoom(self, place: float, factor: float) -> None:
        low, high = self._plot.x_range
        x = self._drawn.x
        middle, wide = low + (high - low) * place, (high - low) * factor
        first = max(_scaled(x, x.low), middle - wide * place)
        self._plot.box.setXRange(first, min(_scaled(x, x.high), first + wide), padding=0)

    def _on_hovered(self, x: float | None) -> None:
        low, high = self._plot.x_range
        self._point(None if x is None or not low <= x <= high else (x - low) / (high - low))

    def _point(self, place: float | None) -> None:
        if place == self._cursor:
            return
        self._cursor = place
        self._line.setVisible(place is not None)
        if place is not None:
            low, high = self._plot.x_range
            self._line.setValue(low + (high - low) * place)
        self.pointed.emit("" if place is None else self.told_at(place))

    # Drawing

    def _fill(self) -> None:
        self._plot.clear()
        seen: dict[str, int] = {}
        for each in self._drawn.series:
            nth = seen[each.provider] = seen.get(each.provider, -1) + 1
            color = self._theme.provider_color(each.provider)
            marked = self._drawn.marked or len(each.points) == 1
            self._plot.add(
                [x for x, _ in each.points],
                [y for _, y in each.points],
                log=self._drawn.x.log,
                pen=pg.mkPen(color, width=1.5, style=_DASHES[nth % len(_DASHES)]),
                symbol="o" if marked else None,
                symbolSize=6,
                symbolBrush=color,
                symbolPen=None,
                antialias=True,
            )
            for x, low, high in each.bars:
                self._plot.add([x, x], [low, high], log=self._drawn.x.log, pen=pg.mkPen(color, width=1))

    def _restyle(self) -> None:
        theme = self._theme
        self._plot.setBackground(theme.color("surface"))
        for axis in (self._left, self._bottom):
            axis.setPen(pg.mkPen(theme.color("line")))
            axis.setTextPen(pg.mkPen(theme.color("muted")))
        self._line.setPen(pg.mkPen(theme.color("muted"), style=Qt.PenStyle.DashLine))
        self._legend.update()
        self._fill()


class _Canvas(pg.GraphicsView):  # type: ignore[misc]  # pyqtgraph has no types
    """Axes around a view of curves. pyqtgraph's PlotWidget would bring menus and a control panel that nobody sees.

    ``hovered(x)``: where the mouse is on the x axis as it is drawn, None where it has left. ``all_wanted``: it was double
    clicked.
    """

    hovered = Signal(object)
    all_wanted = Signal()

    def __init__(self, left: _Ticks, bottom: _Ticks) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMouseTracking(True)
        self._curves: list[Any] = []
        self.box = pg.ViewBox(enableMenu=False)
        self.box.setMouseMode(pg.ViewBox.RectMode)
        layout = pg.GraphicsLayout()
        layout.setContentsMargins(0, SPACE_S, SPACE_L, 0)
        layout.setSpacing(0)
        layout.addItem(left, 0, 0)
        layout.addItem(self.box, 0, 1)
        layout.addItem(bottom, 1, 1)
        left.setWidth(_LEFT)
        for axis in (left, bottom):
            axis.linkToView(self.box)
            axis.setGrid(60)
            axis.setZValue(-10)
        self.setCentralItem(layout)

    @property
    def x_range(self) -> tuple[float, float]:
        """What is in view of the x axis, as it is drawn."""
        low, high = self.box.viewRange()[0]
        return low, high

    def clear(self) -> None:
        """Take all curves away."""
        for curve in self._curves:
            self.box.removeItem(curve)
        self._curves.clear()

    def add(self, x: list[float], y: list[float], *, log: bool, **looks: Any) -> None:
        """Draw a curve; ``log``: over a logarithmic x axis; ``looks`` as in ``pyqtgraph.PlotDataItem``."""
        curve = pg.PlotDataItem(x, y, **looks)
        curve.setLogMode(log, False)
        self._curves.append(curve)
        self.box.addItem(curve, ignoreBounds=True)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self.hovered.emit(self.box.mapSceneToView(self.mapToScene(event.position().toPoint())).x())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        event.accept()
        self.all_wanted.emit()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.hovered.emit(None)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(event)
        else:
            event.ignore()


class _Ticks(pg.AxisItem):  # type: ignore[misc]
    """An axis whose ticks are round in its own unit and told in its own words."""

    def __init__(self, side: str) -> None:
        super().__init__(side)
        self._axis = fixed(0, 1, 1)
        self._words: Callable[[float], str] = str
        self.enableAutoSIPrefix(False)
        self.setStyle(tickFont=font(CAPTION_PX), tickLength=0, hideOverlappingLabels=_BEYOND[side])

    def take(self, axis: Axis, words: Callable[[float], str]) -> None:
        """Take this axis from now on."""
        self._axis, self._words = axis, words
        self.picture = None
        self.update()

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float | None, list[float]]]:
        known = [_scaled(self._axis, tick) for tick in self._axis.ticks]
        inside = [tick for tick in known if low - 1e-9 <= tick <= high + 1e-9]
        if len(inside) >= min(2, len(known)):
            return [(None, inside)]
        found: list[tuple[float | None, list[float]]] = super().tickValues(low, high, size)
        return found[:1]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: Any) -> list[str]:
        return [self._words(10.0**value if self._axis.log else value) for value in values]


class _Legend(QWidget):
    """Swatch and name of each curve in a row, as many as there is room for."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._series: Sequence[Series] = ()
        self._font = font(CAPTION_PX)
        self.setFixedHeight(_HEAD)

    def show_series(self, series: Sequence[Series]) -> None:
        """Name these curves."""
        self._series = series
        self.setVisible(bool(series))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(self._font)
        measure = QFontMetricsF(self._font)
        seen: dict[str, int] = {}
        left = float(_LEFT)
        for each in self._series:
            nth = seen[each.provider] = seen.get(each.provider, -1) + 1
            wide = measure.horizontalAdvance(each.name)
            if left + 18 + wide > self.width() - SPACE_S:
                break
            painter.setPen(QPen(self._theme.provider_color(each.provider), 2, _DASHES[nth % len(_DASHES)]))
            painter.drawLine(QLineF(QPointF(left, _HEAD / 2), QPointF(left + 12, _HEAD / 2)))
            painter.setPen(self._theme.color("muted"))
            box = QRectF(left + 18, 0, wide + 4, _HEAD)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, each.name)
            left += 18 + wide + SPACE_M


def _scaled(axis: Axis, value: float) -> float:
    """A value as pyqtgraph places it: by its logarithm on a logarithmic axis."""
    return log10(max(value, axis.low)) if axis.log else value
