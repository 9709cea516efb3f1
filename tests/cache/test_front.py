"""The cache through the engine: hits and what they tell, streams, time, errors, and what stays apart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aiconsole import ChatRequest, Message
from aiconsole.domain.chat import Finished, Started, TextDelta
from aiconsole.domain.errors import BadRequest, ConfigError, ProviderError
from aiconsole.domain.events import AttemptFinished, CacheEvent
from aiconsole.drill.lapse import LapseLoop, LoopClock
from aiconsole.simulator import Behaviour, StreamFault, known_text
from tests.cache.console import MODEL, asking, console, read, text_of
from tests.clocks import FakeClock

TEXT = known_text(30)


async def test_a_repeated_request_is_answered_without_a_call(tmp_path: Path) -> None:
    clock = FakeClock()
    async with console(tmp_path, clock=clock) as here:
        first = await here.engine.complete(asking())
        clock.advance(720)
        again = await here.engine.complete(asking())
        assert here.calls == 1
        stats = await here.engine.cache.stats()
    assert first.cached is None
    assert again.cached is not None
    assert (again.text, again.provider, again.model) == (first.text, first.provider, first.model)
    assert again.simulated
    assert again.cached.age_s == 720
    assert again.cost is not None
    assert again.cost.usd == 0
    assert first.cost is not None
    assert again.cached.saved_usd == first.cost.usd > 0
    assert again.trace is not None
    assert again.trace.answered_by == MODEL
    assert here.steps() == ["miss", "store", "hit"]
    told = here.ends()
    assert [end.cached for end in told] == [False, True]
    assert (told[1].provider, f"groq/{told[1].model}", told[1].route) == ("groq", MODEL, MODEL)
    assert (told[1].saved_usd, told[1].attempts, told[1].error_kind) == (first.cost.usd, 0, None)
    assert told[0].request_id != told[1].request_id == again.trace.request_id
    assert (stats.hits, stats.misses, stats.stores, stats.hit_rate) == (1, 1, 1, 0.5)
    assert stats.saved_usd == pytest.approx(first.cost.usd)
    hit = next(event for event in here.seen if isinstance(event, CacheEvent) and event.step == "hit")
    assert (again.cached.key.startswith(hit.key), hit.size > 0, hit.age_s) == (True, True, 720)


async def test_without_a_temperature_or_switched_off_every_request_is_a_call(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        for request in (asking(temperature=None), asking(temperature=0.7), asking(cache="off"), asking(origin="bench")):
            for _ in range(2):
                assert (await here.engine.complete(request)).cached is None
        assert here.calls == 8
        await here.engine.change("cache.mode", "off")
        for _ in range(2):
            assert (await here.engine.complete(asking(cache="on"))).cached is None
        await here.engine.change("cache.mode", "any temperature")
        await here.engine.complete(asking(temperature=0.7))
        assert (await here.engine.complete(asking(temperature=0.7))).cached is not None
    assert here.calls == 11


async def test_a_fresh_answer_takes_the_place_of_the_kept_one(tmp_path: Path) -> None:
    clock = FakeClock()
    async with console(tmp_path, clock=clock) as here:
        await here.engine.complete(asking())
        clock.advance(100)
        assert (await here.engine.complete(asking(cache="fresh"))).cached is None
        assert text_of(await read(here.engine, asking(cache="fresh"))) == TEXT
        clock.advance(1)
        again = await here.engine.complete(asking())
        assert here.calls == 3
    assert again.cached is not None
    assert again.cached.age_s == 1


async def test_an_answer_stored_while_the_clock_was_far_ahead_is_not_good_until_then(tmp_path: Path) -> None:
    clock = FakeClock()
    async with console(tmp_path, "[cache]\nttl_s = 100\n", clock=clock) as here:
        await here.engine.complete(asking())
        clock.jump_wall(-50)
        again = await here.engine.complete(asking())
        assert again.cached is not None and again.cached.age_s == 0
        clock.jump_wall(-86_400)
        assert (await here.engine.complete(asking())).cached is None
        assert (await here.engine.complete(asking())).cached is not None


async def test_an_answer_is_good_for_its_time_and_no_longer(tmp_path: Path) -> None:
    clock = FakeClock()
    settings = '[cache]\nttl_s = 100\n[routing."gpt-oss-120b"]\ncache_ttl_s = 10\n'
    async with console(tmp_path, settings, clock=clock) as here:
        for model in (MODEL, "gpt-oss-120b"):
            await here.engine.complete(asking(model=model))
        clock.advance(11)
        assert (await here.engine.complete(asking())).cached is not None
        assert (await here.engine.complete(asking(model="gpt-oss-120b"))).cached is None
        clock.advance(90)
        assert (await here.engine.complete(asking())).cached is None
        assert here.calls == 4
    assert here.steps().count("expire") == 3


async def test_names_that_stand_for_the_same_share_an_answer_and_others_do_not(tmp_path: Path) -> None:
    settings = """
