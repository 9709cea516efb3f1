"""Where Cerebras differs. None of its errors was ever recorded: the bodies are those quoted in public issues."""

from __future__ import annotations

import pytest

from aiconsole.domain.chat import Reasoning
from aiconsole.domain.errors import (
    BadKey,
    BadRequest,
    ContextTooLong,
    Overloaded,
    ProviderError,
    RateLimited,
    UnknownModel,
    Unsupported,
)
from aiconsole.domain.messages import TextPart
from aiconsole.providers.cerebras import CerebrasDialect
from tests.providers.openai_wire import body, chunk, read, reply, sent_back, whole

CEREBRAS = CerebrasDialect()


@pytest.mark.parametrize(
    ("status", "message", "kind", "code", "error"),
    [
        (401, "Wrong API Key", "invalid_request_error", "wrong_api_key", BadKey),
        (
            404,
            "Model foo does not exist or you do not have access to it.",
            "not_found_error",
            "model_not_found",
            UnknownModel,
        ),
        (
            429,
            "Tokens per minute limit exceeded - too many tokens processed.",
            "too_many_tokens_error",
            "token_quota_exceeded",
            RateLimited,
        ),
        (
            429,
            "Requests per minute limit exceeded - too many requests sent.",
            "too_many_requests_error",
            "request_quota_exceeded",
            RateLimited,
        ),
        (429, "We're experiencing high traffic right now!", "too_many_requests_error", "queue_exceeded", Overloaded),
        (
            400,
            "messages.2.assistant.reasoning_content: property is unsupported",
            "invalid_request_error",
            "wrong_api_format",
            BadRequest,
        ),
        (
            400,
            "Please reduce the length of the messages or completion.",
            "invalid_request_error",
            "context_length_exceeded",
            ContextTooLong,
        ),
        (503, "Service unavailable", "server_error", "", Overloaded),
    ],
)
def test_errors_are_flat(status: int, message: str, kind: str, code: str, error: type[ProviderError]) -> None:
    found = {"message": message, "type": kind, "param": "quota", "code": code}
    raised = CEREBRAS.error(reply(status, found, {"retry-after": "3", "x-request-id": "r1"}))
    assert type(raised) is error
    assert raised.message == message
    assert raised.code == (code or kind)
    assert (raised.retry_after, raised.request_id) == (3, "r1")


def test_a_stream_ends_without_a_mark() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    _, answer = read(
        CEREBRAS, chunk(role="assistant"), chunk(content="Hi"), chunk("stop", top={"usage": usage, "time_info": {}})
    )
    assert answer.content == (TextPart("Hi"),)
    assert answer.usage.completion == 4


def test_thoughts_go_back() -> None:
    answer = CEREBRAS.answer(whole(content="Hi", reasoning="Hm"))
    assert sent_back(CEREBRAS, answer) == {"role": "assistant", "content": "Hi", "reasoning": "Hm"}


def test_reasoning() -> None:
    sent = body(CEREBRAS, reasoning=Reasoning(effort="none", show=False))
    assert (sent["reasoning_effort"], sent["reasoning_format"]) == ("none", "hidden")
    for wanted in (Reasoning(effort="xhigh"), Reasoning(budget_tokens=1)):
        with pytest.raises(Unsupported, match="Cerebras"):
            body(CEREBRAS, reasoning=wanted)


def test_limits_reset_in_bare_seconds() -> None:
    limits = CEREBRAS.rate_limits(
        {
            "x-ratelimit-limit-requests-day": "1440000",
            "x-ratelimit-reset-requests-day": "10804.95",
            "x-ratelimit-remaining-tokens-minute": "996996",
            "x-ratelimit-reset-tokens-minute": "4.95",
        },
        1000.0,
    )
    assert [(limit.kind, limit.window, limit.limit, limit.remaining, limit.resets_at) for limit in limits] == [
        ("requests", "day", 1440000, None, 11804.95),
        ("tokens", "minute", None, 996996, 1004.95),
    ]
    assert CEREBRAS.request_id({"inference-id": "chatcmpl-1"}) == "chatcmpl-1"
