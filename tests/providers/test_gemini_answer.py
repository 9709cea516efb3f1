"""Gemini's dialect, sans I/O: what is read from whole answers, streams, counts and model lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aiconsole.domain.chat import ChatRequest, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from aiconsole.domain.errors import (
    BadRequest,
    ConnectionCut,
    ContentRefused,
    MalformedAnswer,
    Overloaded,
    ProviderError,
    RateLimited,
    ServerFault,
)
from aiconsole.domain.messages import (
    DocumentPart,
    ImagePart,
    Message,
    NativePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from aiconsole.providers.support import Refusals
from tests.providers.gemini_wire import (
    FLASH_25,
    GEMINI,
    answer,
    body,
    chunk,
    parts_of,
    read,
)

# --- counting, listing, probing


def test_bare_contents_are_counted_as_they_are_and_anything_more_as_a_whole_request() -> None:
    call = GEMINI.count_call(ChatRequest(FLASH_25, (Message.user("Hi"),)), refuse=Refusals("refuse"))
    assert call.path == "/models/gemini-2.5-flash:countTokens"
    assert call.body == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    call = GEMINI.count_call(
        ChatRequest(FLASH_25, (Message.system("S"), Message.user("Hi"))), refuse=Refusals("refuse")
    )
    assert call.body["generateContentRequest"]["model"] == "models/gemini-2.5-flash"
    assert call.body["generateContentRequest"]["systemInstruction"] == {"parts": [{"text": "S"}]}
    assert call.body.keys() == {"generateContentRequest"}


def test_counts_are_read_and_others_are_malformed() -> None:
    assert GEMINI.count(b'{"totalTokens": 12}') == 12
    for odd in (b"{}", b"[]", b"null", b'{"totalTokens": "12"}', b"x"):
        with pytest.raises(MalformedAnswer):
            GEMINI.count(odd)
    with pytest.raises(RateLimited):
        GEMINI.count(b'{"error": {"code": 429, "message": "slow down"}}')


def test_models_tell_what_they_are_and_the_list_goes_on() -> None:
    listed = [
        {
            "name": "models/gemini-x",
            "displayName": "Gemini X",
            "inputTokenLimit": 1000,
            "outputTokenLimit": 100,
            "supportedGenerationMethods": ["generateContent"],
            "thinking": True,
        },
        {"name": "models/x-tts", "supportedGenerationMethods": ["generateContent"]},
        {"name": "models/embed", "supportedGenerationMethods": ["embedContent"], "inputTokenLimit": "many"},
        {"displayName": "nameless"},
        None,
    ]
    page = GEMINI.models(json.dumps({"models": listed, "nextPageToken": "a/b="}).encode())
    first, speech, embedding = page.models
    assert (first.id, first.name, first.context_tokens, first.max_output_tokens) == ("gemini-x", "Gemini X", 1000, 100)
    assert (first.chat, first.lacks, first.provider) == (True, frozenset(), "gemini")
    assert (speech.chat, embedding.chat, embedding.context_tokens) == (False, False, None)
    assert speech.lacks == {"reasoning"}
    assert GEMINI.models_call(page.next_cursor).path == "/models?pageSize=1000&pageToken=a%2Fb%3D"
    assert GEMINI.models(b"{}").models == ()
    assert GEMINI.models(b"{}").next_cursor is None


def test_the_probe_spends_nothing() -> None:
    call = GEMINI.probe_call()
    assert (call.method, call.path, call.body) == ("GET", "/models?pageSize=1", None)


# --- what is read


def test_a_call_without_id_gets_one_that_never_goes_back() -> None:
    told = answer({"functionCall": {"name": "f", "args": {"a": 1}}}, {"functionCall": {"name": "g"}}, {"text": "x"})
    first, second = (part for part in told.content if isinstance(part, ToolCallPart))
    assert (first.id, first.arguments) == ("gemini-call-r1-0", '{"a":1}')
    assert (second.id, second.arguments) == ("gemini-call-r1-1", "{}")
    assert (told.finish_reason, told.raw_finish_reason) == ("tool_calls", "STOP")
    sent = body(
        Message("assistant", told.content), Message.tool(ToolResultPart(first.id, "1"), ToolResultPart(second.id, "2"))
    )
    assert '"id"' not in json.dumps(sent)
    assert [part["functionResponse"]["name"] for part in sent["contents"][1]["parts"]] == ["f", "g"]


def test_a_call_with_id_keeps_it() -> None:
    told = answer({"functionCall": {"name": "f", "args": {}, "id": "x9"}, "thoughtSignature": "s"})
    assert told.content == (ToolCallPart("x9", "f", "{}", "s"),)


def test_signatures_stay_on_the_part_they_came_on() -> None:
    wire: list[dict[str, Any]] = [
        {"text": "Hm", "thought": True, "thoughtSignature": "s0"},
        {"text": "Let me see", "thoughtSignature": "s1"},
        {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "s2"},
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}, "thoughtSignature": "s3"},
        {"text": "", "thoughtSignature": "s4"},
    ]
    for told in (answer(*wire), read(*(chunk(part) for part in wire[:-1]), chunk(wire[-1], finish="STOP"))[1]):
        assert parts_of(*told.content) == wire
        assert isinstance(told.content[0], ReasoningPart)
        assert (told.content[0].signature, told.content[0].dialect) == ("s0", "gemini")


def test_code_server_tools_and_unknown_parts_are_native_and_go_back_verbatim() -> None:
    wire: list[dict[str, Any]] = [
        {"executableCode": {"language": "PYTHON", "code": "1+1"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
        {"toolCall": {"toolType": "FILE_SEARCH", "id": "t"}, "thoughtSignature": "s"},
        {"somethingNew": [1]},
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}, "thought": True},
        {"inlineData": {"mimeType": "image/png", "data": "?"}},
    ]
    told = answer(*wire, {"text": "2"})
    assert [type(part) for part in told.content] == [NativePart] * 6 + [TextPart]
    assert parts_of(*told.content) == [*wire, {"text": "2"}]


def test_media_come_out_as_pictures_and_documents() -> None:
    told = answer(
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw"}},
        {"inlineData": {"mimeType": "audio/mp3", "data": "-_8="}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x.test/1"}},
    )
    assert told.content == (
        ImagePart(b"\x89PNG", media_type="image/png"),
        DocumentPart(b"\xfb\xff", media_type="audio/mp3"),
        ImagePart(url="https://x.test/1", media_type="image/jpeg"),
    )


def test_sources_are_kept_with_the_text_and_not_sent_back() -> None:
    grounding = {"groundingChunks": [{"web": {"uri": "https://a.test"}}], "webSearchQueries": ["q"]}
    more = {"groundingChunks": [{"web": {"uri": "https://a.test"}}, {"web": {"uri": "https://b.test"}}]}
    first, last = chunk({"text": "It "}), chunk({"text": "rains."}, finish="STOP")
    first["candidates"][0]["groundingMetadata"] = grounding
    last["candidates"][0]["groundingMetadata"] = more
    last["candidates"][0]["citationMetadata"] = {"citationSources": [{"uri": "https://c.test"}]}
    told = read(first, last)[1]
    (text,) = told.content
    assert isinstance(text, TextPart)
    assert text.extra is not None
    sources = text.extra["gemini.sources"]
    assert sources["groundingMetadata"] == {**more, "webSearchQueries": ["q"]}
    assert sources["citationMetadata"]["citationSources"][0]["uri"] == "https://c.test"
    assert parts_of(*told.content) == [{"text": "It rains."}]


def test_usage_counts_thoughts_as_completion_and_tool_prompts_as_prompt() -> None:
    counts = {
        "promptTokenCount": 10,
        "toolUsePromptTokenCount": 5,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 20,
        "cachedContentTokenCount": 4,
        "totalTokenCount": 42,
    }
    usage = answer({"text": "x"}, usageMetadata=counts).usage
    assert usage == Usage(prompt=15, completion=27, cached=4, reasoning=20)
    assert usage.total == counts["totalTokenCount"]
    assert answer({"text": "x"}, usageMetadata={"promptTokenCount": 3, "totalTokenCount": 3}).usage == Usage(3, 0)
    assert answer({"text": "x"}).usage == Usage()
    assert answer({"text": "x"}, usageMetadata={"promptTokenCount": "3"}).usage == Usage()


def test_several_candidates_give_the_first_and_a_warning() -> None:
    both = chunk({"text": "one"}, finish="STOP")
    both["candidates"].append({"content": {"parts": [{"text": "two"}]}, "finishReason": "STOP", "index": 1})
    told = GEMINI.answer(json.dumps(both).encode())
    assert told.content == (TextPart("one"),)
    assert len(told.warnings) == 1
    second = chunk({"text": "two"})
    second["candidates"][0]["index"] = 1
    shown, told = read(chunk({"text": "one"}), second, chunk({"text": "!"}, finish="STOP"))
    assert shown == [TextDelta("one"), TextDelta("!")]
    assert len(told.warnings) == 1


@pytest.mark.parametrize(
    ("raw", "ours"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "refused"),
        ("RECITATION", "refused"),
        ("PROHIBITED_CONTENT", "refused"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("UNEXPECTED_TOOL_CALL", "error"),
        ("OTHER", "other"),
        ("SOMETHING_NEW", "other"),
    ],
)
def test_finish_reasons(raw: str, ours: str) -> None:
    told = answer({"text": "Once upon"}, finish=raw)
    assert (told.finish_reason, told.raw_finish_reason) == (ours, raw)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("SAFETY", ContentRefused),
        ("IMAGE_SAFETY", ContentRefused),
        ("MALFORMED_FUNCTION_CALL", MalformedAnswer),
        ("TOO_MANY_TOOL_CALLS", MalformedAnswer),
        ("MISSING_THOUGHT_SIGNATURE", BadRequest),
    ],
)
def test_an_answer_withheld_or_useless_as_a_whole_is_an_error(raw: str, kind: type[ProviderError]) -> None:
    bare = {"candidates": [{"finishReason": raw, "index": 0, "finishMessage": "Because."}]}
    with pytest.raises(kind, match="Because") as whole:
        GEMINI.answer(json.dumps(bare).encode())
    assert whole.value.code == raw
    with pytest.raises(kind):
        read(chunk({"text": "Hm", "thought": True}), bare)


def test_a_blocked_prompt() -> None:
    feedback = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "safetyRatings": []}, "usageMetadata": {}}
    with pytest.raises(ContentRefused, match="PROHIBITED_CONTENT"):
        GEMINI.answer(json.dumps(feedback).encode())
    with pytest.raises(ContentRefused):
        GEMINI.reader().feed("message", json.dumps(feedback).encode())
    harmless = chunk({"text": "x"}, finish="STOP", promptFeedback={"safetyRatings": []})
    assert read(harmless)[1].content == (TextPart("x"),)


@pytest.mark.parametrize(
    "odd", [b"{}", b"[]", b"null", b"1", b'"x"', b"", b"{", b"\xff", b'{"candidates": []}', b"[[[" * 50_000]
)
def test_a_body_without_an_answer_is_malformed(odd: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        GEMINI.answer(odd)


def test_an_empty_answer_is_an_answer() -> None:
    told = GEMINI.answer(b'{"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS", "index": 0}]}')
    assert (told.content, told.finish_reason) == ((), "length")


def test_nulls_everywhere() -> None:
    part = {"text": "x", "thought": None, "thoughtSignature": None, "functionCall": None, "inlineData": None}
    nulls = chunk(part, {"text": None}, finish="STOP", usageMetadata=None, promptFeedback=None, error=None)
    nulls["candidates"][0] |= {"groundingMetadata": None, "safetyRatings": None, "index": None, "finishMessage": None}
    assert GEMINI.answer(json.dumps(nulls).encode()).content == (TextPart("x"),)
    assert read({"candidates": None, "modelVersion": None, "responseId": None}, nulls)[1].content == (TextPart("x"),)


def test_an_array_of_chunks_is_one_answer() -> None:
    chunks = [
        chunk({"text": "Hm", "thought": True}),
        chunk({"text": "A"}),
        chunk({"text": "B"}, finish="STOP", usageMetadata={"promptTokenCount": 1, "totalTokenCount": 1}),
    ]
    told = GEMINI.answer(json.dumps(chunks).encode())
    assert told.content == (ReasoningPart("Hm", dialect="gemini"), TextPart("AB"))
    assert told.usage.prompt == 1
    with pytest.raises(MalformedAnswer):
        GEMINI.answer(json.dumps(chunks[:2]).encode())
    with pytest.raises(Overloaded):
        GEMINI.answer(json.dumps([chunks[0], {"error": {"code": 503, "message": "The model is overloaded."}}]).encode())


# --- streams


def test_a_stream_shows_thoughts_text_and_calls_as_they_come() -> None:
    shown, told = read(
        chunk({"text": "Hm", "thought": True}),
        chunk({"text": ", yes", "thought": True}),
        chunk({"text": "Let me "}),
        chunk({"text": "look."}),
        chunk({"functionCall": {"name": "f", "args": {"a": 1}}}, {"functionCall": {"name": "g", "args": {}}}),
        chunk({"text": ""}, finish="STOP", usageMetadata={"promptTokenCount": 1, "totalTokenCount": 1}),
    )
    assert shown == [
        ReasoningDelta("Hm"),
        ReasoningDelta(", yes"),
        TextDelta("Let me "),
        TextDelta("look."),
        ToolCallDelta(0, "gemini-call-r1-0", "f", '{"a":1}'),
        ToolCallDelta(1, "gemini-call-r1-1", "g", "{}"),
    ]
    assert [type(part) for part in told.content] == [ReasoningPart, TextPart, ToolCallPart, ToolCallPart]
    assert (told.finish_reason, told.model, told.response_id) == ("tool_calls", "m1", "r1")


def test_a_stream_without_finish_reason_was_cut() -> None:
    with pytest.raises(ConnectionCut) as cut:
        read(chunk({"text": "Once"}))
    assert cut.value.partial
    with pytest.raises(ConnectionCut):
        read()


def test_the_answer_so_far_can_be_had_at_any_time() -> None:
    reader = GEMINI.reader()
    assert reader.partial().content == ()
    reader.feed("message", json.dumps(chunk({"text": "Once"})).encode())
    assert reader.partial().content == (TextPart("Once"),)
    reader.feed("message", json.dumps(chunk({"text": " more"}, finish="STOP")).encode())
    assert "".join(part.text for part in reader.finish().content if isinstance(part, TextPart)) == "Once more"
    assert not reader.done


def test_an_error_inside_a_stream_is_the_right_error() -> None:
    reader = GEMINI.reader()
    reader.feed("message", json.dumps(chunk({"text": "Once"})).encode())
    quota = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Please retry in 12.5s."}}
    with pytest.raises(RateLimited) as limited:
        reader.feed("message", json.dumps(quota).encode())
    assert (limited.value.status, limited.value.retry_after) == (429, 12.5)
    for odd in ("boom", {"message": "boom"}, {"code": "x", "message": "boom"}, [1]):
        with pytest.raises(ServerFault):
            reader.feed("error", json.dumps({"error": odd}).encode())


def test_unknown_events_and_fields_harm_nobody() -> None:
    strange = chunk({"text": "B", "newField": {"x": 1}}, newTop=[1])
    strange["candidates"][0]["newInside"] = "y"
    shown, told = read(chunk({"text": "A"}), {"heartbeat": True}, strange, chunk({"text": "C"}, finish="STOP"))
    assert "".join(event.text for event in shown) == "ABC"
    assert parts_of(*told.content) == [{"text": "A"}, {"text": "B", "newField": {"x": 1}}, {"text": "C"}]
