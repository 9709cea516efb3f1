"""Many requests that wait for a place at their provider: what becomes of those that are told of room and may not ask."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aiconsole import Engine
from aiconsole.domain.errors import ProviderError
from aiconsole.simulator import Behaviour, Simulator
from tests.cache.console import asking

HERD = 60


async def test_nobody_waits_on_when_the_provider_refuses_all(tmp_path: Path) -> None:
    """Eight calls fill the provider and get a 429 that holds it back for an hour; the rest has to be told so at once."""
    ended = 0

    async def ask(engine: Engine) -> None:
        nonlocal ended
        with pytest.raises(ProviderError):
            await engine.complete(asking(temperature=1.0))
        ended += 1

    async with (
        Simulator.start() as simulator,
        Engine.open(home=tmp_path, environ={}, simulator=simulator) as engine,
        asyncio.timeout(20),
    ):
        simulator.set("groq", Behaviour(error_rates={"rate_limit": 1.0}, retry_after_s=3600))
        await asyncio.gather(*(ask(engine) for _ in range(HERD)))
        assert simulator.counts("groq").requests == 8
    assert ended == HERD
