"""Gemini's dialect, sans I/O: what is sent."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from aiconsole.domain.chat import ChatRequest, JsonFormat, Reasoning
from aiconsole.domain.errors import (
    BadRequest,
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
from aiconsole.providers.gemini.parts import SKIP_SIGNATURE
from aiconsole.providers.support import Refusals
from tests.providers.gemini_wire import (
    FLASH_3,
    FLASH_25,
    GEMINI,
    PNG,
    body,
    dropping,
    parts_of,
)

# --- what is sent


def test_the_smallest_request_sends_nothing_but_contents() -> None:
    assert body() == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


def test_the_key_travels_in_a_header_and_the_model_in_the_path() -> None:
    request = ChatRequest(FLASH_25, (Message.user("Hi"),))
    whole = GEMINI.chat(request, stream=False, refuse=Refusals("refuse"))
    streamed = GEMINI.chat(request, stream=True, refuse=Refusals("refuse"))
    assert GEMINI.auth("k") == {"x-goog-api-key": "k"}
    assert whole.path == "/models/gemini-2.5-flash:generateContent"
    assert streamed.path == "/models/gemini-2.5-flash:streamGenerateContent?alt=sse"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("models/gemini-2.5-pro", "/models/gemini-2.5-pro:generateContent"),
        ("tunedModels/mine", "/tunedModels/mine:generateContent"),
        ("odd?key=1&x:y", "/models/odd%3Fkey%3D1%26x%3Ay:generateContent"),
    ],
)
def test_model_names_that_say_their_collection_or_hold_odd_letters(model: str, path: str) -> None:
    assert GEMINI.chat(ChatRequest(model, (Message.user("Hi"),)), stream=False, refuse=Refusals("refuse")).path == path


def test_all_settings_have_their_place() -> None:
    sent = body(temperature=0.5, top_p=0.9, max_tokens=10, stop=("a", "b"), seed=7, response_format=JsonFormat())
    assert sent["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.9,
        "maxOutputTokens": 10,
        "stopSequences": ["a", "b"],
        "seed": 7,
        "responseMimeType": "application/json",
    }


def test_a_schema_goes_as_json_schema_with_its_description() -> None:
    schema = {"type": "object", "additionalProperties": False}
    sent = body(response_format=JsonFormat(schema, description="What to say"))["generationConfig"]
    assert sent["responseJsonSchema"] == {**schema, "description": "What to say"}
    assert schema == {"type": "object", "additionalProperties": False}


def test_extra_is_merged_into_objects_without_replacing_them() -> None:
    extra = {
        "gemini": {
            "generationConfig": {"topK": 40},
            "safetySettings": [{"category": "C", "threshold": "BLOCK_NONE"}],
            "cachedContent": "cachedContents/x",
        },
        "openai": {"logprobs": True},
    }
    sent = body(temperature=0.0, extra=extra)
    assert sent["generationConfig"] == {"temperature": 0.0, "topK": 40}
    assert sent["safetySettings"] == [{"category": "C", "threshold": "BLOCK_NONE"}]
    assert sent["cachedContent"] == "cachedContents/x"
    assert "logprobs" not in sent


def test_extra_of_message_part_and_tool_stays_with_them() -> None:
    call = ToolCallPart("c1", "f", "{}", extra={"gemini": {"functionCall": {"willContinue": True}}})
    sent = body(
        Message("user", (TextPart("a", {"gemini": {"thought": False}}),), {"gemini": {"role": "function"}}),
        Message("assistant", (call,)),
        tools=(Tool("f", extra={"gemini": {"behavior": "NON_BLOCKING"}}),),
    )
    assert sent["contents"][0] == {"role": "function", "parts": [{"text": "a", "thought": False}]}
    assert sent["contents"][1]["parts"][0]["functionCall"] == {
        "name": "f",
        "args": {},
        "id": "c1",
        "willContinue": True,
    }
    assert sent["tools"][0]["functionDeclarations"][0]["behavior"] == "NON_BLOCKING"


def test_system_messages_become_the_system_instruction() -> None:
    sent = body(
        Message.system("One."), Message("system", (TextPart("Two."),), {"gemini": {"role": "user"}}), Message.user("x")
    )
    assert sent["systemInstruction"] == {"parts": [{"text": "One."}, {"text": "Two."}], "role": "user"}
    assert [content["role"] for content in sent["contents"]] == ["user"]


def test_a_system_message_inside_a_conversation_is_refused_or_moved_with_a_warning() -> None:
    messages = (Message.user("x"), Message.system("Now rhyme."), Message.system("And sing."))
    with pytest.raises(Unsupported, match="system messages inside"):
        body(*messages)
    sent, warnings = dropping(*messages)
    assert sent["systemInstruction"] == {"parts": [{"text": "Now rhyme."}, {"text": "And sing."}]}
    assert len(warnings) == 1


def test_a_picture_in_a_system_message_is_refused() -> None:
    with pytest.raises(Unsupported, match="only text"):
        body(Message("system", (ImagePart(PNG),)), Message.user("x"))


@pytest.mark.parametrize(
    ("part", "wire"),
    [
        (ImagePart(PNG), {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(PNG).decode()}}),
        (DocumentPart(b"%PDF-1"), {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0x"}}),
        (
            DocumentPart(b"hi", media_type="text/plain", name="a.txt"),
            {"inlineData": {"mimeType": "text/plain", "data": "aGk="}},
        ),
        (ImagePart(url="https://x.test/a.png"), {"fileData": {"fileUri": "https://x.test/a.png"}}),
        (
            DocumentPart(url="https://x.test/files/1", media_type="video/mp4"),
            {"fileData": {"fileUri": "https://x.test/files/1", "mimeType": "video/mp4"}},
        ),
        (ImagePart(url="data:image/gif;base64,R0lG"), {"inlineData": {"mimeType": "image/gif", "data": "R0lG"}}),
        (DocumentPart(url="data:,a%20b"), {"inlineData": {"mimeType": "text/plain", "data": "YSBi"}}),
    ],
)
def test_media_by_bytes_and_by_address(part: Any, wire: Any) -> None:
    assert body(Message("user", (part,)))["contents"][0]["parts"] == [wire]


@pytest.mark.parametrize(
    "part", [ImagePart(), ImagePart(b"??"), ImagePart(url="data:x"), ImagePart(url="data:a/b;base64,!")]
)
def test_media_that_cannot_be_sent(part: ImagePart) -> None:
    with pytest.raises(BadRequest):
        body(Message("user", (part,)))


def test_a_level_of_detail_is_refused_but_auto_is_none() -> None:
    with pytest.raises(Unsupported, match="detail"):
        body(Message("user", (ImagePart(PNG, detail="high"),)))
    assert "inlineData" in body(Message("user", (ImagePart(PNG, detail="auto"),)))["contents"][0]["parts"][0]


def test_tools_share_one_declaration_and_native_ones_go_as_they_are() -> None:
    schema = {"type": "object", "properties": {}}
    sent = body(tools=(Tool("a", "A", schema), NativeTool("gemini", {"googleSearch": {}}), Tool("b")))
    assert sent["tools"] == [
        {
            "functionDeclarations": [
                {"name": "a", "description": "A", "parametersJsonSchema": schema},
                {"name": "b", "description": ""},
            ]
        },
        {"googleSearch": {}},
    ]


@pytest.mark.parametrize(
    ("choice", "mode"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (NamedTool("a"), {"mode": "ANY", "allowedFunctionNames": ["a"]}),
    ],
)
def test_tool_choices(choice: Any, mode: Any) -> None:
    assert body(tools=(Tool("a"),), tool_choice=choice)["toolConfig"] == {"functionCallingConfig": mode}


def test_a_strict_tool_asks_for_validated_calls_unless_calls_are_forced_or_forbidden() -> None:
    tool = Tool("a", strict=True)
    assert body(tools=(tool,))["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    assert body(tools=(tool,), tool_choice="auto")["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    assert body(tools=(tool,), tool_choice="required")["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}
    assert "toolConfig" not in body(tools=(Tool("a", strict=False),))


def test_what_belongs_to_another_dialect_is_refused_or_dropped() -> None:
    foreign = NativePart("anthropic", {"type": "server_tool_use"})
    with pytest.raises(Unsupported, match="anthropic"):
        body(Message("assistant", (TextPart("a"), foreign)))
    with pytest.raises(Unsupported, match="anthropic"):
        body(tools=(NativeTool("anthropic", {"type": "web_search"}),))
    sent, warnings = dropping(Message("assistant", (TextPart("a"), foreign)), tools=(NativeTool("openai", {}),))
    assert sent["contents"] == [{"role": "model", "parts": [{"text": "a"}]}]
    assert len(warnings) == 2


def test_native_parts_and_tools_have_to_be_objects() -> None:
    with pytest.raises(BadRequest):
        body(Message("assistant", (NativePart("gemini", [1]),)))
    with pytest.raises(BadRequest):
        body(tools=(NativeTool("gemini", "x"),))


# --- thinking


@pytest.mark.parametrize(
    ("model", "reasoning", "config"),
    [
        (FLASH_25, Reasoning(budget_tokens=100, show=True), {"thinkingBudget": 100, "includeThoughts": True}),
        (FLASH_25, Reasoning("none"), {"thinkingBudget": 0}),
        (FLASH_25, Reasoning("low"), {"thinkingBudget": 1024}),
        (FLASH_25, Reasoning("max"), {"thinkingBudget": 24576}),
        ("gemini-2.5-pro", Reasoning("max"), {"thinkingBudget": 32768}),
        (FLASH_3, Reasoning("minimal"), {"thinkingLevel": "minimal"}),
        (FLASH_3, Reasoning("medium", show=False), {"thinkingLevel": "medium", "includeThoughts": False}),
        (FLASH_3, Reasoning("high", budget_tokens=-1), {"thinkingBudget": -1}),
        ("gemini-3.1-pro-preview", Reasoning("minimal"), {"thinkingLevel": "low"}),
        ("gemini-flash-latest", Reasoning("xhigh"), {"thinkingLevel": "high"}),
    ],
)
def test_thinking_goes_by_level_or_budget_as_the_generation_takes(
    model: str, reasoning: Reasoning, config: Any
) -> None:
    assert body(model=model, reasoning=reasoning)["generationConfig"] == {"thinkingConfig": config}


@pytest.mark.parametrize(
    ("model", "reasoning"),
    [
        ("gemini-2.5-pro", Reasoning("none")),
        (FLASH_3, Reasoning("none")),
        ("gemini-2.0-flash", Reasoning("low")),
        ("gemini-2.0-flash", Reasoning(show=True)),
    ],
)
def test_thinking_that_a_model_cannot_do_is_refused_or_left_out(model: str, reasoning: Reasoning) -> None:
    with pytest.raises(Unsupported):
        body(model=model, reasoning=reasoning)
    sent, warnings = dropping(model=model, reasoning=reasoning)
    assert "generationConfig" not in sent
    assert len(warnings) == 1


def test_a_model_that_never_thinks_may_be_told_not_to() -> None:
    assert "generationConfig" not in body(model="gemini-2.0-flash", reasoning=Reasoning("none", show=False))


def test_own_thoughts_go_back_signed_and_those_of_others_stay_behind() -> None:
    own = ReasoningPart("I think", "sig", dialect="gemini")
    assert parts_of(own) == [{"text": "I think", "thought": True, "thoughtSignature": "sig"}]
    assert parts_of(ReasoningPart("Hm")) == [{"text": "Hm", "thought": True}]
    assert parts_of(ReasoningPart("x", "sig", dialect="anthropic"), TextPart("a")) == [{"text": "a"}]


def test_a_turn_of_nothing_but_foreign_thoughts_is_left_out() -> None:
    foreign = Message("assistant", (ReasoningPart("x", "sig", dialect="anthropic"),))
    assert len(body(Message.user("a"), foreign, Message.user("b"))["contents"]) == 2


def test_gemini_3_is_told_that_a_foreign_call_has_no_signature() -> None:
    calls = (ToolCallPart("toolu_1", "f"), ToolCallPart("toolu_2", "g"))
    first, second = parts_of(*calls, model=FLASH_3)
    assert first["thoughtSignature"] == SKIP_SIGNATURE
    assert base64.b64decode(SKIP_SIGNATURE) == b"skip_thought_signature_validator"
    assert "thoughtSignature" not in second
    assert all("thoughtSignature" not in part for part in parts_of(*calls))
    signed = parts_of(ToolCallPart("a", "f", signature="sig"), ToolCallPart("b", "g"), model=FLASH_3)
    assert [part.get("thoughtSignature") for part in signed] == ["sig", None]


# --- tool calls and results


def test_arguments_go_as_an_object() -> None:
    call = parts_of(ToolCallPart("c1", "f", '{"a": [1, 2.5, null]}'))[0]
    assert call == {"functionCall": {"name": "f", "args": {"a": [1, 2.5, None]}, "id": "c1"}}
    assert parts_of(ToolCallPart("", "f", ""))[0] == {"functionCall": {"name": "f", "args": {}}}


@pytest.mark.parametrize("arguments", ["{", "[1]", '"a"', "null", "[" * 100_000])
def test_arguments_that_are_no_object(arguments: str) -> None:
    with pytest.raises(BadRequest, match="“f”"):
        body(Message("assistant", (ToolCallPart("c1", "f", arguments),)))


@pytest.mark.parametrize(
    ("result", "response"),
    [
        (ToolResultPart("c1", "sunny", "f"), {"output": "sunny"}),
        (ToolResultPart("c1", "", "f"), {"output": ""}),
        (ToolResultPart("c1", '{"sky": "blue"}', "f"), {"sky": "blue"}),
        (ToolResultPart("c1", "{not json", "f"), {"output": "{not json"}),
        (ToolResultPart("c1", "[1]", "f"), {"output": "[1]"}),
        (ToolResultPart("c1", "broke", "f", is_error=True), {"error": "broke"}),
        (ToolResultPart("c1", '{"code": 1}', "f", is_error=True), {"error": {"code": 1}}),
        (ToolResultPart("c1", (TextPart("a"), TextPart("b")), "f"), {"output": ["a", "b"]}),
        (ToolResultPart("c1", (), "f"), {}),
    ],
)
def test_results_become_objects(result: ToolResultPart, response: Any) -> None:
    sent = body(Message.tool(result))["contents"]
    assert sent == [{"role": "user", "parts": [{"functionResponse": {"name": "f", "id": "c1", "response": response}}]}]


def test_a_result_finds_its_tools_name_by_the_call() -> None:
    call = Message("assistant", (ToolCallPart("c1", "f"),))
    sent = body(call, Message.tool(ToolResultPart("c1", "x")))
    assert sent["contents"][1]["parts"][0]["functionResponse"]["name"] == "f"
    with pytest.raises(BadRequest, match="c2"):
        body(call, Message.tool(ToolResultPart("c2", "x")))


def test_results_of_parallel_calls_share_one_content() -> None:
    calls = Message("assistant", (ToolCallPart("c1", "f"), ToolCallPart("c2", "g")))
    results = (Message.tool(ToolResultPart("c1", "1")), Message.tool(ToolResultPart("c2", "2")))
    contents = body(Message.user("x"), calls, *results, Message.user("y"))["contents"]
    assert [content["role"] for content in contents] == ["user", "model", "user", "user"]
    assert [part["functionResponse"]["name"] for part in contents[2]["parts"]] == ["f", "g"]


def test_media_of_a_result_go_inside_it_or_after_all_results() -> None:
    calls = Message("assistant", (ToolCallPart("c1", "f", signature="s"), ToolCallPart("c2", "g")))
    shot = Message.tool(ToolResultPart("c1", (TextPart("shot"), ImagePart(PNG), NativePart("gemini", {"text": "n"}))))
    other = Message.tool(ToolResultPart("c2", "2"))
    native = {"text": "n"}
    picture = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(PNG).decode()}}
    new = body(calls, shot, other, model=FLASH_3)["contents"]
    assert new[1]["parts"][0]["functionResponse"]["parts"] == [picture, native]
    assert len(new) == 2
    old = body(calls, shot, other, Message.user("y"))["contents"]
    assert [list(part) for part in old[1]["parts"]] == [["functionResponse"], ["functionResponse"]]
    assert old[2] == {"role": "user", "parts": [picture, native]}
    assert old[3] == {"role": "user", "parts": [{"text": "y"}]}
    assert body(calls, shot, other)["contents"][2]["parts"] == [picture, native]
