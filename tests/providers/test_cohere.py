"""What Cohere's dialect sends, and what it refuses to send; sans I/O."""

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
from tests.providers.cohere_wire import DIALECT, PLAN, PNG, body, dropping, refuse


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
