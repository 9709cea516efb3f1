"""What the simulated models say: the same for the same seed and request, exact where asked, in the asked form."""

from __future__ import annotations

import base64
import json
from typing import Any

import aiohttp
import pytest

from aiconsole.simulator import Simulator, known_text
from tests.simulator.asking import (
    MODELS,
    NAMES,
    THINKERS,
    Json,
    ask,
    chat_body,
    chunks,
    key_headers,
    said,
    streamed,
)

SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1},
    },
    "required": ["title", "tags"],
}


def _usage(name: str, body: Json) -> tuple[int, int]:
    """Prompt and completion tokens as reported."""
    if name == "anthropic":
        return body["usage"]["input_tokens"], body["usage"]["output_tokens"]
    if name == "gemini":
        usage = body["usageMetadata"]
        return usage["promptTokenCount"], usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
    if name == "cohere":
        billed = body["usage"]["billed_units"]
        return billed["input_tokens"], billed["output_tokens"]
    return body["usage"]["prompt_tokens"], body["usage"]["completion_tokens"]


def _finish(name: str, body: Json) -> str:
    if name == "anthropic":
        return str(body["stop_reason"])
    if name == "gemini":
        return str(body["candidates"][0]["finishReason"])
    return str(body["finish_reason"] if name == "cohere" else body["choices"][0]["finish_reason"])


@pytest.mark.parametrize("name", NAMES)
async def test_the_same_request_gets_the_same_words_streamed_or_not(name: str) -> None:
    async with aiohttp.ClientSession() as client:
        told = []
        for seed in (1, 1, 2):
            async with Simulator.start(seed=seed) as simulator:
                _, whole, _ = await ask(client, simulator, name, "Explain rate limits", think=True)
                _, stream, _ = await ask(client, simulator, name, "Explain rate limits", think=True, stream=True)
                told.append(said(name, whole))
                assert streamed(name, stream) == told[-1]
    text, thoughts = told[0]
    assert "simulated answer" in text.lower()
    assert thoughts
    assert told[1] == told[0]
    assert told[2] != told[0]


@pytest.mark.parametrize("name", NAMES)
async def test_a_wanted_number_of_tokens_is_known_text(name: str) -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        _, whole, _ = await ask(client, simulator, name, "please [[tokens=500]]")
        _, stream, _ = await ask(client, simulator, name, "please [[tokens=500]]", stream=True)
    assert said(name, whole) == streamed(name, stream) == (known_text(500), "")
    assert _usage(name, json.loads(whole))[1] == 500


@pytest.mark.parametrize("name", NAMES)
async def test_echo_gives_back_what_follows(name: str) -> None:
    wanted = '<b>no</b> | **table** \\ "quoted" ü 漢字 🎉\n\n```\ncode\n```\n'
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        _, whole, _ = await ask(client, simulator, name, f"[[echo]] {wanted}")
        _, stream, _ = await ask(client, simulator, name, f"[[echo]] {wanted}", stream=True)
    assert said(name, whole)[0] == streamed(name, stream)[0] == wanted


_LENGTH = {"anthropic": "max_tokens", "gemini": "MAX_TOKENS", "cohere": "MAX_TOKENS"}


@pytest.mark.parametrize("name", NAMES)
async def test_the_token_limit_cuts_and_says_so(name: str) -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        _, text, _ = await ask(client, simulator, name, "[[tokens=500]]", limit=7)
    body = json.loads(text)
    assert said(name, text)[0] == known_text(7)
    assert _finish(name, body) == _LENGTH.get(name, "length")
    assert _usage(name, body)[1] == 7


@pytest.mark.parametrize("name", NAMES)
async def test_stop_sequences_end_the_answer_before_them(name: str) -> None:
    body = chat_body(name, MODELS[name], "[[echo]]one two three STOP four")
    if name == "gemini":
        body["generationConfig"]["stopSequences"] = ["STOP"]
    else:
        body["stop_sequences" if name in ("anthropic", "cohere") else "stop"] = ["STOP"]
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        _, text, _ = await ask(client, simulator, name, body=body)
    assert said(name, text)[0] == "one two three "
    wanted = {"anthropic": "stop_sequence", "gemini": "STOP", "cohere": "STOP_SEQUENCE"}.get(name, "stop")
    assert _finish(name, json.loads(text)) == wanted


