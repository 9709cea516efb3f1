"""One provider's page: state and test, breakers and limits, key, connection, simulated faults, models."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...domain.errors import ConsoleError
from ...domain.models import ProbeResult, ProviderState
from ...realtime.activity import summary
from ..figures import count, latency, money, share
from ..session import Session
from ..settings.field import SettingGroup
from ..settings.model import provider_entries
from ..shell import Shell
from ..theme import SPACE_L, SPACE_M, SPACE_S, SPACE_XS, State, set_role
from .faults import Faults
from .guard import Guard
from .key_entry import KeyEntry
from .models_card import ModelsCard
from .result import Outcome, card
from .rows import plain
from .swatch import Swatch

_SIDE = 560


class Detail(QWidget):
    """Shows one provider at a time. ``left()`` when the person wants the table again."""

    left = Signal()

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self.name = ""
        self._swatch = Swatch(shell.theme)
        self._title = QLabel()
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        set_role(self._title, "title")
        self._pill = QLabel()
        set_role(self._pill, "pill", "idle")
        self._pill.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._seen = QLabel()
        set_role(self._seen, "caption")
        self.enabled = QCheckBox("Switched on")
        self.enabled.clicked.connect(self._switch)
        self.test = QPushButton("Test")
        self.test.setToolTip("Ask for a sign of health; no tokens are spent where the provider allows (Ctrl+T)")
        self.test.clicked.connect(self.run_test)
        self.remove = QPushButton("Remove…")
        set_role(self.remove, "danger")
        self.remove.clicked.connect(self._ask_remove)
        self.back = QToolButton()
        self.back.setIcon(shell.icons.icon("back"))
        self.back.setIconSize(QSize(18, 18))
        self.back.setAccessibleName("Back to all providers")
        self.back.setToolTip("All providers (Esc)")
        self.back.clicked.connect(self.left)
        self.outcome = Outcome(shell)
        self.key = KeyEntry(session, shell)
        self.key.saved.connect(self._key_saved)
        self.faults = Faults(session, shell)
        self.guard = Guard(session, shell)
        self.models = ModelsCard(session, shell)
        self._key_card = card("Key", self.key)
        self._guard_card = card("Breakers and limits", self.guard)
        self._faults_card = card("Simulated behaviour", self.faults)
        self._settings: SettingGroup | None = None
        self._side = QVBoxLayout()
        self._build()
        self.setFocusProxy(self.back)
        session.changed.connect(self.refresh)
        session.tested.connect(self._tested)

    def show_provider(self, name: str) -> None:
        """Be for this provider from now on."""
        changed = name != self.name
        self.name = name
        state = self._session.provider(name)
        if state is None:
            self.left.emit()
            return
        if changed:
            self.outcome.clear()
            self._show_settings(state)
            self._scroll.verticalScrollBar().setValue(0)
        self.key.show_provider(name)
        self.faults.show_provider(name)
        self.guard.show_provider(name)
        self.models.show_provider(name)
        self.refresh()

    def refresh(self) -> None:
        """Say how things stand now."""
        state = self._session.provider(self.name) if self.name else None
        if state is None:
            if self.name and self.isVisible():
                self.left.emit()
            return
        standing = self._session.standing(state)
        self._swatch.show_provider(state.name)
        self._title.setText(state.label)
        self._pill.setText(standing.word)
        self._pill.setToolTip(plain(standing.reason))
        set_role(self._pill, "pill", standing.state)
        self.enabled.setChecked(state.enabled)
        self.enabled.setVisible(not state.simulated)
        self.remove.setVisible(state.custom)
        self._faults_card.setVisible(state.simulated)
        self._guard_card.setVisible(state.usable)
        if self._settings is not None:
            self._settings.setVisible(not state.simulated)
        testing = self.name in self._session.testing
        self.test.setEnabled(state.enabled and not testing)
        self.test.setText("Testing…" if testing else "Test")
        self.refresh_seen()
        if state.trouble:
            self.outcome.say("crit", f"{state.label} cannot be used. {state.trouble}")

    def refresh_seen(self) -> None:
        """Say what this process has seen of the provider."""
        seen = summary(self._session.activity.samples(3600, self.name))
        if not seen.requests:
            self._seen.setText("No request in the last hour")
            return
        self._seen.setText(
            f"Last hour: {count(seen.requests)} {'request' if seen.requests == 1 else 'requests'}"
            f" · whole answers p50 {latency(seen.p50_ms)}, p95 {latency(seen.p95_ms)}"
            f" · errors {share(seen.error_rate)} · {money(seen.cost_usd)}"
        )

    def run_test(self) -> None:
        """Ask for a sign of health."""
        if self.name and self.test.isEnabled():
            self._shell.start(self._test(self.name), failed="The test could not be run")

    # Inside

    def _build(self) -> None:
        head = QFrame()
        set_role(head, "toolbar")
        across = QHBoxLayout(head)
        across.setContentsMargins(SPACE_M, SPACE_S, SPACE_L, SPACE_S)
        across.setSpacing(SPACE_S)
        for widget in (self.back, self._swatch, self._title, self._pill):
            across.addWidget(widget)
        across.addSpacing(SPACE_S)
        across.addWidget(self._seen)
        across.addStretch(1)
        for button in (self.enabled, self.remove, self.test):
            across.addWidget(button)
        side = QWidget()
        side.setLayout(self._side)
        self._side.setContentsMargins(0, 0, SPACE_S, 0)
        self._side.setSpacing(SPACE_M)
        self._side.addWidget(self._guard_card)
        self._side.addWidget(self._faults_card)
        self._side.addWidget(self._key_card)
        self._side.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(side)
        columns = QHBoxLayout()
        columns.setSpacing(SPACE_M)
        self._scroll.setMinimumWidth(550)
        self._scroll.setMaximumWidth(_SIDE + 60)
        columns.addWidget(self._scroll, 5)
        columns.addWidget(self.models, 6)
        body = QVBoxLayout()
        body.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_L)
        body.setSpacing(SPACE_M)
        body.addWidget(self.outcome)
        body.addLayout(columns, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_XS)
        layout.addWidget(head)
        layout.addLayout(body, 1)

    def _show_settings(self, state: ProviderState) -> None:
        if self._settings is not None:
            self._side.removeWidget(self._settings)
            self._settings.hide()
            self._settings.deleteLater()
        entries = [
            entry
            for entry in provider_entries(state.name, state.label, state.custom)
            if entry.name not in ("enabled", "label")
        ]
        self._settings = SettingGroup(self._session, self._shell, "Connection", entries, narrow=True)
        address = self._settings.fields[next(key for key in self._settings.fields if key.endswith(".base_url"))]
        address.editor.suggest(state.base_url)
        self._side.insertWidget(3, self._settings)

    def _key_saved(self, name: str) -> None:
        if self._session.engine.demo:
            self._shell.notify(
                "The key is kept. It is used once the real providers are.",
                state="ok",
                action="Use the real providers",
                run=lambda: self._shell.start(self._session.set_demo(False), failed="The switch was not kept"),
            )
        else:
            self._shell.start(self._test(name), failed="The key could not be tested")

    async def _test(self, name: str) -> None:
        self.outcome.clear()
        result = await self._session.test(name)
        if name == self.name:
            self.outcome.say(*outcome_of(result))
        if result.ok:
            await self._session.load_models(name)

    def _tested(self, name: str) -> None:
        if name == self.name:
            self.refresh()

    def _switch(self, on: bool) -> None:
        state = self._session.provider(self.name)
        if state is not None:
            place = "custom" if state.custom else "providers"
            self._shell.start(self._keep_switch(f"{place}.{self.name}.enabled", on))

    async def _keep_switch(self, key: str, on: bool) -> None:
        try:
            await self._session.change(key, on)
        except ConsoleError as error:
            self.outcome.say("crit", f"The change was not kept. {error.message} {error.advice}".strip())
        self.refresh()

    def _ask_remove(self) -> None:
        """Remove it at once, with a way back."""
        self._shell.start(self._remove(self.name), failed="The provider was not removed")

    async def _remove(self, name: str) -> None:
        own = self._session.engine.settings.custom[name]
        await self._session.remove_custom(name)
        self.left.emit()
        self._shell.notify(
            f"{own.label or name} was removed.",
            action="Undo",
            run=lambda: self._shell.start(self._session.add_custom(name, own), failed="It was not brought back"),
        )


def outcome_of(result: ProbeResult) -> tuple[State, str, str]:
    """A test's result as a state, words, and details."""
    spent = " A short completion had to be asked for." if result.spent_tokens else ""
    if result.ok:
        return "ok", f"It answers, in {latency(result.latency_ms)}. {result.detail}{spent}".strip(), ""
    details = f"provider: {result.provider}\nerror: {result.error_kind}\nafter: {latency(result.latency_ms)}"
    return "crit", f"The test failed. {result.detail}{spent}".strip(), details
