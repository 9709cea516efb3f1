"""One provider's page: state and test, breakers and limits, key, connection, simulated faults; its graph, models, errors."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...domain.errors import ConsoleError
from ...domain.models import ProbeResult, ProviderState
from ..figures import count, latency
from ..keys import with_keys
from ..outcome import Outcome, card
from ..session import Session
from ..settings.field import SettingGroup
from ..settings.model import provider_entries
from ..shell import Shell
from ..swatch import Swatch
from ..theme import SPACE_L, SPACE_M, SPACE_S, SPACE_XS, State, set_role
from ..titled import plain
from .asking import Asking
from .errors_card import ErrorsList, rows_of
from .faults import Faults
from .graph_card import GraphCard, range_commands
from .guard import Guard
from .key_entry import KeyEntry
from .models_card import ModelsCard
from .standing import health

_SIDE = 510


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
        self._seen.setTextFormat(Qt.TextFormat.PlainText)
        self._seen.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        set_role(self._seen, "caption")
        self.enabled = QCheckBox("Switched on")
        self.enabled.clicked.connect(self._switch)
        self.test = QPushButton("Test")
        self.test.setToolTip(
            with_keys("Ask for a sign of health; no tokens are spent where the provider allows (Ctrl+T)")
        )
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
        self.graph = GraphCard(session, shell)
        self.errors = ErrorsList()
        self.errors.opened.connect(self._open_errors)
        self.to_models, self.to_errors = QPushButton("Models"), QPushButton("Errors")
        self._below = QStackedWidget()
        self._past = Asking(shell, self._ask_past, self.graph.show_trouble, self)
        self.graph.viewed.connect(self._past.now)
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
        self.graph.show_provider(name)
        self.refresh()

    def refresh(self) -> None:
        """Say how things stand now."""
        state = self._session.provider(self.name) if self.name else None
        if state is None:
            if self.name and self.isVisible():
                self.left.emit()
            return
        self._swatch.show_provider(state.name)
        self._title.setText(state.label)
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
        self.refresh_live()
        if state.trouble:
            self.outcome.say("crit", f"{state.label} cannot be used. {state.trouble}")

    def refresh_live(self) -> None:
        """Say what changes by itself: health, breakers, limits, and what was asked since."""
        state = self._session.provider(self.name)
        if state is None:
            return
        live = self._session.engine.live.provider(self.name)
        standing = health(self._session, state, live)
        self._pill.setText(standing.word)
        self._pill.setToolTip(plain(standing.reason))
        set_role(self._pill, "pill", standing.state)
        under_way = f"{count(live.in_flight)} under way. " if live.in_flight else ""
        self._seen.setText(under_way + standing.reason)
        self._seen.setToolTip(plain(standing.reason))
        self.guard.refresh()
        if self.graph.take_new():
            self._past.soon()

    def find_models(self) -> None:
        """Go to the models and filter them."""
        self.to_models.click()
        self.models.filter.setFocus()

    def ranges(self) -> list[tuple[str, str, Callable[[], object]]]:
        """A title, a key and what it does for each range of the graph."""
        return range_commands(self.graph)

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
        across.addWidget(self._seen, 1)
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
        self._scroll.setFixedWidth(_SIDE)
        columns.addWidget(self._scroll)
        columns.addLayout(self._build_past(), 1)
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

    def _build_past(self) -> QVBoxLayout:
        """The graph, and below it models or errors."""
        chips, group = QHBoxLayout(), QButtonGroup(self)
        chips.setSpacing(SPACE_XS)
        for at, (chip, page) in enumerate(((self.to_models, self.models), (self.to_errors, card("", self.errors)))):
            chip.setCheckable(True)
            set_role(chip, "chip")
            group.addButton(chip)
            chips.addWidget(chip)
            self._below.addWidget(page)
            chip.clicked.connect(lambda _=False, at=at: self._below.setCurrentIndex(at))
        self.to_models.setChecked(True)
        chips.addStretch(1)
        down = QVBoxLayout()
        down.setSpacing(SPACE_S)
        down.addWidget(self.graph, 3)
        down.addLayout(chips)
        down.addWidget(self._below, 2)
        return down

    async def _ask_past(self) -> None:
        """What it did in the stretch of time in view, as a whole, by model, by error and by looks at its health."""
        name, words, demo = self.name, self.graph.words, self._session.engine.demo
        (start, end), history = self.graph.view, self._session.engine.history
        did = (await history.totals(start, end, provider=name, simulated=demo)).get((name, ""))
        models = await history.totals(start, end, by="model", provider=name, simulated=demo)
        failures = await history.failures(start, end, provider=name, simulated=demo)
        spans = await history.health_spans(start, end, simulated=demo)
        if name != self.name:
            self._past.now()
            return
        self.graph.show_figures(did, [span for span in spans if span.provider == name])
        self.models.show_figures({model: figures for (_, model), figures in models.items()}, words)
        rows = rows_of(failures, did)
        self.errors.show_rows(rows, words)
        failed = sum(row.count for row in rows if row.blamed)
        self.to_errors.setText(f"Errors {count(failed)}" if failed else "Errors")

    def _open_errors(self, kind: str) -> None:
        from ..requests.wanted import Wanted

        (start, end), demo = self.graph.view, self._session.engine.demo
        if kind:
            wanted = Wanted(start=start, end=end, provider=self.name, error_kind=kind, simulated=demo)
        else:
            wanted = Wanted(start=start, end=end, asked=self.name, sort="attempts", simulated=demo)
        self._shell.open("requests", wanted)

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
