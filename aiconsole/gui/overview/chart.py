"""The graph as a widget: five plots on one time axis with one cursor, moved, zoomed and read by mouse and by keyboard.

The plots are painted into a picture when figures, view, size or theme change; a move of the cursor only paints over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from ..theme import RADIUS, Theme
from .graph import Graph, Metric, Plot, Shapes
from .plots import Painted, Places
from .readout import Readout, paint, read

_DRAG: Final = 6
_NEAR: Final = 28
_LEAST_S: Final = 60.0
_MOST_S: Final = 400 * 86_400.0
_ZOOM: Final = 1.25
_PAN: Final = 0.1


class Pick(msgspec.Struct, frozen=True):
    """What was clicked: a bucket (epoch s), and whose point; "" where it was nobody's."""

    start: float
    end: float
    provider: str
    plot: Plot


class Chart(QWidget):
    """``moved(start, end)``: another view is wanted; ``reset()``: the view of the range; ``picked(Pick)``; ``pointed(Readout)``
    when the cursor moved, None where it left."""

    moved = Signal(float, float)
    reset = Signal()
    picked = Signal(object)
    pointed = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._graph = Graph()
        self._labels: dict[str, str] = {}
        self._hidden: frozenset[str] = frozenset()
        self._shapes = Shapes(self._graph, (), "duration")
        self._metric: Metric = "duration"
        self._start, self._end, self._now = 0.0, 900.0, 900.0
        self._objective_ms = 0.0
        self._painted: Painted | None = None
        self._cursor: int | None = None
        self._selected = ""
        self._pressed: QPointF | None = None
        self._dragged: float | None = None
        self._pointer_high = True
        self.told: Readout | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(420, 260)
        self.setAccessibleName("Graphs by provider")
        self.setAccessibleDescription(
            "Left and Right move the cursor, Up and Down choose a provider, Enter opens the requests there. Plus and Minus "
            "zoom, Shift with Left and Right pans, 0 shows the whole range again."
        )
        theme.changed.connect(self._draw_anew)

    # What is shown

    @property
    def view(self) -> tuple[float, float]:
        """The stretch of time that is in view, in epoch s."""
        return self._start, self._end

    @property
    def selected(self) -> str:
        """The provider that stands out, "" none."""
        return self._selected

    def show_graph(self, graph: Graph, labels: Mapping[str, str], metric: Metric, objective_ms: float) -> None:
        """Draw this. ``labels`` are those of all providers that have a lane, in their order."""
        self._graph, self._metric, self._objective_ms = graph, metric, objective_ms
        self._labels = dict(labels)
        self._shape()

    def show_view(self, start: float, end: float, now: float) -> None:
        """Have this stretch of time in view."""
        self._start, self._end, self._now = start, end, now
        self._draw_anew()

    def hide_providers(self, hidden: frozenset[str]) -> None:
        """Leave these out."""
        self._hidden = hidden
        self._shape()

    def select(self, provider: str) -> None:
        """Have one provider stand out with its shortest and longest answers, "" none."""
        if provider != self._selected:
            self._selected = provider
            self._draw_anew()

    def _shape(self) -> None:
        self._shapes = Shapes(self._graph, [name for name in self._labels if name not in self._hidden], self._metric)
        self._draw_anew()

    def _draw_anew(self) -> None:
        self._painted = None
        if self._cursor is not None:
            self._tell()
        self.update()

    # Painting

    def _picture(self) -> Painted:
        if self._painted is None:
            places = Places(self.width(), self.height(), len(self._labels), self._start, self._end)
            self._painted = Painted(
                self._theme,
                self._shapes,
                places,
                self._labels,
                now=self._now,
                objective_ms=self._objective_ms,
                selected=self._selected,
                ratio=self.devicePixelRatioF(),
            )
        return self._painted

    def paintEvent(self, _event: QPaintEvent) -> None:
        painted = self._picture()
        places = painted.places
        painter = QPainter(self)
        painter.drawPixmap(0, 0, painted.picture)
        if self._pressed is not None and self._dragged is not None:
            shade = self._theme.color("accent")
            shade.setAlpha(50)
            band = QRectF(QPointF(self._pressed.x(), 0), QPointF(self._dragged, places.bottom)).normalized()
            painter.fillRect(band, shade)
        elif self._cursor is not None and self.told is not None:
            x = places.x(self._graph.begins(self._cursor) + self._graph.step / 2)
            painter.setPen(QPen(self._theme.color("muted"), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QLineF(x, 0, x, places.bottom))
            room = QRectF(places.left, 2, places.right - places.left, places.bottom - 2)
            paint(painter, self._theme, self.told, x, room, low=self._pointer_high)
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.color("accent"), 2))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), RADIUS, RADIUS)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._draw_anew()

    # The cursor

    def point(self, number: int | None) -> None:
        """Put the cursor at a bucket, None nowhere."""
        if number != self._cursor:
            self._cursor = number
            self._tell()
            self.update()

    def _tell(self) -> None:
        self.told = None
        if self._cursor is not None:
            visible = [name for name in self._labels if name not in self._hidden]
            self.told = read(self._graph, self._cursor, visible, self._labels, self._metric)
        self.pointed.emit(self.told)

    def _pick(self, plot: Plot, provider: str) -> None:
        if self._cursor is not None:
            begins = self._graph.begins(self._cursor)
            self.picked.emit(Pick(begins, begins + self._graph.step, provider, plot))

    def provider_at(self, position: QPointF) -> tuple[Plot, str] | None:
        """Which plot is at a place of the widget, and whose point or bar is near; "" nobody's. None beside the plots."""
        painted = self._picture()
        places = painted.places
        plot = places.plot_at(position.y())
        if plot is None or not places.left <= position.x() <= places.right:
            return None
        number = self._graph.number(places.time(position.x()))
        if plot == "breakers":
            lane = int((position.y() - places.boxes[plot].top()) // places.lane)
            names = list(self._labels)
            return plot, names[lane] if 0 <= lane < len(names) else ""
        transform = painted.transforms[plot]
        if plot in ("requests", "cost"):
            bars = self._shapes.requests if plot == "requests" else self._shapes.cost
            for name, rects in bars.items():
                if any(int(rect.x()) == number and transform.mapRect(rect).contains(position) for rect in rects):
                    return plot, name
            return plot, ""
        found = self._shapes.medians if plot == "latency" else self._shapes.errors
        near, least = "", float(_NEAR)
        for name, course in found.items():
            for point in course.points:
                away = abs(transform.map(point).y() - position.y())
                if int(point.x()) == number and away < least:
                    near, least = name, away
        return plot, near

    # The mouse

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        position = event.position()
        if self._pressed is not None:
            far = abs(position.x() - self._pressed.x()) > _DRAG
            if far or self._dragged is not None:
                places = self._picture().places
                self._dragged = min(max(position.x(), places.left), places.right)
                self.point(None)
                self.update()
            return
        at = self.provider_at(position)
        self._pointer_high = position.y() < self.height() / 2
        self.setCursor(Qt.CursorShape.ArrowCursor if at is None else Qt.CursorShape.CrossCursor)
        self.point(None if at is None else self._graph.number(self._picture().places.time(position.x())))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.provider_at(event.position()) is not None:
            self._pressed = event.position()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, dragged = self._pressed, self._dragged
        self._pressed = self._dragged = None
        if pressed is None or event.button() != Qt.MouseButton.LeftButton:
            return
        places = self._picture().places
        if dragged is None:
            at = self.provider_at(event.position())
            if at is not None:
                self.point(self._graph.number(places.time(event.position().x())))
                self._pick(*at)
        else:
            low, high = sorted((places.time(pressed.x()), places.time(dragged)))
            self._want(low, high)
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = None
            self.reset.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        turned = event.angleDelta()
        if abs(turned.x()) > abs(turned.y()) or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.pan(-(turned.x() or turned.y()) / 120 * _PAN)
        else:
            self.zoom(_ZOOM ** (-turned.y() / 120), self._picture().places.time(event.position().x()))
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if not self.hasFocus():
            self.point(None)

    # The keyboard

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, shift = Qt.Key(event.key()), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            step = -1 if key == Qt.Key.Key_Left else 1
            if shift:
                self.pan(step * _PAN)
            else:
                self._step(step)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._select_next(-1 if key == Qt.Key.Key_Up else 1)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(1 / _ZOOM)
        elif key in (Qt.Key.Key_Minus, Qt.Key.Key_Underscore):
            self.zoom(_ZOOM)
        elif key == Qt.Key.Key_0:
            self.reset.emit()
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self.point(self._graph.number(self._start) + 1 if key == Qt.Key.Key_Home else self._last())
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._cursor is not None:
            self._pick("latency", self._selected)
        elif key == Qt.Key.Key_Escape and (self._cursor is not None or self._selected):
            self.point(None)
            self.select("")
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() != Qt.FocusReason.MouseFocusReason and self._cursor is None:
            self.point(self._last())
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.point(None)
        self.update()

    def zoom(self, factor: float, around: float | None = None) -> None:
        """Show ``factor`` times as long a stretch; ``around`` (epoch s; the cursor, or else the middle) stays in its place."""
        if around is None:
            middle = (self._start + self._end) / 2
            around = middle if self._cursor is None else self._graph.begins(self._cursor) + self._graph.step / 2
        length = self._end - self._start
        wanted = min(max(length * factor, _LEAST_S), _MOST_S)
        start = around - (around - self._start) * wanted / length
        self._want(start, start + wanted)

    def pan(self, part: float) -> None:
        """Go on by a part of the view, back where it is below 0."""
        by = (self._end - self._start) * part
        self._want(self._start + by, self._end + by)

    def _want(self, start: float, end: float) -> None:
        if end - start < _LEAST_S:
            middle = (start + end) / 2
            start, end = middle - _LEAST_S / 2, middle + _LEAST_S / 2
        self.moved.emit(start, end)

    def _last(self) -> int | None:
        newest = self._graph.newest()
        last = self._graph.number(min(self._end, self._now))
        return last if newest is None else min(newest, last)

    def _step(self, by: int) -> None:
        last = self._last()
        if last is None:
            return
        number = last if self._cursor is None else self._cursor + by
        first = self._graph.number(self._start)
        self.point(min(max(number, first), self._graph.number(min(self._end, self._now))))

    def _select_next(self, by: int) -> None:
        names = ["", *self._shapes.providers]
        here = names.index(self._selected) if self._selected in names else 0
        self.select(names[(here + by) % len(names)])
        self._tell()
