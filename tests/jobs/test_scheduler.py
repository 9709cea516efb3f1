"""The scheduler on a clock of the test's own: what runs when, and what becomes of runs that fail, hang, block or are left."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from aiconsole.domain.errors import ConfigError, StoreError
from aiconsole.domain.jobs import JobRecord, JobRun
from aiconsole.jobs.job import MAX_LINES, Job, JobFailed, Outcome, Run
from aiconsole.jobs.scheduler import Scheduler
from aiconsole.jobs.threads import in_thread
from tests.clocks import FakeClock
from tests.jobs.places import BERLIN, MemoryKeeping, Rig, job


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


async def test_an_interval_keeps_its_pace_and_a_new_job_begins_soon() -> None:
    async with Rig(job(first_in_s=30)) as rig:
        start = rig.clock.now()
        await rig.pass_time(3600)
        runs = await rig.runs()
    assert [run.started_at - start for run in runs] == pytest.approx([30 + 600 * n for n in range(6)], abs=0.1)
    assert {(run.result, run.cause) for run in runs} == {("succeeded", "schedule")}


async def test_a_week_closed_is_one_catch_up_a_job() -> None:
    async with Rig(job("often", "every 1m"), job("daily", "daily 02:30"), job("weekly", "weekly sun 03:00")) as rig:
        await rig.pass_time(86400)
        before = len(await rig.runs())
        await rig.restart(closed_s=7 * 86400)
        await rig.pass_time(45)
        late = (await rig.runs())[before:]
    assert sorted(run.job for run in late) == ["daily", "often", "weekly"]
    assert {run.cause for run in late} == {"catch-up"}
    assert len({run.started_at for run in late}) == 3, "they do not all begin at once"
    assert "50 or more" in next(run for run in late if run.job == "often").output[0]


async def test_a_job_that_skips_what_is_late_is_recorded_as_missed() -> None:
    async with Rig(job(schedule="daily 02:30", misfire="skip", grace_s=600)) as rig:
        await rig.restart(closed_s=3 * 86400)
        await rig.pass_time(60)
        (missed,) = await rig.runs()
        assert missed.result == "missed"
        assert rig.scheduler.view("tidy").next_at > rig.clock.now()  # type: ignore[operator]
    assert [event.step for event in rig.events] == ["missed"]


async def test_a_failed_run_is_tried_again_with_longer_waits_and_then_left_to_its_schedule() -> None:
    def fails(run: Run) -> None:
        raise JobFailed("The disk is gone.", advice="Plug it in.")

    async def fails_at_once(run: Run) -> Outcome:
        fails(run)
        return Outcome()

    async with Rig(job(schedule="every 6h", work=fails_at_once, retries=3, backoff_s=60)) as rig:
        await rig.pass_time(6 * 3600)
        runs = await rig.runs()
    assert [run.attempt for run in runs] == [1, 2, 3, 4]
    assert len({run.due for run in runs}) == 1
    assert [run.cause for run in runs] == ["schedule", "retry", "retry", "retry"]
    waits = [later.started_at - earlier.started_at for earlier, later in pairwise(runs)]
    assert all(low <= wait <= 2 * low + 0.1 for wait, low in zip(waits, (30, 60, 120), strict=True))
    assert runs[0].message == "The disk is gone. Plug it in."
    assert runs[0].error == "JobFailed: The disk is gone."


async def test_a_run_that_hangs_is_stopped_and_the_others_never_wait_for_it() -> None:
    async def hangs(run: Run) -> Outcome:
        await asyncio.Event().wait()
        return Outcome()

    async with Rig(job("hangs", "every 1h", hangs, timeout_s=120), job("other", "every 1m")) as rig:
        await rig.pass_time(1800)
        assert await rig.results("hangs") == ["timed out"]
        assert len(await rig.runs("other")) == 30
        (run,) = await rig.runs("hangs")
    assert run.duration_ms == pytest.approx(120_000, abs=100)


async def test_blocking_work_that_never_stops_runs_once_and_harms_nobody() -> None:
    release = threading.Event()
    begun: list[float | None] = []

    def blocks(run: Run) -> None:
        begun.append(run.due)
        release.wait()

    async with Rig(job("blocks", "every 10m", blocks, timeout_s=60, retries=2), job("other", "every 1m")) as rig:
        await rig.pass_time(3600)
        (run,) = await rig.runs("blocks")
        assert run.result == "timed out"
        assert "did not stop" in run.message
        assert rig.scheduler.view("blocks").state == "running"
        assert len(await rig.runs("other")) == 60
        release.set()
        await rig.scheduler.finished("blocks")
        await rig.pass_time(60)
        assert len(begun) == 2, "once the thread has ended the job runs again"
        assert len(begun) == len(set(begun))


async def test_what_raises_in_a_coroutine_or_a_thread_is_kept_with_its_traceback() -> None:
    async def raises(run: Run) -> Outcome:
        run.say("so far so good")
        raise KeyError("missing")

    def exits(run: Run) -> None:
        run.say("from a thread")
        raise SystemExit(3)

    async with Rig(job("raises", work=raises), job("exits", work=exits)) as rig:
        await rig.scheduler.run_now("raises")
        await rig.scheduler.run_now("exits")
        first = await rig.scheduler.finished("raises")
        second = await rig.scheduler.finished("exits")
    assert first is not None
    assert second is not None
    assert (first.result, first.output) == ("failed", ("so far so good",))
    assert "Traceback" in first.error
    assert (second.result, second.output) == ("failed", ("from a thread",))
    assert "SystemExit" in second.message


async def test_jobs_wait_for_those_that_go_first() -> None:
    order: list[str] = []

    def noting(name: str) -> Job:
        async def work(run: Run) -> Outcome:
            order.append(f"{name} begins")
            await gate.wait()
            order.append(f"{name} ends")
            return Outcome()

        return job(name, "daily 03:00", work, after=("first",) if name == "second" else ())

    gate = asyncio.Event()
    async with Rig(noting("second"), noting("first"), clock=FakeClock(at("2026-05-04 02:59"))) as rig:
        await rig.pass_time(300)
        assert order == ["first begins"]
        gate.set()
        await rig.pass_time(60)
    assert order == ["first begins", "first ends", "second begins", "second ends"]
    assert [view.name for view in rig.scheduler.views()] == ["first", "second"]


async def test_after_a_week_closed_jobs_still_wait_for_those_that_go_first() -> None:
    order: list[str] = []

    def noting(name: str, schedule: str, **more: Any) -> Job:
        async def work(run: Run) -> Outcome:
            order.append(name)
            return Outcome()

        return job(name, schedule, work, **more)

    jobs = noting("second", "every 1h", after=("first",)), noting("first", "daily 03:00", jitter_s=50)
    async with Rig(*jobs) as rig:
        await rig.pass_time(7200)
        order.clear()
        await rig.restart(closed_s=7 * 86400)
        await rig.pass_time(120)
    assert order == ["first", "second"]


async def test_a_job_that_was_off_makes_up_for_nothing() -> None:
    on = True
    async with Rig(job(schedule="daily 02:30"), plans=lambda name: (on, "")) as rig:
        on = False
        rig.scheduler.reconfigure()
        await rig.pass_time(5 * 86400)
        on = True
        rig.scheduler.reconfigure()
        await rig.pass_time(60)
        assert await rig.runs() == []
        assert rig.scheduler.view("tidy").countdown_s(rig.clock.now()) is not None


async def test_an_end_that_cannot_be_kept_does_not_leave_the_job_running(caplog: pytest.LogCaptureFixture) -> None:
    class Forgetful(MemoryKeeping):
        async def end(self, record: JobRecord, run: JobRun, day: str) -> None:
            raise errors.pop()

    errors: list[Exception] = [KeyError("a fault"), StoreError("The disk is full.")]
    async with Rig(job(), keeping=Forgetful()) as rig:
        for _ in range(2):
            await rig.scheduler.run_now("tidy")
            await rig.scheduler.finished("tidy")
        assert rig.scheduler.view("tidy").state == "waiting"
    assert "The disk is full." in caplog.text
    assert "a fault" in caplog.text


def test_jobs_that_wait_for_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="a, b"):
        Rig(job("a", after=("b",)), job("b", after=("a",)))


async def test_pause_resume_run_now_and_cancel() -> None:
    async def slow(run: Run) -> Outcome:
        await asyncio.Event().wait()
        return Outcome()

    async with Rig(job(), job("slow", "every 10d", slow, first_in_s=86400, retries=3)) as rig:
        await rig.scheduler.pause("tidy")
        await rig.restart(closed_s=3600)
        await rig.pass_time(1800)
        assert await rig.runs("tidy") == []
        assert (rig.scheduler.view("tidy").state, rig.scheduler.view("tidy").next_at) == ("paused", None)
        await rig.scheduler.run_now("tidy")
        await rig.pass_time(1)
        await rig.scheduler.resume("tidy")
        assert 0 < (rig.scheduler.view("tidy").countdown_s(rig.clock.now()) or 0) <= 600
        number = await rig.scheduler.run_now("slow")
        with pytest.raises(ConfigError, match="running"):
            await rig.scheduler.run_now("slow")
        assert rig.scheduler.cancel("slow")
        run = await rig.scheduler.finished("slow")
        assert run is not None
        assert (run.number, run.result, run.cause) == (number, "cancelled", "by hand")
        assert not rig.scheduler.cancel("slow")
        with pytest.raises(ConfigError, match="no job called"):
            await rig.scheduler.run_now("nope")
        assert [run.cause for run in await rig.runs("tidy")] == ["by hand"]
    steps = [event.step for event in rig.events if event.job == "tidy"]
    assert steps == ["paused", "started", "succeeded", "resumed"]


async def test_a_run_that_closing_interrupts_is_made_up_for_once() -> None:
    async def slow(run: Run) -> Outcome:
        await asyncio.Event().wait()
        return Outcome()

    async with Rig(job(schedule="daily 02:30", work=slow), clock=FakeClock(at("2026-05-04 02:29"))) as rig:
        await rig.pass_time(120)
        for _ in range(3):
            await rig.restart(closed_s=600)
            await rig.pass_time(300)
        runs = await rig.runs()
        assert rig.scheduler.view("tidy").next_at == at("2026-05-05 02:30")
    assert [run.result for run in runs] == ["interrupted", "interrupted"]
    assert [run.cause for run in runs] == ["schedule", "retry"]
    assert len({run.due for run in runs}) == 2


async def test_closing_leaves_a_thread_that_does_not_stop_to_itself() -> None:
    release = threading.Event()
    rig = Rig(job(work=lambda run: release.wait() and None))
    async with rig:
        await rig.scheduler.run_now("tidy")
        await rig.settle()
    release.set()
    (run,) = await rig.memory.history("tidy", 9)
    assert run.result == "interrupted"


async def test_a_wall_clock_that_jumps_back_shortens_waits_and_repeats_nothing() -> None:
    async with Rig(job("daily", "daily 02:30"), job("often"), clock=FakeClock(at("2026-05-04 02:00"))) as rig:
        await rig.pass_time(3600)
        rig.clock.jump_wall(-3600)
        await rig.pass_time(3 * 3600)
        daily = await rig.runs("daily")
        often = [run.started_at for run in await rig.runs("often")]
        assert [run.due for run in daily] == [at("2026-05-04 02:30")]
        rig.clock.jump_wall(-400 * 86400)
        await rig.pass_time(1800)
        assert len(await rig.runs("often")) >= len(often) + 2, (
            "a clock that was a year ahead does not stop a job for a year"
        )
    assert len(often) == pytest.approx(4 * 6, abs=2)


async def test_after_sleep_each_job_runs_once_and_not_before_the_network_may_be_up() -> None:
    async with Rig(job("a"), job("b")) as rig:
        await rig.pass_time(1200)
        before = len(await rig.runs())
        rig.clock.jump_wall(9 * 3600)
        woke = rig.clock.now()
        await rig.pass_time(60)
        after = (await rig.runs())[before:]
    assert sorted(run.job for run in after) == ["a", "b"]
    assert min(run.started_at for run in after) >= woke + 9


async def test_settings_change_schedules_at_once_and_a_bad_one_gives_way_to_the_jobs_own() -> None:
    settings = {"tidy": (True, "")}
    async with Rig(job(), plans=lambda name: settings[name]) as rig:
        settings["tidy"] = (True, "every 1h")
        rig.scheduler.reconfigure()
        await rig.pass_time(2 * 3600)
        assert len(await rig.runs()) == 2
        settings["tidy"] = (False, "")
        rig.scheduler.reconfigure()
        await rig.pass_time(3600)
        assert (len(await rig.runs()), rig.scheduler.view("tidy").state) == (2, "off")
        settings["tidy"] = (True, "whenever")
        rig.scheduler.reconfigure()
        await rig.pass_time(60)
        view = rig.scheduler.view("tidy")
    assert view.schedule == "every 10m"
    assert "whenever" in view.problem


async def test_a_job_may_ask_to_run_sooner_and_be_asked_to() -> None:
    async def urgent(run: Run) -> Outcome:
        return Outcome("unwell", again_in_s=20)

    async with Rig(job("urgent", "every 1h", urgent), job("calm", "every 1h")) as rig:
        await rig.pass_time(130)
        assert len(await rig.runs("urgent")) == 6
        rig.scheduler.sooner("calm", 10)
        await rig.pass_time(15)
        assert len(await rig.runs("calm")) == 2


async def test_output_is_bounded_cleaned_and_told_live() -> None:
    async def wordy(run: Run) -> Outcome:
        for line in range(3 * MAX_LINES):
            run.say(f"line {line} of SECRET" + "x" * 2000)
        return Outcome("SECRET done")

    async with Rig(job(work=wordy), clean=lambda text: text.replace("SECRET", "[key]")) as rig:
        await rig.scheduler.run_now("tidy")
        run = await rig.scheduler.finished("tidy")
        assert rig.scheduler.output("tidy") == run.output if run else False
    assert run is not None
    assert len(run.output) == MAX_LINES + 1
    assert "lines left out" in run.output[MAX_LINES // 2]
    assert run.message == "[key] done"
    assert not any("SECRET" in line for line in run.output)
    told = [event.message for event in rig.events if event.step == "progress"]
    assert len(told) == 3 * MAX_LINES
    assert not any("SECRET" in line for line in told)


async def test_the_loop_runs_by_itself_on_the_real_clock() -> None:
    from random import Random

    from aiconsole.domain.clock import SystemClock

    done = asyncio.Event()

    async def work(run: Run) -> Outcome:
        await in_thread(lambda: run.say("in a thread of its own"))
        done.set()
        return Outcome()

    keeping = MemoryKeeping()
    scheduler = Scheduler([job(work=work, first_in_s=0.01)], keeping, SystemClock(), zone=BERLIN, random=Random(1))
    await scheduler.start()
    await done.wait()
    await scheduler.finished("tidy")
    await scheduler.aclose()
    (run,) = await keeping.history("tidy", 5)
    assert (run.result, run.output) == ("succeeded", ("in a thread of its own",))


async def test_a_year_of_schedules_with_clock_changes_sleep_and_restarts() -> None:
    jobs = (
        job("nightly", "daily 02:30"),
        job("weekly", "weekly sun 03:00"),
        job("monthly", "monthly 1 04:15"),
        job("half-hourly", "every 30m"),
        job("workdays", "0 9 * * 1-5"),
    )
    async with Rig(*jobs, clock=FakeClock(at("2026-01-01 12:00"))) as rig:
        end = at("2027-01-01 12:00")
        restart_at, sleep_at = 500, 800
        while rig.clock.now() < end:
            await rig.settle()
            nexts = [view.next_at for view in rig.scheduler.views() if view.next_at is not None]
            rig.clock.advance(max(0.001, min(nexts) - rig.clock.now()))
            if len(rig.memory.runs) >= restart_at:
                restart_at += 500
                await rig.restart(closed_s=1)
            if len(rig.memory.runs) >= sleep_at:
                sleep_at += 1100
                rig.clock.jump_wall(20)
        runs = rig.memory.runs
    days = {
        name: [datetime.fromtimestamp(run.due or 0, BERLIN) for run in runs if run.job == name]
        for name in ("nightly", "weekly", "monthly", "workdays")
    }
    assert len({due.date() for due in days["nightly"]}) == len(days["nightly"]) == 365
    odd = [due.isoformat() for due in days["nightly"] if (due.hour, due.minute) != (2, 30)]
    assert odd == ["2026-03-29T03:00:00+02:00"]
    assert len(days["weekly"]) == 52
    assert len(days["monthly"]) == 12
    assert len(days["workdays"]) == 261
    assert all(due.weekday() < 5 and due.hour == 9 for due in days["workdays"])
    assert len([run for run in runs if run.job == "half-hourly"]) == pytest.approx(365 * 48, abs=40)
    assert max(run.started_at - (run.due or 0) for run in runs) < 60
    assert {run.result for run in runs} == {"succeeded"}
    assert len({(run.job, run.due) for run in runs}) == len(runs)
