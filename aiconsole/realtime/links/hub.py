"""The in-process meeting place: consoles of one process meet here, and it is the model for others.

It keeps the newest events of each origin, brings each console what it does not have, and tells it what can no longer be had.
Frames go through bounded pipes as bytes, as they would through a network.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.realtime.links import frames
from aiconsole.realtime.links.frames import PROTOCOL, Ack, Beat, Bye, Events, Frame, Hello, Welcome
from aiconsole.realtime.links.log import Log, Sender
from aiconsole.realtime.links.transport import Connection, Ends
from aiconsole.realtime.timers import Timers

SIZE: Final = 2000
"""Events kept of each origin."""
ORIGINS: Final = 200
PIPE: Final = 64
"""Frames under way in one direction."""
DEAD_S: Final = 60.0
"""A console that was not heard for so long is shown out."""


class Hub:
    """``connect`` makes it a `Transport`, for any number of consoles."""

    def __init__(self, clock: Clock, timers: Timers, *, name: str = "this process", size: int = SIZE) -> None:
        self.name = name
        self._clock, self._timers, self._size = clock, timers, size
        self._logs: dict[str, Log] = {}
        self._members: dict[str, _Member] = {}

    @property
    def members(self) -> int:
        """Consoles that are here now."""
        return len(self._members)

    def connect(self, ends: Ends) -> Connection:
        """Let a console in."""
        return _Member(self, ends, self._timers).connection

    def log(self, origin: str) -> Log:
        """The events of an origin; those of the origin that was silent longest make room."""
        log = self._logs.pop(origin, None) or Log(self._size)
        self._logs[origin] = log
        if len(self._logs) > ORIGINS:
            gone = next((kept for kept in self._logs if kept not in self._members), origin)
            if gone != origin:
                del self._logs[gone]
                for member in self._members.values():
                    member.forget(gone)
        return log

    def greet(self, member: _Member, hello: Hello) -> None:
        """A console said who it is."""
        if hello.protocol != PROTOCOL:
            member.send(Bye(f"it speaks another version of the protocol ({PROTOCOL})", permanent=True))
            return
        before = self._members.pop(hello.origin, None)
        if before is not None:
            before.leave()
        own = self.log(hello.origin)
        others = {origin: log for origin, log in self._logs.items() if origin != hello.origin}
        start = {origin: 0 if hello.joined else log.floor for origin, log in others.items() if origin not in hello.have}
        member.join(hello.origin, {origin: Sender(log, (hello.have | start)[origin]) for origin, log in others.items()})
        self._members[hello.origin] = member
        member.send(Welcome(own.last, start))
        member.pump()

    def publish(self, member: _Member, frame: Events) -> None:
        """A console told events of its own."""
        log = self.log(frame.origin)
        news = log.take(frame.entries)
        member.send(Ack(frame.origin, log.last))
        if news:
            for other in self._members.values():
                if other is not member:
                    other.follow(frame.origin, log)
                    other.pump()

    def beat(self, member: _Member) -> None:
        """A console is alive; those that are not are shown out."""
        member.send(Beat())
        now = self._clock.monotonic()
        for other in tuple(self._members.values()):
            if now - other.heard > DEAD_S:
                self.leave(other, "it was not heard for too long")

    def leave(self, member: _Member, reason: str = "") -> None:
        """A console goes, or has to."""
        member.leave(reason)
        if self._members.get(member.origin) is member:
            del self._members[member.origin]

    def close(self, reason: str = "the meeting place was closed") -> None:
        """Show all out; what they told is kept."""
        for member in tuple(self._members.values()):
            self.leave(member, reason)

    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.monotonic()


class _Member:
    """One connection of a console, seen from the hub."""

    def __init__(self, hub: Hub, ends: Ends, timers: Timers) -> None:
        self.origin = ""
        self.heard = hub.now()
        self._hub = hub
        self._ends = ends
        self._senders: dict[str, Sender] = {}
        self._timers = timers
        self._down = _Pipe(timers, ends.received)
        self.connection = _Pipe(timers, self._received, on_close=lambda: hub.leave(self))
        timers.later(0.0, self._open)

    def join(self, origin: str, senders: dict[str, Sender]) -> None:
        self.origin, self._senders = origin, senders

    def follow(self, origin: str, log: Log) -> None:
        """Bring it the events of an origin from the first on, where it is not brought them yet."""
        if origin not in self._senders:
            self._senders[origin] = Sender(log, 0)

    def forget(self, origin: str) -> None:
        """The events of an origin are not kept any more."""
        self._senders.pop(origin, None)

    def send(self, frame: Frame) -> bool:
        return self._down.send(frames.encode(frame))

    def pump(self) -> None:
        """Send what it does not have, as far as there is room."""
        for origin, sender in self._senders.items():
            while entries := sender.batch():
                if not self.send(Events(origin, entries)):
                    return
                sender.sent(entries)

    def leave(self, reason: str = "") -> None:
        """Take and send no more."""
        was_open = not self._down.closed
        self.connection.closed = self._down.closed = True
        if was_open and reason:
            self._timers.later(0.0, lambda: self._ends.lost(reason))

    def _open(self) -> None:
        if not self._down.closed:
            self._ends.opened()

    def _received(self, data: bytes) -> None:
        try:
            frame = frames.decode(data)
        except msgspec.DecodeError:
            return
        self.heard = self._hub.now()
        if isinstance(frame, Hello):
            if not self.origin:
                self._hub.greet(self, frame)
        elif not self.origin:
            return
        elif isinstance(frame, Events):
            if frame.origin == self.origin:
                self._hub.publish(self, frame)
        elif isinstance(frame, Ack):
            if frame.origin in self._senders:
                self._senders[frame.origin].ack(frame.sequence)
                self.pump()
        elif isinstance(frame, Beat):
            self._hub.beat(self)
            for sender in self._senders.values():
                sender.check()
            self.pump()
        elif isinstance(frame, Bye):
            self._hub.leave(self)


class _Pipe:
    """One direction: frames come out in order, a moment after they went in."""

    def __init__(
        self, timers: Timers, deliver: Callable[[bytes], None], *, on_close: Callable[[], None] = lambda: None
    ) -> None:
        self.closed = False
        self._timers, self._deliver, self._on_close = timers, deliver, on_close
        self._waiting: deque[bytes] = deque()

    def send(self, data: bytes) -> bool:
        """Take a frame; False where it is full or closed."""
        if self.closed or len(self._waiting) >= PIPE:
            return False
        self._waiting.append(data)
        if len(self._waiting) == 1:
            self._timers.later(0.0, self._drain)
        return True

    def close(self) -> None:
        """End it from the console's side; what is under way still arrives."""
        self._timers.later(0.0, self._close)

    def _close(self) -> None:
        if not self.closed:
            self._on_close()

    def _drain(self) -> None:
        due = tuple(self._waiting)
        self._waiting.clear()
        for data in due:
            if self.closed:
                break
            self._deliver(data)
