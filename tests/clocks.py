"""Time that moves only when a test says so."""

from __future__ import annotations


class FakeClock:
    """A ``Clock`` for tests: ``advance`` lets time pass, ``jump_wall`` sets only the wall clock (a person, NTP, a sleep of
    the machine during which the monotonic clock stood still)."""

    __slots__ = ("_monotonic", "_now")

    def __init__(self, now: float = 1_750_000_000.0, monotonic: float = 1_000.0) -> None:
        self._now = now
        self._monotonic = monotonic

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass, on both clocks."""
        if seconds < 0:
            raise ValueError("time does not run backwards; use jump_wall for the wall clock")
        self._now += seconds
        self._monotonic += seconds

    def jump_wall(self, seconds: float) -> None:
        """Move the wall clock only, forward or back."""
        self._now += seconds
