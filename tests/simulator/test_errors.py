"""Errors in each provider's own status and shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from aiconsole.simulator import Behaviour, Simulator
from aiconsole.simulator.behaviour import FaultKind
from aiconsole.simulator.dice import Dice
from tests.simulator.asking import MODELS, NAMES, WEATHER, ask, chat_body, chat_url, key_headers

STATUSES: dict[str, dict[FaultKind, int]] = {
    "groq": {"bad_key": 401, "unknown_model": 404, "quota": 400, "overloaded": 503, "refused": 400},
    "cohere": {"bad_key": 401, "unknown_model": 404, "quota": 402, "overloaded": 503, "refused": 498},
    "mistral": {"bad_key": 401, "unknown_model": 400, "quota": 402, "overloaded": 429, "refused": 200},
    "gemini": {"bad_key": 400, "unknown_model": 404, "quota": 429, "overloaded": 503, "refused": 200},
    "cerebras": {"bad_key": 401, "unknown_model": 404, "quota": 402, "overloaded": 429, "refused": 200},
    "openrouter": {"bad_key": 401, "unknown_model": 400, "quota": 402, "overloaded": 503, "refused": 403},
    "anthropic": {"bad_key": 401, "unknown_model": 404, "quota": 400, "overloaded": 529, "refused": 200},
}
COMMON: dict[FaultKind, int] = {
    "bad_request": 400,
    "no_permission": 403,
    "rate_limit": 429,
    "server_fault": 500,
    "context_too_long": 400,
}


def _error(name: str, text: str) -> dict[str, Any]:
    """The object with the message, wherever the provider puts it."""
    body = json.loads(text)
    return body if name in ("cohere", "mistral", "cerebras") else body["error"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", NAMES)
async def test_each_kind_has_its_status_and_a_message(name: str) -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        for kind, wanted in (COMMON | STATUSES[name]).items():
            simulator.set(name, Behaviour(error_rates={kind: 1.0}, server_statuses=(500,)))
            status, text, headers = await ask(client, simulator, name)
            assert (kind, status) == (kind, wanted)
            if status != 200:
                assert "json" in headers["content-type"]
                error = _error(name, text)
                assert error.get("message") or error.get("detail")
        statuses = simulator.counts(name).statuses
    assert sum(statuses.values()) == 10


@pytest.mark.parametrize("name", NAMES)
async def test_a_wrong_or_missing_key_is_refused_everywhere(name: str) -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        status, text, _ = await ask(client, simulator, name, key="wrong-key")
        assert status == STATUSES[name]["bad_key"]
        assert "wrong-key" not in text
        async with client.post(
            chat_url(simulator, name, MODELS[name]), json=chat_body(name, MODELS[name], "Hi")
        ) as response:
            assert response.status == (403 if name == "gemini" else STATUSES[name]["bad_key"])
        models = simulator.base_url(name) + ("/v1/models" if name == "cohere" else "/models")
        async with client.get(models, headers=key_headers(name, "wrong")) as response:
            assert response.status == (200 if name == "openrouter" else STATUSES[name]["bad_key"])


@pytest.mark.parametrize("name", NAMES)
async def test_an_unknown_model_and_too_long_a_prompt_are_found_out(name: str) -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        status, text, _ = await ask(client, simulator, name, model="no-such-model")
        assert status == STATUSES[name]["unknown_model"]
        assert "no-such-model" in text
        model = "gemini-2.0-flash" if name == "gemini" else MODELS[name]
        status, text, _ = await ask(client, simulator, name, "word " * 900_000, model=model)
        assert status == 400
        assert any(
            word in text.lower()
            for word in ("too long", "too many", "too large", "exceed", "reduce the length", "maximum")
        )


_NO_MESSAGES: list[Any] = [[], "text", [1], [{}]]


@pytest.mark.parametrize("name", NAMES)
async def test_bodies_the_provider_would_refuse_are_refused(name: str) -> None:
    url_model = MODELS[name]
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        url = chat_url(simulator, name, url_model)
        good = chat_body(name, url_model, "Hi")
        bad: list[bytes] = [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"{}"]
        for field in ("contents", "messages"):
            bad += [json.dumps(good | {field: wrong}).encode() for wrong in _NO_MESSAGES if field in good]
        bad.append(json.dumps(good | {"temperature": 9, "generationConfig": {"temperature": 9}}).encode())
        for body in bad:
            async with client.post(url, data=body, headers=key_headers(name)) as response:
                assert (body, response.status) == (body, 400)
                assert _error(name, await response.text())["message"]


def _spoilt(value: Any, dice: Dice) -> Any:
    """The body with one value somewhere in it replaced by something unexpected."""
    if isinstance(value, dict) and value and dice.share() < 0.8:
        key = dice.pick(sorted(value))
        return value | {key: _spoilt(value[key], dice)}
    if isinstance(value, list) and value and dice.share() < 0.8:
        at = dice.below(len(value))
        return [*value[:at], _spoilt(value[at], dice), *value[at + 1 :]]
    return dice.pick([None, 7, -1.5, "x", [], [[]], [None], {}, {"type": "object"}, {"a": 1}, True, ["x"]])


@pytest.mark.parametrize("name", NAMES)
async def test_spoilt_bodies_never_break_the_simulator(name: str) -> None:
    body = chat_body(name, MODELS[name], "Use the tool", tool="weather", limit=50)
    if name == "anthropic":
        body["output_config"] = {"format": {"type": "json_schema", "schema": WEATHER}}
    elif name != "gemini":
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "x", "schema": WEATHER}}
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        for round in range(150):
            status, text, _ = await ask(client, simulator, name, body=_spoilt(body, Dice(name, round)))
            assert status in (200, 400, 404), text


async def test_anthropic_wants_a_version_and_a_token_limit() -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        url, body = chat_url(simulator, "anthropic", ""), chat_body("anthropic", MODELS["anthropic"], "Hi")
        async with client.post(url, json=body, headers={"x-api-key": "k"}) as response:
            assert "anthropic-version" in (await response.json())["error"]["message"]
        del body["max_tokens"]
        async with client.post(url, json=body, headers=key_headers("anthropic")) as response:
            assert "max_tokens" in (await response.json())["error"]["message"]
            assert response.headers["x-should-retry"] == "false"


async def test_unknown_paths_are_404_in_the_providers_form() -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        for name in NAMES:
            async with client.get(simulator.base_url(name) + "/nothing", headers=key_headers(name)) as response:
                assert response.status == 404
                assert _error(name, await response.text())["message"]
        for path in ("/", "/nobody/v1/models", "//", "/groq"):
            async with client.get(simulator.url + path) as response:
                assert response.status == 404


@pytest.mark.parametrize("name", NAMES)
async def test_a_gateway_answers_502_with_a_page(name: str) -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        simulator.set(name, Behaviour(error_rates={"server_fault": 1.0}, server_statuses=(502,)))
        status, text, headers = await ask(client, simulator, name)
    assert status == 502
    assert ("json" in headers["content-type"]) == (name == "openrouter")
    assert text


@pytest.mark.parametrize("name", NAMES)
async def test_a_429_says_when_or_does_not(name: str) -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        found = []
        for seconds in (17.5, None):
            simulator.set(name, Behaviour(error_rates={"rate_limit": 1.0}, retry_after_s=seconds))
            found.append(await ask(client, simulator, name))
    (status, text, headers), (_, silent, unsaid) = found
    assert status == 429
    assert "retry-after" not in unsaid
    if name == "gemini":
        assert "retry-after" not in headers
        details = json.loads(text)["error"]["details"]
        assert details[-1] == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s"}
        assert "details" not in json.loads(silent)["error"]
    else:
        assert headers["retry-after"] == "18"
    if name == "groq":
        assert "Please try again in 17.5s" in text


_RECORDED_ERRORS = {
    "anthropic": ["error401--anthropic-v1*", "error404--anthropic-beta*"],
    "cohere": ["error401*", "error404--completion*"],
    "gemini": ["error400--auth*", "error404--model-name*"],
    "groq": ["error401*", "error404--model-name*"],
    "mistral": ["error401*", "error400-stream--streaming-error*"],
    "openrouter": ["error401--chat*", "error400--routed*"],
}


@pytest.mark.parametrize("name", _RECORDED_ERRORS)
async def test_errors_have_the_recorded_shape(wire_folder: Path, name: str) -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        mine = [
            await ask(client, simulator, name, key="wrong"),
            await ask(client, simulator, name, model="definitely-not-a-model"),
        ]
    for (status, text, _), pattern in zip(mine, _RECORDED_ERRORS[name], strict=True):
        recording = json.loads(next((wire_folder / name).glob(pattern)).read_text("utf-8"))["response"]
        assert status == recording["status"]
        assert _keys(json.loads(text)) == _keys(json.loads(recording["body"]))


def _keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _keys(inner) for key, inner in sorted(value.items())}
    return [_keys(inner) for inner in value] if isinstance(value, list) else None


async def test_error_rates_are_shares_of_the_requests_and_come_from_the_seed() -> None:
    behaviour = Behaviour(error_rates={"server_fault": 0.2, "rate_limit": 0.3}, server_statuses=(500,))

    async def run(seed: int) -> list[int]:
        async with (
            Simulator.start(seed=seed, behaviours={"groq": behaviour}) as simulator,
            aiohttp.ClientSession() as client,
        ):
            return [(await ask(client, simulator, "groq"))[0] for _ in range(200)]

    first = await run(5)
    assert first == await run(5)
    assert first != await run(6)
    assert 25 <= first.count(500) <= 55
    assert 40 <= first.count(429) <= 80


async def test_a_behaviour_out_of_range_is_refused() -> None:
    async with Simulator.start() as simulator:
        for wrong in (
            Behaviour(jitter=2),
            Behaviour(error_rates={"quota": 0.7, "refused": 0.7}),
            Behaviour(slow=0),
            Behaviour(server_statuses=()),
        ):
            with pytest.raises(msgspec.ValidationError):
                simulator.set("groq", wrong)
        with pytest.raises(KeyError):
            simulator.set("nobody", Behaviour())
        assert simulator.behaviour("groq") == Behaviour()
