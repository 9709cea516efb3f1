"""All links of a console, and the one numbering of its events they share."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Final

from aiconsole.domain.clock import Clock
from aiconsole.domain.events import LinkState, OwnEvent
from aiconsole.realtime.bus import Bus
from aiconsole.realtime.timers import Cancel, Timers

if TYPE_CHECKING:
    from aiconsole.realtime.links.ledger import Ledger
    from aiconsole.realtime.links.link import Link, LinkStatus
    from aiconsole.realtime.links.transport import Transport

SIZE: Final = 2000
"""Events of our own that are kept for who was away."""
FLUSH_S: Final = 0.05

_GRAVITY: Final[tuple[LinkState, ...]] = ("off", "connected", "connecting", "late", "reconnecting", "failed")


class Links:
    """None at first, which costs nothing: the console listens to its own events from the first `add` on.

    ``origin`` is what this run of the console is called at others.

    Args:
        name: names this console to others, together with a random part for this run.
        random: the jitter of reconnecting.
    """

    def __init__(
        self, bus: Bus, clock: Clock, timers: Timers, random: Random, *, name: str = "console", size: int = SIZE
    ) -> None:
        self._bus, self._clock, self._timers, self._random = bus, clock, timers, random
        self.origin = f"{name}/{os.urandom(6).hex()}"
        self._size = size
        self._ledger: Ledger | None = None
        self._links: tuple[Link, ...] = ()
        self._leave: Callable[[], None] = _nothing
        self._writing: Cancel | None = None

    @property
    def state(self) -> LinkState:
        """The gravest state of all links; off where there are none."""
        return max((link.state for link in self._links), key=_GRAVITY.index, default="off")

    def status(self) -> tuple[LinkStatus, ...]:
        """How each link is."""
        return tuple(link.status() for link in self._links)

    def add(self, transport: Transport) -> Link:
        """Join the consoles that meet there, from now on."""
        from aiconsole.realtime.links.ledger import SHARED, Ledger
        from aiconsole.realtime.links.link import Link

        if self._ledger is None:
            self._ledger = Ledger(self.origin, self._size, self._clock, self._bus.publish)
        if not self._links:
            self._leave = self._bus.subscribe(self._told, *SHARED)
        link = Link(transport, self._ledger, self._clock, self._timers, self._random, self._bus.publish)
        self._links = (*self._links, link)
        link.start()
        return link

    def retry(self) -> None:
        """Try those that are not connected again, without waiting."""
        for link in self._links:
            link.start()

    def remove(self, link: Link) -> None:
        """Leave that meeting place. A later `add` of it is a first visit."""
        link.close()
        self._links = tuple(kept for kept in self._links if kept is not link)
        if not self._links:
            self._leave()
            self._leave = _nothing

    def close(self) -> None:
        """Leave all."""
        self._write()
        for link in self._links:
            self.remove(link)

    def _told(self, event: OwnEvent) -> None:
        if self._ledger is not None and self._ledger.tell(event) and self._writing is None:
            self._writing = self._timers.later(FLUSH_S, self._write)

    def _write(self) -> None:
        if self._writing is not None:
            self._writing()
            self._writing = None
        if self._ledger is not None:
            self._ledger.write()
        for link in self._links:
            link.poke()


def _nothing() -> None:
    """Nothing is listened to that could be left."""
