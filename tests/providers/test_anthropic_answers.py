"""What Anthropic's dialect reads: odd answers and streams, errors never recorded, damage, answers sent back; sans I/O."""

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
from aiconsole.domain.messages import Message, NativePart, ReasoningPart, TextPart, ToolCallPart
from aiconsole.providers.base import Answer
from aiconsole.providers.sse import Decoder
from tests.providers.anthropic_wire import DIALECT, STOP, block, content, delta, end, read, refusal, start
from tests.providers.damage import NO_OBJECTS, read_damaged
from tests.providers.wire import Recording, recordings

# --- what is read


def test_a_whole_answer_of_many_blocks_goes_back_as_it_came() -> None:
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "zz"},
        {"type": "text", "text": "Look", "citations": [{"type": "char_location", "cited_text": "x"}]},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"q": 1}},
        {"type": "something_new", "payload": None},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"b": 1.0, "a": [None]}, "caller": {"type": "x"}},
    ]
    sent = {"id": "m", "model": "claude-y", "content": blocks, "stop_reason": "tool_use", "stop_sequence": None}
    answer = DIALECT.answer(json.dumps(sent).encode())
    assert answer.finish_reason == "tool_calls"
    assert isinstance(answer.content[-1], ToolCallPart)
    assert answer.content[-1].arguments == '{"b":1.0,"a":[null]}'
    assert content(Message.user("?"), Message("assistant", answer.content)) == blocks


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refused"),
        ("pause_turn", "other"),
        ("invented", "other"),
        (None, "other"),
    ],
)
def test_finish_reasons(raw: str | None, reason: str) -> None:
    answer = DIALECT.answer(json.dumps({"content": [], "stop_reason": raw}).encode())
    assert (answer.finish_reason, answer.raw_finish_reason) == (reason, raw)


def test_a_call_beside_end_turn_is_a_call_and_one_that_was_cut_is_cut() -> None:
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    for raw, reason in (("end_turn", "tool_calls"), ("max_tokens", "length")):
        assert DIALECT.answer(json.dumps({"content": [call], "stop_reason": raw}).encode()).finish_reason == reason


def test_usage_counts_cached_tokens_into_the_prompt() -> None:
    usage = {
        "input_tokens": 3,
        "cache_creation_input_tokens": 20,
        "cache_read_input_tokens": 100,
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 4},
    }
    answer = DIALECT.answer(json.dumps({"content": [], "stop_reason": "end_turn", "usage": usage}).encode())
    assert answer.usage == Usage(prompt=123, completion=9, cached=100, cache_written=20, reasoning=4)


def test_nulls_everywhere_are_nothing() -> None:
    sent = {
        "id": None,
        "model": None,
        "content": [{"type": "text", "text": None, "citations": None}, {"type": "tool_use", "id": "a", "name": "f"}],
        "stop_reason": "end_turn",
        "stop_details": None,
        "usage": {"input_tokens": None, "output_tokens": None, "output_tokens_details": None},
        "error": None,
    }
    answer = DIALECT.answer(json.dumps(sent).encode())
    assert answer.content == (TextPart(""), ToolCallPart("a", "f", "{}"))
    assert answer.usage == Usage()
    assert answer.model == ""


def test_why_an_answer_was_refused_is_told() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "Not this."}
    shown, answer = read(
        start(), ("message_delta", {"delta": {"stop_reason": "refusal", "stop_details": details}}), STOP
    )
    assert shown == []
    assert (answer.finish_reason, answer.warnings) == ("refused", ("Not this.",))


