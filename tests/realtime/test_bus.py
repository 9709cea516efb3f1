"""The bus hands on every event to who asked for its type, and no listener harms another."""

from __future__ import annotations

import asyncio
import logging
from itertools import pairwise

import pytest

from aiconsole.domain.events import BreakerChanged, Event, Notice, Switched
from aiconsole.realtime.bus import Bus
from tests.clocks import FakeClock
from tests.timers import FakeTimers

OPENED = BreakerChanged("groq", "closed", "open", "it fails", 1.0)
SWITCHED = Switched("a/x", "b/y", "it is busy", 1.0)


def test_every_listener_gets_every_event_until_it_leaves() -> None:
    bus = Bus()
    first: list[Event] = []
    second: list[Event] = []
    leave = bus.subscribe(first.append)
    bus.subscribe(second.append)
    bus.publish(Notice("one"))
    leave()
    bus.publish(Notice("two"))
    assert first == [Notice("one")]
    assert second == [Notice("one"), Notice("two")]


def test_a_listener_may_ask_for_some_types_and_order_is_that_of_subscription() -> None:
    bus = Bus()
    order: list[str] = []
    bus.subscribe(lambda _: order.append("breakers"), BreakerChanged)
    bus.subscribe(lambda _: order.append("all"))
    leave = bus.subscribe(lambda _: order.append("both"), Switched, BreakerChanged)
    bus.publish(OPENED)
    bus.publish(SWITCHED)
    bus.publish(Notice("one"))
    assert order == ["breakers", "all", "both", "all", "both", "all"]
    leave()
    bus.publish(SWITCHED)
    assert order[6:] == ["all"]


def test_a_listener_may_leave_while_it_is_called() -> None:
    bus = Bus()
    seen: list[Event] = []

    def once(event: Event) -> None:
        seen.append(event)
        leave()

    leave = bus.subscribe(once)
    later: list[Event] = []
    bus.subscribe(later.append)
    bus.publish(Notice("one"))
    bus.publish(Notice("two"))
    assert seen == [Notice("one")]
    assert later == [Notice("one"), Notice("two")]


def test_a_failing_listener_harms_nobody_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    bus = Bus()
    seen: list[Event] = []

    def failing(event: Event) -> None:
        raise RuntimeError("broken listener")

    bus.subscribe(failing)
    bus.subscribe(seen.append)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            bus.publish(Notice("one"))
    assert len(seen) == 3
    assert len(caplog.records) == 1
    assert bus.stats().faults == 3


async def test_a_slow_reader_loses_the_oldest_and_it_is_counted() -> None:
    bus = Bus()
    with bus.queue(Notice, size=3) as queue:
        for number in range(5):
            bus.publish(Notice(str(number)))
        bus.publish(OPENED)
        assert (queue.dropped, bus.stats().dropped, bus.stats().waiting) == (2, 2, 3)
        assert await anext(queue) == [Notice("2"), Notice("3"), Notice("4")]
        bus.publish(Notice("5"))
        assert queue.take() == [Notice("5")]
    bus.publish(Notice("6"))
    assert queue.take() == []
    assert (bus.stats().dropped, bus.stats().queues, bus.stats().listeners) == (2, 0, 0)


async def test_a_waiting_reader_wakes_for_what_comes_and_ends_with_the_queue() -> None:
    bus = Bus()
    queue = bus.queue()
    batches: list[list[Event]] = []

    async def read() -> None:
        batches.extend([batch async for batch in queue])

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    bus.publish(Notice("one"))
    bus.publish(OPENED)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    bus.publish(SWITCHED)
    queue.close()
    await reader
    assert batches == [[Notice("one"), OPENED], [SWITCHED]]


async def test_a_reader_that_is_cancelled_loses_nothing() -> None:
    bus = Bus()
    with bus.queue() as queue:
        reader = asyncio.ensure_future(anext(queue))
        await asyncio.sleep(0)
        reader.cancel()
        bus.publish(Notice("one"))
        await asyncio.gather(reader, return_exceptions=True)
        assert await anext(queue) == [Notice("one")]


def test_many_changes_are_told_as_one_at_the_rate_asked_for() -> None:
    clock = FakeClock()
    timers = FakeTimers(clock)
    bus = Bus(clock, timers)
    told: list[float] = []
    end = bus.coalesced(lambda: told.append(clock.monotonic()), BreakerChanged, hz=10)
    begin = clock.monotonic()
    for _ in range(100):
        bus.publish(OPENED)
        bus.publish(SWITCHED)
        timers.advance(0.01)
    assert len(told) == 10
    assert told[0] == begin
    assert min(after - before for before, after in pairwise(told)) > 0.0999

    timers.advance(1.0)
    assert len(told) == 11, "the last change is told, too"
    end()
    bus.publish(OPENED)
    assert timers.waiting == 0


def test_nothing_wakes_while_nothing_changes() -> None:
    timers = FakeTimers(FakeClock())
    bus = Bus(timers.clock, timers)
    bus.coalesced(lambda: None, BreakerChanged, hz=10)
    bus.publish(SWITCHED)
    timers.advance(3600.0)
    assert (timers.fired, timers.waiting) == (0, 0)


def test_a_follower_that_fails_is_called_again_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    timers = FakeTimers(FakeClock())
    bus = Bus(timers.clock, timers)
    calls: list[int] = []

    def failing() -> None:
        calls.append(1)
        raise RuntimeError("broken follower")

    bus.coalesced(failing)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            bus.publish(OPENED)
            timers.advance(1.0)
    assert len(calls) == 3
    assert len(caplog.records) == 1
