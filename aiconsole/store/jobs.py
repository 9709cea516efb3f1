"""The store's door for background jobs: their records, runs and days. What it is for is told in ``jobs/keeping.py``.

Runs are thinned out as new ones end: of each job the latest ``KEPT_RUNS`` stay, and those that did not succeed stay for
``KEPT_TROUBLE_S``. The counts of days stay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from aiconsole.domain.jobs import JobDay, JobRecord, JobRun

if TYPE_CHECKING:
    from aiconsole.store.database import Database
    from aiconsole.store.store import Store

KEPT_RUNS: Final = 300
KEPT_TROUBLE_S: Final = 90 * 86400.0
_THINNED_EVERY: Final = 50
_PATIENCE_S: Final = 5.0

_RECORD: Final = JobRecord.__struct_fields__
_RUN: Final = (
    "number, job, cause, due, attempt, started_at, ended_at, duration_ms, result, message, output, error, found"
)


class JobStore:
    """Every method may raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self) -> tuple[tuple[JobRecord, ...], tuple[JobRun, ...]]:
        """Every record, and each job's latest run."""
        return await self._store.read(_load, "tables")

    async def save(self, records: Sequence[JobRecord]) -> None:
        """Keep these records instead of the former ones."""
        await self._store.write(lambda database: _save(database, records))

    async def claim(self, record: JobRecord, run: JobRun) -> int | None:
        """Write the beginning of a run down and return its number; None where it was begun before, or where another owner's
        lease lasts beyond the run's ``started_at``."""
        return await self._store.write(lambda database: _claim(database, record, run))

    async def end(self, record: JobRecord, run: JobRun, day: str) -> None:
        """Write the end of a run down. On a full or locked disk it is held in memory and not waited for."""
        told = {name: self._store.redact(getattr(run, name)) for name in ("message", "error")}
        output = tuple(self._store.redact(line) for line in run.output)
        clean = msgspec.structs.replace(run, output=output, **told)
        writing = asyncio.wrap_future(self._store.post(lambda database: _end(database, record, clean, day), keep=True))
        done, _ = await asyncio.wait({writing}, timeout=_PATIENCE_S)
        if done:
            writing.result()

    async def beat(self, runs: Sequence[int], heartbeat: float, lease_until: float) -> None:
        """Renew the leases of runs."""
        marks = ",".join("?" * len(runs))
        sql = f"UPDATE background_jobs SET heartbeat = ?, lease_until = ? WHERE run IN ({marks})"  # noqa: S608
        await self._store.write(lambda database: database.execute_sql(sql, (heartbeat, lease_until, *runs)) and None)

    async def history(self, job: str | None, limit: int) -> tuple[JobRun, ...]:
        """The latest runs of a job or of all, newest first."""
        where, values = ("WHERE job = ?", (job, limit)) if job is not None else ("", (limit,))
        sql = f"SELECT {_RUN} FROM background_job_runs {where} ORDER BY number DESC LIMIT ?"  # noqa: S608
        rows = await self._store.read(lambda database: database.execute_sql(sql, values).fetchall(), "tables")
        return tuple(map(_run, rows))

    async def days(self, since: str) -> tuple[JobDay, ...]:
        """The days of all jobs from ``since`` on, in order."""
        sql = (
            "SELECT job, day, succeeded, failed, other, duration_ms FROM background_job_days WHERE day >= ? "
            "ORDER BY day, job"
        )
        rows = await self._store.read(lambda database: database.execute_sql(sql, (since,)).fetchall(), "tables")
        return tuple(JobDay(*row) for row in rows)


def _load(database: Database) -> tuple[tuple[JobRecord, ...], tuple[JobRun, ...]]:
    records = database.execute_sql(f"SELECT {', '.join(_RECORD)} FROM background_jobs").fetchall()  # noqa: S608
    runs = database.execute_sql(
        f"SELECT {_RUN} FROM background_job_runs WHERE number IN "  # noqa: S608
        "(SELECT max(number) FROM background_job_runs GROUP BY job)"
    ).fetchall()
    return tuple(map(_record, records)), tuple(map(_run, runs))


