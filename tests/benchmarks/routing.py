"""What a routed call costs over the bare provider's, by each strategy: ten candidates, twenty rules, at 1 and 64 in flight."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import get_args

from aiconsole import ChatRequest, Engine, Message
from aiconsole.domain.clock import SystemClock
from aiconsole.providers.client import HttpProvider
from aiconsole.providers.config import ProviderConfig
from aiconsole.providers.pricing import PriceBook
from aiconsole.providers.registry import make_dialect
from aiconsole.routing.selection import Strategy
from tests.benchmarks import server
from tests.benchmarks.rows import Row

PROMPT = "word " * 800
CALLS = 200
ROUNDS = 12
CANDIDATES = 10
RULES = 20

STRATEGIES = get_args(Strategy)

Call = Callable[[], Awaitable[object]]


def run() -> list[Row]:
    """Measure; about half a minute."""
    with server.running(chunks=10) as base_url, tempfile.TemporaryDirectory() as home:
        names = [f"bench{number}" for number in range(CANDIDATES)]
        providers = "\n".join(f'[custom.{name}]\nbase_url = "{base_url}"' for name in names)
        route = ", ".join(f'"{name}/model"' for name in names)
        routes = "\n".join(f"{_named(strategy)} = [{route}]" for strategy in STRATEGIES)
        routing = "\n".join(f'[routing.{_named(strategy)}]\nstrategy = "{strategy}"' for strategy in STRATEGIES)
        Path(home, "settings.toml").write_text(f"{providers}\n[routes]\n{routes}\n{routing}\n", encoding="utf-8")
        rules = "\n".join(
            f'[rule-{number}]\nerror_rate = {{ above = {0.5 + number / 100} }}\ndo = "next candidate"'
            for number in range(RULES)
        )
        Path(home, "rules.toml").write_text(rules, encoding="utf-8")
        return asyncio.run(_measure(base_url, home))


async def _measure(base_url: str, home: str) -> list[Row]:
    clock = SystemClock()
    config = ProviderConfig("bare", "openai", base_url=base_url, key_needed=False)
    bare = HttpProvider(config, make_dialect(config, {}), PriceBook(clock), clock)
    asked = ChatRequest("model", (Message("user", PROMPT),))
    rows: list[Row] = []
    async with Engine.open(home=home, environ={}) as engine:
        engine.live.close()  # what listens to the events is measured elsewhere
        await engine.keys_read()
        assert engine.gate.rules is not None
        assert len(engine.gate.rules.rules) == RULES
        calls: dict[str, Call] = {"bare": lambda: bare.complete(asked)}
        for strategy in STRATEGIES:
            routed = ChatRequest(_named(strategy), asked.messages, cache="off")
            calls[strategy] = partial(engine.complete, routed)
        for in_flight in (1, 64):
            cpu: dict[str, list[float]] = {name: [] for name in calls}
            for _ in range(ROUNDS):
                for name, call in calls.items():
                    cpu[name].append(await _cpu_ms(call, in_flight))
            plain = statistics.median(cpu["bare"][1:])
            rows.append(Row(f"bare provider call, CPU at {in_flight} in flight", plain, "ms/request"))
            for strategy in STRATEGIES:
                paired = zip(cpu[strategy][1:], cpu["bare"][1:], strict=True)
                more = statistics.median(whole - unrouted for whole, unrouted in paired)
                name = f"  routed by {strategy} costs more"
                rows.append(Row(name, more, "ms/request", "at most 0.15", more <= 0.15))
                rows.append(Row("    as a share of the bare call", more / plain, "x"))
    await bare.aclose()
    return rows


def _named(strategy: str) -> str:
    return strategy.replace(" ", "-")


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
