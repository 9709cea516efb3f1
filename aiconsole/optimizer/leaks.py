"""Who holds a connection or a thread of the database for too long, by name."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from aiconsole.domain.clock import Clock
from aiconsole.domain.events import Event, LeakSeen
from aiconsole.domain.pools import PoolFigures, PoolKind

KEPT: Final = 50


class LeakWatch:
    """Looks at pools; tells of each holder once, when it is over the limit of its kind of pool.

    Args:
        publish: takes `LeakSeen`.
        limit_s: gives how long something of a kind of pool may be held, in s.

    Attributes:
        seen: what was told, the newest last.
    """

    def __init__(self, clock: Clock, publish: Callable[[Event], object], limit_s: Callable[[PoolKind], float]) -> None:
        self._clock, self._publish, self._limit_s = clock, publish, limit_s
        self._told: set[tuple[str, str, float]] = set()
        self.seen: deque[LeakSeen] = deque(maxlen=KEPT)

    def look(self, pools: Iterable[PoolFigures]) -> None:
        """Look at them once."""
        held: set[tuple[str, str, float]] = set()
        for pool in pools:
            limit_s = self._limit_s(pool.kind)
            for holder in pool.holders:
                if holder.held_s <= limit_s:
                    continue
                which = (pool.name, holder.name, holder.since)
                held.add(which)
                if which not in self._told:
                    leak = LeakSeen(pool.name, holder.name, holder.held_s, self._clock.now(), holder.where)
                    self.seen.append(leak)
                    self._publish(leak)
        self._told = held
