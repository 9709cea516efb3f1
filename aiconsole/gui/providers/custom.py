"""The form to add a provider of one's own: any server that speaks OpenAI's dialect."""

from __future__ import annotations

import re
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...domain.errors import ConfigError, ConsoleError
from ...providers.addresses import AddressPolicy
from ...settings import CustomProvider
from ..outcome import Outcome
from ..session import Session
from ..settings.model import fault
from ..shell import Shell
from ..theme import SPACE_L, SPACE_M, SPACE_S, SPACE_XS, set_role

_WIDTH = 640
_KNOWN = {
    "Ollama": "http://127.0.0.1:11434/v1",
    "LM Studio": "http://127.0.0.1:1234/v1",
    "vLLM": "http://127.0.0.1:8000/v1",
}


def slug(text: str) -> str:
    """A short name made of a label: lower-case letters and digits with single hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


class CustomForm(QWidget):
    """``added(name)`` after it was added, ``left()`` when the person wants the table again."""

    added = Signal(str)
    left = Signal()

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self.label = _line("Name as shown", "My server")
        self.name = _line("Short name", "my-server")
        self.url = _line("Base URL", "http://127.0.0.1:11434/v1")
        self.key_needed = QCheckBox("It wants a key")
        self.private = QCheckBox("It is in a private network, and that is fine")
        self._notes = {line: QLabel() for line in (self.label, self.name, self.url)}
        self.add = QPushButton("Add and test")
        set_role(self.add, "primary")
        self.add.clicked.connect(self._add)
        self.cancel = QPushButton("Cancel")
        self.cancel.clicked.connect(self.left)
        self.outcome = Outcome(shell)
        self.label.textEdited.connect(self._suggest_name)
        for line in self._notes:
            line.textChanged.connect(self._judge)
            line.returnPressed.connect(self._add)
        self.name.textEdited.connect(lambda text: self.name.setProperty("own", bool(text)))
        self.private.toggled.connect(self._judge)
        self.setFocusProxy(self.label)
        self._build()
        self.start_afresh()

    def start_afresh(self) -> None:
        """Empty the form."""
        for line in self._notes:
            line.clear()
        self.name.setProperty("own", False)
        self.key_needed.setChecked(False)
        self.private.setChecked(False)
        self.outcome.clear()
        self._judge()

    # Inside

    def _build(self) -> None:
        card = QFrame()
        set_role(card, "card")
        card.setMaximumWidth(_WIDTH)
        layout = QVBoxLayout(card)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_L)
        layout.setSpacing(SPACE_S)
        head = QLabel("Add a provider of your own")
        set_role(head, "head")
        words = QLabel(
            "Any server or gateway that speaks OpenAI's chat completions. Its key is entered on the next page."
        )
        words.setWordWrap(True)
        set_role(words, "caption")
        layout.addWidget(head)
        layout.addWidget(words)
        layout.addLayout(self._known_row())
        layout.addLayout(self._grid())
        layout.addWidget(self.outcome)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.add)
        layout.addLayout(buttons)
        page = QVBoxLayout(self)
        page.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_L)
        across = QHBoxLayout()
        across.addWidget(card, 1)
        across.addStretch(0)
        page.addLayout(across)
        page.addStretch(1)

    def _known_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(SPACE_XS)
        for label, url in _KNOWN.items():
            chip = QPushButton(label)
            chip.setToolTip(url)
            set_role(chip, "chip")
            chip.clicked.connect(partial(self._fill, label, url))
            row.addWidget(chip)
        row.addStretch(1)
        return row

    def _grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_M)
        grid.setVerticalSpacing(SPACE_XS)
        row = 0
        for words, line in (("Name as shown", self.label), ("Short name", self.name), ("Base URL", self.url)):
            label = QLabel(words)
            label.setBuddy(line)
            note = self._notes[line]
            note.setTextFormat(Qt.TextFormat.PlainText)
            note.setWordWrap(True)
            grid.addWidget(label, row, 0)
            grid.addWidget(line, row, 1)
            grid.addWidget(note, row + 1, 1)
            row += 2
        for box in (self.key_needed, self.private):
            grid.addWidget(box, row, 1)
            row += 1
        grid.setColumnStretch(1, 1)
        return grid

    def _fill(self, label: str, url: str) -> None:
        self.label.setText(label)
        self.name.setText(slug(label))
        self.url.setText(url)
        self.add.setFocus()

    def _suggest_name(self, text: str) -> None:
        if not self.name.property("own"):
            self.name.setText(slug(text))

    def faults(self) -> dict[QLineEdit, str]:
        """What is wrong, by field."""
        name, url = self.name.text().strip(), self.url.text().strip()
        taken = {state.name for state in self._session.engine.providers()} | set(self._session.engine.settings.custom)
        found: dict[QLineEdit, str] = {}
        if name in taken:
            found[self.name] = "There is a provider of this name already."
        elif name and (
            words := fault(f"custom.{name}", {"base_url": "https://host"}) if "." not in name else "no dots"
        ):
            found[self.name] = f"{words[:1].upper()}{words[1:]}."
        try:
            if url:
                AddressPolicy(private_allowed=self.private.isChecked()).check(url)
        except ConfigError as error:
            found[self.url] = f"{error.message} {error.advice}".strip()
        return found

    def _judge(self, *_: object) -> None:
        found = self.faults()
        hints = {self.name: "Stands before the model's name, as in my-server/llama3.", self.url: ""}
        for line, note in self._notes.items():
            words = found.get(line, "")
            note.setText(words or hints.get(line, ""))
            note.setVisible(bool(note.text()))
            set_role(note, "caption", "crit" if words else None)
            set_role(line, None, "crit" if words else None)
        self.add.setEnabled(not found and bool(self.name.text().strip() and self.url.text().strip()))

    def _add(self) -> None:
        if self.add.isEnabled():
            self.add.setEnabled(False)
            self._shell.start(self._keep(), failed="The provider was not added")

    async def _keep(self) -> None:
        name = self.name.text().strip()
        provider = CustomProvider(
            base_url=self.url.text().strip(),
            label=self.label.text().strip(),
            key_needed=self.key_needed.isChecked(),
            private_network=self.private.isChecked(),
        )
        try:
            await self._session.add_custom(name, provider)
        except ConsoleError as error:
            self.outcome.say("crit", f"It was not added. {error.message} {error.advice}".strip())
            self._judge()
            return
        self.added.emit(name)


def _line(name: str, example: str) -> QLineEdit:
    line = QLineEdit()
    line.setAccessibleName(name)
    line.setPlaceholderText(example)
    return line
