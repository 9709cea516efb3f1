"""Where OpenRouter differs: reasoning details, cost, errors of the providers behind it, its own model list and probe."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aiconsole.domain.chat import Reasoning, ReasoningDelta
from aiconsole.domain.errors import (
    BadKey,
    ContentRefused,
    ContextTooLong,
    NoPermission,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    ServerFault,
    TimedOut,
    UnknownModel,
    Unsupported,
)
from aiconsole.domain.messages import ImagePart, Message, ReasoningPart, TextPart
from aiconsole.providers.base import WireCall
from aiconsole.providers.openrouter import OpenRouterDialect
from tests.providers.openai_wire import body, chunk, read, reply, sent_back, whole

ROUTER = OpenRouterDialect()


def _text(text: str | None = None, index: int = 0, **more: object) -> dict[str, object]:
    piece: dict[str, object] = {"type": "reasoning.text", "index": index, "format": "anthropic-claude-v1", **more}
    return piece if text is None else {**piece, "text": text}


def test_reasoning_details_of_a_stream_are_put_together_and_go_back_as_one() -> None:
    shown, answer = read(
        ROUTER,
        chunk(content="", reasoning="The", reasoning_details=[_text("The")]),
        chunk(content="", reasoning=" end", reasoning_details=[_text(" end")]),
        chunk(content="", reasoning_details=[_text(signature="sig")]),
        chunk("stop", content="Hi"),
    )
    assert [event.text for event in shown if isinstance(event, ReasoningDelta)] == ["The", " end"]
    thought = answer.content[0]
    assert isinstance(thought, ReasoningPart)
    assert (thought.text, thought.signature, thought.dialect) == ("The end", "sig", "openrouter")
    assert sent_back(ROUTER, answer) == {
        "role": "assistant",
        "content": "Hi",
        "reasoning_details": [_text("The end", signature="sig")],
    }


def test_details_of_several_kinds_stay_apart_and_in_order() -> None:
    details = [
        {"type": "reasoning.summary", "summary": "In short", "format": "openai-responses-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_1", "format": "openai-responses-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "gBBB", "id": "rs_2", "format": "openai-responses-v1", "index": 0},
        _text("a", 1),
        _text("b", 2, signature=None),
        {"type": "reasoning.server_tool_call", "tool_name": "t", "arguments": "{}", "result": "r", "index": 3},
        {"type": "reasoning.new", "data": {"x": 1}},
    ]
    answer = ROUTER.answer(whole(content="Hi", reasoning="In short", reasoning_details=details))
    assert [part.redacted for part in answer.content if isinstance(part, ReasoningPart)][1:3] == ["gAAA", "gBBB"]
    assert sent_back(ROUTER, answer)["reasoning_details"] == details


def test_text_without_details_and_details_without_text() -> None:
    answer = ROUTER.answer(whole(content="Hi", reasoning="Hm"))
    assert sent_back(ROUTER, answer)["reasoning"] == "Hm"
    shown, answer = read(ROUTER, chunk(reasoning_details=[_text("Hm")]), chunk("stop", content="Hi"))
    assert shown[0] == ReasoningDelta("Hm")
    hidden = [{"type": "reasoning.encrypted", "data": "gAAA", "index": 0}]
    answer = ROUTER.answer(whole(content="Hi", reasoning="Hm", reasoning_details=hidden))
    sent = sent_back(ROUTER, answer)
    assert (sent["reasoning"], sent["reasoning_details"]) == ("Hm", hidden)


def test_thoughts_of_others_go_back_as_plain_reasoning_without_their_secrets() -> None:
    turn = Message.assistant(
        ReasoningPart("Hm", signature="s", dialect="anthropic"),
        ReasoningPart(redacted="zzz", dialect="anthropic"),
        "Hi",
    )
    assert body(ROUTER, turn)["messages"] == [{"role": "assistant", "content": "Hi", "reasoning": "Hm"}]


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        (Reasoning(effort="none"), {"effort": "none"}),
        (Reasoning(budget_tokens=1024, show=False), {"max_tokens": 1024, "exclude": True}),
        (Reasoning(show=True), {"exclude": False}),
        (Reasoning(), None),
    ],
)
def test_reasoning(wanted: Reasoning, sent: dict[str, object] | None) -> None:
    assert body(ROUTER, reasoning=wanted).get("reasoning") == sent


def test_files_parsed_once_are_not_parsed_again() -> None:
    parsed = [{"type": "file", "file": {"hash": "h", "name": "a.pdf", "content": []}}]
    answer = ROUTER.answer(whole(content="Hi", annotations=parsed))
    assert sent_back(ROUTER, answer) == {"role": "assistant", "content": "Hi", "annotations": parsed}


def test_images_it_made_are_shown_and_go_back() -> None:
    images = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    answer = ROUTER.answer(whole(content="Here", images=images))
    assert answer.content == (TextPart("Here"), ImagePart(b"\0\0\0", media_type="image/png"))
    assert sent_back(ROUTER, answer) == {"role": "assistant", "content": "Here", "images": images}
    _, answer = read(ROUTER, chunk(images=[{"image_url": "https://x/y.png"}, {"image_url": {}}, 3]), chunk("stop"))
    assert answer.content == (ImagePart(url="https://x/y.png"),)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": 0.25}, 0.25),
        ({"cost": 0}, 0.0),
        ({"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}}, pytest.approx(0.21)),
        ({"cost": 0.01, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.2}}, 0.01),
        ({"cost": None}, None),
        ({"cost": "0.1"}, None),
        ({"cost": -1}, None),
        ({}, None),
    ],
)
def test_cost_is_its_own_figure(usage: dict[str, Any], cost: Any) -> None:
    assert ROUTER.answer(whole(content="Hi", top={"usage": usage})).cost_usd == cost


def test_the_finish_reason_of_the_provider_behind_is_kept() -> None:
    found = {
        "model": "m1",
        "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop", "native_finish_reason": "end_turn"}],
    }
    answer = ROUTER.answer(b"\n\n   " + json.dumps(found).encode())
    assert (answer.finish_reason, answer.raw_finish_reason) == ("stop", "end_turn")


def _error(code: int, message: str, **metadata: object) -> dict[str, object]:
    return {"error": {"code": code, "message": message, "metadata": metadata}, "user_id": "u"}


@pytest.mark.parametrize(
    ("status", "found", "kind"),
    [
        (401, _error(401, "User not found."), BadKey),
        (402, _error(402, "Insufficient credits"), QuotaExhausted),
        (403, _error(403, "Forbidden"), NoPermission),
        (
            403,
            _error(403, "Input flagged", reasons=["violence"], flagged_input="x", provider_name="OpenAI"),
            ContentRefused,
        ),
        (404, _error(404, "No endpoints found for a/b."), UnknownModel),
        (404, _error(404, "No endpoints found that support tool use."), Unsupported),
        (404, _error(404, "No endpoints found matching your data policy"), NoPermission),
        (408, _error(408, "Request timed out"), TimedOut),
        (429, _error(429, "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000"), RateLimited),
        (502, _error(502, "Provider returned error", error_type="provider_unavailable"), Overloaded),
        (
            502,
            _error(502, "Provider returned error", error_type="unmapped", raw='{"error": {"message": "boom"}}'),
            ServerFault,
        ),
        (400, _error(400, "Provider returned error", error_type="context_length_exceeded"), ContextTooLong),
        (400, _error(400, "Provider returned error", raw="prompt is too long: 9 tokens > 8 maximum"), ContextTooLong),
        (503, _error(503, "no provider"), Overloaded),
    ],
)
def test_errors_that_were_never_recorded(status: int, found: dict[str, object], kind: type[ProviderError]) -> None:
    error = ROUTER.error(reply(status, found, {"x-generation-id": "gen-1"}))
    assert type(error) is kind
    assert error.request_id == "gen-1"


def test_an_error_says_what_the_provider_behind_said() -> None:
    raw = '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    error = ROUTER.error(reply(429, _error(429, "Provider returned error", raw=raw, provider_name="Anthropic")))
    assert error.message == "Provider returned error (Anthropic): Overloaded"
    refused = ROUTER.error(reply(403, _error(403, "Input flagged", reasons=["violence"])))
    assert refused.message == "Input flagged (violence)"


def test_the_wait_of_a_free_models_limit_stands_in_the_body_as_an_epoch_time() -> None:
    found = _error(
        429, "Rate limit exceeded", headers={"X-RateLimit-Limit": "20", "X-RateLimit-Reset": "1741305600000"}
    )
    assert ROUTER.error(reply(429, found, now=1741305570.0)).retry_after == 30
    assert ROUTER.error(reply(429, found, now=1741309999.0)).retry_after == 0
    assert ROUTER.error(reply(429, found, {"retry-after": "4"}, now=1741305570.0)).retry_after == 4


def test_an_error_as_the_last_chunk_ends_the_stream_though_it_goes_on() -> None:
    reader = ROUTER.reader()
    reader.feed("message", chunk(content="Hi"))
    last = {"error": {"code": 502, "message": "lost", "metadata": {"error_type": "provider_unavailable"}}}
    with pytest.raises(Overloaded, match="lost"):
        reader.feed("message", chunk("error", top=last, content=""))
    reader.feed("message", b"[DONE]")
    with pytest.raises(Overloaded):
        reader.finish()


def test_models_tell_prices_and_what_they_lack() -> None:
    entry = {
        "id": "a/b",
        "name": "A: B",
        "context_length": 1000000,
        "architecture": {"input_modalities": ["text", "file"], "output_modalities": ["text"]},
        "pricing": {"prompt": "0.000003", "completion": "0.000015", "input_cache_read": "0.0000003"},
        "top_provider": {"max_completion_tokens": 64000},
        "supported_parameters": ["max_tokens", "reasoning", "stop", "temperature", "tools"],
        "expiration_date": None,
    }
    auto = {"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}, "expiration_date": "2027-01-01"}
    model, router = ROUTER.models(json.dumps({"data": [entry, auto]}).encode()).models
    assert (model.name, model.context_tokens, model.max_output_tokens) == ("A: B", 1000000, 64000)
    assert model.prices is not None
    assert (model.prices.prompt, model.prices.completion, model.prices.cached) == (3.0, 15.0, 0.3)
    assert model.lacks == {"images", "json", "json_schema", "seed", "top_p"}
    assert (router.prices, router.deprecated) == (None, True)


def test_the_probe_asks_about_the_key_as_the_model_list_is_public() -> None:
    assert ROUTER.probe_call() == WireCall("/key", method="GET")


def test_limits_reset_at_an_epoch_time_in_ms() -> None:
    headers = {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1741305600000"}
    (limit,) = ROUTER.rate_limits(headers, 1741305570.0)
    assert (limit.kind, limit.limit, limit.remaining, limit.resets_at) == ("requests", 20, 0, 1741305600.0)
    assert ROUTER.rate_limits({}, 0.0) == ()
