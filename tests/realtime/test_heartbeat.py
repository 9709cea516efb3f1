"""The heart beats once a second, tells how late, and says so when it falters."""

from __future__ import annotations

from aiconsole.domain.events import Event, HeartChanged
from aiconsole.realtime.heartbeat import Heartbeat
from tests.clocks import FakeClock
from tests.timers import FakeTimers


def heart() -> tuple[Heartbeat, FakeTimers, list[Event]]:
    clock = FakeClock()
    timers = FakeTimers(clock)
    told: list[Event] = []
    return Heartbeat(clock, timers, told.append), timers, told


def states(told: list[Event]) -> list[str]:
    return [event.after for event in told if isinstance(event, HeartChanged)]


def test_it_beats_once_a_second_while_it_is_open() -> None:
    beating, timers, told = heart()
    assert beating.state == "stopped"
    beating.start()
    beating.start()
    timers.advance(5)
    pulse = beating.pulse()
    assert (pulse.state, pulse.beats, pulse.lag_ms, timers.fired) == ("alive", 5, 0.0, 5)
    beating.close()
    timers.advance(5)
    assert (beating.state, beating.pulse().beats, timers.waiting) == ("stopped", 5, 0)
    assert states(told) == ["alive", "stopped"]


def test_a_loop_that_was_held_up_is_late_until_it_keeps_time_again() -> None:
    beating, timers, told = heart()
    beating.start()
    timers.advance(2)
    timers.clock.advance(1.7)
    assert beating.state == "late", "seen from another thread, while the loop hangs"
    timers.advance(0)
    pulse = beating.pulse()
    assert (pulse.state, round(pulse.lag_ms), round(pulse.worst_ms), pulse.late_beats) == ("late", 700, 700, 1)
    timers.advance(3)
    assert beating.pulse().state == "alive"
    assert states(told) == ["alive", "late", "alive"]
    timers.clock.advance(20)
    assert beating.state == "stopped"


def test_who_shows_the_time_is_called_with_each_beat() -> None:
    beating, timers, _ = heart()
    beating.start()
    beats: list[int] = []
    end = beating.on_beat(lambda: beats.append(beating.pulse().beats))
    timers.advance(3)
    end()
    timers.advance(3)
    assert beats == [1, 2, 3]
