"""The optimizer on a real engine: connections made ahead, pools and leaks told, an undisturbed switch of profiles."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

from aiconsole import ChatRequest, Engine, Message
from aiconsole.domain.chat import Timing
from aiconsole.domain.events import AttemptFinished, Event, LeakSeen
from aiconsole.drill.lapse import LapseLoop, LoopClock
from aiconsole.optimizer.footprint import Feet
from aiconsole.simulator import Behaviour, Simulator

FAST = Behaviour(ttft_ms=1.0, tokens_per_s=50_000.0)


async def test_the_first_candidates_are_connected_to_and_nothing_is_asked(tmp_path: Path) -> None:
    async with (
        Simulator.start() as simulator,
        Engine.open(home=tmp_path, environ={}, simulator=simulator) as engine,
    ):
        optimizer = await engine.open_optimizer(warm=True)
        while not optimizer.warmed:
            await asyncio.sleep(0.001)
        assert [(one.provider, one.trouble) for one in optimizer.warmed] == [("groq", "")]
        feet = Feet()
        optimizer.look(feet)
        picture = optimizer.picture()
        groq = next(pool for pool in picture.pools if pool.name == "groq")
        assert (groq.in_use, groq.idle, groq.waiting) == (0, 1, 0)
        connect = next(reading for reading in picture.readings if reading.measure.key == "connect_ms")
        assert connect.figure is not None

        simulator.set("groq", FAST)
        await engine.complete(ChatRequest("groq/openai/gpt-oss-120b", (Message.user("[[tokens=3]]"),)))
        optimizer.look(feet)
        groq = next(pool for pool in optimizer.picture().pools if pool.name == "groq")
        assert groq.idle == 1, "the request took the connection made ahead"


async def test_warming_up_is_off_in_the_battery_saver(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[performance]\nwarm_up = false\n", encoding="utf-8")
    async with Engine.open(home=tmp_path, environ={}, demo=True) as engine:
        optimizer = await engine.open_optimizer(warm=True)
        await engine.keys_read()
        for _ in range(20):
            await asyncio.sleep(0)
        assert optimizer.warmed == ()


async def test_the_picture_has_files_memory_caches_and_the_hit_rate(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, environ={}, demo=True) as engine:
        assert engine.simulator is not None
        engine.simulator.set("groq", FAST)
        optimizer = await engine.open_optimizer()
        request = ChatRequest("groq/openai/gpt-oss-120b", (Message.user("[[tokens=3]]"),), temperature=0.0)
        await engine.open_store()
        for _ in range(4):
            await engine.complete(request)
        optimizer.look(Feet())
        picture = optimizer.picture()
        assert picture.footprint is not None
        assert picture.footprint.rss_mb > 10
        files = next(pool for pool in picture.pools if pool.kind == "files")
        assert files.in_use > 3
        assert {"database, writer", "database, graphs"} <= {pool.name for pool in picture.pools}
        caches = {cache.name: cache for cache in picture.caches}
        assert caches["response cache"].size > 0
        assert caches["requests to ask again"].size > 0
        assert [(rate.hits, rate.misses) for rate in picture.hit_rates] == [(3, 1)]

        engine.cache.shrink(0.0)
        assert (await engine.complete(request)).cached is not None, "what is in the file is still there"


async def test_a_switch_that_changes_only_pools_leaves_what_is_known_of_providers(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, environ={}, demo=True) as engine:
        optimizer = await engine.open_optimizer()
        for _ in range(3):
            engine.bus.publish(AttemptFinished("groq", "m", Timing(1.0, None, 5.0), error_kind="server fault"))
        before = engine.live.provider("groq").failures_in_a_row
        await optimizer.use_profile("battery saver")
        assert engine.live.provider("groq").failures_in_a_row == before == 3
        await engine.change("chat.on_unsupported", "drop")
        assert engine.live.provider("groq").failures_in_a_row == 0


def test_a_stream_that_is_held_for_too_long_is_told_with_who_took_it(tmp_path: Path) -> None:
    async def hold() -> list[Event]:
        (tmp_path / "settings.toml").write_text(
            "[performance]\nconnection_held_s = 60.0\nkeep_stacks = true\n", encoding="utf-8"
        )
        clock, told = LoopClock(), list[Event]()
        slow = Behaviour(ttft_ms=1.0, tokens_per_s=1.0)
        async with (
            Simulator.start(clock=clock) as simulator,
            Engine.open(home=tmp_path, environ={}, simulator=simulator, clock=clock) as engine,
        ):
            simulator.set("groq", slow)
            engine.bus.subscribe(told.append, LeakSeen)
            await engine.open_optimizer()
            request = ChatRequest("groq/openai/gpt-oss-120b", (Message.user("[[tokens=120]]"),))
            async with aclosing(engine.stream(request)) as events:
                async for _ in events:
                    pass
        return told

    with asyncio.Runner(loop_factory=lambda: LapseLoop(0.0)) as runner:
        (leak,) = runner.run(hold())
    assert isinstance(leak, LeakSeen)
    assert leak.pool == "groq"
    assert "POST" in leak.holder
    assert 60 < leak.held_s < 63
    assert "handle_async_request" in leak.where
