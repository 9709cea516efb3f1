"""The event bus: what happened leaves the path of a request sideways, and no listener can slow or break it.

There are three ways to listen, each for some types of events or for all:

- `Bus.subscribe`: called at once with each event, in the loop's thread, in the order of subscription. For those who are quick.
- `Bus.queue`: events wait in a bounded queue for who takes its time. Where that is too long, the oldest go, and are counted.
- `Bus.coalesced`: told that something happened, at most so many times a second. For those who show a state.

A listener that raises is logged once and goes on being called. Everything here is for the loop's thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar, overload

from aiconsole.domain.clock import Clock, SystemClock
from aiconsole.domain.events import Event
from aiconsole.realtime.coalesce import Coalescer
from aiconsole.realtime.queue import EventQueue
from aiconsole.realtime.timers import LoopTimers, Timers

_log = logging.getLogger(__name__)

Listener = Callable[[Event], object]
E = TypeVar("E")


class BusStats(NamedTuple):
    """``dropped`` counts events that queues had no room for, ``faults`` the times a listener raised, both since the start."""

    published: int
    listeners: int
    queues: int
    waiting: int
    dropped: int
    faults: int


class Bus:
    """Hands each published event to those who subscribed to its type."""

    def __init__(self, clock: Clock | None = None, timers: Timers | None = None) -> None:
        self._clock = clock or SystemClock()
        self._timers = timers or LoopTimers()
        self._subscriptions: tuple[tuple[Listener, tuple[type, ...]], ...] = ()
        self._by_type: dict[type, tuple[Listener, ...]] = {}
        self._queues: list[EventQueue] = []
        self._dropped_before = 0
        self._faulty: set[Hashable] = set()
        self._faults = 0
        self._published = 0

    @overload
    def subscribe(self, listener: Listener) -> Callable[[], None]: ...

    @overload
    def subscribe(self, listener: Callable[[E], object], only: type[E], /) -> Callable[[], None]: ...

    @overload
    def subscribe(self, listener: Callable[[Any], object], *types: type) -> Callable[[], None]: ...

    def subscribe(self, listener: Callable[[Any], object], *types: type) -> Callable[[], None]:
        """Have ``listener`` called with each event of ``types`` (none: of all) from now on; the callable returned ends that."""
        entry = (listener, types)
        self._subscriptions = (*self._subscriptions, entry)
        self._by_type = {}

        def unsubscribe() -> None:
            self._subscriptions = tuple(kept for kept in self._subscriptions if kept is not entry)
            self._by_type = {}
            self._faulty.discard(listener)

        return unsubscribe

    def queue(self, *types: type, size: int = 1000) -> EventQueue:
        """Collect events of ``types`` (none: of all), at most ``size``, until the queue is closed."""
        queue = EventQueue(size)
        leave = self.subscribe(queue.put, *types)

        def closed() -> None:
            leave()
            self._queues.remove(queue)
            self._dropped_before += queue.dropped

        queue.on_close = closed
        self._queues.append(queue)
        return queue

    def coalesced(self, call: Callable[[], object], *types: type, hz: float = 10.0) -> Callable[[], None]:
        """Have ``call`` called soon after events of ``types`` (none: of all), at most ``hz`` times a second and never while
        nothing happened; the callable returned ends that."""
        coalescer = Coalescer(call, hz, self._clock, self._timers)
        leave = self.subscribe(coalescer.touch, *types)

        def end() -> None:
            leave()
            coalescer.close()

        return end

    def publish(self, event: Event) -> None:
        """Hand ``event`` to every listener of its type. Never raises."""
        self._published += 1
        kind = event.__class__
        try:
            listeners = self._by_type[kind]
        except KeyError:
            listeners = self._by_type[kind] = tuple(
                listener for listener, types in self._subscriptions if not types or kind in types
            )
        for listener in listeners:
            try:
                listener(event)
            except Exception:
                self._fault(listener)

    def stats(self) -> BusStats:
        """How much went through, and how its listeners are."""
        return BusStats(
            self._published,
            len(self._subscriptions),
            len(self._queues),
            sum(map(len, self._queues)),
            self._dropped_before + sum(queue.dropped for queue in self._queues),
            self._faults,
        )

    def _fault(self, listener: Listener) -> None:
        self._faults += 1
        if listener not in self._faulty:
            self._faulty.add(listener)
            _log.exception("A listener of the event bus failed; further faults of it are not logged.")
