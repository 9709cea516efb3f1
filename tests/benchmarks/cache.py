"""The response cache: what a hit costs, how well it evicts, and what it saves on a workload with repeats.

The workload: 3,000 requests, one after another, over 1,000 prompts that are asked for by Zipf's law with exponent 1; answers
of 40 to 400 tokens; the file may hold half of all answers' bytes. Providers are simulated at a lifelike pace in time lapse, so
that response times are those of real time; prices are the bundled list's.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

from aiconsole import ChatRequest, Engine, Message
from aiconsole.cache.front import ResponseCache
from aiconsole.cache.keeping import CacheLimits
from aiconsole.cache.meaning import Meaning
from aiconsole.cache.policy import CachePolicy
from aiconsole.domain.chat import ChatResult, Finished, StreamEvent, TextDelta
from aiconsole.domain.clock import SystemClock
from aiconsole.domain.messages import TextPart
from aiconsole.domain.trace import Traced
from aiconsole.drill.lapse import LapseLoop, LoopClock
from aiconsole.simulator import Simulator, lifelike
from tests.benchmarks import server
from tests.benchmarks.eviction import POLICIES, hit_rate, make_trace, zipf
from tests.benchmarks.rows import Row

SMALL, LARGE = 4096, 200_000
CALLS, ROUNDS, CHUNKS = 300, 7, 20_000
PROMPTS, REQUESTS, EXPONENT = 1000, 3000, 1.0
ROOM = 0.5
DIRECT, ROUTE = "groq/openai/gpt-oss-120b", "gpt-oss-120b"

Call = Callable[[ChatRequest], Awaitable[object]]


def run() -> list[Row]:
    """Measure; about a minute and a half."""
    return [*_hits(), *asyncio.run(_passing()), *_streams(), *asyncio.run(_identical()), *_eviction(), *_workload()]


# What a hit costs


def _hits() -> list[Row]:
    with server.running(chunks=20) as base_url, tempfile.TemporaryDirectory() as home:
        Path(home, "settings.toml").write_text(f'[custom.bench]\nbase_url = "{base_url}"\n', encoding="utf-8")
        return asyncio.run(_hit_rows(home))


def _request(size: int) -> ChatRequest:
    return ChatRequest("bench/m", (Message.user("w" * size),), temperature=0.0)


async def _hit_rows(home: str) -> list[Row]:
    rows: list[Row] = []
    async with Engine.open(home=home, environ={}) as engine:
        bare: dict[bytes, object] = {}
        encoder = msgspec.msgpack.Encoder()

        async def plain(request: ChatRequest) -> object:
            return bare[sha256(encoder.encode(request)).digest()]

        async def disk(request: ChatRequest) -> object:
            return await engine.complete(request)

        for size, limit in ((SMALL, 20.0), (LARGE, 250.0)):
            result = await engine.complete(_request(size))
            bare[sha256(encoder.encode(_request(size))).digest()] = result
            kilo = f"{size // 1000} kB prompt"
            dict_us, hit_us = await _alternate([plain, engine.complete], lambda size=size: _request(size))
            known = _request(size)
            await engine.complete(known)
            (again_us,) = await _alternate([engine.complete], lambda known=known: known)
            rows += [
                Row(f"bare dict with the same kind of key, {kilo}", dict_us, "us"),
                Row(f"memory hit through engine.complete, {kilo}", hit_us, "us", f"at most {limit:g}", hit_us <= limit),
                Row("  over the bare dict", hit_us / dict_us, "x"),
                Row("  with messages that were hashed before", again_us, "us"),
            ]
        await engine.cache.flush()
        await asyncio.sleep(0.05)
        (disk_us,) = await _alternate([disk], lambda: _request(SMALL), before=lambda: engine.cache.shrink(0.0))
        rows.append(Row("disk hit through engine.complete, 4 kB prompt", disk_us, "us", "at most 60", disk_us <= 60))
        stats = await engine.cache.stats()
        assert stats.misses == 2
    return rows


async def _alternate(
    calls: list[Call], make: Callable[[], ChatRequest], *, before: Callable[[], object] = lambda: None
) -> list[float]:
    """Median microseconds of each call, in rounds that alternate, each with a request made for it."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, spent in zip(calls, times, strict=True):
            for _ in range(CALLS):
                request = make()
                before()
                started = time.perf_counter()
                await call(request)
                spent.append(time.perf_counter() - started)
    return [statistics.median(spent) * 1e6 for spent in times]