def test_a_stream_of_thought_text_and_call() -> None:
    usage = {"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 1}
    shown, answer = read(
        start(usage=usage),
        block(0, type="thinking", thinking="", signature=""),
        ("ping", {}),
        delta(0, "thinking_delta", thinking="hm"),
        delta(0, "signature_delta", signature="si"),
        delta(0, "signature_delta", signature="g"),
        ("content_block_stop", {"index": 0}),
        block(1, type="text", text=""),
        delta(1, "text_delta", text="Let "),
        delta(1, "text_delta", text="me"),
        delta(1, "citations_delta", citation={"type": "char_location"}),
        ("content_block_stop", {"index": 1}),
        block(2, type="tool_use", id="t1", name="f", input={}),
        delta(2, "input_json_delta", partial_json=""),
        delta(2, "input_json_delta", partial_json='{"a": '),
        delta(2, "input_json_delta", partial_json="1}"),
        ("content_block_stop", {"index": 2}),
        block(3, type="tool_use", id="t2", name="g", input={}),
        ("content_block_stop", {"index": 3}),
        block(4, type="server_tool_use", id="s1", name="web_search", input={}),
        delta(4, "input_json_delta", partial_json='{"q":"x"}'),
        ("content_block_stop", {"index": 4}),
        end("tool_use", output_tokens=30, input_tokens=6),
        STOP,
    )
    assert shown == [
        ReasoningDelta("hm"),
        TextDelta("Let "),
        TextDelta("me"),
        ToolCallDelta(0, "t1", "f"),
        ToolCallDelta(0, arguments='{"a": '),
        ToolCallDelta(0, arguments="1}"),
        ToolCallDelta(1, "t2", "g"),
        ToolCallDelta(1, arguments="{}"),
    ]
    assert answer == Answer(
        model="claude-x",
        content=(
            ReasoningPart("hm", signature="sig", dialect="anthropic"),
            TextPart("Let me", extra={"anthropic": {"citations": [{"type": "char_location"}]}}),
            ToolCallPart("t1", "f", '{"a": 1}'),
            ToolCallPart("t2", "g", "{}"),
            NativePart("anthropic", {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"q": "x"}}),
        ),
        finish_reason="tool_calls",
        raw_finish_reason="tool_use",
        usage=Usage(prompt=8, completion=30, cached=2),
        response_id="msg_1",
    )


def test_blocks_may_interleave_start_full_or_not_start_at_all() -> None:
    shown, answer = read(
        start(),
        block(0, type="text", text="A"),
        block(1, type="thinking", thinking="B"),
        delta(0, "text_delta", text="a"),
        delta(1, "thinking_delta", thinking="b"),
        delta(7, "text_delta", text="late"),
        delta(8, "thinking_delta", thinking="later"),
        delta(0, "text_delta", text="!"),
        block(9, type="compaction", content=None),
        delta(9, "compaction_delta", content="short", encrypted_content="e"),
        delta(0, "invented_delta", text="?"),
        end(),
    )
    assert "".join(one.text for one in shown if isinstance(one, TextDelta)) == "Aalate!"
    assert "".join(one.text for one in shown if isinstance(one, ReasoningDelta)) == "Bblater"
    assert [part.text for part in answer.content if isinstance(part, TextPart | ReasoningPart)] == [
        "Aa!",
        "Bb",
        "late",
        "later",
    ]
    compaction = {"type": "compaction", "content": "short", "encrypted_content": "e"}
    assert answer.content[-1] == NativePart("anthropic", compaction)


def test_a_stream_is_complete_without_its_end_mark_and_cut_without_either() -> None:
    events = (start(), block(0, type="text", text=""), delta(0, "text_delta", text="Hal"))
    assert read(*events, end())[1].finish_reason == "stop"
    assert read(*events, STOP)[1].content == (TextPart("Hal"),)
    for cut in (events, (start(),), ()):
        with pytest.raises(ConnectionCut) as caught:
            read(*cut)
        assert caught.value.partial is (cut is events)


def test_what_came_of_a_cut_stream_is_kept_and_can_be_sent_on() -> None:
    reader = DIALECT.reader()
    for name, data in (
        start(usage={"input_tokens": 4, "output_tokens": 1}),
        block(0, type="thinking", thinking=""),
        delta(0, "thinking_delta", thinking="hm"),
        block(1, type="server_tool_use", id="s", name="w", input={}),
        delta(1, "input_json_delta", partial_json='{"q": "ha'),
    ):
        reader.feed(name, json.dumps(data).encode())
    assert not reader.done
    partial = reader.partial()
    assert partial.content == (
        ReasoningPart("hm", dialect="anthropic"),
        NativePart("anthropic", {"type": "server_tool_use", "id": "s", "name": "w", "input": {}}),
    )
    assert partial.usage == Usage(prompt=4, completion=1)


def test_a_stream_without_event_names_is_read_by_its_types() -> None:
    reader = DIALECT.reader()
    text = (block(0, type="text", text=""), delta(0, "text_delta", text="Hi"))
    for name, data in (start(), *text, end(), STOP, ("new", {})):
        reader.feed("message", json.dumps({"type": name, **data}).encode())
    assert reader.done
    assert reader.finish().content == (TextPart("Hi"),)


