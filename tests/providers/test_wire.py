"""Every recorded exchange, replayed over a real socket through a whole provider.

What was recorded as the answer is what the adapter reports, and what the adapter sends is what was recorded as the request,
but for the differences that each dialect's express module documents. An exchange that our types cannot express (a call that
is no chat, say) is listed there too, under ``EXCEPTIONS`` or by a rule with its reason.
"""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest

from aiconsole.domain.chat import (
    ChatResult,
    Finished,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    Timeouts,
    ToolCallDelta,
)
from aiconsole.domain.clock import SystemClock
from aiconsole.domain.errors import ProviderError
from aiconsole.providers.client import HttpProvider
from aiconsole.providers.config import ProviderConfig
from aiconsole.providers.pricing import PriceBook
from aiconsole.secrets import Key
from tests.providers import express_anthropic, express_cohere, express_gemini, express_openai
from tests.providers.wire import CannotExpress, Expected, Expressed, Recording, ReplayServer, recordings

MODULES = (express_openai, express_anthropic, express_gemini, express_cohere)
LIMITS = Timeouts(connect=5, first_token=20, between=20, total=30)
PRICES = PriceBook(SystemClock())


def module_of(recording: Recording) -> ModuleType:
    return next(module for module in MODULES if module.takes(recording))


@pytest.mark.skipif(not recordings(), reason="the recorded exchanges (../shared/wire) are not here")
@pytest.mark.parametrize("recording", recordings(), ids=lambda recording: recording.name)
async def test_replay(recording: Recording) -> None:
    module = module_of(recording)
    try:
        expressed: Expressed = module.express(recording)
    except CannotExpress as reason:
        pytest.skip(f"documented exception: {reason}")
    seen, sent = await exchange(module, recording, expressed)
    assert sent_as_recorded(module, recording, sent)
    wanted: Expected = module.expected(recording)
    differences = {
        name: (seen.get(name, "(not reported)"), value)
        for name in Expected.__dataclass_fields__
        if (value := getattr(wanted, name)) is not ... and not agrees(name, seen.get(name), value)
    }
    assert not differences


async def exchange(module: ModuleType, recording: Recording, expressed: Expressed) -> tuple[dict[str, Any], bytes]:
    """What the provider reports, by the names of `Expected`, and the body it sent."""
    dialect = module.dialect_of(recording)
    async with ReplayServer.run(recording) as (server, url):
        base_url = url + urlsplit(dialect.base_url).path
        config = ProviderConfig(
            dialect.name,
            dialect.name,
            base_url=base_url,
            key=Key("recorded-key-1"),
            timeouts=LIMITS,
            on_unsupported="refuse",
        )
        provider = HttpProvider(config, dialect, PRICES, SystemClock())
        try:
            seen = await ask(provider, expressed)
        except ProviderError as error:
            seen = {
                "error_kind": error.kind,
                "error_message": error.message,
                "error_status": error.status,
                "retry_after": error.retry_after,
                "request_id": error.request_id,
            }
        finally:
            await provider.aclose()
    assert len(server.received) == 1 or expressed.kind == "models"  # a list names a next page, which is asked for
    return seen, server.received[0].body


async def ask(provider: HttpProvider, expressed: Expressed) -> dict[str, Any]:
    request = expressed.request
    if expressed.texts is not None:
        wanted = expressed.texts
        found = await provider.embed(wanted.texts, wanted.model, extra=wanted.extra)
        return {"error_kind": None, "model": found.model, "usage": found.usage}
    if expressed.kind == "models" or request is None:
        return {"error_kind": None, "model_ids": [info.id for info in await provider.models()]}
    if expressed.kind == "count":
        return {"error_kind": None, "tokens": await provider.count_tokens(request)}
    if expressed.kind == "chat":
        return reported(await provider.complete(request))
    events = [event async for event in provider.stream(request)]
    last = events[-1]
    assert isinstance(last, Finished)
    assert_deltas_add_up(events, last.result)
    return reported(last.result)


def assert_deltas_add_up(events: list[StreamEvent], result: ChatResult) -> None:
    """What was shown while it streamed is what the whole answer says."""
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == result.text
    assert "".join(event.text for event in events if isinstance(event, ReasoningDelta)) == result.reasoning
    streamed: dict[int, list[str]] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            call = streamed.setdefault(event.index, ["", "", ""])
            call[0] += event.id
            call[1] += event.name
            call[2] += event.arguments
    whole = [(call.id, call.name, call.arguments or "{}") for call in result.tool_calls]
    assert [(call[0], call[1], call[2] or "{}") for _, call in sorted(streamed.items())] == whole


def reported(result: ChatResult) -> dict[str, Any]:
    """A result by the names of `Expected`."""
    return {
        "error_kind": None,
        "text": result.text,
        "reasoning": result.reasoning,
        "tool_calls": [(call.name, parsed(call.arguments)) for call in result.tool_calls],
        "finish_reason": result.finish_reason,
        "raw_finish_reason": result.raw_finish_reason,
        "usage": result.usage,
        "cost_usd": result.cost.usd if result.cost is not None and result.cost.source == "provider" else None,
        "model": result.model,
        "response_id": result.response_id,
        "request_id": result.request_id,
        "rate_limits": [(limit.kind, limit.window, limit.limit, limit.remaining) for limit in result.rate_limits],
    }


def parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


def agrees(name: str, seen: Any, wanted: Any) -> bool:
    if name == "usage":
        return all(getattr(seen, field) == value for field, value in wanted.items())
    if name == "error_message":
        return isinstance(seen, str) and wanted in seen
    if name == "rate_limits":
        return sorted(map(str, seen)) == sorted(map(str, wanted))
    return bool(seen == wanted)


def sent_as_recorded(module: ModuleType, recording: Recording, sent: bytes) -> bool:
    if recording.request_body is None:
        return sent == b""
    comparable = getattr(module, "comparable", lambda body: body)
    assert comparable(json.loads(sent)) == comparable(recording.request_body)
    return True
