"""The one thread that writes. Jobs are functions of the database; those waiting together share one commit.

A job runs in a transaction of its own or of its batch, and again where the batch failed, so it changes nothing but the
database. A job posted with ``keep`` is not given up while the disk is full, the file locked or read-only: it is held in
memory, in order, and tried again every ``retry_s`` seconds and at the end.

A job posted as ``relaxed`` is committed with ``synchronous=NORMAL`` unless it shares its commit with one that is not: it
survives the end of the process, but a power cut may undo it. Every other commit is FULL.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aiconsole.domain.errors import ConsoleError, StoreError
from aiconsole.domain.pools import Holder, PoolFigures
from aiconsole.store.database import transaction

if TYPE_CHECKING:
    from aiconsole.store.database import Database

T = TypeVar("T")
Job = Callable[["Database"], T]
_BATCH = 50
_AWAY_S = 0.0001
_log = logging.getLogger(__name__)


def give_way() -> None:
    """Let the event loop run if it wants to. Jobs with much to do call it every millisecond or so.

    SQLite's calls let go of the interpreter's lock, but only for microseconds, in which the loop's thread does not wake up:
    it would wait for many rows (CPython's documentation, "sys.setswitchinterval").
    """
    time.sleep(_AWAY_S)


def job_name(job: Job[Any]) -> str:
    """Who asks: the function that a job was made in, such as "History.series"."""
    return str(getattr(job, "__qualname__", type(job).__qualname__)).partition(".<locals>")[0]


def closed() -> StoreError:
    return StoreError("The console's database is closed.", advice="Start the console again.", passing=False)


class _Entry(Generic[T]):
    def __init__(self, job: Job[T], keep: bool, relaxed: bool) -> None:
        self.job = job
        self.keep = keep
        self.relaxed = relaxed
        self.future: Future[T] = Future()


class Writer:
    """Runs jobs on ``database``, which no one else uses from then on; ``finish`` is called in the thread at the end.
    ``explain`` puts what a job raised in our words. ``renew`` is asked before each batch (with None) and with what a job
    raised: it gives the database to go on with where the file was mended, and None where it was not.

    ``trouble`` is told, in the thread, why kept jobs cannot be written or why one was lost, and None when all is written.
    """

    def __init__(
        self,
        database: Database,
        *,
        finish: Callable[[], None],
        explain: Callable[[BaseException], ConsoleError],
        renew: Callable[[BaseException | None], Database | None],
        trouble: Callable[[ConsoleError | None], None],
        retry_s: float = 2.0,
        monotonic: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._monotonic = monotonic
        self._running: tuple[str, float] | None = None
        self._batch = 0
        self._database = database
        self._finish = finish
        self._explain = explain
        self._renew = renew
        self._trouble = trouble
        self._retry_s = retry_s
        self._queue: queue.SimpleQueue[_Entry[Any] | None] = queue.SimpleQueue()
        self._kept: list[_Entry[Any]] = []
        self._guard = threading.Lock()
        self._closing = False
        self._relaxed = False
        self.ended: Future[None] = Future()
        threading.Thread(target=self._run, name="aiconsole-store-writer", daemon=True).start()

    def post(self, job: Job[T], *, keep: bool = False, relaxed: bool = False) -> Future[T]:
        """Queue ``job``; the future is done when its commit is on the disk.

        Raises:
            StoreError: the store is closed.
        """
        entry = _Entry(job, keep, relaxed)
        with self._guard:
            if self._closing:
                raise closed()
            self._queue.put(entry)
        return entry.future

    def figures(self) -> PoolFigures:
        """The thread as a pool of one; ``waiting`` are the jobs that are not on the disk yet, those held for a disk that
        refuses among them."""
        running = self._running
        holders = () if running is None else (Holder(*running, self._monotonic() - running[1]),)
        waiting = self._queue.qsize() + len(self._kept) + max(0, self._batch - len(holders))
        return PoolFigures("database, writer", "writer", len(holders), 1 - len(holders), 0, waiting, 1, 0, holders)

    def close(self) -> None:
        """Ask for the end: what is queued is written first. ``ended`` says when."""
        with self._guard:
            if not self._closing:
                self._closing = True
                self._queue.put(None)

    def _run(self) -> None:
        last = False
        while not last:
            batch, last = self._next()
            if batch:
                self._running = (job_name(batch[0].job), self._monotonic())
            self._batch = len(batch)
            self._write(batch)
            self._batch = 0
            self._running = None
        for entry in self._kept:
            entry.future.set_exception(StoreError("The console closed before this could be written.", passing=False))
        if self._kept:
            _log.error("%d changes could not be written before the end", len(self._kept))
        try:
            self._finish()
        finally:
            self.ended.set_result(None)

    def _next(self) -> tuple[list[_Entry[Any]], bool]:
        """What waits now, at most a batch, blocking for the first of it; True with the last."""
        batch: list[_Entry[Any]] = []
        try:
            entry = self._queue.get(timeout=self._retry_s if self._kept else None)
            while entry is not None:
                if entry.future.set_running_or_notify_cancel():
                    batch.append(entry)
                if len(batch) == _BATCH:
                    return batch, False
                entry = self._queue.get_nowait()
        except queue.Empty:
            return batch, False
        return batch, True

    def _write(self, batch: list[_Entry[Any]]) -> None:
        held, self._kept = self._kept, []
        if len(batch) > 1 and not held and self._together(batch):
            return
        blocked: ConsoleError | None = None
        for entry in (*held, *batch):
            if blocked and entry.keep:
                self._kept.append(entry)
                continue
            error = self._alone(entry)
            if error is None:
                continue
            if entry.keep and isinstance(error, StoreError) and error.passing:
                blocked = error
                self._kept.append(entry)
            else:
                entry.future.set_exception(error)
                if entry.keep:
                    self._trouble(error)
        if blocked:
            self._trouble(blocked)
        elif held:
            self._trouble(None)

    def _together(self, batch: list[_Entry[Any]]) -> bool:
        try:
            self._mend(None)
            self._sync(relaxed=all(entry.relaxed for entry in batch))
            with transaction(self._database):
                results = [entry.job(self._database) for entry in batch]
        except Exception:
            return False
        for entry, result in zip(batch, results, strict=True):
            entry.future.set_result(result)
        return True

    def _alone(self, entry: _Entry[Any]) -> ConsoleError | None:
        try:
            self._mend(None)
            try:
                result = self._do(entry)
            except Exception as error:
                if not self._mend(error):
                    raise
                result = self._do(entry)
        except Exception as error:
            return self._explain(error)
        entry.future.set_result(result)
        return None

    def _do(self, entry: _Entry[T]) -> T:
        self._sync(relaxed=entry.relaxed)
        with transaction(self._database):
            return entry.job(self._database)

    def _mend(self, error: BaseException | None) -> bool:
        """Whether something was mended."""
        database = self._renew(error)
        if database is None:
            return False
        if database is not self._database:
            self._database, self._relaxed = database, False
        return True

    def _sync(self, *, relaxed: bool) -> None:
        if relaxed is not self._relaxed:
            self._database.pragma("synchronous", "normal" if relaxed else "full")
            self._relaxed = relaxed