def test_unknown_events_are_passed_over_unread() -> None:
    reader = DIALECT.reader()
    assert list(reader.feed("invented", b"no json at all")) == []


@pytest.mark.parametrize("garbage", NO_OBJECTS)
def test_what_is_no_object_is_malformed(garbage: bytes) -> None:
    for read_it in (DIALECT.answer, DIALECT.models, DIALECT.count):
        with pytest.raises(MalformedAnswer):
            read_it(garbage)
    for event in ("message_start", "content_block_start", "content_block_delta", "message_delta", "error"):
        with pytest.raises(MalformedAnswer):
            DIALECT.reader().feed(event, garbage)
    assert refusal(502, garbage).kind == "server fault"


def test_an_object_that_is_no_message_is_malformed() -> None:
    for sent in ({}, {"content": 7}, {"content": [7]}, {"content": [{"type": "text", "text": 7}]}):
        with pytest.raises(MalformedAnswer):
            DIALECT.answer(json.dumps(sent).encode())


# --- what goes wrong


@pytest.mark.parametrize(
    ("status", "error", "kind", "code"),
    [
        (400, {"type": "invalid_request_error", "message": "messages: Field required"}, BadRequest, None),
        (
            400,
            {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"},
            ContextTooLong,
            None,
        ),
        (
            400,
            {
                "type": "invalid_request_error",
                "message": "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
            },
            ContextTooLong,
            None,
        ),
        (
            400,
            {"type": "invalid_request_error", "message": "Your credit balance is too low to access the Anthropic API."},
            QuotaExhausted,
            None,
        ),
        (
            400,
            {
                "type": "invalid_request_error",
                "message": "You have reached your specified API usage limits. You will regain access on 2026-01-01.",
            },
            QuotaExhausted,
            None,
        ),
        (
            400,
            {"type": "invalid_request_error", "message": "Output blocked by content filtering policy"},
            ContentRefused,
            None,
        ),
        (
            400,
            {"type": "invalid_request_error", "message": "`temperature` is deprecated for this model."},
            BadRequest,
            None,
        ),
        (401, {"type": "authentication_error", "message": "invalid x-api-key"}, BadKey, None),
        (402, {"type": "billing_error", "message": "Pay."}, QuotaExhausted, None),
        (403, {"type": "permission_error", "message": "No."}, NoPermission, None),
        (404, {"type": "not_found_error", "message": "model: claude-0"}, UnknownModel, None),
        (413, {"type": "request_too_large", "message": "Request exceeds the maximum size"}, BadRequest, None),
        (429, {"type": "rate_limit_error", "message": "Number of request tokens has exceeded"}, RateLimited, None),
        (
            429,
            {"type": "rate_limit_error", "message": "x", "details": {"error_code": "enforced_spend_limit_reached"}},
            QuotaExhausted,
            "enforced_spend_limit_reached",
        ),
        (500, {"type": "api_error", "message": "Internal server error"}, ServerFault, None),
        (504, {"type": "timeout_error", "message": "Timed out"}, TimedOut, None),
        (529, {"type": "overloaded_error", "message": "Overloaded", "details": None}, Overloaded, None),
    ],
)
def test_refusals_and_the_same_inside_a_stream(status: int, error: Any, kind: Any, code: str | None) -> None:
    refused = refusal(status, error, {"request-id": "req_1"})
    assert type(refused) is kind
    assert (refused.message, refused.status, refused.request_id) == (error["message"], status, "req_1")
    assert refused.code == (code or error["type"])
    with pytest.raises(kind) as caught:
        read(start(), ("error", {"error": error, "request_id": "req_2"}))
    assert (caught.value.message, caught.value.status) == (error["message"], 200)
    assert caught.value.request_id == "req_2"
    with pytest.raises(kind):
        DIALECT.answer(json.dumps({"type": "error", "error": error}).encode())


def test_an_error_after_the_first_text_is_partial() -> None:
    with pytest.raises(Overloaded) as caught:
        read(start(), block(0, type="text", text="A"), ("error", {"error": {"type": "overloaded_error"}}))
    assert caught.value.partial


def test_how_long_to_wait() -> None:
    limit = {"type": "rate_limit_error", "message": "Slow down"}
    assert refusal(429, limit, {"retry-after": "12"}).retry_after == 12
    assert refusal(429, limit, {"retry-after-ms": "1500"}).retry_after == 1.5
    assert refusal(429, limit, {"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, now=20).retry_after == 40
    headers = {
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": "1970-01-01T00:00:30Z",
        "anthropic-ratelimit-tokens-remaining": "5",
        "anthropic-ratelimit-tokens-reset": "1970-01-01T01:00:00Z",
    }
    assert refusal(429, limit, headers, now=10).retry_after == 20
    assert refusal(429, limit).retry_after is None


def test_headroom_from_headers() -> None:
    headers = {
        "anthropic-ratelimit-requests-limit": "4000",
        "anthropic-ratelimit-requests-remaining": "3999",
        "anthropic-ratelimit-requests-reset": "2025-03-15T09:38:31Z",
        "anthropic-ratelimit-output-tokens-limit": "junk",
        "anthropic-ratelimit-output-tokens-remaining": "80",
        "anthropic-ratelimit-input-tokens-limit": "-",
    }
    assert DIALECT.rate_limits(headers, 0) == (
        RateLimit("requests", "minute", 4000, 3999, 1742031511.0),
        RateLimit("output tokens", "minute", None, 80, None),
    )


def test_model_lists_have_pages_and_say_what_a_model_lacks() -> None:
    listed = {
        "data": [
            {
                "id": "claude-opus-4-8",
                "display_name": "Opus",
                "max_input_tokens": 1000,
                "max_tokens": 50,
                "capabilities": {
                    "image_input": {"supported": False},
                    "pdf_input": {"supported": True},
                    "thinking": None,
                },
                "lifecycle": "deprecated",
            },
            {"id": "claude-2.1"},
        ],
        "has_more": True,
        "last_id": "claude-2.1",
    }
    page = DIALECT.models(json.dumps(listed).encode())
    first, second = page.models
    assert (first.context_tokens, first.max_output_tokens, first.deprecated) == (1000, 50, True)
    assert first.lacks == {"images", "temperature", "top_p"}
    assert (second.name, second.lacks, second.deprecated) == ("", frozenset(), False)
    assert DIALECT.models_call(page.next_cursor).path == "/models?limit=1000&after_id=claude-2.1"
    assert DIALECT.probe_call().path == "/models?limit=1"


# --- against the recordings

OURS = [recording for recording in recordings("anthropic") if recording.status == 200]
needs_recordings = pytest.mark.skipif(not OURS, reason="the recorded exchanges (../shared/wire) are not here")


def recorded_answer(recording: Recording) -> Answer:
    if not recording.streamed:
        return DIALECT.answer(recording.body)
    reader = DIALECT.reader()
    for name, data in Decoder().feed(recording.body + b"\n\n"):
        reader.feed(name, data)
    return reader.finish()


def marks(blocks: Any) -> set[Any]:
    """What tells one answer's blocks from another's."""
    found = (part.get("id") or part.get("signature") for part in blocks if isinstance(part, dict))
    return {mark for mark in found if mark}


@needs_recordings
def test_answers_go_back_as_they_were_recorded_to_go_back() -> None:
    """Wherever a recorded request holds a recorded answer. The recorders dropped ``caller`` and ``citations``; we do not."""
    sent = []
    for recording in OURS:
        if recording.path.split("?")[0].endswith("/messages"):
            answer = recorded_answer(recording)
            if answer.content:
                sent.append(content(Message.user("?"), Message("assistant", answer.content)))
    found = 0
    for recording in OURS:
        for turn in (recording.request_body or {}).get("messages", ()):
            if turn["role"] != "assistant":
                continue
            for ours in sent:
                if (theirs := marks(turn["content"])) and theirs <= marks(ours):
                    bare = [{k: v for k, v in part.items() if k not in ("caller", "citations")} for part in ours]
                    assert bare == turn["content"]
                    found += 1
    assert found >= 9


@needs_recordings
def test_no_damage_to_an_answer_is_a_crash() -> None:
    rng = random.Random(7)
    errors = 0
    for recording in recordings("anthropic"):
        if len(recording.body) < 60_000:
            errors += sum(read_damaged(DIALECT, recording, rng) for _ in range(40))
    assert errors > 100
