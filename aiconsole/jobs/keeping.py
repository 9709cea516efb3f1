"""What the scheduler must have kept, and how it asks for it. `store/jobs.py` keeps it in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from aiconsole.domain.jobs import JobDay, JobRecord, JobRun


class Keeping(Protocol):
    """The truth about jobs. Each method is one transaction, on the disk when it returns.

    Raises (all): StoreError where it cannot be kept or read now.
    """

    async def load(self) -> tuple[tuple[JobRecord, ...], tuple[JobRun, ...]]:
        """Every job's record, and each job's latest run (the one going on, where one is)."""

    async def save(self, records: Sequence[JobRecord]) -> None:
        """Keep these records instead of the former ones."""

    async def claim(self, record: JobRecord, run: JobRun) -> int | None:
        """Keep ``record`` with a new run, and return its number; None, with nothing kept, where that attempt at that due
        time was begun before or another process's lease of the job still lasts."""

    async def end(self, record: JobRecord, run: JobRun, day: str) -> None:
        """Keep ``record`` and the end of ``run``, and count it under ``day``. A run with number 0 was never begun. Held in
        memory and tried again where it cannot be written now."""

    async def beat(self, runs: Sequence[int], heartbeat: float, lease_until: float) -> None:
        """The process is alive and still has these runs going."""

    async def history(self, job: str | None, limit: int) -> tuple[JobRun, ...]:
        """The latest runs of a job or of all, newest first."""

    async def days(self, since: str) -> tuple[JobDay, ...]:
        """The days of all jobs from ``since`` (``2026-03-29``) on, in order."""
