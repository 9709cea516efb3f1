"""A year of runs at a glance: a square a day, a column a week, told by colour, by shape and in words.

A day is filled where all its runs succeeded, hollow where one failed, half where one was missed or did not end, and faint where
there was none. Arrow keys go from day to day and say what it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from ...domain.jobs import JobDay
from ..theme import CAPTION_PX, SPACE_XS, State, Theme, font

_WEEKS: Final = 53
_DAYS: Final = _WEEKS * 7
_MONTHS_PX: Final = CAPTION_PX + SPACE_XS
_SIDE: Final = (5, 13)
_GAP: Final = 2
_STEPS: Final = {
    Qt.Key.Key_Left: -7,
    Qt.Key.Key_Right: 7,
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_Home: -_DAYS,
    Qt.Key.Key_End: _DAYS,
}


class YearStrip(QWidget):
    """``pointed(words)``: what the day under the mouse or the keyboard was, or the whole year where there is none."""

    pointed = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._days: dict[date, JobDay] = {}
        self._today = date(2000, 1, 1)
        self._at: date | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_days(self, title: str, days: Iterable[JobDay], today: date) -> None:
        """Show the days of one job up to ``today``."""
        self._days = {date.fromisoformat(day.day): day for day in days}
        self._today = today
        self.setAccessibleName(f"A year of runs of {title}. {self.summary()}")
        self._point(self._at if self.hasFocus() else None)
        self.update()

    def summary(self) -> str:
        """The year in a sentence."""
        first = self._first()
        shown = [day for at, day in self._days.items() if at >= first]
        runs = sum(day.succeeded + day.failed + day.other for day in shown)
        if not runs:
            return "No run yet."
        failed, bad = sum(day.failed for day in shown), sum(day.failed > 0 for day in shown)
        said = f"{runs:,} {'run' if runs == 1 else 'runs'} on {len(shown)} {'day' if len(shown) == 1 else 'days'}"
        if not failed:
            return f"{said}, none failed."
        return f"{said}, {failed:,} failed on {bad} of them."

    def words_of(self, at: date) -> str:
        """What one day was."""
        day, name = self._days.get(at), f"{at:%A}, {at.day} {at:%B %Y}"
        if day is None:
            return f"{name}: no run."
        runs = day.succeeded + day.failed + day.other
        parts = [
            f"{runs:,} {'run' if runs == 1 else 'runs'}",
            f"{day.failed:,} failed" if day.failed else "none failed",
        ]
        if day.other:
            parts.append(f"{day.other:,} missed, cancelled or interrupted")
        return f"{name}: {', '.join(parts)}."

    def sizeHint(self) -> QSize:
        return QSize(_WEEKS * (_SIDE[1] + _GAP), self._height(_SIDE[1]))

    def minimumSizeHint(self) -> QSize:
        return QSize(_WEEKS * (_SIDE[0] + _GAP), self._height(_SIDE[0]))

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._height(self._side(width))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        at = (self._at or self._today) + timedelta(days=step)
        self._point(min(max(at, self._first()), self._today))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(self._under(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._point(None)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            at = self._under(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self.words_of(at) if at else "", self)
            return True
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self._point(self._today if event.type() == QEvent.Type.FocusIn else None)
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font(CAPTION_PX))
        theme, day, said = self._theme, self._first(), -99
        while day <= self._today:
            box = self._box(day)
            if day.day <= 7 and day.weekday() == 0 and box.left() - said > 40:
                said = round(box.left())
                painter.setPen(theme.color("muted"))
                painter.drawText(QPointF(box.left(), CAPTION_PX - 1), f"{day:%b}")
            self._paint_day(painter, box, _state_of(self._days.get(day)))
            if day == self._at:
                painter.setPen(QPen(theme.color("accent"), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(box.adjusted(-1, -1, 1, 1), 2, 2)
            day += timedelta(days=1)

    def _paint_day(self, painter: QPainter, box: QRectF, state: State | None) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("hover" if state is None else "line" if state == "warn" else state))
        painter.drawRoundedRect(box, 2, 2)
        if state == "crit":
            painter.setBrush(self._theme.color("surface"))
            inset = box.width() / 3.2
            painter.drawRect(box.adjusted(inset, inset, -inset, -inset))
        elif state == "warn":
            painter.setBrush(self._theme.color("warn"))
            painter.drawPolygon(QPolygonF([box.topLeft(), box.bottomLeft(), box.bottomRight()]))

    def _point(self, at: date | None) -> None:
        self._at = at
        words = self.summary() if at is None else self.words_of(at)
        self.setAccessibleDescription(words)
        self.pointed.emit(words)
        self.update()

    def _first(self) -> date:
        monday = self._today - timedelta(days=self._today.weekday())
        return monday - timedelta(weeks=_WEEKS - 1)

    def _side(self, width: int) -> int:
        return min(max(width // _WEEKS - _GAP, _SIDE[0]), _SIDE[1])

    @staticmethod
    def _height(side: int) -> int:
        return _MONTHS_PX + 7 * (side + _GAP)

    def _box(self, day: date) -> QRectF:
        side = self._side(self.width())
        weeks, weekday = divmod((day - self._first()).days, 7)
        return QRectF(weeks * (side + _GAP) + 1, _MONTHS_PX + weekday * (side + _GAP), side, side)

    def _under(self, place: QPointF) -> date | None:
        step = self._side(self.width()) + _GAP
        weeks, weekday = int(place.x() // step), int((place.y() - _MONTHS_PX) // step)
        if not 0 <= weekday < 7 or not 0 <= weeks < _WEEKS:
            return None
        day = self._first() + timedelta(days=weeks * 7 + weekday)
        return day if day <= self._today else None


def _state_of(day: JobDay | None) -> State | None:
    if day is None:
        return None
    if day.failed:
        return "crit"
    return "ok" if day.succeeded else "warn"
