"""What Python's collections cost answers: left to Python, and at quiet moments as the optimizer does it.

One process holds what the open window holds (its modules, and a million small objects as after a day). In turn, left to Python
and settled, 1,200 answers of some 60 tokens are streamed, eight at once, through a real engine from the simulator in time
lapse; the events of one in ten are kept. Counted are collections of the oldest generation and for how long each held the
event loop.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from contextlib import aclosing
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiconsole import ChatRequest, Engine, Message
from aiconsole.domain.chat import Finished
from aiconsole.drill.lapse import LapseLoop, LoopClock
from aiconsole.optimizer.collection import Collector
from aiconsole.simulator import Behaviour, Simulator
from tests.benchmarks.rows import Row

ANSWERS, AT_ONCE, ROUNDS = 1_200, 8, 3
HELD = 1_000_000
MODEL = "groq/openai/gpt-oss-120b"
WINDOW = ("window", "chat.panel", "overview.panel", "providers.panel", "settings.panel", "requests.panel")


class Pauses:
    """Listens to Python's collector: how long each collection of the oldest generation took, in ms."""

    def __init__(self) -> None:
        self.ms: list[float] = []
        self._began = 0.0

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        if info["generation"] == 2:
            if phase == "start":
                self._began = time.perf_counter()
            else:
                self.ms.append((time.perf_counter() - self._began) * 1000)


async def _stream(engine: Engine, count: int) -> float:
    """Stream answers and keep some; gives the seconds it took."""
    kept: list[object] = []
    left = iter(range(count))

    async def asker() -> None:
        for number in left:
            request = ChatRequest(MODEL, (Message.user(f"[[tokens=60]] {number}"),), cache="off")
            async with aclosing(engine.stream(request)) as events:
                seen = [event async for event in events]
            assert isinstance(seen[-1], Finished)
            if number % 10 == 0:
                kept.extend([event] for event in seen)

    began = time.perf_counter()
    await asyncio.gather(*(asker() for _ in range(AT_ONCE)))
    return time.perf_counter() - began


async def _arms(home: str) -> list[Row]:
    clock = LoopClock()
    held = [[number] for number in range(HELD)]
    rows: list[Row] = []
    pauses = {"by Python": Pauses(), "at quiet moments": Pauses()}
    took = dict.fromkeys(pauses, 0.0)
    collector = Collector(time.perf_counter)
    whole: list[float] = []
    aside: list[float] = []
    async with (
        Simulator.start(seed=1, clock=clock) as simulator,
        Engine.open(home=home, environ={}, simulator=simulator, clock=clock) as engine,
    ):
        simulator.set("groq", Behaviour(ttft_ms=20.0, tokens_per_s=2000.0))
        await _stream(engine, 100)
        gc.collect()
        for _ in range(ROUNDS):
            for name, listener in pauses.items():
                if name == "at quiet moments":
                    collector.settle()
                gc.callbacks.append(listener)
                took[name] += await _stream(engine, ANSWERS)
                gc.callbacks.remove(listener)
                if name == "at quiet moments":
                    aside.append(collector.collect().took_ms)
                    collector.unsettle()
                began = time.perf_counter()
                gc.collect()
                whole.append((time.perf_counter() - began) * 1000)
    for name, listener in pauses.items():
        rows += [
            Row(f"{name}: collections of the oldest generation while streaming", len(listener.ms), ""),
            Row("  the longest held the event loop for", max(listener.ms, default=0.0), "ms"),
            Row("  all of them", sum(listener.ms), "ms"),
            Row("  answers a second", ROUNDS * ANSWERS / took[name], "/s"),
        ]
    one, other = statistics.median(whole), statistics.median(aside)
    rows += [
        Row("one collection of everything", one, "ms"),
        Row("one with what was there at the start put aside", other, "ms"),
        Row("  how many times shorter", one / other, "x", "at least 5", one >= 5 * other),
    ]
    assert len(held) == HELD
    return rows


def run() -> list[Row]:
    """About a minute."""
    for name in WINDOW:
        import_module(f"aiconsole.gui.{name}")
    with TemporaryDirectory() as home, asyncio.Runner(loop_factory=lambda: LapseLoop(0.0)) as runner:
        Path(home, "settings.toml").write_text('[cache]\nmode = "off"\n', encoding="utf-8")
        return runner.run(_arms(home))
