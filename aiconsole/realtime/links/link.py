"""One link of this console to a meeting place: its state, its heartbeat, and coming back without loss or duplicate.

off -> connecting -> connected; connected <-> late while nothing is heard; any of these -> reconnecting when the connection is
lost, and on and on with longer waits; failed where the meeting place refuses for a reason only a person can mend.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from random import Random
from typing import Final

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.events import LinkChanged, LinkState
from aiconsole.realtime.links import frames
from aiconsole.realtime.links.backoff import Backoff
from aiconsole.realtime.links.frames import Ack, Beat, Bye, Events, Frame, Hello, Welcome
from aiconsole.realtime.links.ledger import Ledger
from aiconsole.realtime.links.log import Sender
from aiconsole.realtime.links.transport import Connection, Transport
from aiconsole.realtime.timers import Cancel, Timers

BEAT_S: Final = 5.0
LATE_S: Final = 8.0
"""So long without a sign of life, and the link is late ..."""
DEAD_S: Final = 20.0
"""... and so long, and it connects anew."""
CONNECT_S: Final = 10.0
STABLE_S: Final = 30.0
"""A connection that held for so long ends the growing of the waits; one that breaks again at once does not."""

_log = logging.getLogger(__name__)


class LinkStatus(msgspec.Struct, frozen=True):
    """How a link is. ``reason`` says why it is not connected. Times in epoch seconds, None where there was or will be none.

    ``waiting`` counts own events not yet known to have arrived, ``damaged`` frames that could not be read.
    """

    name: str
    state: LinkState
    reason: str
    connected_at: float | None
    heard_at: float | None
    next_try_at: float | None
    reconnects: int
    waiting: int
    damaged: int


class Link:
    """Made by `Links.add`; every method is for the loop's thread.

    Args:
        tell: takes a `LinkChanged` when the state changes.
    """

    def __init__(
        self,
        transport: Transport,
        ledger: Ledger,
        clock: Clock,
        timers: Timers,
        random: Random,
        tell: Callable[[LinkChanged], object],
    ) -> None:
        self.name = transport.name
        self.state: LinkState = "off"
        self.reason = ""
        self._transport, self._ledger = transport, ledger
        self._clock, self._timers, self._tell = clock, timers, tell
        self._backoff = Backoff(random)
        self._ends: _Ends | None = None
        self._connection: Connection | None = None
        self._sender: Sender | None = None
        self._cancel: Cancel | None = None
        self._joined = False
        self._heard = self._connected = 0.0
        self._connected_at: float | None = None
        self._heard_at: float | None = None
        self._next_try_at: float | None = None
        self._reconnects = self._damaged = 0

    def start(self) -> None:
        """Connect, or try again at once after a failure. While it is connected, does nothing."""
        if self.state in ("off", "failed", "reconnecting") and self._connection is None:
            self._cut()
            self._change("connecting" if not self._joined else "reconnecting", "")
            self._connect()

    def close(self) -> None:
        """Leave the meeting place."""
        if self._connection is not None:
            self._send(Bye("it was closed"))
        self._cut()
        self._change("off", "")

    def poke(self) -> None:
        """There are new events of our own."""
        if self._sender is not None:
            self._pump()

    def status(self) -> LinkStatus:
        """How it is now."""
        return LinkStatus(
            self.name,
            self.state,
            self.reason,
            self._connected_at,
            self._heard_at,
            self._next_try_at,
            self._reconnects,
            self._ledger.log.last if self._sender is None else self._sender.waiting,
            self._damaged,
        )

    # Connecting

    def _connect(self) -> None:
        self._next_try_at = None
        ends = self._ends = _Ends(self)
        self._cancel = self._timers.later(CONNECT_S, self._no_welcome)
        try:
            connection = self._transport.connect(ends)
        except OSError as error:
            self.lost(str(error) or type(error).__name__)
            return
        if self._ends is ends:
            self._connection = connection

    def _no_welcome(self) -> None:
        self.lost(f"no answer within {CONNECT_S:g} s")

    def _cut(self) -> None:
        if self._cancel is not None:
            self._cancel()
        if self._ends is not None:
            self._ends.link = None
        if self._connection is not None:
            self._connection.close()
        self._ends = self._connection = self._sender = self._cancel = None
        self._next_try_at = None

    def _change(self, state: LinkState, reason: str) -> None:
        before, self.state, self.reason = self.state, state, reason
        if before != state:
            self._tell(LinkChanged(self.name, before, state, reason, self._clock.now()))

    # What the transport tells

    def opened(self) -> None:
        """Introduce ourselves."""
        self._send(Hello(self._ledger.origin, dict(self._ledger.have), self._joined))

    def lost(self, reason: str, *, permanent: bool = False) -> None:
        """Come back after a while, or give up."""
        self._cut()
        if permanent:
            self._change("failed", reason)
            return
        self._reconnects += 1
        wait_s = self._backoff.next_s()
        self._next_try_at = self._clock.now() + wait_s
        self._cancel = self._timers.later(wait_s, self._connect)
        self._change("reconnecting", reason)

    def received(self, data: bytes) -> None:
        """Take a frame."""
        try:
            frame = frames.decode(data)
        except msgspec.DecodeError as error:
            self._damaged += 1
            if self._damaged == 1:
                _log.warning("A frame from %s cannot be read and is left out, as others will be: %s", self.name, error)
            return
        self._heard, self._heard_at = self._clock.monotonic(), self._clock.now()
        if self.state == "late":
            self._change("connected", "")
        self._take(frame)

    def _take(self, frame: Frame) -> None:
        if isinstance(frame, Bye):
            self.lost(frame.reason or "the other side ended it", permanent=frame.permanent)
        elif isinstance(frame, Welcome):
            if self._sender is None:
                self._welcomed(frame)
        elif self._sender is None:
            return
        elif isinstance(frame, Events):
            sequence = self._ledger.take(frame.origin, frame.entries, self.name)
            self._send(Ack(frame.origin, sequence))
        elif isinstance(frame, Ack) and frame.origin == self._ledger.origin:
            self._sender.ack(frame.sequence)
            self._pump()

    def _welcomed(self, welcome: Welcome) -> None:
        self._ledger.begin(welcome.start)
        self._sender = Sender(self._ledger.log, min(max(0, welcome.have), self._ledger.log.last))
        self._joined = True
        self._connected, self._connected_at = self._clock.monotonic(), self._clock.now()
        self._beat_later()
        self._change("connected", "")
        self._pump()

    # Life

    def _beat_later(self) -> None:
        if self._cancel is not None:
            self._cancel()
        self._cancel = self._timers.later(BEAT_S, self._beat)

    def _beat(self) -> None:
        now = self._clock.monotonic()
        silent_s = now - self._heard
        if silent_s >= DEAD_S:
            self.lost(f"no sign of life for {silent_s:.0f} s")
            return
        if silent_s >= LATE_S:
            self._change("late", f"no sign of life for {silent_s:.0f} s")
        elif now - self._connected >= STABLE_S:
            self._backoff.reset()
        self._beat_later()
        self._send(Beat())
        if self._sender is not None:
            self._sender.check()
            self._pump()

    def _send(self, frame: Frame) -> bool:
        return self._connection is not None and self._connection.send(frames.encode(frame))

    def _pump(self) -> None:
        sender = self._sender
        while sender is not None and (entries := sender.batch()):
            if not self._send(Events(self._ledger.origin, entries)):
                return
            sender.sent(entries)


class _Ends:
    """Passes on what one connection tells, until the link has left it."""

    def __init__(self, link: Link) -> None:
        self.link: Link | None = link

    def opened(self) -> None:
        if self.link is not None:
            self.link.opened()

    def received(self, data: bytes) -> None:
        if self.link is not None:
            self.link.received(data)

    def lost(self, reason: str, *, permanent: bool = False) -> None:
        if self.link is not None:
            self.link.lost(reason, permanent=permanent)
