"""How many calls a provider is given at once: additive increase, multiplicative decrease.

The limit grows by one with each call that is taken while it is full, and shrinks to nine tenths where the provider pushes
back (429, a timeout). Of the calls that were under way together one counts: fifty refusals of one burst are one sign, not
fifty (as TCP lessens its window once a round trip, RFC 5681), and the successes of that burst do not undo it. No gradient of
latency is looked at: answers are of any length, so theirs says nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import Final, Literal

Outcome = Literal["ok", "pushed back", "neutral"]
"""How a call ended: "pushed back" is a 429 or a timeout, "neutral" all that says nothing about the provider's capacity."""

START: Final = 8
LEAST: Final = 1
MOST: Final = 64
SHRINK: Final = 0.9


class Slot:
    """A place taken by one call. Only the first ``leave`` counts, so ``leave("neutral")`` in a ``finally`` is safe."""

    __slots__ = ("_accepted", "_era", "_left", "_owner")

    def __init__(self, owner: Concurrency, era: int) -> None:
        self._owner = owner
        self._era = era
        self._left = False
        self._accepted = False

    def accepted(self) -> None:
        """The provider took the call: a stream may then go on for minutes, and the limit grows without waiting for its end."""
        if not self._accepted and not self._left:
            self._accepted = True
            self._owner._grow(self._era)

    def leave(self, outcome: Outcome) -> None:
        if not self._left:
            self._left = True
            if outcome == "ok" and not self._accepted:
                self._owner._grow(self._era)
            self._owner._leave(outcome, self._era)


class Concurrency:
    """The concurrency limit of one provider.

    Attributes:
        in_flight: calls under way.
    """

    __slots__ = ("_era", "_least", "_limit", "_most", "_told", "_waiting", "in_flight")

    def __init__(self, start: int = START, least: int = LEAST, most: int = MOST) -> None:
        if not 1 <= least <= start <= most:
            raise ValueError("1 <= least <= start <= most")
        self._limit = float(start)
        self._least = least
        self._most = most
        self._era = 0
        self._waiting: deque[asyncio.Future[Concurrency]] = deque()
        self._told = 0
        self.in_flight = 0

    @property
    def limit(self) -> int:
        """Calls admitted at once."""
        return int(self._limit)

    @property
    def full(self) -> bool:
        return self.in_flight >= int(self._limit)

    def try_enter(self) -> Slot | None:
        """A slot for one call, None where the limit is reached."""
        if self.in_flight >= int(self._limit):
            return None
        self.in_flight += 1
        return Slot(self, self._era)

    def _tell_one(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(self)
                self._told += 1
                return

    def _tried(self) -> None:
        """One who was told has tried, or is gone: a place that he did not take is for the next."""
        self._told -= 1
        self._tell()

    def _grow(self, era: int) -> None:
        if era == self._era and self.in_flight >= int(self._limit):
            self._limit = min(float(self._most), self._limit + 1.0)
            self._tell()

    def _leave(self, outcome: Outcome, era: int) -> None:
        if era == self._era and outcome == "pushed back":
            self._limit = max(float(self._least), self._limit * SHRINK)
            self._era += 1
        self.in_flight -= 1
        self._tell()

    def _tell(self) -> None:
        """Let as many of those who wait try as there is room for, besides those who were told already."""
        for _ in range(min(len(self._waiting), self.limit - self.in_flight - self._told)):
            self._tell_one()


async def room(places: Sequence[Concurrency]) -> None:
    """Wait for a place to become free at one of ``places``; who waited longest is told first. The place is not kept: ask
    `Concurrency.try_enter` before anything else is awaited. If that is not done, or in vain, the next one is told."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[Concurrency] = loop.create_future()
    for place in places:
        place._waiting.append(waiter)
    try:
        told_by = await waiter
    except asyncio.CancelledError:
        if waiter.done() and not waiter.cancelled():
            waiter.result()._tried()
        raise
    finally:
        for place in places:
            with contextlib.suppress(ValueError):
                place._waiting.remove(waiter)
    loop.call_soon(told_by._tried)
