"""What is measured of the console itself, and how samples become one figure."""

from __future__ import annotations

from collections import deque
from typing import Final, Literal

import msgspec

from aiconsole.domain.percentiles import Histogram

How = Literal["now", "worst", "p95"]
"""``now``: as it is when looked at; ``worst``: the largest since the last look; ``p95``: over the last minute."""

MINUTE_S: Final = 60.0
_SLICE_S: Final = 10.0


class Measure(msgspec.Struct, frozen=True):
    """``key`` is also the name of the setting (under ``performance``) that has its limit."""

    key: str
    title: str
    unit: str
    how: How


MEASURES: Final = (
    Measure("loop_lag_ms", "Event loop lag", "ms", "now"),
    Measure("frame_ms", "Frame time", "ms", "worst"),
    Measure("writer_queue", "Changes to write", "changes", "now"),
    Measure("query_ms", "Slowest query", "ms", "worst"),
    Measure("waiting", "Waiting requests", "requests", "now"),
    Measure("queue_ms", "Request queue", "ms", "p95"),
    Measure("connect_ms", "Connect", "ms", "p95"),
    Measure("ttft_ms", "Time to first token", "ms", "p95"),
    Measure("body_ms", "Answer's body", "ms", "p95"),
)


class LastMinute:
    """The p95 of what was added in the last minute, to ten seconds."""

    __slots__ = ("_slices",)

    def __init__(self) -> None:
        self._slices: deque[tuple[int, Histogram]] = deque()

    def add(self, value: float, now: float) -> None:
        """Add a sample at ``now`` (monotonic s)."""
        number = int(now // _SLICE_S)
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append((number, Histogram()))
            self._expire(number)
        self._slices[-1][1].add(value)

    def p95(self, now: float) -> float | None:
        """None where nothing was added."""
        self._expire(int(now // _SLICE_S))
        return Histogram.merged(part for _, part in self._slices).quantile(0.95)

    def _expire(self, number: int) -> None:
        while self._slices and self._slices[0][0] <= number - MINUTE_S / _SLICE_S:
            self._slices.popleft()
