"""The graph of latency: a line a provider, a cursor that mouse and arrow keys move. pyqtgraph is imported here only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QGraphicsItem, QVBoxLayout, QWidget

from ..figures import latency
from ..theme import CAPTION_PX, RADIUS, Theme, font
from .series import Series

_MARK_PX = 7
_RING = 2
_ROOM = 0.03
"""Share of the height left above the highest figure and below zero, where the crosses stand."""


class _Milliseconds(pg.AxisItem):  # type: ignore[misc]
    """The latency axis, with its unit at each figure."""

    def tickStrings(self, values: Sequence[float], _scale: float, spacing: float) -> list[str]:
        if spacing >= 1000:
            return [f"{value / 1000:g} s" for value in values]
        return [latency(value) if value else "0" for value in values]


class _Grid(pg.GraphicsObject):  # type: ignore[misc]
    """Hairlines at the latency axis's main figures. pyqtgraph's own grid is made of translucent lines at every figure and
    took 18 of 29 ms of a drawing at 1920 x 1080."""

    def __init__(self) -> None:
        super().__init__()
        self._pen = pg.mkPen(None)
        self._box = QRectF()
        self._heights: tuple[float, ...] = ()
        self.setZValue(-1)

    def restyle(self, color: QColor) -> None:
        """Draw in this colour."""
        self._pen = pg.mkPen(color, width=1)
        self.update()

    def show_heights(self, heights: Sequence[float], box: QRectF) -> None:
        """Draw a line at each of ``heights`` over the width of ``box``, all in the axes' units."""
        if (tuple(heights), box) != (self._heights, self._box):
            self.prepareGeometryChange()
            self._heights, self._box = tuple(heights), box

    def boundingRect(self) -> QRectF:
        return self._box

    def paint(self, painter: QPainter, *_: object) -> None:
        painter.setPen(self._pen)
        for height in self._heights:
            painter.drawLine(QPointF(self._box.left(), height), QPointF(self._box.right(), height))


