"""When each job is due: reckoned from its record, which is the truth that is kept, its schedule and the time."""

from __future__ import annotations

from datetime import datetime, tzinfo
from random import Random
from typing import Final

import msgspec

from aiconsole.domain.backoff import equal_jitter
from aiconsole.domain.jobs import JobRecord, JobRun
from aiconsole.domain.schedule import Every, Schedule, parse_schedule
from aiconsole.jobs.job import Job

replace = msgspec.structs.replace

LATE_S: Final = 60.0
"""A run that begins more than this after its due time is told as a catch-up."""

MOST_COUNTED: Final = 50
"""Due times that passed are counted up to here; more are not worth the time."""

LONGEST_BACKOFF_S: Final = 6 * 3600.0
AGAIN_S: Final = 60.0
"""A run that the end of the console interrupted is made up for so long after the next start, once."""


class Plan(msgspec.Struct, frozen=True):
    """How a job is to run by the settings: its schedule, as text and taken apart, and whether it runs by itself at all."""

    text: str
    schedule: Schedule
    enabled: bool = True


class Planner:
    """Reckons due times by the clocks of ``zone``, with jitter from ``random``."""

    def __init__(self, zone: tzinfo, random: Random) -> None:
        self._zone = zone
        self._random = random

    def first_plan(self, record: JobRecord, job: Job, plan: Plan, now: float) -> JobRecord:
        """The record with a due time by ``plan``, where it has none yet or had one by another schedule."""
        if record.schedule == plan.text and record.next_due is not None:
            return record
        wait = min(job.first_in_s, plan.schedule.seconds) if isinstance(plan.schedule, Every) else None
        due = plan.schedule.next_after(now, self._zone) if wait is None else now + wait
        return self.due_at(replace(record, schedule=plan.text), job, due)

    def coming(self, record: JobRecord, job: Job, text: str, now: float, count: int) -> tuple[float, ...]:
        """The next ``count`` due times, were ``text`` the schedule from now on. Raises ValueError where it cannot be."""
        plan = Plan(text, parse_schedule(text))
        due = self.first_plan(record, job, plan, now).next_due
        dues = [now if due is None else due]
        while len(dues) < count:
            dues.append(plan.schedule.next_after(dues[-1], self._zone, anchor=dues[-1]))
        return tuple(dues)

    def not_later(self, record: JobRecord, job: Job, plan: Plan, now: float) -> JobRecord:
        """The record after the wall clock went back (or was ahead when the record was kept): no wait is longer than the
        schedule's own. A due time that was begun before is told by the history of runs, not by the clock."""
        if record.next_due is not None and record.next_due > now:
            due = plan.schedule.next_after(now, self._zone)
            if due < record.next_due:
                record = self.due_at(record, job, due)
        if record.retry_at is not None:
            record = replace(record, retry_at=min(record.retry_at, now + LONGEST_BACKOFF_S))
        return record

    def due_at(self, record: JobRecord, job: Job, due: float) -> JobRecord:
        return replace(record, next_due=due, start_at=due + self._random.uniform(0, job.jitter_s))

    def advanced(self, record: JobRecord, job: Job, plan: Plan, now: float) -> JobRecord:
        """The record with the first due time that is later than now, however many have passed. An interval that was missed
        whole begins anew, so that its catch-up is not followed by another run at once."""
        anchor = record.next_due
        if anchor is not None and isinstance(plan.schedule, Every) and now - anchor >= plan.schedule.seconds:
            anchor = None
        due = plan.schedule.next_after(now, self._zone, anchor=anchor)
        return self.due_at(record, job, due)

    def passed_over(self, record: JobRecord, plan: Plan, now: float) -> int:
        """How many due times after the record's own have passed as well, up to `MOST_COUNTED`."""
        count, due = 0, record.next_due
        if due is None:
            return 0
        if isinstance(plan.schedule, Every):
            return min(int((now - due) // plan.schedule.seconds), MOST_COUNTED)
        while count < MOST_COUNTED and (due := plan.schedule.next_after(due, self._zone)) <= now:
            count += 1
        return count

    def with_retry(self, record: JobRecord, job: Job, due: float | None, now: float) -> JobRecord:
        """The record of a job whose attempt failed: tried again after a while, unless that was the last attempt or
        its next due time comes first. The wait is ``backoff_s x 2^n`` with equal jitter."""
        if due is None or record.attempt > job.retries:
            return without_retry(record)
        at = now + equal_jitter(record.attempt - 1, self._random, first_s=job.backoff_s, most_s=LONGEST_BACKOFF_S)
        if record.start_at is not None and record.start_at <= at:
            return without_retry(record)
        return replace(record, retry_due=due, retry_at=at, attempt=record.attempt + 1)

    def day_of(self, moment: float) -> str:
        """The local date of a moment, such as ``2026-03-29``."""
        return datetime.fromtimestamp(moment, self._zone).date().isoformat()

    def earlier(self, record: JobRecord, job: Job, due: float) -> JobRecord:
        """The record with this due time, where that is sooner than its own."""
        if record.next_due is not None and record.next_due <= due:
            return record
        return self.due_at(record, job, due)


def made_up(record: JobRecord, run: JobRun, now: float) -> JobRecord:
    """The record of a job whose run was interrupted: made up for after the next start, as a run of its own due time, unless
    it was an attempt to make up for one itself (what ends the console must not do so at every start) or begun by hand."""
    again = now + AGAIN_S
    if run.due is None or run.attempt > 1 or (record.start_at is not None and record.start_at <= again):
        return without_retry(record)
    return replace(record, retry_due=now, retry_at=again, attempt=run.attempt + 1)


def without_retry(record: JobRecord) -> JobRecord:
    return replace(record, retry_due=None, retry_at=None, attempt=1)


def free(record: JobRecord) -> JobRecord:
    """The record of a job that is not running."""
    return replace(record, run=None, owner="", heartbeat=None, lease_until=None)


def next_start(record: JobRecord) -> float | None:
    """When it begins next by itself."""
    times = [at for at in (record.start_at, record.retry_at) if at is not None]
    return min(times) if times and not record.paused else None
