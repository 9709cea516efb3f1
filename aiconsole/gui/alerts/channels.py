"""Who is told: channels with their addresses, which are never shown back, and a test of each."""

from __future__ import annotations

from typing import ClassVar, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from ...alerts.service import Alerts
from ...domain.alerts import ChannelView
from ...domain.errors import ConsoleError
from ..hint import Hint
from ..keys import with_keys
from ..lines import Cell, Line, LinesModel, LinesTable
from ..moments import full, moment
from ..outcome import Outcome
from ..session import Session
from ..settings.field import SettingGroup
from ..settings.model import common_entries, fault, named_entries
from ..shell import Shell
from ..theme import SPACE_L, SPACE_M, SPACE_S, State, set_role

_FORMS: Final = "ntfy://topic, slack://…, tgram://…, msteams://…, pover://…, mailto://…, json://host/path"
_SIDE: Final = 440
_ROW: Final = 28


class _ChannelsModel(LinesModel):
    TITLES: ClassVar[tuple[str, ...]] = ("Channel", "State", "Address", "From", "Waiting", "Last delivered")
    NUMBERS: ClassVar[tuple[int, ...]] = (4,)


class AddressEntry(QFrame):
    """Entry of one channel's address, its test, and taking it away. ``changed()`` after either."""

    changed = Signal()

    def __init__(self, session: Session, shell: Shell, alerts: Alerts) -> None:
        super().__init__()
        self._session, self._shell, self._alerts = session, shell, alerts
        self.name = ""
        self._kept = False
        self.title = QLabel()
        self.address = QLineEdit()
        self.address.setEchoMode(QLineEdit.EchoMode.Password)
        self.address.setAccessibleName("Address of the channel, an Apprise URL")
        self.address.setAccessibleDescription("What is typed is not shown, and never shown again.")
        self.store, self.once = QRadioButton("In the system's key store"), QRadioButton("For this run only")
        self.save, self.test, self.remove = (
            QPushButton("Save address"),
            QPushButton("Send a test"),
            QPushButton("Remove"),
        )
        self.outcome = Outcome(shell)
        self._build()
        self.address.textChanged.connect(lambda _: self._follow())
        self.address.returnPressed.connect(self.keep)
        self.save.clicked.connect(self.keep)
        self.test.clicked.connect(self.send_test)
        self.remove.clicked.connect(self.take_out)

    def show_channel(self, view: ChannelView) -> None:
        """Be for this channel from now on."""
        if view.name != self.name:
            self.name = view.name
            self.address.clear()
            self.outcome.clear()
            self._shell.start(self._ask_store())
        self._kept = bool(view.address)
        self.title.setText(view.name)
        self.address.setPlaceholderText("Paste another address" if self._kept else f"Paste its address: {_FORMS}")
        self._offer_stores()
        self._follow()

    def keep(self) -> None:
        """Keep what was typed, and forget it here."""
        if self.save.isEnabled():
            self._shell.start(self._keep(self.name, self.address.text().strip()))

    def send_test(self) -> None:
        """Send a test message and say what came of it."""
        if self.test.isEnabled():
            self._shell.start(self._test(self.name), failed="The test could not be sent")

    def take_out(self) -> None:
        """Take the channel away with its address."""
        self._shell.start(self._take_out(self.name), failed="The channel was not removed")

    # Inside

    def _build(self) -> None:
        set_role(self, "card")
        set_role(self.title, "head")
        set_role(self.save, "primary")
        set_role(self.remove, "danger")
        self.test.setToolTip(with_keys("Send a message there at once (Ctrl+T)"))
        where, buttons = QHBoxLayout(), QHBoxLayout()
        for row, widgets in ((where, (self.store, self.once)), (buttons, (self.save, self.test, self.remove))):
            row.setSpacing(SPACE_S)
            for widget in widgets:
                row.addWidget(widget)
            row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_M)
        layout.setSpacing(SPACE_S)
        layout.addWidget(self.title)
        layout.addWidget(self.address)
        layout.addLayout(where)
        layout.addLayout(buttons)
        layout.addWidget(self.outcome)

    def _follow(self) -> None:
        self.save.setEnabled("://" in self.address.text())
        self.test.setEnabled(self._kept)

    def _offer_stores(self) -> None:
        usable = self._session.engine.keys.backend_state().usable is not False
        self.store.setEnabled(usable)
        if not usable:
            self.once.setChecked(True)
        elif not self.once.isChecked():
            self.store.setChecked(True)

    async def _ask_store(self) -> None:
        await self._session.engine.keys.check_backend()
        self._offer_stores()

    async def _keep(self, name: str, url: str) -> None:
        self.save.setEnabled(False)
        self.outcome.say("idle", "Looking whether it can be used…")
        try:
            await self._alerts.keep_address(name, url, "session" if self.once.isChecked() else "keyring")
        except ConsoleError as error:
            self.outcome.say("crit", f"The address was not kept. {error.message} {error.advice}".strip())
            self._follow()
            return
        self._session.acted("alert channel set", name)
        self.address.clear()
        self.outcome.say("ok", "The address is kept. Send a test to see whether it arrives.")
        self.changed.emit()

    async def _test(self, name: str) -> None:
        self.test.setEnabled(False)
        self.outcome.say("idle", "Sending a test…")
        sent = await self._alerts.test_channel(name)
        if name == self.name:
            if sent.ok:
                self.outcome.say("ok", "The service took the test; look whether it arrived.")
            else:
                self.outcome.say("crit", f"The test was not taken. {sent.trouble}".strip())
        self._follow()

    async def _take_out(self, name: str) -> None:
        await self._session.engine.keys.check_backend()
        await self._alerts.forget_address(name)
        await self._session.reset(f"alert_channels.{name}")
        self._session.acted("alert channel removed", name)
        self._shell.notify(f"The channel {name} and its address were removed.")
        self.changed.emit()


