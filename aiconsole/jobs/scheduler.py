"""Runs jobs when they are due, one instance of each, and keeps the truth about them where a crash cannot take it.

Why not APScheduler's own scheduler: it reads the machine's clock itself, so that a year of schedules could not be run in a
test; its memory store forgets what was due while the console was closed, and its other stores pickle code. Its triggers are
what we want, and domain/schedule.py uses them. What is left is this loop: look at the time, begin what is due, sleep until
the next thing. `turn` is one look and returns how long nothing is to be done, so tests drive it with a clock of their own.

A run is claimed on the disk before it begins: the claim moves the job's next due time on and writes the run down in one
transaction, and is refused where that attempt at that due time is known. So a process killed at any moment leaves a run that
began at most once; the next start finds it, calls it interrupted, and makes up for it once, as a new run of its own. The
database's file lock says that no other process can be running it.

Time that passed asleep or closed counts as one due time. A wall clock that goes back only shortens waits, and the history
keeps the same due time from being run again; limits on a run's length use the monotonic clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from datetime import tzinfo
from random import Random
from typing import Final

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConfigError, ConsoleError
from aiconsole.domain.events import JobChanged, JobStep
from aiconsole.domain.jobs import JobCause, JobDay, JobRecord, JobRun, JobView
from aiconsole.domain.spans import span
from aiconsole.jobs import planning
from aiconsole.jobs.entry import Entry, PlanFor, in_order
from aiconsole.jobs.job import Job
from aiconsole.jobs.keeping import Keeping
from aiconsole.jobs.ledger import Ledger
from aiconsole.jobs.planning import Planner
from aiconsole.jobs.running import Running

LONGEST_WAIT_S: Final = 30.0
"""The loop looks at the clock at least so often: a clock that was set, or a machine that slept, is noticed by then."""

SETTLING_S: Final = 10.0
SPREAD_S: Final = 3.0
"""What became due while the console was closed or asleep begins so long after the start (the network may not be up), one
after another."""

CLOSING_S: Final = 1.0
_JUMP_S: Final = 2.0

_log = logging.getLogger(__name__)
replace = msgspec.structs.replace


class Scheduler:
    """The jobs of one console.

    Args:
        jobs: all that can run; each `Job.after` is honoured.
        keeping: where the truth is kept.
        zone: whose clocks schedules go by.
        random: what jitter comes from.
        publish: takes `JobChanged` events.
        clean: removes secrets from what jobs say.
        plans: what the settings say of a job, asked again by `reconfigure`.

    Raises:
        ValueError: jobs share a name, wait for each other, or have no usable schedule.
    """

    def __init__(
        self,
        jobs: Iterable[Job],
        keeping: Keeping,
        clock: Clock,
        *,
        zone: tzinfo,
        random: Random,
        publish: Callable[[JobChanged], None] = lambda event: None,
        clean: Callable[[str], str] = lambda text: text,
        plans: PlanFor = lambda name: (True, ""),
    ) -> None:
        self._keeping = keeping
        self._clock = clock
        self._planner = Planner(zone, random)
        self._ledger = Ledger(keeping, clock, self._planner, publish)
        self._publish = publish
        self._clean = clean
        self._plans = plans
        self._entries = {job.name: Entry(job, JobRecord(job.name), None) for job in in_order(jobs)}
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._concluding: set[asyncio.Task[None]] = set()
        self._seen = (clock.now(), clock.monotonic())
        self._anew = False
        self._by_itself = False
        self._closed = False

    # Life

    async def start(self, *, by_itself: bool = True, loop: bool = True) -> None:
        """Take up what was kept and begin.

        Args:
            by_itself: whether due jobs begin by themselves, or only what `run_now` asks for.
            loop: False leaves it to the caller to call `turn`.

        Raises:
            StoreError: what was kept cannot be read or written.
        """
        await self._ledger.take_up(self._entries)
        now = self._clock.now()
        await self._plan_anew(now)
        await self._ledger.save(entry.record for entry in self._entries.values())
        self._seen = (now, self._clock.monotonic())
        self._by_itself = by_itself
        if loop:
            self._loop = asyncio.ensure_future(self._turn_on())

    async def aclose(self) -> None:
        """Stop: runs that go on are told so, waited for briefly, and recorded as interrupted."""
        self._closed = True
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        going = [entry for entry in self._entries.values() if entry.running is not None]
        for entry in going:
            assert entry.running is not None
            entry.running.stop("interrupted", self._clock.monotonic())
        if self._concluding:
            await asyncio.wait(set(self._concluding), timeout=CLOSING_S)
        for entry in going:
            if entry.running is not None:
                await self._leave(entry, entry.running)
                entry.running.task.cancel()
        for task in tuple(self._concluding):
            task.cancel()
        await asyncio.gather(*self._concluding, return_exceptions=True)

    def reconfigure(self) -> None:
        """Take the settings anew, at once."""
        self._anew = True
        self._wake.set()

    # Doors

    def views(self) -> tuple[JobView, ...]:
        """Every job as a list shows it, each after those it waits for."""
        return tuple(entry.view() for entry in self._entries.values())

    def view(self, name: str) -> JobView:
        """One job. Raises ConfigError where there is none of that name."""
        return self._entry(name).view()

    def output(self, name: str) -> tuple[str, ...]:
        """The lines of the run that goes on, or else of the last one. Raises as `view`."""
        entry = self._entry(name)
        if entry.running is not None:
            return entry.running.output()
        return () if entry.last is None else entry.last.output

    def coming(self, name: str, schedule: str = "", count: int = 3) -> tuple[float, ...]:
        """When the job would be due next by ``schedule`` ("" its own default), in order. Raises ValueError, and as `view`."""
        entry = self._entry(name)
        return self._planner.coming(entry.record, entry.job, schedule or entry.job.schedule, self._clock.now(), count)

    async def run_now(self, name: str) -> int:
        """Begin a job at once, also where it is paused or switched off, and return the run's number.

        Raises:
            ConfigError: there is none of that name, or it is running.
            StoreError: the run cannot be written down, so it was not begun.
        """
        entry = self._entry(name)
        async with entry.guard:
            if self._closed or entry.running is not None:
                raise ConfigError(f"{entry.job.title} is running.", advice="Wait until it has ended, or cancel it.")
            run = JobRun(name, "by hand", self._clock.now())
            if not await self._begin(entry, entry.record, run):
                raise ConfigError(f"{entry.job.title} is run by another process.", advice="Try again in a minute.")
            assert entry.running is not None
            return entry.running.run.number

    async def run_due(self, name: str) -> bool:
        """Begin a job at once if its due time has come, as that due time's run; False where it has not. Raises as `run_now`."""
        entry = self._entry(name)
        now = self._clock.now()
        async with entry.guard:
            if entry.record.next_due is None or entry.record.next_due > now or entry.starts_at is None:
                return False
            entry.record = replace(entry.record, start_at=now)
        await self._begin_due(entry)
        return True

    async def finished(self, name: str) -> JobRun | None:
        """Wait until the job is not running, and return its last run. Raises as `view`."""
        entry = self._entry(name)
        if entry.running is not None:
            await entry.running.ended.wait()
        return entry.last

    def cancel(self, name: str) -> bool:
        """Tell a run to stop; False where none goes on. Raises as `view`."""
        running = self._entry(name).running
        if running is None:
            return False
        running.stop("cancelled", self._clock.monotonic())
        self._wake.set()
        return True

    async def pause(self, name: str) -> None:
        """Let it not begin by itself until `resume`, also after a restart. A run that goes on is not stopped.

        Raises:
            ConfigError: there is none of that name.
            StoreError: it cannot be kept.
        """
        await self._set_paused(name, True)

    async def resume(self, name: str) -> None:
        """Let it begin by itself again, at its next due time from now on. Raises as `pause`."""
        await self._set_paused(name, False)

    def sooner(self, name: str, in_s: float) -> None:
        """Let a job begin in so many seconds, unless it does so before. Raises as `view`."""
        self._entry(name).wanted_at = self._clock.now() + in_s
        self._wake.set()

    async def history(self, name: str | None = None, limit: int = 50) -> tuple[JobRun, ...]:
        """The latest runs of one job or of all, newest first. Raises StoreError, and as `view`."""
        if name is not None:
            self._entry(name)
        return await self._keeping.history(name, limit)

    async def days(self, days: int = 366) -> tuple[JobDay, ...]:
        """What ran on each of the last so many days (local), in order. Raises StoreError."""
        since = self._planner.day_of(self._clock.now() - days * 86400)
        return await self._keeping.days(since)

    # One look at the time

    async def turn(self) -> float:
        """Do what is due now; return the seconds until there is something to do again, `LONGEST_WAIT_S` at most."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        drift = (now - self._seen[0]) - (monotonic - self._seen[1])
        self._seen = (now, monotonic)
        if self._anew or abs(drift) > _JUMP_S:
            self._anew = False
            await self._plan_anew(now)
        for entry in self._entries.values():
            if entry.running is not None and not entry.running.left and entry.running.ends_by <= monotonic:
                if entry.running.stopping:
                    await self._leave(entry, entry.running)
                else:
                    entry.running.stop("timed out", monotonic)
        await self._ledger.beat(self._going(), monotonic)
        if self._by_itself:
            for entry in self._entries.values():
                await self._hasten(entry)
                if entry.due(now) and not entry.waits_for(self._entries, now):
                    await self._begin_due(entry)
        return self._wait()

    def _wait(self) -> float:
        now, monotonic = self._clock.now(), self._clock.monotonic()
        waits = [LONGEST_WAIT_S]
        for entry in self._entries.values():
            running, starts_at = entry.running, entry.starts_at
            if running is not None and not running.left:
                waits += (running.ends_by - monotonic, self._ledger.beat_at - monotonic)
            elif starts_at is not None and self._by_itself and not entry.waits_for(self._entries, now):
                waits.append(starts_at - now)
        return max(0.0, min(waits))

    async def _turn_on(self) -> None:
        while True:
            self._wake.clear()
            try:
                wait = await self.turn()
            except ConsoleError as error:
                _log.warning("Background jobs wait: %s", error.message)
                wait = LONGEST_WAIT_S
            except Exception:
                _log.exception("A fault of the scheduler")
                wait = LONGEST_WAIT_S
            before = self._clock.monotonic()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            if self._clock.monotonic() - before > wait + LONGEST_WAIT_S:
                self._anew = True  # the machine slept, and its monotonic clock went on

    # Beginning

    async def _begin_due(self, entry: Entry) -> None:
        async with entry.guard:
            now = self._clock.now()
            record, job = entry.record, entry.job
            if not entry.due(now):
                return
            regular = record.start_at is not None and record.start_at <= now
            if record.retry_at is not None and not regular:
                later = replace(record, retry_due=None, retry_at=None)
                run = JobRun(job.name, "retry", now, due=record.retry_due, attempt=record.attempt)
                await self._begin(entry, later, run)
                return
            due = record.next_due
            assert due is not None
            later = planning.without_retry(self._planner.advanced(record, job, entry.plan, now))
            passed = self._planner.passed_over(record, entry.plan, now)
            if job.misfire == "skip" and now - due > job.grace_s + job.jitter_s:
                words = f"It was due {span(round(now - due))} ago, too long to run it now."
                missed = JobRun(job.name, "schedule", now, due=due, ended_at=now, result="missed", message=words)
                await self._ledger.end(entry, later, missed)
                return
            cause: JobCause = "catch-up" if passed or now - due > planning.LATE_S + job.jitter_s else "schedule"
            await self._begin(entry, later, JobRun(job.name, cause, now, due=due), passed)

    async def _begin(self, entry: Entry, later: JobRecord, run: JobRun, passed: int = 0) -> bool:
        """Claim a run and begin it; False where it was begun before. ``later`` is the record from then on."""
        claimed = await self._ledger.claim(entry, later, run)
        if claimed is None:
            return False
        now = self._clock.monotonic()
        entry.running = running = Running(entry.job, claimed, now, told=self._ledger.told, clean=self._clean)
        if passed:
            many = f"{passed}{' or more' if passed == planning.MOST_COUNTED else ''}"
            running.note(f"{many} more due times have passed; this run stands for all of them.")
        task = asyncio.ensure_future(self._conclude(entry, running))
        self._concluding.add(task)
        task.add_done_callback(self._concluding.discard)
        return True

    # Ending

    async def _conclude(self, entry: Entry, running: Running) -> None:
        ending = await running.ending()
        async with entry.guard:
            try:
                if not running.left:
                    await self._ledger.record(entry, running, ending)
            except Exception:
                _log.exception("The end of a run of %s cannot be told", running.run.job)
            finally:
                entry.running = None
        running.ended.set()
        self._wake.set()

    async def _leave(self, entry: Entry, running: Running) -> None:
        """Record the end of a run that does not stop. It counts as running until it does, so no second one begins."""
        async with entry.guard:
            if entry.running is running and not running.task.done():
                running.left = True
                await self._ledger.record(entry, running, running.stopped())

    # What is planned

    async def _plan_anew(self, now: float) -> None:
        """After a start, a change of the settings or a jump of the clock: due times by the schedules as they are; what is
        overdue begins in a moment, one after another."""
        overdue = 0
        for entry in self._entries.values():
            async with entry.guard:
                was_on = entry.plan.enabled
                entry.configure(self._plans)
                record = self._planner.first_plan(entry.record, entry.job, entry.plan, now)
                if entry.plan.enabled and not was_on and (record.next_due or now) < now:
                    record = self._planner.advanced(record, entry.job, entry.plan, now)
                record = self._planner.not_later(record, entry.job, entry.plan, now)
                if record.start_at is not None and record.start_at <= now and not record.paused:
                    record = replace(record, start_at=now + SETTLING_S + overdue * SPREAD_S)
                    overdue += 1
                entry.record = record

    async def _hasten(self, entry: Entry) -> None:
        """Take up what `sooner` asked for."""
        if entry.wanted_at is not None:
            async with entry.guard:
                entry.record = self._planner.earlier(entry.record, entry.job, entry.wanted_at)
                entry.wanted_at = None

    async def _set_paused(self, name: str, paused: bool) -> None:
        entry = self._entry(name)
        async with entry.guard:
            now = self._clock.now()
            record = planning.without_retry(replace(entry.record, paused=paused))
            if not paused and record.next_due is not None and record.next_due <= now:
                record = self._planner.advanced(record, entry.job, entry.plan, now)
            await self._ledger.save((record,))
            entry.record = record
        step: JobStep = "paused" if paused else "resumed"
        self._publish(JobChanged(name, step, now, next_at=planning.next_start(record)))
        self._wake.set()

    def _going(self) -> list[int]:
        return [entry.running.run.number for entry in self._entries.values() if entry.running is not None]

    def _entry(self, name: str) -> Entry:
        if name not in self._entries:
            raise ConfigError(f"There is no job called “{name}”.", advice=f"There are: {', '.join(self._entries)}.")
        return self._entries[name]
