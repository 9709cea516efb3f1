"""Plain HTTP requests to the simulated providers, each in its own dialect, and readers for what comes back."""

from __future__ import annotations

import io
import json
from typing import Any

import aiohttp

from aiconsole.simulator import Simulator

Json = dict[str, Any]

MODELS = {
    "groq": "llama-3.3-70b-versatile",
    "cohere": "command-a-03-2025",
    "mistral": "mistral-small-latest",
    "gemini": "gemini-2.0-flash",
    "cerebras": "gemma-4-31b",
    "openrouter": "openai/gpt-4o-mini",
    "anthropic": "claude-haiku-4-5",
}
THINKERS = {
    "groq": "openai/gpt-oss-120b",
    "cohere": "command-a-reasoning-08-2025",
    "mistral": "magistral-medium-latest",
    "gemini": "gemini-2.5-flash",
    "cerebras": "gpt-oss-120b",
    "openrouter": "anthropic/claude-haiku-4.5",
    "anthropic": "claude-haiku-4-5",
}
NAMES = tuple(MODELS)
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city", "days"],
    "additionalProperties": False,
}


def key_headers(name: str, key: str = "any key") -> dict[str, str]:
    if name == "anthropic":
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}
    return {"x-goog-api-key": key} if name == "gemini" else {"Authorization": f"Bearer {key}"}


def chat_url(simulator: Simulator, name: str, model: str, *, stream: bool = False) -> str:
    base = simulator.base_url(name)
    if name == "gemini":
        return f"{base}/models/{model}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"
    return base + {"cohere": "/v2/chat", "anthropic": "/messages"}.get(name, "/chat/completions")


def chat_body(
    name: str,
    model: str,
    prompt: str,
    *,
    stream: bool = False,
    think: bool = False,
    limit: int | None = None,
    tool: str = "",
) -> Json:
    """A body with one user message; ``tool`` offers a tool of that name with the weather's parameters."""
    if name == "gemini":
        config: Json = {"thinkingConfig": {"includeThoughts": True}} if think else {}
        config |= {"maxOutputTokens": limit} if limit else {}
        body: Json = {"contents": [{"role": "user", "parts": [{"text": prompt}]}], "generationConfig": config}
        return body | ({"tools": [{"functionDeclarations": [{"name": tool, "parameters": WEATHER}]}]} if tool else {})
    body = {"model": model, "messages": [{"role": "user", "content": prompt}], "stream": stream}
    if limit is not None or name == "anthropic":
        body["max_tokens"] = limit or 4_096
    if name == "anthropic":
        body |= {"thinking": {"type": "enabled", "budget_tokens": 1_024}} if think else {}
        return body | ({"tools": [{"name": tool, "input_schema": WEATHER}]} if tool else {})
    if name == "openrouter" and think:
        body["reasoning"] = {"effort": "low"}
    if name == "groq":
        body["stream_options"] = {"include_usage": True}
    return body | ({"tools": [{"type": "function", "function": {"name": tool, "parameters": WEATHER}}]} if tool else {})


async def ask(
    client: aiohttp.ClientSession,
    simulator: Simulator,
    name: str,
    prompt: str = "Hello",
    *,
    key: str = "any key",
    **options: Any,
) -> tuple[int, str, dict[str, str]]:
    """Status, body text and headers (names in lower case) of one chat request."""
    model = options.pop("model", None) or (THINKERS if options.get("think") else MODELS)[name]
    body = options.pop("body", None) or chat_body(name, model, prompt, **options)
    url = chat_url(simulator, name, model, stream=options.get("stream", False))
    data = io.BytesIO(json.dumps(body).encode())
    async with client.post(url, data=data, headers=key_headers(name, key)) as response:
        return response.status, await response.text(), {key.lower(): value for key, value in response.headers.items()}


def events(text: str) -> list[tuple[str | None, str]]:
    """Name and data of each event of a stream."""
    found = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        name = data = None
        for line in block.split("\n"):
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data = line[6:]
        if data is not None:
            found.append((name, data))
    return found


def chunks(text: str) -> list[Json]:
    """The JSON data of each event of a stream."""
    return [json.loads(data) for _, data in events(text) if data != "[DONE]"]


def said(name: str, text: str) -> tuple[str, str]:
    """The answer's text and reasoning, out of a whole answer."""
    body = json.loads(text)
    if name == "anthropic":
        return _parts(body["content"], "text"), _parts(body["content"], "thinking")
    if name == "gemini":
        parts = body["candidates"][0]["content"]["parts"]
        return (
            "".join(part.get("text", "") for part in parts if not part.get("thought")),
            "".join(part["text"] for part in parts if part.get("thought")),
        )
    message = body["message"] if name == "cohere" else body["choices"][0]["message"]
    content = message.get("content") or ""
    if isinstance(content, str):
        return content, message.get("reasoning") or ""
    thinking = "".join(
        part["thinking"] if isinstance(part["thinking"], str) else _parts(part["thinking"], "text")
        for part in content
        if part["type"] == "thinking"
    )
    return _parts(content, "text"), thinking


def streamed(name: str, text: str) -> tuple[str, str]:
    """The same out of a stream."""
    answer = thoughts = ""
    for chunk in chunks(text):
        more, thought = _delta(name, chunk)
        answer, thoughts = answer + more, thoughts + thought
    return answer, thoughts


def _delta(name: str, chunk: Json) -> tuple[str, str]:
    if name == "anthropic":
        delta = chunk.get("delta", {})
        return delta.get("text", ""), delta.get("thinking", "")
    if name == "gemini":
        return said("gemini", json.dumps(chunk))
    if name == "cohere":
        content = chunk.get("delta", {}).get("message", {}).get("content") or {}
        return (content.get("text", ""), content.get("thinking", "")) if chunk["type"] == "content-delta" else ("", "")
    if not chunk.get("choices"):
        return "", ""
    delta = chunk["choices"][0]["delta"]
    content = delta.get("content") or ""
    if isinstance(content, str):
        return content, delta.get("reasoning") or ""
    thoughts = "".join(_parts(part["thinking"], "text") for part in content if part["type"] == "thinking")
    return _parts(content, "text"), thoughts


def _parts(parts: list[Json], kind: str) -> str:
    return "".join(part[kind] for part in parts if part["type"] == kind)
