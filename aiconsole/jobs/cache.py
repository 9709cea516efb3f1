"""Job 3, cache optimisation and clean-up: removes answers past their time, makes room where memory is short, says how well the
cache does and which setting stands in its way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from aiconsole.jobs.job import Job, Outcome, Run

SHORT_OF_MEMORY: Final = 0.10
"""The share of the machine's memory that must be available; below it the cache lets go of half of what it holds there."""

MANY: Final = 200
"""Look-ups or evictions from which on something can be said of them."""


class Stats(Protocol):
    """The cache in figures; see `aiconsole.cache.entry.CacheStats`."""

    @property
    def hits(self) -> int: ...
    @property
    def misses(self) -> int: ...
    @property
    def evictions(self) -> int: ...
    @property
    def entries(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...
    @property
    def file_bytes(self) -> int: ...
    @property
    def saved_usd_ever(self) -> float: ...
    @property
    def where(self) -> str: ...


class Cache(Protocol):
    """The response cache."""

    async def tidy(self) -> int: ...
    def shrink(self, share: float = 0.5) -> int: ...
    async def stats(self) -> Stats: ...


class CacheCare:
    """Looks after the response cache.

    Args:
        available: the share of the machine's memory that is available, 0 to 1.
    """

    def __init__(self, cache: Cache, available: Callable[[], Awaitable[float]]) -> None:
        self._cache = cache
        self._available = available

    def job(self) -> Job:
        return Job(
            "cache",
            "Cache clean-up",
            "Removes cached answers past their time, makes room where memory is short, and says how well the cache does.",
            "every 1h",
            self.work,
            timeout_s=120,
            first_in_s=300,
        )

    async def work(self, run: Run) -> Outcome:
        """Tidy and tell."""
        gone = await self._cache.tidy()
        run.say(f"{gone} answers past their time removed")
        available = await self._available()
        if available < SHORT_OF_MEMORY:
            run.say(f"{self._cache.shrink() / 1e6:.1f} MB of memory given back: only {available:.0%} of it is left")
        stats = await self._cache.stats()
        asked = stats.hits + stats.misses
        hits = f"{stats.hits / asked:.0%} of {asked} look-ups answered" if asked else "no look-ups yet"
        run.say(
            f"{stats.entries} answers, {stats.memory_bytes / 1e6:.1f} MB in memory, {stats.file_bytes / 1e6:.1f} MB in the "
            f"file; {hits}; ${stats.saved_usd_ever:.2f} saved so far"
        )
        for line in advice(stats):
            run.say(line)
        return Outcome(f"{gone} removed, {stats.entries} kept; {hits}.")


def advice(stats: Stats) -> list[str]:
    """Which setting stands in the cache's way, as sentences."""
    told = []
    if stats.evictions >= MANY and stats.evictions > stats.hits:
        setting = "cache.memory_mb" if stats.where == "memory" else "cache.file_mb"
        told.append(
            f"More answers are thrown out for want of room ({stats.evictions}) than given again: raise {setting}."
        )
    if stats.hits + stats.misses >= MANY and stats.hits < 0.02 * stats.misses:
        told.append("Hardly any question is asked twice: the cache costs little and saves little here.")
    return told
