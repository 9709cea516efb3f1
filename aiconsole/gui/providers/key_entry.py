"""Entry of a provider's key: where it is now, a field that is never shown back, and where a new one is to be kept."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...domain.errors import ConsoleError
from ...domain.models import ProviderState
from ..notices import StateGlyph
from ..outcome import Outcome
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_S, SPACE_XS, State, set_role


def where_words(state: ProviderState) -> tuple[State, str]:
    """Where the key is, as a sentence."""
    variable = state.key_variable
    if state.key_source == "environment":
        return "ok", f"The key comes from {variable}. It is only read there; one entered here is used instead of it."
    if state.key_source == "keyring":
        return "ok", "The key is in the system's key store."
    if state.key_source == "session":
        return "ok", "The key is kept for this run only, and forgotten when the console closes."
    if not state.key_needed and not state.simulated:
        return "idle", "It asks for no key. One entered here is sent all the same."
    if state.simulated:
        return "idle", "No key yet. Simulated answers need none; one entered here is used once the real providers are."
    also = f" It may also come from {variable}." if variable else ""
    return "idle", f"No key yet.{also}"


class KeyEntry(QWidget):
    """For one provider. ``saved(name)`` after a key was kept."""

    saved = Signal(str)

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self._name = ""
        self._glyph = StateGlyph(shell.theme, "idle")
        self._where = QLabel()
        self._where.setWordWrap(True)
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setPlaceholderText("Paste the key")
        self.field.setAccessibleName("Key")
        self.field.setAccessibleDescription("What is typed is not shown, and never shown again.")
        self.field.textChanged.connect(self._typed)
        self.field.returnPressed.connect(self._save)
        self._reveal = QToolButton()
        self._reveal.setCheckable(True)
        self._reveal.setIcon(shell.icons.icon("show"))
        self._reveal.setIconSize(QSize(16, 16))
        self._reveal.setAccessibleName("Show what is being typed")
        self._reveal.setToolTip("Show what is being typed")
        self._reveal.toggled.connect(self._show_typed)
        self.keep = QRadioButton("In the system's key store")
        self.once = QRadioButton("For this run only")
        self._store = QLabel()
        self._store.setWordWrap(True)
        set_role(self._store, "caption")
        self.save = QPushButton("Save the key")
        set_role(self.save, "primary")
        self.save.clicked.connect(self._save)
        self.remove = QPushButton("Remove the key")
        set_role(self.remove, "danger")
        self.remove.clicked.connect(self._remove)
        self.outcome = Outcome(shell)
        self.setFocusProxy(self.field)
        self._build()
        session.changed.connect(self.refresh)

    def show_provider(self, name: str) -> None:
        """Be for this provider from now on."""
        if name != self._name:
            self._name = name
            self.field.clear()
            self.outcome.clear()
        self.refresh()
        if self._session.engine.keys.backend_state().usable is None:
            self._shell.start(self._ask_store())

    def refresh(self) -> None:
        """Say where the key is now."""
        state = self._session.provider(self._name)
        if state is None:
            return
        glyph, words = where_words(state)
        self._glyph.set_state(glyph)
        self._where.setText(words)
        self.remove.setVisible(state.key_source in ("keyring", "session"))
        store = self._session.engine.keys.backend_state()
        usable = store.usable is not False
        self.keep.setEnabled(usable)
        if not usable and not self.once.isChecked():
            self.once.setChecked(True)
        elif usable and not self.keep.isChecked() and not self.once.isChecked():
            self.keep.setChecked(True)
        hint = (
            "" if usable else f" Or set {state.key_variable} before the console starts." if state.key_variable else ""
        )
        self._store.setText(store.words if usable else f"{store.words} A key can be kept for this run only.{hint}")
        self._store.setVisible(store.usable is not None)

    # Inside

    def _build(self) -> None:
        state = QHBoxLayout()
        state.setSpacing(SPACE_S)
        state.addWidget(self._glyph)
        state.addWidget(self._where, 1)
        entry = QHBoxLayout()
        entry.setSpacing(SPACE_XS)
        entry.addWidget(self.field, 1)
        entry.addWidget(self._reveal)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE_S)
        buttons.addWidget(self.save)
        buttons.addWidget(self.remove)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_S)
        layout.addLayout(state)
        layout.addLayout(entry)
        choice = QHBoxLayout()
        choice.addWidget(self.keep)
        choice.addWidget(self.once)
        choice.addStretch(1)
        layout.addLayout(choice)
        layout.addWidget(self._store)
        layout.addLayout(buttons)
        layout.addWidget(self.outcome)
        self._typed("")

    def _typed(self, text: str) -> None:
        self.save.setEnabled(bool(text.strip()))
        if not text:
            self._reveal.setChecked(False)
        self._reveal.setVisible(bool(text))

    def _show_typed(self, on: bool) -> None:
        self.field.setEchoMode(QLineEdit.EchoMode.Normal if on else QLineEdit.EchoMode.Password)

    async def _ask_store(self) -> None:
        await self._session.engine.keys.check_backend()
        self.refresh()

    def _save(self) -> None:
        value = self.field.text().strip()
        if value and self.save.isEnabled():
            self.save.setEnabled(False)
            self._shell.start(self._keep(self._name, value))

    async def _keep(self, name: str, value: str) -> None:
        try:
            await self._session.set_key(name, value, "session" if self.once.isChecked() else "keyring")
        except ConsoleError as error:
            self.outcome.say("crit", f"The key was not kept. {error.message} {error.advice}".strip())
            self.refresh()
            self._typed(self.field.text())
            return
        if name == self._name:
            self.field.clear()
            self.outcome.say("ok", "The key is kept.")
        self.saved.emit(name)

    def _remove(self) -> None:
        self._shell.start(self._forget(self._name))

    async def _forget(self, name: str) -> None:
        try:
            await self._session.remove_key(name)
        except ConsoleError as error:
            self.outcome.say("crit", f"The key was not removed. {error.message} {error.advice}".strip())
        else:
            self.outcome.say("idle", "The key was removed.")