def _with_schema(name: str, body: Json) -> Json:
    if name == "gemini":
        body["generationConfig"] |= {"responseMimeType": "application/json", "responseSchema": _upper(SCHEMA)}
    elif name == "anthropic":
        body["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
    elif name == "cohere":
        body["response_format"] = {"type": "json_object", "json_schema": SCHEMA}
    else:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    return body


def _upper(schema: Any) -> Any:
    """The schema with Gemini's upper-case types."""
    if isinstance(schema, dict):
        return {key: value.upper() if key == "type" else _upper(value) for key, value in schema.items()}
    return [_upper(item) for item in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize("name", NAMES)
async def test_a_schema_is_answered_with_an_instance(name: str) -> None:
    body = _with_schema(name, chat_body(name, MODELS[name], "Describe a paper"))
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        _, text, _ = await ask(client, simulator, name, body=body)
    made = json.loads(said(name, text)[0])
    assert isinstance(made["title"], str)
    assert set(made["tags"]) <= {"a", "b"}
    assert made["tags"]


def _calls(name: str, body: Json) -> list[tuple[str, str, Any]]:
    """Id, name and arguments of each tool call."""
    if name == "anthropic":
        return [(part["id"], part["name"], part["input"]) for part in body["content"] if part["type"] == "tool_use"]
    if name == "gemini":
        parts = body["candidates"][0]["content"]["parts"]
        return [
            ("", part["functionCall"]["name"], part["functionCall"]["args"]) for part in parts if "functionCall" in part
        ]
    message = body["message"] if name == "cohere" else body["choices"][0]["message"]
    return [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls") or ()
    ]


def _answered(name: str, body: Json, call: tuple[str, str, Any], result: str) -> Json:
    """The next turn: the same conversation with the call and the tool's result."""
    call_id, tool, arguments = call
    if name == "gemini":
        called = {"role": "model", "parts": [{"functionCall": {"name": tool, "args": arguments}}]}
        answer = {"role": "user", "parts": [{"functionResponse": {"name": tool, "response": {"result": result}}}]}
        return body | {"contents": [*body["contents"], called, answer]}
    if name == "anthropic":
        called = {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": call_id, "name": tool, "input": arguments}],
        }
        answer = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call_id, "content": result}]}
        return body | {"messages": [*body["messages"], called, answer]}
    function = {"name": tool, "arguments": json.dumps(arguments)}
    called = {"role": "assistant", "tool_calls": [{"id": call_id, "type": "function", "function": function}]}
    answer = {"role": "tool", "tool_call_id": call_id, "content": result}
    return body | {"messages": [*body["messages"], called, answer]}


_TOOLS = {"anthropic": "tool_use", "gemini": "STOP", "cohere": "TOOL_CALL"}


@pytest.mark.parametrize("name", NAMES)
async def test_a_tool_is_called_and_its_result_quoted(name: str) -> None:
    prompt = "Use get_weather for the weather in Oslo, 3 days"
    body = chat_body(name, MODELS[name], prompt, tool="get_weather")
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        _, text, _ = await ask(client, simulator, name, body=body)
        first = json.loads(text)
        (call,) = _calls(name, first)
        _, second, _ = await ask(client, simulator, name, body=_answered(name, body, call, "minus 4 degrees, snow"))
    assert call[1:] == ("get_weather", {"city": "Oslo", "days": 3})
    assert _finish(name, first) == _TOOLS.get(name, "tool_calls")
    assert "minus 4 degrees, snow" in said(name, second)[0]
    assert not _calls(name, json.loads(second))


