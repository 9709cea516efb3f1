"""Time as a value that is passed in, so that tests can drive it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """``now`` is wall time in epoch seconds, ``monotonic`` never jumps, in seconds from an arbitrary start."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...


class SystemClock:
    """The machine's own clocks."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.perf_counter)
