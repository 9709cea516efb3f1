"""Where Groq differs, and what of it was never recorded: rate limits, capacity, refusals of its own kind."""

from __future__ import annotations

import json

import pytest

from aiconsole.domain.chat import ChatRequest, Reasoning
from aiconsole.domain.errors import ContextTooLong, MalformedAnswer, Overloaded, RateLimited, ServerFault, Unsupported
from aiconsole.domain.messages import Message, ReasoningPart
from aiconsole.providers.groq import GroqDialect
from tests.providers.openai_wire import body, chunk, read, reply, sent_back, whole

GROQ = GroqDialect()
_LIMIT = (
    "Rate limit reached for model `llama-3.3-70b-versatile` in organization `org_0` service tier `on_demand` on tokens per"
    " day (TPD): Limit 100000, Used 97050, Requested 3619. Please try again in 9m38.016s. Need more tokens? Upgrade to Dev Tier"
    " today at https://console.groq.com/settings/billing"
)


def test_a_rate_limit_is_no_exhausted_quota_though_it_speaks_of_billing() -> None:
    found = {"error": {"message": _LIMIT, "type": "tokens", "code": "rate_limit_exceeded"}}
    error = GROQ.error(reply(429, found))
    assert type(error) is RateLimited
    assert error.retry_after == pytest.approx(578.016)
    assert GROQ.error(reply(429, found, {"retry-after": "12"})).retry_after == 12


def test_a_request_larger_than_the_limit_a_minute_will_never_fit() -> None:
    words = (
        "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 14368, please reduce your"
    )
    error = GROQ.error(reply(413, {"error": {"message": words, "type": "tokens", "code": "rate_limit_exceeded"}}))
    assert type(error) is ContextTooLong
    assert not error.retryable


def test_its_own_statuses() -> None:
    full = GROQ.error(reply(498, {"error": {"message": "Flex tier capacity exceeded", "code": "capacity_exceeded"}}))
    assert type(full) is Overloaded
    assert type(GROQ.error(reply(503, {"error": {"message": "Service Unavailable"}}))) is Overloaded
    assert (
        type(GROQ.error(reply(500, {"error": {"message": "Internal Server Error", "type": "internal"}}))) is ServerFault
    )
    failed = GROQ.error(reply(400, {"error": {"message": "Failed to generate JSON", "code": "json_validate_failed"}}))
    assert type(failed) is MalformedAnswer
    assert failed.retryable


def test_an_error_inside_a_stream_names_the_request() -> None:
    reader = GROQ.reader()
    reader.feed("message", chunk(top={"x_groq": {"id": "req_1"}}, content="Hi"))
    found = {"error": {"message": "failed", "code": "tool_use_failed", "status_code": 400, "failed_generation": "{"}}
    with pytest.raises(MalformedAnswer) as failed:
        reader.feed("error", json.dumps(found).encode())
    assert (failed.value.status, failed.value.code, failed.value.request_id) == (400, "tool_use_failed", "req_1")


def test_usage_in_its_own_place() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    _, answer = read(GROQ, chunk(content="Hi"), chunk("stop", top={"x_groq": {"id": "req_1", "usage": usage}}))
    assert (answer.usage.prompt, answer.usage.completion, answer.request_id) == (3, 4, "req_1")


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        (Reasoning(effort="high", show=True), {"reasoning_effort": "high", "reasoning_format": "parsed"}),
        (Reasoning(effort="none"), {"reasoning_effort": "none"}),
        (Reasoning(show=False), {"reasoning_format": "hidden"}),
        (Reasoning(), {}),
    ],
)
def test_reasoning(wanted: Reasoning, sent: dict[str, str]) -> None:
    found = body(GROQ, reasoning=wanted)
    assert {key: value for key, value in found.items() if key.startswith("reasoning")} == sent


@pytest.mark.parametrize("wanted", [Reasoning(effort="max"), Reasoning(effort="minimal"), Reasoning(budget_tokens=1)])
def test_reasoning_it_does_not_know_is_refused(wanted: Reasoning) -> None:
    with pytest.raises(Unsupported, match="Groq"):
        body(GROQ, reasoning=wanted)


def test_thoughts_go_back_to_models_that_think_and_to_no_others() -> None:
    answer = GROQ.answer(whole(content="Hi", reasoning="Hm"))
    assert sent_back(GROQ, answer, "openai/gpt-oss-120b") == {"role": "assistant", "content": "Hi", "reasoning": "Hm"}
    assert sent_back(GROQ, answer, "llama-3.3-70b-versatile") == {"role": "assistant", "content": "Hi"}
    foreign = Message.assistant(ReasoningPart("Hm", signature="s", dialect="anthropic"), "Hi")
    sent = GROQ.chat(ChatRequest("qwen/qwen3-32b", (foreign,)), stream=False, refuse=pytest.fail).body
    assert sent["messages"][0]["reasoning"] == "Hm"


def test_tools_it_ran_are_kept_and_not_sent_back() -> None:
    ran = [{"index": 0, "type": "search", "arguments": "{}", "output": "found"}]
    answer = GROQ.answer(whole(content="Hi", executed_tools=ran))
    assert answer.content[0].extra == {"groq": {"executed_tools": ran}}  # type: ignore[union-attr]
    assert sent_back(GROQ, answer) == {"role": "assistant", "content": "Hi"}


def test_limits_reset_in_durations() -> None:
    limits = GROQ.rate_limits(
        {
            "x-ratelimit-limit-requests": "14400",
            "x-ratelimit-remaining-requests": "14370",
            "x-ratelimit-reset-requests": "2m59.56s",
            "x-ratelimit-limit-tokens": "18000",
            "x-ratelimit-remaining-tokens": "17997",
            "x-ratelimit-reset-tokens": "26ms",
        },
        1000.0,
    )
    assert [(limit.kind, limit.window, limit.limit, limit.remaining) for limit in limits] == [
        ("requests", "day", 14400, 14370),
        ("tokens", "minute", 18000, 17997),
    ]
    assert [limit.resets_at for limit in limits] == [pytest.approx(1179.56), pytest.approx(1000.026)]


def test_models_tell_what_they_lack() -> None:
    entry = {
        "id": "openai/gpt-oss-20b",
        "name": "GPT OSS 20B",
        "active": True,
        "context_window": 131072,
        "max_completion_tokens": 65536,
        "input_modalities": ["text"],
        "output_modalities": ["text"],
        "pricing": {"prompt": "0.000000075", "completion": "0.0000003", "input_cache_read": "0.0000000375"},
        "supported_features": ["tools", "json_mode"],
    }
    speech = {"id": "whisper", "output_modalities": ["transcription"], "active": False}
    model, other = GROQ.models(json.dumps({"data": [entry, speech]}).encode()).models
    assert (model.name, model.context_tokens, model.max_output_tokens, model.chat) == (
        "GPT OSS 20B",
        131072,
        65536,
        True,
    )
    assert model.prices is not None
    assert (model.prices.prompt, model.prices.completion, model.prices.cached) == (0.075, 0.3, 0.0375)
    assert model.lacks == {"images", "json_schema", "reasoning"}
    assert (other.chat, other.deprecated) == (False, True)


def test_what_it_is() -> None:
    assert GROQ.auth("k") == {"authorization": "Bearer k"}
    assert GROQ.probe_call() == GROQ.models_call()
    assert "documents" not in GROQ.features
    assert GROQ.takes_native("groq")
    assert GROQ.takes_native("openai")
    assert not GROQ.takes_native("mistral")
