"""What Anthropic's dialect sends, and what it refuses to send; sans I/O."""

from __future__ import annotations

from typing import Any

import pytest

from aiconsole.domain.chat import ChatRequest, JsonFormat, Reasoning
from aiconsole.domain.errors import BadRequest, Unsupported
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
from tests.providers.anthropic_wire import DIALECT, MIDDLE, NEW, OLD, PNG, body, content, dropping, refuse


def test_a_request_without_a_limit_gets_one_that_the_model_takes() -> None:
    assert body() == {"model": OLD, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 21_333}
    assert body(stream=True)["max_tokens"] == 64_000
    assert body(model=NEW, stream=True)["max_tokens"] == 128_000
    assert body(model="claude-3-haiku-20240307", stream=True)["max_tokens"] == 4_096
    assert body(model="claude-3-5-haiku-latest")["max_tokens"] == 8_192
    assert body(model="claude-opus-4-20250514", stream=True)["max_tokens"] == 32_000
    assert body(model="something-else", stream=True)["max_tokens"] == 8_192
    assert body(max_tokens=5)["max_tokens"] == 5


def test_a_limit_of_ours_leaves_room_beside_a_thinking_budget() -> None:
    assert body(reasoning=Reasoning(budget_tokens=30_000))["max_tokens"] > 30_000
    assert body(extra={"anthropic": {"thinking": {"type": "enabled", "budget_tokens": 40_000}}})["max_tokens"] > 40_000


def test_system_messages_at_the_start_are_the_system_field() -> None:
    assert body(Message.system("Be brief."), Message.user("Hi"))["system"] == "Be brief."
    assert body(Message.system("A"), Message.system("B"), Message.user("Hi"))["system"] == [
        {"type": "text", "text": "A"},
        {"type": "text", "text": "B"},
    ]
    cached = Message("system", "A", extra={"anthropic": {"cache_control": {"type": "ephemeral"}}})
    assert body(cached, Message.user("Hi"))["system"] == [
        {"type": "text", "text": "A", "cache_control": {"type": "ephemeral"}}
    ]


def test_a_later_system_message_stays_in_place_where_the_model_takes_it() -> None:
    talk = (Message.user("Hi"), Message.system("Now in French."))
    assert body(*talk, model=NEW)["messages"][1] == {"role": "system", "content": "Now in French."}
    with pytest.raises(Unsupported, match="only at the start"):
        body(*talk)
    sent, words = dropping(*talk)
    assert sent["system"] == "Now in French."
    assert len(sent["messages"]) == len(words) == 1


def test_results_of_parallel_calls_share_one_message() -> None:
    sent = body(
        Message.user("Weather?"),
        Message.assistant(ToolCallPart("a", "f"), ToolCallPart("b", "f", '{"x":1}')),
        Message.tool(ToolResultPart("a", "sun")),
        Message.tool(ToolResultPart("b", (TextPart("rain"), ImagePart(PNG)), is_error=True)),
        Message.user("And?"),
    )["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user", "user"]
    assert sent[1]["content"][1] == {"type": "tool_use", "id": "b", "name": "f", "input": {"x": 1}}
    assert sent[2]["content"][0] == {"type": "tool_result", "tool_use_id": "a", "content": "sun"}
    assert sent[2]["content"][1]["is_error"] is True
    assert [inner["type"] for inner in sent[2]["content"][1]["content"]] == ["text", "image"]


def test_ids_of_other_providers_are_made_fit_for_both_sides() -> None:
    call, result = ToolCallPart("functions.f:0", "f", ""), ToolResultPart("functions.f:0", "x")
    sent = body(Message.user("?"), Message.assistant(call), Message.tool(result))["messages"]
    assert sent[1]["content"][0]["id"] == sent[2]["content"][0]["tool_use_id"] == "functions_f_0"
    assert sent[1]["content"][0]["input"] == {}


@pytest.mark.parametrize("arguments", ['{"a":', "[1]", "7", "null"])
def test_arguments_that_are_no_object_are_a_bad_request(arguments: str) -> None:
    with pytest.raises(BadRequest, match="arguments of the call to “f”"):
        body(Message.assistant(ToolCallPart("a", "f", arguments)))


def test_thoughts_go_back_only_to_who_signed_them() -> None:
    sent = content(
        Message.user("?"),
        Message.assistant(
            ReasoningPart("hm", signature="s1"),
            ReasoningPart(redacted="zzz", dialect="anthropic"),
            ReasoningPart("unsigned, as of a stopped answer"),
            ReasoningPart("of another", signature="g", dialect="gemini"),
            "Yes.",
        ),
    )
    assert sent == [
        {"type": "thinking", "thinking": "hm", "signature": "s1"},
        {"type": "redacted_thinking", "data": "zzz"},
        {"type": "text", "text": "Yes."},
    ]


def test_blank_text_and_empty_turns_are_left_out() -> None:
    sent = body(
        Message.user("?"), Message.assistant(ReasoningPart("stopped")), Message.user(TextPart(" \n"), ImagePart(PNG))
    )["messages"]
    assert [message["role"] for message in sent] == ["user", "user"]
    assert [part["type"] for part in sent[1]["content"]] == ["image"]


