"""Python's collection of objects in circles, kept out of the way of answers.

CPython collects its oldest generation when it likes, in the thread that happens to allocate, and that takes some 100 ms once
all of the console's modules and windows are loaded. `Collector.settle` puts what is there after the start aside
(``gc.freeze``: nothing of it is looked at again) and stops automatic collections of the oldest generation; `Collector.look`
collects it when nothing is being answered, or in the end anyway. The young generations go on by themselves; each of their
collections takes under a millisecond. Source: CPython's documentation of the module ``gc``.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final

import msgspec

_NEVER: Final = 1_000_000
ENOUGH: Final = 5
"""Collections of the middle generation after which one of the oldest is worth while."""
TOO_MANY: Final = 600
"""And after which it is made also while something is answered."""
_QUIET_LOOKS: Final = 2


class Collected(msgspec.Struct, frozen=True):
    """A collection: how many objects it freed, and for how long it held the event loop, in ms."""

    freed: int
    took_ms: float


class Collector:
    """One for a process: what it sets holds for all of Python. For one thread.

    Attributes:
        settled: whether collections are made here.
        runs: how many were.
        longest_ms: the longest of them.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._before: tuple[int, int, int] | None = None
        self._quiet = 0
        self.runs = 0
        self.longest_ms = 0.0

    @property
    def settled(self) -> bool:
        return self._before is not None

    def settle(self) -> None:
        """The start is over: put what is there aside, and collect only here from now on. Settled already, does nothing."""
        if self._before is None:
            self._before = gc.get_threshold()
            gc.collect(1)
            gc.freeze()
            gc.set_threshold(self._before[0], self._before[1], _NEVER)

    def unsettle(self) -> None:
        """Leave it to Python again."""
        if self._before is not None:
            gc.set_threshold(*self._before)
            gc.unfreeze()
            self._before = None

    def look(self, *, busy: bool) -> Collected | None:
        """To be called about once a second; collects where that is worth while and nobody waits for an answer."""
        if self._before is None:
            return None
        self._quiet = 0 if busy else self._quiet + 1
        waiting = gc.get_count()[2]
        if (self._quiet >= _QUIET_LOOKS and waiting >= ENOUGH) or waiting >= TOO_MANY:
            return self.collect()
        return None

    def collect(self) -> Collected:
        """Collect everything but what was put aside. Holds the thread."""
        began = self._monotonic()
        freed = gc.collect()
        collected = Collected(freed, (self._monotonic() - began) * 1000)
        self.runs += 1
        self.longest_ms = max(self.longest_ms, collected.took_ms)
        return collected
