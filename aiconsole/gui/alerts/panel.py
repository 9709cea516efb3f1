"""The panel of alerts: what is wrong, the rules that say so, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QTabWidget, QVBoxLayout, QWidget

from ...alerts.service import Alerts
from ...domain.errors import ConsoleError
from ...domain.events import AlertChanged
from ..commands import Command
from ..notices import StateGlyph
from ..session import Session
from ..shell import Shell
from ..slot import Trouble
from ..theme import SPACE_L, SPACE_M, SPACE_S, set_role
from .channels import ChannelsView
from .listing import AlertsView
from .messages import MessagesView
from .rules import RulesView
from .words import summary

RULES: Final = "#rules"
CHANNELS: Final = "#channels"
_EVERY_MS: Final = 10_000
_HZ: Final = 4.0


class AlertsPanel(QWidget):
    """``open_item``: an alert's id, `RULES` (with ``:`` and a rule's name), or `CHANNELS`."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self.setAccessibleName("Alerts")
        self._session, self._shell = session, shell
        self.alerts: Alerts | None = None
        self.list: AlertsView | None = None
        self.rules: RulesView | None = None
        self.channels: ChannelsView | None = None
        self.messages: MessagesView | None = None
        self._wanted: list[str] = []
        self._glyph = StateGlyph(shell.theme, "idle")
        self.summary = QLabel("Starting…")
        self.tabs = QTabWidget()
        self._trouble: Trouble | None = None
        self._whole = QVBoxLayout(self)
        self._build()
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self.tick)
        self.begin()

    def begin(self) -> None:
        """Open the alerts, or say why they cannot be."""
        self._shell.start(self._begin())

    def open_item(self, argument: Any) -> None:
        """Show what another panel asks for; see the class."""
        wanted = str(argument)
        if self.list is None or self.rules is None:
            self._wanted.append(wanted)
        elif wanted.startswith(RULES):
            self.tabs.setCurrentIndex(1)
            self.rules.open_rule(wanted.partition(":")[2])
            self.rules.table.setFocus()
        elif wanted == CHANNELS:
            self._show_channels()
        else:
            self.tabs.setCurrentIndex(0)
            self.list.open_alert(wanted)
            self.list.table.setFocus()

    def tick(self) -> None:
        """Show how long each has lasted, and what has changed."""
        if self.alerts is None or self.list is None:
            return
        self.list.tick()
        self._summarise(self.alerts)

    def read(self) -> None:
        """Get what is in view anew."""
        if self.alerts is not None:
            self._shell.start(self._read(self.alerts), failed="The alerts cannot be read")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()
        self.read()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    # Inside

    async def _begin(self) -> None:
        if self._trouble is not None:
            self._trouble.hide()
        try:
            alerts = await self._session.engine.open_alerts()
        except ConsoleError as error:
            self._show_trouble(error)
            return
        self.alerts = alerts
        self.list = AlertsView(self._session, self._shell, alerts)
        self.rules = RulesView(self._session, self._shell, alerts)
        self.channels = ChannelsView(self._session, self._shell, alerts)
        self.messages = MessagesView(self._session, self._shell, alerts)
        views = (self.list, self.rules, self.channels, self.messages)
        for view, title in zip(views, ("Alerts", "Rules", "Channels", "Messages"), strict=True):
            self.tabs.addTab(view, title)
        self.list.rules_wanted.connect(lambda: self.open_item(RULES))
        self.tabs.currentChanged.connect(lambda _: self.read())
        self.tabs.show()
        self.setFocusProxy(self.list.table)
        if self.isVisible():
            self.list.table.setFocus()
        leave = self._session.engine.bus.coalesced(self._changed, AlertChanged, hz=_HZ)
        self.destroyed.connect(lambda _=None: leave())
        self._add_commands(self.list)
        await self._read(alerts)
        wanted, self._wanted = self._wanted, []
        for item in wanted:
            self.open_item(item)

    def _build(self) -> None:
        title = QLabel("Alerts")
        set_role(title, "title")
        set_role(self.summary, "caption")
        head = QHBoxLayout()
        head.setSpacing(SPACE_S)
        head.addWidget(title)
        head.addSpacing(SPACE_S)
        head.addWidget(self._glyph)
        head.addWidget(self.summary, 1)
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName("Alerts, rules, channels and messages")
        self.tabs.hide()
        self._whole.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_L)
        self._whole.setSpacing(SPACE_S)
        self._whole.addLayout(head)
        self._whole.addWidget(self.tabs, 1)
        self._whole.addStretch(0)

    def _show_trouble(self, error: ConsoleError) -> None:
        if self._trouble is not None:
            self._whole.removeWidget(self._trouble)
            self._trouble.deleteLater()
        self._glyph.set_state("crit")
        self.summary.setText("not running")
        self._trouble = Trouble(self._shell.theme, "Nothing is watched.", error, self.begin)
        self._whole.insertWidget(1, self._trouble)
        self.setFocusProxy(self._trouble)

    def _changed(self) -> None:
        if self.isVisible():
            self.read()

    async def _read(self, alerts: Alerts) -> None:
        assert self.list is not None
        assert self.rules is not None
        assert self.channels is not None
        assert self.messages is not None
        await self.list.read()
        shown = self.tabs.currentWidget()
        if shown is self.rules:
            self.rules.refresh()
        elif shown is self.channels:
            await self.channels.read()
        elif shown is self.messages:
            await self.messages.read()
        self._summarise(alerts)

    def _summarise(self, alerts: Alerts) -> None:
        on = sum(rule.enabled for rule in alerts.rules.rules)
        state, words = summary(alerts.current(), on, followed=self._session.engine.settings.alerts.enabled)
        self._glyph.set_state(state)
        self.summary.setText(words)

    def _show_channels(self) -> None:
        self.tabs.setCurrentIndex(2)
        if self.channels is not None:
            self.channels.new.setFocus()

    def _add_commands(self, view: AlertsView) -> None:
        detail = view.detail
        many: tuple[tuple[str, str, str, Callable[[], object], QWidget], ...] = (
            ("acknowledge", "Acknowledge the alert", "Ctrl+Return", detail.take_note, view),
            ("silence", "Silence the alert", "Ctrl+M", detail.open_silences, view),
            ("resolve", "Call the alert over", "Ctrl+Shift+R", detail.call_over, view),
            ("rules", "Go to the alert rules", "Ctrl+E", lambda: self.open_item(RULES), self),
            ("channels", "Go to the alert channels", "Ctrl+L", lambda: self.open_item(CHANNELS), self),
            ("reload", "Read the alerts again", "F5", self.read, self),
        )
        if self.channels is not None:
            many += (("test", "Send a test to the channel", "Ctrl+T", self.channels.entry.send_test, self.channels),)
        for key, title, shortcut, run, scope in many:
            self._shell.commands.add(
                Command(key=f"alerts.{key}", title=title, group="Alerts", shortcut=shortcut, run=run, scope=scope)
            )
