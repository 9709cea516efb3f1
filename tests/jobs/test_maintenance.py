"""Maintenance of a real database, and care of a real cache."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from aiconsole.cache.entry import CacheStats
from aiconsole.jobs.cache import CacheCare, advice
from aiconsole.jobs.job import JobFailed, Run
from aiconsole.jobs.maintenance import IDLE_S, PATIENCE_S, Maintenance
from aiconsole.store import Store
from aiconsole.store.upkeep import Upkeep
from tests.clocks import FakeClock
from tests.jobs.places import Rig


def by_hand() -> tuple[Run, list[str]]:
    said: list[str] = []
    return Run(None, "by hand", said.append), said


async def test_room_that_was_freed_goes_back_to_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    async with await Store.open(path, FakeClock()) as store:
        upkeep = Upkeep(store, path)
        work = Maintenance(upkeep, FakeClock(), lambda: 1e9)
        await store.write(lambda db: db.execute_sql("CREATE TABLE bulk (data BLOB)") and None)
        await store.write(lambda db: db.execute_sql("INSERT INTO bulk VALUES (zeroblob(3000000))") and None)
        await store.write(lambda db: db.execute_sql("DELETE FROM bulk") and None)
        before = await upkeep.state()
        assert before.shrinks
        assert before.free > 2_500_000
        run, said = by_hand()
        outcome = await work.work(run)
        after = await upkeep.state()
        assert after.size < before.size - 2_500_000
        assert "sound" in outcome.message
        assert said[-1] == "whole check: sound"
        run, said = by_hand()
        await work.work(run)
        assert said[1:] == ["statistics are up to date", "no room to give back", "quick check: sound"]


async def test_damage_is_found_and_a_check_can_be_broken_off(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    async with await Store.open(path, FakeClock()) as store:
        rows = [(f"v{number}" * 30,) for number in range(20_000)]
        await store.write(lambda db: db.execute_sql("CREATE TABLE bulk (data TEXT)") and None)
        await store.write(lambda db: db.connection().executemany("INSERT INTO bulk VALUES (?)", rows) and None)
        upkeep = Upkeep(store, path)
        leaving = threading.Event()
        leaving.set()
        with pytest.raises(TimeoutError):
            upkeep.check(leaving, whole=True)
        assert upkeep.check(threading.Event(), whole=True) == ""
    data = bytearray(path.read_bytes())
    at = len(data) // 2 // 4096 * 4096
    data[at : at + 4096] = b"\xff" * 4096
    other = tmp_path / "damaged.db"
    other.write_bytes(data)
    async with await Store.open(path, FakeClock()) as store:
        run, _ = by_hand()
        with pytest.raises(JobFailed, match="damaged"):
            await Maintenance(Upkeep(store, other), FakeClock(), lambda: 1e9).work(run)


async def test_it_waits_until_the_console_is_idle_but_not_for_ever(tmp_path: Path) -> None:
    path, clock = tmp_path / "aiconsole.db", FakeClock()
    idle = 0.0
    async with await Store.open(path, clock) as store:
        work = Maintenance(Upkeep(store, path), clock, lambda: idle)
        async with Rig(work.job(), clock=clock) as rig:
            rig.scheduler.sooner("maintenance", 1)
            await rig.pass_time(3600)
            runs = await rig.runs()
            assert {run.message for run in runs} == {"Requests are under way; put off."}
            idle = IDLE_S
            rig.scheduler.sooner("maintenance", 0)
            await rig.pass_time(1)
            last = await rig.scheduler.finished("maintenance")
            assert last is not None
            assert "sound" in last.message
            idle = 0.0
            messages: list[str] = []
            for _ in range(int(PATIENCE_S / 300) + 2):
                messages.append((await work.work(Run(1.0, "schedule", messages.append))).message)
                clock.advance(300)
            assert "sound" in " ".join(messages)


class Answers:
    def __init__(self, **figures: Any) -> None:
        self.figures = CacheStats(**figures)
        self.shrunk = 0

    async def tidy(self) -> int:
        return 3

    def shrink(self, share: float = 0.5) -> int:
        self.shrunk += 1
        return 5_000_000

    async def stats(self) -> CacheStats:
        return self.figures


async def test_the_cache_gives_memory_back_when_it_is_short_and_says_what_stands_in_its_way() -> None:
    async def plenty() -> float:
        return 0.5

    async def short() -> float:
        return 0.05

    answers = Answers(hits=10, misses=800, evictions=500, entries=4, where="disk")
    run, said = by_hand()
    outcome = await CacheCare(answers, plenty).work(run)
    assert (answers.shrunk, outcome.message) == (0, "3 removed, 4 kept; 1% of 810 look-ups answered.")
    run, said = by_hand()
    await CacheCare(answers, short).work(run)
    assert answers.shrunk == 1
    assert "5.0 MB of memory given back" in said[1]
    assert "cache.file_mb" in said[3]
    assert advice(CacheStats(hits=5)) == []
