"""What was spent as bars, one a UTC day, the providers standing on each other; read by mouse and by keyboard."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from PySide6.QtCore import QEvent, QLineF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from ..figures import money
from ..overview.plots import AXIS, RIGHT
from ..overview.scale import axis_top, linear_ticks
from ..theme import CAPTION_PX, RADIUS, SPACE_M, SPACE_S, Theme, font
from .spend_model import DAY_S, day_words

_LEFT: Final = 64
_LABEL_PX: Final = 62
_GAP: Final = 0.16
Days = Mapping[float, Mapping[str, float]]


class SpendBars(QWidget):
    """``pointed(words)`` says the day at the cursor, "" none; ``picked(day)`` when one is chosen, in epoch s."""

    pointed = Signal(str)
    picked = Signal(float)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._days: Days = {}
        self._labels: Mapping[str, str] = {}
        self._first, self._number, self._today = 0.0, 1, 0.0
        self._cursor: int | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(320, 120)
        self.setAccessibleName("Spend by day")
        self.setAccessibleDescription("Left and Right move the cursor, Enter opens the requests of that day.")
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(600, 200)

    def show_days(self, days: Days, labels: Mapping[str, str], first: float, today: float) -> None:
        """Draw USD by day and provider; ``labels`` in the order in which the providers stand on each other."""
        self._days, self._labels, self._first, self._today = days, labels, first, today
        self._number = max(round((today - first) / DAY_S) + 1, 1)
        if self._cursor is not None:
            self.point(min(self._cursor, self._number - 1))
        self.update()

    def words(self, number: int) -> str:
        """What one day tells."""
        day = self._first + number * DAY_S
        parts = {name: usd for name, usd in self._days.get(day, {}).items() if usd > 0}
        if not parts:
            return f"{day_words(day)}: nothing was spent"
        listed = ", ".join(
            f"{self._labels.get(name, name)} {money(usd)}"
            for name, usd in sorted(parts.items(), key=lambda part: -part[1])
        )
        return f"{day_words(day)}: {money(sum(parts.values()))} ({listed})"

    def point(self, number: int | None) -> None:
        """Put the cursor at a day, None nowhere."""
        self._cursor = number
        self.pointed.emit("" if number is None else self.words(number))
        self.update()

    # Painting

    def _plot(self) -> QRectF:
        tall = max(self.height() - AXIS - SPACE_M - SPACE_S, 10)
        return QRectF(_LEFT, SPACE_M, max(self.width() - _LEFT - RIGHT, 10), tall)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(font(CAPTION_PX))
        box = self._plot()
        top = max((sum(parts.values()) for day, parts in self._days.items() if day >= self._first), default=0.0)
        top = axis_top(top) if top else 1.0
        side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for value in linear_ticks(top, 2 if box.height() >= 60 else 1):
            y = box.bottom() - value / top * box.height()
            painter.setPen(self._theme.color("line"))
            painter.drawLine(QLineF(box.left(), y, box.right(), y))
            painter.setPen(self._theme.color("muted"))
            painter.drawText(QRectF(0, y - 8, _LEFT - SPACE_S, 16), side, money(value) if value else "0")
        wide = box.width() / self._number
        self._dates(painter, box, wide)
        painter.setPen(Qt.PenStyle.NoPen)
        for number in range(self._number):
            self._bar(painter, box, wide, number, top)
        if self._cursor is not None:
            painter.setPen(QPen(self._theme.color("muted"), 1, Qt.PenStyle.DashLine))
            x = box.left() + (self._cursor + 0.5) * wide
            painter.drawLine(QLineF(x, box.top(), x, box.bottom()))
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.color("accent"), 2))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), RADIUS, RADIUS)

    def _dates(self, painter: QPainter, box: QRectF, wide: float) -> None:
        every = max(1, -(-_LABEL_PX // max(int(wide), 1)))
        painter.setPen(self._theme.color("muted"))
        for number in range(self._number - 1, -1, -every):
            words = time.strftime("%d %b", time.gmtime(self._first + number * DAY_S)).lstrip("0")
            place = QRectF(box.left() + (number + 0.5) * wide - 40, box.bottom() + 3, 80, AXIS)
            painter.drawText(place, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, words)

    def _bar(self, painter: QPainter, box: QRectF, wide: float, number: int, top: float) -> None:
        day = self._first + number * DAY_S
        parts = self._days.get(day, {})
        floor = box.bottom()
        for name in (*self._labels, *(name for name in parts if name not in self._labels)):
            tall = parts.get(name, 0.0) / top * box.height()
            if tall <= 0:
                continue
            color = self._theme.provider_color(name)
            if day == self._today:
                color.setAlpha(150)
            left = box.left() + (number + _GAP / 2) * wide
            painter.fillRect(QRectF(left, floor - tall, max(wide * (1 - _GAP), 1), max(tall, 1)), color)
            floor -= tall

    # Mouse and keyboard

    def _number_at(self, x: float) -> int | None:
        box = self._plot()
        number = int((x - box.left()) / (box.width() / self._number))
        return number if box.left() <= x and number < self._number else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.point(self._number_at(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        number = self._number_at(event.position().x())
        if number is not None and event.button() == Qt.MouseButton.LeftButton:
            self.picked.emit(self._first + number * DAY_S)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if not self.hasFocus():
            self.point(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, last = Qt.Key(event.key()), self._number - 1
        here = last if self._cursor is None else self._cursor
        moves = {Qt.Key.Key_Left: here - 1, Qt.Key.Key_Right: here + 1, Qt.Key.Key_Home: 0, Qt.Key.Key_End: last}
        if key in moves:
            self.point(min(max(moves[key], 0), last))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.picked.emit(self._first + here * DAY_S)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() != Qt.FocusReason.MouseFocusReason and self._cursor is None:
            self.point(self._number - 1)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.point(None)
