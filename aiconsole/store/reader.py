"""A thread that reads, with a connection of its own that cannot write. There are three, so that none waits for another's
work: conversations, graphs, and tables, whose counts and searches may take a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from aiconsole.store.writer import Job, closed

if TYPE_CHECKING:
    from aiconsole.store.database import Database

T = TypeVar("T")
Lane = Literal["conversations", "graphs", "tables"]
_LOOK_EVERY: Final = 20_000
"""Steps of SQLite's machine between two looks whether the result is still wanted; some 0.2 ms."""


class Reader:
    """One such thread. Unless it is given one, the connection is opened by the first job.

    Args:
        lane: what it reads.
        connect: opens the connection, in the thread.
        executor: a thread to use instead of one of its own.
        database: a connection to use instead of one of its own; closed with it.
    """

    def __init__(
        self,
        lane: Lane,
        connect: Callable[[], Database],
        executor: ThreadPoolExecutor | None = None,
        database: Database | None = None,
    ) -> None:
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
        try:
            return await asyncio.wrap_future(reading)
        except asyncio.CancelledError:
            unwanted[0] = True
            raise

    def _run(self, job: Job[T], unwanted: list[bool]) -> T:
        if self._database is None:
            self._database = self._connect()
        self._database.connection().set_progress_handler(lambda: unwanted[0], _LOOK_EVERY)
        return job(self._database)

    def close(self) -> None:
        """End the thread when it has done what is queued. Blocks."""
        self._executor.submit(self._disconnect)
        self._executor.shutdown(wait=True)

    def _disconnect(self) -> None:
        if self._database is not None:
            self._database.close()
