"""Drills of a few requests, on real engines, providers and sockets, in time lapse and in real time."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from aiconsole.domain.errors import ConfigError
from aiconsole.drill.alone import alone
from aiconsole.drill.lapse import LapseLoop
from aiconsole.drill.run import Answered, Asked, Began, BreakerTurned, Done, FaultChanged, Step, rig, run
from aiconsole.drill.scenarios import SCENARIOS, Fault, FaultKind, Limits, Scenario, one_fault
from aiconsole.drill.summary import Summary
from aiconsole.engine import Engine
from aiconsole.simulator import Behaviour, Simulator, StreamFault

MINI = Scenario(
    "mini",
    "The preferred provider answers 503 for a while.",
    (Fault("groq", "outage", 2.0, 8.0),),
    Limits(availability=1.0, calls=12),
    duration_s=14.0,
    tokens=12,
)


async def steps_of(scenario: Scenario) -> list[Step]:
    async with rig(scenario, seed=7) as (engine, clock), aclosing(run(scenario, engine, seed=7, clock=clock)) as steps:
        return [step async for step in steps]


def lapsed(scenario: Scenario) -> list[Step]:
    with asyncio.Runner(loop_factory=lambda: LapseLoop(0.0)) as runner:
        return runner.run(steps_of(scenario))


def summary_of(steps: list[Step]) -> Summary:
    assert isinstance(steps[-1], Done)
    return steps[-1].summary


def test_an_outage_is_drilled_in_time_lapse_and_told_step_by_step() -> None:
    began = time.perf_counter()
    steps = lapsed(MINI)
    assert time.perf_counter() - began < 10
    assert steps[0] == Began("mini", 28, 14.0, MINI.candidates)
    assert [(step.on, round(step.at_s)) for step in steps if isinstance(step, FaultChanged)] == [(True, 2), (False, 8)]
    assert [step.number for step in steps if isinstance(step, Asked)] == list(range(28))
    assert sorted(step.sample.number for step in steps if isinstance(step, Answered)) == list(range(28))
    summary = summary_of(steps)
    assert (summary.seed, summary.requests, summary.availability) == (7, 28, 1.0)
    assert 0 < summary.calls <= 12
    assert summary.switches > 0
    assert summary.avoided_after_s is not None
    assert summary.ttft.p50 is not None
    assert summary.total.p50 is not None
    assert 40 < summary.ttft.p50 < summary.total.p50 < 1_000
    assert summary.passed


def test_cut_streams_are_judged_by_the_known_text() -> None:
    cut = {"stream_fault": StreamFault("cut", 0.5, 5)}
    scenario = msgspec.structs.replace(MINI, faults=(Fault("groq", "cut", 0.0, 14.0, cut),))
    summary = summary_of(lapsed(scenario))
    assert (summary.availability, summary.truncated, summary.garbled) == (1.0, 0, 0)
    assert summary.seams > 0


def test_a_stream_that_lacks_one_torn_event_is_told_as_such_and_garbage_is_never_taken_for_an_answer() -> None:
    def garbage(kind: Literal["torn", "malformed"]) -> Summary:
        broken = {"stream_fault": StreamFault(kind, 1.0, 20)}
        fault: FaultKind = "torn" if kind == "torn" else "garbage"
        return summary_of(
            lapsed(msgspec.structs.replace(MINI, faults=(Fault("groq", fault, 0.0, 14.0, broken),), tokens=60))
        )

    torn, malformed = garbage("torn"), garbage("malformed")
    assert (torn.availability, torn.truncated, torn.garbled, torn.failed) == (1.0, 0, 0, {})
    assert torn.noted > 0
    assert torn.switches == torn.seams == 0
    assert (malformed.availability, malformed.truncated, malformed.garbled, malformed.noted) == (1.0, 0, 0, 0)
    assert malformed.seams > 0


def test_a_scenario_that_compares_hedging_is_run_without_it_and_with_it() -> None:
    scenario = next(scenario for scenario in SCENARIOS if scenario.hedge)
    scenario = msgspec.structs.replace(scenario, duration_s=12.0, tokens=5)

    async def both() -> list[Step]:
        async with aclosing(alone(scenario, seed=0)) as steps:
            return [step async for step in steps]

    with asyncio.Runner(loop_factory=lambda: LapseLoop(0.0)) as runner:
        steps = runner.run(both())
    assert [step.arm for step in steps if isinstance(step, Began)] == ["without hedging", "with hedging"]
    assert [type(step) for step in steps].count(Done) == 1
    summary = summary_of(steps)
    assert 0 < summary.hedges <= 0.05 * summary.requests + 2
    assert summary.extra_usd > 0
    assert summary.unhedged is not None
    assert summary.unhedged.p95 is not None
    assert summary.ttft.p95 is not None
    assert summary.ttft.p95 < 0.95 * summary.unhedged.p95


def test_a_drill_that_is_stopped_tells_what_was_seen_until_then() -> None:
    async def stopped() -> Summary:
        stop = asyncio.Event()
        async with aclosing(
            alone(MINI, stop=stop, settings={"routing.drill.strategy": "lowest cost"}, rules="")
        ) as steps:
            async for step in steps:
                if isinstance(step, Answered) and step.done == 5:
                    stop.set()
                if isinstance(step, Done):
                    return step.summary
        raise AssertionError

    with asyncio.Runner(loop_factory=lambda: LapseLoop(0.0)) as runner:
        summary = runner.run(stopped())
    assert 5 <= summary.requests < 28
    assert summary.stopped_s is not None
    assert summary.stopped_s < 14
    assert {check.limit for check in summary.checks} == {0}


async def test_a_drill_given_up_leaves_the_providers_as_they_were(tmp_path: Path) -> None:
    route, turned = "gpt-oss-120b", []
    own = Behaviour(ttft_ms=3)
    async with (
        Simulator.start(behaviours={"groq": own}) as simulator,
        Engine.open(home=tmp_path, environ={}, simulator=simulator) as engine,
    ):
        scenario = one_fault("outage", engine.routes()[route], "groq")
        scenario = msgspec.structs.replace(scenario, faults=(Fault("groq", "outage", 0.0, 9.0),), rate_per_s=50.0)
        async with aclosing(run(scenario, engine, route=route, pace={})) as steps:
            async for step in steps:
                if isinstance(step, FaultChanged):
                    assert simulator.behaviour("groq").error_rates == {"server_fault": 1.0}
                    engine.gate.breakers.get("mistral").force_open()
                if isinstance(step, BreakerTurned):
                    turned.append((step.change.key, step.change.before, step.change.after))
                if isinstance(step, Answered):
                    break
        assert ("mistral", "closed", "forced open") in turned
        assert simulator.behaviour("groq") == own


async def test_real_providers_are_never_drilled(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, environ={}) as engine:
        for route in ("gpt-oss-120b", "no-such-route"):
            with pytest.raises(ConfigError):
                async for _ in run(SCENARIOS[0], engine, route=route):
                    pass


@pytest.mark.parametrize("scale", [0.0, 0.01])
def test_waiting_is_shortened_and_work_in_threads_is_not(scale: float) -> None:
    order = []

    async def talk() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def say(after_s: float) -> None:
            await asyncio.sleep(after_s)
            order.append(after_s)

        await asyncio.gather(say(20.0), say(10.0), say(30.0))
        slept_s = loop.time() - began
        async with asyncio.timeout(5.0):
            await asyncio.to_thread(time.sleep, 0.05)
        return slept_s, loop.time() - began - slept_s

    began = time.perf_counter()
    with asyncio.Runner(loop_factory=lambda: LapseLoop(scale)) as runner:
        slept_s, worked_s = runner.run(talk())
    assert time.perf_counter() - began < 5
    assert order == [10.0, 20.0, 30.0]
    assert 30.0 <= slept_s < 31.0
    assert 0.05 <= worked_s < 5.0


def test_scenarios_are_told_apart_and_consistent() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    for scenario in SCENARIOS:
        assert all(fault.from_s < fault.to_s <= scenario.duration_s for fault in scenario.faults)


def test_the_command_prints_json_and_knows_its_scenarios() -> None:
    def drill(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "aiconsole", "drill", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    done = drill("--json", "--scenario", "all-down", "--seed", "3")
    (summary,) = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (summary["scenario"], summary["seed"], summary["availability"]) == ("all-down", 3, 0.0)
    assert summary["failed"] == {"all candidates failed": 60}
    wrong = drill("--scenario", "recover")
    assert wrong.returncode == 2
    assert "recovery" in wrong.stderr
