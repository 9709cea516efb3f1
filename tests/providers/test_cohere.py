"""Cohere's dialect, sans I/O: what was never recorded, what is refused, odd streams, answers sent back."""

from __future__ import annotations

import json
import random
from typing import Any, NoReturn

import pytest

from aiconsole.domain.chat import (
    ChatRequest,
    JsonFormat,
    RateLimit,
    Reasoning,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from aiconsole.domain.errors import (
    BadKey,
    BadRequest,
    ConnectionCut,
    ContentRefused,
    ContextTooLong,
    MalformedAnswer,
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
from aiconsole.domain.messages import (
    DocumentPart,
    ImagePart,
    Message,
    NamedTool,
    NativePart,
    NativeTool,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from aiconsole.providers.base import Answer, ErrorReply
from aiconsole.providers.cohere import CohereDialect
from aiconsole.providers.sse import Decoder
from tests.providers.damage import NO_OBJECTS, read_damaged
from tests.providers.wire import Recording, recordings

DIALECT = CohereDialect()
PLAN = {"cohere": {"type": "tool_plan"}}
PNG = b"\x89PNG\r\n\x1a\n"


def refuse(words: str) -> NoReturn:
    raise Unsupported(words)


def body(*messages: Message, stream: bool = False, **settings: Any) -> dict[str, Any]:
    request = ChatRequest("command-x", messages or (Message.user("Hi"),), **settings)
    return dict(json.loads(json.dumps(DIALECT.chat(request, stream=stream, refuse=refuse).body)))


def dropping(*messages: Message, **settings: Any) -> tuple[dict[str, Any], list[str]]:
    words: list[str] = []
    request = ChatRequest("command-x", messages or (Message.user("Hi"),), **settings)
    return DIALECT.chat(request, stream=False, refuse=words.append).body, words


def read(*events: tuple[str, Any]) -> tuple[list[StreamEvent], Answer]:
    reader = DIALECT.reader()
    shown = [one for name, data in events for one in reader.feed(name, json.dumps({"type": name, **data}).encode())]
    return shown, reader.finish()


START: tuple[str, Any] = ("message-start", {"id": "a1", "delta": {"message": {"role": "assistant", "content": []}}})


def event(kind: str, index: int | None = None, **message: Any) -> tuple[str, Any]:
    return kind, {"delta": {"message": message}} | ({} if index is None else {"index": index})


def end(reason: str | None = "COMPLETE", **delta: Any) -> tuple[str, Any]:
    return "message-end", {"delta": {"finish_reason": reason, **delta}}


def refusal(status: int, found: Any, headers: dict[str, str] | None = None) -> ProviderError:
    sent = found if isinstance(found, bytes) else json.dumps(found).encode()
    return DIALECT.error(ErrorReply(status, headers or {}, sent, 0.0))


# --- what is sent


def test_the_smallest_request_and_all_settings() -> None:
    assert body() == {"model": "command-x", "messages": [{"role": "user", "content": "Hi"}]}
    assert body(
        Message.system("Be brief."),
        Message.user("Hi"),
        stream=True,
        temperature=0.5,
        top_p=0.9,
        max_tokens=7,
        stop=("a", "b"),
        seed=3,
        reasoning=Reasoning(budget_tokens=100),
        response_format=JsonFormat({"type": "object"}),
        extra={"cohere": {"k": 5, "stream": False}, "gemini": {"x": 1}},
    ) == {
        "model": "command-x",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "temperature": 0.5,
        "p": 0.9,
        "max_tokens": 7,
        "stop_sequences": ["a", "b"],
        "seed": 3,
        "thinking": {"type": "enabled", "token_budget": 100},
        "response_format": {"type": "json_object", "json_schema": {"type": "object"}},
        "k": 5,
        "stream": True,
    }
    assert body(response_format=JsonFormat())["response_format"] == {"type": "json_object"}
    assert DIALECT.auth("k") == {"authorization": "Bearer k"}


@pytest.mark.parametrize(
    ("reasoning", "wire"),
    [
        (Reasoning(), None),
        (Reasoning("none"), {"type": "disabled"}),
        (Reasoning("low"), {"type": "enabled", "token_budget": 2048}),
        (Reasoning("high"), {"type": "enabled"}),
        (Reasoning("low", 9), {"type": "enabled", "token_budget": 9}),
        (Reasoning(show=True), {"type": "enabled"}),
    ],
)
def test_reasoning(reasoning: Reasoning, wire: Any) -> None:
    assert body(reasoning=reasoning).get("thinking") == wire


def test_thoughts_cannot_be_hidden() -> None:
    with pytest.raises(Unsupported, match="cannot hide"):
        body(reasoning=Reasoning(show=False))


@pytest.mark.parametrize(
    ("choice", "wire", "tools"),
    [
        ("auto", None, 2),
        ("none", "NONE", 2),
        ("required", "REQUIRED", 2),
        (NamedTool("g"), "REQUIRED", 1),
        (None, None, 2),
    ],
)
def test_tool_choice(choice: Any, wire: str | None, tools: int) -> None:
    sent = body(tools=(Tool("f", "does", {"type": "object"}), Tool("g")), tool_choice=choice)
    assert sent.get("tool_choice") == wire
    assert len(sent["tools"]) == tools
    assert sent["tools"][-1]["function"] == {"name": "g", "parameters": {"type": "object", "properties": {}}}


def test_a_choice_that_is_no_tool_is_a_bad_request_and_none_without_tools_is_nothing() -> None:
    with pytest.raises(BadRequest, match="not among the tools"):
        body(tools=(Tool("f"),), tool_choice=NamedTool("g"))
    assert "tool_choice" not in body(tool_choice="none")


def test_tools_are_strict_together_or_not_at_all() -> None:
    assert body(tools=(Tool("f", strict=True), Tool("g", strict=True)))["strict_tools"] is True
    assert body(tools=(Tool("f", strict=False),))["strict_tools"] is False
    assert "strict_tools" not in body(tools=(Tool("f"),))
    with pytest.raises(Unsupported, match="strict or none"):
        body(tools=(Tool("f", strict=True), Tool("g")))


def test_native_tools_and_parts() -> None:
    assert body(tools=(NativeTool("cohere", {"type": "x"}),))["tools"] == [{"type": "x"}]
    assert body(Message.user(NativePart("cohere", {"type": "x"})))["messages"][0]["content"] == [{"type": "x"}]
    with pytest.raises(Unsupported, match="tool of gemini"):
        body(tools=(NativeTool("gemini", {}),))


def test_an_assistants_parts_become_its_fields() -> None:
    sent = body(
        Message.user("?"),
        Message.assistant(
            ReasoningPart("I will look.", dialect="cohere", extra=PLAN),
            ReasoningPart("hm", dialect="cohere"),
            ReasoningPart("of another", signature="s", dialect="anthropic"),
            ReasoningPart("of nobody known"),
            TextPart("So:", extra={"cohere": {"citations": [{"start": 0}], "new": 1}}),
            ToolCallPart("c1", "f", ""),
            ToolCallPart("c2", "g", '{"a": 1}', extra={"cohere": {"x": 1}}),
        ),
        Message.tool(ToolResultPart("c1", "sun"), ToolResultPart("c2", (TextPart("rain"),))),
    )["messages"]
    assert sent[1] == {
        "role": "assistant",
        "tool_plan": "I will look.",
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "So:", "new": 1}],
        "citations": [{"start": 0}],
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "c2", "type": "function", "function": {"name": "g", "arguments": '{"a": 1}'}, "x": 1},
        ],
    }
    assert sent[2:] == [
        {"role": "tool", "tool_call_id": "c1", "content": "sun"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "rain"}]},
    ]


