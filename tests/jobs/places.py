"""What the tests of jobs share: a keeping in memory, quick enough for a year, and a scheduler on a clock of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from aiconsole.domain.events import JobChanged
from aiconsole.domain.jobs import JobDay, JobRecord, JobRun
from aiconsole.jobs.job import Job, Outcome, Run
from aiconsole.jobs.keeping import Keeping
from aiconsole.jobs.scheduler import Scheduler
from tests.clocks import FakeClock

BERLIN = ZoneInfo("Europe/Berlin")


class MemoryKeeping:
    """What the database does, without one."""

    def __init__(self) -> None:
        self.records: dict[str, JobRecord] = {}
        self.runs: list[JobRun] = []
        self._begun: set[tuple[str, float, int]] = set()

    async def load(self) -> tuple[tuple[JobRecord, ...], tuple[JobRun, ...]]:
        return tuple(self.records.values()), tuple({run.job: run for run in self.runs}.values())

    async def save(self, records: Sequence[JobRecord]) -> None:
        self.records.update((record.job, record) for record in records)

    async def claim(self, record: JobRecord, run: JobRun) -> int | None:
        if run.due is not None:
            if (run.job, run.due, run.attempt) in self._begun:
                return None
            self._begun.add((run.job, run.due, run.attempt))
        number = len(self.runs) + 1
        self.runs.append(msgspec.structs.replace(run, number=number))
        self.records[run.job] = msgspec.structs.replace(record, run=number)
        return number

    async def end(self, record: JobRecord, run: JobRun, day: str) -> None:
        self.records[run.job] = record
        if run.number:
            self.runs[run.number - 1] = run
        else:
            self.runs.append(msgspec.structs.replace(run, number=len(self.runs) + 1))

    async def beat(self, runs: Sequence[int], heartbeat: float, lease_until: float) -> None:
        for name, record in self.records.items():
            if record.run in runs:
                self.records[name] = msgspec.structs.replace(record, heartbeat=heartbeat, lease_until=lease_until)

    async def history(self, job: str | None, limit: int) -> tuple[JobRun, ...]:
        return tuple([run for run in reversed(self.runs) if job in (None, run.job)][:limit])

    async def days(self, since: str) -> tuple[JobDay, ...]:
        return ()


async def nothing(run: Run) -> Outcome | None:
    return None


def job(name: str = "tidy", schedule: str = "every 10m", work: Any = nothing, **more: Any) -> Job:
    return Job(name, name.title(), f"Does what {name} does.", schedule, work, **more)


class Rig:
    """A scheduler whose time passes only by `pass_time`; a restart is a new scheduler on what was kept."""

    def __init__(
        self, *jobs: Job, keeping: Keeping | None = None, clock: FakeClock | None = None, **options: Any
    ) -> None:
        self.jobs = jobs
        self.clock = clock or FakeClock()
        self.memory = MemoryKeeping()
        self.keeping = keeping or self.memory
        self.events: list[JobChanged] = []
        self.options = options
        self.scheduler = self._scheduler()

    def _scheduler(self) -> Scheduler:
        return Scheduler(
            self.jobs,
            self.keeping,
            self.clock,
            zone=BERLIN,
            random=Random(7),
            publish=self.events.append,
            **self.options,
        )

    async def __aenter__(self) -> Rig:
        await self.scheduler.start(loop=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.scheduler.aclose()

    async def restart(self, *, closed_s: float = 0.0) -> None:
        """Close the console, and open it again so much later."""
        await self.scheduler.aclose()
        self.clock.advance(closed_s)
        self.scheduler = self._scheduler()
        await self.scheduler.start(loop=False)

    async def settle(self) -> float:
        """Do all that is due now, and let short runs end."""
        wait = await self.scheduler.turn()
        for _ in range(12):
            await asyncio.sleep(0)
        return wait

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, from one thing to do to the next."""
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            wait = await self.settle()
            self.clock.advance(min(max(wait, 0.001), end - self.clock.now()))
        await self.settle()

    async def runs(self, name: str | None = None) -> list[JobRun]:
        """Oldest first."""
        return list(reversed(await self.scheduler.history(name, 100_000)))

    async def results(self, name: str | None = None) -> list[str | None]:
        return [run.result for run in await self.runs(name)]
