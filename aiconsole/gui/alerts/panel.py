"""The panel of alerts: what is wrong, the rules that say so, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QTabWidget, QWidget

from ...alerts.service import Alerts
from ...domain.events import AlertChanged
from ..commands import Command
from ..service_panel import ServicePanel
from ..session import Session
from ..shell import Shell
from .channels import ChannelsView
from .listing import AlertsView
from .messages import MessagesView
from .rules import RulesView
from .words import summary

RULES: Final = "#rules"
CHANNELS: Final = "#channels"
_EVERY_MS: Final = 10_000
_HZ: Final = 4.0


class AlertsPanel(ServicePanel[Alerts]):
    """``open_item``: an alert's id, `RULES` (with ``:`` and a rule's name), or `CHANNELS`."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__(session, shell, "Alerts", "Nothing is watched.", _EVERY_MS)
        self.alerts: Alerts | None = None
        self.list: AlertsView | None = None
        self.rules: RulesView | None = None
        self.channels: ChannelsView | None = None
        self.messages: MessagesView | None = None
        self.tabs = QTabWidget()
        self._build()
        self.begin()

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
        self.read()

    # Inside

    async def _open(self) -> Alerts:
        return await self._session.engine.open_alerts()

    async def _show(self, alerts: Alerts) -> None:
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

    def _build(self) -> None:
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName("Alerts, rules, channels and messages")
        self.tabs.hide()
        self._whole.addWidget(self.tabs, 1)
        self._whole.addStretch(0)

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
        self._say(state, words)

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
