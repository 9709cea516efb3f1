"""Whole runs over real sockets and processes: what the simulator was told to be is what the bench finds."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from aiconsole.bench.command import exit_code
from aiconsole.bench.plan import Limits, Load, Objectives, Plan, Prompt
from aiconsole.bench.progress import Checked, Over, Planned, Progress
from aiconsole.bench.report import Report
from aiconsole.bench.running import BenchRun
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.events import BenchFinished, Event, HealthSeen
from aiconsole.engine import Engine
from aiconsole.simulator import NAMES, Behaviour, RateLimits, Simulator, StreamFault
from tests.providers.test_wire import module_of
from tests.providers.wire import ReplayServer, recordings

KNOWN_MS = {name: 40 + 40 * index for index, name in enumerate(NAMES)}
SHORT = (Prompt("six", "[[tokens=6]]", max_tokens=64),)
CANARY = "sk-bench-canary-0123456789"


@asynccontextmanager
async def console(home: Path, **behaviours: Behaviour) -> AsyncIterator[tuple[Engine, Simulator]]:
    async with (
        Simulator.start(behaviours=behaviours) as simulator,
        Engine.open(home=home, environ={}, simulator=simulator) as engine,
    ):
        yield engine, simulator


def stress(*targets: str, load: Load, **fields: Any) -> Plan:
    usual: dict[str, Any] = {"prompts": SHORT, "warmup": 0, "calibrate": False}
    return Plan(kind="stress", targets=targets, load=load, **{**usual, **fields})


async def ended(run: BenchRun) -> Report:
    return await run.report()


async def test_health_finds_each_fault_where_it_is(tmp_path: Path) -> None:
    faults = {
        "cohere": Behaviour(error_rates={"bad_key": 1}),
        "mistral": Behaviour(outage="refuse"),
        "gemini": Behaviour(error_rates={"rate_limit": 1}),
        "anthropic": Behaviour(stream_fault=StreamFault("cut", after_tokens=1)),
        "cerebras": Behaviour(ttft_ms=80),
    }
    seen: list[Event] = []
    async with console(tmp_path, **faults) as (engine, _):
        engine.bus.subscribe(seen.append)
        run = await engine.bench.start(Plan(kind="health"))
        happenings = [happening async for happening in run.happenings()]
        report = await run.report()
    result = {(check.provider, check.check): check for check in report.health}
    assert len(result) == 7 * len(NAMES)
    assert len([happening for happening in happenings if isinstance(happening, Checked)]) == 7 * len(NAMES)
    assert {check.result for check in report.health if check.provider == "groq"} == {"pass"}
    assert result["cohere", "key"].error_kind == "bad key"
    assert result["cohere", "chat"].reason == "Not tried: the key was not accepted."
    assert result["mistral", "key"].result == "fail"
    assert result["mistral", "models"].result == "skipped"
    assert (result["gemini", "models"].result, result["gemini", "chat"].error_kind) == ("pass", "rate limit")
    assert [result["anthropic", name].result for name in ("chat", "stream", "tools")] == ["pass", "fail", "pass"]
    assert (result["cerebras", "stream"].ms or 0) >= 80
    assert exit_code(report) == 4
    health = {event.provider: event.healthy for event in seen if isinstance(event, HealthSeen)}
    assert health == {name: name in ("groq", "openrouter", "cerebras") for name in NAMES}


async def test_a_provider_without_a_key_is_told_without_being_asked(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, environ={}, demo=False) as engine:
        report = await (await engine.bench.start(Plan(kind="health", targets=("groq",)))).report()
        with pytest.raises(ConfigError, match="No provider called"):
            await engine.bench.start(Plan(targets=("nobody",)))
    assert report.health[0].error_kind == "missing key"
    assert exit_code(report) == 4


async def test_the_benchmark_finds_the_known_latency_of_all_seven(tmp_path: Path) -> None:
    behaviours = {name: Behaviour(ttft_ms=ms, tokens_per_s=100) for name, ms in KNOWN_MS.items()}
    plan = Plan(prompts=SHORT, repeats=4, warmup=1, calibrate=False, asserts=("gemini: ttft_p50 >= 100 ms",))
    seen: list[Event] = []
    async with console(tmp_path, **behaviours) as (engine, simulator):
        engine.bus.subscribe(seen.append)
        run = await engine.bench.start(plan)
        happenings = [happening async for happening in run.happenings()]
        report = await run.report()
        asked = {name: simulator.counts(name) for name in NAMES}
        samples = engine.bench.history.samples(report.id)
    assert [type(happening) for happening in (happenings[0], happenings[-1])] == [Planned, Over]
    assert any(isinstance(happening, Progress) for happening in happenings)
    assert len(report.targets) == len(NAMES)
    for target in report.targets:
        name = target.target.partition("/")[0]
        assert (target.requests, target.errors) == (4, 0)
        ttft = target.spreads["ttft"]
        assert KNOWN_MS[name] - 1 <= ttft.p50.value <= KNOWN_MS[name] + 200
        assert target.spreads["latency"].least >= target.spreads["e2e"].least >= KNOWN_MS[name] - 1
        if name == "gemini":  # sends several tokens a piece, so that these six come at once
            assert "itl" not in target.spreads
        else:
            assert 8 <= target.spreads["itl"].p50.value <= 40  # 10 ms a token
            assert target.spreads["e2e"].least >= KNOWN_MS[name] + 50 - 1
        assert asked[name].statuses[200] >= 5
    assert len(samples) == 5 * len(NAMES)
    assert all(sample.gaps_ms for sample in samples if not sample.target.startswith("gemini"))
    assert report.assertions[0].passed
    assert report.certificate.verdict in ("unproven", "invalid")  # not calibrated; the machine may be busy
    [finished] = [event for event in seen if isinstance(event, BenchFinished)]
    assert (finished.run, finished.requests, finished.error_share) == (report.id, 28, 0)


async def test_stress_finds_errors_by_kind_and_rate_limits_and_when(tmp_path: Path) -> None:
    faults = {
        "groq": Behaviour(rate_limit=RateLimits(requests_per_minute=5)),
        "mistral": Behaviour(error_rates={"server_fault": 1.0}),
        "cohere": Behaviour(stream_fault=StreamFault("cut", after_tokens=2)),
        "anthropic": Behaviour(ttft_ms=400),
    }
    load = Load("constant", level=20, seconds=1)
    targets = ("groq", "mistral/ministral-8b-latest", "cohere", "anthropic")
    plan = stress(*targets, load=load, objectives=Objectives(ttft_ms=300), limits=Limits(errors=None))
    async with console(tmp_path, **faults) as (engine, _):
        report = await ended(await engine.bench.start(plan))
    groq, mistral, cohere, anthropic = report.targets
    assert {target.requests for target in report.targets} == {20}
    assert groq.rate_limit is not None
    assert groq.rate_limit.count == groq.errors == 15
    assert 0.2 <= groq.rate_limit.first_s <= 1.0
    assert (groq.rate_limit.retry_after_s or 0) > 1
    assert mistral.errors_by_kind.keys() <= {"server fault", "overloaded", "timeout"}
    assert mistral.trouble
    assert cohere.errors_by_kind == {"connection cut": 20}
    assert (anthropic.errors, anthropic.good) == (0, 0)
    assert groq.good == 5


async def test_a_sweep_finds_the_level_beyond_which_a_provider_does_not_keep_up(tmp_path: Path) -> None:
    limited = Behaviour(rate_limit=RateLimits(requests_per_minute=60 * 20))
    plan = stress("groq", load=Load("sweep", level=4, to=16, steps=3, seconds=0.4), limits=Limits(errors=None))
    async with console(tmp_path, groq=limited) as (engine, simulator):
        easy = await ended(await engine.bench.start(plan))
        simulator.set("groq", Behaviour(error_rates={"overloaded": 0.5}))
        hard = await ended(await engine.bench.start(plan))
    assert easy.targets[0].knee == 16
    assert [stage.kept_up for stage in easy.targets[0].stages] == [True, True, True]
    assert hard.targets[0].knee is None or hard.targets[0].knee < 16
    assert any("failed" in stage.why for stage in hard.targets[0].stages)


@pytest.mark.skipif(not recordings("groq"), reason="the recorded exchanges (../shared/wire) are not here")
async def test_a_recorded_stream_is_measured_as_it_was_recorded(tmp_path: Path) -> None:
    streams = (found for found in recordings("groq") if found.streamed and found.path.endswith("completions"))
    recording = next(found for found in streams if found.status == 200 and b'"completion_tokens"' in found.body)
    expected = module_of(recording).expected(recording)
    async with ReplayServer.run(recording) as (server, url):
        settings = (
            f'[custom.replay]\nbase_url = "{url}{urlsplit(recording.path).path.removesuffix("/chat/completions")}"\n'
        )
        (tmp_path / "settings.toml").write_text(settings + "key_needed = false\n", encoding="utf-8")
        plan = Plan(targets=("replay/recorded",), prompts=SHORT, repeats=2, warmup=0, calibrate=False)
        async with Engine.open(home=tmp_path, environ={}, demo=False) as engine:
            report = await ended(await engine.bench.start(plan))
            samples = engine.bench.history.samples(report.id)
    assert [sample.error_kind for sample in samples] == [None, None], samples
    assert {sample.output_tokens for sample in samples} == {expected.usage["completion"]}
    first, second = (received.body for received in server.received if received.body)
    assert first != second  # each prompt begins with words of its own, so that no cache answers


async def test_stopping_at_any_moment_keeps_what_there_is(tmp_path: Path) -> None:
    plan = stress("groq", load=Load("closed", level=4, seconds=60))
    async with console(tmp_path, groq=Behaviour(ttft_ms=30, tokens_per_s=200)) as (engine, _):
        run = await engine.bench.start(plan)
        async for happening in run.happenings():
            if isinstance(happening, Progress) and happening.ended >= 4:
                run.stop()
        report = await run.report()
        kept = engine.bench.history.load(report.id)
        rare = await engine.bench.start(stress("groq", load=Load("constant", level=0.05, seconds=60)))
        async for happening in rare.happenings():
            if isinstance(happening, Progress) and happening.phase == "measuring":
                rare.stop()  # while it waits 20 s for its first request
        nothing = await rare.report()
    assert report.partial
    assert report.stopped == "Stopped by hand."
    assert report.targets[0].requests >= 4
    assert kept.targets == report.targets
    assert exit_code(report) == 130
    assert nothing.partial
    assert not nothing.broken
    assert nothing.targets[0].requests == 0


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
async def test_a_killed_load_process_is_told_and_its_results_are_kept(tmp_path: Path) -> None:
    plan = stress("groq", load=Load("closed", level=4, seconds=60))
    async with console(tmp_path, groq=Behaviour(ttft_ms=30, tokens_per_s=200)) as (engine, _):
        run = await engine.bench.start(plan)
        killed = False
        async for happening in run.happenings():
            if isinstance(happening, Progress) and happening.ended >= 4 and not killed:
                assert run.process_id is not None
                os.kill(run.process_id, signal.SIGKILL)
                killed = True
        report = await run.report()
        (engine.bench.history.folder / report.id / "run.json").unlink()  # as if the console had been killed too
        unfinished = engine.bench.history.load(report.id)
        [entry] = engine.bench.history.entries()
    assert "killed by signal 9" in report.stopped
    assert report.certificate.verdict == "invalid"
    assert report.targets[0].requests >= 4
    assert exit_code(report) == 3
    assert unfinished.targets == report.targets
    assert (entry.finished, entry.id) == (False, report.id)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(usd=0.0001), "cost limit"),
        (Limits(errors=3), "More than 3 requests failed"),
        (Limits(errors=None, seconds=0.3), "time limit of 0.3 s"),
    ],
)
async def test_a_run_stops_hard_at_its_limits(limits: Limits, words: str, tmp_path: Path) -> None:
    behaviour = Behaviour(error_rates={"server_fault": 1.0}) if limits.errors == 3 else Behaviour(ttft_ms=400)
    plan = stress("openrouter/openai/gpt-4o-mini", load=Load("constant", level=40, seconds=20), limits=limits)
    async with console(tmp_path, openrouter=behaviour) as (engine, _):
        report = await ended(await engine.bench.start(plan))
    assert words in report.stopped
    assert not report.partial
    assert report.targets[0].cost_usd <= (limits.usd or 1)


async def test_keys_go_to_the_load_process_through_its_pipe_only(tmp_path: Path) -> None:
    async with Simulator.start(behaviours={"groq": Behaviour(ttft_ms=20)}) as simulator:
        base_url = simulator.base_url("groq")
        (tmp_path / "settings.toml").write_text(
            f'[custom.own]\nbase_url = "{base_url}"\nkey_variable = "OWN_KEY"\nkey_needed = true\n', encoding="utf-8"
        )
        async with Engine.open(home=tmp_path, environ={"OWN_KEY": CANARY}, demo=False) as engine:
            run = await engine.bench.start(stress("own/llama-3.1-8b-instant", load=Load("closed", level=2, seconds=30)))
            process = None
            async for happening in run.happenings():
                if isinstance(happening, Progress) and happening.ended and process is None:
                    process = Path(f"/proc/{run.process_id}")
                    if process.is_dir():
                        assert CANARY.encode() not in (process / "cmdline").read_bytes()
                        assert CANARY.encode() not in (process / "environ").read_bytes()
                    run.stop()
            report = await run.report()
    assert report.targets[0].errors == 0
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert CANARY.encode() not in path.read_bytes(), path
        if os.name != "nt" and "bench" in path.parts:
            assert path.stat().st_mode & 0o077 == 0


async def test_the_generator_is_calibrated_before_the_run(tmp_path: Path) -> None:
    plan = stress("groq", load=Load("constant", level=20, seconds=0.5), calibrate=True, prompts=SHORT)
    async with console(tmp_path) as (engine, _):
        report = await ended(await engine.bench.start(plan))
    found = report.certificate.calibration
    assert found is not None
    assert (found.level, found.failed, found.tokens_per_s) == (20, 0, 50)
    assert found.requests >= 20
    assert 0 < found.ttft_p50_ms <= found.ttft_p99_ms <= found.ttft_max_ms
    assert {test.about.partition(",")[0] for test in report.certificate.tests} >= {"requests sent later than due"}


async def test_baselines_are_pinned_compared_with_and_drawn_over_time(tmp_path: Path) -> None:
    plan = Plan(targets=("groq",), prompts=SHORT, repeats=12, warmup=0, calibrate=False, load=Load(level=4))
    async with console(tmp_path, groq=Behaviour(ttft_ms=20)) as (engine, simulator):
        history = engine.bench.history
        first = await ended(await engine.bench.start(plan))
        history.pin("good", first.id)
        simulator.set("groq", Behaviour(ttft_ms=120))
        later = await ended(await engine.bench.start(plan, baseline=history.baseline("good")))
        points = history.series("ttft_p50", "groq")
        entries = history.entries()
        history.delete(first.id)
        with pytest.raises(ConfigError, match="no baseline called"):
            history.baseline("good")
    [ttft] = [change for change in later.comparison if change.metric == "ttft_p50"]
    assert ttft.verdict == "worse"
    assert ttft.difference.low > 0
    assert [point.run for point in points] == [first.id, later.id]
    assert points[0].value < points[1].value
    assert [entry.baselines for entry in entries] == [(), ("good",)]
