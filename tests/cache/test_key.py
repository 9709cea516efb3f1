"""Two requests share a key exactly if they mean the same."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from aiconsole import ChatRequest, Message
from aiconsole.cache.key import IGNORED, MATTERS, Keys
from aiconsole.domain.chat import JsonFormat, Reasoning, Timeouts
from aiconsole.domain.messages import (
    DocumentPart,
    ImagePart,
    NamedTool,
    NativePart,
    NativeTool,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)

STANDING = b"s" * 32


def key(request: ChatRequest, standing: bytes = STANDING, *, stream: bool = False) -> bytes | None:
    return Keys().of(request, standing, stream=stream)


words = st.text(max_size=6)
extras = st.none() | st.fixed_dictionaries({"openai": st.fixed_dictionaries({"user": words})})
parts = st.one_of(
    st.builds(TextPart, words, extras),
    st.builds(ImagePart, st.none() | st.binary(max_size=4), st.none() | words, words, st.none() | words, extras),
    st.builds(DocumentPart, st.none() | st.binary(max_size=4), st.none() | words, words, st.none() | words),
    st.builds(ReasoningPart, words, st.none() | words, st.none() | words, st.none() | words),
    st.builds(ToolCallPart, words, words, words, st.none() | words),
    st.builds(ToolResultPart, words, words | st.tuples(st.builds(TextPart, words)), st.none() | words, st.booleans()),
    st.builds(NativePart, words, st.none() | st.booleans() | st.integers(-3, 3) | words | st.lists(words, max_size=2)),
)
messages = st.builds(
    Message,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    words | st.lists(parts, max_size=3).map(tuple),
    extras,
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "messages": st.lists(messages, max_size=3).map(tuple),
    "tools": st.lists(
        st.builds(Tool, words, words, st.none() | st.just({"type": "object"})) | st.builds(NativeTool, words, words),
        max_size=2,
    ).map(tuple),
    "tool_choice": st.none() | st.sampled_from(["auto", "none", "required"]) | st.builds(NamedTool, words),
    "parallel_tool_calls": st.none() | st.booleans(),
    "response_format": st.none()
    | st.builds(
        JsonFormat, st.none() | st.just({"type": "object"}), words, st.none() | words, st.none() | st.booleans()
    ),
    "reasoning": st.none()
    | st.builds(
        Reasoning, st.sampled_from([None, "low", "high"]), st.none() | st.integers(0, 3), st.none() | st.booleans()
    ),
    "temperature": st.none() | st.floats(0, 2),
    "top_p": st.none() | st.floats(0, 1),
    "max_tokens": st.none() | st.integers(1, 3),
    "stop": st.lists(words, max_size=2).map(tuple),
    "seed": st.none() | st.integers(0, 3),
    "on_unsupported": st.sampled_from([None, "refuse", "drop"]),
    "keep_raw": st.booleans(),
    "extra": extras,
}
requests = st.fixed_dictionaries(FIELDS).map(lambda fields: ChatRequest("model", **fields))


def canonical(request: ChatRequest) -> ChatRequest:
    """The request with each message written in one way, as an oracle of equal meaning."""

    def one_way(message: Message) -> Message:
        lone = message.parts if len(message.parts) == 1 else (TextPart(""),) if not message.parts else ()
        plain = lone and isinstance(lone[0], TextPart) and lone[0].extra is None
        return Message(message.role, lone[0].text if plain else message.content, message.extra)

    return msgspec.structs.replace(request, messages=tuple(one_way(message) for message in request.messages))


def test_every_field_of_a_request_is_decided_upon() -> None:
    assert sorted((*MATTERS, *IGNORED)) == sorted(ChatRequest.__struct_fields__)
    assert set(FIELDS) == set(MATTERS) - {"model"}


@settings(max_examples=50, deadline=None)
@given(st.lists(requests, min_size=2, max_size=4))
def test_requests_share_a_key_exactly_if_they_are_the_same(many: list[ChatRequest]) -> None:
    keys = Keys()
    by_key: dict[bytes | None, ChatRequest] = {}
    for request in many:
        made = keys.of(request, STANDING)
        assert made is not None
        assert made == keys.of(request, STANDING) == Keys().of(request, STANDING)
        assert canonical(by_key.setdefault(made, request)) == canonical(request)


@settings(max_examples=50, deadline=None)
@given(requests, st.data())
def test_any_change_of_what_matters_changes_the_key(request: ChatRequest, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FIELDS)))
    changed = msgspec.structs.replace(request, **{name: data.draw(FIELDS[name])})
    same = canonical(changed) == canonical(request)
    assert (key(changed) == key(request)) == same
    assert key(request, b"t" * 32) != key(request)


def test_a_boundary_between_messages_or_parts_cannot_be_shifted() -> None:
    texts = [("ab", "c"), ("a", "bc"), ("abc",), ("abc", "")]
    asked = [ChatRequest("m", tuple(Message.user(text) for text in split)) for split in texts]
    asked += [
        ChatRequest("m", (Message("user", tuple(TextPart(text) for text in split)),)) for split in texts if split[1:]
    ]
    assert len({key(request) for request in asked}) == len(asked)


def test_equal_meaning_gives_the_same_key() -> None:
    text = key(ChatRequest("m", (Message.user("hello"),), temperature=0))
    assert text == key(ChatRequest("m", (Message("user", (TextPart("hello"),)),), temperature=0.0))
    assert text == key(ChatRequest("m", [Message.user("hello")], temperature=-0.0))  # type: ignore[arg-type]
    assert key(ChatRequest("m", (Message.user(""),))) == key(ChatRequest("m", (Message("user", ()),)))


def test_who_asks_how_long_and_what_for_does_not_matter() -> None:
    plain = ChatRequest("m", (Message.user("hello"),))
    other = msgspec.structs.replace(plain, timeouts=Timeouts(1), origin="job", cache="on", cache_tags=("a",), model="n")
    assert key(plain) == key(other)
    assert key(plain) == key(plain, stream=True)
    raw = msgspec.structs.replace(plain, keep_raw=True)
    assert len({key(plain), key(raw), key(raw, stream=True)}) == 3


def test_a_conversation_that_grows_is_hashed_once() -> None:
    keys = Keys()
    said = tuple(Message.user(f"turn {number}") for number in range(50))
    for length in range(1, 51):
        keys.of(ChatRequest("m", said[:length]), STANDING)
    assert keys.hashed == 50


def test_a_message_that_holds_a_mapping_is_looked_at_again() -> None:
    keys = Keys()
    data = {"query": "one"}
    message = Message("assistant", (NativePart("anthropic", data),))
    before = keys.of(ChatRequest("m", (message,)), STANDING)
    data["query"] = "two"
    assert keys.of(ChatRequest("m", (message,)), STANDING) != before


def test_a_message_that_is_gone_leaves_its_name_to_another() -> None:
    keys = Keys()
    made = {keys.of(ChatRequest("m", (Message.user(f"{number}"),)), STANDING) for number in range(200)}
    assert len(made) == 200


def test_what_cannot_be_told_by_its_bytes_has_no_key() -> None:
    assert key(ChatRequest("m", (Message("user", (NativePart("x", object()),)),))) is None
    assert key(ChatRequest("m", (Message.user("\ud800"),))) is None
