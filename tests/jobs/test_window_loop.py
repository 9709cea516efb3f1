"""The scheduler on the window's own loop, beside a job that blocks its thread and one that hangs."""

from __future__ import annotations

import asyncio
import threading
from random import Random

from PySide6.QtWidgets import QApplication

from aiconsole.domain.clock import SystemClock
from aiconsole.jobs.job import Outcome, Run
from aiconsole.jobs.scheduler import Scheduler
from tests.jobs.places import BERLIN, MemoryKeeping, job


async def test_the_window_goes_on_while_jobs_block_hang_and_raise(qapp: QApplication) -> None:
    release, beats = threading.Event(), 0

    def blocks(run: Run) -> None:
        release.wait()

    async def hangs(run: Run) -> Outcome:
        await asyncio.Event().wait()
        return Outcome()

    async def raises(run: Run) -> Outcome:
        raise ZeroDivisionError

    async def works(run: Run) -> Outcome:
        nonlocal beats
        for _ in range(20):
            await asyncio.sleep(0.001)
            beats += 1
        return Outcome("done")

    keeping = MemoryKeeping()
    jobs = [
        job(work.__name__, "every 1h", work, first_in_s=0.01, timeout_s=30) for work in (blocks, hangs, raises, works)
    ]
    scheduler = Scheduler(jobs, keeping, SystemClock(), zone=BERLIN, random=Random(1))
    await scheduler.start()
    while {run.job for run in keeping.runs if run.result} != {"raises", "works"}:
        await asyncio.sleep(0.005)
    assert beats == 20
    assert {view.name: view.state for view in scheduler.views()} == {
        "blocks": "running",
        "hangs": "running",
        "raises": "waiting",
        "works": "waiting",
    }
    assert scheduler.cancel("hangs")
    hung = await scheduler.finished("hangs")
    release.set()
    blocked = await scheduler.finished("blocks")
    await scheduler.aclose()
    assert hung is not None
    assert blocked is not None
    assert (hung.result, blocked.result) == ("cancelled", "succeeded")