def test_a_turn_of_nothing_but_calls_has_no_content() -> None:
    assert "content" not in body(Message.assistant(ToolCallPart("c", "f")))["messages"][0]
    assert body(Message("assistant", ()))["messages"][0]["content"] == []
    assert body(Message.assistant("Yes."))["messages"][0]["content"] == "Yes."


def test_images_and_documents() -> None:
    sent = body(
        Message.user(
            "Look:",
            ImagePart(PNG, detail="low"),
            ImagePart(url="https://example.org/a.png"),
            DocumentPart(b"facts", media_type="text/plain", name="a.txt"),
            DocumentPart(b"{}", media_type="application/json", extra={"cohere": {"id": "mine"}}),
        ),
        extra={"cohere": {"documents": ["given"]}},
    )
    assert sent["messages"][0]["content"] == [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
    ]
    assert sent["documents"] == [
        {"id": "doc:0", "data": {"title": "a.txt", "text": "facts"}},
        {"id": "mine", "data": {"text": "{}"}},
        "given",
    ]
    result = ToolResultPart("c", (DocumentPart(b"facts", media_type="text/plain"),))
    assert body(Message.tool(result))["messages"][0]["content"] == [
        {"type": "document", "document": {"data": {"text": "facts"}}}
    ]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (Message.user(DocumentPart(b"%PDF-")), "not application/pdf"),
        (Message.user(DocumentPart(b"\xff", media_type="text/plain")), "not text/plain"),
        (Message.user(DocumentPart(url="https://example.org/a.txt")), "fetches no documents"),
        (Message.user(NativePart("openai", {})), "only openai understands"),
        (Message.assistant(ImagePart(PNG)), "in an assistant's turn"),
        (Message.tool(ToolResultPart("c", (ImagePart(PNG),))), "no images as the result"),
        (Message.tool(ToolResultPart("c", "x", is_error=True)), "no mark for a failed tool call"),
    ],
)
def test_what_a_message_cannot_hold_is_refused_or_dropped(message: Message, words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        body(message)
    assert len(dropping(message)[1]) == 1


@pytest.mark.parametrize(
    "message",
    [
        Message("tool", "just text"),
        Message("tool", (TextPart("just text"),)),
        Message("user", (ToolCallPart("c", "f"),)),
        Message("assistant", (ToolResultPart("c"),)),
        Message.user(ImagePart()),
        Message.user(DocumentPart()),
    ],
)
def test_parts_in_the_wrong_turn_or_without_content_are_a_bad_request(message: Message) -> None:
    with pytest.raises(BadRequest):
        body(message)


def test_tokens_cannot_be_counted_ahead() -> None:
    with pytest.raises(Unsupported):
        DIALECT.count_call(ChatRequest("x", ()), refuse=refuse)


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
