"""One setting with everything one wants to know of it, and a group of them that follows the session."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from ...domain.errors import ConfigError
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_L, SPACE_M, SPACE_S, SPACE_XS, set_role
from .editors import Editor
from .model import DEMO, Entry, default_words, demo_remark, fault, same, value_of

_WORDS_WIDTH = 300


class SettingField(QWidget):
    """Title, meaning, control, default, reset, and what is wrong. ``wanted(value)``, ``reset_wanted()``."""

    wanted = Signal(object)
    reset_wanted = Signal()

    def __init__(self, entry: Entry, shell: Shell, *, narrow: bool = False) -> None:
        super().__init__()
        self.entry = entry
        self.editor = Editor(entry)
        self._fault = ""
        self._remark = ""
        self.note = QLabel()
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setWordWrap(True)
        set_role(self.note, "caption")
        self.reset = QToolButton()
        self.reset.setIcon(shell.icons.icon("undo"))
        self.reset.setIconSize(QSize(16, 16))
        self.reset.setToolTip("Back to the default")
        self.reset.setAccessibleName(f"Back to the default: {entry.title}")
        self.reset.clicked.connect(self.reset_wanted)
        keep_room = self.reset.sizePolicy()
        keep_room.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(keep_room)
        self.editor.edited.connect(self._judge)
        self.editor.chosen.connect(self._choose)
        self._lay_out(narrow)

    def _lay_out(self, narrow: bool) -> None:
        title = QLabel(self.entry.title)
        set_role(title, "strong")
        title.setBuddy(self.editor.control)
        meaning = QLabel(self.entry.info.meaning)
        meaning.setWordWrap(True)
        set_role(meaning, "caption")
        if not narrow:
            for label in (title, meaning):
                label.setFixedWidth(_WORDS_WIDTH)
        top = QHBoxLayout()
        top.setSpacing(SPACE_S)
        top.addWidget(self.editor, 1)
        top.addWidget(self.reset, 0, Qt.AlignmentFlag.AlignTop)
        words, edit = QVBoxLayout(), QVBoxLayout()
        for column, parts in ((words, (title, meaning)), (edit, (top, self.note))):
            column.setSpacing(SPACE_XS)
            for part in parts:
                column.addLayout(part) if isinstance(part, QHBoxLayout) else column.addWidget(part)
            column.addStretch(1)
        across = QVBoxLayout(self) if narrow else QHBoxLayout(self)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(SPACE_XS if narrow else SPACE_L)
        across.addLayout(words)
        across.addLayout(edit, 1)

    def show_value(self, value: Any, remark: str = "") -> None:
        """Show the value in force; ``remark`` tells where it comes from, where that is not the setting."""
        self._remark = remark
        if not self.editor.touched:
            self.editor.show_value(value)
            self.show_fault("")
        self.reset.setVisible(not self.entry.info.required and not same(value, self.entry.default))

    def show_fault(self, words: str) -> None:
        """Say what is wrong with what stands there, "" for nothing."""
        self._fault = words
        self.editor.mark(bool(words))
        set_role(self.note, "caption", "crit" if words else None)
        self.note.setText(words[:1].upper() + words[1:] if words else self._remark or default_words(self.entry))

    def taken(self, value: Any, remark: str = "") -> None:
        """The value was kept."""
        self.editor.show_value(value)
        self.show_value(value, remark)

    def _judge(self, value: Any) -> str:
        words = str(value) if isinstance(value, ValueError) else fault(self.entry.key, value)
        self.show_fault(f"{words}." if words and not words.endswith(".") else words)
        return words

    def _choose(self, value: Any) -> None:
        if value is None and self.entry.info.required:
            self.show_fault("It cannot be empty.")
        elif not self._judge(value):
            self.wanted.emit(value)


class SettingGroup(QFrame):
    """A card of settings that are kept as soon as they are chosen; ``narrow`` puts the control below its words."""

    def __init__(
        self, session: Session, shell: Shell, title: str, entries: Iterable[Entry], *, narrow: bool = False
    ) -> None:
        super().__init__()
        set_role(self, "card")
        self._session, self._shell = session, shell
        self.fields = {entry.key: SettingField(entry, shell, narrow=narrow) for entry in entries}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_L)
        layout.setSpacing(SPACE_M)
        if title:
            head = QLabel(title)
            head.setTextFormat(Qt.TextFormat.PlainText)
            set_role(head, "head")
            layout.addWidget(head)
        for at, field in enumerate(self.fields.values()):
            if at:
                layout.addWidget(_line())
            layout.addWidget(field)
            field.wanted.connect(partial(self._want, field))
            field.reset_wanted.connect(partial(self._reset, field))
        session.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the values in force."""
        for field in self.fields.values():
            field.show_value(*self._in_force(field.entry))

    def _in_force(self, entry: Entry) -> tuple[Any, str]:
        """A value, and what is to be said of where it comes from."""
        value = value_of(self._session.engine.settings, entry.key)
        if entry.key == DEMO:
            on = self._session.engine.demo
            return on, demo_remark(on, kept=bool(value), by_command_line=not self._session.keep_demo)
        return entry.default if value is None else value, ""

    def _want(self, field: SettingField, value: Any) -> None:
        self._shell.start(self._keep(field, value))

    def _reset(self, field: SettingField) -> None:
        self._shell.start(self._keep(field, None))

    async def _keep(self, field: SettingField, value: Any) -> None:
        key = field.entry.key
        try:
            if key == DEMO:
                await self._session.set_demo(bool(value))
            elif value is None:
                await self._session.reset(key)
            else:
                await self._session.change(key, value)
        except ConfigError as error:
            field.show_fault(f"{error.message} {error.advice}".strip())
        else:
            field.taken(*self._in_force(field.entry))


def _line() -> QFrame:
    line = QFrame()
    set_role(line, "line")
    return line
