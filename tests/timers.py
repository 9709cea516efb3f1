"""Timers that fire only when a test lets time pass."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from tests.clocks import FakeClock


class FakeTimers:
    """``Timers`` on a `FakeClock`: ``advance`` lets time pass and fires, in order, each at its own moment, what falls due."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.fired = 0
        self._queue: list[tuple[float, int, Callable[[], object]]] = []
        self._cancelled: set[int] = set()
        self._numbers = count()

    def later(self, seconds: float, call: Callable[[], object]) -> Callable[[], None]:
        number = next(self._numbers)
        heapq.heappush(self._queue, (self.clock.monotonic() + seconds, number, call))
        return lambda: self._cancelled.add(number)

    @property
    def waiting(self) -> int:
        """Timers that would still fire."""
        return sum(number not in self._cancelled for _, number, _ in self._queue)

    def advance(self, seconds: float = 0.0) -> None:
        """Let time pass; 0 fires only what is due now."""
        end = self.clock.monotonic() + seconds
        while self._queue and self._queue[0][0] <= end:
            due, number, call = heapq.heappop(self._queue)
            self.clock.advance(max(0.0, due - self.clock.monotonic()))
            if number in self._cancelled:
                self._cancelled.discard(number)
            else:
                self.fired += 1
                call()
        self.clock.advance(max(0.0, end - self.clock.monotonic()))
