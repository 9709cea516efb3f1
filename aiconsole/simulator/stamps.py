"""When the simulator really sent what it sent, for the calibration of measuring programs.

Only a request with the header `STAMPS_HEADER` is noted. Its answer carries its number in `SERIAL_HEADER`, and the times are had
from ``/_control/{provider}/stamps``, so that a calibrated stream is byte for byte what any other client gets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from aiconsole.domain.clock import Clock

STAMPS_HEADER: Final = "x-simulator-stamps"
SERIAL_HEADER: Final = "x-simulator-serial"
_MOST: Final = 200_000


class Stamp(msgspec.Struct, frozen=True):
    """One request's times in seconds of the simulator's monotonic clock, which programs on one machine share; None where it
    did not come so far. ``first`` and ``last`` are taken just before the first token and the end mark are written."""

    serial: int
    received: float
    first: float | None = None
    last: float | None = None


class Stamping:
    """Takes one request's times as they come."""

    __slots__ = ("_now", "first", "last", "received", "serial")

    def __init__(self, serial: int, now: Callable[[], float]) -> None:
        self._now = now
        self.serial = serial
        self.received = now()
        self.first: float | None = None
        self.last: float | None = None

    def first_token(self) -> None:
        """The first token goes out now; later calls change nothing."""
        if self.first is None:
            self.first = self._now()

    def end(self) -> None:
        """The end of the answer goes out now."""
        self.first_token()
        self.last = self._now()


class Stamps:
    """The times of the requests that asked for it, the newest 100,000 at least."""

    def __init__(self, clock: Clock) -> None:
        self._now = clock.monotonic
        self._kept: list[Stamping] = []

    def begin(self, serial: int) -> Stamping:
        """Note that a request was received now."""
        if len(self._kept) >= _MOST:
            del self._kept[: _MOST // 2]
        stamping = Stamping(serial, self._now)
        self._kept.append(stamping)
        return stamping

    def taken(self) -> list[Stamp]:
        """All that was noted since the last call."""
        taken, self._kept = self._kept, []
        return [Stamp(each.serial, each.received, each.first, each.last) for each in taken]
