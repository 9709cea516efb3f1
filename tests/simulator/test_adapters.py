"""The console's own providers understand what the simulated ones say: two readings of the same documentation agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiconsole import ChatRequest, Engine, Message
from aiconsole.domain.chat import Effort, Finished, JsonFormat, Reasoning
from aiconsole.domain.clock import SystemClock
from aiconsole.domain.errors import ProviderError
from aiconsole.domain.messages import Tool, ToolResultPart
from aiconsole.providers.client import HttpProvider
from aiconsole.providers.config import ProviderConfig
from aiconsole.providers.pricing import PriceBook
from aiconsole.providers.registry import make_dialect
from aiconsole.secrets import Key
from aiconsole.simulator import Behaviour, Simulator, known_text
from aiconsole.simulator.behaviour import FaultKind
from tests.simulator.asking import MODELS, NAMES, THINKERS, WEATHER

ERRORS: dict[FaultKind, str] = {
    "bad_request": "bad request",
    "bad_key": "bad key",
    "no_permission": "no permission",
    "unknown_model": "unknown model",
    "rate_limit": "rate limit",
    "quota": "quota exhausted",
    "overloaded": "overloaded",
    "server_fault": "server fault",
    "context_too_long": "context too long",
    "refused": "content refused",
}


async def _outcome(provider: HttpProvider, request: ChatRequest, *, stream: bool) -> str:
    """The kind of the error, or how the answer ended; without a router, which would ask again."""
    try:
        if not stream:
            return (await provider.complete(request)).finish_reason
        async for event in provider.stream(request):
            if isinstance(event, Finished):
                return event.result.finish_reason
    except ProviderError as error:
        return error.kind
    return "nothing"


@pytest.mark.parametrize("name", NAMES)
async def test_each_error_is_recognised(name: str) -> None:
    request = ChatRequest(MODELS[name], (Message.user("Hello"),))
    async with Simulator.start() as simulator:
        config = ProviderConfig(name, name, base_url=simulator.base_url(name), key=Key("simulated-key"))
        clock = SystemClock()
        provider = HttpProvider(config, make_dialect(config, {}), PriceBook(clock), clock)
        for kind, wanted in ERRORS.items():
            simulator.set(name, Behaviour(error_rates={kind: 1.0}, server_statuses=(500,)))
            for stream in (False, True):
                found = await _outcome(provider, request, stream=stream)
                assert (kind, stream, found.removeprefix("content ")) == (kind, stream, wanted.removeprefix("content "))
        await provider.aclose()


@pytest.mark.parametrize("name", NAMES)
async def test_text_thoughts_tools_and_json_arrive(name: str, tmp_path: Path) -> None:
    model, user = f"{name}/{MODELS[name]}", Message.user
    weather = Tool("get_weather", "Weather", WEATHER)
    async with Simulator.start() as simulator, Engine.open(home=tmp_path, simulator=simulator, environ={}) as engine:
        plain = await engine.complete(ChatRequest(model, (user("[[tokens=300]]"),)))
        assert plain.text == known_text(300)
        effort: Effort | None = None if name in ("cohere", "mistral") else "low"
        asked = ChatRequest(
            f"{name}/{THINKERS[name]}", (user("Explain"),), reasoning=Reasoning(effort=effort, show=True)
        )
        thought = await engine.complete(asked)
        assert thought.reasoning
        first = ChatRequest(model, (user("Use get_weather in Oslo"),), tools=(weather,))
        called = await engine.complete(first)
        (call,) = called.tool_calls
        assert call.name == "get_weather"
        result = Message.tool(ToolResultPart(call.id, "minus 4", name=call.name))
        then = await engine.complete(ChatRequest(model, (*first.messages, called.message, result), tools=(weather,)))
        assert "minus 4" in then.text
        made = await engine.complete(
            ChatRequest(model, (user("Weather in Oslo"),), response_format=JsonFormat(WEATHER))
        )
        assert '"Oslo"' in made.text
        assert (await engine.probe(name)).ok
        assert {MODELS[name], THINKERS[name]} - {"claude-haiku-4-5"} <= {info.id for info in await engine.models(name)}
