"""The concurrency limit: never over it, shrinks once a burst, comes back."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiconsole.routing.concurrency import Concurrency, Outcome, Slot, room


def enter(concurrency: Concurrency, times: int = 1) -> list[Slot]:
    slots = [concurrency.try_enter() for _ in range(times)]
    assert all(slots)
    return [slot for slot in slots if slot is not None]


def test_starts_at_eight() -> None:
    concurrency = Concurrency()
    enter(concurrency, 8)
    assert concurrency.try_enter() is None
    assert concurrency.full


def test_grows_by_one_a_success_while_full_and_only_then() -> None:
    concurrency = Concurrency()
    enter(concurrency)[0].leave("ok")
    assert concurrency.limit == 8
    enter(concurrency, 8)[0].leave("ok")
    assert (concurrency.limit, concurrency.in_flight) == (9, 7)


def test_a_burst_of_refusals_counts_once() -> None:
    concurrency = Concurrency(start=50)
    for slot in enter(concurrency, 50):
        slot.leave("pushed back")
    assert concurrency.limit == 45
    enter(concurrency)[0].leave("pushed back")
    assert concurrency.limit == 40


def test_the_successes_of_a_burst_that_was_pushed_back_do_not_undo_it() -> None:
    concurrency = Concurrency(start=50)
    first, *others = enter(concurrency, 50)
    first.leave("pushed back")
    for slot in others:
        slot.leave("ok")
    assert concurrency.limit == 45


def test_stays_between_its_bounds() -> None:
    concurrency = Concurrency()
    for _ in range(100):
        enter(concurrency)[0].leave("pushed back")
    assert concurrency.limit == 1
    for _ in range(200):
        for slot in enter(concurrency, concurrency.limit):
            slot.leave("ok")
    assert concurrency.limit == 64


def test_a_slot_is_given_back_once() -> None:
    concurrency = Concurrency()
    first, _second = enter(concurrency, 2)
    for outcome in ("ok", "neutral", "pushed back"):
        first.leave(outcome)  # type: ignore[arg-type]
    assert (concurrency.in_flight, concurrency.limit) == (1, 8)


async def test_cancelled_calls_leave_no_slot_behind() -> None:
    concurrency = Concurrency()
    entered = 0

    async def call() -> None:
        nonlocal entered
        slot = concurrency.try_enter()
        if slot is None:
            return
        entered += 1
        try:
            await asyncio.sleep(60)
        finally:
            slot.leave("neutral")

    tasks = [asyncio.ensure_future(call()) for _ in range(64)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (entered, concurrency.in_flight, concurrency.limit) == (8, 0, 8)


@pytest.mark.parametrize("wrong", [(0, 0, 5), (9, 1, 8), (1, 2, 8)])
def test_bounds_that_make_no_sense_are_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="least <= start <= most"):
        Concurrency(*wrong)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(("enter", "enter", "ok", "pushed back", "neutral")), max_size=200))
def test_in_flight_never_passes_the_limit_it_entered_under(steps: list[str]) -> None:
    concurrency = Concurrency()
    slots: deque[Slot] = deque()
    for step in steps:
        before = concurrency.limit
        if step == "enter":
            slot = concurrency.try_enter()
            assert (slot is None) is (len(slots) >= before)
            if slot is not None:
                slots.append(slot)
        elif slots:
            outcome: Outcome = step  # type: ignore[assignment]
            slots.popleft().leave(outcome)
        assert concurrency.in_flight == len(slots)
        assert 1 <= concurrency.limit <= 64
        assert concurrency.limit <= before + 1


async def test_a_place_that_who_was_told_does_not_take_is_for_the_next() -> None:
    concurrency = Concurrency(start=2)
    slots = enter(concurrency, 2)
    told = 0

    async def wait_in_vain() -> None:
        nonlocal told
        await room((concurrency,))
        told += 1

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        for _ in range(50):
            group.create_task(wait_in_vain())
        await asyncio.sleep(0)
        slots[0].leave("pushed back")
        slots[1].leave("pushed back")
    assert told == 50


async def test_who_was_told_and_left_passes_the_place_on() -> None:
    concurrency = Concurrency(start=1)
    (slot,) = enter(concurrency)
    first, second = (asyncio.create_task(room((concurrency,))) for _ in range(2))
    await asyncio.sleep(0)
    slot.leave("neutral")
    first.cancel()
    async with asyncio.timeout(10):
        await second
    assert first.cancelled()


async def test_a_place_at_any_limit_will_do() -> None:
    busy, other = Concurrency(start=1), Concurrency(start=1)
    (held,), (slot,) = enter(busy), enter(other)
    waiting = asyncio.create_task(room((busy, other)))
    await asyncio.sleep(0)
    slot.leave("neutral")
    async with asyncio.timeout(10):
        await waiting
    held.leave("neutral")
    assert busy.try_enter() is not None
