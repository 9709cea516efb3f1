"""Hedging: when it is worth it, how often it may be, and who is heard."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiconsole.domain.chat import ChatRequest, ChatResult, Finished, Started, StreamEvent, TextDelta
from aiconsole.domain.clock import SystemClock
from aiconsole.domain.errors import Overloaded, ServerFault
from aiconsole.domain.messages import Message
from aiconsole.routing.hedging import HedgeBudget, Race, Stream, hedge_delay_s
from aiconsole.simulator import Behaviour, known_text
from tests.routing.test_broken_streams import bench


@pytest.mark.parametrize(
    ("own", "other", "delay"),
    [
        (2_000.0, 300.0, 2.0),
        (801.0, 300.0, 0.801),
        (800.0, 300.0, None),
        (200.0, 10.0, None),
        (None, 300.0, None),
        (2_000.0, None, None),
    ],
)
def test_it_is_worth_it_only_where_the_other_can_be_faster(
    own: float | None, other: float | None, delay: float | None
) -> None:
    assert hedge_delay_s(own, other, trigger_ms=500) == delay


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 0.5), st.lists(st.booleans(), max_size=300))
def test_the_budget_caps_the_share_at_every_moment(share: float, wants: list[bool]) -> None:
    budget = HedgeBudget(share, burst=2.0)
    for want in wants:
        budget.call()
        if want:
            budget.take()
        assert budget.hedges <= 1 + share * budget.calls + 1e-9


def test_an_idle_hour_does_not_pay_for_a_storm() -> None:
    budget = HedgeBudget(0.05, burst=2.0)
    for _ in range(1_000):
        budget.call()
    assert [budget.take() for _ in range(4)] == [True, True, False, False]
    budget.cost(0.25)
    budget.cost(None)
    assert (budget.extra_usd, budget.unknown_costs, budget.hedges) == (0.25, 1, 2)


class Script:
    """A stream that gives events, waits for gates and raises; ``closed`` once it has ended, however."""

    def __init__(self, *steps: Any) -> None:
        self._steps = steps
        self.begun = False
        self.closed = False

    async def stream(self) -> Stream:
        self.begun = True
        try:
            for step in self._steps:
                if isinstance(step, BaseException):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield step
        finally:
            self.closed = True


def whole(name: str, *before: Any) -> Script:
    return Script(Started(name, "m"), *before, TextDelta(name), Finished(ChatResult(name, "m")))


def race(first: Script, second: Script | None, delay_s: float = 0.0) -> Race:
    opened: Callable[[], Stream | None] = lambda: None if second is None else second.stream()  # noqa: E731
    return Race(first.stream(), opened, delay_s=delay_s, clock=SystemClock())


async def heard(running: Race) -> list[StreamEvent]:
    async with aclosing(running.events()) as events:
        return [event async for event in events]


async def test_the_first_is_alone_while_it_speaks_in_time() -> None:
    first, second = whole("first"), whole("second")
    running = race(first, second, 5.0)
    assert [type(event) for event in await heard(running)] == [Started, TextDelta, Finished]
    assert (running.winner, running.asked_second, second.begun, first.closed) == ("first", False, False, True)
    assert running.report("a/m", "b/m") is None


async def test_a_silent_first_loses_and_is_closed_before_the_winner_is_heard() -> None:
    first, second = whole("first", asyncio.Event()), whole("second")
    running = race(first, second)
    events = running.events()
    assert await anext(events) == Started("second", "m")
    assert first.closed
    assert await anext(events) == TextDelta("second")
    await events.aclose()
    assert second.closed
    told = running.report("a/m", "b/m", route="fast", extra_usd=0.01)
    assert told is not None
    assert (told.first, told.second, told.winner, told.route, told.extra_usd) == ("a/m", "b/m", "b/m", "fast", 0.01)


async def test_a_first_that_speaks_after_all_wins() -> None:
    gate = asyncio.Event()
    first, second = whole("first", gate), whole("second", asyncio.Event())
    running = race(first, second)
    task = asyncio.ensure_future(heard(running))
    while not second.begun:
        await asyncio.sleep(0)
    gate.set()
    assert (await task)[1] == TextDelta("first")
    assert (running.winner, running.asked_second, second.closed) == ("first", True, True)


async def test_who_fails_leaves_the_race_to_the_other() -> None:
    gate = asyncio.Event()
    first, second = whole("first", gate), Script(Started("second", "m"), Overloaded("busy"))
    running = race(first, second)
    task = asyncio.ensure_future(heard(running))
    while not second.closed:
        await asyncio.sleep(0)
    gate.set()
    assert (await task)[1] == TextDelta("first")
    assert isinstance(running.errors["second"], Overloaded)
    slow = asyncio.Event()
    failing = Script(Started("first", "m"), slow, ServerFault("down"))
    other = whole("second", slow)
    running = race(failing, other)
    task = asyncio.ensure_future(heard(running))
    while not other.begun:
        await asyncio.sleep(0)
    slow.set()
    assert (await task)[1] == TextDelta("second")


async def test_when_both_fail_the_first_ones_error_is_raised_and_both_are_known() -> None:
    gate = asyncio.Event()
    first, second = Script(gate, ServerFault("down")), Script(Overloaded("busy"))
    running = race(first, second)
    task = asyncio.ensure_future(heard(running))
    while not second.closed:
        await asyncio.sleep(0)
    gate.set()
    with pytest.raises(ServerFault):
        await task
    assert set(running.errors) == {"first", "second"}
    told = running.report("a/m", "b/m")
    assert told is not None
    assert told.winner == ""


async def test_a_first_that_fails_at_once_is_the_routers_business() -> None:
    second = whole("second")
    with pytest.raises(ServerFault):
        await heard(race(Script(ServerFault("down")), second, 5.0))
    assert not second.begun


async def test_without_a_second_the_first_is_waited_for() -> None:
    gate = asyncio.Event()
    running = race(whole("first", gate), None)
    task = asyncio.ensure_future(heard(running))
    for _ in range(5):
        await asyncio.sleep(0.002)
    gate.set()
    assert (await task)[1] == TextDelta("first")
    assert not running.asked_second


@pytest.mark.parametrize("at", ["racing", "heard"])
async def test_leaving_closes_both(at: str) -> None:
    first, second = whole("first", asyncio.Event()), whole("second", *([asyncio.Event()] if at == "racing" else []))
    running = race(first, second)
    if at == "heard":
        events = running.events()
        await anext(events)
        await events.aclose()
    else:
        task = asyncio.ensure_future(heard(running))
        while not second.begun:
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert first.closed
    assert second.closed


async def test_leaving_while_the_loser_still_closes_is_a_cancellation() -> None:
    closed = asyncio.Event()

    async def first() -> Stream:
        await asyncio.sleep(0.02)
        yield TextDelta("first")

    async def second() -> Stream:
        try:
            await asyncio.sleep(60)
            yield TextDelta("second")
        finally:
            closing.set()
            await closed.wait()

    closing = asyncio.Event()
    running = Race(first(), second, delay_s=0.0, clock=SystemClock())
    reader = asyncio.create_task(heard(running))
    await closing.wait()
    reader.cancel()
    await asyncio.sleep(0)
    closed.set()
    with pytest.raises(asyncio.CancelledError):
        await reader


async def test_over_real_sockets_the_losers_connection_is_dropped() -> None:
    messages = (Message.user("[[tokens=40]]"),)
    async with bench() as at:
        at.simulator.set("groq", Behaviour(ttft_ms=30_000))
        slow, quick = at.candidate("groq"), at.candidate("cerebras")
        running = Race(
            slow.provider.stream(ChatRequest(slow.model, messages)),
            lambda: quick.provider.stream(ChatRequest(quick.model, messages)),
            delay_s=0.05,
            clock=SystemClock(),
        )
        events = await heard(running)
        await at.simulator.idle()
        assert at.simulator.counts("groq").cancelled == 1
    assert isinstance(events[-1], Finished)
    assert events[-1].result.text == known_text(40)
    assert events[-1].result.provider == "cerebras"
    assert 40 < running.waited_ms < 2_000
