"""Memory against a budget. When too much is in use caches shrink at once, and at a quiet moment memory is collected and given
back to the system; what that brought is told as `MemoryRelieved`.

Every ten minutes, at a quiet moment too, what is free between blocks in use is given back: without that resident memory grew by
some 0.4 MB for 3,000 requests although what was in use did not (tests/benchmarks/soak2h.py).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.events import Event, MemoryRelieved
from aiconsole.optimizer.collection import Collector
from aiconsole.optimizer.footprint import Feet

HIGH: Final = 0.8
"""The share of the budget from which on memory is given back."""
SHRINK_TO: Final = 0.5
LONGEST_WAIT_S: Final = 30.0
"""So long a collection waits for a quiet moment."""
REST_S: Final = 120.0
"""Nothing is done again so soon: what did not help does not help a second later."""
TIDY_S: Final = 600.0
_MB: Final = 1e6
_KEPT: Final = 20


class CacheSize(msgspec.Struct, frozen=True):
    """A cache by name with its size in bytes, and whether it can shrink."""

    name: str
    size: int
    shrinks: bool


class _Cache(NamedTuple):
    name: str
    size: Callable[[], int]
    shrink: Callable[[float], int] | None


class _Relief(NamedTuple):
    reason: str
    since: float
    before_mb: float
    caches_mb: dict[str, float]


class Memory:
    """See the module. For one event loop.

    Args:
        publish: takes `MemoryRelieved`.
        budget_mb: gives the budget.

    Attributes:
        relieved: what was given back, the newest last.
    """

    def __init__(
        self,
        clock: Clock,
        publish: Callable[[Event], object],
        budget_mb: Callable[[], float],
        collector: Collector,
    ) -> None:
        self._clock, self._publish, self._budget_mb, self._collector = clock, publish, budget_mb, collector
        self._caches: list[_Cache] = []
        self._relief: _Relief | None = None
        self._rest_until = 0.0
        self._tidy_at = clock.monotonic() + TIDY_S
        self._finishing: asyncio.Task[None] | None = None
        self.relieved: deque[MemoryRelieved] = deque(maxlen=_KEPT)

    def add(self, name: str, size: Callable[[], int], shrink: Callable[[float], int] | None = None) -> None:
        """Watch a cache: ``size`` gives its bytes, ``shrink`` lets go down to a share (0 to 1) of it and gives the bytes let
        go. Those added first shrink first."""
        self._caches.append(_Cache(name, size, shrink))

    def caches(self) -> tuple[CacheSize, ...]:
        """Every cache by name."""
        return tuple(CacheSize(cache.name, cache.size(), cache.shrink is not None) for cache in self._caches)

    def look(self, feet: Feet, rss_mb: float, *, busy: bool) -> None:
        """To be called about once a second with the resident memory."""
        now = self._clock.monotonic()
        if self._relief is None and now >= self._rest_until and rss_mb > HIGH * self._budget_mb():
            self.relieve(f"{rss_mb:.0f} MB of {self._budget_mb():.0f} MB are in use", rss_mb)
        relief = self._relief
        if relief is not None and self._finishing is None and (not busy or now - relief.since > LONGEST_WAIT_S):
            self._finishing = asyncio.ensure_future(self._finish(feet, relief))
        elif relief is None and self._finishing is None and not busy and now >= self._tidy_at:
            self._finishing = asyncio.ensure_future(self._tidy(feet))

    def relieve(self, reason: str, rss_mb: float) -> None:
        """Shrink the caches now and have memory collected at the next quiet moment. Under way already, does nothing."""
        if self._relief is None:
            gone = {cache.name: cache.shrink(SHRINK_TO) / _MB for cache in self._caches if cache.shrink is not None}
            self._relief = _Relief(reason, self._clock.monotonic(), rss_mb, gone)

    async def aclose(self) -> None:
        """Let what is under way come to its end."""
        if self._finishing is not None:
            await asyncio.gather(self._finishing, return_exceptions=True)

    async def _tidy(self, feet: Feet) -> None:
        try:
            await asyncio.to_thread(feet.trim)
        finally:
            self._tidy_at = self._clock.monotonic() + TIDY_S
            self._finishing = None

    async def _finish(self, feet: Feet, relief: _Relief) -> None:
        try:
            collected = self._collector.collect()
            await asyncio.to_thread(feet.trim)
            told = MemoryRelieved(
                relief.reason,
                self._clock.now(),
                relief.before_mb,
                feet.rss_mb(),
                relief.caches_mb,
                collected.freed,
                collected.took_ms,
            )
            self.relieved.append(told)
            self._publish(told)
        finally:
            self._rest_until = self._clock.monotonic() + REST_S
            self._relief = self._finishing = None
