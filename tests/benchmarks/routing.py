"""What a routed call costs over the bare provider's: ten candidates, twenty rules, at 1 and at 64 in flight."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiconsole import ChatRequest, Engine, Message
from aiconsole.domain.clock import SystemClock
from aiconsole.providers.client import HttpProvider
from aiconsole.providers.config import ProviderConfig
from aiconsole.providers.pricing import PriceBook
from aiconsole.providers.registry import make_dialect
from tests.benchmarks import server
from tests.benchmarks.rows import Row

PROMPT = "word " * 800
CALLS = 400
ROUNDS = 8
CANDIDATES = 10
RULES = 20

Call = Callable[[], Awaitable[object]]


def run() -> list[Row]:
    """Measure; about half a minute."""
    with server.running(chunks=10) as base_url, tempfile.TemporaryDirectory() as home:
        names = [f"bench{number}" for number in range(CANDIDATES)]
        providers = "\n".join(f'[custom.{name}]\nbase_url = "{base_url}"' for name in names)
        route = ", ".join(f'"{name}/model"' for name in names)
        Path(home, "settings.toml").write_text(
            f'{providers}\n[routes]\nten = [{route}]\n[routing.ten]\nstrategy = "lowest latency"\n'
        )
        rules = "\n".join(
            f'[rule-{number}]\nerror_rate = {{ above = {0.5 + number / 100} }}\ndo = "next candidate"'
            for number in range(RULES)
        )
        Path(home, "rules.toml").write_text(rules)
        return asyncio.run(_measure(base_url, home))


async def _measure(base_url: str, home: str) -> list[Row]:
    clock = SystemClock()
    config = ProviderConfig("bare", "openai", base_url=base_url, key_needed=False)
    bare = HttpProvider(config, make_dialect(config, {}), PriceBook(clock), clock)
    asked = ChatRequest("model", (Message("user", PROMPT),))
    routed = ChatRequest("ten", (Message("user", PROMPT),))
    rows: list[Row] = []
    async with Engine.open(home=home, environ={}) as engine:
        assert engine.gate.rules is not None
        assert len(engine.gate.rules.rules) == RULES
        calls: dict[str, Call] = {"bare": lambda: bare.complete(asked), "routed": lambda: engine.complete(routed)}
        for in_flight in (1, 64):
            cpu: dict[str, list[float]] = {name: [] for name in calls}
            for _ in range(ROUNDS):
                for name, call in calls.items():
                    cpu[name].append(await _cpu_ms(call, in_flight))
            plain, whole = (statistics.median(cpu[name][1:]) for name in ("bare", "routed"))
            more = whole - plain
            rows += [
                Row(f"bare provider call, CPU at {in_flight} in flight", plain, "ms/request"),
                Row(f"routed call, CPU at {in_flight} in flight", whole, "ms/request"),
                Row("  the routing costs", more, "ms/request", "at most 0.15", more <= 0.15),
            ]
    await bare.aclose()
    return rows


async def _cpu_ms(call: Call, in_flight: int) -> float:
    left = CALLS

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await call()

    cpu = time.process_time()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return (time.process_time() - cpu) * 1000 / CALLS
