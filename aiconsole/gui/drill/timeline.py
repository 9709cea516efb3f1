"""The drill on one time axis: a lane a candidate with its faults and breaker states, below them each answer's first token."""

from __future__ import annotations

import math
from typing import Final

from PySide6.QtCore import QEvent, QLineF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from ...drill.scenarios import provider_of
from ..dots import Dots, decades, height
from ..figures import latency
from ..icons import paint_state
from ..theme import CAPTION_PX, RADIUS, SPACE_M, SPACE_S, SPACE_XS, State, Theme, font
from .seen import Seen, Span

_LANE: Final = 34
_LEFT: Final = 132
_RIGHT: Final = 132
_AXIS: Final = 22
_STATES: Final[dict[str, State]] = {
    "closed": "ok",
    "forced closed": "ok",
    "half-open": "warn",
    "open": "crit",
    "forced open": "crit",
}


class Timeline(QWidget):
    """Draws a `Seen`. ``pointed(at_s)`` says where the cursor is, in s, None nowhere; mouse and arrow keys move it."""

    pointed = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._seen = Seen()
        self._cursor: float | None = None
        self._dots = Dots(theme)
        self._font, self._small = font(CAPTION_PX), font(CAPTION_PX - 1)
        self._measure = QFontMetricsF(self._small)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Course of the drill")
        self.setAccessibleDescription(
            "Left and Right move the cursor by a second; the line above says how things stood."
        )
        self.setMinimumHeight(3 * _LANE + 120)
        theme.changed.connect(self.update)

    def show_seen(self, seen: Seen) -> None:
        """Draw this from now on."""
        self._seen = seen
        self.update()

    # The person

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1.0, Qt.Key.Key_Right: 1.0}.get(Qt.Key(event.key()))
        if event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._point(0.0 if event.key() == Qt.Key.Key_Home else self._seen.now_s)
        elif step is None:
            super().keyPressEvent(event)
        else:
            here = self._seen.now_s if self._cursor is None else self._cursor
            self._point(min(max(0.0, here + step), self._seen.now_s))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        plot = self._plot()
        inside = plot.left() <= event.position().x() <= plot.right() and self._seen.began is not None
        at_s = (event.position().x() - plot.left()) / plot.width() * self._seen.duration_s
        self._point(at_s if inside and at_s <= self._seen.now_s else None)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if not self.hasFocus():
            self._point(None)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._point(None)

    def _point(self, at_s: float | None) -> None:
        if at_s != self._cursor:
            self._cursor = at_s
            self.pointed.emit(at_s)
            self.update()

    # Painting

    def _plot(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_LEFT, SPACE_S, -_RIGHT, -SPACE_XS)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(self._font)
        seen, plot = self._seen, self._plot()
        if seen.began is not None and plot.width() > 0:
            lanes = QRectF(plot.left(), plot.top(), plot.width(), _LANE * len(seen.candidates))
            graph = QRectF(plot.left(), lanes.bottom() + SPACE_M, plot.width(), 0)
            graph.setBottom(plot.bottom() - _AXIS)
            self._time_axis(painter, plot, graph)
            for at, candidate in enumerate(seen.candidates):
                self._lane(painter, candidate, QRectF(lanes.left(), lanes.top() + at * _LANE, lanes.width(), _LANE))
            self._first_tokens(painter, graph)
            if self._cursor is not None:
                painter.setPen(QPen(self._theme.color("muted"), 1, Qt.PenStyle.DashLine))
                painter.drawLine(QLineF(self._x(self._cursor), plot.top(), self._x(self._cursor), graph.bottom()))
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(self._theme.color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), RADIUS, RADIUS)

    def _x(self, at_s: float) -> float:
        plot, whole = self._plot(), self._seen.duration_s or 1.0
        return plot.left() + plot.width() * min(at_s, whole) / whole

    def _time_axis(self, painter: QPainter, plot: QRectF, graph: QRectF) -> None:
        step = _step(self._seen.duration_s, plot.width() / 80)
        for number in range(int(self._seen.duration_s / step) + 1):
            x = self._x(number * step)
            painter.setPen(self._theme.color("line"))
            painter.drawLine(QLineF(x, plot.top(), x, graph.bottom()))
            painter.setPen(self._theme.color("muted"))
            box = QRectF(x - 40, graph.bottom() + 2, 80, _AXIS)
            painter.drawText(box, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, f"{number * step:g} s")

    def _lane(self, painter: QPainter, candidate: str, lane: QRectF) -> None:
        provider = provider_of(candidate)
        color = self._theme.provider_color(provider)
        middle = lane.center().y()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawRoundedRect(QRectF(SPACE_S, middle - 5, 10, 10), 3, 3)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        left = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.setPen(self._theme.color("text"))
        painter.drawText(QRectF(SPACE_S + 18, lane.top(), _LEFT - 34, lane.height()), left, provider)
        for span in self._seen.faults.get(provider, ()):
            self._fault(painter, span, lane)
        for span in self._seen.spans(candidate):
            self._state(painter, span, lane)
        answers, all_answers = self._seen.by[provider], self._seen.by.total()
        part = f" ({100 * answers / all_answers:.0f} %)" if all_answers else ""
        painter.setPen(self._theme.color("muted"))
        painter.drawText(
            QRectF(lane.right() + SPACE_M, lane.top(), _RIGHT, lane.height()), left, f"{answers} answers{part}"
        )

    def _fault(self, painter: QPainter, span: Span, lane: QRectF) -> None:
        box = QRectF(self._x(span.from_s), lane.top() + 1, 0, lane.height() - 2)
        box.setRight(self._x(min(span.to_s, self._seen.now_s)))
        painter.fillRect(box, self._theme.color("idle_soft"))
        painter.setPen(_faint(self._theme.color("muted")))
        painter.drawLine(QLineF(box.topLeft(), box.bottomLeft()))
        painter.drawLine(QLineF(box.topRight(), box.bottomRight()))
        self._word(painter, f"fault: {span.what}", box.adjusted(0, 0, 0, -box.height() / 2 + 1), "muted", None)

    def _state(self, painter: QPainter, span: Span, lane: QRectF) -> None:
        """Closed is a thin line, half-open a bar of half the height, open a whole one with its word."""
        state = _STATES[span.what]
        tall = {"ok": 3.0, "warn": 8.0, "crit": 14.0}[state]
        box = QRectF(self._x(span.from_s), lane.bottom() - 3 - tall, 0, tall)
        box.setRight(max(self._x(span.to_s), box.left() + (0 if state == "ok" else 2)))
        painter.fillRect(box, self._theme.color(state if state == "ok" else f"{state}_soft"))
        if state != "ok":
            painter.setPen(QPen(self._theme.color(state), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(box.adjusted(0, 0, -1, -1))
            self._word(painter, span.what, box, f"{state}_text", state)

    def _word(self, painter: QPainter, word: str, box: QRectF, token: str, state: State | None) -> None:
        """A word where there is room for it, after its glyph."""
        glyph = 0 if state is None else 8 + SPACE_XS
        if self._measure.horizontalAdvance(word) + glyph + 2 * SPACE_XS > box.width():
            return
        painter.save()
        painter.setFont(self._small)
        if state is not None:
            spot = QRectF(box.left() + SPACE_XS, box.center().y() - 4, 8, 8)
            paint_state(painter, spot, state, self._theme.color(state))
        painter.setPen(self._theme.color(token))
        room = QRectF(box.left() + SPACE_XS + glyph, box.center().y() - 9, box.width(), 18)
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, word)
        painter.restore()

    def _first_tokens(self, painter: QPainter, graph: QRectF) -> None:
        if graph.height() < 40:
            return
        ticks = decades(self._seen)
        right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        for tick in ticks:
            y = height(tick, ticks, graph)
            painter.setPen(self._theme.color("line"))
            painter.drawLine(QLineF(graph.left(), y, graph.right(), y))
            painter.setPen(self._theme.color("muted"))
            painter.drawText(QRectF(0, y - 9, _LEFT - SPACE_S, 18), right, latency(tick))
        self._dots.paint(painter, graph, self._seen, ticks)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.color("crit"), 1.5))
        crosses = (_cross(self._x(at_s), graph.bottom() - 5) for at_s in self._seen.failed_at)
        painter.drawLines([line for cross in crosses for line in cross])


def _cross(x: float, y: float) -> tuple[QLineF, QLineF]:
    return QLineF(x - 3, y - 3, x + 3, y + 3), QLineF(x - 3, y + 3, x + 3, y - 3)


def _faint(color: QColor) -> QColor:
    color.setAlpha(140)
    return color


def _step(whole_s: float, most: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that makes at most ``most`` steps."""
    least = whole_s / max(1.0, most)
    power = 10.0 ** math.floor(math.log10(max(least, 0.1)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least)
