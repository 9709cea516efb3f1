"""Sliding windows over the outcomes of calls: the last N seconds, or the last N calls.

Both keep running totals, so that adding an outcome and reading the totals cost the same however much is inside.
"""

from __future__ import annotations

from typing import Protocol


class Window(Protocol):
    """``calls``, ``failed`` and ``slow`` count what the window holds as of the last ``add`` or ``advance``.

    Times are monotonic seconds; one that is earlier than the last is taken as the last.
    """

    calls: int
    failed: int
    slow: int

    def add(self, now: float, failed: bool, slow: bool) -> None: ...

    def advance(self, now: float) -> None:
        """Let go of what is too old."""

    def clear(self) -> None: ...


class TimeWindow:
    """The last ``window_s`` seconds in ``buckets`` equal steps, the current one included, so that it covers between
    ``window_s * (1 - 1/buckets)`` and ``window_s``."""

    __slots__ = ("_buckets", "_count", "_index", "_step_s", "calls", "failed", "slow")

    def __init__(self, window_s: float, buckets: int) -> None:
        self._step_s = window_s / buckets
        self._count = buckets
        self.clear()

    def clear(self) -> None:
        self._buckets = [[0, 0, 0] for _ in range(self._count)]
        self._index: int | None = None
        self.calls = self.failed = self.slow = 0

    def add(self, now: float, failed: bool, slow: bool) -> None:
        self.advance(now)
        bucket = self._buckets[(self._index or 0) % self._count]
        bucket[0] += 1
        self.calls += 1
        if failed:
            bucket[1] += 1
            self.failed += 1
        if slow:
            bucket[2] += 1
            self.slow += 1

    def advance(self, now: float) -> None:
        index = int(now // self._step_s)
        last = self._index
        if last is None:
            self._index = index
        elif index > last:
            for passed in range(last + 1, min(index, last + self._count) + 1):
                bucket = self._buckets[passed % self._count]
                if bucket[0]:
                    self.calls -= bucket[0]
                    self.failed -= bucket[1]
                    self.slow -= bucket[2]
                    bucket[0] = bucket[1] = bucket[2] = 0
            self._index = index


class CallWindow:
    """The last ``size`` calls, however long ago."""

    __slots__ = ("_marks", "_next", "_size", "calls", "failed", "slow")

    def __init__(self, size: int) -> None:
        self._size = size
        self.clear()

    def clear(self) -> None:
        self._marks = bytearray(self._size)
        self._next = 0
        self.calls = self.failed = self.slow = 0

    def add(self, now: float, failed: bool, slow: bool) -> None:
        at = self._next
        self._next = (at + 1) % self._size
        if self.calls == self._size:
            left = self._marks[at]
            self.failed -= left & 1
            self.slow -= left >> 1
        else:
            self.calls += 1
        self._marks[at] = failed | slow << 1
        self.failed += failed
        self.slow += slow

    def advance(self, now: float) -> None:
        """Nothing grows old here."""
