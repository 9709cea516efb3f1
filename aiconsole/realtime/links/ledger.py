"""What this console told others and what it has of them, the same over all its links."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, get_args

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.events import EVENT_VERSION, Event, FromPeer, Notice, OwnEvent, PeerGap, RequestFinished
from aiconsole.realtime import wire
from aiconsole.realtime.links.frames import Entry
from aiconsole.realtime.links.log import Log, following

SHARED: Final = tuple(kind for kind in get_args(OwnEvent) if kind is not Notice)
"""The types of events told to others. A notice is for the person at this console."""
_ORIGINS: Final = 1000
_AT_ONCE: Final = 256

_log = logging.getLogger(__name__)


class Ledger:
    """Attributes:
    origin: names this run of the console.
    log: our own events, the newest.
    have: the last sequence we have of each other origin, those last heard of at the end.
    """

    def __init__(self, origin: str, size: int, clock: Clock, publish: Callable[[Event], object]) -> None:
        self.origin = origin
        self.log = Log(size)
        self.have: dict[str, int] = {}
        self._clock = clock
        self._publish = publish
        self._fresh: list[OwnEvent] = []
        self._unreadable = False

    def tell(self, event: OwnEvent) -> bool:
        """Number an event of our own; whether it is the first since `write`, so that somebody has to write soon."""
        fresh = self._fresh
        fresh.append(event)
        if len(fresh) >= _AT_ONCE:
            self.write()
        return len(fresh) == 1

    def write(self) -> None:
        """Put what was told into the log."""
        fresh, self._fresh = self._fresh, []
        for event in fresh:
            private = isinstance(event, RequestFinished) and event.headers is not None
            told = msgspec.structs.replace(event, headers=None) if private else event
            self.log.add(wire.encode(told), EVENT_VERSION)

    def begin(self, start: Mapping[str, int]) -> None:
        """From which sequence on the events of origins will come that we do not know yet."""
        for origin, sequence in start.items():
            self.have.setdefault(origin, max(0, sequence))

    def take(self, origin: str, entries: Sequence[Entry], link: str) -> int:
        """Publish those of another origin's events that follow what we have, and return the last that we have now."""
        have = self.have.pop(origin, 0)
        if origin != self.origin:
            for entry in following(entries, have):
                have = entry.last
                self._hand_on(origin, entry, link)
            self.have[origin] = have
            if len(self.have) > _ORIGINS:
                del self.have[next(iter(self.have))]
        return have

    def _hand_on(self, origin: str, entry: Entry, link: str) -> None:
        if entry.gap:
            self._publish(PeerGap(origin, entry.first, entry.last, self._clock.now(), link))
            return
        try:
            event = wire.decode(entry.body, entry.version)
        except msgspec.DecodeError as error:
            if not self._unreadable:
                self._unreadable = True
                _log.warning("An event of %s cannot be read and is left out, as others will be: %s", origin, error)
            return
        if event is not None:
            self._publish(FromPeer(origin, entry.last, event, link))