@pytest.mark.parametrize("name", NAMES)
async def test_tools_are_left_alone_unless_asked_for_or_required(name: str) -> None:
    body = chat_body(name, MODELS[name], "Hello", tool="get_weather")
    required: Any = {
        "gemini": {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
        "anthropic": {"tool_choice": {"type": "any"}},
        "cohere": {"tool_choice": "REQUIRED"},
        "mistral": {"tool_choice": "any"},
    }.get(name, {"tool_choice": "required"})
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        _, plain, _ = await ask(client, simulator, name, body=body)
        _, forced, _ = await ask(client, simulator, name, body=body | required)
    assert not _calls(name, json.loads(plain))
    assert [call[1] for call in _calls(name, json.loads(forced))] == ["get_weather"]


@pytest.mark.parametrize("name", NAMES)
async def test_streamed_tool_arguments_are_whole_json(name: str) -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        _, text, _ = await ask(client, simulator, name, "Use get_weather in Oslo", tool="get_weather", stream=True)
    written = ""
    for chunk in chunks(text):
        if name == "anthropic":
            written += chunk.get("delta", {}).get("partial_json", "")
        elif name == "gemini":
            written += "".join(
                json.dumps(part["functionCall"]["args"])
                for part in chunk["candidates"][0]["content"]["parts"]
                if "functionCall" in part
            )
        elif name == "cohere":
            call = chunk.get("delta", {}).get("message", {}).get("tool_calls") or {}
            written += call["function"]["arguments"] if call else ""
        elif chunk["choices"]:
            calls = chunk["choices"][0]["delta"].get("tool_calls") or ()
            written += "".join(call["function"]["arguments"] for call in calls)
    assert json.loads(written)["city"] == "Oslo"


async def test_thoughts_carry_signatures_where_the_real_ones_do() -> None:
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        _, anthropic, _ = await ask(client, simulator, "anthropic", think=True)
        _, stream, _ = await ask(client, simulator, "anthropic", think=True, stream=True)
        _, gemini, _ = await ask(client, simulator, "gemini", think=True)
    signed = json.loads(anthropic)["content"][0]["signature"]
    assert base64.b64decode(signed)
    assert any(chunk.get("delta", {}).get("type") == "signature_delta" for chunk in chunks(stream))
    assert json.loads(gemini)["candidates"][0]["content"]["parts"][-1]["thoughtSignature"]


async def test_images_and_documents_are_named_with_their_size() -> None:
    image = base64.b64encode(bytes(12_000)).decode()
    parts = [
        {"type": "text", "text": "What do you see?"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": image}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": image}},
    ]
    body = {"model": MODELS["anthropic"], "max_tokens": 999, "messages": [{"role": "user", "content": parts}]}
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        _, text, _ = await ask(client, simulator, "anthropic", body=body)
        url = f"data:image/png;base64,{image}"
        parts = [{"type": "text", "text": "And this?"}, {"type": "image_url", "image_url": {"url": url}}]
        body = {"model": MODELS["openrouter"], "messages": [{"role": "user", "content": parts}]}
        _, other, _ = await ask(client, simulator, "openrouter", body=body)
    assert "I see 1 image and 1 document: image/png, 12 kB, application/pdf, 12 kB." in said("anthropic", text)[0]
    assert "I see 1 image: image/png, 12 kB." in said("openrouter", other)[0]


def _cached(name: str, body: Json) -> int:
    if name == "anthropic":
        return int(body["usage"]["cache_read_input_tokens"])
    if name == "gemini":
        return int(body["usageMetadata"].get("cachedContentTokenCount", 0))
    usage = body["usage"]
    return int(
        usage["cached_tokens"] if name == "cohere" else usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
    )


@pytest.mark.parametrize("name", NAMES)
async def test_a_long_prefix_sent_before_counts_as_cached(name: str) -> None:
    long = "All of this was said before. " * 400
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        found = []
        for ending in ("one", "two"):
            body = chat_body(name, THINKERS[name], long + ending)
            if name == "anthropic":
                body["system"] = [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]
            _, text, _ = await ask(client, simulator, name, model=THINKERS[name], body=body)
            found.append(json.loads(text))
    assert _cached(name, found[0]) == 0
    assert 2_000 < _cached(name, found[1]) < len(long) // 4
    prompt = _usage(name, found[1])[0] + (_cached(name, found[1]) if name == "anthropic" else 0)
    assert len(long) // 4 <= prompt <= len(long) // 4 + 40 + (200 if name == "anthropic" else 0)


@pytest.mark.parametrize(
    ("name", "path"), [("anthropic", "/messages/count_tokens"), ("gemini", "/models/gemini-2.0-flash:countTokens")]
)
async def test_token_counting_agrees_with_the_answers_usage(name: str, path: str) -> None:
    body = chat_body(name, MODELS[name], "How many tokens is this? " * 20)
    async with Simulator.start() as simulator, aiohttp.ClientSession() as client:
        url = simulator.base_url(name) + path
        async with client.post(url, json=body, headers=key_headers(name)) as response:
            counted = json.loads(await response.text())
        _, text, _ = await ask(client, simulator, name, body=body)
    assert next(iter(counted.values())) == _usage(name, json.loads(text))[0]
