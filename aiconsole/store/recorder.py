"""What happens, on its way from the event bus to the disk.

`Recorder.listen` puts an event at the end of a queue in memory and does nothing else. A moment later (``PAUSE_S``) what waits
is handed to the store's writer, at most `BATCH` events at a time, the next lot when the one before is on the disk. An event
leaves the queue only then: while there is no store yet, or its disk is full, locked or read-only, up to `MOST` events wait,
and beyond that the oldest are dropped and counted. An event that the database will not take for its own sake is found by
halving the lot, and dropped alone. `Recorder.flush` returns when all that had come is written.

Events are committed with ``synchronous=NORMAL``: what is acknowledged as written survives the end of the process however it
comes, and the file stays sound through a power cut, which may cost the last events. Conversations are committed with FULL.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from itertools import islice
from typing import TYPE_CHECKING, Final

from aiconsole.domain.clock import Clock
from aiconsole.domain.events import Event
from aiconsole.store.notice import StoreNotice
from aiconsole.store.rows import KINDS, Rows, Seen, kept, new_serials

if TYPE_CHECKING:
    from aiconsole.store.database import Database
    from aiconsole.store.store import Store

__all__ = ["KINDS", "Recorder"]

MOST: Final = 100_000
"""Events kept in memory while they cannot be written; some 80 MB."""

BATCH: Final = 10_000
PAUSE_S: Final = 0.25
_AGAIN_S: Final = 5.0

_log = logging.getLogger(__name__)


class Recorder:
    """Give ``listen`` to the bus, and ``attach`` a store once it is open.

    Args:
        clock: the time for events that have none.
        simulated: whether the simulator answers now; marks events that do not say so themselves.
        most: how many events wait at most.
        pause_s: how long events gather before they are written.

    Attributes:
        dropped: how many events were given up since the start.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        simulated: Callable[[], bool] = lambda: False,
        most: int = MOST,
        pause_s: float = PAUSE_S,
    ) -> None:
        self.dropped = 0
        self._clock = clock
        self._simulated = simulated
        self._most = most
        self._pause_s = pause_s
        self._waiting: deque[Seen] = deque()
        self._gone = 0
        self._store: Store | None = None
        self._rows: Rows | None = None
        self._written: Rows | None = None
        self._version = 0
        self._serials = new_serials()
        self._timer: asyncio.TimerHandle | None = None
        self._writing = 0
        self._at_once = BATCH
        self._told_dropped = 0
        self._flushes: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def waiting(self) -> int:
        """How many events are not on the disk yet."""
        return len(self._waiting)

    def unwritten(self) -> tuple[Seen, ...]:
        """Those events, oldest first."""
        return tuple(self._waiting)

    def listen(self, event: Event) -> None:
        """Keep an event; those that are not written are let go."""
        if not kept(event):
            return
        self._waiting.append((event, self._simulated()))
        if len(self._waiting) > self._most:
            self._waiting.popleft()
            self._gone += 1
            self.dropped += 1
        if self._timer is None and not self._writing and self._store is not None:
            self._timer = self._loop.call_later(self._pause_s, self._hand_over)

    def clear(self) -> None:
        """Let go of all that is not handed to the writer yet, as it will not be written."""
        self._gone += len(self._waiting)
        self._waiting.clear()

    def attach(self, store: Store) -> None:
        """Write to ``store`` from now on, on the running loop."""
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._rows = None
        self._hand_over()

    async def flush(self) -> None:
        """Wait until every event that has come is on the disk, or was dropped. Needs a store."""
        upto = self._gone + len(self._waiting)
        if upto == self._gone:
            return
        done = self._loop.create_future()
        self._flushes.append((upto, done))
        if not self._writing:
            self._hand_over()
        await done

    async def close(self, wait_s: float = 5.0) -> None:
        """Write what waits, as far as that works within ``wait_s``; what does not is counted in the log."""
        if self._store is not None:
            try:
                async with asyncio.timeout(wait_s):
                    await self.flush()
            except TimeoutError:
                _log.error("%d events could not be written before the end", len(self._waiting))
        if self._timer is not None:
            self._timer.cancel()
        self._store = None

    def _hand_over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._store is None or self._writing or not self._waiting:
            return
        batch = tuple(islice(self._waiting, self._at_once))
        end = self._gone + len(batch)
        try:
            written = self._store.post(lambda database: self._write(database, batch), keep=True, relaxed=True)
        except Exception:
            _log.exception("%d events are not written any more", len(self._waiting))
            return
        self._writing = end
        written.add_done_callback(lambda future: self._report(future, end))

    def _write(self, database: Database, batch: tuple[Seen, ...]) -> None:
        """In the writer's thread. What `Rows` remembers is let go until the commit is known to have worked."""
        rows, self._rows = self._rows, None
        assert self._store is not None
        if rows is None or self._version != self._store.version:
            self._version = self._store.version
            rows = Rows(database.connection(), self._store.redact, self._serials)
        rows.write(batch, self._clock.now())
        self._written = rows

    def _report(self, future: Future[None], end: int) -> None:
        """In the writer's thread, after the commit or when it was given up."""
        error = future.exception()
        self._rows = self._written if error is None else None
        try:
            self._loop.call_soon_threadsafe(self._ended, end, error)
        except RuntimeError:
            _log.warning("The loop ended before the history was written")

    def _ended(self, end: int, error: BaseException | None) -> None:
        self._writing = 0
        if self._store is None:
            return
        if error is not None:
            if self._at_once == 1 and self._gone < end:
                _log.error("An event is refused and dropped: %s", type(self._waiting[0][0]).__name__)
                self._waiting.popleft()
                self._gone += 1
                self.dropped += 1
                self._end_flushes()
            self._at_once = max((end - self._gone) // 2, 1)
            self._timer = self._loop.call_later(_AGAIN_S, self._hand_over)
            return
        self._at_once = min(self._at_once * 2, BATCH)
        while self._gone < end and self._waiting:
            self._waiting.popleft()
            self._gone += 1
        self._end_flushes()
        self._tell_dropped()
        if len(self._waiting) >= self._at_once or self._flushes:
            self._hand_over()
        elif self._waiting:
            self._timer = self._loop.call_later(self._pause_s, self._hand_over)

    def _end_flushes(self) -> None:
        """Let go who waits for events that are written, or dropped."""
        for upto, done in self._flushes:
            if upto <= self._gone and not done.done():
                done.set_result(None)
        self._flushes = [(upto, done) for upto, done in self._flushes if not done.done()]

    def _tell_dropped(self) -> None:
        lost, self._told_dropped = self.dropped - self._told_dropped, self.dropped
        if lost and self._store is not None:
            self._store.tell(
                StoreNotice(
                    f"{lost:,} events of the history were lost, as they could not be written for too long.",
                    "Figures of that time are incomplete.",
                )
            )
