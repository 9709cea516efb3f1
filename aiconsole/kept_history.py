"""The console's database while the engine runs: opened once for all who need it, filled from the event bus, tidied.

`KeptHistory.begin` has events collected in memory at once and opens the database behind that; one that cannot be opened for
now is tried again. What was spent this month is told to the budgets, so that they hold over a restart, and today's spend and
the last looks at providers' health to the live state; until then they know only of this run.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConsoleError, StoreError
from aiconsole.domain.events import HealthSeen, Notice
from aiconsole.domain.history import Targets
from aiconsole.home import Home
from aiconsole.realtime.bus import Bus
from aiconsole.realtime.live import Live
from aiconsole.routing.budgets import Budgets
from aiconsole.secrets import REDACTOR
from aiconsole.settings import Settings
from aiconsole.store import History, Recorder, Retention, Store, StoreNotice
from aiconsole.store.recorder import KINDS

_AGAIN_S: Final = 30.0
_log = logging.getLogger(__name__)


class KeptHistory:
    """See the module.

    Args:
        simulated: whether the simulator answers now.

    Attributes:
        history: the door to the past; its first query opens the database.
    """

    def __init__(
        self,
        home: Home,
        settings: Callable[[], Settings],
        bus: Bus,
        budgets: Budgets,
        live: Live,
        clock: Clock,
        *,
        simulated: Callable[[], bool],
    ) -> None:
        self._home = home
        self._settings = settings
        self._bus = bus
        self._budgets = budgets
        self._live = live
        self._clock = clock
        self._simulated = simulated
        self._recorder = Recorder(clock, simulated=simulated)
        self._leave: Callable[[], None] | None = None
        self._opening: asyncio.Task[Store] | None = None
        self._store: Store | None = None
        self._passing = AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()
        self.history = History(self.open, clock)

    @property
    def store(self) -> Store | None:
        """The database if it is open."""
        return self._store

    @property
    def unwritten(self) -> tuple[ConsoleError, int] | None:
        """Why nothing can be written now, and how many events wait in memory for that; None while all is well."""
        opening = self._opening
        error: BaseException | None = None
        if self._store is not None:
            error = self._store.trouble
        elif opening is not None and opening.done() and not opening.cancelled():
            error = opening.exception()
        return (error, self._recorder.waiting) if isinstance(error, ConsoleError) else None

    def begin(self) -> None:
        """Record from now on."""
        self._listen()
        self._spawn(self._open_some_time())

    async def open(self) -> Store:
        """The database, opened when this is first asked for; from then on what happens is recorded.

        Raises:
            ConfigError: another console has it, or it is not ours to open.
            StoreError: the disk or the folder does not let us; a later call tries again.
        """
        failed = self._opening is not None and self._opening.done() and _went_wrong(self._opening)
        if self._opening is None or failed:
            self._opening = asyncio.ensure_future(self._open())
        return await asyncio.shield(self._opening)

    async def open_passing(self, error: ConsoleError) -> Store:
        """A database for the conversations of this run alone, as the real one cannot be opened because of ``error``.

        Raises:
            ConsoleError: ``error``, where not even that can be had.
        """
        try:
            folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="aiconsole-"))
            self._passing.push_async_callback(asyncio.to_thread, shutil.rmtree, folder, ignore_errors=True)
            store = await Store.open(folder / "session.db", self._clock, redact=REDACTOR.redact, notify=self._tell)
        except (OSError, ConsoleError):
            raise error from None
        self._passing.push_async_callback(store.close)
        self._bus.publish(
            Notice(f"{error.message} Conversations are kept only until this console is closed.", error.advice)
        )
        return store

    async def flush(self) -> None:
        """Wait until all that has happened so far is on the disk."""
        await self.open()
        await self._recorder.flush()

    def configure(self) -> None:
        """Let changed settings take effect."""
        if self._store is not None:
            self._store.retention = retention_of(self._settings())

    async def aclose(self) -> None:
        """Write what is left and close the database."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._opening is not None:
            await asyncio.gather(self._opening, return_exceptions=True)
        if self._leave is not None:
            self._leave()
        if self._store is not None:
            await self._recorder.close()
            await self._store.close()
        await self._passing.aclose()

    def _listen(self) -> None:
        if self._leave is None:
            self._leave = self._bus.subscribe(self._recorder.listen, *KINDS)

    async def _open(self) -> Store:
        await asyncio.to_thread(self._home.ensure)
        store = await Store.open(
            self._home.database,
            self._clock,
            redact=REDACTOR.redact,
            notify=self._tell,
            retention=retention_of(self._settings()),
        )
        self._store = store
        await self._tell_spent(store)
        self._listen()
        self._recorder.attach(store)
        self._spawn(self._tell_looks(store))
        self._spawn(self._prune(store))
        return store

    async def _open_some_time(self) -> None:
        while True:
            try:
                await self.open()
                return
            except ConsoleError as error:
                _log.warning("The database cannot be opened: %s", error.message)
                self._bus.publish(Notice(error.message, error.advice))
                if not isinstance(error, StoreError) or not error.passing:
                    self._give_up()
                    return
            await asyncio.sleep(_AGAIN_S)

    def _give_up(self) -> None:
        """There is nothing to record into; what was collected would only fill the memory."""
        if self._leave is not None and self._store is None:
            self._leave()
            self._leave = None
            self._recorder.clear()

    async def _tell_spent(self, store: Store) -> None:
        """Before anything of this run is written, so that nothing is counted twice."""
        from aiconsole.store import past

        now = self._clock.now()
        today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        month, day = today.replace(day=1).timestamp(), today.timestamp()
        try:
            spent = await store.read(lambda database: past.spend(database, month, now + 1.0, False), "graphs")
            pretended = await store.read(lambda database: past.spend(database, day, now + 1.0, True), "graphs")
        except StoreError as error:
            _log.warning("What was spent before is not known: %s", error.message)
            return
        for part in spent:
            self._budgets.add(part.usd, route=part.route, provider=part.provider, at=float(part.day))
        for simulated, parts in ((False, spent), (True, pretended)):
            for part in parts:
                if part.day >= day and part.usd:
                    self._live.tell_spent(part.provider, part.usd, simulated=simulated, since=day)

    def tell_looks(self) -> None:
        """Tell the live state again how the last looks at providers' health went, as after it forgot them."""
        if self._store is not None:
            self._spawn(self._tell_looks(self._store))

    async def _tell_looks(self, store: Store) -> None:
        """Behind all else, as nobody waits for it."""
        from aiconsole.store import past

        simulated = self._simulated()
        try:
            looks = await store.read(lambda database: past.last_looks(database, simulated), "graphs")
        except StoreError as error:
            _log.warning("How the last health checks went is not known: %s", error.message)
            return
        if simulated == self._simulated():
            for look in looks:
                self._live.tell_look(
                    HealthSeen(
                        look.provider,
                        look.last_seen,
                        look.healthy,
                        look.latency_ms,
                        look.error_kind,
                        look.reason,
                        simulated,
                    )
                )

    async def _prune(self, store: Store) -> None:
        try:
            await store.prune(self._clock.now())
        except StoreError as error:
            _log.warning("What is too old could not be deleted: %s", error.message)

    def _tell(self, notice: StoreNotice) -> None:
        self._bus.publish(Notice(notice.message, notice.advice))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def retention_of(settings: Settings) -> Retention:
    """How long what happened is kept."""
    own = settings.history
    return Retention(
        requests=own.requests_days,
        traces=own.traces_days,
        rollups=(
            own.ten_seconds_days,
            own.minutes_days,
            own.five_minutes_days,
            own.hours_days,
            own.hours_days,
            own.days_days,
        ),
        events=own.events_days,
        cache_events=own.cache_events_days,
        activity=own.activity_days,
    )


def targets_of(settings: Settings) -> Targets:
    """What is to be reached, of what the database can tell."""
    own = settings.objectives
    return Targets(own.availability, own.p95_ms, own.error_rate, own.cache_hits)


def _went_wrong(opening: asyncio.Task[Store]) -> bool:
    return opening.cancelled() or opening.exception() is not None
