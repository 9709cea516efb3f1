"""Equal requests under way at once: one call, whoever leaves, whatever comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from aiconsole.cache.flight import SharedStream
from aiconsole.domain.chat import ChatResult, Finished, StreamEvent, TextDelta, Timeouts
from aiconsole.domain.errors import ProviderError, QuotaExhausted, TimedOut
from aiconsole.simulator import Behaviour, known_text
from tests.cache.console import Console, asking, console, read, text_of

TEXT = known_text(30)


async def asked(here: Console) -> None:
    """Until the provider has a request."""
    while not here.calls:
        await asyncio.sleep(0)


async def test_a_thousand_equal_requests_make_one_call(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        results = await asyncio.gather(*(here.engine.complete(asking()) for _ in range(1000)))
        assert here.calls == 1
        assert {result.text for result in results} == {TEXT}
        shared = [result for result in results if result.cached is not None and result.cached.shared]
        assert len(shared) == 999
        ends = here.ends()
        assert len(ends) == 1000
        assert sum(end.cached for end in ends) == 999
        paid = sum(end.cost.usd for end in ends if end.cost is not None)
        assert paid == pytest.approx(
            next(result.cost.usd for result in results if result.cached is None and result.cost)
        )
        assert (await here.engine.cache.stats()).shared == 999


async def test_a_thousand_equal_streams_make_one_call(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        streams = await asyncio.gather(*(read(here.engine, asking()) for _ in range(1000)))
        assert here.calls == 1
        assert {text_of(events) for events in streams} == {TEXT}
        assert len(here.ends()) == 1000


async def test_requests_that_differ_or_want_many_answers_do_not_share(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        many = (
            [asking(seed=number) for number in range(3)] + [asking(temperature=1.0)] * 3 + [asking(cache="fresh")] * 2
        )
        await asyncio.gather(*(here.engine.complete(request) for request in many))
        assert here.calls == 8


async def test_a_follower_gets_what_was_said_before_and_then_what_comes(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        here.simulator.set("groq", Behaviour(tokens_per_s=300))
        late: asyncio.Task[list[object]] | None = None
        said = ""
        async with aclosing(here.engine.stream(asking())) as events:
            async for event in events:
                said += event.text if isinstance(event, TextDelta) else ""
                if said and late is None:
                    late = asyncio.create_task(read(here.engine, asking()))  # type: ignore[arg-type]
        assert late is not None
        followed = await late
        assert here.calls == 1
    assert said == text_of(followed) == TEXT  # type: ignore[arg-type]
    last = followed[-1]
    assert isinstance(last, Finished)
    assert last.result.cached is not None


async def test_a_whole_answer_is_taken_from_a_stream_under_way(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        here.simulator.set("groq", Behaviour(ttft_ms=50))
        stream = asyncio.create_task(read(here.engine, asking()))
        await asked(here)
        whole = await here.engine.complete(asking())
        assert here.calls == 1
        assert whole.text == text_of(await stream) == TEXT
    assert [end.stream for end in here.ends() if end.error_kind is None].count(False) <= 1
    assert len(here.ends()) == 2


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_leader_that_leaves_hands_the_call_over(streamed: bool, tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        here.simulator.set("groq", Behaviour(ttft_ms=50))

        async def ask() -> str:
            return (
                text_of(await read(here.engine, asking())) if streamed else (await here.engine.complete(asking())).text
            )

        leader = asyncio.create_task(ask())
        await asked(here)
        follower = asyncio.create_task(ask())
        await asyncio.sleep(0)
        leader.cancel()
        assert await follower == TEXT
        assert leader.cancelled() or (await asyncio.gather(leader, return_exceptions=True))
        assert here.calls == 1
    assert sorted(str(end.error_kind) for end in here.ends()) == ["None", "cancelled"]


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_last_to_leave_ends_the_call(streamed: bool, tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        here.simulator.set("groq", Behaviour(ttft_ms=60_000))
        ask = read if streamed else type(here.engine).complete
        tasks = [asyncio.create_task(ask(here.engine, asking())) for _ in range(3)]  # type: ignore[operator]
        await asked(here)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.wait_for(here.simulator.idle(), 2)
        here.simulator.set("groq", Behaviour())
        assert (await here.engine.complete(asking())).cached is None
    assert [end.error_kind for end in here.ends()] == ["cancelled"] * 3 + [None]


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_error_is_everybodys_and_is_not_tried_again(streamed: bool, tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        here.simulator.set("groq", Behaviour(error_rates={"quota": 1.0}))
        ask = read if streamed else type(here.engine).complete
        results = await asyncio.gather(
            *(ask(here.engine, asking()) for _ in range(20)),  # type: ignore[operator]
            return_exceptions=True,
        )
        assert here.calls == 1
    assert {type(result) for result in results} == {QuotaExhausted}
    assert len({id(result) for result in results}) == 20
    assert len({str(result) for result in results}) == 1
    assert all(isinstance(result, ProviderError) and result.trace is not None for result in results)
    assert [end.error_kind for end in here.ends()] == ["quota exhausted"] * 20


@pytest.mark.parametrize("streamed", [False, True])
async def test_who_comes_while_a_call_is_given_up_makes_a_new_one(streamed: bool, tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        here.simulator.set("groq", Behaviour(ttft_ms=60_000))
        ask = read if streamed else type(here.engine).complete
        leader = asyncio.create_task(ask(here.engine, asking()))  # type: ignore[operator]
        await asked(here)
        here.simulator.set("groq", Behaviour())
        leader.cancel()
        await asyncio.sleep(0)
        answer = await ask(here.engine, asking())  # type: ignore[operator]
        assert (text_of(answer) if streamed else answer.text) == TEXT
        assert isinstance((await asyncio.gather(leader, return_exceptions=True))[0], asyncio.CancelledError)
        assert here.calls == 2


@pytest.mark.parametrize("streamed", [False, True])
async def test_another_ones_short_limit_is_not_shared(streamed: bool, tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        here.simulator.set("groq", Behaviour(ttft_ms=400))
        ask = read if streamed else type(here.engine).complete
        hasty = asyncio.create_task(
            ask(here.engine, asking(timeouts=Timeouts(first_token=0.1, total=0.1)))  # type: ignore[operator]
        )
        await asked(here)
        answer = await ask(here.engine, asking())  # type: ignore[operator]
        assert (text_of(answer) if streamed else answer.text) == TEXT
        with pytest.raises(TimedOut):
            await hasty


async def test_a_slow_reader_holds_back_what_is_read_ahead() -> None:
    made = 0

    async def source() -> AsyncGenerator[StreamEvent, None]:
        nonlocal made
        for made in range(5000):
            yield TextDelta(f"{made} ")

    stream = SharedStream(lambda way: source(), lambda gone: None)
    async with aclosing(stream.read(lambda kind: None)) as events:
        await anext(events)
        for _ in range(50):
            await asyncio.sleep(0)
        assert 900 < made < 1100
        assert [event async for event in events][-1] == TextDelta("4999 ")


async def test_closing_the_console_ends_what_is_under_way(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        here.simulator.set("groq", Behaviour(ttft_ms=60_000))
        left = asyncio.create_task(here.engine.complete(asking()))
        await asked(here)
    assert isinstance((await asyncio.gather(left, return_exceptions=True))[0], asyncio.CancelledError)


@pytest.mark.parametrize("leaves", ["at the end", "before it, when all has come"])
async def test_each_reader_of_a_shared_stream_is_told_of_once(leaves: str) -> None:
    """A reader that stops at the end has its answer, whoever still reads; one that stops before it has none, also where the
    stream itself is over by then."""
    untold: list[str] = []
    over = asyncio.Event()

    async def source() -> AsyncGenerator[StreamEvent, None]:
        yield TextDelta("Good day")
        yield Finished(ChatResult("groq", "m"))
        if leaves == "at the end":
            await over.wait()

    stream = SharedStream(lambda way: source(), lambda gone: None)

    async def read_on(stop: type[StreamEvent]) -> None:
        async with aclosing(stream.read(untold.append)) as events:
            async for event in events:
                if type(event) is Finished:
                    stream.take()
                if type(event) is stop:
                    break

    if leaves == "at the end":
        await asyncio.gather(*(read_on(Finished) for _ in range(3)))
        assert untold == []
    else:
        late = stream.read(untold.append)
        await anext(late)
        await read_on(Finished)
        await late.aclose()
        assert untold == ["cancelled"]
    over.set()
