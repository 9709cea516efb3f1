"""Background jobs as they are kept and shown: what is known of each, its runs, and its days. Times are epoch seconds."""

from __future__ import annotations

from typing import Literal

import msgspec

JobResult = Literal["succeeded", "failed", "timed out", "cancelled", "interrupted", "missed"]
"""How a run ended; "interrupted" by the end of the console, "missed" where it was due and was not begun."""

JobCause = Literal["schedule", "catch-up", "retry", "by hand"]
"""Why a run was begun; "catch-up" well after its time, for all times missed together."""

JobState = Literal["waiting", "running", "paused", "off"]


class JobRecord(msgspec.Struct, frozen=True):
    """What is kept of a job between runs and over a restart.

    Attributes:
        schedule: the text that ``next_due`` was reckoned from.
        next_due: the next due time; None until it is reckoned.
        start_at: ``next_due`` with jitter, not before which it is begun.
        attempt: which attempt the present run or the coming retry is, from 1.
        retry_due: the due time that is to be tried again at ``retry_at``; both None where none is.
        run: the number of the run that is going on; None while it waits.
        owner: which process runs it, and until when it may be believed to (``lease_until``) unless heard of
            (``heartbeat``).
    """

    job: str
    schedule: str = ""
    paused: bool = False
    next_due: float | None = None
    start_at: float | None = None
    attempt: int = 1
    retry_due: float | None = None
    retry_at: float | None = None
    run: int | None = None
    owner: str = ""
    heartbeat: float | None = None
    lease_until: float | None = None


class JobRun(msgspec.Struct, frozen=True):
    """One run. ``number`` is 0 until it is kept; ``due`` None where it was begun by hand; ``result`` None while it goes on.
    ``found``: it did its work, and what it found needs a look."""

    job: str
    cause: JobCause
    started_at: float
    number: int = 0
    due: float | None = None
    attempt: int = 1
    ended_at: float | None = None
    duration_ms: float | None = None
    result: JobResult | None = None
    message: str = ""
    output: tuple[str, ...] = ()
    error: str = ""
    found: bool = False


class JobDay(msgspec.Struct, frozen=True):
    """All runs of a job that began on one day (local, ``2026-03-29``), however long ago."""

    job: str
    day: str
    succeeded: int = 0
    failed: int = 0
    other: int = 0
    duration_ms: float = 0.0


class JobView(msgspec.Struct, frozen=True):
    """A job as a list shows it. ``next_at`` None where it will not run by itself; ``attempt`` above 1 is a coming retry;
    ``problem`` is what is wrong with its settings."""

    name: str
    title: str
    about: str
    schedule: str
    state: JobState
    next_at: float | None
    attempt: int
    last: JobRun | None
    started_at: float | None = None
    after: tuple[str, ...] = ()
    problem: str = ""

    def countdown_s(self, now: float) -> float | None:
        """Seconds until it is due, 0 where it is due already."""
        return None if self.next_at is None else max(0.0, self.next_at - now)
