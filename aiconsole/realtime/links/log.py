"""An origin's newest events, and bringing them to one who may have missed some.

`Sender` resends from the first event that is not acknowledged ("go back n"): whoever receives takes events in their order only,
so that nothing is lost, doubled or out of order however the frames came. Frames that got lost are noticed by an acknowledgement
that comes twice, or by none at all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from typing import Final

import msgspec

from aiconsole.realtime.links.frames import Entry, gap

BATCH: Final = 64
"""Entries in one frame."""
WINDOW: Final = 256
"""Events that may be on their way without an acknowledgement."""


class Log:
    """The newest entries of one origin, ``size`` at most. ``last`` is the newest sequence, ``floor`` the newest that can no
    longer be had; both 0 at first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: deque[Entry] = deque()
        self.floor = 0
        self.last = 0

    def add(self, body: bytes, version: int) -> None:
        """Add the origin's next event."""
        self._put(Entry(self.last + 1, self.last + 1, version, msgspec.Raw(body)))

    def take(self, entries: Iterable[Entry]) -> bool:
        """Add those of ``entries`` that follow; whether there was any."""
        before = self.last
        for entry in following(entries, self.last):
            self._put(entry)
        return self.last > before

    def after(self, sequence: int, most: int) -> list[Entry]:
        """The entries after ``sequence``; where the next ones can no longer be had, that is the first of them."""
        found = [gap(sequence + 1, self.floor)] if sequence < self.floor else []
        start = bisect_right(self._entries, max(sequence, self.floor), key=_last)
        found += [self._entries[at] for at in range(start, min(start + most, len(self._entries)))]
        return found

    def _put(self, entry: Entry) -> None:
        self._entries.append(entry)
        self.last = entry.last
        while len(self._entries) > self._size:
            self.floor = self._entries.popleft().last


def _last(entry: Entry) -> int:
    return entry.last


def following(entries: Iterable[Entry], last: int) -> Iterable[Entry]:
    """Those of ``entries`` that follow ``last`` without a hole; a gap that begins earlier is cut to what is new."""
    for entry in entries:
        if entry.last <= last:
            continue
        if entry.first > last + 1:
            return
        yield entry if entry.first == last + 1 else gap(last + 1, entry.last)
        last = entry.last


class Sender:
    """Brings a log to one receiver, who has everything up to ``acked`` already."""

    def __init__(self, log: Log, acked: int) -> None:
        self._log = log
        self.acked = self._sent = acked
        self._rewound = False
        self._acked_at_check = -1

    @property
    def waiting(self) -> int:
        """Events that are not acknowledged."""
        return max(0, self._log.last - self.acked)

    def batch(self) -> list[Entry]:
        """What is to be sent next; empty where there is nothing, or too much on its way."""
        room = self.acked + WINDOW - self._sent
        return self._log.after(self._sent, min(BATCH, room)) if room > 0 and self._sent < self._log.last else []

    def sent(self, entries: list[Entry]) -> None:
        """A batch was taken by the connection."""
        self._sent = entries[-1].last

    def ack(self, sequence: int) -> None:
        """The receiver has everything up to ``sequence``. Where that is no news, it has seen a hole: go back, but once only."""
        if sequence > self.acked:
            self.acked = min(sequence, max(self._log.last, self.acked))
            self._sent = max(self._sent, self.acked)
            self._rewound = False
        elif sequence == self.acked and not self._rewound:
            self._rewound = True
            self._sent = self.acked

    def check(self) -> None:
        """To be called with each heartbeat: go back where nothing was acknowledged since the last one."""
        if self._sent > self.acked == self._acked_at_check:
            self._sent = self.acked
        self._acked_at_check = self.acked
