"""An answered request is gone at once: nothing of it is left for the cyclic collector, which would cost each call time."""

from __future__ import annotations

import gc
from pathlib import Path

from aiconsole import ChatRequest, Engine, Message
from aiconsole.routing.journey import Journey
from aiconsole.simulator import Behaviour, Simulator

ASKED = ChatRequest("two", (Message.user("[[tokens=4]]"),), cache="off")


def journeys() -> list[Journey]:
    return [each for each in gc.get_objects() if isinstance(each, Journey)]


async def test_an_answered_request_leaves_nothing_to_collect(tmp_path: Path) -> None:
    quick = Behaviour(ttft_ms=0, tokens_per_s=100_000)
    async with (
        Simulator.start(seed=1, behaviours={"groq": quick, "cerebras": quick}) as simulator,
        Engine.open(home=tmp_path, environ={}, simulator=simulator) as engine,
    ):
        await engine.change("routes.two", ["groq/openai/gpt-oss-120b", "cerebras/gpt-oss-120b"])
        await engine.models()
        gc.collect()
        others = journeys()
        gc.disable()
        try:
            for _ in range(3):
                await engine.complete(ASKED)
                async for _ in engine.stream(ASKED):
                    pass
            left = [each for each in journeys() if each not in others]
        finally:
            gc.enable()
    assert left == []
