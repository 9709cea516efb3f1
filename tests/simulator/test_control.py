"""Steering a running simulator over HTTP, and who may; the stand-alone command."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from aiconsole.simulator import NAMES, Behaviour, RateLimits, Simulator, StreamFault, lifelike
from aiconsole.simulator.command import serve
from tests.simulator.asking import ask


async def test_a_behaviour_is_read_changed_and_written_back() -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        url = simulator.url + "/_control/groq"
        async with client.get(url) as response:
            assert json.loads(await response.text()) == {}
        wanted = {
            "error_rates": {"overloaded": 1.0},
            "rate_limit": {"requests_per_minute": 5},
            "stream_fault": {"kind": "cut"},
        }
        async with client.put(url, json=wanted) as response:
            assert response.status == 200
            assert json.loads(await response.text()) == wanted
        assert simulator.behaviour("groq") == Behaviour(
            error_rates={"overloaded": 1.0},
            rate_limit=RateLimits(requests_per_minute=5),
            stream_fault=StreamFault("cut"),
        )
        assert (await ask(client, simulator, "groq"))[0] == 503
        async with client.get(url + "/tally") as response:
            assert json.loads(await response.text())["statuses"] == {"503": 1}
        async with client.get(simulator.url + "/_control") as response:
            assert json.loads(await response.text()) == {name: simulator.base_url(name) for name in NAMES}


@pytest.mark.parametrize("body", [b"{", b'{"unknown": 1}', b'{"jitter": 7}', b'{"error_rates": {"quota": 2}}', b"[]"])
async def test_a_wrong_behaviour_changes_nothing(body: bytes) -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        async with client.put(simulator.url + "/_control/groq", data=body) as response:
            assert response.status == 400
            assert (await response.json())["error"]
        assert simulator.behaviour("groq") == Behaviour()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://127.0.0.1"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": ""},
    ],
)
async def test_web_pages_are_refused(headers: dict[str, str]) -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        for method in ("GET", "PUT"):
            async with client.request(method, simulator.url + "/_control/groq", json={}, headers=headers) as response:
                assert response.status == 403


async def test_other_paths_and_methods_are_refused() -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        for method, path, status in (
            ("GET", "nobody", 404),
            ("GET", "groq/other", 404),
            ("DELETE", "groq", 405),
            ("PUT", "groq/tally", 405),
        ):
            async with client.request(method, f"{simulator.url}/_control/{path}") as response:
                assert response.status == status


def test_every_provider_has_a_lifelike_pace() -> None:
    paces = lifelike()
    assert set(paces) == set(NAMES)
    assert all(behaviour.paced for behaviour in paces.values())


async def test_the_command_says_where_and_serves_until_stopped() -> None:
    said: list[str] = []
    stop = asyncio.Event()
    running = asyncio.create_task(serve(seed=4, fast=True, say=said.append, stop=stop))
    while len(said) < len(NAMES) + 2:
        await asyncio.sleep(0.001)
    urls = dict(line.split() for line in said if line.startswith("  "))
    assert set(urls) == set(NAMES)
    async with aiohttp.ClientSession() as client, client.get(urls["openrouter"] + "/models") as response:
        assert response.status == 200
    stop.set()
    await asyncio.wait_for(running, 5)
