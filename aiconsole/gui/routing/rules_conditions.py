"""The conditions of a rule as lines of a sentence, in which each figure is a control with its unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from PySide6.QtCore import Qt, QTime, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QMenu, QPushButton, QToolButton, QWidget

from ...routing.rules.declare import DAYS, ERROR_KINDS, Cost, ErrorRate, Floor, Hours, Rule, Times
from ..controls import DecimalBox, TimeBox
from ..flow import Flow
from ..icons import Icons
from ..theme import SPACE_S

_ARROWS = 44
_LINE = 200
_PERCENT = 100.0


class Figure(NamedTuple):
    """A figure of a condition: ``field`` holds it, ``factor`` times larger as shown. ``leave`` marks the threshold at which
    the condition ceases to hold, which follows the other one until it is set."""

    field: str
    name: str
    unit: str
    low: float
    high: float
    factor: float = 1.0
    decimals: int = 0
    leave: bool = False


class Wording(NamedTuple):
    """How a condition on figures is called, what it is when it is added, and its words with its figures between them."""

    title: str
    new: Any
    parts: tuple[str | Figure, ...]


_WINDOW = Figure("window_s", "window", " s", 5, 3_600)
_CALLS = Figure("calls", "least number of calls", " calls", 1, 1_000)
_TIMES: tuple[str | Figure, ...] = (
    "over",
    _WINDOW,
    "and at least",
    _CALLS,
    "is",
    Figure("above_ms", "begins at", " ms", 1, 3_600_000),
    "or more, until it is below",
    Figure("below_ms", "ceases below", " ms", 1, 3_600_000, leave=True),
)

WORDINGS: dict[str, Wording] = {
    "error_rate": Wording(
        "Error rate",
        ErrorRate(above=0.3, below=0.1),
        (
            "the error rate over",
            _WINDOW,
            "and at least",
            _CALLS,
            "is",
            Figure("above", "begins at", " %", 0, 100, _PERCENT),
            "or more, until it is below",
            Figure("below", "ceases below", " %", 0, 100, _PERCENT, leave=True),
        ),
    ),
    "latency": Wording(
        "Duration", Times(above_ms=20_000), ("the duration's", Figure("percentile", "percentile", "", 1, 99), *_TIMES)
    ),
    "ttft": Wording(
        "Time to the first token",
        Times(above_ms=5_000, window_s=120),
        ("the TTFT's", Figure("percentile", "percentile", "", 1, 99), *_TIMES),
    ),
    "score": Wording(
        "Reliability score",
        Floor(below=30, above=50),
        (
            "the reliability score is below",
            Figure("below", "begins below", "", 1, 100),
            "until it is",
            Figure("above", "ceases at", "", 1, 100, leave=True),
        ),
    ),
    "headroom": Wording(
        "Headroom of the rate limits",
        Floor(below=0.05, above=0.15),
        (
            "the headroom of the rate limits is below",
            Figure("below", "begins below", " %", 1, 100, _PERCENT),
            "until it is",
            Figure("above", "ceases at", " %", 1, 100, _PERCENT, leave=True),
        ),
    ),
    "cost": Wording(
        "Estimated cost",
        Cost(above_usd=0.05),
        ("the request's estimated cost is above", Figure("above_usd", "cost", " USD", 0, 1_000, 1.0, 4)),
    ),
}
"""The conditions on figures, by their field in a rule, in the order they are offered."""

TITLES: dict[str, str] = {
    "errors": "Kind of error",
    "statuses": "Status",
    **{field: wording.title for field, wording in WORDINGS.items()},
    "hours": "Time of day",
}
"""Every kind of condition, by its field."""

NEW: dict[str, Any] = {
    "errors": ("overloaded",),
    "statuses": ("5xx",),
    "hours": Hours(start="22:00", end="06:00"),
    **{field: wording.new for field, wording in WORDINGS.items()},
}
"""What a condition is when it is added."""


def present(rule: Rule) -> list[str]:
    """The fields of the conditions a rule has."""
    return [field for field in TITLES if getattr(rule, field) not in (None, ())]


class Ticks(QPushButton):
    """A button that opens a list in which several can be ticked. ``chosen(tuple)`` after each tick."""

    chosen = Signal(tuple)

    def __init__(self, name: str, options: Sequence[str], chosen: Sequence[str], none: str) -> None:
        super().__init__()
        self._name, self._none = name, none
        self._menu = _StayingMenu(self)
        unknown = [option for option in chosen if option not in options]
        for option in (*options, *unknown):
            action = self._menu.addAction(option)
            action.setCheckable(True)
            action.setChecked(option in chosen)
            action.toggled.connect(self._tell)
        self.setMenu(self._menu)
        self._say(chosen)

    @property
    def ticked(self) -> tuple[str, ...]:
        return tuple(action.text() for action in self._menu.actions() if action.isChecked())

    def _tell(self) -> None:
        self._say(self.ticked)
        self.chosen.emit(self.ticked)

    def _say(self, chosen: Sequence[str]) -> None:
        words = ", ".join(chosen) if len(chosen) <= 2 else f"{', '.join(chosen[:2])} and {len(chosen) - 2} more"
        self.setText(f"{words or self._none}   ")
        self.setAccessibleName(f"{self._name}: {', '.join(chosen) or self._none}")
        self.setToolTip(", ".join(chosen))


class _StayingMenu(QMenu):
    """Stays open while things are ticked."""

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        action = self.actionAt(event.position().toPoint())
        if action is not None and action.isCheckable():
            action.toggle()
        else:
            super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        action = self.activeAction()
        if action is not None and event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            action.toggle()
        else:
            super().keyPressEvent(event)


class Number(DecimalBox):
    """A figure with its unit, changed by arrows or typing, not by a wheel that passes. ``given(value)``."""

    given = Signal(float)

    def __init__(self, name: str, unit: str, low: float, high: float, value: float, decimals: int = 0) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setKeyboardTracking(True)
        self.setDecimals(decimals)
        self.setRange(low, high)
        self.setSuffix(unit)
        self.setGroupSeparatorShown(True)
        self.setSingleStep(_step(high, value, decimals))
        self.setValue(value)
        longest = f"{min(high, 99_999):,.{decimals}f}{unit}"
        self.setFixedWidth(self.fontMetrics().horizontalAdvance(longest) + _ARROWS)
        self.valueChanged.connect(self.given)

    def wheelEvent(self, event: Any) -> None:
        event.ignore()


class ConditionLine(QWidget):
    """One condition. ``edited(field, value)``; ``removed(field)``. ``controls`` are in the order of the words."""

    edited = Signal(str, object)
    removed = Signal(str)

    def __init__(self, field: str, rule: Rule, icons: Icons, lead: str, *, removable: bool) -> None:
        super().__init__()
        self.field = field
        self._value: Any = getattr(rule, field)
        self.controls: list[QWidget] = []
        self._row = Flow()
        self._say(lead)
        make: dict[str, Callable[[], None]] = {
            "errors": self._make_errors,
            "statuses": self._make_statuses,
            "hours": self._make_hours,
        }
        make.get(field, self._make_figures)()
        remove = QToolButton()
        remove.setIcon(icons.icon("close"))
        remove.setAccessibleName(f"Take out the condition: {TITLES[field]}")
        remove.setToolTip("Take this condition out")
        remove.setEnabled(removable)
        remove.clicked.connect(lambda: self.removed.emit(self.field))
        self.controls.append(remove)
        across = QHBoxLayout(self)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(SPACE_S)
        across.addWidget(self._row, 1)
        across.addWidget(remove, 0, Qt.AlignmentFlag.AlignTop)

    def _say(self, words: str) -> None:
        self._row.add(QLabel(words))

    def _add(self, control: QWidget) -> None:
        self._row.add(control)
        self.controls.append(control)

    def _give(self, value: Any) -> None:
        self._value = value
        self.edited.emit(self.field, value)

    def _make_errors(self) -> None:
        self._say("it fails with")
        ticks = Ticks("Kinds of errors", sorted(ERROR_KINDS), self._value, "no kind of error")
        ticks.chosen.connect(self._give)
        self._add(ticks)

    def _make_statuses(self) -> None:
        self._say("it answers with the status")
        line = QLineEdit(", ".join(str(status) for status in self._value))
        line.setAccessibleName("Statuses: such as 429 or 5xx, with commas")
        line.setPlaceholderText("429, 5xx")
        line.setFixedWidth(_LINE)
        line.textEdited.connect(lambda text: self._give(_statuses(text)))
        self._add(line)

    def _make_hours(self) -> None:
        hours: Hours = self._value
        self._say("it is between")
        for word, field, name in (("", "start", "From"), ("and", "end", "To")):
            if word:
                self._say(word)
            box = TimeBox()
            box.setTime(QTime.fromString(getattr(hours, field), "HH:mm"))
            box.setAccessibleName(name)
            box.timeChanged.connect(lambda time, field=field: self._replace(field, time.toString("HH:mm")))
            self._add(box)
        self._say("on")
        days = Ticks("Days", DAYS, hours.days, "no day")
        days.chosen.connect(lambda chosen: self._replace("days", chosen))
        self._add(days)

    def _make_figures(self) -> None:
        words = ""
        for part in WORDINGS[self.field].parts:
            if isinstance(part, str):
                words = part
                continue
            value = getattr(self._value, part.field)
            shown = (self._value.leave if part.leave and value is None else value) * part.factor
            name = f"{TITLES[self.field]}, {part.name}"
            low, high = min(part.low, shown), max(part.high, shown)
            decimals = part.decimals or (0 if float(shown).is_integer() else 2)
            box = Number(name, part.unit, low, high, shown, decimals)
            if part.field == "percentile":
                box.setPrefix("p")
            box.given.connect(lambda shown, part=part: self._take(part, shown))
            self._row.add(together(words, box))
            self.controls.append(box)
            words = ""

    def _take(self, part: Figure, shown: float) -> None:
        value: float = round(shown / part.factor, 6)
        self._replace(part.field, int(value) if part.field in ("calls", "percentile") else value)

    def _replace(self, field: str, value: Any) -> None:
        self._give(msgspec.structs.replace(self._value, **{field: value}))


def together(words: str, box: QWidget) -> QWidget:
    """Words and the control they lead to, so that no line ends between them."""
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(SPACE_S)
    if words:
        row.addWidget(QLabel(words))
    row.addWidget(box)
    return made


def _step(high: float, value: float, decimals: int) -> float:
    """How far an arrow goes: in small figures by one, in large ones by a tenth of their size."""
    if high <= 100 or decimals:
        return 10.0 ** -min(decimals, 2)
    return 10.0 ** max(0, len(f"{value:.0f}") - 2)


def _statuses(text: str) -> tuple[int | str, ...]:
    """Statuses as written with commas. What is none yet stays as it is, so that the check points it out."""
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    return tuple(int(word) if word.isdigit() else word for word in words)
