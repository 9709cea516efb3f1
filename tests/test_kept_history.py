"""The engine's history: requests are found again after a restart, budgets go on, and a database that is taken harms nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aiconsole import ChatRequest, Engine, Message
from aiconsole.domain.chat import Cost
from aiconsole.domain.errors import ConfigError, StoreError
from aiconsole.domain.events import Event, HealthSeen, Notice, UserActed
from aiconsole.domain.history import RequestFilter
from aiconsole.secrets import KeyStore
from aiconsole.simulator import Simulator
from aiconsole.store import Store
from tests.clocks import FakeClock
from tests.keyrings import memory_keyring
from tests.store.happened import NOON, request
from tests.store.places import rows

_MODEL = "groq/openai/gpt-oss-120b"


def _keys() -> KeyStore:
    return KeyStore({}, backend=memory_keyring())


async def test_a_request_is_found_with_its_trace_after_a_restart_and_marked_as_simulated(tmp_path: Path) -> None:
    async with Simulator.start() as simulator:
        async with Engine.open(home=tmp_path, environ={}, simulator=simulator, record=True) as engine:
            result = await engine.complete(ChatRequest(_MODEL, (Message.user("[[tokens=5]]"),)))
        async with Engine.open(home=tmp_path, environ={}, simulator=simulator) as engine:
            everything = RequestFilter(0.0, 4e9, simulated=True)
            [row] = await (await engine.history.requests(everything)).page(0)
            assert (row.provider, row.model, row.simulated) == ("groq", "openai/gpt-oss-120b", True)
            assert row.usage == result.usage
            kept = await engine.history.request(row.id)
            assert kept is not None and kept.trace is not None
            assert kept.trace.request_id == row.request_id
            assert (await engine.history.requests(RequestFilter(0.0, 4e9))).count == 0
            series = await engine.history.series(row.finished_at - 60, row.finished_at + 60, simulated=True)
            assert sum(bucket.answered for bucket in series.lines[0].buckets if bucket) == 1


async def test_budgets_go_on_after_a_restart_with_what_was_really_spent(tmp_path: Path) -> None:
    clock = FakeClock(NOON)
    async with Engine.open(home=tmp_path, environ={}, keys=_keys(), clock=clock, record=True) as engine:
        for day in (0, 1, 40):
            ended = NOON - day * 86_400
            engine.bus.publish(request(ended, cost=Cost(0.25, "price list")))
            engine.bus.publish(request(ended, cost=Cost(9.0, "price list"), simulated=True))
            engine.bus.publish(request(ended, cost=Cost(0.5, "price list"), provider="cohere", route="slow"))
    clock.advance(60)
    async with Engine.open(home=tmp_path, environ={}, keys=_keys(), clock=clock) as engine:
        await engine.open_store()
        await engine.open_chat()
        spent = engine.gate.budgets.spent
        assert spent("day") == pytest.approx(0.75)
        assert spent("month") == pytest.approx(1.5)
        assert spent("month", provider="groq") == pytest.approx(0.5)
        assert spent("day", route="slow") == pytest.approx(0.5)
        live = engine.live.state()
        assert (live.real.spend_usd, live.simulated.spend_usd) == (pytest.approx(0.75), pytest.approx(9.0))
        assert live.provider("cohere").spend_usd == pytest.approx(0.5)
        assert live.today_since == NOON - 43_200


async def test_the_last_looks_at_health_are_told_after_a_restart(tmp_path: Path) -> None:
    clock = FakeClock(NOON)
    async with Engine.open(home=tmp_path, environ={}, keys=_keys(), clock=clock, record=True) as engine:
        engine.bus.publish(HealthSeen("groq", NOON, True, 12.0))
        engine.bus.publish(HealthSeen("groq", NOON + 1, True, 15.0))
        engine.bus.publish(HealthSeen("cohere", NOON, False, None, "bad key"))
        engine.bus.publish(HealthSeen("cohere", NOON, True, 1.0, simulated=True))
    clock.advance(3600)
    async with Engine.open(home=tmp_path, environ={}, keys=_keys(), clock=clock) as engine:
        told = asyncio.Event()
        engine.live.watch(lambda state: told.set() if state.provider("cohere").looked != "unknown" else None)
        await engine.open_store()
        async with asyncio.timeout(10):
            await told.wait()
        groq, cohere = engine.live.provider("groq"), engine.live.provider("cohere")
        assert (groq.health, groq.looked, groq.health_seen_at) == ("unknown", "healthy", NOON + 1)
        assert (cohere.looked, cohere.last_error_kind) == ("failing", "bad key")
        assert engine.live.provider("mistral").looked == "unknown"


async def test_a_second_console_says_who_has_the_database_and_works_on(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, environ={}, keys=_keys()) as first:
        await first.open_store()
        async with Engine.open(home=tmp_path, environ={}, keys=_keys(), record=True) as second:
            told: asyncio.Queue[Event] = asyncio.Queue()
            second.bus.subscribe(told.put_nowait, Notice)
            notice = await told.get()
            assert isinstance(notice, Notice)
            assert "has aiconsole.db open" in notice.message
            second.bus.publish(UserActed("lost", 1.0))
            with pytest.raises(ConfigError):
                await second.history.routes()
        first.bus.publish(UserActed("kept", 1.0))
    assert rows(first.home.database, "SELECT action FROM user_activity") == [("kept",)]


async def test_how_long_things_are_kept_is_a_setting_that_holds_at_once(tmp_path: Path) -> None:
    async with Engine.open(home=tmp_path, environ={}, keys=_keys()) as engine:
        store: Store = await engine.open_store()
        assert store.retention.requests == 90
        await engine.change("history.requests_days", 10)
        assert store.retention.requests == 10


async def test_conversations_go_on_for_this_run_where_the_database_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "aiconsole.db").mkdir()
    told: list[Event] = []
    async with (
        Simulator.start() as simulator,
        Engine.open(home=tmp_path, environ={}, simulator=simulator, record=True) as engine,
    ):
        engine.bus.subscribe(told.append, Notice)
        chat = await engine.open_chat()
        made = await chat.create(model=_MODEL)
        async for _ in chat.send(made.id, "Are you there? [[tokens=5]]"):
            pass
        assert [hit.conversation.id for hit in await chat.list()] == [made.id]
        with pytest.raises(StoreError) as refused:
            await engine.history.routes()
        assert refused.value.advice
    words = " ".join(f"{notice.message} {notice.advice}" for notice in told if isinstance(notice, Notice))
    assert "kept only until this console is closed" in words
    assert (tmp_path / "aiconsole.db").is_dir()
