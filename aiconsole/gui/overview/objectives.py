"""The objectives in one row: what is to be reached, what was, and what is left of each error budget."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from ...domain.history import Objective, Targets
from ..figures import latency, share
from ..icons import paint_state
from ..theme import CAPTION_PX, RADIUS, SPACE_S, State, Theme, font
from .standing import NOTHING, budget, state_of

_KEYS: Final = {
    "availability": "objectives.availability",
    "p95": "objectives.p95_ms",
    "error rate": "objectives.error_rate",
    "cache hits": "objectives.cache_hits",
    "memory": "objectives.memory",
}
_TITLES: Final = {
    "availability": "Availability",
    "p95": "p95",
    "error rate": "Errors",
    "cache hits": "Cache hits",
    "memory": "Memory",
}
_OF: Final = {
    "availability": " requests",
    "p95": " answers",
    "error rate": " attempts",
    "cache hits": " repeated queries",
}


class _Objective(QAbstractButton):
    """One objective: glyph and words over a bar of what is left."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme, self._name = theme, name
        self._state: State = "idle"
        self._left: float | None = None
        self._words = self._value = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(120, 34)

    def show_standing(self, words: str, value: str, left: float | None, state: State, tip: str) -> None:
        """Say this; ``left`` is what is left of the budget, 0 to 1."""
        self._words, self._value, self._left, self._state = words, value, left, state
        self.setAccessibleName(f"Objective {words}: {tip}")
        self.setToolTip(f"{words}: {tip} A click opens the setting.")
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        if self.underMouse() or self.hasFocus():
            painter.setPen(QPen(theme.color("accent"), 2) if self.hasFocus() else Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("hover"))
            painter.drawRoundedRect(box, RADIUS, RADIUS)
        inner = box.adjusted(SPACE_S - 1, 4, -SPACE_S + 1, -4)
        paint_state(painter, QRectF(inner.left(), inner.top() + 3, 9, 9), self._state, theme.color(self._state))
        line = QRectF(inner.left() + 15, inner.top(), inner.width() - 15, 15)
        painter.setFont(font(CAPTION_PX))
        metrics = QFontMetricsF(painter.font())
        painter.setPen(theme.color(f"{self._state}_text"))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self._value)
        room = line.width() - metrics.horizontalAdvance(self._value) - SPACE_S
        painter.setPen(theme.color("muted"))
        words = metrics.elidedText(self._words, Qt.TextElideMode.ElideRight, room)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)
        bar = QRectF(inner.left(), inner.bottom() - 4, inner.width(), 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("line"))
        painter.drawRoundedRect(bar, 2, 2)
        if self._left is not None and self._left > 0:
            bar.setWidth(max(bar.width() * min(self._left, 1.0), 4.0))
            painter.setBrush(theme.color(self._state))
            painter.drawRoundedRect(bar, 2, 2)


class Objectives(QWidget):
    """A row of five. ``open_setting(key)`` is called where one is clicked."""

    def __init__(self, theme: Theme, open_setting: Callable[[str], object]) -> None:
        super().__init__()
        self.setAccessibleName("Objectives")
        self.parts = {name: _Objective(theme, name) for name in _KEYS}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_S)
        for name, part in self.parts.items():
            part.clicked.connect(partial(open_setting, _KEYS[name]))
            layout.addWidget(part, 1)

    def show_objectives(self, objectives: tuple[Objective, ...], targets: Targets, memory: tuple[float, float]) -> None:
        """Say how each stands; ``memory`` is its target and the share in use."""
        goals = {
            "availability": f"≥ {_share(targets.availability)}",
            "p95": f"< {latency(targets.p95_ms)}",
            "error rate": f"< {_share(targets.error_rate)}",
            "cache hits": f"≥ {_share(targets.cache_hits)}",
        }
        told = {objective.name: objective for objective in objectives}
        for name, goal in goals.items():
            objective = told.get(name) or Objective(name, 0.0)  # type: ignore[arg-type, call-overload]
            value, left = objective.value, objective.budget_left
            reached = NOTHING if value is None else latency(value) if name == "p95" else share(value)
            words = NOTHING if left is None else f"{share(left)} left" if left >= 0 else "overspent"
            tip = (
                f"{reached}."
                if value is None
                else f"{reached}, {budget(objective)}, over {objective.over:,}{_OF[name]}."
            )
            self.parts[name].show_standing(f"{_TITLES[name]} {goal}", words, left, state_of(objective), tip)
        target, used = memory
        left = (target - used) / target if target else 0.0
        state: State = "crit" if left < 0 else "warn" if left < 0.1 else "ok"
        self.parts["memory"].show_standing(
            f"Memory < {_share(target)}",
            f"{share(max(left, 0.0))} left" if left >= 0 else "over",
            left,
            state,
            f"{share(used)} of this machine's memory is in use.",
        )


def _share(part: float) -> str:
    return f"{part * 100:.2f}".rstrip("0").rstrip(".") + " %"
