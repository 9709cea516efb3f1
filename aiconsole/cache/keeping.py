"""What a person can do with the cache: see what is in it, remove, pin, clear; and when its file is opened."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from aiconsole.cache.accounts import Accounts
from aiconsole.cache.entry import CacheStats, EntryInfo, Meta
from aiconsole.cache.meaning import Embedder, Meaning
from aiconsole.cache.shelf import TURN, Shelf
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConfigError, ConsoleError, StoreError
from aiconsole.domain.events import Event, Notice

if TYPE_CHECKING:
    from aiconsole.cache.file import CacheFile

OpenFile = Callable[[], Awaitable["CacheFile | None"]]
Sort = Literal["size", "hits", "age", "saved"]

_ORDER: Final[dict[Sort, Callable[[Meta], float]]] = {
    "size": lambda meta: -meta.size,
    "hits": lambda meta: -meta.hits,
    "age": lambda meta: meta.stored_at,
    "saved": lambda meta: -meta.hits * meta.ms,
}
_SHORTEST: Final = 8
_log = logging.getLogger(__name__)


class CacheLimits(msgspec.Struct, frozen=True):
    """Room in bytes, and the share (0 to 1) of the cache's steps that is told as events. ``storage`` names where the file is
    and how it is written; a change of it has the file opened anew."""

    memory: int = 64 * 1024 * 1024
    file: int = 256 * 1024 * 1024
    event_share: float = 1.0
    storage: str = "disk"


class Keeping:
    """See the module.

    Args:
        publish: takes the events; must not raise.
        random: picks which events are told.
        open_file: opens the file when first needed, or gives None for a cache in memory alone; raises `ConsoleError` where
            the file cannot be used, and the cache then is in memory alone.
        meaning: finds like questions.
        writable: says of content, as bytes, whether it may be written to the file (nothing with a key in it may).

    Attributes:
        trouble: why the file cannot be used, None where it can or there is none.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        publish: Callable[[Event], None],
        random: Random,
        open_file: OpenFile,
        meaning: Meaning,
        limits: CacheLimits,
        writable: Callable[[bytes], bool] = lambda body: True,
    ) -> None:
        self._clock = clock
        self._meaning = meaning
        self._limits = limits
        self._open_file = open_file
        self._accounts = Accounts(publish, clock, random, limits.event_share)
        self._shelf = Shelf(limits.memory, limits.file, clock, self._accounts.step, writable)
        self._shelf.on_removed = meaning.discard
        self._ready = False
        self._opening: asyncio.Task[None] | None = None
        self._publish = publish
        self.trouble: ConsoleError | None = None

    def set_limits(self, limits: CacheLimits) -> None:
        """Take up other limits at once, and another storage with the next request."""
        before, self._limits = self._limits, limits
        self._accounts.share = limits.event_share
        self._shelf.set_limits(limits.memory, limits.file)
        if before.storage != limits.storage:
            self._ready = False

    async def open(self) -> None:
        """Open the file, if there is to be one and it is not open yet."""
        while not self._ready:
            if self._opening is None:
                self._opening = asyncio.ensure_future(self._open())
            await asyncio.shield(self._opening)

    async def close_file(self) -> None:
        """Write what is left and close the file; the next request opens it again."""
        if self._opening is not None:
            await asyncio.gather(self._opening, return_exceptions=True)
        self._accounts.write(self._shelf.file)
        await self._shelf.detach()
        self._ready = False

    async def flush(self) -> None:
        """Wait until all that was kept so far is in the file."""
        await self.open()
        if self._shelf.file is not None:
            await self._shelf.file.settle()

    def use_embedder(self, embedder: Embedder | None) -> None:
        """Find like questions by this embedder instead of the one that the settings name."""
        self._meaning.use(embedder)

    def spent(self, usd: float) -> None:
        """Take what the search for like questions cost off what is saved."""
        self._accounts.saved_usd -= usd

    async def stats(self) -> CacheStats:
        """The cache in figures."""
        await self.open()
        shelf, accounts = self._shelf, self._accounts
        memory_limit, file_limit = shelf.limits
        return CacheStats(
            **accounts.counts,
            entries=len(shelf.metas),
            pinned=shelf.pins,
            memory_bytes=shelf.memory_bytes,
            memory_limit=memory_limit,
            file_bytes=shelf.file_bytes,
            file_limit=file_limit,
            saved_usd=accounts.saved_usd,
            saved_ms=accounts.saved_ms,
            saved_usd_ever=accounts.earlier[0] + accounts.saved_usd,
            saved_ms_ever=accounts.earlier[1] + accounts.saved_ms,
            where="memory" if shelf.file is None else self._limits.storage,
        )

    async def entries(self, sort: Sort = "size", *, limit: int | None = 50) -> tuple[EntryInfo, ...]:
        """What is in the cache, without content: the largest, the most asked for, the oldest, or what saved most first."""
        await self.open()
        now = self._clock.now()
        metas = tuple(self._shelf.metas.values())
        if len(metas) <= TURN:
            return _listed(metas, sort, limit, now)
        return await asyncio.to_thread(_listed, metas, sort, limit, now)

    async def invalidate(
        self,
        *,
        key: str | None = None,
        provider: str | None = None,
        model: str | None = None,
        tag: str | None = None,
        older_than_s: float | None = None,
    ) -> int:
        """Remove the entries to which all of what is given applies, also pinned ones; returns how many.

        Args:
            key: in hex, or its first 8 or more digits.
            model: the model's name at its provider, ``provider/model``, or the route or name that was asked for.

        Raises:
            ValueError: nothing is given.
        """
        given = {"key": key, "provider": provider, "model": model, "tag": tag, "older than": older_than_s}
        reason = " and ".join(name for name, value in given.items() if value is not None)
        if not reason:
            raise ValueError("say which entries; clear() removes all")
        await self.open()
        now = self._clock.now()

        def fits(meta: Meta) -> bool:
            return (
                (key is None or (len(key) >= _SHORTEST and meta.key.hex().startswith(key.lower())))
                and (provider is None or meta.provider == provider)
                and (model is None or model in (meta.model, f"{meta.provider}/{meta.model}", meta.route))
                and (tag is None or tag in meta.tags)
                and (older_than_s is None or now - meta.stored_at > older_than_s)
            )

        gone = await self._shelf.remove_all(fits, "invalidate", f"by {reason}")
        if gone and self._shelf.file is not None:
            await self._shelf.file.settle(scrub=True)
        return gone

    async def pin(self, key: str, on: bool = True) -> None:
        """Keep an entry at any age and size of the cache, or no longer. ``key`` as for `invalidate`.

        Raises:
            ConfigError: there is no such entry, or pinned entries take half of the cache already.
        """
        await self.open()
        found = [meta for meta in self._shelf.metas.values() if meta.key.hex().startswith(key.lower())]
        if len(found) != 1 or len(key) < _SHORTEST:
            raise ConfigError(
                f"No single answer in the cache has the key {key}.", advice="See `aiconsole cache list` for the keys."
            )
        self._shelf.pin(found[0], on)

    async def clear(self) -> int:
        """Remove everything, so that nothing of it is left in the file either; returns how many entries there were.

        Raises:
            ConsoleError: the file could not be opened or cleared; what was in memory is gone.
        """
        await self.open()
        count = await self._shelf.clear()
        self._meaning.clear()
        if self._shelf.file is not None:
            await self._shelf.file.clear()
        elif self.trouble is not None:
            raise self.trouble
        return count

    async def tidy(self) -> int:
        """Remove every answer that is past its time, but for pinned ones, from the file too; returns how many."""
        await self.open()
        now = self._clock.now()
        gone = await self._shelf.remove_all(
            lambda meta: meta.until < now and not meta.pinned, "expire", "past its time"
        )
        file = self._shelf.file
        if file is not None:
            self._accounts.write(file)
            await file.settle(scrub=gone > 0)
        return gone

    @property
    def memory_bytes(self) -> int:
        """Bytes of content in memory."""
        return self._shelf.memory_bytes

    @property
    def asked(self) -> tuple[int, int]:
        """Since the start: how many requests got a kept or a shared answer, and how many none."""
        counts = self._accounts.counts
        return counts["hits"] + counts["shared"], counts["misses"]

    def shrink(self, share: float = 0.5) -> int:
        """Let go of content in memory down to a share of it, where memory is short; returns the bytes. Files stay."""
        return self._shelf.shrink(share)

    async def _try_file(self) -> CacheFile | None:
        self.trouble = None
        try:
            file = await self._open_file()
        except Exception as error:
            if not isinstance(error, ConsoleError):
                _log.exception("The response cache's file could not be opened")
                error = StoreError(f"its file could not be opened ({type(error).__name__}).", passing=False)
            self.trouble = error
            self._publish(Notice(f"Answers are cached in memory only: {error.message}", error.advice))
            return None
        if file is not None and file.notice:
            self._publish(Notice(file.notice))
        return file

    async def _open(self) -> None:
        try:
            storage = self._limits.storage
            self._accounts.write(self._shelf.file)
            await self._shelf.detach()
            self._meaning.clear()
            file = await self._try_file()
            if file is not None:
                await self._shelf.attach(file)
                self._accounts.take_up(file.totals)
                for meta, vector in file.found:
                    if vector is not None and meta.key in self._shelf.metas:
                        self._meaning.restore(meta.key, vector)
                file.found.clear()
            self._ready = storage == self._limits.storage
        finally:
            self._opening = None


def _listed(metas: Sequence[Meta], sort: Sort, limit: int | None, now: float) -> tuple[EntryInfo, ...]:
    return tuple(_info(meta, now) for meta in sorted(metas, key=_ORDER[sort])[:limit])


def _info(meta: Meta, now: float) -> EntryInfo:
    return EntryInfo(
        meta.key.hex(),
        meta.provider,
        meta.model,
        meta.route,
        meta.size,
        max(0.0, now - meta.stored_at),
        meta.hits,
        None if meta.usd is None else meta.usd * meta.hits,
        meta.ms * meta.hits,
        meta.tags,
        meta.pinned,
    )
