"""The optimizer's parts by themselves: levels, leaks, memory, collection, the last minute."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from aiconsole.domain.chat import Timing
from aiconsole.domain.errors import ConnectionFailed
from aiconsole.domain.events import AttemptFinished, Event, LeakSeen, MemoryRelieved, PerformanceChanged
from aiconsole.domain.pools import Holder, PoolFigures
from aiconsole.optimizer.collection import ENOUGH, TOO_MANY, Collector
from aiconsole.optimizer.footprint import Feet
from aiconsole.optimizer.leaks import LeakWatch
from aiconsole.optimizer.levels import Level
from aiconsole.optimizer.measures import LastMinute
from aiconsole.optimizer.memory import LONGEST_WAIT_S, REST_S, TIDY_S, Memory
from aiconsole.optimizer.monitor import Monitor
from aiconsole.optimizer.warming import first_candidates, warm_up
from tests.clocks import FakeClock


def test_a_level_changes_only_after_its_hold_time_and_not_between_limit_and_calm() -> None:
    level = Level()
    assert [level.update(figure, 100, 10, now) for now, figure in ((0, 150), (5, 90), (6, 150), (15, 150))] == [
        False
    ] * 4
    assert level.update(101, 100, 10, 16)
    assert level.over
    assert not level.update(90, 100, 10, 40)
    assert not level.update(80, 100, 10, 50)
    assert not level.update(81, 100, 10, 55)
    assert not level.update(None, 100, 10, 56)
    assert level.update(10, 100, 10, 66)
    assert not level.over


def test_the_monitor_tells_when_a_phase_goes_over_its_limit_and_comes_back() -> None:
    clock, told = FakeClock(), list[Event]()
    monitor = Monitor(clock, told.append, lambda key: 1000.0, lambda: 5.0)
    for _ in range(10):
        monitor.on_attempt(AttemptFinished("groq", "m", Timing(0.0, 3000.0, 3100.0)))
        monitor.sample({"loop_lag_ms": 2.0})
        clock.advance(1)
    (over,) = told
    assert isinstance(over, PerformanceChanged)
    assert (over.measure, over.over, over.limit, over.unit) == ("ttft_ms", True, 1000.0, "ms")
    assert over.figure == pytest.approx(3000, rel=0.03)
    reading = next(reading for reading in monitor.readings() if reading.measure.key == "ttft_ms")
    assert reading.over
    assert len(reading.samples) == 10

    for _ in range(80):
        monitor.sample({"loop_lag_ms": 2.0})
        clock.advance(1)
    assert [event.over for event in told if isinstance(event, PerformanceChanged)] == [True, False]


def test_the_worst_since_the_last_look_is_kept_for_one_look() -> None:
    monitor = Monitor(FakeClock(), lambda event: None, lambda key: 50.0, lambda: 0.0)
    for ms in (4.0, 70.0, 9.0):
        monitor.note("frame_ms", ms)
    monitor.sample({})
    monitor.sample({})
    frame = next(reading for reading in monitor.readings() if reading.measure.key == "frame_ms")
    assert frame.samples == (70.0, None)


def test_the_last_minute_forgets() -> None:
    minute = LastMinute()
    minute.add(1000.0, 0.0)
    minute.add(10.0, 30.0)
    assert minute.p95(35.0) == pytest.approx(1000, rel=0.03)
    assert minute.p95(65.0) == pytest.approx(10, rel=0.03)
    assert minute.p95(95.0) is None


def test_a_leak_is_told_once_with_who_took_it() -> None:
    clock, told = FakeClock(), list[Event]()
    watch = LeakWatch(clock, told.append, lambda kind: 900.0 if kind == "http" else 30.0)

    def pool(held_s: float, since: float = 1.0) -> PoolFigures:
        return PoolFigures("groq", "http", 1, holders=(Holder("Chat.ask: POST /v1", since, held_s, "there"),))

    watch.look([pool(899.0), PoolFigures("db", "reader", 1, holders=(Holder("History.series", 5.0, 31.0),))])
    watch.look([pool(901.0)])
    watch.look([pool(902.0)])
    watch.look([])
    watch.look([pool(905.0, since=2.0)])
    leaks = [event for event in told if isinstance(event, LeakSeen)]
    assert [(leak.pool, leak.holder) for leak in leaks] == [
        ("db", "History.series"),
        ("groq", "Chat.ask: POST /v1"),
        ("groq", "Chat.ask: POST /v1"),
    ]
    assert leaks[1].where == "there"


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector(FakeClock().monotonic)
    yield made
    made.unsettle()


async def test_over_the_budget_caches_shrink_at_once_and_memory_is_collected_when_it_is_quiet(
    collector: Collector,
) -> None:
    clock, told = FakeClock(), list[Event]()
    memory = Memory(clock, told.append, lambda: 1000.0, collector)
    kept = [8_000_000]

    def shrink(share: float) -> int:
        before, kept[0] = kept[0], int(kept[0] * share)
        return before - kept[0]

    memory.add("answers", lambda: kept[0], shrink)
    memory.add("lists", lambda: 5)
    feet = Feet()
    memory.look(feet, 799.0, busy=False)
    assert kept == [8_000_000]
    memory.look(feet, 801.0, busy=True)
    assert kept == [4_000_000]
    assert [(cache.name, cache.size, cache.shrinks) for cache in memory.caches()] == [
        ("answers", 4_000_000, True),
        ("lists", 5, False),
    ]
    assert not told
    memory.look(feet, 801.0, busy=False)
    await memory.aclose()
    (relieved,) = told
    assert isinstance(relieved, MemoryRelieved)
    assert relieved.caches_mb == {"answers": 4.0}
    assert (relieved.before_mb, relieved.reason) == (801.0, "801 MB of 1000 MB are in use")
    assert relieved.after_mb > 1

    memory.look(feet, 900.0, busy=False)
    assert kept == [4_000_000], "it rests first"
    clock.advance(REST_S)
    memory.look(feet, 900.0, busy=True)
    clock.advance(LONGEST_WAIT_S + 1)
    memory.look(feet, 900.0, busy=True)
    await memory.aclose()
    assert len(memory.relieved) == 2


async def test_free_memory_is_given_back_every_ten_minutes_when_it_is_quiet(collector: Collector) -> None:
    class Counting(Feet):
        trims = 0

        def trim(self) -> None:
            Counting.trims += 1

    clock, told = FakeClock(), list[Event]()
    memory, feet = Memory(clock, told.append, lambda: 1000.0, collector), Counting()
    memory.look(feet, 100.0, busy=False)
    clock.advance(TIDY_S)
    memory.look(feet, 100.0, busy=True)
    assert Counting.trims == 0
    for _ in range(2):
        memory.look(feet, 100.0, busy=False)
        await memory.aclose()
    assert Counting.trims == 1
    assert not told


def test_the_oldest_generation_is_collected_only_while_nothing_is_answered(collector: Collector) -> None:
    assert collector.look(busy=False) is None
    collector.settle()
    assert gc.get_freeze_count() > 1000
    assert gc.get_threshold()[2] > TOO_MANY

    def age(collections: int) -> None:
        for _ in range(collections):
            gc.collect(1)

    age(ENOUGH)
    assert collector.look(busy=True) is None
    assert collector.look(busy=False) is None
    assert collector.look(busy=False) is not None
    age(TOO_MANY)
    assert collector.look(busy=True) is not None, "not put off for ever"
    assert collector.runs == 2
    collector.unsettle()
    assert gc.get_freeze_count() == 0


def test_who_is_asked_first() -> None:
    routes = {"fast": ("groq/a", "cerebras/a"), "wise": ("anthropic/b",), "none": ("gone/x",)}
    assert first_candidates(routes, ["cerebras", "anthropic"], "wise") == ("anthropic", "cerebras")
    assert first_candidates(routes, ["groq"], "mistral/c") == ("groq",)


async def test_who_cannot_be_reached_does_not_keep_the_others_from_being_warmed() -> None:
    async def warm(name: str) -> None:
        if name == "far":
            raise ConnectionFailed("No way to it.")

    warmed = await warm_up(("near", "far"), warm, FakeClock())
    assert [(one.provider, one.trouble) for one in warmed] == [("near", ""), ("far", "No way to it.")]
