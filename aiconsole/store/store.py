"""Everything the console keeps in its database, behind one object.

Importing this package costs little: peewee is loaded in the reader's thread while the file is opened there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, TypeVar

from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConsoleError, StoreError
from aiconsole.domain.pools import PoolFigures
from aiconsole.store.conversations import ConversationStore
from aiconsole.store.database import Opened, Steps, connect, open_database, transaction
from aiconsole.store.faults import damaged, explain
from aiconsole.store.inspection import damage
from aiconsole.store.mending import Mender
from aiconsole.store.migrations import MIGRATIONS
from aiconsole.store.notice import StoreNotice
from aiconsole.store.packing import Redact
from aiconsole.store.reader import Lane, Reader
from aiconsole.store.retention import Retention, next_step
from aiconsole.store.writer import Job, Writer

if TYPE_CHECKING:
    from aiconsole.store.database import Database
    from aiconsole.store.recovery import Background

T = TypeVar("T")
Notify = Callable[[StoreNotice], None]
_LANES: Final[tuple[Lane, ...]] = ("conversations", "graphs", "tables")
_log = logging.getLogger(__name__)


class Store:
    """One database file and its threads: one that writes and three that read. Made by ``open``."""

    def __init__(
        self,
        opened: Opened,
        reading: Database,
        reader: ThreadPoolExecutor,
        redact: Redact,
        notify: Notify,
        retry_s: float,
        retention: Retention,
        clock: Clock,
        steps: Steps,
    ) -> None:
        monotonic = clock.monotonic
        self.redact = redact
        self.retention = retention
        self.notices = opened.notices
        self.trouble: ConsoleError | None = None
        self.conversations = ConversationStore(self)
        self._notify = notify
        self._readers = (
            Reader("conversations", self._connect_reader, reader, reading, monotonic),
            Reader("graphs", self._connect_reader, monotonic=monotonic),
            Reader("tables", self._connect_reader, monotonic=monotonic),
        )
        self._steps = steps
        self._mender = Mender(opened, self._readers, clock, steps, redact, self._tell_later)
        self._recoveries: list[Background] = []
        self._loop = asyncio.get_running_loop()
        self._writer = Writer(
            opened.database,
            finish=self._disconnect,
            explain=self._explain,
            renew=self._renew,
            trouble=self._trouble_later,
            retry_s=retry_s,
            monotonic=monotonic,
        )

    @classmethod
    async def open(
        cls,
        path: Path,
        clock: Clock,
        *,
        redact: Redact = lambda text: text,
        notify: Notify = lambda notice: None,
        steps: Steps = MIGRATIONS,
        retry_s: float = 2.0,
        retention: Retention | None = None,
    ) -> Store:
        """Open ``path``, or make it, and a lock file beside it.

        Args:
            path: the database file.
            clock: gives the times that purges and the names of files set aside need.
            redact: removes secrets from text before it is written.
            notify: told on the event loop what the person should see: a file set aside (also in ``notices``), trouble with
                writing (also in ``trouble`` while it lasts) and its end.
            steps: the migrations; other ones only in tests.
            retry_s: seconds between two tries to write what a full or locked disk refused.
            retention: how long what happened is kept; also ``store.retention``, which may be set at any time.

        Raises:
            ConfigError: another console has the file, or it was written by a newer console or another program.
            StoreError: the disk or the folder does not let us.
        """
        reader = ThreadPoolExecutor(1, thread_name_prefix="aiconsole-store-reader")
        now = clock.now()
        opening = reader.submit(_connect, path, now, steps, redact)
        try:
            opened, reading = await asyncio.shield(asyncio.wrap_future(opening))
        except BaseException:
            opening.add_done_callback(_abandon)
            reader.shutdown(wait=False)
            raise
        store = cls(opened, reading, reader, redact, notify, retry_s, retention or Retention(), clock, steps)
        store._tidy(now)
        for notice in opened.notices:
            notify(notice)
        return store

    async def __aenter__(self) -> Store:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self, wait_s: float = 10.0) -> None:
        """Write what is queued and close the file; ``wait_s`` bounds the wait for a disk that does not answer."""
        for recovery in self._recoveries:
            recovery.leave()
        self._writer.close()
        ended = asyncio.ensure_future(asyncio.wrap_future(self._writer.ended))
        await asyncio.wait({ended}, timeout=wait_s)
        for recovery in self._recoveries:
            await asyncio.to_thread(recovery.join)

    async def read(self, job: Job[T], lane: Lane = "conversations") -> T:
        """Run ``job`` in the thread that reads what ``lane`` says, on a connection that cannot write. Breaks it off where the
        caller is cancelled.

        Raises:
            StoreError: it could not be read, or the store is closed.
        """
        reader, version = self._readers[_LANES.index(lane)], self.version
        try:
            return await reader.run(job)
        except Exception as error:
            if damaged(error):
                self._have_mended(error, version)
            raise self._explain(error) from error

    async def write(self, job: Job[T]) -> T:
        """Run ``job`` in a transaction in the writer's thread; it may run twice, so it changes nothing but the database.

        Raises:
            StoreError: it could not be written, or the store is closed.
        """
        return await asyncio.wrap_future(self.post(job))

    def post(self, job: Job[T], *, keep: bool = False, relaxed: bool = False) -> Future[T]:
        """As ``write``, without waiting; with ``keep`` it is not given up while the disk is full, locked or read-only, and
        ``relaxed`` it may be undone by a power cut, though not by the end of the process."""
        return self._writer.post(job, keep=keep, relaxed=relaxed)

    async def prune(self, now: float) -> int:
        """Delete what is older than `retention` allows at ``now`` (epoch s), some rows at a time, so that other writing goes on
        between; in how many steps. Raises as `write`."""
        steps = 0
        retention = self.retention
        while await asyncio.wrap_future(self.post(lambda database: next_step(database, retention, now), relaxed=True)):
            steps += 1
        return steps

    def pools(self) -> tuple[PoolFigures, ...]:
        """The threads that write and read, each as a pool of one."""
        return (self._writer.figures(), *(reader.figures() for reader in self._readers))

    def take_query_times(self) -> tuple[float, ...]:
        """How long the newest queries took, in ms, without their wait; those told before are left out."""
        return tuple(ms for reader in self._readers for ms in reader.take_times())

    def mend_found(self, words: str) -> None:
        """Have done what can be about damage that a check found; ``words`` as SQLite's checks say it. From any thread."""
        self._have_mended(damage(words, only_index=" index " in words), self.version)

    def tell(self, notice: StoreNotice) -> None:
        """Have the person see something about the store; on the event loop."""
        self._notify(notice)

    @property
    def version(self) -> int:
        """Another number each time the file was changed under those who remember what is in it; for the writer's thread."""
        return self._mender.version

    @property
    def _opened(self) -> Opened:
        return self._mender.opened

    def _connect_reader(self) -> Database:
        return connect(self._opened.path, reader=True)

    def _renew(self, error: BaseException | None) -> Database | None:
        before = self._opened.database
        database = self._mender.renew(error)
        if database is not None and database is not before:
            with suppress(StoreError):
                self.post(self._recover)
        return database

    def _have_mended(self, error: Exception, version: int) -> None:
        """Have the writer do about damage that was read what it does about its own, unless it has meanwhile."""

        def fail(database: Database) -> None:
            if self.version == version:
                raise error

        with suppress(StoreError):
            self.post(fail)

    def _recover(self, database: Database) -> None:
        """Go on copying from files that were set aside, if there are any. In the writer's thread."""
        from aiconsole.store import recovery

        under_way = {file for each in self._recoveries for file in each.files}
        files = [file for file in recovery.unfinished(database) if file not in under_way]
        if files:
            folder, version = self._opened.path.parent, len(self._steps)
            self._recoveries.append(
                recovery.Background(folder, files, version, self.redact, self._post_copied, self._tell_later)
            )

    def _post_copied(self, job: Job[T]) -> Future[T]:
        def copy(database: Database) -> T:
            self._mender.version += 1
            return job(database)

        return self.post(copy, keep=True, relaxed=True)

    def _tell_later(self, notice: StoreNotice) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._notify, notice)

    def _explain(self, error: BaseException) -> ConsoleError:
        """In any thread: the error in our words; damage is remembered for the next start."""
        if damaged(error):
            self._opened.lock.mark(doubtful=True)
        return explain(error)

    def _tidy(self, started: float) -> None:
        """After a start: remove for good what was deleted before, and do what a full disk kept `_connect` from."""
        from aiconsole.store import turns

        self.post(lambda database: turns.interrupt(database, self.redact), keep=True)
        self.post(self._recover, keep=True)
        self.post(lambda database: self._recoveries or turns.purge(database, started), keep=True)

    def _disconnect(self) -> None:
        """In the writer's thread: the readers first, as the last to close tidies SQLite's journal away."""
        try:
            with suppress(Exception):
                self._mender.renew(None)
            for reader in self._readers:
                reader.close()
            self._opened.database.close()
        finally:
            self._opened.lock.release()

    def _trouble_later(self, error: ConsoleError | None) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it whoever could be told
            self._loop.call_soon_threadsafe(self._troubled, error)

    def _troubled(self, error: ConsoleError | None) -> None:
        had, self.trouble = self.trouble, error
        if error is None:
            self._notify(StoreNotice("Conversations and history are written again."))
        elif had is None or had.message != error.message:
            _log.error("the database could not be written: %s", error.message)
            self._notify(StoreNotice(error.message, error.advice))


def _connect(path: Path, now: float, steps: Steps, redact: Redact) -> tuple[Opened, Database]:
    """In the reader's thread, and with it the slow imports: open, and end the answers that a killed process left."""
    from aiconsole.store import search, turns  # noqa: F401

    try:
        opened = open_database(path, now, steps, redact)
        try:
            with suppress(Exception), transaction(opened.database):
                turns.interrupt(opened.database, redact)
            return opened, connect(path, reader=True)
        except BaseException:
            opened.database.close()
            opened.lock.release()
            raise
    except Exception as error:
        raise explain(error) from error


def _abandon(opening: Future[tuple[Opened, Database]]) -> None:
    """Close again what was opened for someone who had left."""
    if opening.cancelled() or opening.exception() is not None:
        return
    opened, reading = opening.result()
    reading.close()
    opened.database.close()
    opened.lock.release()
