"""What the status strip says: the providers' standing, and the figures of the last minutes, once a second while in view."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer

from ..realtime.activity import summary
from .session import Session
from .shell import Shell
from .strip import ChipState

WINDOW_S = 300.0
"""Requests a minute and the error rate are those of the last five minutes."""
_EVERY_MS = 1000


class StripFeed(QObject):
    """Feeds the strip of ``shell`` from a session, once there is one."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._shell = shell
        self._session: Session | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self.refresh)

    def follow(self, session: Session) -> None:
        """Feed from ``session`` from now on."""
        self._session = session
        session.changed.connect(self.refresh)
        self._shell.strip.set_heart("ok", "local")
        self.refresh()
        self._timer.start()

    def stop(self) -> None:
        """Leave the strip as it is."""
        self._timer.stop()
        if self._session is not None:
            self._session.changed.disconnect(self.refresh)
            self._session = None

    def refresh(self) -> None:
        """Say how things stand now."""
        session = self._session
        if session is None:
            return
        strip, activity, demo = self._shell.strip, session.activity, session.engine.demo
        strip.set_simulated(demo)
        chips = []
        for state in session.engine.providers():
            standing = session.standing(state)
            chips.append(ChipState(state.name, state.label, standing.state, standing.word))
        strip.set_providers(chips)
        seen = summary(activity.samples(WINDOW_S))
        minutes = min(WINDOW_S, max(60.0, session.clock.now() - activity.started_at)) / 60
        cost = activity.simulated_usd if demo else activity.cost_usd
        strip.set_figures(seen.requests / minutes, seen.error_rate, cost)
