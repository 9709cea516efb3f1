"""What the scheduler holds of each job while the console runs, and the order in which jobs go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from aiconsole.domain.jobs import JobRecord, JobRun, JobState, JobView
from aiconsole.domain.schedule import parse_schedule
from aiconsole.jobs import planning
from aiconsole.jobs.job import Job
from aiconsole.jobs.running import Running

PlanFor = Callable[[str], tuple[bool, str]]
"""By a job's name, whether it runs by itself, and its schedule as set; "" is the job's own."""


class Entry:
    """One job: its record as kept, its run if one goes on, and its last one. ``guard`` is held while the record changes.
    ``wanted_at``: it was asked to begin by then."""

    def __init__(self, job: Job, record: JobRecord, last: JobRun | None) -> None:
        self.job = job
        self.record = record
        self.last = last
        self.running: Running | None = None
        self.guard = asyncio.Lock()
        self.wanted_at: float | None = None
        self.plan = planning.Plan(job.schedule, parse_schedule(job.schedule))
        self.problem = ""

    def configure(self, plans: PlanFor) -> None:
        """Take the settings; a schedule that cannot be used gives way to the job's own, and ``problem`` says so."""
        enabled, text = plans(self.job.name)
        self.problem = ""
        try:
            self.plan = planning.Plan(text or self.job.schedule, parse_schedule(text or self.job.schedule), enabled)
        except ValueError as error:
            self.problem = f"The schedule “{text}” cannot be used: {error}. “{self.job.schedule}” is used instead."
            self.plan = planning.Plan(self.job.schedule, parse_schedule(self.job.schedule), enabled)

    @property
    def starts_at(self) -> float | None:
        """When it is to begin by itself, by the wall clock; None while it runs, is paused or switched off."""
        if not self.plan.enabled or self.running is not None:
            return None
        return planning.next_start(self.record)

    def due(self, now: float) -> bool:
        starts_at = self.starts_at
        return starts_at is not None and starts_at <= now

    def waits_for(self, entries: Mapping[str, Entry], now: float) -> bool:
        """Whether a job that goes first is running or due."""
        before = (entries[name] for name in self.job.after if name in entries)
        return any(entry.running is not None or entry.due(now) or entry.late(now) for entry in before)

    def late(self, now: float) -> bool:
        """Whether its due time has come, though it may still be held back."""
        next_due = self.record.next_due
        return self.starts_at is not None and next_due is not None and next_due <= now

    def view(self) -> JobView:
        state: JobState = "waiting"
        if self.running is not None:
            state = "running"
        elif self.record.paused:
            state = "paused"
        elif not self.plan.enabled:
            state = "off"
        return JobView(
            self.job.name,
            self.job.title,
            self.job.about,
            self.plan.text,
            state,
            self.starts_at,
            self.record.attempt,
            self.last,
            None if self.running is None else self.running.run.started_at,
            self.job.after,
            self.problem,
        )


def in_order(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """The jobs so that each comes after those it names; otherwise as given. Names of jobs that are not there are ignored.

    Raises:
        ValueError: two have one name, or some wait for each other.
    """
    left = list(jobs)
    if len({job.name for job in left}) != len(left):
        raise ValueError("two jobs have the same name")
    ordered: list[Job] = []
    while left:
        waiting = {job.name for job in left}
        ready = next((job for job in left if not waiting.intersection(job.after)), None)
        if ready is None:
            raise ValueError(f"these jobs wait for each other: {', '.join(sorted(waiting))}")
        ordered.append(ready)
        left.remove(ready)
    return tuple(ordered)
