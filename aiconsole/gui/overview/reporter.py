"""Fills the feed: what an earlier run of the console kept, then what happens, at most a few times a second."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject

from ...domain.chat import Continued
from ...domain.errors import ConsoleError
from ...domain.events import Event
from ..session import Session
from ..shell import Shell
from .entries import TOLD, Entry, entry_of, entry_of_past
from .feed import MOST, Feed

_BACK_S: Final = 7 * 86_400.0


class Reporter(QObject):
    """Listens from when it is made on, in view or not: nothing is missed."""

    def __init__(self, session: Session, shell: Shell, feed: Feed) -> None:
        super().__init__(feed)
        self._session, self._feed = session, feed
        self._new: list[Entry] = []
        live = session.engine.live
        self._began = live.started_at
        told = (entry_of(told.event, told.at) for told in live.newest(MOST))
        feed.show_all([entry for entry in told if entry is not None])
        session.engine.bus.subscribe(self._on_event, *TOLD)
        shell.start(self._remember(), failed="Earlier events cannot be read")

    def put(self) -> None:
        """Put what came since the last time on top."""
        if self._new:
            new, self._new = self._new, []
            self._feed.put_first(new[::-1])

    def _on_event(self, event: Event | Continued) -> None:
        entry = entry_of(event, self._session.clock.now())
        if entry is not None:
            self._new.append(entry)
            del self._new[:-MOST]

    async def _remember(self) -> None:
        demo = self._session.engine.demo
        try:
            past = await self._session.engine.history.events(
                self._began - _BACK_S, self._began, limit=MOST // 2, simulated=demo
            )
        except ConsoleError:
            return  # the graph says why
        entries = map(entry_of_past, past)
        self._feed.show_all([*self._feed.model.all, *(entry for entry in entries if entry is not None)])
