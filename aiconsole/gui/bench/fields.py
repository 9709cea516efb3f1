"""Cards of labelled controls, which the form is made of."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QFrame, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ..controls import DecimalBox, NumberBox
from ..settings.editors import Choice
from ..theme import SPACE_L, SPACE_M, SPACE_S, SPACE_XS, set_role


class Card(QFrame):
    """A head, a sentence that explains, and rows. ``changed()`` when something in it does."""

    changed = Signal()

    def __init__(self, title: str) -> None:
        super().__init__()
        set_role(self, "card")
        self.setAccessibleName(title)
        self._head, self.about = QLabel(title), QLabel()
        set_role(self._head, "head")
        set_role(self.about, "caption")
        self.about.setWordWrap(True)
        self.rows = QVBoxLayout()
        self.rows.setSpacing(SPACE_S)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_M)
        layout.setSpacing(SPACE_S)
        layout.addWidget(self._head)
        layout.addLayout(self.rows)
        layout.addWidget(self.about)


class Fields(QWidget):
    """Controls under their captions, side by side, ``across`` in a row; one that is hidden takes its caption along."""

    def __init__(self, across: int = 4) -> None:
        super().__init__()
        self._across = across
        self._labels: dict[QWidget, QLabel] = {}
        self._spans: dict[QWidget, int] = {}
        self._left_out: set[QWidget] = set()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(SPACE_S)
        self._grid.setVerticalSpacing(SPACE_XS)
        for column in range(across):
            self._grid.setColumnStretch(column, 1)

    def add(self, title: str, control: QWidget, tip: str, span: int = 1) -> None:
        """Put a control behind the others; ``tip`` says what it means."""
        label = QLabel(title)
        set_role(label, "caption")
        label.setBuddy(control)
        control.setAccessibleName(title)
        control.setAccessibleDescription(tip)
        control.setToolTip(tip)
        label.setToolTip(tip)
        self._labels[control] = label
        self._spans[control] = span
        self.arrange()

    def show_only(self, controls: set[QWidget]) -> None:
        """Show these, in their order."""
        self._left_out = set(self._labels) - controls
        self.arrange()

    def arrange(self) -> None:
        """Put what is shown side by side."""
        at = 0
        for control, label in self._labels.items():
            for widget in (label, control):
                self._grid.removeWidget(widget)
                if widget.parentWidget() is not self:
                    widget.setParent(self)
            shown = control not in self._left_out
            label.setVisible(shown)
            control.setVisible(shown)
            if not shown:
                continue
            span = self._spans[control]
            if at % self._across + span > self._across:
                at += self._across - at % self._across
            row, column = 2 * (at // self._across), at % self._across
            self._grid.addWidget(label, row, column, 1, span)
            self._grid.addWidget(control, row + 1, column, 1, span)
            at += span


class OptionalNumber(QWidget):
    """A number that may be left out: a tick, and a box. ``changed()``."""

    changed = Signal()

    def __init__(self, value: float, low: float, high: float, suffix: str, *, decimals: int = 0) -> None:
        super().__init__()
        self.tick = QCheckBox()
        self.box = decimal(value, low, high, suffix, decimals)
        self.box.setEnabled(False)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_XS)
        layout.addWidget(self.tick)
        layout.addWidget(self.box, 1)
        self.setFocusProxy(self.tick)
        self.tick.toggled.connect(self.box.setEnabled)
        self.tick.toggled.connect(self.changed)
        self.box.valueChanged.connect(self.changed)

    def setAccessibleName(self, name: str) -> None:
        super().setAccessibleName(name)
        self.tick.setAccessibleName(f"Limit: {name}")
        self.box.setAccessibleName(name)

    @property
    def value(self) -> float | None:
        """The number, None where it is left out."""
        return self.box.value() if self.tick.isChecked() else None

    def show_value(self, value: float | None) -> None:
        """Be this."""
        self.tick.setChecked(value is not None)
        if value is not None:
            self.box.setValue(value)


def decimal(value: float, low: float, high: float, suffix: str = "", decimals: int = 0) -> DecimalBox:
    """A box for a number."""
    made = DecimalBox()
    made.setDecimals(decimals)
    made.setRange(low, high)
    made.setValue(value)
    made.setSuffix(suffix)
    made.setMinimumWidth(72)
    return made


def whole(value: int, low: int, high: int, suffix: str = "") -> NumberBox:
    """A box for a whole number."""
    made = NumberBox()
    made.setRange(low, high)
    made.setValue(value)
    made.setSuffix(suffix)
    made.setMinimumWidth(72)
    return made


def choice() -> Choice:
    """A choice that may be narrow."""
    made = Choice()
    made.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(8)
    return made
