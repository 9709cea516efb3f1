"""Alerts on the desktop: a notification through the system's tray where there is one, else a message in the window.

While the window is in front, the message is in the window alone, unless the alerts are open there anyway.
Sounds are off unless the settings say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QApplication, QMenu, QSystemTrayIcon

from ..domain.alerts import AlertMessage, Severity
from .shell import Shell
from .theme import State

_ICONS: Final[dict[Severity, QSystemTrayIcon.MessageIcon]] = {
    "info": QSystemTrayIcon.MessageIcon.Information,
    "warning": QSystemTrayIcon.MessageIcon.Warning,
    "critical": QSystemTrayIcon.MessageIcon.Critical,
}
_STATES: Final[dict[Severity, State]] = {"info": "idle", "warning": "warn", "critical": "crit"}
_SHOWN_MS: Final = 10_000


class Tray(QObject):
    """Shows messages; ``beep`` makes the sound of one that may be heard."""

    def __init__(self, shell: Shell, *, beep: Callable[[], object] = QApplication.beep) -> None:
        super().__init__(shell)
        self._shell, self._beep = shell, beep
        self._last = ""
        self._icon: QSystemTrayIcon | None = None
        if QSystemTrayIcon.isSystemTrayAvailable():
            self._icon = QSystemTrayIcon(shell.icons.icon("alerts", "accent"), self)
            self._icon.setToolTip(shell.windowTitle())
            menu = QMenu(shell)
            menu.addAction("Open the window", self._raise)
            menu.addAction("Alerts", partial(self.open, ""))
            menu.addAction("Close", shell.close)
            self._icon.setContextMenu(menu)
            self._icon.activated.connect(self._activated)
            self._icon.messageClicked.connect(lambda: self.open(self._last))
            self._icon.show()

    def show(self, message: AlertMessage) -> None:
        """Tell of an alert."""
        over = message.kind == "resolved"
        if self._icon is not None and not self._shell.isActiveWindow():
            self._last = message.alert
            icon = QSystemTrayIcon.MessageIcon.Information if over else _ICONS[message.severity]
            self._icon.showMessage(message.title, message.body, icon, _SHOWN_MS)
        elif self._shell.open_key != "alerts":
            self._shell.notify(
                message.title,
                state="ok" if over else _STATES[message.severity],
                action="Open",
                run=partial(self.open, message.alert),
            )
        if message.sound:
            self._beep()

    def open(self, alert: str) -> None:
        """Go to an alert, or to all of them."""
        self._raise()
        self._shell.open("alerts", alert or None)

    def leave(self) -> None:
        """Take the icon away."""
        if self._icon is not None:
            self._icon.hide()
        self.deleteLater()

    def _raise(self) -> None:
        self._shell.setWindowState(self._shell.windowState() & ~Qt.WindowState.WindowMinimized)
        self._shell.show()
        self._shell.raise_()
        self._shell.activateWindow()

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason == QSystemTrayIcon.ActivationReason.Trigger:
            self._raise()
