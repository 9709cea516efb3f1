"""Where Mistral differs: thoughts and documents in the content, its own words in the request, two families of limits."""

from __future__ import annotations

import json

import pytest

from aiconsole.domain.chat import Reasoning, ReasoningDelta, TextDelta
from aiconsole.domain.errors import BadRequest, Overloaded, ProviderError, RateLimited, Unsupported
from aiconsole.domain.messages import (
    DocumentPart,
    ImagePart,
    Message,
    NativePart,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from aiconsole.providers.mistral import MistralDialect
from tests.providers.openai_wire import body, chunk, read, reply, sent_back, whole

MISTRAL = MistralDialect()


def _thinking(text: str, **more: object) -> dict[str, object]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}], **more}


def test_its_own_words() -> None:
    sent = body(MISTRAL, seed=1, tools=(Tool("f"),), tool_choice="required", reasoning=Reasoning(effort="xhigh"))
    assert sent["random_seed"] == 1
    assert "seed" not in sent
    assert sent["tool_choice"] == "any"
    assert sent["reasoning_effort"] == "xhigh"
    assert sent["tools"][0]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert "stream_options" not in body(MISTRAL, stream=True)
    with pytest.raises(Unsupported, match="no budget"):
        body(MISTRAL, reasoning=Reasoning(budget_tokens=5))


def test_documents_have_their_own_part() -> None:
    sent = body(MISTRAL, Message.user(DocumentPart(b"%PDF", name="a.pdf"), DocumentPart(url="https://x/a.pdf")))
    assert sent["messages"][0]["content"] == [
        {"type": "document_url", "document_url": "data:application/pdf;base64,JVBERg==", "document_name": "a.pdf"},
        {"type": "document_url", "document_url": "https://x/a.pdf"},
    ]


def test_a_tools_result_may_hold_an_image() -> None:
    result = ToolResultPart("c1", (TextPart("see"), ImagePart(url="https://x/y.png")))
    assert len(body(MISTRAL, Message.tool(result))["messages"][0]["content"]) == 2


def test_ids_of_other_providers_become_ids_it_takes() -> None:
    turns = (
        Message.assistant(ToolCallPart("toolu_01VpEm654Hvf", "f"), ToolCallPart("D681PevKs", "g")),
        Message.tool(ToolResultPart("toolu_01VpEm654Hvf", "1"), ToolResultPart("D681PevKs", "2")),
    )
    asked, first, second = body(MISTRAL, *turns)["messages"]
    ids = [call["id"] for call in asked["tool_calls"]]
    assert ids == [first["tool_call_id"], second["tool_call_id"]]
    assert ids[1] == "D681PevKs"
    assert len(ids[0]) == 9
    assert ids[0].isalnum()


def test_content_that_changes_its_type_within_one_stream() -> None:
    shown, answer = read(
        MISTRAL,
        chunk(content=""),
        chunk(content=[_thinking("Hm")]),
        chunk(content=[_thinking(", so")]),
        chunk(content=[_thinking("", closed=True), {"type": "text", "text": "It"}]),
        chunk(content=" is 4."),
        chunk("stop", content=""),
    )
    assert shown == [ReasoningDelta("Hm"), ReasoningDelta(", so"), TextDelta("It"), TextDelta(" is 4.")]
    assert answer.content == (
        ReasoningPart("Hm, so", dialect="mistral", extra={"mistral": {"closed": True}}),
        TextPart("It is 4."),
    )
    assert sent_back(MISTRAL, answer)["content"] == [
        _thinking("Hm, so", closed=True),
        {"type": "text", "text": "It is 4."},
    ]


def test_thoughts_between_texts_keep_their_place_and_their_signature() -> None:
    content = [
        _thinking("one", signature="s1"),
        {"type": "text", "text": "first"},
        _thinking("two", signature="s2"),
        {"type": "text", "text": "second"},
    ]
    answer = MISTRAL.answer(whole(content=content))
    assert [type(part) for part in answer.content] == [ReasoningPart, TextPart, ReasoningPart, TextPart]
    assert [part.signature for part in answer.content if isinstance(part, ReasoningPart)] == ["s1", "s2"]
    assert sent_back(MISTRAL, answer)["content"] == content


def test_references_within_thoughts_and_texts_come_back() -> None:
    reference = {"type": "reference", "reference_ids": [1]}
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}, reference]}
    answer = MISTRAL.answer(whole(content=[thought, {"type": "text", "text": "See"}, reference]))
    assert answer.content[-1] == NativePart("mistral", reference)
    assert sent_back(MISTRAL, answer)["content"] == [thought, {"type": "text", "text": "See"}, reference]


def test_thoughts_of_others_are_left_out() -> None:
    turn = Message.assistant(ReasoningPart("Hm", dialect="groq"), "Hi")
    assert body(MISTRAL, turn)["messages"] == [{"role": "assistant", "content": "Hi"}]


def _error(message: object, kind: str, code: str | None) -> dict[str, object]:
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code}


@pytest.mark.parametrize(
    ("status", "found", "kind", "code"),
    [
        (429, _error("Rate limit exceeded", "rate_limited", "1300"), RateLimited, "rate_limited"),
        (429, {"message": "Requests rate limit exceeded"}, RateLimited, None),
        (
            429,
            _error("Service tier capacity exceeded for this model.", "invalid_request_error", "3505"),
            Overloaded,
            ...,
        ),
        (
            422,
            _error({"detail": [{"loc": ["body"], "msg": "Field required"}]}, "invalid_request_error", None),
            BadRequest,
            ...,
        ),
        (503, _error("Service unavailable.", "internal_server_error", "3000"), Overloaded, ...),
    ],
)
def test_errors_that_were_never_recorded(
    status: int, found: dict[str, object], kind: type[ProviderError], code: object
) -> None:
    error = MISTRAL.error(reply(status, found, {"mistral-correlation-id": "m1"}))
    assert type(error) is kind
    assert error.request_id == "m1"
    if code is not ...:
        assert error.code == code


def test_limits_by_the_old_names_too() -> None:
    new = {
        "x-ratelimit-limit-req-minute": "100",
        "x-ratelimit-remaining-tokens-month": "5",
        "ratelimitbysize-limit": "9",
    }
    assert [(limit.kind, limit.window, limit.limit, limit.remaining) for limit in MISTRAL.rate_limits(new, 0)] == [
        ("requests", "minute", 100, None),
        ("tokens", "month", None, 5),
    ]
    old = {"ratelimitbysize-limit": "500000", "ratelimitbysize-remaining": "342032", "ratelimitbysize-reset": "19"}
    (limit,) = MISTRAL.rate_limits(old, 1000.0)
    assert (limit.kind, limit.window, limit.limit, limit.remaining, limit.resets_at) == (
        "tokens",
        "minute",
        500000,
        342032,
        1019,
    )


def test_models_tell_what_they_can_do() -> None:
    entries = [
        {
            "id": "codestral-latest",
            "name": "codestral-2508",
            "max_context_length": 256000,
            "capabilities": {"completion_chat": True, "function_calling": True, "vision": False},
            "deprecation": "2026-01-31T12:00:00Z",
        },
        {"id": "mistral-embed", "capabilities": {"completion_chat": False, "function_calling": False, "vision": False}},
    ]
    chat, embed = MISTRAL.models(json.dumps({"data": entries}).encode()).models
    assert (chat.name, chat.context_tokens, chat.chat, chat.deprecated) == ("codestral-2508", 256000, True, True)
    assert chat.lacks == {"images"}
    assert not embed.chat
    assert "tools" in embed.lacks
