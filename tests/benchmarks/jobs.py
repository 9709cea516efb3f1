"""Background jobs: a year of the nine schedules on a clock of its own, and kills at random moments.

``AICONSOLE_BENCH_KILLS`` says how many kills, 100 where it is not set.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from random import Random

from tests.benchmarks.rows import Row
from tests.clocks import FakeClock
from tests.jobs.places import Rig, job
from tests.jobs.test_kills import kill_often

SCHEDULES = {
    "health": "every 5m",
    "errors": "every 5m",
    "performance": "every 5m",
    "system": "every 10m",
    "cache": "every 1h",
    "logs": "every 1h",
    "analytics": "5 * * * *",
    "maintenance": "daily 13:10",
    "backup": "daily 12:40",
}


def run() -> list[Row]:
    """Measure; about two minutes with 100 kills."""
    return [*asyncio.run(_year()), *asyncio.run(_kills(int(os.environ.get("AICONSOLE_BENCH_KILLS", "100"))))]


async def _year() -> list[Row]:
    clock = FakeClock()
    began, end = time.perf_counter(), clock.now() + 365 * 86400
    async with Rig(*(job(name, schedule) for name, schedule in SCHEDULES.items()), clock=clock) as rig:
        while clock.now() < end:
            await rig.settle()
            nexts = [view.next_at for view in rig.scheduler.views() if view.next_at is not None]
            clock.advance(max(0.001, min(nexts) - clock.now()))
        runs = len(rig.memory.runs)
        twice = runs - len({(run.job, run.due) for run in rig.memory.runs})
    took = time.perf_counter() - began
    return [
        Row("a year of nine schedules", took, "s"),
        Row("  runs in it", runs, "runs"),
        Row("  a run's share of the scheduler", took / runs * 1e6, "us"),
        Row("  due times run twice", twice, "", "0", twice == 0),
    ]


async def _kills(kills: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        after = await kill_often(Path(folder), kills, Random(11))
    stuck = sum(record.run is not None for record in after.records) + sum(run.result is None for run in after.runs)
    twice = sum(times > 1 for times in after.begun.values())
    return [
        Row("kills", kills, ""),
        Row("  runs begun", len(after.begun), "runs"),
        Row("  runs cut short", after.interrupted, "runs"),
        Row("  jobs left running", stuck, "", "0", stuck == 0),
        Row("  due times run twice", twice, "", "0", twice == 0),
    ]