def _save(database: Database, records: Sequence[JobRecord]) -> None:
    marks = ",".join("?" * len(_RECORD))
    sql = f"INSERT OR REPLACE INTO background_jobs ({', '.join(_RECORD)}) VALUES ({marks})"  # noqa: S608
    for record in records:
        database.execute_sql(sql, tuple(getattr(record, name) for name in _RECORD))


def _claim(database: Database, record: JobRecord, run: JobRun) -> int | None:
    begun = database.execute_sql(
        "SELECT 1 FROM background_job_runs WHERE job = ? AND due = ? AND attempt = ?", (run.job, run.due, run.attempt)
    ).fetchone()
    held = database.execute_sql(
        "SELECT 1 FROM background_jobs WHERE job = ? AND run IS NOT NULL AND owner <> ? AND lease_until > ?",
        (run.job, record.owner, run.started_at),
    ).fetchone()
    if begun or held:
        return None
    added = database.execute_sql(
        "INSERT INTO background_job_runs (job, cause, due, attempt, started_at) VALUES (?, ?, ?, ?, ?)",
        (run.job, run.cause, run.due, run.attempt, run.started_at),
    )
    number = int(added.lastrowid or 0)
    _save(database, (msgspec.structs.replace(record, run=number),))
    return number


def _end(database: Database, record: JobRecord, run: JobRun, day: str) -> None:
    ended = (run.ended_at, run.duration_ms, run.result, run.message, "\n".join(run.output), run.error, run.found)
    if run.number:
        database.execute_sql(
            "UPDATE background_job_runs SET ended_at = ?, duration_ms = ?, result = ?, message = ?, output = ?, error = ?, "
            "found = ? WHERE number = ?",
            (*ended, run.number),
        )
    else:
        database.execute_sql(
            "INSERT OR IGNORE INTO background_job_runs (job, cause, due, attempt, started_at, ended_at, duration_ms, result, "
            "message, output, error, found) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (run.job, run.cause, run.due, run.attempt, run.started_at, *ended),
        )
    _save(database, (record,))
    good, bad = run.result == "succeeded", run.result in ("failed", "timed out")
    database.execute_sql(
        "INSERT INTO background_job_days (day, job, succeeded, failed, other, duration_ms) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (day, job) DO UPDATE SET succeeded = succeeded + excluded.succeeded, "
        "failed = failed + excluded.failed, other = other + excluded.other, "
        "duration_ms = duration_ms + excluded.duration_ms",
        (day, run.job, good, bad, not (good or bad), run.duration_ms or 0.0),
    )
    if run.number % _THINNED_EVERY == 0:
        _thin_out(database, run)


def _thin_out(database: Database, run: JobRun) -> None:
    database.execute_sql(
        "DELETE FROM background_job_runs WHERE job = ? AND result IS NOT NULL AND number <= "
        "(SELECT number FROM background_job_runs WHERE job = ? ORDER BY number DESC LIMIT 1 OFFSET ?) "
        "AND (result = 'succeeded' OR started_at < ?)",
        (run.job, run.job, KEPT_RUNS, run.started_at - KEPT_TROUBLE_S),
    )


def _record(row: Sequence[Any]) -> JobRecord:
    record = dict(zip(_RECORD, row, strict=True))
    return JobRecord(**{**record, "paused": bool(record["paused"])})


def _run(row: Sequence[Any]) -> JobRun:
    number, job, cause, due, attempt, started_at, ended_at, duration_ms, result, message, output, error, found = row
    lines = tuple(output.split("\n")) if output else ()
    return JobRun(
        job, cause, started_at, number, due, attempt, ended_at, duration_ms, result, message, lines, error, bool(found)
    )
