"""LiteLLM's Router against the benchmark's server; run by the interpreter of an environment that has LiteLLM.

``python litellm_router.py BASE_URL CALLS`` prints one line of JSON: version, p50_ms at 1 in flight, requests_per_s at 64 in
flight, chunks_per_s of one stream.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from importlib.metadata import version

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm  # type: ignore[import-not-found]

MESSAGES = [{"role": "user", "content": "word " * 800}]


async def measure(base_url: str, calls: int) -> dict[str, object]:
    litellm.suppress_debug_info = True
    parameters = {"model": "openai/bench", "api_base": base_url, "api_key": "bench"}
    router = litellm.Router(model_list=[{"model_name": "bench", "litellm_params": parameters}])
    for _ in range(20):
        await router.acompletion(model="bench", messages=MESSAGES)
    times = []
    for _ in range(calls):
        started = time.perf_counter()
        await router.acompletion(model="bench", messages=MESSAGES)
        times.append((time.perf_counter() - started) * 1000)
    left = calls * 2

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await router.acompletion(model="bench", messages=MESSAGES)

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(64)))
    rate = calls * 2 / (time.perf_counter() - started)
    started, chunks = time.perf_counter(), 0
    async for _ in await router.acompletion(model="bench", messages=MESSAGES, stream=True):
        chunks += 1
    return {
        "version": version("litellm"),
        "p50_ms": statistics.median(times),
        "requests_per_s": rate,
        "chunks_per_s": chunks / (time.perf_counter() - started),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(sys.argv[1], int(sys.argv[2])))))
