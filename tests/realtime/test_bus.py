"""The bus hands on every event, and no listener harms another."""

from __future__ import annotations

import logging

import pytest

from aiconsole.domain.events import Event, Notice
from aiconsole.realtime.bus import Bus


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
