"""Writes down what becomes of runs, and tells the event bus: the truth first, then whoever listens."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from typing import Final
from uuid import uuid4

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConsoleError
from aiconsole.domain.events import JobChanged, JobStep
from aiconsole.domain.jobs import JobRecord, JobRun
from aiconsole.jobs import planning
from aiconsole.jobs.entry import Entry
from aiconsole.jobs.keeping import Keeping
from aiconsole.jobs.planning import Planner
from aiconsole.jobs.running import Ending, Running

BEAT_S: Final = 20.0
LEASE_S: Final = 60.0
"""A process that runs jobs says so every ``BEAT_S``, and may be believed to run them ``LEASE_S`` longer."""

_log = logging.getLogger(__name__)
replace = msgspec.structs.replace


class Ledger:
    """Every change of a job's record that must outlive the process; `Entry.record` follows what was kept."""

    def __init__(self, keeping: Keeping, clock: Clock, planner: Planner, publish: Callable[[JobChanged], None]) -> None:
        self._keeping = keeping
        self._clock = clock
        self._planner = planner
        self._publish = publish
        self._owner = f"{os.getpid()}-{uuid4().hex[:8]}"
        self.beat_at = clock.monotonic() + BEAT_S

    async def take_up(self, entries: dict[str, Entry]) -> None:
        """Read what was kept. Runs that an ended process left behind are called interrupted.

        Raises:
            StoreError: it cannot be read or written.
        """
        records, runs = await self._keeping.load()
        latest = {run.job: run for run in runs}
        for record in records:
            settled, last = await self._settle(record, latest.get(record.job))
            if entry := entries.get(record.job):
                entry.record, entry.last = settled, last

    async def save(self, records: Iterable[JobRecord]) -> None:
        """Keep these records. Raises StoreError."""
        await self._keeping.save(tuple(records))

    async def claim(self, entry: Entry, later: JobRecord, run: JobRun) -> JobRun | None:
        """Write down that ``run`` begins and ``later`` is the record from then on; None where it was begun before.

        Raises:
            StoreError: it cannot be written down, so it must not begin.
        """
        lease = replace(later, owner=self._owner, heartbeat=run.started_at, lease_until=run.started_at + LEASE_S)
        number = await self._keeping.claim(lease, run)
        entry.record = later if number is None else replace(lease, run=number)
        if number is None:
            return None
        run = replace(run, number=number)
        self.tell(run, "started", later)
        return run

    async def record(self, entry: Entry, running: Running, ending: Ending) -> None:
        """Write down how a run ended, and when the job is due next after that."""
        now = self._clock.now()
        run = replace(
            running.run,
            ended_at=now,
            duration_ms=(self._clock.monotonic() - running.began) * 1000,
            result=ending.result,
            message=ending.message,
            output=running.output(),
            error=ending.error,
            found=ending.found,
        )
        record = planning.free(entry.record)
        if ending.result in ("failed", "timed out"):
            record = self._planner.with_retry(record, entry.job, run.due, now)
        elif ending.result == "interrupted":
            record = planning.made_up(record, run, now)
        else:
            record = planning.without_retry(record)
        if ending.again_in_s is not None:
            record = self._planner.earlier(record, entry.job, now + ending.again_in_s)
        await self.end(entry, record, run)

    async def end(self, entry: Entry, record: JobRecord, run: JobRun) -> None:
        """Write down a run that is over."""
        entry.record, entry.last = record, run
        try:
            await self._keeping.end(record, run, self._planner.day_of(run.started_at))
        except ConsoleError as error:
            _log.warning("The end of a run of %s cannot be kept: %s", run.job, error.message)
        if run.result is not None:
            self.tell(run, run.result, record)

    async def beat(self, runs: list[int], monotonic: float) -> None:
        """Say from time to time that the process is alive. Raises StoreError."""
        if monotonic < self.beat_at:
            return
        self.beat_at = monotonic + BEAT_S
        if runs:
            now = self._clock.now()
            await self._keeping.beat(runs, now, now + LEASE_S)

    def tell(self, run: JobRun, step: JobStep, record: JobRecord | None = None, message: str = "") -> None:
        """Publish a step of a run; ``record`` tells when the job is due next."""
        next_at = None if record is None else planning.next_start(record)
        words = message or run.message
        self._publish(JobChanged(run.job, step, self._clock.now(), run.number or None, run.duration_ms, next_at, words))

    def told(self, run: JobRun, line: str) -> None:
        """Publish a line of output."""
        self.tell(run, "progress", message=line)

    async def _settle(self, record: JobRecord, last: JobRun | None) -> tuple[JobRecord, JobRun | None]:
        if record.run is None or last is None or last.result is not None:
            return planning.free(record), last
        now = self._clock.now()
        ended_at = max(last.started_at, min(now, record.heartbeat or now))
        words = "The console ended while it ran."
        ended = replace(last, ended_at=ended_at, result="interrupted", message=words)
        record = planning.made_up(planning.free(record), ended, now)
        await self._keeping.end(record, ended, self._planner.day_of(ended.started_at))
        return record, ended
