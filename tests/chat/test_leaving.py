"""However a consumer leaves, and whatever the disk does: the text so far is kept, nothing is left running."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, closing, contextmanager
from pathlib import Path

import pytest

from aiconsole.domain.chat import ChatRequest, Finished, Started, StreamEvent, TextDelta
from aiconsole.domain.conversations import TurnAdded, TurnEnded
from aiconsole.domain.errors import ConsoleError
from aiconsole.engine import Engine
from aiconsole.simulator import Behaviour, Simulator
from tests.chat.scripts import Scripted, answer, chatting, collect, ended


@contextmanager
def no_task_left() -> Iterator[None]:
    before = asyncio.all_tasks()
    yield
    assert asyncio.all_tasks() <= before


def _endless(*words: str) -> list[object]:
    return [Started("groq", "m"), *map(TextDelta, words), asyncio.Event().wait]


async def test_closing_the_generator_keeps_the_text_as_stopped(tmp_path: Path) -> None:
    router = Scripted(_endless("Half ", "an answer"))
    async with chatting(tmp_path, router) as chat:
        conversation = await chat.create()
        async with aclosing(chat.send(conversation.id, "a")) as events:
            async for event in events:
                if event == TextDelta("an answer"):
                    break
        assert router.closed == 1
        turn = (await chat.open(conversation.id)).turns[-1]
        assert (turn.state, turn.message.text) == ("stopped", "Half an answer")
        assert turn.meta is not None
        assert turn.meta.provider == "groq"
        assert turn.meta.timing.ttft_ms is not None
        assert turn.meta.timing.duration_ms >= turn.meta.timing.ttft_ms
    async with chatting(tmp_path, router) as chat:
        assert (await chat.open(conversation.id)).turns[-1] == turn


async def test_closing_at_each_event_leaves_no_turn_streaming(tmp_path: Path) -> None:
    script = answer("a", "b")
    async with chatting(tmp_path, Scripted(script)) as chat:
        for leave_at in range(1, 8):
            conversation = await chat.create()
            seen = []
            with no_task_left():
                async with aclosing(chat.send(conversation.id, "q")) as events:
                    async for event in events:
                        seen.append(event)
                        if len(seen) == leave_at:
                            break
            turn = (await chat.open(conversation.id)).turns[-1]
            assert turn.state == ("complete" if any(isinstance(event, Finished) for event in seen) else "stopped")
            assert "ab".startswith(turn.message.text)


async def test_cancelling_at_any_moment_leaves_no_turn_streaming(tmp_path: Path) -> None:
    states: list[str] = []
    spins = 0
    finished = False
    while not finished:
        folder = tmp_path / str(spins)
        router = Scripted(answer("a", "b", after=[None] * 5))
        async with chatting(folder, router) as chat:
            conversation = await chat.create()
            with no_task_left():
                consumer = asyncio.create_task(collect(chat.send(conversation.id, "q")))
                for _ in range(spins):
                    await asyncio.sleep(0)
                consumer.cancel()
                await asyncio.wait({consumer})
            assert not chat.running(conversation.id)
            finished = not consumer.cancelled()
        with closing(sqlite3.connect(folder / "aiconsole.db")) as connection:
            found = connection.execute("SELECT state FROM turn WHERE role = 'assistant'").fetchall()
        states.append(found[0][0] if found else "nothing")
        assert router.closed == len(router.requests)
        spins += 1 + spins // 15
    assert {states[0], states[-1]} == {"nothing", "complete"}
    assert set(states) <= {"nothing", "stopped", "complete"}, states


async def test_stop_ends_the_stream_without_cancelling_its_consumer(tmp_path: Path) -> None:
    router = Scripted(_endless("Half"))
    async with chatting(tmp_path, router) as chat:
        conversation = await chat.create()
        came = asyncio.Event()
        consumer = asyncio.create_task(
            collect(chat.send(conversation.id, "a"), lambda event: event == TextDelta("Half") and came.set())
        )
        await came.wait()
        await asyncio.sleep(0)
        chat.stop(conversation.id)
        events = await consumer
        assert consumer.cancelling() == 0
        assert isinstance(events[-1], TurnEnded)
        assert (events[-1].turn.state, events[-1].turn.message.text) == ("stopped", "Half")
        assert router.closed == 1
        chat.stop(conversation.id)


async def test_a_cancel_beside_a_stop_is_still_a_cancel(tmp_path: Path) -> None:
    async with chatting(tmp_path, Scripted(_endless("Half"))) as chat:
        conversation = await chat.create()
        came = asyncio.Event()
        consumer = asyncio.create_task(
            collect(chat.send(conversation.id, "a"), lambda event: event == TextDelta("Half") and came.set())
        )
        await came.wait()
        await asyncio.sleep(0)
        chat.stop(conversation.id)
        consumer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await consumer
        assert (await chat.open(conversation.id)).turns[-1].state == "stopped"


async def test_stop_while_the_consumer_is_busy_ends_at_its_next_step(tmp_path: Path) -> None:
    router = Scripted(_endless("one", "two"))
    async with chatting(tmp_path, router) as chat:
        conversation = await chat.create()
        events = await collect(
            chat.send(conversation.id, "a"), lambda event: event == TextDelta("one") and chat.stop(conversation.id)
        )
        assert TextDelta("two") not in events
        assert isinstance(events[-1], TurnEnded)
        assert (events[-1].turn.state, events[-1].turn.message.text) == ("stopped", "one")
        assert router.closed == 1


async def test_deleting_a_conversation_stops_its_answer(tmp_path: Path) -> None:
    async with chatting(tmp_path, Scripted(_endless("Half"))) as chat:
        conversation = await chat.create()
        came = asyncio.Event()
        consumer = asyncio.create_task(
            collect(chat.send(conversation.id, "a"), lambda event: event == TextDelta("Half") and came.set())
        )
        await came.wait()
        await chat.delete(conversation.id)
        assert (await consumer)[-1].turn.state == "stopped"


async def test_closing_the_service_interrupts_and_writes_every_answer(tmp_path: Path) -> None:
    async with chatting(tmp_path, Scripted(_endless("Half"))) as chat:
        with no_task_left():
            conversations = [await chat.create() for _ in range(5)]
            arrived = asyncio.Semaphore(0)
            consumers = [
                asyncio.create_task(
                    collect(chat.send(one.id, "a"), lambda event: event == TextDelta("Half") and arrived.release())
                )
                for one in conversations
            ]
            idle = chat.send((await chat.create()).id, "held by someone who does nothing")
            while not isinstance(await anext(idle), TextDelta):
                pass
            for _ in conversations:
                await arrived.acquire()
            closing_idle = asyncio.get_running_loop().call_later(0.05, lambda: asyncio.ensure_future(idle.aclose()))
            await chat.close()
            assert closing_idle.when() <= asyncio.get_running_loop().time()
            for consumer in consumers:
                events = await consumer
                assert events[-1].turn.state == "interrupted"
            with pytest.raises(ConsoleError, match="closing"):
                await anext(chat.send(conversations[0].id, "b"))
    with closing(sqlite3.connect(tmp_path / "aiconsole.db")) as connection:
        assert _answers(connection) == [("interrupted", "Half")] * 6


async def test_closing_does_not_wait_for_ever_for_a_stream_that_will_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiconsole.chat.service._SETTLE_S", 0.1)
    gate = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await gate.wait()

    async with chatting(tmp_path, Scripted([Started("groq", "m"), TextDelta("Half"), stubborn])) as chat:
        conversation = await chat.create()
        came = asyncio.Event()
        consumer = asyncio.create_task(
            collect(chat.send(conversation.id, "a"), lambda event: event == TextDelta("Half") and came.set())
        )
        await came.wait()
        await asyncio.sleep(0)
        started = time.perf_counter()
        await chat.close()
        assert time.perf_counter() - started < 10  # and not for ever
        assert (await chat.open(conversation.id)).turns[-1].state == "interrupted"
        gate.set()
        assert (await consumer)[-1].turn.state == "interrupted"


async def test_the_text_is_kept_before_the_stream_below_has_closed(tmp_path: Path) -> None:
    gate = asyncio.Event()

    class SlowToClose:
        async def stream(self, request: ChatRequest, **_: object) -> AsyncGenerator[StreamEvent, None]:
            try:
                yield TextDelta("Half")
            finally:
                await gate.wait()

    async with chatting(tmp_path, SlowToClose()) as chat:
        conversation = await chat.create()
        events = chat.send(conversation.id, "a")
        while await anext(events) != TextDelta("Half"):
            pass
        leaving = asyncio.create_task(events.aclose())
        with closing(sqlite3.connect(tmp_path / "aiconsole.db")) as outside:
            async with asyncio.timeout(5):
                while _answers(outside) != [("stopped", "Half")]:
                    await asyncio.sleep(0.005)
        assert not leaving.done()
        gate.set()
        await leaving


async def test_a_consumer_that_leaves_with_the_result_has_a_complete_answer(tmp_path: Path) -> None:
    async with chatting(tmp_path, Scripted(answer("All."))) as chat:
        conversation = await chat.create()
        events = chat.send(conversation.id, "a")
        while not isinstance(await anext(events), Finished):
            pass
        assert (await chat.open(conversation.id)).turns[-1].state == "complete"
        await events.aclose()
        assert (await chat.open(conversation.id)).turns[-1].state == "complete"


async def test_text_reaches_the_disk_in_pieces_while_it_streams(tmp_path: Path) -> None:
    gates = [asyncio.Event() for _ in range(3)]
    script = [Started("groq", "m")]
    for number, gate in enumerate(gates):
        script += [TextDelta(f"<{number}>"), TextDelta("x" * 1000), gate.wait]
    async with chatting(tmp_path, Scripted(answer("", after=script[1:])), flush_s=0.02) as chat:
        conversation = await chat.create()
        consumer = asyncio.create_task(collect(chat.send(conversation.id, "a")))
        with closing(sqlite3.connect(tmp_path / "aiconsole.db")) as outside:
            for number, gate in enumerate(gates):
                async with asyncio.timeout(5):
                    while f"<{number}>" not in "".join(_journal(outside)):
                        await asyncio.sleep(0.005)
                gate.set()
            pieces = _journal(outside)
            assert len(pieces) == 3
            assert max(map(len, pieces)) < 1200
            await consumer
            assert _journal(outside) == []


def _answers(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    return connection.execute("SELECT state, text FROM turn WHERE role = 'assistant'").fetchall()


def _journal(connection: sqlite3.Connection) -> list[str]:
    return [text for (text,) in connection.execute("SELECT deltas FROM journal ORDER BY position")]


async def test_an_answer_on_a_full_disk_is_held_shown_and_written_later(tmp_path: Path) -> None:
    router = Scripted(answer(*["much text "] * 2000), answer("next"))
    notices = []
    async with chatting(tmp_path, router, notify=notices.append, retry_s=0.02, flush_s=0.01) as chat:
        database = chat._store._store._opened.database
        conversation = await chat.create()

        def fill_the_disk(event: object) -> None:
            if isinstance(event, TurnAdded):
                database.execute_sql(f"PRAGMA max_page_count = {database.pragma('page_count')}")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("aiconsole.chat.service._SETTLE_S", 0.05)
            turn = (await collect(chat.send(conversation.id, "a"), fill_the_disk))[-1].turn
        assert (turn.state, turn.message.text) == ("complete", "much text " * 2000)
        assert (await chat.open(conversation.id)).turns[-1] == turn
        assert "full" in notices[0].message
        database.execute_sql("PRAGMA max_page_count = 1000000")
        assert (await ended(chat.send(conversation.id, "b"))).message.text == "next"
        assert router.requests[1].messages[1].text == "much text " * 2000
    async with chatting(tmp_path, router) as chat:
        assert (await chat.open(conversation.id)).turns[1] == turn


async def test_a_stopped_answer_keeps_its_way_so_far(tmp_path: Path) -> None:
    async with (
        Simulator.start(behaviours={"groq": Behaviour(error_rates={"server_fault": 1.0})}) as simulator,
        Engine.open(home=tmp_path, environ={}, simulator=simulator) as engine,
    ):
        simulator.set("cerebras", Behaviour(tokens_per_s=20, ttft_ms=1))
        chat = await engine.open_chat()
        conversation = await chat.create(model="gpt-oss-120b")
        async with aclosing(chat.send(conversation.id, "[[tokens=400]]")) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    chat.stop(conversation.id)
        first = (await chat.open(conversation.id)).turns[-1]
        async with aclosing(chat.send(conversation.id, "[[tokens=400]]")) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    break
        second = (await chat.open(conversation.id)).turns[-1]
        for turn in (first, second):
            assert turn.state == "stopped"
            assert turn.meta is not None
            trace = turn.meta.trace
            assert trace is not None
            assert trace.stopped
            assert [choice.candidate.partition("/")[0] for choice in trace.ranked] == ["groq", "cerebras", "openrouter"]
            outcomes = [(attempt.candidate.partition("/")[0], attempt.outcome) for attempt in trace.attempts]
            assert outcomes[0] == ("groq", "failed")
            assert outcomes[-1] == ("cerebras", "cancelled")
            assert trace.attempts[-1].ttft_ms is not None
            assert trace.told()[-1].startswith("It was stopped, after ")
