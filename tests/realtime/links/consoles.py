"""Consoles and their way to a hub, with faults on demand, on a clock that tests move."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from aiconsole.domain.events import Event, FromPeer, LinkChanged, LinkState, PeerGap, UserActed
from aiconsole.realtime.bus import Bus
from aiconsole.realtime.links.hub import Hub
from aiconsole.realtime.links.links import Links
from aiconsole.realtime.links.transport import Connection, Ends, Transport
from tests.clocks import FakeClock
from tests.timers import FakeTimers

DROP, DOUBLE, SWAP = "drop", "double", "swap"


class Road:
    """A transport over another one. ``closed`` refuses connections; ``mute`` swallows every frame; ``faults`` are done to the
    next frames, one each; ``full`` takes no frames from the console."""

    def __init__(self, inner: Transport) -> None:
        self.name = inner.name
        self.inner = inner
        self.closed = self.mute = self.full = False
        self.faults: list[str] = []
        self.connections = 0
        self.frames = 0
        self._cars: list[_Car] = []

    def connect(self, ends: Ends) -> Connection:
        self.connections += 1
        if self.closed:
            raise OSError("the road is closed")
        car = _Car(self, ends)
        self._cars.append(car)
        car.inner = self.inner.connect(car)
        return car

    def cut(self) -> None:
        """Every connection breaks; what was under way is gone."""
        for car in self._cars:
            car.broken = True
            car.inner.close()
            car.ends.lost("the road broke")
        self._cars.clear()

    def carry(self, data: bytes, deliver: Callable[[bytes], object], held: list[bytes]) -> None:
        self.frames += 1
        fault = self.faults.pop(0) if self.faults else ""
        if self.mute or fault == DROP:
            return
        if fault == SWAP:
            held.append(data)
            return
        for _ in range(2 if fault == DOUBLE else 1):
            deliver(data)
        while held:
            deliver(held.pop())


class _Car:
    inner: Connection

    def __init__(self, road: Road, ends: Ends) -> None:
        self.road, self.ends = road, ends
        self.broken = False
        self._up: list[bytes] = []
        self._down: list[bytes] = []

    def send(self, data: bytes) -> bool:
        if self.broken or self.road.full:
            return False
        self.road.carry(data, self.inner.send, self._up)
        return True

    def close(self) -> None:
        self.broken = True
        self.inner.close()

    def opened(self) -> None:
        if not self.broken:
            self.ends.opened()

    def received(self, data: bytes) -> None:
        if not self.broken:
            self.road.carry(data, self.ends.received, self._down)

    def lost(self, reason: str, *, permanent: bool = False) -> None:
        if not self.broken:
            self.broken = True
            self.ends.lost(reason, permanent=permanent)


class Peer:
    """One console: its bus, its links and what it heard of others."""

    def __init__(self, name: str, hub: Hub, timers: FakeTimers, *, size: int = 2000, seed: int = 1) -> None:
        self.timers = timers
        self.bus = Bus(timers.clock, timers)
        self.links = Links(self.bus, timers.clock, timers, Random(seed), name=name, size=size)
        self.road = Road(hub)
        self.told = 0
        self.heard: list[FromPeer | PeerGap] = []
        self.states: list[LinkState] = []
        self.bus.subscribe(self._hear)

    def join(self) -> None:
        """Take the road to the hub."""
        self.link = self.links.add(self.road)

    def tell(self, count: int = 1) -> None:
        """Let things happen here: each says its number."""
        for _ in range(count):
            self.told += 1
            self.bus.publish(UserActed(str(self.told), self.timers.clock.now()))

    def of(self, other: Peer) -> list[int]:
        """The numbers heard of another console, in the order they came."""
        return [
            int(event.event.action)
            for event in self.heard
            if isinstance(event, FromPeer) and event.origin == other.links.origin and isinstance(event.event, UserActed)
        ]

    def missed(self, other: Peer) -> list[int]:
        """The numbers that it was told are gone."""
        gaps = [event for event in self.heard if isinstance(event, PeerGap) and event.origin == other.links.origin]
        return [number for gap in gaps for number in range(gap.first, gap.last + 1)]

    def _hear(self, event: Event) -> None:
        if isinstance(event, FromPeer | PeerGap):
            self.heard.append(event)
        elif isinstance(event, LinkChanged):
            self.states.append(event.after)


class Team:
    """A hub and consoles that have joined it."""

    def __init__(self, *names: str, size: int = 2000) -> None:
        self.timers = FakeTimers(FakeClock())
        self.hub = Hub(self.timers.clock, self.timers, size=size)
        self.peers = [Peer(name, self.hub, self.timers, size=size, seed=at) for at, name in enumerate(names)]
        for peer in self.peers:
            peer.join()
        self.settle(1)

    def settle(self, seconds: float = 1) -> None:
        """Let time pass."""
        self.timers.advance(seconds)

    def leave(self) -> None:
        """All go; nothing may be left that would still happen."""
        for peer in self.peers:
            peer.links.close()
        self.settle(1)
        assert self.timers.waiting == 0
