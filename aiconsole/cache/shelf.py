"""Where the answers are: some in memory, all of them in the file where there is one, and an index that knows them all.

The index makes a miss free of any disk. Memory and file are each bounded in bytes and evict by S3-FIFO; what the file evicts is
gone. Pinned entries are outside of that, are good at any age, and may take half of the room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

from aiconsole.cache.entry import Entry, Meta, pack, unpack
from aiconsole.cache.eviction import S3Fifo
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.events import CacheStep

if TYPE_CHECKING:
    from aiconsole.cache.file import CacheFile

_OVERHEAD: Final = 1000
"""Bytes that an entry takes in memory besides its text, roughly."""

TURN: Final = 500
"""Entries that one turn of the event loop may handle."""

_SWEPT: Final = 8
_TOUCHED: Final = 256


class Tell(Protocol):
    """Called with each step an entry takes."""

    def __call__(self, step: CacheStep, meta: Meta, *, reason: str = "") -> None: ...


class Shelf:
    """See the module. For one event loop.

    Args:
        memory_limit: bytes of content in memory.
        file_limit: bytes of content in the file.
        tell: told of evictions, expiries and invalidations.
        writable: says of content, as bytes, whether it may be written to the file; what may not is in memory only.
    """

    def __init__(
        self, memory_limit: int, file_limit: int, clock: Clock, tell: Tell, writable: Callable[[bytes], bool]
    ) -> None:
        self.metas: dict[bytes, Meta] = {}
        self.file: CacheFile | None = None
        self.on_removed: Callable[[bytes], None] = lambda key: None
        self._memory: dict[bytes, Entry] = {}
        self._memory_limit = memory_limit
        self._file_limit = file_limit
        self._in_memory = S3Fifo(memory_limit)
        self._in_file = S3Fifo(file_limit)
        self._pinned = 0
        self._pins: set[bytes] = set()
        self._clock = clock
        self._tell = tell
        self._writable = writable
        self._touched: set[bytes] = set()

    @property
    def memory_bytes(self) -> int:
        """Bytes of content in memory."""
        return self._in_memory.used + (self._pinned if self.file is None else 0)

    @property
    def file_bytes(self) -> int:
        """Bytes of content in the file."""
        return self._in_file.used + self._pinned if self.file is not None else 0

    @property
    def limits(self) -> tuple[int, int]:
        """Bytes that memory and file may hold."""
        return self._memory_limit, self._file_limit if self.file is not None else 0

    async def attach(self, file: CacheFile) -> None:
        """Take up a file and what is in it, a little in each turn of the loop; what was in memory is forgotten."""
        self._forget()
        self.file = file
        for number, (meta, _) in enumerate(file.found, 1):
            self.metas[meta.key] = meta
            if meta.pinned:
                self._pins.add(meta.key)
                self._pinned += meta.size
            else:
                self._evicted(self._in_file.add(meta.key, meta.size))
                if meta.hits and meta.key in self._in_file:
                    self._in_file.hit(meta.key)
            if number % TURN == 0:
                await asyncio.sleep(0)
        self._fit()

    async def detach(self) -> None:
        """Write down what was used and close the file; nothing is left in memory either."""
        file, self.file = self.file, None
        if file is not None:
            file.touch(self.metas[key] for key in self._touched if key in self.metas)
            await file.close()
        self._forget()

    def set_limits(self, memory_limit: int, file_limit: int) -> None:
        """Change how many bytes memory and file may hold."""
        self._memory_limit, self._file_limit = memory_limit, file_limit
        self._dropped(self._in_memory.resize(memory_limit))
        self._fit()

    def recent(self, key: bytes) -> Entry | None:
        """The content that is in memory."""
        entry = self._memory.get(key)
        if entry is not None and key in self._in_memory:
            self._in_memory.hit(key)
        return entry

    async def fetch(self, meta: Meta) -> Entry | None:
        """The content from the file; where it cannot be had any more the entry is dropped."""
        file = self.file
        if file is None:
            return None
        quick = file.quick(meta.size, self._clock)
        body = file.read(meta.key, self._clock) if quick else await file.read_later(meta.key)
        entry = None if body is None else unpack(body)
        if self.metas.get(meta.key) is not meta:  # removed, or replaced, while it was read
            return entry
        if entry is None:
            self.remove((meta.key,), "invalidate", "its content is lost")
            return None
        if meta.key in self._in_file:
            self._in_file.hit(meta.key)
        self._remember(meta, entry)
        return entry

    def used(self, meta: Meta, now: float) -> None:
        """An entry was given as an answer."""
        meta.hits += 1
        meta.used_at = now
        if self.file is not None:
            self._touched.add(meta.key)
            if len(self._touched) >= _TOUCHED:
                self.file.touch(self.metas[key] for key in self._touched if key in self.metas)
                self._touched.clear()

    def put(self, meta: Meta, entry: Entry, vector: bytes | None = None) -> bool:
        """Keep an entry, in place of the one of the same key; False where it cannot be kept. Sets its size."""
        try:
            body = pack(entry)
        except (TypeError, ValueError, RecursionError):
            return False
        meta.size = len(body)
        earlier = self.metas.pop(meta.key, None)
        if earlier is not None and earlier.pinned:
            self._pinned += meta.size - earlier.size
            meta.pinned = True
        self.metas[meta.key] = meta
        if self.file is not None and self._into_file(self.file, meta, body, vector):
            meta.place = "file"
        else:
            meta.place = "memory"
        self._remember(meta, entry)
        self._sweep()
        return meta.key in self.metas

    def remove(self, keys: Iterable[bytes], step: CacheStep, reason: str) -> int:
        """Remove entries; returns how many there were."""
        gone = 0
        for key in tuple(keys):
            meta = self.metas.pop(key, None)
            if meta is None:
                continue
            gone += 1
            if meta.pinned:
                self._pinned -= meta.size
                self._pins.discard(key)
            self._memory.pop(key, None)
            self._in_memory.discard(key)
            self._in_file.discard(key)
            if self.file is not None:
                self.file.drop((key,))
            self.on_removed(key)
            self._tell(step, meta, reason=reason)
        return gone

    def pin(self, meta: Meta, on: bool) -> None:
        """Keep an entry for good, or no longer.

        Raises:
            ConfigError: too much is pinned.
        """
        if meta.pinned == on:
            return
        if on and self._pinned + meta.size > self._room() / 2:
            raise ConfigError(
                "Pinned answers may take half of the cache, and that is used up.",
                advice="Unpin others first, or give the cache more room in the settings.",
            )
        meta.pinned = on
        self._pinned += meta.size if on else -meta.size
        (self._pins.add if on else self._pins.discard)(meta.key)
        order = self._in_memory if self.file is None else self._in_file
        if on:
            order.discard(meta.key)
        self._fit()
        if not on:
            self._evicted(order.add(meta.key, meta.size + (_OVERHEAD if self.file is None else 0)))
        if self.file is not None:
            self.file.touch((meta,))

    def shrink(self, share: float) -> int:
        """Let go of content in memory, down to ``share`` of what it holds; returns bytes. What is in the file stays."""
        before = self._in_memory.used
        limit = self._in_memory.capacity
        self._dropped(self._in_memory.resize(int(before * share)))
        self._dropped(self._in_memory.resize(limit))
        return before - self._in_memory.used

    async def clear(self) -> int:
        """Forget everything in memory and index; the file is cleared by itself. Returns how many entries there were."""
        gone = tuple(self.metas.values())
        self._forget()
        for number, meta in enumerate(gone, 1):
            self.on_removed(meta.key)
            self._tell("invalidate", meta, reason="the cache was cleared")
            if number % TURN == 0:
                await asyncio.sleep(0)
        return len(gone)

    async def remove_all(self, fits: Callable[[Meta], bool], step: CacheStep, reason: str) -> int:
        """Remove the entries that fit, a little in each turn of the loop; returns how many there were."""
        gone = 0
        metas = tuple(self.metas.values())
        for start in range(0, len(metas), TURN):
            gone += self.remove([meta.key for meta in metas[start : start + TURN] if fits(meta)], step, reason)
            await asyncio.sleep(0)
        return gone

    @property
    def pins(self) -> int:
        """How many entries are pinned."""
        return len(self._pins)

    def _forget(self) -> None:
        self.metas.clear()
        self._memory.clear()
        self._in_memory.clear()
        self._in_file.clear()
        self._touched.clear()
        self._pins.clear()
        self._pinned = 0
        self._in_memory.capacity, self._in_file.capacity = self._memory_limit, self._file_limit

    def _room(self) -> int:
        return self._memory_limit if self.file is None else self._file_limit

    def _fit(self) -> None:
        """Give pinned entries their room and what is left of it to the others."""
        order = self._in_memory if self.file is None else self._in_file
        self._evicted(order.resize(max(0, self._room() - self._pinned)))

    def _into_file(self, file: CacheFile, meta: Meta, body: bytes, vector: bytes | None) -> bool:
        gone = [] if meta.pinned else self._in_file.add(meta.key, meta.size)
        allowed = self._writable(body)
        refused = meta.key in gone
        self._evicted(key for key in gone if key != meta.key)
        if refused or not allowed or not file.put(meta, body, vector):
            self._in_file.discard(meta.key)
            file.drop((meta.key,))
            return False
        return True

    def _remember(self, meta: Meta, entry: Entry) -> None:
        if meta.pinned and self.file is None:
            self._memory[meta.key] = entry
            return
        gone = self._in_memory.add(meta.key, meta.size + _OVERHEAD)
        self._memory[meta.key] = entry
        self._dropped(gone)

    def _dropped(self, keys: Iterable[bytes]) -> None:
        """These went out of memory; they are gone where they are nowhere else."""
        for key in keys:
            self._memory.pop(key, None)
            meta = self.metas.get(key)
            if meta is not None and meta.place == "memory":
                self._evicted((key,))

    def _evicted(self, keys: Iterable[bytes]) -> None:
        self.remove(keys, "evict", "there was no room")

    def _sweep(self) -> None:
        """Remove the oldest where they are past any use; a few a time, as each store does this."""
        now = self._clock.now()
        old = [key for key, meta in islice(self.metas.items(), _SWEPT) if meta.until < now and not meta.pinned]
        if old:
            self.remove(old, "expire", "past its time")
