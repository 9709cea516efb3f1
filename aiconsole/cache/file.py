"""The cache's own SQLite file: one process, one writing thread, content that is gone when it is removed.

Content is read in the event loop's thread, as a look-up by key from the system's cache takes some 10 microseconds and a trip
to a thread several times that; what is large, and everything for a while after two slow reads in a row (longer each time
that is followed by another slow one), goes through the thread.
Writes are gathered for a moment and share a commit: what a crash loses of a cache is fetched again.

Removed content is overwritten (``secure_delete``), the journal is emptied with it, and clearing rewrites the whole file. Who
answered, for which route, tags, sizes and times stand in the clear also where the content is encrypted.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack

from aiconsole.cache.entry import Meta
from aiconsole.cache.opening import NOTE, connect, is_damage, plain_connection, set_aside, trouble
from aiconsole.cache.sealing import Seal
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import StoreError
from aiconsole.store.lockfile import FileLock

_COLUMNS: Final = "key, provider, model, route, size, stored_at, until, usd, ms, tags, hits, used_at, pinned"
_PUT: Final = f"INSERT OR REPLACE INTO entry ({_COLUMNS}, vector, body) VALUES ({', '.join('?' * 15)})"  # noqa: S608
_GET: Final = "SELECT body FROM entry WHERE key = ?"
_TOUCH: Final = "UPDATE entry SET hits = ?, used_at = ?, pinned = ? WHERE key = ?"
_CHECK: Final = b"response cache"
_GATHER_S: Final = 0.05
_BATCH: Final = 50
_LARGE: Final = 64 * 1024
_SLOW_S: Final = 0.004
_SLOW_FOR_S: Final = (1.0, 60.0)
_UNWRITTEN: Final = 32 * 1024 * 1024
_log = logging.getLogger(__name__)

Step = tuple[str, Sequence[Any]]
Given = TypeVarTuple("Given")
Done = TypeVar("Done")


class CacheFile:
    """One open file. Made by `open`, in a thread; all else is for the event loop.

    Attributes:
        found: what was in the file: each entry's description, and its vector where it has one.
        notice: what happened to an earlier file, "" where nothing did.
        totals: sums kept over all runs, by name.
    """

    def __init__(self, path: Path, lock: FileLock, connection: sqlite3.Connection, seal: Seal | None) -> None:
        self.found: list[tuple[Meta, bytes | None]] = []
        self.notice = ""
        self.totals: dict[str, float] = {}
        self._path = path
        self._lock = lock
        self._writing = connection
        self._reading = connection
        self._seal = seal
        self._steps: list[Step] = []
        self._unwritten: dict[bytes, bytes] = {}
        self._unwritten_size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._slow_until = -inf
        self._slow_for_s = _SLOW_FOR_S[0]
        self._slow_reads = 0
        self._broken = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="aiconsole-cache")

    @classmethod
    def open(cls, path: Path, now: float, seal: Seal | None) -> CacheFile:
        """Open the file or make it; one that is damaged, of another program or of a newer console is set aside. What was
        written under another key, or none where one is given now, is removed. Blocks.

        Raises:
            ConfigError: another console has it open.
            OSError, sqlite3.Error: the disk or the folder does not let us.
        """
        lock = FileLock(path.with_name(path.name + ".lock"))
        try:
            why = trouble(path, whole=lock.doubtful)
            notice = set_aside(path, why, now) if why else ""
            try:
                file = cls._loaded(path, lock, now, seal)
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                notice = set_aside(path, "damaged", now)
                file = cls._loaded(path, lock, now, seal)
            file.notice = notice
            lock.mark()
        except BaseException:
            lock.release()
            raise
        return file

    @classmethod
    def _loaded(cls, path: Path, lock: FileLock, now: float, seal: Seal | None) -> CacheFile:
        connection = connect(path)
        try:
            file = cls(path, lock, connection, seal)
            file._load(now)
        except BaseException:
            connection.close()
            raise
        return file

    def quick(self, size: int, clock: Clock) -> bool:
        """Whether content of ``size`` bytes may be read in the event loop's thread."""
        return size <= _LARGE and clock.monotonic() >= self._slow_until

    def read(self, key: bytes, clock: Clock) -> bytes | None:
        """The content of an entry, at once; None where it cannot be had."""
        waiting = self._unwritten.get(key)
        if waiting is not None:
            return waiting
        began = clock.monotonic()
        body = self._body(self._reading, key)
        ended = clock.monotonic()
        if ended - began <= _SLOW_S:
            self._slow_reads, self._slow_for_s = 0, _SLOW_FOR_S[0]
            return body
        self._slow_reads += 1
        if self._slow_reads > 1:
            self._slow_until = ended + self._slow_for_s
            self._slow_for_s = min(2 * self._slow_for_s, _SLOW_FOR_S[1])
        return body

    async def read_later(self, key: bytes) -> bytes | None:
        """As `read`, in the thread."""
        waiting = self._unwritten.get(key)
        if waiting is not None:
            return waiting
        return await self._in_thread(self._body, self._writing, key)

    def put(self, meta: Meta, body: bytes, vector: bytes | None) -> bool:
        """Write an entry soon; False where too much waits to be written already."""
        if self._broken or self._unwritten_size + len(body) > _UNWRITTEN:
            return False
        self._forget_unwritten(meta.key)
        self._unwritten[meta.key] = body
        self._unwritten_size += len(body)
        sealed = body if self._seal is None else self._seal.seal(body, meta.key)
        if vector is not None and self._seal is not None:
            vector = self._seal.seal(vector, meta.key)
        known = (
            meta.key,
            meta.provider,
            meta.model,
            meta.route,
            meta.size,
            meta.stored_at,
            meta.until,
            meta.usd,
            meta.ms,
        )
        used = ("\n".join(meta.tags), meta.hits, meta.used_at, meta.pinned)
        self._post((_PUT, (*known, *used, vector, sealed)))
        return True

    def drop(self, keys: Iterable[bytes]) -> None:
        """Remove entries soon."""
        for key in keys:
            self._forget_unwritten(key)
            self._post(("DELETE FROM entry WHERE key = ?", (key,)))

    def touch(self, metas: Iterable[Meta]) -> None:
        """Write soon how often entries were asked for, and whether they are pinned."""
        for meta in metas:
            self._post((_TOUCH, (meta.hits, meta.used_at, meta.pinned, meta.key)))

    def note(self, name: str, value: float) -> None:
        """Write a total soon."""
        self._post((NOTE, (name, value)))

    async def settle(self, *, scrub: bool = False) -> None:
        """Wait until all is written; with ``scrub`` also until nothing removed is left in the journal."""
        self._flush()
        await self._in_thread(self._empty_journal if scrub else _nothing)

    async def clear(self, *, aside: bool = True) -> None:
        """Remove every entry and rewrite the file, so that nothing of the content is left in it; ``aside``: also the damaged
        files of the cache that were set aside.

        Raises:
            StoreError: it could not be done.
        """
        self._unwritten.clear()
        self._unwritten_size = 0
        self._steps.clear()
        try:
            await self._in_thread(self._erase, aside)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"The response cache's file could not be cleared: {error}.",
                advice=f"Close the console and delete {self._path.name} and what has its name with an ending.",
            ) from error

    async def close(self) -> None:
        """Write what is left and close the file."""
        self._flush()
        await self._in_thread(self._disconnect)
        self._thread.shutdown(wait=False)

    def _in_thread(self, work: Callable[[Unpack[Given]], Done], *given: *Given) -> asyncio.Future[Done]:
        """Work in the thread, after all that was handed to it before."""
        return asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    def _post(self, step: Step) -> None:
        self._steps.append(step)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_GATHER_S, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._steps:
            return
        steps, self._steps = self._steps, []
        keys = {params[0]: body for sql, params in steps if sql is _PUT and (body := self._unwritten.get(params[0]))}
        writing = self._thread.submit(self._write, steps)
        loop = asyncio.get_running_loop()

        def tell(_: Future[None]) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._written, keys)

        writing.add_done_callback(tell)

    def _written(self, keys: dict[bytes, bytes]) -> None:
        for key, body in keys.items():
            if self._unwritten.get(key) is body:
                self._forget_unwritten(key)

    def _forget_unwritten(self, key: bytes) -> None:
        body = self._unwritten.pop(key, None)
        if body is not None:
            self._unwritten_size -= len(body)

    # In the thread

    def _body(self, connection: sqlite3.Connection, key: bytes) -> bytes | None:
        try:
            row = connection.execute(_GET, (key,)).fetchone()
        except sqlite3.Error as error:
            self._failed(error)
            return None
        if row is None:
            return None
        body: bytes = row[0]
        return body if self._seal is None else self._seal.open(body, key)

    def _write(self, steps: list[Step]) -> None:
        for start in range(0, len(steps), _BATCH):
            try:
                self._writing.execute("BEGIN IMMEDIATE")
                for sql, params in steps[start : start + _BATCH]:
                    self._writing.execute(sql, params)
                self._writing.execute("COMMIT")
            except sqlite3.Error as error:
                self._failed(error)
                with suppress(sqlite3.Error):
                    if self._writing.in_transaction:
                        self._writing.execute("ROLLBACK")

    def _failed(self, error: sqlite3.Error) -> None:
        if is_damage(error) and not self._broken:
            self._broken = True
            self._lock.mark(doubtful=True)
        _log.warning("the cache's file could not be used: %s", error)

    def _empty_journal(self) -> None:
        with suppress(sqlite3.Error):
            self._writing.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _erase(self, aside: bool) -> None:
        self._writing.execute("DELETE FROM entry")
        self._writing.execute("VACUUM")
        self._empty_journal()
        if aside:
            for left in self._path.parent.glob(f"{self._path.stem}.damaged-*"):
                left.unlink(missing_ok=True)

    def _load(self, now: float) -> None:
        check = self._writing.execute("SELECT value FROM about WHERE name = 'seal'").fetchone()
        sealed: bytes = b"" if check is None else check[0]
        fits = sealed == b"" if self._seal is None else self._seal.open(sealed, _CHECK) == _CHECK
        if not fits:
            self._erase(aside=True)
            self._writing.execute(NOTE, ("seal", b"" if self._seal is None else self._seal.seal(_CHECK, _CHECK)))
        self._writing.execute("DELETE FROM entry WHERE until < ? AND NOT pinned", (now,))
        rows = self._writing.execute(f"SELECT {_COLUMNS}, vector FROM entry ORDER BY used_at")  # noqa: S608
        self.found = [self._read_row(*row) for row in rows]
        self.totals = dict(self._writing.execute("SELECT name, value FROM about WHERE name <> 'seal'").fetchall())
        self._reading = plain_connection(self._path)
        self._reading.execute("PRAGMA query_only = 1")
        self._reading.execute("PRAGMA busy_timeout = 0")

    def _read_row(self, *row: Any) -> tuple[Meta, bytes | None]:
        *known, tags, hits, used_at, pinned, vector = row
        meta = Meta(*known, tuple(tags.split("\n")) if tags else (), hits, used_at, bool(pinned), "file")  # type: ignore[call-arg]
        if vector is not None and self._seal is not None:
            vector = self._seal.open(vector, meta.key)
        return meta, vector

    def _disconnect(self) -> None:
        try:
            self._reading.close()
            self._writing.close()
        finally:
            self._lock.release()


def _nothing() -> None:
    """Work that only shows that what was handed over before is done."""