# What a request costs that the cache has nothing to do with, and one it has not


class _Instant:
    """A router that answers at once."""

    result = ChatResult("p", "m", (TextPart("x" * 400),), "stop")

    async def complete(self, request: ChatRequest) -> ChatResult:
        return self.result

    async def stream(self, request: ChatRequest, *, traced: Traced | None = None) -> AsyncGenerator[StreamEvent, None]:
        yield Finished(self.result)


async def _passing() -> list[Row]:
    async def no_file() -> None:
        return None

    router = _Instant()
    cache = ResponseCache(
        router,
        lambda name: CachePolicy(b"s" * 32),
        SystemClock(),
        publish=lambda event: None,
        random=Random(1),
        open_file=no_file,
        meaning=Meaning(lambda name: None, SystemClock()),
        limits=CacheLimits(),
    )
    number = iter(range(10**9))
    bare_us, off_us = await _alternate(
        [router.complete, cache.complete], lambda: ChatRequest("m", (Message.user("x"),))
    )
    text = "w" * SMALL
    asked = lambda: ChatRequest("m", (Message.user(text),), temperature=0.0, seed=next(number))  # noqa: E731
    (miss_us,) = await _alternate([cache.complete], asked)
    await cache.aclose()
    more = off_us - bare_us
    return [
        Row("a request that is not the cache's costs more by", more, "us", "at most 1", more <= 1),
        Row("a miss that is kept costs more by, 4 kB prompt", miss_us - bare_us, "us"),
    ]


def _streams() -> list[Row]:
    with server.running(CHUNKS) as base_url, tempfile.TemporaryDirectory() as home:
        Path(home, "settings.toml").write_text(f'[custom.bench]\nbase_url = "{base_url}"\n', encoding="utf-8")
        return asyncio.run(_stream_rows(home))


async def _stream_rows(home: str) -> list[Row]:
    """One long stream that passes the cache by, and one that it records, in turn."""
    rates: dict[str, list[float]] = {"off": [], "on": []}
    async with Engine.open(home=home, environ={}) as engine:
        for number in range(ROUNDS):
            for use, spent in rates.items():
                asked = msgspec.structs.replace(_request(SMALL), cache=use, seed=number)
                started = time.perf_counter()
                count = 0
                async for event in engine.stream(asked):
                    count += type(event) is TextDelta
                spent.append(count / (time.perf_counter() - started))
                assert count == CHUNKS
    off, on = statistics.median(rates["off"]), statistics.median(rates["on"])
    return [
        Row("engine.stream past the cache, one stream", off, "chunks/s"),
        Row("engine.stream while it is recorded", on, "chunks/s"),
        Row("  ratio", on / off, "x"),
    ]


async def _identical() -> list[Row]:
    with tempfile.TemporaryDirectory() as home:
        async with Simulator.start() as simulator, Engine.open(home=home, environ={}, simulator=simulator) as engine:
            asked = ChatRequest(DIRECT, (Message.user("[[tokens=50]]"),), temperature=0.0)
            await asyncio.gather(*(engine.complete(asked) for _ in range(1000)))
            calls = simulator.counts("groq").requests
    return [Row("1,000 identical requests at once", calls, "calls", "1", calls == 1)]


# How well it evicts


def _eviction() -> list[Row]:
    rows = []
    for scan, name in ((0, "Zipf"), (10_000, "Zipf and scans")):
        trace = make_trace(1, keys=10_000, exponent=0.9, asked=100_000, scan=scan, every=20_000)
        room = int(trace.bytes * 0.05)
        rates = {}
        for policy, made in POLICIES.items():
            rates[policy], us = hit_rate(made(room), trace)
            rows.append(Row(f"{name}, room for 5 %: {policy}, {us:.1f} us a request", rates[policy] * 100, "% hits"))
        better = rates["S3-FIFO"] / rates["LRU"]
        rows.append(Row("  S3-FIFO over LRU", better, "x", "more than 1", better > 1))
    return rows


