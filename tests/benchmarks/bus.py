"""What telling what happened costs a request: the bus beside a bare call of a function, then who listens there."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from random import Random

from aiconsole.domain.chat import Timing
from aiconsole.domain.clock import SystemClock
from aiconsole.domain.events import AttemptFinished, BreakerChanged, Event
from aiconsole.realtime import wire
from aiconsole.realtime.bus import Bus
from aiconsole.realtime.links.hub import Hub
from aiconsole.realtime.links.links import Links
from aiconsole.realtime.live import Live
from aiconsole.realtime.timers import LoopTimers
from tests.benchmarks.rows import Row

CALLS = 50_000
ROUNDS = 7
LISTENERS = 10
EVENT = BreakerChanged("groq", "closed", "open", "it fails", 1.0)
NAMES = ("groq", "cohere", "mistral", "gemini", "cerebras", "openrouter", "anthropic")
ATTEMPT = AttemptFinished("groq", "m", Timing(1_750_000_000.0, 80.0, 400.0))


def micros(call: Callable[[Event], object], event: Event = EVENT) -> float:
    """Median microseconds of ``call(event)``, the loop's own share included."""
    rounds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(CALLS):
            call(event)
        rounds.append((time.perf_counter() - started) / CALLS * 1e6)
    return statistics.median(rounds)


def quiet(_: Event) -> None:
    """A listener that does nothing."""


def bus_of(count: int, *types: type) -> Bus:
    bus = Bus()
    for _ in range(count):
        bus.subscribe(lambda event: None, *types)
    return bus


def run() -> list[Row]:
    """Measure; a few seconds."""
    return asyncio.run(_run())


async def _run() -> list[Row]:
    bare = micros(quiet)
    nobody = micros(bus_of(0).publish)
    each = (micros(bus_of(LISTENERS, BreakerChanged).publish) - nobody) / LISTENERS
    others = micros(bus_of(LISTENERS, AttemptFinished).publish)
    queued, coalesced = Bus(), Bus()
    queued.queue(BreakerChanged, size=1000)
    coalesced.coalesced(lambda: None, BreakerChanged, hz=10)
    timers = LoopTimers()
    live = Live(Bus(), SystemClock(), timers, names=lambda: NAMES)
    watched_bus = Bus()
    watched = Live(watched_bus, SystemClock(), timers, names=lambda: NAMES)
    watched.watch(lambda _: None)

    def picture(_: Event) -> None:
        live.revision += 1
        live.state()

    linked = Bus()
    links = Links(linked, SystemClock(), timers, Random(1))
    links.add(Hub(SystemClock(), timers))
    told = micros(linked.publish, ATTEMPT)
    links.close()
    data = wire.encode(ATTEMPT)
    return [
        Row("a bare call of a function", bare, "us"),
        Row("publish with no listener", nobody, "us", "at most 2", nobody <= 2.0),
        Row("  over a bare call", nobody / bare, "x"),
        Row("each interested listener", each, "us", "at most 1", each <= 1.0),
        Row("  over a bare call", each / bare, "x"),
        Row(f"publish past {LISTENERS} listeners of other types", others, "us", "at most 2", others <= 2.0),
        Row("publish into a full queue", micros(queued.publish), "us", "at most 3", None),
        Row("publish to a coalesced follower", micros(coalesced.publish), "us", "at most 3", None),
        Row("an attempt into the live state, watched at 10 Hz", micros(watched_bus.publish, ATTEMPT), "us"),
        Row(f"a picture of the live state, {len(NAMES)} providers", micros(picture), "us"),
        Row("an attempt into the log for other consoles", told, "us"),
        Row("make an event", micros(lambda _: BreakerChanged("groq", "closed", "open", "it fails", 1.0)), "us"),
        Row("write an attempt as bytes", micros(wire.encode, ATTEMPT), "us"),  # type: ignore[arg-type]
        Row("read it back", micros(lambda _: wire.decode(data)), "us"),
    ]
