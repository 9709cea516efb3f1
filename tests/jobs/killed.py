"""A process that runs jobs as fast as it can until it is killed: ``python -m tests.jobs.killed DATABASE LEDGER SINCE``.

Each run writes its job and due time into LEDGER when it really begins, so that the parent can see what ran beside what was
kept. SINCE is
when the test began (epoch seconds): from there time passes a thousand times faster, so that many due times come and go.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from random import Random

from aiconsole.jobs.job import Job, Outcome, Run
from aiconsole.jobs.scheduler import Scheduler
from aiconsole.jobs.threads import in_thread
from aiconsole.store import Store
from aiconsole.store.jobs import JobStore
from tests.jobs.places import BERLIN

FASTER = 1000.0


class FastClock:
    """The machine's clocks, quickened, counted from a moment that all processes of a test share."""

    def __init__(self, since: float) -> None:
        self._since = since

    def now(self) -> float:
        return 1_750_000_000.0 + (time.time() - self._since) * FASTER

    def monotonic(self) -> float:
        return time.perf_counter() * FASTER


def jobs(ledger: Path) -> list[Job]:
    def begun(name: str, run: Run) -> None:
        line = f"{name} {run.due!r} {run.cause}\n".encode()
        descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, line)
        os.close(descriptor)

    async def quick(run: Run) -> Outcome:
        begun("quick", run)
        return Outcome()

    async def slow(run: Run) -> Outcome:
        begun("slow", run)
        await asyncio.sleep(0.03)
        return Outcome()

    def threaded(run: Run) -> Outcome:
        begun("threaded", run)
        time.sleep(0.005)
        return Outcome()

    async def waits(run: Run) -> Outcome:
        begun("waits", run)
        await in_thread(time.sleep, 0.002)
        return Outcome()

    return [
        Job("quick", "quick", "quick", "every 20s", quick, first_in_s=1),
        Job("slow", "slow", "slow", "every 20s", slow, first_in_s=1),
        Job("threaded", "threaded", "threaded", "every 20s", threaded, first_in_s=1),
        Job("waits", "waits", "waits", "* * * * *", waits, after=("quick",)),
    ]


async def main(database: Path, ledger: Path, since: float) -> None:
    clock = FastClock(since)
    async with await Store.open(database, clock) as store:
        scheduler = Scheduler(jobs(ledger), JobStore(store), clock, zone=BERLIN, random=Random())
        await scheduler.start(loop=False)
        print("ready", flush=True)
        while True:
            wait = await scheduler.turn()
            await asyncio.sleep(max(0.0005, min(wait / FASTER, 0.02)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])))
