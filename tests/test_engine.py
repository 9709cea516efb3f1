"""The engine against the simulator: every provider, routes, bare names, failures before and after the first token, leaving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from aiconsole import ChatRequest, Engine, Message
from aiconsole.domain.chat import Continued, Failed, Finished, Started, StreamEvent, TextDelta
from aiconsole.domain.errors import AllFailed, BadKey, BadRequest, ConfigError, HeldBack, Overloaded, ProviderError
from aiconsole.domain.events import AttemptFinished, BreakerChanged, Event, Switched
from aiconsole.secrets import KeyStore
from aiconsole.simulator import NAMES, Behaviour, Simulator, StreamFault, known_text
from aiconsole.simulator.behaviour import StreamFaultKind
from tests.keyrings import memory_keyring

MODELS = {
    "groq": "openai/gpt-oss-120b",
    "cohere": "command-a-03-2025",
    "mistral": "mistral-small-latest",
    "gemini": "gemini-2.5-flash",
    "cerebras": "gpt-oss-120b",
    "openrouter": "openai/gpt-oss-120b",
    "anthropic": "claude-haiku-4-5-20251001",
}


@asynccontextmanager
async def simulated(home: Path) -> AsyncIterator[tuple[Engine, Simulator]]:
    async with Simulator.start() as simulator, Engine.open(home=home, environ={}, simulator=simulator) as engine:
        yield engine, simulator


def asking(model: str, text: str = "[[tokens=40]]") -> ChatRequest:
    return ChatRequest(model, (Message.user(text),))


async def read(engine: Engine, request: ChatRequest) -> list[StreamEvent]:
    async with aclosing(engine.stream(request)) as events:
        return [event async for event in events]


def text_of(events: list[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def result_of(events: list[StreamEvent]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


@pytest.mark.parametrize("name", NAMES)
async def test_each_provider_answers_whole_and_streamed(name: str, tmp_path: Path) -> None:
    request = asking(f"{name}/{MODELS[name]}")
    async with simulated(tmp_path) as (engine, _):
        whole = await engine.complete(request)
        events = await read(engine, request)
        assert (await engine.probe(name)).ok
        assert MODELS[name] in {info.id for info in await engine.models(name)}
    assert whole.text == text_of(events) == known_text(40)
    result = result_of(events).result
    assert (result.provider, result.simulated, result.finish_reason) == (name, True, "stop")
    assert result.usage.completion is not None
    assert result.usage.completion >= 40
    assert result.timing.ttft_ms is not None
    assert 0 < result.timing.ttft_ms <= result.timing.duration_ms


async def test_a_bare_name_and_a_route_find_their_candidates(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (engine, _):
        assert (await engine.complete(asking("claude-haiku-4-5-20251001"))).provider == "anthropic"
        assert (await engine.complete(asking("gpt-oss-120b"))).provider == "groq"
        with pytest.raises(ConfigError) as caught:
            await engine.complete(asking("claude-haiku-4-5-2025"))
        assert "claude-haiku-4-5-20251001" in caught.value.advice


async def test_a_failed_candidate_is_followed_by_the_next_before_the_first_token(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (engine, simulator):
        seen: list[Event] = []
        engine.bus.subscribe(seen.append)
        simulator.set("groq", Behaviour(error_rates={"overloaded": 1.0}))
        events = await read(engine, asking("gpt-oss-120b"))
        result = await engine.complete(asking("gpt-oss-120b"))
    failed = [event for event in events if isinstance(event, Failed)]
    assert {(event.provider, type(event.error)) for event in failed} == {("groq", Overloaded)}
    assert [event.attempt for event in events if isinstance(event, Started)] == [len(failed) + 1]
    assert result_of(events).result.provider == result.provider == "cerebras"
    assert "groq" in result.warnings[0]
    attempts = [event for event in seen if isinstance(event, AttemptFinished)]
    assert {(event.provider, event.error_kind) for event in attempts} == {("groq", "overloaded"), ("cerebras", None)}
    assert result.trace is not None
    assert result.trace.answered_by == "cerebras/gpt-oss-120b"
    assert [(attempt.candidate, attempt.outcome) for attempt in result.trace.attempts][-1][1] == "answered"


async def test_when_all_fail_the_error_lists_every_attempt(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (engine, simulator):
        for name in ("groq", "cerebras", "openrouter"):
            simulator.set(name, Behaviour(outage="refuse"))
        with pytest.raises(AllFailed) as caught:
            await engine.complete(asking("gpt-oss-120b"))
    assert {error.provider for error in caught.value.attempts} == {"groq", "cerebras", "openrouter"}
    assert caught.value.trace is not None
    assert caught.value.trace.answered_by is None


async def test_a_request_that_no_provider_could_mend_is_not_shopped_around(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (engine, simulator):
        simulator.set("groq", Behaviour(error_rates={"bad_request": 1.0}))
        with pytest.raises(BadRequest):
            await engine.complete(asking("gpt-oss-120b"))
        assert simulator.counts("cerebras").requests == 0


@pytest.mark.parametrize("kind", ["cut", "malformed"])
async def test_an_answer_that_breaks_off_is_gone_on_with_by_another_candidate(
    kind: StreamFaultKind, tmp_path: Path
) -> None:
    async with simulated(tmp_path) as (engine, simulator):
        seen: list[Event] = []
        engine.bus.subscribe(seen.append)
        simulator.set("groq", Behaviour(stream_fault=StreamFault(kind, rate=1.0, after_tokens=15)))
        events = await read(engine, asking("gpt-oss-120b"))
    assert text_of(events) == result_of(events).result.text == known_text(40)
    seams = [event for event in events if isinstance(event, Continued)]
    assert [(seam.provider, seam.after.partition("/")[0]) for seam in seams] == [("cerebras", "groq")]
    assert [event.mid_stream for event in seen if isinstance(event, Switched)] == [True]


async def test_a_stream_that_breaks_after_its_first_token_raises_where_nobody_may_go_on(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (engine, simulator):
        await engine.change("fallback.mid_stream", "off")
        simulator.set("groq", Behaviour(stream_fault=StreamFault("cut", rate=1.0, after_tokens=5)))
        shown = ""
        with pytest.raises(ProviderError) as caught:
            async with aclosing(engine.stream(asking("gpt-oss-120b"))) as events:
                async for event in events:
                    shown += event.text if isinstance(event, TextDelta) else ""
    assert caught.value.partial
    assert shown
    assert known_text(40).startswith(shown)


async def test_leaving_a_stream_tells_the_provider_at_once(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (engine, simulator):
        seen: list[Event] = []
        engine.bus.subscribe(seen.append)
        simulator.set("groq", Behaviour(tokens_per_s=5))
        task = asyncio.create_task(read(engine, asking("groq/openai/gpt-oss-120b")))
        while not simulator.counts("groq").requests:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.wait_for(simulator.idle(), 2)
    assert [event.error_kind for event in seen if isinstance(event, AttemptFinished)] == ["cancelled"]


async def test_a_key_entered_takes_effect_at_once_and_leaves_no_trace_in_messages(tmp_path: Path) -> None:
    async with Simulator.start() as simulator:
        text = f'[providers.groq]\nbase_url = "{simulator.base_url("groq")}"\n'
        (tmp_path / "settings.toml").write_text(text, encoding="utf-8")
        keys = KeyStore({}, backend=memory_keyring())
        async with Engine.open(home=tmp_path, environ={}, keys=keys) as engine:
            request = asking("groq/openai/gpt-oss-120b")
            with pytest.raises(BadKey, match="No key"):
                await engine.complete(request)
            await engine.set_key("groq", "wrong-canary-1234567890", "session")
            with pytest.raises(BadKey) as caught:
                await engine.complete(request)
            assert "canary" not in str(caught.value)
            await engine.set_key("groq", "good-key-1234567890", "keyring")
            assert (await engine.complete(request)).text
            assert engine.keys.source("groq") == "keyring"
            assert await engine.remove_key("groq")
            with pytest.raises(BadKey, match="No key"):
                await engine.complete(request)


async def test_a_setting_takes_effect_while_running(tmp_path: Path) -> None:
    async with (
        Simulator.start() as simulator,
        Engine.open(home=tmp_path, environ={"GROQ_API_KEY": "key-123456"}) as engine,
    ):
        await engine.change("providers.groq.base_url", simulator.base_url("groq"))
        assert (await engine.complete(asking("groq/openai/gpt-oss-120b"))).text
        await engine.change("providers.groq.enabled", False)
        with pytest.raises(ConfigError):
            await engine.complete(asking("groq/openai/gpt-oss-120b"))
        state = next(state for state in engine.providers() if state.name == "groq")
        assert (state.enabled, state.key_source) == (False, "environment")


async def test_a_custom_server_needs_no_code(tmp_path: Path) -> None:
    async with Simulator.start() as simulator, Engine.open(home=tmp_path, environ={}) as engine:
        await engine.change("custom.box", {"base_url": simulator.base_url("groq"), "key_needed": True})
        await engine.set_key("box", "key-1234567890", "session")
        result = await engine.complete(asking("box/openai/gpt-oss-120b"))
        assert (result.provider, result.text) == ("box", known_text(40))
        assert {info.provider for info in await engine.models("box")} == {"box"}


async def test_a_provider_set_up_wrongly_says_so_and_harms_no_other(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        '[custom.bad]\nbase_url = "https://10.0.0.1/v1"\n[custom.odd]\nbase_url = '
        '"https://api.example.com/v1"\ndialect = "no-such-dialect"\n',
        encoding="utf-8",
    )
    async with Engine.open(home=tmp_path, environ={}) as engine:
        states = {state.name: state for state in engine.providers()}
        assert "private network" in states["bad"].trouble
        assert "no-such-dialect" in states["odd"].trouble
        with pytest.raises(ConfigError):
            await engine.complete(asking("bad/model"))


async def test_the_demo_is_switched_while_running(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, environ={}) as engine:
        assert not engine.demo
        await engine.set_demo(True)
        assert all(state.simulated and state.usable for state in engine.providers())
        assert (await engine.complete(asking("gpt-oss-120b", "[[tokens=3]]"))).simulated
        await engine.set_demo(False)
        assert not any(state.simulated for state in engine.providers())


async def test_rules_of_ones_own_decide(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(
        '[spare-groq]\ncandidates = ["groq/*"]\nroutes = ["gpt-oss-120b"]\ncost = { above_usd = 0 }\ndo = "next candidate"\n'
        '[give-up]\nerrors = ["overloaded"]\ndo = "fail fast"\n[faulty]\ndo = "dance"\n',
        encoding="utf-8",
    )
    async with simulated(tmp_path) as (engine, simulator):
        await engine.models()
        answer = await engine.complete(asking("gpt-oss-120b"))
        assert answer.provider == "cerebras"
        assert answer.trace is not None
        assert [fired.rule for fired in answer.trace.rules] == ["spare-groq"]
        simulator.set("cerebras", Behaviour(error_rates={"overloaded": 1.0}))
        with pytest.raises(Overloaded) as caught:
            await engine.complete(asking("gpt-oss-120b"))
        assert caught.value.trace is not None
        assert [attempt.candidate for attempt in caught.value.trace.attempts] == ["cerebras/gpt-oss-120b"]


async def test_an_open_breaker_holds_a_candidate_back_until_it_is_well(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (engine, simulator):
        seen: list[Event] = []
        engine.bus.subscribe(seen.append)
        simulator.set("groq", Behaviour(error_rates={"server_fault": 1.0}))
        for _ in range(6):
            assert (await engine.complete(asking("gpt-oss-120b"))).provider == "cerebras"
        asked = simulator.counts("groq").requests
        assert engine.gate.breakers.get("groq/openai/gpt-oss-120b").state == "open"
        for _ in range(5):
            await engine.complete(asking("gpt-oss-120b"))
        assert simulator.counts("groq").requests == asked
        simulator.set("groq", Behaviour())
        engine.gate.breakers.get("groq/openai/gpt-oss-120b").hint_recovery()
        for _ in range(3):
            assert (await engine.complete(asking("gpt-oss-120b"))).provider == "groq"
    changes = [(event.before, event.after) for event in seen if isinstance(event, BreakerChanged)]
    assert changes == [("closed", "open"), ("open", "half-open"), ("half-open", "closed")]


async def test_what_was_pretended_counts_for_nothing_real(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, environ={"GROQ_API_KEY": "gsk-0123456789ab"}, demo=True) as engine:
        model = "groq/openai/gpt-oss-120b"
        await engine.complete(asking(model, "[[tokens=40]]"))
        gate = engine.gate
        assert gate.budgets.spent("day") > 0
        assert gate.measures.latency_ms(model, 95, 60)[1] == 1
        await engine.set_demo(False)
        assert gate.budgets.spent("day") == 0
        assert gate.measures.latency_ms(model, 95, 60)[1] == 0


async def test_what_may_be_spent_at_one_provider_sends_the_rest_on(tmp_path: Path) -> None:
    custom = {"base_url": "http://127.0.0.1:9/v1", "month_usd": 7.0}
    async with simulated(tmp_path) as (engine, _):
        await engine.models()
        await engine.change("custom.mine", custom)
        await engine.change("providers.groq.day_usd", 0.001)
        assert [(limit.provider, limit.period, limit.usd) for limit in engine.gate.budgets.limits] == [
            ("groq", "day", 0.001),
            ("mine", "month", 7.0),
        ]
        answers = await asyncio.gather(*(engine.complete(asking("gpt-oss-120b", "[[tokens=400]]")) for _ in range(12)))
        providers = [answer.provider for answer in answers]
        assert 0 < providers.count("groq") < 12
        assert 0 < engine.gate.budgets.spent("day", provider="groq") <= 0.001  # each reserved 500 tokens and took 400
        later = await engine.complete(asking("gpt-oss-120b"))
        assert later.provider == "cerebras"
        assert later.trace is not None
        assert "daily budget of $0.001 for groq" in later.trace.skipped[0].reason
        with pytest.raises(HeldBack, match="for groq is used up"):
            await engine.complete(asking("groq/openai/gpt-oss-120b"))
        await engine.reset("providers.groq.day_usd")
        assert (await engine.complete(asking("gpt-oss-120b"))).provider == "groq"


async def test_a_budget_holds_and_says_so(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (engine, _):
        await engine.models()
        await engine.change("spending.day_usd", 0.00001)
        with pytest.raises(ProviderError, match="daily budget"):
            for _ in range(50):
                await engine.complete(asking("gpt-oss-120b"))


async def test_many_long_streams_run_side_by_side(tmp_path: Path) -> None:
    begun = 0
    all_begun = asyncio.Event()

    async def one(engine: Engine) -> None:
        nonlocal begun
        async with aclosing(engine.stream(asking("groq/openai/gpt-oss-120b", "[[tokens=400]]"))) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    begun += 1
                    if begun == 40:
                        all_begun.set()
                    await all_begun.wait()
                    return

    async with simulated(tmp_path) as (engine, simulator):
        simulator.set("groq", Behaviour(tokens_per_s=20))
        await asyncio.wait_for(asyncio.gather(*(one(engine) for _ in range(40))), 10)


async def test_an_unknown_provider_is_said_to_be_one_while_keys_are_still_read(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, environ={}, keys=KeyStore({}, backend=memory_keyring())) as engine:
        with pytest.raises(ConfigError, match="No provider called “nobody” is switched on"):
            await engine.probe("nobody")
    async with Engine.open(home=tmp_path, environ={}, keys=KeyStore({}, backend=memory_keyring())) as engine:
        with pytest.raises(ConfigError, match="No provider called “nobody” is switched on"):
            await engine.models("nobody")


async def test_breakers_outlive_a_restart(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, environ={}) as engine:
        engine.gate.breakers.get("groq/openai/gpt-oss-120b").force_open("held open by hand")
        engine.gate.breakers.get("mistral").trip("five failures")
    keys = KeyStore({"GROQ_API_KEY": "key-1234567890"}, backend=memory_keyring(mistral="key-0987654321"))
    async with Engine.open(home=tmp_path, environ={}, keys=keys) as engine:
        await engine.keys_read()
        assert engine.gate.breakers.get("groq/openai/gpt-oss-120b").state == "forced open"
        assert engine.gate.breakers.get("mistral").state == "open"
        with pytest.raises(HeldBack, match="held open"):
            await engine.complete(asking("groq/openai/gpt-oss-120b"))
        engine.gate.breakers.get("groq/openai/gpt-oss-120b").reset()
    (tmp_path / "breakers.json").write_text("{broken", encoding="utf-8")
    async with Engine.open(home=tmp_path, environ={}) as engine:
        assert engine.gate.breakers.get("mistral").state == "closed"


async def test_what_simulated_breakers_do_is_never_kept_and_the_real_ones_come_back(tmp_path: Path) -> None:
    real, simulated_one = "groq/openai/gpt-oss-120b", "cerebras/gpt-oss-120b"
    async with Engine.open(home=tmp_path, environ={}) as engine:
        breakers = engine.gate.breakers
        breakers.get(real).force_open("held open by hand")
        breakers.get("mistral").trip("five failures")
        await engine.set_demo(True)
        assert [breakers.get(key).state for key in (real, "mistral")] == ["closed", "closed"]
        breakers.get(simulated_one).force_closed("held closed by hand")
        breakers.get("groq").trip("a simulated outage")
        await engine.set_demo(True)
        await engine.set_demo(False)
        assert [breakers.get(key).state for key in (real, "mistral")] == ["forced open", "open"]
        assert [breakers.get(key).state for key in (simulated_one, "groq")] == ["closed", "closed"]
        breakers.get(real).reset()
        await engine.set_demo(True)
        breakers.get("cohere").trip("a simulated outage")
    assert set(msgspec.json.decode((tmp_path / "breakers.json").read_bytes())) == {"mistral"}


async def test_a_console_begun_in_the_demo_takes_up_the_real_breakers_after_it(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, environ={}) as engine:
        engine.gate.breakers.get("mistral").force_open("held open by hand")
    before = (tmp_path / "breakers.json").read_bytes()
    async with Engine.open(home=tmp_path, environ={}, demo=True) as engine:
        engine.gate.breakers.get("groq").force_open("held open by hand")
        assert engine.gate.breakers.get("mistral").state == "closed"
        await engine.set_demo(False)
        assert engine.gate.breakers.get("mistral").state == "forced open"
        assert engine.gate.breakers.get("groq").state == "closed"
    assert (tmp_path / "breakers.json").read_bytes() == before
