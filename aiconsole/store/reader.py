"""A thread that reads, with a connection of its own that cannot write. There are three, so that none waits for another's
work: conversations, graphs, and tables, whose counts and searches may take a while.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from traceback import clear_frames
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from aiconsole.domain.pools import Holder, PoolFigures
from aiconsole.store.writer import Job, closed, job_name

if TYPE_CHECKING:
    from aiconsole.store.database import Database

T = TypeVar("T")
Lane = Literal["conversations", "graphs", "tables"]
_TIMES: Final = 256
_LOOK_EVERY: Final = 20_000
"""Steps of SQLite's machine between two looks whether the result is still wanted; some 0.2 ms."""


class Reader:
    """One such thread. Unless it is given one, the connection is opened by the first job.

    Args:
        lane: what it reads.
        connect: opens the connection, in the thread.
        executor: a thread to use instead of one of its own.
        database: a connection to use instead of one of its own; closed with it.
        monotonic: the time in s.
    """

    def __init__(
        self,
        lane: Lane,
        connect: Callable[[], Database],
        executor: ThreadPoolExecutor | None = None,
        database: Database | None = None,
        monotonic: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._lane = lane
        self._lock = threading.Lock()
        self._holding = False
        self._monotonic = monotonic
        self._queued: set[Future[Any]] = set()
        self._running: tuple[str, float] | None = None
        self._times: deque[float] = deque(maxlen=_TIMES)
        self._connect = connect
        self._database = database
        self._executor = executor or ThreadPoolExecutor(1, thread_name_prefix=f"aiconsole-store-{lane}")

    async def run(self, job: Job[T]) -> T:
        """Run ``job`` in the thread. One whose caller is cancelled meanwhile is broken off.

        Raises:
            StoreError: it is closed; and whatever ``job`` raises.
        """
        unwanted = [False]
        try:
            reading: Future[T] = self._executor.submit(self._run, job, unwanted)
        except RuntimeError:
            raise closed() from None
        self._queued.add(reading)
        reading.add_done_callback(self._queued.discard)
        try:
            return await asyncio.wrap_future(reading)
        except asyncio.CancelledError:
            unwanted[0] = True
            raise

    def figures(self) -> PoolFigures:
        """The thread as a pool of one."""
        running = self._running
        holders = () if running is None else (Holder(*running, self._monotonic() - running[1]),)
        waiting = max(0, len(self._queued) - len(holders))
        idle = 0 if holders or self._database is None else 1
        return PoolFigures(f"database, {self._lane}", "reader", len(holders), idle, 0, waiting, 1, 0, holders)

    def take_times(self) -> tuple[float, ...]:
        """How long the newest queries took, in ms, without their wait; those told before are left out."""
        return tuple(self._times.popleft() for _ in range(len(self._times)))

    def _run(self, job: Job[T], unwanted: list[bool]) -> T:
        began = self._monotonic()
        self._running = (job_name(job), began)
        try:
            return self._read(job, unwanted)
        finally:
            self._running = None
            self._times.append((self._monotonic() - began) * 1000)

    def _read(self, job: Job[T], unwanted: list[bool]) -> T:
        while True:
            try:
                with self._lock:
                    if self._database is None:
                        self._database = self._connect()
                    self._database.connection().set_progress_handler(lambda: unwanted[0] or self._holding, _LOOK_EVERY)
                    return job(self._database)
            except Exception as error:
                # A statement that its frames still hold would keep the file open beyond the connection's end.
                clear_frames(error.__traceback__)
                if not self._holding or unwanted[0]:
                    raise

    @contextmanager
    def held(self) -> Iterator[None]:
        """For another thread: keep this one from reading while the file is changed under it. What it reads is broken off and
        begun again afterwards, on a new connection."""
        self._holding = True
        with self._lock:
            self._holding = False
            self._disconnect()
            self._database = None
            yield

    def close(self) -> None:
        """End the thread when it has done what is queued. Blocks."""
        self._executor.submit(self._disconnect)
        self._executor.shutdown(wait=True)

    def _disconnect(self) -> None:
        if self._database is not None:
            self._database.close()
