"""The simulated wire against the recorded one: event names, line ends, key sets, headers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from aiconsole.simulator import Simulator
from tests.simulator.asking import MODELS, NAMES, ask, events, key_headers

_NEVER_RECORDED = {
    # Only one stream and no tool call of Cerebras were recorded; these keys come from OpenAI's dialect, which it follows.
    "cerebras": ("tool_calls", "completion_tokens_details"),
}
_FREE_FORM = (".input.", ".args.")  # what a tool's own schema names


def _paths(value: Any, at: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{at}.{key}"
            yield from _paths(inner, f"{at}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, at + "[]")


def _shape(text: str) -> set[str]:
    """Key paths of an answer, of a stream's events each under the event's name."""
    if text.lstrip().startswith("{"):
        return set(_paths(json.loads(text)))
    found = [(name, json.loads(data)) for name, data in events(text) if data != "[DONE]"]
    return {f"{name or ''}{path}" for name, data in found for path in _paths(data)}


def _recorded(folder: Path, name: str, *, stream: bool) -> list[str]:
    """The bodies of all recorded chat answers of a provider."""
    bodies = []
    for file in sorted((folder / name).glob("*.json")):
        recording = json.loads(file.read_text("utf-8"))
        url, response = recording["request"]["url"], recording["response"]
        chat = any(path in url for path in ("/chat/completions", "/v2/chat", "/v1/messages", "enerateContent"))
        if response["status"] != 200 or not chat or "count" in url or ("/openai/chat" in url and name == "gemini"):
            continue
        streamed = any(mark in response["body"][:200] for mark in ("data: ", "event: ", ": OPENROUTER"))
        if streamed == stream and (not stream or response["body"].strip()):
            bodies.append(response["body"])
    return bodies


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", NAMES)
async def test_answers_have_the_recorded_keys(wire_folder: Path, name: str, stream: bool) -> None:
    shapes = [_shape(body) for body in _recorded(wire_folder, name, stream=stream)]
    known = set().union(*shapes)
    always = set.intersection(*shapes)
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        answers = [
            await ask(client, simulator, name, prompt, stream=stream, **options)
            for prompt, options in (
                ("Hello", {}),
                ("Explain", {"think": True}),
                ("Use the weather tool", {"tool": "weather"}),
            )
        ]
    for status, text, _ in answers:
        assert status == 200
        mine = _shape(text)
        beyond = {path for path in mine - known if not any(key in path for key in _NEVER_RECORDED.get(name, ()))}
        assert not [path for path in beyond if not any(key in path for key in _FREE_FORM)]
        if name != "cerebras":
            assert always <= mine


@pytest.mark.parametrize("name", NAMES)
async def test_streams_have_the_recorded_events_and_line_ends(wire_folder: Path, name: str) -> None:
    recorded = _recorded(wire_folder, name, stream=True)
    known = {event for body in recorded for event, _ in events(body)}
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        for options in ({"think": True}, {"tool": "weather"}):
            _, text, headers = await ask(client, simulator, name, "Use the weather tool", stream=True, **options)
            mine = [event for event, _ in events(text)]
            assert set(mine) <= known
            assert headers["content-type"].startswith("text/event-stream")
            assert text.endswith("\r\n\r\n" if name == "gemini" else "\n\n")
            assert ("\r" in text) == (name == "gemini")
            assert (events(text)[-1][1] == "[DONE]") == (name in ("groq", "cohere", "mistral", "openrouter"))
            if name == "anthropic":
                assert mine[:3] == ["message_start", "content_block_start", "ping"]
                assert mine[-2:] == ["message_delta", "message_stop"]
            if name == "openrouter":
                assert text.startswith(": OPENROUTER PROCESSING\n\n")


async def test_openrouter_pads_whole_answers() -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        _, text, _ = await ask(client, simulator, "openrouter")
    assert text[0].isspace()
    assert json.loads(text)["usage"]["cost"] > 0


async def test_mistral_pads_chunks_and_changes_the_type_of_content() -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        _, text, _ = await ask(client, simulator, "mistral", "Explain", stream=True, think=True)
    found = [json.loads(data) for _, data in events(text) if data != "[DONE]"]
    contents = [chunk["choices"][0]["delta"].get("content") for chunk in found]
    assert all("p" in chunk for chunk in found[1:])
    turn = next(content for content in contents if isinstance(content, list) and len(content) == 2)
    assert turn[0]["closed"] is True
    assert turn[1]["type"] == "text"


async def test_gemini_without_sse_is_one_json_array() -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        url = f"{simulator.base_url('gemini')}/models/{MODELS['gemini']}:streamGenerateContent"
        body = {"contents": [{"parts": [{"text": "Hello"}]}]}
        async with client.post(url, json=body, headers=key_headers("gemini")) as response:
            found = json.loads(await response.text())
    assert len(found) > 1
    assert found[-1]["candidates"][0]["finishReason"] == "STOP"


async def test_openrouter_tells_about_the_key() -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        for key, status in (("any", 200), ("wrong", 401)):
            headers = key_headers("openrouter", key)
            async with client.get(simulator.base_url("openrouter") + "/key", headers=headers) as response:
                assert response.status == status


_LIMIT_HEADERS = {
    "groq": {
        f"x-ratelimit-{part}-{what}" for part in ("limit", "remaining", "reset") for what in ("requests", "tokens")
    },
    "cerebras": {
        f"x-ratelimit-{part}-{what}"
        for part in ("limit", "remaining", "reset")
        for what in ("requests-day", "tokens-minute")
    },
    "mistral": {
        "x-ratelimit-limit-req-minute",
        "x-ratelimit-remaining-req-minute",
        "x-ratelimit-limit-tokens-minute",
        "x-ratelimit-remaining-tokens-minute",
        "x-ratelimit-tokens-query-cost",
    },
    "anthropic": {
        f"anthropic-ratelimit-{what}-{part}"
        for part in ("limit", "remaining", "reset")
        for what in ("requests", "tokens", "input-tokens", "output-tokens")
    },
    "cohere": {"x-trial-endpoint-call-limit", "x-trial-endpoint-call-remaining"},
    "gemini": set(),
    "openrouter": set(),
}


@pytest.mark.parametrize("name", NAMES)
async def test_headers_are_the_recorded_ones(wire_folder: Path, name: str) -> None:
    known = {"server", "content-length", "transfer-encoding", "expires"}
    for file in (wire_folder / name).glob("*.json"):
        known |= set(json.loads(file.read_text("utf-8"))["response"]["headers"])
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        for stream in (True, False):
            _, _, headers = await ask(client, simulator, name, stream=stream)
            assert set(headers) <= known
            assert _LIMIT_HEADERS[name] == {header for header in headers if "limit" in header or "remaining" in header}


_LISTS = {
    "groq": ("data", "id"),
    "cerebras": ("data", "id"),
    "mistral": ("data", "id"),
    "openrouter": ("data", "id"),
    "anthropic": ("data", "id"),
    "gemini": ("models", "name"),
    "cohere": ("models", "name"),
}


@pytest.mark.parametrize("name", NAMES)
async def test_model_lists_have_the_recorded_keys(wire_folder: Path, name: str) -> None:
    known: set[str] = set()
    for file in (wire_folder / name).glob("models*.json"):
        body = json.loads(json.loads(file.read_text("utf-8"))["response"]["body"])
        known |= set(_paths(body)) | {f".models[]{path}" for path in _paths(body)} | {".models"}
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        base = simulator.base_url(name) + ("/v1" if name == "cohere" else "")
        async with client.get(base + "/models", headers=key_headers(name)) as response:
            assert response.status == 200
            body = json.loads(await response.text())
        outer, key = _LISTS[name]
        ids = [entry[key] for entry in body[outer]]
        path = f"{base}/{ids[0]}" if name == "gemini" else f"{base}/models/{ids[0]}"
        async with client.get(path, headers=key_headers(name)) as response:
            one = json.loads(await response.text())
    assert set(_paths(body)) <= known
    assert one[key] == ids[0]
    assert len(ids) >= 3
