"""Many requests that wait for a place at their provider: what becomes of those that are told of room and may not ask."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aiconsole import Engine
from aiconsole.domain.errors import ProviderError
from aiconsole.drill.lapse import LapseLoop, LoopClock
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


@pytest.mark.parametrize("usual_s", [0.1, 40.0])
def test_whole_answers_do_not_wait_for_a_silent_provider_again_and_again(usual_s: float, tmp_path: Path) -> None:
    """Silence opens its breaker; where answers have always taken long it may be one of those."""
    (tmp_path / "settings.toml").write_text(
        '[routes]\ntwo = ["groq/openai/gpt-oss-120b", "cerebras/gpt-oss-120b"]\n', encoding="utf-8"
    )
    waits: list[float] = []

    async def main() -> None:
        clock = LoopClock()
        async with (
            Simulator.start(seed=1, clock=clock) as simulator,
            Engine.open(home=tmp_path, environ={}, simulator=simulator, clock=clock) as engine,
        ):
            simulator.set("groq", Behaviour(ttft_ms=1000 * usual_s))
            for _ in range(5):
                await engine.complete(asking(model="two", cache="off"))
            simulator.set("groq", Behaviour(outage="hang"))
            for _ in range(6):
                began = clock.monotonic()
                await engine.complete(asking(model="two", cache="off"))
                waits.append(clock.monotonic() - began)

    with asyncio.Runner(loop_factory=lambda: LapseLoop(0.0)) as runner:
        runner.run(main())
    assert all(wait == pytest.approx(60, abs=1) for wait in waits[:5])
    assert waits[5] < 1 if usual_s < 1 else waits[5] > 59
