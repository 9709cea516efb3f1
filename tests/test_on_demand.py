"""A service that is made when it is first asked for: once for all who ask, and again after a failure."""

from __future__ import annotations

import asyncio

import pytest

from aiconsole.on_demand import OnDemand


async def test_all_who_ask_meanwhile_get_the_one_that_is_being_made() -> None:
    service: OnDemand[object] = OnDemand("json")
    finish = asyncio.Event()
    made: list[object] = []

    async def make() -> object:
        await finish.wait()
        made.append(object())
        return made[-1]

    asking = [asyncio.ensure_future(service.get(make)) for _ in range(3)]
    await asyncio.sleep(0)
    assert service.now is None
    finish.set()
    assert await asyncio.gather(*asking) == [made[0]] * 3
    assert service.now is await service.get(make) is made[0]
    assert len(made) == 1


async def test_after_a_failure_it_is_made_again() -> None:
    service: OnDemand[str] = OnDemand("json")
    tries: list[int] = []

    async def make() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("The disk is full.")
        return "made"

    with pytest.raises(OSError, match="disk is full"):
        await service.get(make)
    assert service.now is None
    assert await service.get(make) == "made"
