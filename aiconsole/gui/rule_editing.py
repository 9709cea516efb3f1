"""What editors of rules have in common: a draft and its table, what is done with a rule and with the file, Save and Discard."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Generic

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from .keys import with_keys
from .rule_draft import R, RuleDraft
from .session import Session
from .shell import Shell
from .table import Table
from .theme import SPACE_S, set_role


class RuleEditing(QWidget, Generic[R]):
    """What is changed stays a draft until it is saved. Subclasses have the sentence, say how things stand, and lay it all out.

    Args:
        table: shows the draft's rules, a row each, in their order.
    """

    def __init__(self, session: Session, shell: Shell, draft: RuleDraft[R], table: Table) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self._saving = False
        self.draft: RuleDraft[R] = draft
        self.table = table
        self.add, self.copy, self.take = (QPushButton(words) for words in ("Add rule", "Duplicate", "Delete"))
        self.toml, self.reload, self.defaults = (QPushButton(words) for words in ("Edit as TOML", "Reload", "Defaults"))
        self.discard, self.save = QPushButton("Discard"), QPushButton("Save")
        set_role(self.save, "primary")

    @property
    def at(self) -> int:
        """The row of the chosen rule, -1 for none."""
        return self.table.currentIndex().row()

    # What the person does

    def add_rule(self) -> None:
        """Put a new rule behind the chosen one and begin at its name."""
        place = self.at + 1 if self.draft.rules else 0
        self.draft.add(place)
        self.table.selectRow(place)
        self.edit_rule()

    @abstractmethod
    def edit_rule(self) -> None:
        """Begin at the name of the chosen rule."""

    def duplicate(self) -> None:
        """Copy the chosen rule; the copy is switched off at first."""
        if self.at >= 0:
            place = self.at + 1
            self.draft.duplicate(place - 1)
            self.table.selectRow(place)

    def delete(self) -> None:
        """Take the chosen rule out, with a way back."""
        at = self.at
        if at < 0:
            return
        rule = self.draft.remove(at)
        self.table.selectRow(min(at, len(self.draft.rules) - 1))
        self._shell.notify(f"The rule {rule.name} was deleted.", action="Undo", run=partial(self._bring_back, at, rule))

    def keep(self) -> None:
        """Save the draft, if it can be."""
        if self.save.isEnabled():
            self._saving = True
            self._follow()
            self._shell.start(self._keep(), failed="The rules were not saved")

    def open_toml(self) -> None:
        """Open the rules' file in the system's editor and copy its path; without a file, write one first."""
        self._shell.start(self._open_toml(), failed="The rules were not written")

    def read_again(self) -> None:
        """Take up what was changed in the file by hand."""
        self._shell.start(self._read_again(), failed="The rules were not read")

    # Inside

    @abstractmethod
    def _follow(self) -> None:
        """Say what can be done now, and whether the draft is saved."""

    @abstractmethod
    async def _file(self) -> Path:
        """The rules' file, written first where there is none."""

    @abstractmethod
    async def _read_again(self) -> None: ...

    async def _keep(self) -> None:
        try:
            await self.draft.save()
            self._shell.notify("The rules are saved and followed from now on.", state="ok", seconds=4)
        finally:
            self._saving = False
            self._follow()

    async def _open_toml(self) -> None:
        path = str(await self._file())
        QGuiApplication.clipboard().setText(path)
        QDesktopServices.openUrl(QUrl.fromLocalFile(path))
        self._shell.notify(f"Opened; its path is copied: {path}. Reload when it is saved.")

    def _bring_back(self, at: int, rule: R) -> None:
        self.draft.insert(at, rule)
        self.table.selectRow(at)

    def _edit(self, rule: R) -> None:
        if self.at >= 0:
            self.draft.replace(self.at, rule)

    def _head(self, *begin: QWidget) -> QHBoxLayout:
        """``begin``, the last of which takes the room, and what is done with the whole file."""
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        for widget in begin:
            row.addWidget(widget)
        row.setStretch(len(begin) - 1, 1)
        for button in (self.toml, self.reload, self.defaults):
            set_role(button, "quiet")
            row.addWidget(button)
        return row

    def _foot(self, status: QWidget) -> QHBoxLayout:
        """How the draft stands, Discard and Save."""
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        row.addWidget(status, 1)
        row.addWidget(self.discard)
        row.addWidget(self.save)
        return row

    def _connect_buttons(self, file: str, more: Iterable[tuple[QPushButton, Callable[[], object], str]]) -> None:
        """Let the buttons, and ``more`` of them, do what they say; ``file`` is the name of the rules' file."""
        for button, run, tip in (
            (self.add, self.add_rule, "Add a rule (Ins)"),
            (self.copy, self.duplicate, "Copy the rule (Ctrl+D)"),
            (self.take, self.delete, "Delete the rule (Del)"),
            (self.toml, self.open_toml, f"Open {file} in an editor, and copy its path"),
            (self.reload, self.read_again, f"Read {file} again after a change by hand"),
            (self.defaults, self.draft.take_defaults, "Show the rules that come with the console, to be saved"),
            (self.discard, self.draft.discard, "Go back to the rules in use"),
            (self.save, self.keep, "Follow these rules from now on (Ctrl+S)"),
        ):
            _connect(button, run, tip)
        for each in more:
            _connect(*each)


def _connect(button: QPushButton, run: Callable[[], object], tip: str) -> None:
    button.clicked.connect(lambda _=False: run())
    button.setToolTip(with_keys(tip))
