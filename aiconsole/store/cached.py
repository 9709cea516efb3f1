"""Look-ups in the response cache, summed like requests. Runs in the writer's thread.

A look-up is repeated where the same entry was looked up or stored before, as far as the newest 50,000 entries tell: only of
those could the cache have had the answer.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from aiconsole.domain.events import CacheStep
from aiconsole.store.rollups import FINEST, TIERS

_REMEMBERED: Final = 50_000
_ADD: Final = (
    "INSERT INTO cache_rollup (tier, simulated, start, hits, misses, repeated) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET hits = hits + excluded.hits, misses = misses + excluded.misses, "
    "repeated = repeated + excluded.repeated"
)


class CacheSums:
    """Counts look-ups and writes their sums."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[str, bool], None] | None = None
        self._fresh: dict[tuple[int, bool], list[int]] = {}

    def add(self, step: CacheStep, entry: str, at_s: int, simulated: bool) -> bool:
        """Take one event into account; whether it is a repeated look-up."""
        if self._known is None:
            self._known = self._read()
        looked_up = step in ("hit", "miss")
        repeated = looked_up and (step == "hit" or (entry, simulated) in self._known)
        if looked_up or step == "store":
            self._known.pop((entry, simulated), None)
            self._known[entry, simulated] = None
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
        if looked_up:
            sums = self._fresh.setdefault((at_s - at_s % FINEST, simulated), [0, 0, 0])
            sums[0] += step == "hit"
            sums[1] += step == "miss"
            sums[2] += repeated
        return repeated

    def _read(self) -> dict[tuple[str, bool], None]:
        rows = self._connection.execute(
            "SELECT entry, simulated FROM (SELECT id, entry, simulated FROM cache_events WHERE step IN ('miss', 'store') "
            "ORDER BY id DESC LIMIT ?) ORDER BY id",
            (_REMEMBERED,),
        )
        return {(entry, bool(simulated)): None for entry, simulated in rows}

    def write(self) -> None:
        """Add what was counted since the last time to every tier."""
        for (start, simulated), sums in self._fresh.items():
            for tier in TIERS:
                self._connection.execute(_ADD, (tier, simulated, start - start % tier, *sums))
        self._fresh.clear()
