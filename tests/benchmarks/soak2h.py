"""Two hours of use at 5 requests a second, as fast as it runs, and that memory stays flat.

36,000 requests come at the beat of 5 a second of an event loop in which waiting takes no time: prompts by Zipf's law with
exponent 1 over 4,000, at temperature 0, every second one streamed, by a route of three simulated providers. All go through the
response cache, whose room in memory and file (1 MB and 2 MB) is too small for all answers, so that it evicts all the time, and
through the recorder into a database; the optimizer takes its figures once a second and collects memory at quiet moments.
Resident memory is taken every ten minutes and must stay within 5 %. Before that comes an hour of the same to warm up, in which
what is bounded fills: SQLite's page cache of 8 MB above all, which takes a database of that size, and the cache's index.
``AICONSOLE_SOAK_REQUESTS`` (``--requests``) changes how many there are in the two hours.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import aclosing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import psutil

from aiconsole import ChatRequest, Engine, Message
from aiconsole.domain.chat import Finished
from aiconsole.domain.history import RequestFilter
from aiconsole.drill.lapse import LapseLoop, LoopClock
from aiconsole.simulator import Behaviour, Simulator
from tests.benchmarks.eviction import zipf
from tests.benchmarks.rows import Row

REQUESTS = 36_000
PER_S = 5.0
PROMPTS = 4_000
PARTS, WARM = 12, 6
"""Stretches of ten minutes: those that count, and those before."""
ROUTE = ("groq/openai/gpt-oss-120b", "cerebras/gpt-oss-120b", "openrouter/openai/gpt-oss-120b")
PACE = Behaviour(ttft_ms=150.0, tokens_per_s=900.0, jitter=0.3)
SETTINGS = """[cache]
memory_mb = 1
file_mb = 2
[routes]
soak = [{route}]
"""


class Use:
    """One run. ``memory`` is resident MB and ``blocks`` Python's blocks after each part, from the end of the warm-up on."""

    def __init__(self, engine: Engine, requests: int, seed: int) -> None:
        self.memory: list[float] = []
        self.blocks: list[int] = []
        self.cached = self.answered = 0
        self._engine = engine
        self._part = requests // PARTS
        self.asked = self._part * (WARM + PARTS)
        self._prompts = zipf(Random(seed), PROMPTS, 1.0, self.asked)
        self._process = psutil.Process()

    async def run(self) -> None:
        """Ask everything at its time."""
        asking: set[asyncio.Task[None]] = set()
        for number, prompt in enumerate(self._prompts, 1):
            task = asyncio.ensure_future(self._ask(prompt, stream=number % 2 == 0))
            asking.add(task)
            task.add_done_callback(asking.discard)
            await asyncio.sleep(1 / PER_S)
            if number % self._part == 0 and number >= self._part * WARM:
                await self._engine.cache.flush()
                await self._engine._kept_history.flush()
                self.memory.append(self._process.memory_info().rss / 1e6)
                self.blocks.append(sys.getallocatedblocks())
        await asyncio.gather(*asking)

    async def _ask(self, prompt: int, *, stream: bool) -> None:
        text = f"[[tokens={20 + prompt % 200}]] Question {prompt}: {'why is that so? ' * (prompt % 40)}"
        request = ChatRequest("soak", (Message.user(text),), temperature=0.0)
        if stream:
            async with aclosing(self._engine.stream(request)) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        result = event.result
        else:
            result = await self._engine.complete(request)
        self.answered += 1
        self.cached += result.cached is not None


async def use(requests: int, home: str) -> tuple[Use, int, str]:
    """Run it in a `LapseLoop`; gives also how many requests the database has, and what the optimizer did."""
    clock = LoopClock()
    Path(home, "settings.toml").write_text(
        SETTINGS.format(route=", ".join(f'"{name}"' for name in ROUTE)), encoding="utf-8"
    )
    async with (
        Simulator.start(seed=1, clock=clock) as simulator,
        Engine.open(home=home, environ={}, simulator=simulator, clock=clock, random=Random(1), record=True) as engine,
    ):
        for name in ROUTE:
            simulator.set(name.partition("/")[0], PACE)
        optimizer = await engine.open_optimizer()
        optimizer.settle()
        run = Use(engine, requests, 1)
        await run.run()
        await engine._kept_history.flush()
        found = await engine.history.requests(RequestFilter(0.0, clock.now() + 1.0, simulated=True))
        picture = optimizer.picture()
        did = f"{picture.collections} collections, the longest {picture.longest_collection_ms:.1f} ms"
        return run, found.count, did


def run() -> list[Row]:
    """About five minutes for 54,000 requests in all."""
    requests = int(os.environ.get("AICONSOLE_SOAK_REQUESTS", REQUESTS))
    began = time.perf_counter()
    with TemporaryDirectory() as home, asyncio.Runner(loop_factory=lambda: LapseLoop(0.0)) as runner:
        done, kept, did = runner.run(use(requests, home))
    took = time.perf_counter() - began
    print(f"  {did}")
    print("  MB:", " ".join(f"{size:.1f}" for size in done.memory))
    print("  blocks, thousands:", " ".join(f"{count / 1000:.0f}" for count in done.blocks))
    first = done.memory[0]
    flat = max(done.memory) / first
    return [
        Row("requests in two hours at 5 a second", requests, ""),
        Row("  and an hour of warming up before, took", took, "s"),
        Row("  answered from the cache", done.cached / done.asked, ""),
        Row("  recorded in the database", kept, "", str(done.asked), kept == done.asked),
        Row("  resident memory after warming up", first, "MB"),
        Row("  the most afterwards, over that", flat, "x", "at most 1.05", flat <= 1.05),
        Row("  at the end, over that", done.memory[-1] / first, "x", "at most 1.05", done.memory[-1] <= 1.05 * first),
        Row("  Python's blocks at the end, over those", done.blocks[-1] / done.blocks[0], "x"),
    ]
