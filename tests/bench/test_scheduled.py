"""The test bench as a background job: off until a suite is chosen, then it passes, or fails with what is wrong."""

from __future__ import annotations

from pathlib import Path

from aiconsole.bench.finished import scheduled_since
from aiconsole.bench.history import History
from aiconsole.domain.events import BenchFinished, Event
from aiconsole.engine import Engine
from aiconsole.jobs_setup import Jobs
from aiconsole.simulator import Behaviour, Simulator

QUICK = Behaviour(ttft_ms=5, tokens_per_s=5000)


async def ended(jobs: Jobs) -> tuple[str | None, str]:
    await jobs.scheduler.run_now("bench")
    run = await jobs.scheduler.finished("bench")
    assert run is not None
    return run.result, run.message


async def test_the_job_runs_the_chosen_suite_and_fails_with_what_is_wrong(tmp_path: Path) -> None:
    seen: list[Event] = []
    async with (
        Simulator.start(behaviours={"groq": QUICK, "mistral": QUICK}) as simulator,
        Engine.open(home=tmp_path, environ={}, simulator=simulator) as engine,
    ):
        engine.bus.subscribe(seen.append)
        jobs = await engine.open_jobs(by_itself=False)
        assert jobs.scheduler.view("bench").state == "off"
        assert (await ended(jobs))[1].startswith("Nothing was run: no suite is chosen.")
        await engine.change("bench.suite", "health")
        await engine.change("bench.targets", ["groq", "mistral"])
        await jobs.scheduler.turn()
        assert jobs.scheduler.view("bench").state == "waiting"
        result, words = await ended(jobs)
        assert result == "succeeded"
        assert words.startswith("Health: Everything that was tried works. Kept as ")
        simulator.set("mistral", Behaviour(error_rates={"bad_key": 1}))
        result, words = await ended(jobs)
        assert result == "failed"
        assert words.startswith("Health: 1 of 14 checks failed.")
        last = jobs.scheduler.view("bench").last
        assert last is not None
        assert any("mistral" in line and "FAIL" in line for line in last.output)
    ends = [event for event in seen if isinstance(event, BenchFinished)]
    assert [(event.passed, event.scheduled) for event in ends] == [(True, True), (False, True)]
    kept = scheduled_since(History(tmp_path / "bench"), 0.0)
    assert [(event.run, event.passed) for event in kept] == [(event.run, event.passed) for event in ends]
