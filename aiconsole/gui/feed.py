"""What the status strip says: the providers' breakers or what is amiss, and the figures of the last minutes. Once a second,
and soon after a breaker has changed."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

from ..domain.events import BreakerChanged, Event
from ..realtime.activity import summary
from .breakers import standing
from .session import Session
from .shell import Shell
from .strip import ChipState

WINDOW_S = 300.0
"""Requests a minute and the error rate are those of the last five minutes."""
_EVERY_MS = 1000
_SOON_MS = 50


class StripFeed(QObject):
    """Feeds the strip of ``shell`` from a session, once there is one."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._shell = shell
        self._session: Session | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self.refresh)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self.refresh)
        self._leave_bus: Callable[[], None] = lambda: None

    def follow(self, session: Session) -> None:
        """Feed from ``session`` from now on."""
        self._session = session
        session.changed.connect(self.refresh)
        self._leave_bus = session.engine.bus.subscribe(self._on_event)
        self._shell.strip.set_heart("ok", "local")
        self.refresh()
        self._timer.start()

    def stop(self) -> None:
        """Leave the strip as it is."""
        self._timer.stop()
        self._soon.stop()
        self._leave_bus()
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
            stands = standing(session, state.name)
            chips.append(ChipState(state.name, state.label, stands.state, stands.word, tip=stands.reason))
        strip.set_providers(chips)
        seen = summary(activity.samples(WINDOW_S))
        minutes = min(WINDOW_S, max(60.0, session.clock.now() - activity.started_at)) / 60
        cost = activity.simulated_usd if demo else activity.cost_usd
        strip.set_figures(seen.requests / minutes, seen.error_rate, cost)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, BreakerChanged) and not self._soon.isActive():
            self._soon.start()
