"""Outages, broken streams, clients that leave, and a clean end in the middle of it all."""

from __future__ import annotations

import asyncio
import json
import time

import aiohttp
import pytest

from aiconsole.simulator import Behaviour, Simulator, StreamFault, known_text
from aiconsole.simulator.dice import Dice
from tests.simulator.asking import MODELS, NAMES, ask, chat_body, chat_url, chunks, events, key_headers, streamed
from tests.simulator.clocks import FakeClock


async def _read(client: aiohttp.ClientSession, simulator: Simulator, name: str) -> tuple[str, bool]:
    """What came of a stream, and whether it came to an orderly end."""
    url = chat_url(simulator, name, MODELS[name], stream=True)
    body = chat_body(name, MODELS[name], "[[tokens=40]]", stream=True)
    got = b""
    async with client.post(url, json=body, headers=key_headers(name)) as response:
        try:
            async for piece in response.content.iter_any():
                got += piece
        except aiohttp.ClientPayloadError:
            return got.decode(), False
    return got.decode(), True


@pytest.mark.parametrize("name", NAMES)
async def test_refusing_resets_the_connection(name: str) -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        simulator.set(name, Behaviour(outage="refuse"))
        with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
            await ask(client, simulator, name)
        await simulator.idle()
        tally = simulator.counts(name)
        assert (tally.broken, tally.cancelled, tally.statuses) == (1, 0, {})
        simulator.set(name, Behaviour())
        assert (await ask(client, simulator, name))[0] == 200


async def test_hanging_stays_silent_until_the_client_leaves() -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        simulator.set("groq", Behaviour(outage="hang"))
        waiting = asyncio.create_task(ask(client, simulator, "groq"))
        while not simulator.counts("groq").in_flight:
            await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        await simulator.idle()
        assert simulator.counts("groq").cancelled == 1
        with pytest.raises(asyncio.CancelledError):
            await waiting


@pytest.mark.parametrize("name", NAMES)
async def test_a_cut_stream_ends_inside_an_event(name: str) -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        simulator.set(name, Behaviour(stream_fault=StreamFault("cut", after_tokens=20)))
        text, orderly = await _read(client, simulator, name)
        await simulator.idle()
        assert simulator.counts(name).broken == 1
    assert not orderly
    whole, _, rest = text.replace("\r\n", "\n").rpartition("\n\n")
    assert rest
    got = streamed(name, whole)[0]
    assert known_text(40).startswith(got)
    assert len(got) >= len(known_text(15))


@pytest.mark.parametrize("name", NAMES)
async def test_a_malformed_stream_is_torn_from_there_on(name: str) -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        simulator.set(name, Behaviour(stream_fault=StreamFault("malformed", after_tokens=10)))
        text, orderly = await _read(client, simulator, name)
    readable = []
    for _, data in events(text):
        try:
            json.loads(data)
            readable.append(True)
        except ValueError:
            readable.append(False)
    assert orderly
    assert readable.index(False) >= 1
    assert not any(readable[readable.index(False) :])


@pytest.mark.parametrize("name", NAMES)
async def test_a_torn_event_is_the_only_one_and_the_stream_goes_on_to_its_end(name: str) -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        whole, _ = await _read(client, simulator, name)
        simulator.set(name, Behaviour(stream_fault=StreamFault("torn", after_tokens=10)))
        text, orderly = await _read(client, simulator, name)
    assert orderly
    torn = [at for at, (_, data) in enumerate(events(text)) if not _readable(data)]
    told = [at for at, (_, data) in enumerate(events(whole)) if not _readable(data)]
    assert len(events(text)) == len(events(whole))
    assert len(torn) == len(told) + 1


def _readable(data: str) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", NAMES)
async def test_an_error_inside_a_stream_has_the_providers_form(name: str) -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        simulator.set(name, Behaviour(stream_fault=StreamFault("error", after_tokens=10)))
        text, orderly = await _read(client, simulator, name)
    assert orderly
    if name == "gemini":
        bare = text.rpartition("\r\n\r\n")[2]
        assert json.loads(bare)["error"]["status"] == "UNAVAILABLE"
        return
    last = chunks(text)[-1]
    if name == "anthropic":
        assert events(text)[-1][0] == "error"
        assert last["error"]["type"] == "overloaded_error"
    elif name == "cohere":
        assert last["delta"]["finish_reason"] == "ERROR"
        assert last["delta"]["error"]
    elif name == "groq":
        assert events(text)[-1][0] == "error"
        assert last["error"]["status_code"] == 503
    elif name == "openrouter":
        assert last["error"]["code"] == 502
        assert events(text)[-1][1] == "[DONE]"
    else:
        assert last.get("error") or last["object"] == "error"