def _round_up(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 5, 7 times a power of ten, so that the axis stays while the figures move a little."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 5, 7, 10) if step * power >= value * 0.999)


class Curve:
    """What is drawn of one provider."""

    def __init__(self, plot: Any) -> None:
        self.line = pg.PlotDataItem(connect="finite", antialias=True)
        self.lone = pg.ScatterPlotItem(size=_MARK_PX, pxMode=True)
        self.failed = pg.ScatterPlotItem(size=_MARK_PX + 2, symbol="x", pxMode=True)
        self.items = (self.line, self.lone, self.failed)
        for item in self.items:
            plot.addItem(item)

    def color(self, color: Any) -> None:
        """Draw in this colour."""
        self.line.setPen(pg.mkPen(color, width=1))
        self.lone.setBrush(pg.mkBrush(color))
        self.lone.setPen(pg.mkPen(color, width=1))
        self.failed.setPen(pg.mkPen(color, width=1))
        self.failed.setBrush(pg.mkBrush(color))


class Chart(QWidget):
    """Draws a ``Series``. ``pointed(number)`` says which slice the cursor is at, None none."""

    pointed = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._curves: dict[str, Curve] = {}
        self._hidden: set[str] = set()
        self._series: Series | None = None
        self._cursor_at: int | None = None
        self._by_key = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Latency by provider")
        self.setAccessibleDescription("Left and Right move the cursor; the legend says the values there.")
        self._axes = {
            "left": _Milliseconds("left"),
            "bottom": pg.DateAxisItem("bottom", utcOffset=None),
        }
        self._plot = pg.PlotWidget(axisItems=self._axes)
        self._plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._item = self._plot.getPlotItem()
        self._item.setMenuEnabled(False)
        self._item.hideButtons()
        self._item.setMouseEnabled(x=False, y=False)
        for axis in self._axes.values():
            axis.enableAutoSIPrefix(False)
            axis.setStyle(tickFont=font(CAPTION_PX), tickTextOffset=6)
            axis.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        self._grid = _Grid()
        self._plot.addItem(self._grid, ignoreBounds=True)
        self._line = pg.InfiniteLine(angle=90, movable=False)
        self._line.hide()
        self._plot.addItem(self._line, ignoreBounds=True)
        self._plot.scene().sigMouseMoved.connect(self._mouse_moved)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_RING, _RING, _RING, _RING)
        layout.addWidget(self._plot)
        theme.changed.connect(self.restyle)
        self.restyle()

    @property
    def cursor_at(self) -> int | None:
        """The slice the cursor is at."""
        return self._cursor_at

    def draw(self, series: Series, now: float) -> None:
        """Draw ``series``, up to ``now`` in epoch seconds."""
        self._series = series
        present = series.providers
        for name in [name for name in self._curves if name not in present]:
            for item in self._curves.pop(name).items:
                self._plot.removeItem(item)
        highest = 0.0
        for name in present:
            curve = self._curves.get(name)
            if curve is None:
                curve = self._curves[name] = Curve(self._plot)
                curve.color(self._theme.provider_color(name))
            line = series.line(name)
            curve.line.setData(line.xs, line.ys)
            curve.lone.setData([line.xs[at] for at in line.lone], [line.ys[at] for at in line.lone])
            curve.failed.setData(line.failed, [0.0] * len(line.failed))
            visible = name not in self._hidden
            for item in curve.items:
                item.setVisible(visible)
            if visible:
                highest = max(highest, *(value for value in line.ys if value == value), 0.0)  # noqa: PLR0124
        end = (series.number(now) + 1) * series.slice_s
        top = _round_up(highest * 1.05) if highest else 1000.0
        box = QRectF(end - series.range_s, 0, series.range_s, top)
        self._item.setRange(box.adjusted(0, -top * _ROOM, 0, top * _ROOM), padding=0, disableAutoRange=True)
        steps = self._axes["left"].tickValues(0, top, self._plot.height())
        self._grid.show_heights(steps[0][1] if steps else (), box)

    def show_provider(self, name: str, on: bool) -> None:
        """Draw a provider, or leave it out."""
        (self._hidden.discard if on else self._hidden.add)(name)

    def restyle(self) -> None:
        """Take the colours of the theme."""
        theme = self._theme
        self._plot.setBackground(theme.color("surface"))
        for axis in self._axes.values():
            axis.setPen(pg.mkPen(theme.color("line"), width=1))
            axis.setTextPen(theme.color("muted"))
        self._grid.restyle(theme.color("line"))
        self._line.setPen(pg.mkPen(theme.color("muted"), width=1, style=Qt.PenStyle.DashLine))
        for name, curve in self._curves.items():
            curve.color(theme.provider_color(name))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        series = self._series
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        newest = series.newest() if series is not None else None
        if newest is None or event.key() not in (*steps, Qt.Key.Key_End, Qt.Key.Key_Escape):
            super().keyPressEvent(event)
        elif event.key() == Qt.Key.Key_Escape:
            self._point(None)
            event.ignore()
        elif event.key() == Qt.Key.Key_End or self._cursor_at is None:
            self._point(newest)
        else:
            self._point(min(self._cursor_at + steps[Qt.Key(event.key())], newest))

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self.hasFocus():
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(self._theme.color("accent"), _RING))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), RADIUS, RADIUS)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() != Qt.FocusReason.MouseFocusReason and self._series is not None:
            self._point(self._series.newest())

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._point(None)

    def leaveEvent(self, event: Any) -> None:
        super().leaveEvent(event)
        if not self.hasFocus():
            self._point(None)

    def _mouse_moved(self, position: QPointF) -> None:
        if self._series is None:
            return
        box = self._item.vb
        if box.sceneBoundingRect().contains(position):
            self._point(self._series.number(box.mapSceneToView(position).x()))
        else:
            self._point(None)

    def _point(self, number: int | None) -> None:
        if number == self._cursor_at:
            return
        self._cursor_at = number
        self._line.setVisible(number is not None)
        if number is not None and self._series is not None:
            self._line.setPos((number + 0.5) * self._series.slice_s)
        self.pointed.emit(number)
