"""Kills at random moments: no job is left running, and none begins twice for one due time."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from aiconsole.domain.jobs import JobRecord, JobRun
from aiconsole.jobs.scheduler import Scheduler
from aiconsole.store import Store
from aiconsole.store.jobs import JobStore
from tests.jobs.killed import FastClock, jobs
from tests.jobs.places import BERLIN

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")


class Aftermath(NamedTuple):
    """``begun``: how often each job really began for each due time; ``interrupted``: runs cut short by a kill."""

    begun: Counter[tuple[str, str]]
    records: tuple[JobRecord, ...]
    runs: tuple[JobRun, ...]

    @property
    def interrupted(self) -> int:
        return sum(run.result == "interrupted" for run in self.runs)


async def kill_often(folder: Path, kills: int, random: Random) -> Aftermath:
    """Run `tests.jobs.killed` and kill it, again and again, then start it once more and look at what was kept."""
    database, ledger, since = folder / "jobs.db", folder / "ledger", time.time()
    command = [sys.executable, "-m", "tests.jobs.killed", str(database), str(ledger), repr(since)]
    for _ in range(kills):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(random.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
    clock = FastClock(since)
    async with await Store.open(database, clock) as store:
        keeping = JobStore(store)
        scheduler = Scheduler(jobs(ledger), keeping, clock, zone=BERLIN, random=random)
        await scheduler.start(loop=False)
        await scheduler.aclose()
        records, _ = await keeping.load()
        runs = await keeping.history(None, 1_000_000)
    begun = Counter(
        (job, due) for job, due, _ in (line.split(" ", 2) for line in ledger.read_text(encoding="utf-8").splitlines())
    )
    return Aftermath(begun, records, runs)


async def test_kills_leave_no_job_running_and_repeat_no_due_time(tmp_path: Path) -> None:
    after = await kill_often(tmp_path, 8, Random(3))
    assert len(after.begun) > 20
    assert max(after.begun.values()) == 1
    assert all(record.run is None for record in after.records)
    assert all(run.result is not None for run in after.runs)
    assert len({record.job for record in after.records}) == 4
