"""The control in which one setting's value is edited. Each has ``show_value``, and tells ``edited(value)`` while it changes
and ``chosen(value)`` when the person is done; a value that cannot be one comes as a ``ValueError``."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QLineEdit, QPlainTextEdit, QSizePolicy, QWidget

from ..theme import SPACE_S, set_role
from .model import Entry, choice_words, parse, text_of

_WIDTH = 360
_NUMBER_WIDTH = 110


class Choice(QComboBox):
    """A choice that the wheel does not change in passing."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class Lines(QPlainTextEdit):
    """Text of a few lines. ``done()`` when the focus leaves or on Ctrl+Enter; Tab goes to the next control."""

    done = Signal()
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setTabChangesFocus(True)
        self.setFixedHeight(self.fontMetrics().lineSpacing() * 4 + 18)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.done.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and event.modifiers():
            self.done.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)


class Line(QLineEdit):
    """One line. ``left()`` on Escape."""

    left = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.isModified():
            self.left.emit()
        else:
            super().keyPressEvent(event)


class Editor(QWidget):
    """The control of one setting."""

    edited = Signal(object)
    chosen = Signal(object)

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self.entry = entry
        self._value: Any = None
        self.control = self._make()
        self.control.setAccessibleName(entry.title)
        self.control.setAccessibleDescription(entry.info.meaning)
        self.setFocusProxy(self.control)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_S)
        wide = self.control.sizePolicy().horizontalPolicy() == QSizePolicy.Policy.Expanding
        layout.addWidget(self.control, 1 if wide else 0)
        if entry.info.unit:
            unit = QLabel(entry.info.unit)
            set_role(unit, "caption")
            layout.addWidget(unit)
        if not wide:
            layout.addStretch(1)

    def show_value(self, value: Any) -> None:
        """Show ``value``, unless the person is just editing."""
        self._value = value
        control = self.control
        control.blockSignals(True)
        if isinstance(control, QCheckBox):
            control.setChecked(bool(value))
        elif isinstance(control, QComboBox):
            control.setCurrentIndex(control.findData(value))
        elif isinstance(control, QLineEdit):
            control.setText(text_of(self.entry, value))
        elif isinstance(control, QPlainTextEdit):
            control.setPlainText(text_of(self.entry, value))
            control.document().setModified(False)
        control.blockSignals(False)

    def suggest(self, text: str) -> None:
        """Show ``text`` where nothing is set."""
        if isinstance(self.control, QLineEdit | QPlainTextEdit):
            self.control.setPlaceholderText(text)

    @property
    def touched(self) -> bool:
        """Whether there is text that was not taken yet."""
        control = self.control
        if isinstance(control, QLineEdit):
            return control.isModified()
        return isinstance(control, QPlainTextEdit) and control.document().isModified()

    def mark(self, wrong: bool) -> None:
        """Show whether what stands there can be used."""
        set_role(self.control, self.control.property("role"), "crit" if wrong else None)

    def _make(self) -> QWidget:
        entry = self.entry
        if entry.shape != "value":
            return self._make_lines()
        if entry.info.type == "bool":
            box = QCheckBox("On")
            box.toggled.connect(lambda on: self.chosen.emit(on))
            return box
        if entry.info.type == "choice":
            return self._make_choice()
        line = Line()
        line.setPlaceholderText(entry.example)
        if entry.info.type in ("int", "float"):
            line.setFixedWidth(_NUMBER_WIDTH)
            line.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        else:
            line.setMinimumWidth(_WIDTH)
            line.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        line.textEdited.connect(self._tell_edited)
        line.editingFinished.connect(self._tell_chosen)
        line.left.connect(self._go_back)
        return line

    def _make_lines(self) -> QWidget:
        lines = Lines()
        lines.setPlaceholderText(self.entry.example)
        lines.setMinimumWidth(_WIDTH)
        if self.entry.shape != "text":
            set_role(lines, "code")
        lines.textChanged.connect(self._tell_edited)
        lines.done.connect(self._tell_chosen)
        lines.left.connect(self._go_back)
        return lines

    def _make_choice(self) -> QWidget:
        choice = Choice()
        if self.entry.info.optional:
            choice.addItem(choice_words(None), None)
        for value in self.entry.info.choices:
            choice.addItem(choice_words(value), value)
        choice.activated.connect(lambda _: self.chosen.emit(choice.currentData()))
        return choice

    def _read(self) -> Any:
        control = self.control
        text = control.toPlainText() if isinstance(control, QPlainTextEdit) else ""
        if isinstance(control, QLineEdit):
            text = control.text()
        try:
            return parse(self.entry, text)
        except ValueError as error:
            return error

    def _tell_edited(self, *_: object) -> None:
        self.edited.emit(self._read())

    def _tell_chosen(self) -> None:
        if self.touched:
            self.chosen.emit(self._read())

    def _go_back(self) -> None:
        self.show_value(self._value)
        self.mark(wrong=False)
        self.edited.emit(self._value)