# What it saves


class Arm(NamedTuple):
    """One way through the workload: means in ms and USD a request."""

    mean_ms: float
    usd: float
    hits: int
    repeats: int


def _workload() -> list[Row]:
    arms: dict[tuple[bool, str], Arm] = {}
    for cached in (False, True):
        for model in (DIRECT, ROUTE):
            with asyncio.Runner(loop_factory=lambda: LapseLoop(0)) as runner:
                arms[cached, model] = runner.run(_replay(cached=cached, model=model))
    plain, routed = arms[False, DIRECT], arms[False, ROUTE]
    kept, both = arms[True, DIRECT], arms[True, ROUTE]
    rate = kept.hits / kept.repeats
    faster, cheaper = 1 - kept.mean_ms / plain.mean_ms, 1 - routed.usd / plain.usd
    share = kept.repeats / REQUESTS
    return [
        Row("workload: repeats among all requests", share * 100, "%"),
        Row("hit rate of repeated requests", rate * 100, "%", "above 80", rate > 0.8),
        Row("neither cache nor routing: mean response", plain.mean_ms, "ms"),
        Row("neither cache nor routing: cost", plain.usd * 1000, "USD/1,000 requests"),
        Row("cheapest route alone: mean response", routed.mean_ms, "ms"),
        Row("cheapest route alone: cost", routed.usd * 1000, "USD/1,000 requests"),
        Row("  lower than the first provider alone by", cheaper * 100, "%", "at least 30", cheaper >= 0.3),
        Row("cache alone: mean response", kept.mean_ms, "ms"),
        Row("  lower than without by", faster * 100, "%", "40 to 60 or more", faster >= 0.4),
        Row("cache alone: cost", kept.usd * 1000, "USD/1,000 requests"),
        Row("cache and cheapest route: mean response", both.mean_ms, "ms"),
        Row("  lower than with the route alone by", (1 - both.mean_ms / routed.mean_ms) * 100, "%"),
        Row("cache and cheapest route: cost", both.usd * 1000, "USD/1,000 requests"),
        Row("  lower than neither by", (1 - both.usd / plain.usd) * 100, "%"),
    ]


async def _replay(*, cached: bool, model: str) -> Arm:
    random = Random(7)
    tokens = [random.randrange(40, 400) for _ in range(PROMPTS)]
    prompts = [f"[[tokens={count}]] Question {number}: " + "word " * 100 for number, count in enumerate(tokens)]
    order = zipf(random, PROMPTS, EXPONENT, REQUESTS)
    clock = LoopClock()
    settings = (
        f'[cache]\nmode = "{"temperature 0" if cached else "off"}"\n[routing."{ROUTE}"]\nstrategy = "lowest cost"\n'
    )
    spent, usd, hits, seen, repeats = 0.0, 0.0, 0, set[int](), 0
    with tempfile.TemporaryDirectory() as home:
        Path(home, "settings.toml").write_text(settings, encoding="utf-8")
        async with (
            Simulator.start(behaviours=lifelike()) as simulator,
            Engine.open(home=home, environ={}, simulator=simulator, clock=clock, random=Random(3)) as engine,
        ):
            await engine.models()
            answers = sum(6 * tokens[number] + 600 for number in set(order))
            limits = CacheLimits(int(answers * ROOM), int(answers * ROOM))
            engine.cache.configure(limits)
            for number in order:
                repeats += number in seen
                seen.add(number)
                request = ChatRequest(model, (Message.user(prompts[number]),), temperature=0.0)
                began = clock.monotonic()
                result = await engine.complete(request)
                spent += clock.monotonic() - began
                usd += 0.0 if result.cost is None else result.cost.usd
                hits += result.cached is not None
            stats = await engine.cache.stats()
            assert not cached or stats.evictions > 0
    return Arm(spent / REQUESTS * 1000, usd / REQUESTS, hits, repeats)