class ChannelsView(QWidget):
    """Channels at the left, how alerts are told at the right."""

    def __init__(self, session: Session, shell: Shell, alerts: Alerts) -> None:
        super().__init__()
        self._session, self._shell, self._alerts = session, shell, alerts
        self._views: dict[str, ChannelView] = {}
        self.new = QLineEdit()
        self.new.setPlaceholderText("New channel, by a name such as phone or team")
        self.new.setAccessibleName("Name of a new channel")
        self.fault = QLabel()
        set_role(self.fault, "caption", "crit")
        self.fault.hide()
        self.table = LinesTable(_ChannelsModel(), "Channels", shell.theme, row_px=_ROW)
        self.table.stretch(2, {0: 130, 1: 110, 3: 84, 4: 70, 5: 120})
        self.entry = AddressEntry(session, shell, alerts)
        self.options: SettingGroup | None = None
        self._options_of = ""
        self.common = SettingGroup(
            session,
            shell,
            "How alerts are told",
            [entry for entry in common_entries() if entry.key.startswith("alerts.")],
            narrow=True,
        )
        self.empty = Hint(
            "No channel yet",
            "Alerts show here and on the desktop. A channel also tells a phone, a team or a mailbox, and whatever happens "
            "while it cannot be reached is delivered later, once. Name one above to begin.",
        )
        self._build()
        self.setFocusProxy(self.new)
        self.new.returnPressed.connect(self.add)
        self.new.textChanged.connect(lambda _: self.fault.hide())
        self.table.chosen.connect(lambda _: self._choose())
        self.entry.changed.connect(self._read_soon)
        session.changed.connect(self._read_soon)

    async def read(self) -> None:
        """Get channels and messages anew. Raises StoreError."""
        views = await self._alerts.channel_views()
        now = self._session.clock.now()
        self._views = {view.name: view for view in views}
        self.table.show_lines([Line(view.name, _channel(view, now)) for view in views])
        self.table.setFixedHeight(38 + _ROW * min(max(len(views), 1), 6))
        for widget in (self.table, self.entry):
            widget.setVisible(bool(views))
        self.empty.setVisible(not views)
        self._choose()

    def add(self) -> None:
        """Begin a channel of the name that was typed."""
        name = self.new.text().strip()
        wrong = fault(f"alert_channels.{name}.enabled", True) if name and "." not in name else "give it a short name"
        if wrong:
            self.fault.setText(f"This name cannot be used: {wrong}.")
            self.fault.show()
            return
        self._shell.start(self._add(name), failed="The channel was not made")

    # Inside

    def _build(self) -> None:
        left = QWidget()
        down = QVBoxLayout(left)
        down.setContentsMargins(0, 0, 0, 0)
        down.setSpacing(SPACE_S)
        self._options_place = QVBoxLayout()
        for widget in (self.new, self.fault, self.table, self.entry):
            down.addWidget(widget)
        down.addLayout(self._options_place)
        down.addWidget(self.empty, 1)
        down.addStretch(0)
        across = QHBoxLayout(self)
        across.setContentsMargins(0, SPACE_M, 0, 0)
        across.setSpacing(SPACE_L)
        across.addWidget(_scrolled(left), 1)
        right = _scrolled(self.common)
        right.setFixedWidth(_SIDE)
        across.addWidget(right)

    def _choose(self) -> None:
        view = self._views.get(str(self.table.key))
        if view is None:
            self._show_options("")
            return
        self.entry.show_channel(view)
        self._show_options(view.name)

    def _show_options(self, name: str) -> None:
        if name == self._options_of:
            return
        self._options_of = name
        if self.options is not None:
            self._options_place.removeWidget(self.options)
            self.options.hide()
            self.options.deleteLater()
            self.options = None
        if name:
            entries = named_entries("alert_channels", name, name)
            self.options = SettingGroup(self._session, self._shell, "", entries)
            self._options_place.addWidget(self.options)

    def _read_soon(self) -> None:
        if self.isVisible():
            self._shell.start(self.read(), failed="The channels cannot be read")

    async def _add(self, name: str) -> None:
        if name not in self._views:
            await self._session.change(f"alert_channels.{name}.enabled", True)
        self.new.clear()
        await self.read()
        self.table.choose(name)
        self.entry.address.setFocus()


def _scrolled(widget: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(widget)
    return area


def _channel(view: ChannelView, now: float) -> tuple[Cell, ...]:
    state: State = "ok"
    words = "ready"
    if not view.enabled:
        state, words = "idle", "off"
    elif not view.address:
        state, words = "warn", "no address"
    elif view.trouble:
        state, words = "crit", "failing"
    return (
        Cell(view.name),
        Cell(words, state, view.trouble),
        Cell(view.trouble or view.address or "–", tip=view.trouble),
        Cell(view.least),
        Cell(str(view.waiting)),
        Cell(moment(view.last_sent_at, now), tip=full(view.last_sent_at)),
    )
