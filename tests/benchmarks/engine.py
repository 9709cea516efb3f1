"""What the engine adds to the transport: one call, 64 in flight, and one long stream, beside the transport called bare.

Rounds of the two sides alternate, so that a machine whose speed drifts does not favour one of them. The provider is a
process of its own (server.py). LiteLLM's Router stands beside, in its own environment, where one is named.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport

from aiconsole import ChatRequest, Engine, Message
from aiconsole.domain.chat import TextDelta
from tests.benchmarks import server
from tests.benchmarks.rows import Row

PROMPT = "word " * 800
REQUEST = ChatRequest("bench/bench", (Message("user", PROMPT),))
ROUNDS = 8
CALLS = 250
IN_FLIGHT = 64
CHUNKS = 20_000

Call = Callable[[], Awaitable[object]]


def run() -> list[Row]:
    """Measure; takes about a minute."""
    with server.running(CHUNKS) as base_url, tempfile.TemporaryDirectory() as home:
        Path(home, "settings.toml").write_text(f'[custom.bench]\nbase_url = "{base_url}"\n', encoding="utf-8")
        rows = asyncio.run(_measure(base_url, home))
        return rows + _litellm(base_url, rows)


async def _measure(base_url: str, home: str) -> list[Row]:
    bare = AiohttpTransport(limits=httpx.Limits(max_connections=IN_FLIGHT, keepalive_expiry=60))
    async with Engine.open(home=home, environ={}) as engine:
        ask = _bare_call(bare, base_url)
        complete = lambda: engine.complete(REQUEST)  # noqa: E731
        await asyncio.gather(*(ask() for _ in range(IN_FLIGHT)), *(complete() for _ in range(IN_FLIGHT)))
        singles: dict[str, list[float]] = {"bare": [], "engine": []}
        crowds: dict[str, list[tuple[float, float]]] = {"bare": [], "engine": []}
        for _ in range(ROUNDS):
            singles["bare"] += await _one_at_a_time(ask)
            singles["engine"] += await _one_at_a_time(complete)
            crowds["bare"].append(await _many(ask))
            crowds["engine"].append(await _many(complete))
        streams = [(await _bare_stream(bare, base_url), await _engine_stream(engine)) for _ in range(ROUNDS)]
    await bare.aclose()
    with server.running(chunks=20) as short_url:
        later = await _first_tokens(short_url)
    return [*_call_rows(singles, crowds), *_stream_rows(streams), later]


def _call_rows(singles: dict[str, list[float]], crowds: dict[str, list[tuple[float, float]]]) -> list[Row]:
    p50 = {name: statistics.median(times) for name, times in singles.items()}
    cpu = {name: statistics.median(cpu for cpu, _ in rounds) for name, rounds in crowds.items()}
    rate = {name: statistics.median(rate for _, rate in rounds) for name, rounds in crowds.items()}
    ratio = p50["engine"] / p50["bare"]
    return [
        Row("aiohttp transport called directly, p50 at 1 in flight", p50["bare"], "ms"),
        Row("engine.complete, p50 at 1 in flight", p50["engine"], "ms"),
        Row("  ratio", ratio, "x", "at most 1.6", ratio <= 1.6),
        Row("aiohttp transport called directly, CPU at 64 in flight", cpu["bare"], "ms/request"),
        Row("engine.complete, CPU at 64 in flight", cpu["engine"], "ms/request", "at most 0.2", cpu["engine"] <= 0.2),
        Row("aiohttp transport called directly, at 64 in flight", rate["bare"], "requests/s"),
        Row("engine.complete, at 64 in flight", rate["engine"], "requests/s"),
    ]


def _stream_rows(streams: list[tuple[float, float]]) -> list[Row]:
    bare_rate = statistics.median(bare for bare, _ in streams)
    rate = statistics.median(ours for _, ours in streams)
    return [
        Row("transport read bare, one stream", bare_rate, "chunks/s"),
        Row("engine.stream, one stream", rate, "chunks/s"),
        Row("  ratio", rate / bare_rate, "x", "at least 0.5", rate >= bare_rate / 2),
    ]


def _request(base_url: str, *, stream: bool) -> httpx.Request:
    body = {"messages": [{"role": "user", "content": PROMPT}], "model": "bench", "stream": stream}
    return httpx.Request(
        "POST",
        f"{base_url}/chat/completions",
        headers={"content-type": "application/json"},
        content=msgspec.json.encode(body),
        extensions={"timeout": {"connect": 10.0, "read": 30.0, "write": 30.0, "pool": 10.0}},
    )


def _bare_call(transport: AiohttpTransport, base_url: str) -> Call:
    request = _request(base_url, stream=False)

    async def ask() -> object:
        response = await transport.handle_async_request(request)
        body = await response.aread()
        await response.aclose()
        return msgspec.json.decode(body)

    return ask


async def _one_at_a_time(call: Call) -> list[float]:
    times = []
    for _ in range(CALLS):
        started = time.perf_counter()
        await call()
        times.append((time.perf_counter() - started) * 1000)
    return times


async def _many(call: Call) -> tuple[float, float]:
    """CPU ms a request and requests/s with 64 in flight."""
    left = CALLS * 4

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await call()

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    spent, cpu = time.perf_counter() - started, time.process_time() - cpu
    return cpu * 1000 / (CALLS * 4), CALLS * 4 / spent


async def _bare_stream(transport: AiohttpTransport, base_url: str) -> float:
    """Chunks/s of one stream split at blank lines."""
    started = time.perf_counter()
    response = await transport.handle_async_request(_request(base_url, stream=True))
    events = 0
    async for read in response.stream:  # type: ignore[union-attr]
        events += len(read.split(b"\n\n")) - 1
    spent = time.perf_counter() - started
    await response.aclose()
    assert events >= CHUNKS - 10
    return events / spent


async def _engine_stream(engine: Engine) -> float:
    started = time.perf_counter()
    events = 0
    async for event in engine.stream(REQUEST):
        if type(event) is TextDelta:
            events += 1
    spent = time.perf_counter() - started
    assert events == CHUNKS
    return events / spent


async def _first_tokens(base_url: str) -> Row:
    """How much later than the bare transport's first bytes the engine's first token comes, streams of 20 chunks in turn."""
    bare_ms: list[float] = []
    engine_ms: list[float] = []
    transport = AiohttpTransport(limits=httpx.Limits(max_connections=IN_FLIGHT, keepalive_expiry=60))
    with tempfile.TemporaryDirectory() as home:
        Path(home, "settings.toml").write_text(f'[custom.bench]\nbase_url = "{base_url}"\n', encoding="utf-8")
        async with Engine.open(home=home, environ={}) as engine:
            for _ in range(CALLS * 2):
                started = time.perf_counter()
                response = await transport.handle_async_request(_request(base_url, stream=True))
                waiting = True
                async for _ in response.stream:  # type: ignore[union-attr]
                    if waiting:
                        waiting = False
                        bare_ms.append((time.perf_counter() - started) * 1000)
                await response.aclose()
                started = time.perf_counter()
                waiting = True
                async for event in engine.stream(REQUEST):
                    if waiting and type(event) is TextDelta:
                        waiting = False
                        engine_ms.append((time.perf_counter() - started) * 1000)
    await transport.aclose()
    later = statistics.median(engine_ms) - statistics.median(bare_ms)
    return Row("engine.stream, first token later than bare by", later, "ms", "at most 0.2", later <= 0.2)


def _litellm(base_url: str, rows: list[Row]) -> list[Row]:
    """LiteLLM's Router against the same server; nothing where no environment is named."""
    python = os.environ.get("AICONSOLE_BENCH_LITELLM")
    if not python:
        return []
    script = Path(__file__).with_name("litellm_router.py")
    alone = "-P"  # without it the script's folder, which has modules of the same names as others', would come first
    done = subprocess.run(
        [python, alone, str(script), base_url, str(CALLS * 2)], capture_output=True, text=True, check=True, timeout=300
    )
    theirs = json.loads(done.stdout.splitlines()[-1])
    ours = {row.name: row.value for row in rows}
    faster = theirs["p50_ms"] / ours["engine.complete, p50 at 1 in flight"]
    more = ours["engine.complete, at 64 in flight"] / theirs["requests_per_s"]
    chunks = ours["engine.stream, one stream"] / theirs["chunks_per_s"]
    return [
        Row(f"LiteLLM {theirs['version']} Router, p50 at 1 in flight", theirs["p50_ms"], "ms"),
        Row("  engine.complete is faster by", faster, "x", "15", faster >= 15),
        Row("LiteLLM Router, at 64 in flight", theirs["requests_per_s"], "requests/s"),
        Row("  engine.complete serves more by", more, "x", "20", more >= 20),
        Row("LiteLLM Router, one stream", theirs["chunks_per_s"], "chunks/s"),
        Row("  engine.stream is faster by", chunks, "x"),
    ]