[routes]
one = ["groq/openai/gpt-oss-20b", "cerebras/gpt-oss-120b"]
two = ["cerebras/gpt-oss-120b", "groq/openai/gpt-oss-20b"]
alone = ["groq/openai/gpt-oss-20b"]
"""
    async with console(tmp_path, settings) as here:
        await here.engine.complete(asking(model="one"))
        assert (await here.engine.complete(asking(model="two"))).cached is not None
        assert (await here.engine.complete(asking(model="groq/openai/gpt-oss-20b"))).cached is None
        assert (await here.engine.complete(asking(model="alone"))).cached is not None
        assert (await here.engine.complete(asking())).cached is None
        with pytest.raises(ConfigError):
            await here.engine.complete(asking(model="nobody-knows-this"))
        await here.engine.change("routes.two", ["cerebras/gpt-oss-120b", "mistral/mistral-small-latest"])
        assert (await here.engine.complete(asking(model="two"))).cached is None


async def test_a_simulated_answer_is_never_given_for_a_real_one(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        await here.engine.complete(asking())
        url = here.simulator.base_url("groq")
        await here.engine.set_key("groq", "key-1234567890", "session")
        await here.engine.set_demo(False)
        await here.engine.change("providers.groq.base_url", url)
        result = await here.engine.complete(asking())
        assert (result.cached, result.simulated) == (None, False)
        await here.engine.change("providers.groq.headers", {"X-Variant": "b"})
        assert (await here.engine.complete(asking())).cached is None
        assert (await here.engine.complete(asking())).cached is not None


async def test_streams_and_whole_answers_serve_each_other(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        streamed = await read(here.engine, asking())
        replayed = await read(here.engine, asking())
        whole = await here.engine.complete(asking())
        assert here.calls == 1
        await here.engine.complete(asking("[[tokens=20]]"))
        assert text_of(await read(here.engine, asking("[[tokens=20]]"))) == known_text(20)
        assert here.calls == 2
    assert text_of(streamed) == text_of(replayed) == whole.text == TEXT
    assert isinstance(replayed[0], Started)
    last = replayed[-1]
    assert isinstance(last, Finished)
    assert last.result.cached is not None
    assert [end.stream for end in here.ends()][:3] == [True, True, False]


async def test_a_stream_tells_its_way_whether_it_is_called_for_or_kept(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        ways: list[str] = []
        for _ in range(2):
            async for _ in here.engine.stream(asking(), traced=lambda way: ways.append(way().route)):
                pass
    assert ways == [MODEL, MODEL]


def test_a_stream_is_replayed_at_the_pace_it_came_at(tmp_path: Path) -> None:
    async def replay() -> tuple[list[float], list[float], str]:
        clock = LoopClock()
        times: list[list[float]] = []
        async with console(tmp_path, '[cache]\nreplay = "recorded pace"\n', clock=clock) as here:
            here.simulator.set("groq", Behaviour(ttft_ms=500, tokens_per_s=10))
            for _ in range(2):
                began = clock.monotonic()
                seen = []
                text = ""
                async for event in here.engine.stream(asking()):
                    if isinstance(event, TextDelta):
                        seen.append(clock.monotonic() - began)
                        text += event.text
                times.append(seen)
            assert here.calls == 1
        return times[0], times[1], text

    with asyncio.Runner(loop_factory=lambda: LapseLoop(0)) as runner:
        came, again, text = runner.run(replay())
    assert text == TEXT
    assert len(again) > 10
    assert again[0] >= 0.4
    assert again[-1] == pytest.approx(came[-1], abs=0.3)


async def test_errors_and_answers_that_did_not_end_well_are_not_kept(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        here.simulator.set("groq", Behaviour(error_rates={"bad_request": 1.0}))
        with pytest.raises(BadRequest):
            await here.engine.complete(asking())
        here.simulator.set("groq", Behaviour())
        cut = asking("[[tokens=40]]", max_tokens=5)
        assert (await here.engine.complete(cut)).finish_reason == "length"
        assert (await here.engine.complete(cut)).cached is None
        assert (await here.engine.complete(asking())).cached is None
        assert (await here.engine.cache.stats()).entries == 1


async def test_an_answer_with_a_seam_is_not_kept(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        here.simulator.set("groq", Behaviour(stream_fault=StreamFault("cut", rate=1.0, after_tokens=15)))
        assert text_of(await read(here.engine, asking(model="gpt-oss-120b"))) == TEXT
        assert (await here.engine.cache.stats()).entries == 0


async def test_failures_before_an_answer_are_not_told_again_with_the_kept_one(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        here.simulator.set("groq", Behaviour(error_rates={"overloaded": 1.0}))
        first = await here.engine.complete(asking(model="gpt-oss-120b"))
        again = await here.engine.complete(asking(model="gpt-oss-120b"))
    assert "groq" in first.warnings[0]
    assert again.warnings == ()
    assert again.provider == "cerebras"


async def test_a_stale_answer_is_given_while_a_new_one_is_fetched(tmp_path: Path) -> None:
    clock = FakeClock()
    async with console(tmp_path, "[cache]\nttl_s = 10\nrevalidate_s = 50\n", clock=clock) as here:
        await here.engine.complete(asking())
        clock.advance(30)
        stale = await here.engine.complete(asking())
        assert stale.cached is not None
        assert (stale.cached.stale, stale.cached.age_s) == (True, 30)
        while here.steps().count("store") < 2:
            await asyncio.sleep(0)
        renewed = await here.engine.complete(asking())
        assert renewed.cached is not None
        assert (renewed.cached.stale, renewed.cached.age_s, here.calls) == (False, 0, 2)
        clock.advance(61)
        assert (await here.engine.complete(asking())).cached is None


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_stale_answer_stands_in_for_an_error(streamed: bool, tmp_path: Path) -> None:
    clock = FakeClock()
    async with console(tmp_path, "[cache]\nttl_s = 10\non_error_s = 50\n", clock=clock) as here:
        await here.engine.complete(asking())
        clock.advance(30)
        here.simulator.set("groq", Behaviour(error_rates={"quota": 1.0}))
        if streamed:
            last = (await read(here.engine, asking()))[-1]
            assert isinstance(last, Finished)
            result = last.result
        else:
            result = await here.engine.complete(asking())
        assert result.cached is not None
        assert result.cached.stale
        assert result.text == TEXT
        assert "could not be had" in result.warnings[0]
        here.simulator.set("groq", Behaviour(error_rates={"bad_request": 1.0}))
        with pytest.raises(BadRequest):
            await here.engine.complete(asking())
        here.simulator.set("groq", Behaviour(error_rates={"quota": 1.0}))
        clock.advance(31)
        with pytest.raises(ProviderError):
            await here.engine.complete(asking())
    assert [end.error_kind for end in here.ends()][:3] == [None, "quota exhausted", None]


async def test_events_are_sampled_and_counts_are_not(tmp_path: Path) -> None:
    async with console(tmp_path, "[cache]\nevent_share = 0\n") as here:
        await here.engine.complete(asking())
        await here.engine.complete(asking())
        stats = await here.engine.cache.stats()
    assert here.steps() == []
    assert (stats.hits, stats.misses) == (1, 1)
    assert [end.cached for end in here.ends()] == [False, True]


async def test_raw_bodies_are_given_only_for_the_kind_of_request_they_came_from(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        raw = asking(keep_raw=True)
        first = await here.engine.complete(raw)
        assert (await here.engine.complete(raw)).raw == first.raw is not None
        last = (await read(here.engine, raw))[-1]
        assert isinstance(last, Finished)
        assert last.result.cached is None
        assert (await here.engine.complete(asking())).raw is None


async def test_a_request_that_makes_no_key_goes_to_the_router(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        odd = ChatRequest(MODEL, (Message.user("[[tokens=5]] \ud800"),), temperature=0.0)
        with pytest.raises(Exception, match="surrogate"):
            await here.engine.complete(odd)
        assert not [event for event in here.seen if isinstance(event, AttemptFinished) and event.error_kind is None]
