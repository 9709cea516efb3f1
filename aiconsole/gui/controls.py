"""Controls whose look no style sheet reaches: boxes for numbers and times."""

from __future__ import annotations

from PySide6.QtWidgets import QAbstractSpinBox, QDoubleSpinBox, QSpinBox, QTimeEdit, QWidget

from .theme import SPACE_S


class NumberBox(QSpinBox):
    """A whole number. Qt puts a styled spin box's text at its very edge; this keeps it off."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        _inset(self)


class DecimalBox(QDoubleSpinBox):
    """A decimal number, kept off the edge as well."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        _inset(self)


class TimeBox(QTimeEdit):
    """A time of day, kept off the edge as well."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDisplayFormat("HH:mm")
        _inset(self)


def _inset(box: QAbstractSpinBox) -> None:
    box.lineEdit().setTextMargins(SPACE_S, 0, 0, 0)
