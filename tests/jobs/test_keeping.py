"""What is kept of jobs, in a real database: over restarts, against a second claim, thinned out, with no key in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from aiconsole.domain.jobs import JobRecord, JobRun
from aiconsole.jobs.job import JobFailed, Outcome, Run
from aiconsole.store import Store
from aiconsole.store.jobs import KEPT_RUNS, JobStore
from tests.clocks import FakeClock
from tests.jobs.places import Rig, job


async def test_history_days_and_pauses_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    clock = FakeClock()

    async def speaks(run: Run) -> Outcome:
        run.say("one")
        run.say("two")
        return Outcome("all well")

    async def fails(run: Run) -> Outcome:
        raise JobFailed("No disk sk-secret-123.")

    jobs = (job("speaks", "every 1h", speaks), job("fails", "every 1h", fails))
    store = await Store.open(path, clock, redact=lambda text: text.replace("sk-secret-123", "[key]"))
    async with store, Rig(*jobs, keeping=JobStore(store), clock=clock) as rig:
        for name in ("speaks", "fails", "speaks"):
            await rig.scheduler.run_now(name)
            await rig.scheduler.finished(name)
        await rig.scheduler.pause("fails")
    async with await Store.open(path, clock) as store, Rig(*jobs, keeping=JobStore(store), clock=clock) as rig:
        assert rig.scheduler.view("fails").state == "paused"
        last = rig.scheduler.view("speaks").last
        assert last is not None
        assert (last.result, last.message, last.output) == ("succeeded", "all well", ("one", "two"))
        assert [run.job for run in await rig.scheduler.history()] == ["speaks", "fails", "speaks"]
        assert [(day.job, day.succeeded, day.failed) for day in await rig.scheduler.days()] == [
            ("fails", 0, 1),
            ("speaks", 2, 0),
        ]
    assert b"sk-secret-123" not in path.read_bytes()


async def test_a_due_time_is_claimed_once_and_a_live_lease_is_respected(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    async with await Store.open(path, FakeClock()) as store:
        keeping = JobStore(store)
        mine = JobRecord("tidy", owner="me", lease_until=160.0)
        run = JobRun("tidy", "schedule", 100.0, due=90.0)
        number = await keeping.claim(mine, run)
        assert number == 1
        assert await keeping.claim(mine, run) is None
        by_hand = JobRun("tidy", "by hand", 150.0)
        assert await keeping.claim(JobRecord("tidy", owner="other", lease_until=210.0), by_hand) is None
        await keeping.beat((1,), 150.0, 210.0)
        late = JobRun("tidy", "by hand", 211.0)
        assert await keeping.claim(JobRecord("tidy", owner="other", lease_until=280.0), late) == 2
    with closing(sqlite3.connect(path)) as database:
        heartbeats = database.execute("SELECT job, owner, run FROM background_jobs").fetchall()
    assert heartbeats == [("tidy", "other", 2)]


async def test_old_runs_are_thinned_out_and_trouble_stays_longer(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "aiconsole.db", FakeClock()) as store:
        keeping = JobStore(store)
        record = JobRecord("tidy", owner="me")
        for n in range(KEPT_RUNS + 100):
            run = JobRun("tidy", "schedule", float(n), due=float(n))
            number = await keeping.claim(record, run)
            assert number is not None
            ended = JobRun(
                "tidy",
                "schedule",
                n,
                number,
                n,
                ended_at=n,
                duration_ms=1.0,
                result="failed" if n == 7 else "succeeded",
                found=n == KEPT_RUNS,
            )
            await keeping.end(record, ended, "2026-03-29")
        runs = await keeping.history("tidy", 1000)
        (day,) = await keeping.days("2026-01-01")
    assert KEPT_RUNS <= len(runs) <= KEPT_RUNS + 51
    assert [run.due for run in runs if run.result == "failed"] == [7.0]
    assert [run.due for run in runs if run.found] == [float(KEPT_RUNS)]
    assert (day.succeeded, day.failed, day.duration_ms) == (KEPT_RUNS + 99, 1, KEPT_RUNS + 100)
