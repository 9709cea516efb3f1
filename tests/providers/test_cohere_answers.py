"""What Cohere's dialect reads: odd answers and streams, errors never recorded, damage, answers sent back; sans I/O."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from aiconsole.domain.chat import RateLimit, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from aiconsole.domain.errors import (
    BadKey,
    BadRequest,
    ConnectionCut,
    ContentRefused,
    ContextTooLong,
    MalformedAnswer,
    NoPermission,
    Overloaded,
    QuotaExhausted,
    RateLimited,
    ServerFault,
    TimedOut,
    UnknownModel,
)
from aiconsole.domain.messages import Message, ReasoningPart, TextPart, ToolCallPart
from aiconsole.providers.base import Answer
from aiconsole.providers.sse import Decoder
from tests.providers.cohere_wire import DIALECT, PLAN, START, body, end, event, read, refusal
from tests.providers.damage import NO_OBJECTS, read_damaged
from tests.providers.wire import Recording, recordings

# --- what is read


def test_a_whole_answer_goes_back_as_it_came() -> None:
    message = {
        "role": "assistant",
        "tool_plan": "I will look.",
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "So"}, {"type": "new", "x": None}],
        "citations": [{"start": 0, "end": 2, "text": "So", "sources": [], "content_index": 1}],
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1.0}'}}],
    }
    usage = {
        "tokens": {"input_tokens": 100.0, "output_tokens": 9, "reasoning_tokens": 4},
        "billed_units": {"input_tokens": 12, "output_tokens": 7, "search_units": 1},
        "cached_tokens": 16,
    }
    answer = DIALECT.answer(
        json.dumps({"id": "a", "message": message, "finish_reason": "TOOL_CALL", "usage": usage}).encode()
    )
    assert answer.usage == Usage(100, 9, 16, None, 4, 12, 7)
    assert (answer.response_id, answer.finish_reason, answer.raw_finish_reason) == ("a", "tool_calls", "TOOL_CALL")
    assert body(Message("assistant", answer.content))["messages"][0] == message


def test_citations_without_any_text_go_back_too() -> None:
    message = {"tool_plan": "I will.", "citations": [{"type": "PLAN"}]}
    answer = DIALECT.answer(json.dumps({"message": message, "finish_reason": "COMPLETE"}).encode())
    sent = body(Message("assistant", (*answer.content, ToolCallPart("c", "f"))))["messages"][0]
    assert sent["citations"] == [{"type": "PLAN"}]
    assert sent["tool_plan"] == "I will."
    assert "content" not in sent


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop"),
        ("MAX_TOKENS", "length"),
        ("TOOL_CALL", "tool_calls"),
        ("NEW", "other"),
        (None, "other"),
    ],
)
def test_finish_reasons(raw: str | None, reason: str) -> None:
    answer = DIALECT.answer(json.dumps({"message": {}, "finish_reason": raw}).encode())
    assert (answer.finish_reason, answer.raw_finish_reason) == (reason, raw)


def test_a_call_beside_complete_is_a_call() -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": None}}
    answer = DIALECT.answer(json.dumps({"message": {"tool_calls": [call]}, "finish_reason": "COMPLETE"}).encode())
    assert answer.finish_reason == "tool_calls"
    assert answer.content == (ToolCallPart("c", "f", "{}"),)


def test_nulls_and_plain_text_content() -> None:
    message = {"content": None, "tool_plan": None, "tool_calls": None, "citations": None}
    usage = {"tokens": None, "billed_units": {"input_tokens": 3, "output_tokens": None}, "cached_tokens": None}
    answer = DIALECT.answer(json.dumps({"id": None, "message": message, "usage": usage, "error": None}).encode())
    assert answer == Answer(usage=Usage(prompt=3, billed_prompt=3))
    text = DIALECT.answer(json.dumps({"message": {"content": "Hi"}, "finish_reason": "COMPLETE"}).encode())
    assert text.content == (TextPart("Hi"),)


def test_a_stream_of_plan_and_calls() -> None:
    first = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
    second = {"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}}
    shown, answer = read(
        START,
        event("tool-plan-delta", tool_plan="I will "),
        event("tool-plan-delta", tool_plan="look."),
        event("tool-call-start", 0, tool_calls=first),
        event("tool-call-delta", 0, tool_calls={"function": {"arguments": '{"a"'}}),
        event("tool-call-delta", 0, tool_calls={"function": {"arguments": ": 1}"}}),
        ("tool-call-end", {"index": 0}),
        event("tool-call-start", 1, tool_calls=second),
        ("tool-call-end", {"index": 1}),
        end("TOOL_CALL", usage={"tokens": {"input_tokens": 5, "output_tokens": 2}}),
    )
    assert shown == [
        ReasoningDelta("I will "),
        ReasoningDelta("look."),
        ToolCallDelta(0, "c1", "f"),
        ToolCallDelta(0, arguments='{"a"'),
        ToolCallDelta(0, arguments=": 1}"),
        ToolCallDelta(1, "c2", "g"),
        ToolCallDelta(1, arguments="{}"),
    ]
    assert answer == Answer(
        content=(
            ReasoningPart("I will look.", dialect="cohere", extra=PLAN),
            ToolCallPart("c1", "f", '{"a": 1}'),
            ToolCallPart("c2", "g", "{}"),
        ),
        finish_reason="tool_calls",
        raw_finish_reason="TOOL_CALL",
        usage=Usage(prompt=5, completion=2),
        response_id="a1",
    )


def test_a_stream_of_thoughts_text_and_citations() -> None:
    citation = {"start": 0, "end": 2, "text": "Hi", "sources": [], "content_index": 1}
    shown, answer = read(
        START,
        event("content-start", 0, content={"type": "thinking", "thinking": "h"}),
        event("content-delta", 0, content={"thinking": "m"}),
        ("content-end", {"index": 0}),
        event("content-start", 1, content={"type": "text", "text": ""}),
        event("content-delta", 1, content={"text": "Hi"}),
        event("citation-start", 0, citations=citation),
        ("citation-end", {"index": 0}),
        event("content-delta", 1, content={"text": "!"}),
        event("content-delta", 1, content={"text": None}),
        event("content-delta", 5, content={"thinking": "late"}),
        ("debug", {"prompt": "..."}),
        end(),
    )
    assert shown == [
        ReasoningDelta("h"),
        ReasoningDelta("m"),
        TextDelta("Hi"),
        TextDelta("!"),
        ReasoningDelta("late"),
    ]
    assert answer.content == (
        ReasoningPart("hm", dialect="cohere"),
        TextPart("Hi!", extra={"cohere": {"citations": [citation]}}),
        ReasoningPart("late", dialect="cohere"),
    )


def test_a_stream_is_complete_without_its_end_mark_and_cut_without_either() -> None:
    text = event("content-delta", 0, content={"text": "Hal"})
    assert read(START, text, end())[1].finish_reason == "stop"
    for events in ((START, text), (START,), ()):
        with pytest.raises(ConnectionCut) as caught:
            read(*events)
        assert caught.value.partial is (text in events)
    reader = DIALECT.reader()
    reader.feed("content-delta", json.dumps(text[1]).encode())
    assert not reader.done
    assert reader.partial().content == (TextPart("Hal"),)
    reader.feed("message", b"[DONE]")
    assert reader.done
    assert reader.finish().content == (TextPart("Hal"),)


def test_a_stream_without_event_names_is_read_by_its_types() -> None:
    reader = DIALECT.reader()
    for name, data in (START, event("content-delta", 0, content={"text": "Hi"}), ("new", {"delta": 7}), end()):
        reader.feed("message", json.dumps({"type": name, **data}).encode())
    assert reader.finish().content == (TextPart("Hi"),)
    assert list(reader.feed("invented", b"no json at all")) == []


@pytest.mark.parametrize("garbage", NO_OBJECTS)
def test_what_is_no_object_is_malformed(garbage: bytes) -> None:
    for read_it in (DIALECT.answer, DIALECT.models):
        with pytest.raises(MalformedAnswer):
            read_it(garbage)
    for name in ("message-start", "content-start", "content-delta", "tool-call-start", "message-end", "message"):
        with pytest.raises(MalformedAnswer):
            DIALECT.reader().feed(name, garbage)
    assert refusal(502, garbage).kind == "server fault"


def test_objects_that_are_no_answer_are_malformed() -> None:
    for sent in ({}, {"message": None}, {"message": {"content": [{"type": "text", "text": 7}]}}):
        with pytest.raises(MalformedAnswer):
            DIALECT.answer(json.dumps(sent).encode())
    for found in (event("tool-call-start", 0, tool_calls=[]), event("tool-call-delta", 3, tool_calls={"function": {}})):
        with pytest.raises(MalformedAnswer):
            read(START, found)


# --- what goes wrong


@pytest.mark.parametrize(
    ("status", "found", "kind"),
    [
        (400, {"message": "invalid request: message must be at least 1 token long"}, BadRequest),
        (400, {"message": "invalid request: safety_mode must be one of"}, BadRequest),
        (400, {"message": "too many tokens: size limit exceeded", "error_type": "TOO_MANY_TOKENS"}, ContextTooLong),
        (400, {"message": "too many tokens: max tokens must be less than or equal to 4096"}, BadRequest),
        (400, {"message": "invalid request: model ‘command-r’ is not supported by the generate API"}, UnknownModel),
        (401, {"message": "no api key supplied"}, BadKey),
        (402, {"message": "Please add or update your payment method to continue"}, QuotaExhausted),
        (403, {"message": "forbidden"}, NoPermission),
        (404, {"message": "model 'x' was removed on September 15, 2025."}, UnknownModel),
        (422, {"message": "invalid type"}, BadRequest),
        (429, {"message": "You are using a Trial key, which is limited to 40 API calls / minute."}, RateLimited),
        (429, {"message": "You are using a Trial key, which is limited to 1000 API calls / month."}, QuotaExhausted),
        (429, {"message": "trial token rate limit exceeded, limit is 100000 tokens per minute"}, RateLimited),
        (498, {"message": "blocked input"}, ContentRefused),
        (499, {"message": "request cancelled"}, ConnectionCut),
        (500, {"message": "internal server error"}, ServerFault),
        (501, {"message": "not implemented"}, BadRequest),
        (503, {"message": "unavailable"}, Overloaded),
        (504, {"message": "timeout"}, TimedOut),
    ],
)
def test_refusals(status: int, found: Any, kind: Any) -> None:
    error = refusal(status, {"id": "r1", **found}, {"retry-after": "3"})
    assert type(error) is kind
    assert (error.message, error.status, error.request_id) == (found["message"], status, "r1")
    assert (error.code, error.retry_after) == (found.get("error_type"), 3)


def test_the_wait_may_stand_in_the_words() -> None:
    assert refusal(429, {"message": "rate limited, please wait 20s"}).retry_after == 20
    assert refusal(429, {"message": "slow down"}).retry_after is None


@pytest.mark.parametrize(
    ("reason", "delta", "kind"),
    [
        ("ERROR", {"error": "x", "error_type": "INVALID_TOOL_GENERATION"}, MalformedAnswer),
        ("ERROR", {"error": "x", "error_type": "TOO_MANY_TOKENS"}, ContextTooLong),
        ("ERROR", {"error": "the model is overloaded"}, Overloaded),
        ("ERROR", {}, ServerFault),
        ("TIMEOUT", {}, TimedOut),
        (None, {"error": "x"}, ServerFault),
    ],
)
def test_an_answer_that_ends_in_failure(reason: str | None, delta: Any, kind: Any) -> None:
    with pytest.raises(kind) as caught:
        read(START, event("content-delta", 0, content={"text": "A"}), end(reason, **delta))
    assert (caught.value.partial, caught.value.status) == (True, 200)
    if reason:
        with pytest.raises(kind):
            DIALECT.answer(json.dumps({"message": {}, "finish_reason": reason, **delta}).encode())


def test_an_error_in_place_of_an_answer() -> None:
    with pytest.raises(ServerFault, match="broken"):
        DIALECT.answer(b'{"id": "x", "message": "broken"}')
    with pytest.raises(ServerFault, match="broken"):
        read(START, ("error", {"message": "broken"}))


def test_headroom_from_headers() -> None:
    headers = {
        "x-trial-endpoint-call-limit": "40",
        "x-trial-endpoint-call-remaining": "39",
        "x-endpoint-monthly-call-limit": "1000",
    }
    month = RateLimit("requests", "month", 1000)
    assert DIALECT.rate_limits(headers, 0) == (RateLimit("requests", "minute", 40, 39), month)
    assert DIALECT.rate_limits({"x-trial-endpoint-call-limit": "junk"}, 0) == ()


def test_model_lists_have_pages_and_say_what_a_model_lacks() -> None:
    listed = {
        "models": [
            {
                "name": "a",
                "endpoints": ["chat"],
                "context_length": 1000.0,
                "features": ["tools", "json_mode", "vision"],
            },
            {"name": "b", "endpoints": ["embed"], "features": None, "is_deprecated": True},
            {"name": None},
            {"name": "c-vision", "features": ["json_mode"], "config": {"max_output_tokens": 9}},
        ],
        "next_page_token": "p/2",
    }
    page = DIALECT.models(json.dumps(listed).encode())
    a, b, c = page.models
    assert (a.context_tokens, a.chat) == (1000, True)
    assert a.lacks == {"json_schema", "reasoning"}
    assert (b.chat, b.deprecated, b.lacks) == (False, True, frozenset())
    assert c.lacks == {"json_schema", "tools", "tool_choice", "reasoning"}
    assert c.max_output_tokens == 9
    assert DIALECT.models_call(page.next_cursor).path == "/v1/models?page_size=1000&page_token=p%2F2"
    assert DIALECT.probe_call().path == "/v1/models?page_size=1"


# --- against the recordings

OURS = [recording for recording in recordings("cohere") if recording.path == "/v2/chat"]
needs_recordings = pytest.mark.skipif(not OURS, reason="the recorded exchanges (../shared/wire) are not here")


def recorded_answer(recording: Recording) -> Answer:
    if not recording.streamed:
        return DIALECT.answer(recording.body)
    reader = DIALECT.reader()
    for name, data in Decoder().feed(recording.body + b"\n\n"):
        reader.feed(name, data)
    return reader.finish()


def spoken(calls: Any) -> list[Any]:
    """Calls with their arguments as JSON, as some recorders wrote them anew."""
    return [
        {**call, "function": {**call["function"], "arguments": json.loads(call["function"]["arguments"])}}
        for call in calls
    ]


@needs_recordings
def test_answers_go_back_as_they_were_recorded_to_go_back() -> None:
    """Wherever a recorded request holds a recorded answer's tool calls. The recorders kept the calls alone; we send the plan,
    thoughts and citations beside them."""
    answers = [
        recorded_answer(recording) for recording in OURS if recording.status == 200 and b"ERROR" not in recording.body
    ]
    ours = [body(Message("assistant", answer.content))["messages"][0] for answer in answers if answer.content]
    found = 0
    for recording in OURS:
        for turn in recording.request_body["messages"]:
            calls = turn.get("tool_calls")
            same = [sent for sent in ours if calls and calls[0]["id"] in {c["id"] for c in sent.get("tool_calls", ())}]
            for sent in same:
                assert spoken(sent["tool_calls"]) == spoken(calls)
                found += 1
    assert found >= 5


@needs_recordings
def test_no_damage_to_an_answer_is_a_crash() -> None:
    rng = random.Random(11)
    errors = sum(read_damaged(DIALECT, recording, rng) for recording in OURS for _ in range(30))
    assert errors > 200