@pytest.mark.parametrize("name", NAMES)
async def test_a_stalled_stream_goes_silent_after_its_tokens(name: str) -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        simulator.set(name, Behaviour(stream_fault=StreamFault("stall", after_tokens=20)))
        url = chat_url(simulator, name, MODELS[name], stream=True)
        body = chat_body(name, MODELS[name], "[[tokens=40]]", stream=True)
        got = ""
        async with client.post(url, json=body, headers=key_headers(name)) as response:
            while len(streamed(name, got)[0]) < len(known_text(12)):
                got += (await response.content.readany()).decode()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(response.content.readany(), 0.05)
            response.close()
        await simulator.idle()
        assert simulator.counts(name).cancelled == 1
    assert len(streamed(name, got)[0]) < len(known_text(40))


async def test_stream_faults_hit_their_share_of_the_streams() -> None:
    fault = Behaviour(stream_fault=StreamFault("error", rate=0.5, after_tokens=0))
    async with Simulator.start(seed=3, behaviours={"groq": fault}) as simulator, aiohttp.ClientSession() as client:
        failed = ["event: error" in (await _read(client, simulator, "groq"))[0] for _ in range(60)]
    assert 18 <= sum(failed) <= 42


async def test_a_fault_behind_the_end_comes_at_the_end() -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        simulator.set("groq", Behaviour(stream_fault=StreamFault("cut", after_tokens=10_000)))
        text, orderly = await _read(client, simulator, "groq")
    assert not orderly
    assert streamed("groq", text.rpartition("\n\n")[0])[0] == known_text(40)


async def test_a_client_that_leaves_is_counted_once_and_ends_the_work() -> None:
    clock = FakeClock()
    gate = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await (clock.sleep(seconds) if clock.time < 1_001 else gate.wait())

    async with Simulator.start(clock=clock, sleep=sleep) as simulator, aiohttp.ClientSession() as client:
        simulator.set("mistral", Behaviour(ttft_ms=100, tokens_per_s=10))
        for stream in (True, False):
            clock.time = 1_000.0 if stream else 1_001.0
            body = chat_body("mistral", MODELS["mistral"], "[[tokens=400]]", stream=stream)
            url = chat_url(simulator, "mistral", MODELS["mistral"])
            task = asyncio.create_task(client.post(url, json=body, headers=key_headers("mistral")).__aenter__())
            if stream:
                response = await task
                await response.content.readany()
                response.close()
            else:
                while not simulator.counts("mistral").in_flight:
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await asyncio.wait_for(simulator.idle(), 5)
        tally = simulator.counts("mistral")
    assert (tally.requests, tally.cancelled, tally.in_flight) == (2, 2, 0)


async def test_clients_leaving_at_any_moment_leave_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    dice = Dice("leaving")
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        for name in NAMES:
            simulator.set(name, Behaviour(ttft_ms=2, tokens_per_s=4_000, stream_fault=StreamFault("cut", rate=0.3)))
        for _ in range(8):
            tasks = [asyncio.create_task(_read(client, simulator, name)) for name in NAMES for _ in range(3)]
            for task in tasks:
                asyncio.get_running_loop().call_later(dice.share() * 0.03, task.cancel)
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.wait_for(simulator.idle(), 5)
        tallies = [simulator.counts(name) for name in NAMES]
    assert not caplog.records
    assert sum(tally.cancelled for tally in tallies) > 0
    assert all(tally.in_flight == 0 for tally in tallies)


async def test_closing_is_prompt_with_streams_open() -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as client:
        async with Simulator.start() as simulator:
            for name in NAMES:
                simulator.set(name, Behaviour(stream_fault=StreamFault("stall")))
            simulator.set("cohere", Behaviour(outage="hang"))
            simulator.set("gemini", Behaviour(ttft_ms=3_600_000))
            tasks = [asyncio.create_task(_read(client, simulator, name)) for name in NAMES for _ in range(5)]
            while sum(simulator.counts(name).in_flight for name in NAMES) < len(tasks):
                await asyncio.sleep(0.001)
            began = time.perf_counter()
        assert time.perf_counter() - began < 10  # not the hour that the streams would take
        results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
    assert not any(isinstance(result, tuple) and result[1] for result in results)
    assert sum(simulator.counts(name).cancelled for name in NAMES) == 0


async def test_an_idle_simulator_closes_with_kept_connections_and_frees_its_port() -> None:
    async with aiohttp.ClientSession() as client:
        async with Simulator.start() as simulator:
            await ask(client, simulator, "groq")
            port = int(simulator.url.rpartition(":")[2])
        async with Simulator.start(port=port) as again:
            assert (await ask(client, again, "groq"))[0] == 200
            with pytest.raises(OSError):
                async with Simulator.start(port=port):
                    pass