def test_images_and_documents_by_bytes_url_and_data_url() -> None:
    sent = content(
        Message.user(
            ImagePart(PNG),
            ImagePart(url="https://example.org/a.png"),
            ImagePart(url="data:image/gif;base64,R0lGODlh"),
            DocumentPart(b"%PDF-", name="a.pdf"),
            DocumentPart("a;ü".encode(), media_type="text/csv"),
            DocumentPart(url="https://example.org/a.pdf"),
            DocumentPart(url="data:text/plain;base64,SGk="),
        )
    )
    assert sent == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0lGODlh"}},
        {
            "type": "document",
            "title": "a.pdf",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a;ü"}},
        {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Hi"}},
    ]


def test_a_file_by_its_id_goes_through_extra() -> None:
    source = {"type": "file", "file_id": "file_1"}
    sent = content(Message.user(ImagePart(extra={"anthropic": {"source": source}})))
    assert sent == [{"type": "image", "source": source}]


@pytest.mark.parametrize("part", [ImagePart(), DocumentPart(), DocumentPart(url="data:text/plain;base64,?")])
def test_media_without_content_is_a_bad_request(part: Any) -> None:
    with pytest.raises(BadRequest):
        body(Message.user(part))


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (ImagePart(b"BM...", media_type="image/bmp"), "not image/bmp"),
        (ImagePart(b"???"), "an unknown kind"),
        (ImagePart(PNG, detail="low"), "level of detail"),
        (DocumentPart(b"PK", media_type="application/zip"), "not application/zip"),
        (DocumentPart(b"\xff\xfe", media_type="text/plain"), "not text/plain"),
        (DocumentPart(url="https://example.org/a.txt", media_type="text/plain"), "only PDF"),
        (NativePart("gemini", {"x": 1}), "only gemini understands"),
        (ToolResultPart("a", (NativePart("cohere", {}),)), "only cohere understands"),
    ],
)
def test_what_a_message_cannot_hold_is_refused_or_dropped(part: Any, words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        body(Message.user("Look:", part))
    sent, dropped = dropping(Message.user("Look:", part))
    assert len(dropped) == 1
    assert sent["messages"][0]["content"][0] == {"type": "text", "text": "Look:"}


def test_an_image_in_a_system_message_is_refused() -> None:
    with pytest.raises(Unsupported, match="only text in a system message"):
        body(Message("system", (TextPart("A"), ImagePart(PNG))), Message.user("Hi"))


def test_tools_native_and_own() -> None:
    search = {"type": "web_search_20250305", "name": "web_search"}
    tools = (
        Tool("f", "does", {"type": "object"}, strict=True, extra={"anthropic": {"defer_loading": True}}),
        Tool("g"),
        NativeTool("anthropic", search),
    )
    assert body(tools=tools)["tools"] == [
        {"name": "f", "description": "does", "input_schema": {"type": "object"}, "strict": True, "defer_loading": True},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
        search,
    ]
    with pytest.raises(Unsupported, match="this tool of gemini"):
        body(tools=(NativeTool("gemini", {"googleSearch": {}}),))
    assert body(tools=(NativeTool("anthropic", "as it is"),))["tools"] == ["as it is"]


@pytest.mark.parametrize(
    ("choice", "parallel", "wire"),
    [
        ("auto", None, {"type": "auto"}),
        ("none", False, {"type": "none"}),
        ("required", True, {"type": "any", "disable_parallel_tool_use": False}),
        (NamedTool("f"), False, {"type": "tool", "name": "f", "disable_parallel_tool_use": True}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (None, None, None),
    ],
)
def test_tool_choice(choice: Any, parallel: bool | None, wire: Any) -> None:
    assert body(tools=(Tool("f"),), tool_choice=choice, parallel_tool_calls=parallel).get("tool_choice") == wire


def test_a_choice_without_tools_says_nothing_and_is_not_sent() -> None:
    assert body(tool_choice="auto", parallel_tool_calls=False) == body()


@pytest.mark.parametrize(("model", "reasoning"), [(OLD, Reasoning(budget_tokens=2000)), ("claude-opus-5-5", None)])
def test_a_model_that_thinks_cannot_be_forced_to_call(model: str, reasoning: Any) -> None:
    with pytest.raises(Unsupported, match="cannot be forced"):
        body(model=model, tools=(Tool("f"),), tool_choice="required", reasoning=reasoning)
    sent, _ = dropping(model=model, tools=(Tool("f"),), tool_choice="required", reasoning=reasoning)
    assert sent["tool_choice"] == {"type": "auto"}


@pytest.mark.parametrize(
    ("model", "reasoning", "thinking", "effort"),
    [
        (OLD, Reasoning(), None, None),
        (OLD, Reasoning("none"), {"type": "disabled"}, None),
        (OLD, Reasoning("medium"), {"type": "enabled", "budget_tokens": 8192}, None),
        (OLD, Reasoning("low", 5000, True), {"type": "enabled", "budget_tokens": 5000, "display": "summarized"}, None),
        (OLD, Reasoning(show=True), None, None),
        ("claude-opus-4-5", Reasoning("high"), {"type": "enabled", "budget_tokens": 16384}, "high"),
        (MIDDLE, Reasoning("max"), {"type": "adaptive"}, "max"),
        (MIDDLE, Reasoning("minimal"), {"type": "adaptive"}, "low"),
        (MIDDLE, Reasoning(budget_tokens=2048), {"type": "enabled", "budget_tokens": 2048}, None),
        (NEW, Reasoning("xhigh", show=False), {"type": "adaptive", "display": "omitted"}, "xhigh"),
        (NEW, Reasoning("none"), None, None),
        (NEW, Reasoning(show=True), {"type": "adaptive", "display": "summarized"}, None),
        ("claude-opus-5", Reasoning("none"), {"type": "disabled"}, None),
    ],
)
def test_reasoning_in_each_generations_way(model: str, reasoning: Reasoning, thinking: Any, effort: str | None) -> None:
    sent = body(model=model, reasoning=reasoning)
    assert sent.get("thinking") == thinking
    assert sent.get("output_config", {}).get("effort") == effort


@pytest.mark.parametrize(
    ("model", "settings", "words", "left"),
    [
        (NEW, {"reasoning": Reasoning(budget_tokens=5000)}, "no thinking budget", {"thinking": {"type": "adaptive"}}),
        (MIDDLE, {"reasoning": Reasoning("xhigh")}, "no effort “xhigh”", {"output_config": {"effort": "high"}}),
        ("claude-fable-5", {"reasoning": Reasoning("none")}, "cannot be turned off", {"thinking": None}),
        (OLD, {"reasoning": Reasoning("high"), "max_tokens": 900}, "at least 1024", {"thinking": None}),
        (OLD, {"reasoning": Reasoning("high"), "temperature": 0.5}, "while it thinks", {"temperature": None}),
        (OLD, {"reasoning": Reasoning("high"), "top_p": 0.5}, "below 0.95", {"top_p": None}),
        (OLD, {"temperature": 0.5, "top_p": 0.9}, "not both", {"temperature": 0.5, "top_p": None}),
        (NEW, {"temperature": 0.5}, "neither temperature nor top_p", {"temperature": None}),
        (NEW, {"top_p": 0.5}, "neither temperature nor top_p", {"top_p": None}),
    ],
)
def test_what_a_model_does_not_take_is_refused_or_dropped(model: str, settings: Any, words: str, left: Any) -> None:
    with pytest.raises(Unsupported, match=words):
        body(model=model, **settings)
    sent, dropped = dropping(model=model, **settings)
    assert len(dropped) == 1
    assert {key: sent.get(key) for key in left} == left


def test_defaults_of_sampling_pass_everywhere() -> None:
    assert body(model=NEW, temperature=1.0)["temperature"] == 1
    thinking = body(reasoning=Reasoning("high"), temperature=1.0, max_tokens=4096)
    assert thinking["temperature"] == 1
    assert thinking["thinking"]["budget_tokens"] == 2048
    assert body(model="claude-sonnet-4-0", temperature=0.5, top_p=0.9)["top_p"] == 0.9


def test_a_schema_and_an_effort_share_the_output_config_with_extra() -> None:
    schema = {"type": "object"}
    extra = {"anthropic": {"output_config": {"task_budget": {"type": "tokens", "total": 9}}, "top_k": 5}}
    sent = body(model=NEW, response_format=JsonFormat(schema), reasoning=Reasoning("low"), extra=extra)
    assert sent["output_config"] == {
        "effort": "low",
        "format": {"type": "json_schema", "schema": schema},
        "task_budget": {"type": "tokens", "total": 9},
    }
    assert sent["top_k"] == 5
    assert extra["anthropic"]["output_config"] == {"task_budget": {"type": "tokens", "total": 9}}


def test_betas_go_into_a_header_and_extra_cannot_turn_a_stream_around() -> None:
    request = ChatRequest(OLD, (Message.user("Hi"),), extra={"anthropic": {"betas": ["a-1", "b-2"], "stream": True}})
    call = DIALECT.chat(request, stream=False, refuse=refuse)
    assert call.headers == {"anthropic-beta": "a-1,b-2"}
    assert "betas" not in call.body
    assert call.body["stream"] is False
    assert DIALECT.headers() == {"anthropic-version": "2023-06-01"}
    assert DIALECT.auth("k") == {"x-api-key": "k"}


def test_counting_sends_the_prompt_alone() -> None:
    request = ChatRequest(
        OLD,
        (Message.system("S"), Message.user("Hi")),
        tools=(Tool("f"),),
        temperature=0.3,
        stop=("x",),
        extra={"anthropic": {"metadata": {"user_id": "u"}, "betas": "b"}},
    )
    call = DIALECT.count_call(request, refuse=refuse)
    assert call.path == "/messages/count_tokens"
    assert set(call.body) == {"model", "system", "messages", "tools"}
    assert call.headers == {"anthropic-beta": "b"}
