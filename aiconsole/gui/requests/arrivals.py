"""Looks for requests that ended since the table was read, soon after the bus tells that one did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from ...domain.errors import ConsoleError
from ...domain.events import RequestFinished
from ...domain.history import RequestFilter, RequestRow
from ..session import Session
from ..shell import Shell

MOST: Final = 500
"""More than so many are not fetched; the table is read anew instead."""

_HZ: Final = 2.0
_SOON_MS: Final = 400
"""The recorder writes a quarter of a second after the event."""
_LATER_MS: Final = 2000
"""Once more after the last event, for a disk that was slow."""


class Arrivals(QObject):
    """``came(count, rows)``: how many there are by now, newest first as far as they were fetched.

    ``watch`` says from when on; it looks only between ``wake`` and ``rest``.
    """

    came = Signal(int, object)

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self._filter: RequestFilter | None = None
        self._after = 0
        self._awake = False
        self._looking: asyncio.Task[None] | None = None
        self._again = False
        self._soon = _timer(self, _SOON_MS, self.look)
        self._later = _timer(self, _LATER_MS, self.look)
        self._leave: Callable[[], None] | None = None

    def watch(self, wanted: RequestFilter, newest: RequestRow | None, at: float) -> None:
        """Look for what passes ``wanted`` and ended after ``newest``, or where there is none after ``at`` (epoch s)."""
        since = at if newest is None else newest.finished_at
        self._filter = msgspec.structs.replace(wanted, start=max(wanted.start, since - 0.001))
        self._after = int(at * 1000) << 20 if newest is None else newest.id

    def wake(self) -> None:
        """Look from now on."""
        self._awake = True
        if self._leave is None:
            self._leave = self._session.engine.bus.coalesced(self._told, RequestFinished, hz=_HZ)
        self._told()

    def rest(self) -> None:
        """Look no more."""
        self._awake = False
        self._soon.stop()
        self._later.stop()
        if self._leave is not None:
            self._leave()
            self._leave = None

    def look(self) -> None:
        """Look now."""
        if self._filter is None or not self._awake:
            return
        if self._looking is not None and not self._looking.done():
            self._again = True
            return
        self._looking = self._shell.start(self._look(self._filter, self._after))

    async def _look(self, wanted: RequestFilter, after: int) -> None:
        try:
            found = await self._session.engine.history.requests(wanted)
            rows = await found.page(0, MOST) if found.count else ()
        except ConsoleError:
            return  # what the table itself cannot read it says; this is tried again with the next event
        if wanted is self._filter:
            new = tuple(row for row in rows if row.id > after)
            self.came.emit(max(len(new), found.count if len(new) == MOST else 0), new)
        if self._again:
            self._again = False
            self._soon.start()

    def _told(self) -> None:
        if not self._soon.isActive():
            self._soon.start()
        self._later.start()


def _timer(parent: QObject, ms: int, call: Callable[[], None]) -> QTimer:
    made = QTimer(parent)
    made.setSingleShot(True)
    made.setInterval(ms)
    made.timeout.connect(call)
    return made
