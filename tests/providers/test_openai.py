"""The dialect that all OpenAI-shaped providers share, sans I/O: what is sent, what is read, what goes wrong."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest

from aiconsole.domain.chat import ChatRequest, JsonFormat, Reasoning, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from aiconsole.domain.errors import (
    BadKey,
    BadRequest,
    ConnectionCut,
    ContentRefused,
    ContextTooLong,
    MalformedAnswer,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    ServerFault,
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
from tests.providers import express_openai
from tests.providers.damage import NO_OBJECTS, read_damaged
from tests.providers.openai_wire import DONE, body, chunk, custom, dropping, read, refuse, reply, sent_back, whole
from tests.providers.wire import recordings

PNG = b"\x89PNG\r\n\x1a\n0000"


# --- what is sent


def test_the_smallest_request_sends_nothing_but_model_and_messages() -> None:
    assert body(custom()) == {"model": "m1", "messages": [{"role": "user", "content": "Hi"}]}


def test_a_stream_asks_for_its_usage() -> None:
    sent = body(custom(), stream=True)
    assert sent["stream"] is True
    assert sent["stream_options"] == {"include_usage": True}


def test_extra_cannot_turn_a_stream_into_a_whole_answer_nor_back() -> None:
    assert body(custom(), stream=True, extra={"openai": {"stream": False}})["stream"] is True
    assert body(custom(), stream=False, extra={"openai": {"stream": True}})["stream"] is False


def test_every_setting_has_its_place() -> None:
    sent = body(
        custom(),
        temperature=0.5,
        top_p=0.9,
        max_tokens=7,
        stop=("a", "b"),
        seed=3,
        parallel_tool_calls=False,
        reasoning=Reasoning(effort="low"),
        tools=(Tool("f"),),
        tool_choice=NamedTool("f"),
        response_format=JsonFormat({"type": "object"}, name="n", strict=True, description="d"),
    )
    del sent["messages"], sent["model"]
    assert sent == {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 7,
        "stop": ["a", "b"],
        "seed": 3,
        "parallel_tool_calls": False,
        "reasoning_effort": "low",
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True, "description": "d"},
        },
    }
    assert body(custom(), response_format=JsonFormat())["response_format"] == {"type": "json_object"}
    assert body(custom(), tools=(Tool("f"),), tool_choice="required")["tool_choice"] == "required"


def test_extra_is_merged_into_every_object_and_within_it() -> None:
    message = Message(
        "user",
        (TextPart("Hi", extra={"house": {"cache_control": {"type": "ephemeral"}}}), ImagePart(url="https://x/y.png")),
        extra={"openai": {"name": "ann"}},
    )
    tool = Tool("f", parameters={"type": "object"}, extra={"openai": {"function": {"strict": False}, "cache": 1}})
    sent = body(custom(), message, tools=(tool,), extra={"openai": {"n": 2}, "house": {"n": 3}, "groq": {"n": 4}})
    assert sent["n"] == 3
    assert sent["messages"][0] == {
        "role": "user",
        "name": "ann",
        "content": [
            {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}},
            {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        ],
    }
    function = {"name": "f", "parameters": {"type": "object"}, "strict": False}
    assert sent["tools"] == [{"type": "function", "function": function, "cache": 1}]
    assert tool.parameters == {"type": "object"}


def test_extra_does_not_change_what_it_is_merged_into() -> None:
    schema = {"type": "object", "properties": {}}
    extra = {"openai": {"function": {"parameters": {"additionalProperties": False}}}}
    sent = body(custom(), tools=(Tool("f", parameters=schema, extra=extra),))
    assert sent["tools"][0]["function"]["parameters"] == {**schema, "additionalProperties": False}
    assert schema == {"type": "object", "properties": {}}


def test_images_go_by_bytes_or_url() -> None:
    sent = body(custom(), Message.user(ImagePart(PNG), ImagePart(PNG, media_type="image/webp", detail="low")))
    first, second = sent["messages"][0]["content"]
    assert first["image_url"]["url"].startswith("data:image/png;base64,iVBOR")
    assert second["image_url"]["url"].startswith("data:image/webp;base64,")
    assert second["image_url"]["detail"] == "low"
    with pytest.raises(BadRequest, match="bytes or a URL"):
        body(custom(), Message.user(ImagePart()))


def test_documents_are_files() -> None:
    sent = body(custom(), Message.user(DocumentPart(b"%PDF", name="a.pdf"), DocumentPart(url="https://x/a.pdf")))
    assert sent["messages"][0]["content"] == [
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERg==", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": "https://x/a.pdf"}},
    ]
    with pytest.raises(BadRequest, match="bytes or a URL"):
        body(custom(), Message.user(DocumentPart()))


def test_an_assistants_turn_is_a_string_unless_a_part_says_otherwise() -> None:
    call = ToolCallPart("c1", "f", '{"a": 1}')
    wire = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    turns: list[tuple[Message, Any]] = [
        (Message.assistant("Hi"), {"content": "Hi"}),
        (Message.assistant(TextPart("Hi"), TextPart(" you")), {"content": "Hi you"}),
        (Message.assistant(TextPart("Hi", extra={"house": {}})), {"content": [{"type": "text", "text": "Hi"}]}),
        (Message.assistant(call), {"tool_calls": [wire]}),
        (Message.assistant(TextPart(""), call), {"content": "", "tool_calls": [wire]}),
        (Message("assistant", (call,), extra={"openai": {"content": None}}), {"content": None, "tool_calls": [wire]}),
        (Message.assistant(ReasoningPart("Hm")), {"content": ""}),
        (Message("assistant", ()), {"content": ""}),
    ]
    for turn, expected in turns:
        assert body(custom(), turn)["messages"] == [{"role": "assistant", **expected}]


def test_several_results_of_one_turn_are_several_messages() -> None:
    results = Message.tool(ToolResultPart("c1", "one"), ToolResultPart("c2", (TextPart("two"),)))
    mixed = Message.user(ToolResultPart("c3", "three"), "And now?")
    assert body(custom(), results, mixed)["messages"] == [
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "two"}]},
        {"role": "tool", "tool_call_id": "c3", "content": "three"},
        {"role": "user", "content": [{"type": "text", "text": "And now?"}]},
    ]


@pytest.mark.parametrize(
    "message",
    [
        Message("tool", "no result"),
        Message("tool", (TextPart("no result"),)),
        Message.user(ToolCallPart("c1", "f")),
        Message.assistant(ToolResultPart("c1", "r")),
    ],
)
def test_parts_in_the_wrong_turn_are_a_bad_request(message: Message) -> None:
    with pytest.raises(BadRequest):
        body(custom(), message)


@pytest.mark.parametrize(
    ("message", "fields", "words"),
    [
        (Message.user(NativePart("anthropic", {"type": "x"}), "Hi"), {}, "content block of anthropic"),
        (Message.tool(ToolResultPart("c1", "r", is_error=True)), {}, "failed tool call"),
        (Message.tool(ToolResultPart("c1", (TextPart("r"), ImagePart(PNG)))), {}, "nothing but text"),
        (Message.assistant("Hi", ImagePart(PNG)), {}, "in the assistant's turns"),
        (Message.user("Hi"), {"tools": (NativeTool("gemini", {}),)}, "tool of gemini"),
        (Message.user("Hi"), {"reasoning": Reasoning(budget_tokens=100)}, "no budget"),
        (Message.user("Hi"), {"reasoning": Reasoning(show=False)}, "hide its reasoning"),
    ],
)
def test_what_cannot_be_sent_is_refused_or_dropped_with_a_warning(message: Message, fields: Any, words: str) -> None:
    request = ChatRequest("m1", (message,), **fields)
    with pytest.raises(Unsupported, match=words):
        custom().chat(request, stream=False, refuse=refuse)
    sent, warnings = dropping(custom(), request)
    assert len(warnings) == 1
    assert words in warnings[0]
    assert b"anthropic" not in msgspec.json.encode(sent)


def test_native_parts_and_tools_of_the_family_go_verbatim() -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    sent = body(custom(), Message.user(NativePart("openai", audio)), tools=(NativeTool("house", {"type": "web"}),))
    assert sent["messages"][0]["content"] == [audio]
    assert sent["tools"] == [{"type": "web"}]


# --- what is read


def test_text_comes_delta_by_delta() -> None:
    shown, answer = read(custom(), chunk(content="Hel"), chunk(content="lo"), chunk("stop", content=""), DONE)
    assert shown == [TextDelta("Hel"), TextDelta("lo")]
    assert answer.content == (TextPart("Hello"),)
    assert (answer.model, answer.response_id, answer.finish_reason) == ("m1", "c1", "stop")


def test_a_finished_stream_is_complete_without_its_end_mark_and_cut_without_either() -> None:
    _, answer = read(custom(), chunk(content="Hi"), chunk("stop"))
    assert answer.content == (TextPart("Hi"),)
    _, answer = read(custom(), chunk(content="Hi"), DONE)
    assert answer.finish_reason == "other"
    reader = custom().reader()
    reader.feed("message", chunk(content="Hi"))
    with pytest.raises(ConnectionCut) as failed:
        reader.finish()
    assert failed.value.partial
    assert reader.partial().content == (TextPart("Hi"),)
    with pytest.raises(ConnectionCut) as failed:
        custom().reader().finish()
    assert not failed.value.partial


def test_the_end_mark_is_seen_in_any_spacing() -> None:
    for mark in (b"[DONE]", b" [DONE]\n", b"\t[DONE]"):
        reader = custom().reader()
        assert not reader.done
        reader.feed("message", mark)
        assert reader.done


def test_usage_is_taken_from_wherever_it_comes() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    late = json.dumps({"id": "c1", "choices": [], "usage": usage}).encode()
    for events in (
        (chunk(content="a"), chunk("stop"), late, DONE),
        (chunk(content="a"), chunk("stop", top={"usage": usage})),
        (
            chunk(content="a", top={"usage": {"prompt_tokens": 3, "completion_tokens": 1}}),
            chunk("stop", top={"usage": usage}),
        ),
        (chunk(content="a", top={"usage": None}), chunk("stop", top={"usage": usage}), DONE),
    ):
        assert read(custom(), *events)[1].usage == Usage(prompt=3, completion=5)
    assert read(custom(), chunk("stop", content="a"))[1].usage == Usage()


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        ({"prompt_tokens": 1, "completion_tokens": None}, Usage(prompt=1)),
        ({"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109}, Usage(35, 74, reasoning=62)),
        ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}, Usage(9, cached=4)),
        ({"prompt_tokens": 9, "prompt_tokens_details": None, "completion_tokens_details": []}, Usage(9)),
        ({"prompt_tokens": "9", "completion_tokens": True, "total_tokens": -1}, Usage()),
        ({"prompt_tokens": 9.0, "completion_tokens": 2.5}, Usage(9)),
        ([], Usage()),
        ("none", Usage()),
    ],
)
def test_usage_of_many_shapes(wire: Any, usage: Usage) -> None:
    assert custom().answer(whole(content="a", top={"usage": wire})).usage == usage


def test_tool_calls_are_put_together_from_pieces() -> None:
    def piece(index: int, **call: Any) -> dict[str, Any]:
        return {"index": index, **call}

    shown, answer = read(
        custom(),
        chunk(tool_calls=[piece(0, id="c1", type="function", function={"name": "f", "arguments": ""})]),
        chunk(tool_calls=[piece(0, function={"arguments": '{"a"'})]),
        chunk(tool_calls=[piece(1, id="c2", function={"name": "g", "arguments": "{}"})]),
        chunk(tool_calls=[piece(0, function={"arguments": ": 1}"})]),
        chunk("stop"),
    )
    assert answer.content == (ToolCallPart("c1", "f", '{"a": 1}'), ToolCallPart("c2", "g", "{}"))
    assert answer.finish_reason == "tool_calls"
    assert answer.raw_finish_reason == "stop"
    assert shown == [
        ToolCallDelta(0, "c1", "f", ""),
        ToolCallDelta(0, "", "", '{"a"'),
        ToolCallDelta(1, "c2", "g", "{}"),
        ToolCallDelta(0, "", "", ": 1}"),
    ]


@pytest.mark.parametrize("index", [0, None])
def test_calls_that_are_all_numbered_alike_are_told_apart_by_id_or_name(index: int | None) -> None:
    def calls(*ids: str) -> tuple[Any, ...]:
        events = [
            chunk(tool_calls=[{"index": index, "id": name, "function": {"name": f"f{n}", "arguments": f'{{"n":{n}}}'}}])
            for n, name in enumerate(ids)
        ]
        return read(custom(), *events, chunk("tool_calls"))[1].content

    assert calls("a", "b") == (ToolCallPart("a", "f0", '{"n":0}'), ToolCallPart("b", "f1", '{"n":1}'))
    assert calls("", "") == (ToolCallPart("call_0", "f0", '{"n":0}'), ToolCallPart("call_1", "f1", '{"n":1}'))


def test_a_server_that_repeats_id_and_name_with_each_piece_makes_one_call() -> None:
    pieces = [
        chunk(tool_calls=[{"index": 0, "id": "c1", "function": {"name": "f", "arguments": text}}])
        for text in ('{"a"', ": 1}")
    ]
    assert read(custom(), *pieces, chunk("stop"))[1].content == (ToolCallPart("c1", "f", '{"a": 1}'),)


def test_arguments_that_come_as_an_object_are_text_again_and_no_arguments_are_an_empty_object() -> None:
    calls = [{"id": "c1", "function": {"name": "f", "arguments": {"a": [1]}}}, {"id": "c2", "function": {"name": "g"}}]
    answer = custom().answer(whole("tool_calls", content=None, tool_calls=calls))
    assert answer.content == (ToolCallPart("c1", "f", '{"a":[1]}'), ToolCallPart("c2", "g", "{}"))


def test_what_a_tool_call_carries_beside_its_function_comes_back() -> None:
    signed = {"google": {"thought_signature": "abc"}}
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": signed}
    answer = custom().answer(whole("tool_calls", tool_calls=[call]))
    assert sent_back(custom(), answer)["tool_calls"] == [call]


def test_thoughts_come_back_in_the_field_they_came_in() -> None:
    for field in ("reasoning", "reasoning_content"):
        shown, answer = read(custom(), chunk(**{field: "Hm"}), chunk(**{field: "."}), chunk("stop", content="Hi"))
        assert shown == [ReasoningDelta("Hm"), ReasoningDelta("."), TextDelta("Hi")]
        assert sent_back(custom(), answer) == {"role": "assistant", "content": "Hi", field: "Hm."}


def test_a_field_sent_twice_under_both_names_is_read_once() -> None:
    shown, answer = read(custom(), chunk(reasoning="Hm", reasoning_content="Hm"), chunk("stop", content="Hi"))
    assert shown == [ReasoningDelta("Hm"), TextDelta("Hi")]
    assert answer.content[0].text == "Hm"  # type: ignore[union-attr]


def test_thoughts_of_another_provider_are_left_out_without_a_warning() -> None:
    turn = Message.assistant(ReasoningPart("Hm", signature="s", dialect="anthropic"), "Hi")
    assert body(custom(), turn)["messages"] == [{"role": "assistant", "content": "Hi"}]


def test_a_refusal_is_shown_and_called_one() -> None:
    shown, answer = read(custom(), chunk(content="", refusal="I"), chunk(refusal=" won't"), chunk("stop"))
    assert shown == [TextDelta("I"), TextDelta(" won't")]
    assert answer.finish_reason == "refused"
    assert answer.content[0].text == "I won't"  # type: ignore[union-attr]
    assert sent_back(custom(), answer) == {"role": "assistant", "refusal": "I won't"}
    assert custom().answer(whole("content_filter", content="")).finish_reason == "refused"


def test_only_the_first_of_several_answers_is_shown_and_that_is_said() -> None:
    def choices(kind: str) -> bytes:
        said = [{"index": n, kind: {"content": f"answer {n}"}, "finish_reason": "stop"} for n in range(3)]
        return json.dumps({"model": "m1", "choices": said}).encode()

    for answer in (custom().answer(choices("message")), read(custom(), choices("delta"))[1]):
        assert answer.content == (TextPart("answer 0"),)
        assert answer.warnings == ("3 answers came; only the first is shown.",)


def test_what_belongs_to_the_message_comes_back_with_its_text() -> None:
    found = {"annotations": [{"type": "url_citation"}], "extra_content": {"google": {"thought": True}}}
    answer = custom().answer(whole(content="Hi", **found))
    assert answer.content == (TextPart("Hi", extra={"house": found}),)
    assert sent_back(custom(), answer) == {"role": "assistant", "content": "Hi", **found}


def test_unknown_events_and_fields_change_nothing() -> None:
    shown, answer = read(
        custom(),
        ("ping", b"{}"),
        ("message", b'{"type": "ping", "anything": [1, {}]}'),
        ("message", b""),
        chunk(content="Hi", top={"p": "abcdef", "time_info": {}, "created": "now"}, channel="final"),
        ("thread.done", b'{"choices": null}'),
        chunk("stop"),
        DONE,
    )
    assert shown == [TextDelta("Hi")]
    assert answer.content == (TextPart("Hi"),)


def test_nulls_everywhere_are_nothing() -> None:
    nothing = dict.fromkeys(
        (
            "content",
            "reasoning",
            "reasoning_content",
            "reasoning_details",
            "tool_calls",
            "refusal",
            "annotations",
            "images",
        )
    )
    top = dict.fromkeys(("id", "model", "usage", "error", "x_groq"))
    _, answer = read(custom(), chunk(top=top, **nothing), chunk("stop", top=top, **nothing))
    assert (answer.content, answer.model, answer.response_id, answer.usage) == ((), "", None, Usage())
    answer = custom().answer(whole(None, top=top, **nothing))
    assert (answer.content, answer.finish_reason) == ((), "other")
    _, answer = read(
        custom(), b'{"choices": [{"delta": null}]}', b'{"choices": [{"message": {"content": "Hi"}}]}', DONE
    )
    assert answer.content == (TextPart("Hi"),)


# --- what goes wrong


@pytest.mark.parametrize(
    "garbage", [b"", b"null", b"[]", b"3", b'"x"', b"{}", b'{"choices": []}', b"<html>", b"\xff", b"[" * 9000]
)
def test_a_body_that_is_no_answer_is_malformed(garbage: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        custom().answer(garbage)


@pytest.mark.parametrize(
    "garbage", [b"null", b"[]", b"3", b'"x"', b"<html>", b'{"choices": 3}', b'{"choices": [', b"\xff"]
)
def test_an_event_that_is_no_chunk_is_malformed(garbage: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        custom().reader().feed("message", garbage)


@pytest.mark.parametrize(
    ("event", "data", "kind", "words"),
    [
        ("message", {"error": {"message": "Too busy", "code": 503}}, Overloaded, "Too busy"),
        ("message", {"error": {"message": "Slow down", "type": "rate_limit_exceeded"}}, RateLimited, "Slow down"),
        ("message", {"error": "out of memory"}, ServerFault, "out of memory"),
        ("message", {"choices": [{"delta": {}, "error": {"code": 502, "message": "gone"}}]}, ServerFault, "gone"),
        ("message", [{"error": {"code": 400, "message": "bad"}}], BadRequest, "bad"),
        ("message", {"object": "error", "message": "no", "code": 503}, Overloaded, "no"),
        ("message", {"message": "no", "type": "server_error", "code": "x"}, ServerFault, "no"),
        ("message", {"object": "error", "message": "no", "choices": 1}, ServerFault, "no"),
        ("error", {"message": "lost", "code": 500}, ServerFault, "lost"),
        ("error", {"detail": "maximum context length"}, ContextTooLong, "maximum context length"),
        ("message", {"error": {}, "choices": []}, None, ""),
    ],
)
def test_an_error_inside_a_stream_is_the_right_error(event: str, data: Any, kind: Any, words: str) -> None:
    reader = custom().reader()
    reader.feed("message", chunk(content="Hi"))
    encoded = json.dumps(data).encode()
    if kind is None:
        assert not reader.feed(event, encoded)
        return
    with pytest.raises(kind, match=words) as failed:
        reader.feed(event, encoded)
    assert type(failed.value) is kind
    assert failed.value.partial
    assert reader.partial().content == (TextPart("Hi"),)
    reader.feed("message", chunk("stop"))
    with pytest.raises(kind, match=words):
        reader.finish()


def test_an_error_in_words_alone_can_end_a_stream() -> None:
    with pytest.raises(ServerFault, match="it broke"):
        custom().reader().feed("error", b"it broke")


def test_an_error_sent_with_status_200_is_no_answer() -> None:
    for found in ({"error": {"message": "No", "code": 402}}, {"object": "error", "message": "No", "status_code": 402}):
        with pytest.raises(QuotaExhausted, match="No"):
            custom().answer(json.dumps(found).encode())


@pytest.mark.parametrize(
    ("status", "found", "kind", "words", "code"),
    [
        (
            401,
            {"error": {"message": "Bad key", "code": "invalid_api_key", "type": "x"}},
            BadKey,
            "Bad key",
            "invalid_api_key",
        ),
        (
            404,
            {"error": {"message": "model 'x' not found", "type": "api_error"}},
            UnknownModel,
            "model 'x'",
            "api_error",
        ),
        (
            400,
            {"object": "error", "message": "maximum context length is 9", "code": 400},
            ContextTooLong,
            "length is 9",
            None,
        ),
        (400, {"error": "unexpected"}, BadRequest, "unexpected", None),
        (422, {"detail": [{"loc": ["body", "n"], "msg": "no int", "type": "t"}]}, BadRequest, "body.n: no int", None),
        (
            422,
            {"object": "error", "message": {"detail": [{"loc": ["body"], "msg": "missing"}]}},
            BadRequest,
            "body: missing",
            None,
        ),
        (
            400,
            [{"error": {"code": 400, "message": "API key not valid", "status": "INVALID"}}],
            BadKey,
            "not valid",
            "INVALID",
        ),
        (
            429,
            {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}},
            QuotaExhausted,
            "qu",
            ...,
        ),
        (429, {"message": "Requests rate limit exceeded"}, RateLimited, "rate limit", None),
        (400, {"error": {"message": "filtered", "code": "content_filter"}}, ContentRefused, "filtered", ...),
        (500, b"Internal Server Error", ServerFault, "Internal Server Error", None),
        (502, b"<html><head><title>502 Bad Gateway</title></head></html>", ServerFault, "502 Bad Gateway", None),
        (503, b"", Overloaded, "status 503", None),
        (529, b"null", Overloaded, "status 529", None),
        (500, {"error": {"message": None, "code": None}}, ServerFault, "status 500", None),
        (500, {"errors": [{"message": "first"}]}, ServerFault, "first", None),
    ],
)
def test_error_bodies_of_many_shapes(status: int, found: Any, kind: Any, words: str, code: Any) -> None:
    error = custom().error(reply(status, found, {"x-request-id": "r1"}))
    assert type(error) is kind
    assert words in error.message
    assert error.status == status
    assert error.request_id == "r1"
    if code is not ...:
        assert error.code == code


def test_the_wait_comes_from_the_header_first_and_then_from_the_words() -> None:
    found = {
        "error": {
            "message": "Rate limit reached. Please try again in 2m3.5s. Thank you.",
            "code": "rate_limit_exceeded",
        }
    }
    assert custom().error(reply(429, found)).retry_after == 123.5
    assert custom().error(reply(429, found, {"retry-after": "7"})).retry_after == 7
    assert custom().error(reply(429, {"error": {"message": "no"}})).retry_after is None


# --- model lists and limits


@pytest.mark.parametrize(
    ("found", "ids"),
    [
        ({"object": "list", "data": [{"id": "a"}, {"id": "b"}]}, ["a", "b"]),
        ({"models": [{"name": "a:latest", "model": "a:latest"}]}, ["a:latest"]),
        ([{"id": "a"}, {"id": "a"}], ["a"]),
        (["a", "b"], ["a", "b"]),
        ({"data": {"a": {"context_length": 5}, "b": None}}, ["a", "b"]),
        ({"object": "list", "data": None}, []),
        ({"data": [None, 3, {}, {"id": ""}, {"id": 5}, {"id": "a"}]}, ["a"]),
    ],
)
def test_model_lists_of_many_shapes(found: Any, ids: list[str]) -> None:
    page = custom().models(json.dumps(found).encode())
    assert [info.id for info in page.models] == ids
    assert all(info.provider == "house" for info in page.models)
    assert page.next_cursor is None


@pytest.mark.parametrize("garbage", [b"", b"null", b"3", b'"x"', b"{}", b"<html>", b'{"error": "no"}'])
def test_what_is_no_model_list_is_malformed(garbage: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        custom().models(garbage)


@pytest.mark.parametrize(
    ("entry", "context", "chat"),
    [
        ({"max_model_len": 4096}, 4096, True),
        ({"max_context_length": 8192, "type": "llm"}, 8192, True),
        ({"meta": {"n_ctx_train": 2048}}, 2048, True),
        ({"context_length": "many", "context_window": 0, "type": "embeddings"}, None, False),
    ],
)
def test_what_self_hosted_servers_tell_of_a_model(entry: dict[str, Any], context: int | None, chat: bool) -> None:
    info = custom().models(json.dumps({"data": [{"id": "a", **entry}]}).encode()).models[0]
    assert (info.context_tokens, info.chat) == (context, chat)


def test_limits_by_openais_names() -> None:
    headers = {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1m2s",
        "x-ratelimit-remaining-tokens": "lots",
    }
    limits = custom().rate_limits(headers, 1000.0)
    assert [(limit.kind, limit.limit, limit.remaining, limit.resets_at) for limit in limits] == [
        ("requests", 60, 59, 1062.0)
    ]
    assert custom().rate_limits({}, 1000.0) == ()


# --- against the recordings

OURS = [recording for recording in recordings() if express_openai.takes(recording)]


@pytest.mark.skipif(not OURS, reason="the recorded traffic is not there")
def test_no_damage_to_an_answer_is_a_crash() -> None:
    rng = random.Random(20)
    chats = [recording for recording in OURS if len(recording.body) < 30_000 and "embeddings" not in recording.url]
    errors = sum(read_damaged(express_openai.dialect_of(found), found, rng) for found in rng.choices(chats, k=1500))
    assert errors > 50


@pytest.mark.parametrize("garbage", NO_OBJECTS)
def test_no_garbage_is_a_crash(garbage: bytes) -> None:
    with pytest.raises(ProviderError):
        custom().answer(garbage)
    if garbage and garbage != b"[]":
        with pytest.raises(ProviderError):
            custom().reader().feed("message", garbage)
        assert custom().error(reply(500, garbage)).message


@pytest.mark.skipif(not OURS, reason="the recorded traffic is not there")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            "cerebras/plain--cerebras-thinking-part-survives-multiturn-0",
            "cerebras/multiturn-thinking--cerebras-thinking-part-survives-multiturn-1",
        ),
        (
            "openrouter/document-thinking--chat-pdf-models-openrouter-gemini-2-5-flash-understands-pdfs-0",
            "openrouter/document-multiturn-thinking--chat-pdf-models-openrouter-gemini-2-5-flash-understands-pdfs-1",
        ),
        (
            "openrouter/system-tools--openrouter-cache-all-settings-real-api-0",
            "openrouter/multiturn-system-tools--openrouter-cache-all-settings-real-api-1",
        ),
        (
            "openrouter/plain--openrouter-preserve-reasoning-block-0",
            "openrouter/multiturn--openrouter-preserve-reasoning-block-1",
        ),
    ],
)
def test_an_answer_goes_back_as_it_was_recorded_to_go_back(first: str, second: str) -> None:
    by_name = {recording.name: recording for recording in OURS}
    dialect = express_openai.dialect_of(by_name[first])
    recorded = next(turn for turn in by_name[second].request_body["messages"] if turn["role"] == "assistant")
    assert sent_back(dialect, dialect.answer(by_name[first].body), by_name[first].request_body["model"]) == recorded
