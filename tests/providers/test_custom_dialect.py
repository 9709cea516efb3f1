"""Servers that speak OpenAI's dialect more or less: what they leave out, and what they add."""

from __future__ import annotations

import json

import pytest

from aiconsole.domain.errors import ConfigError, ConnectionCut
from aiconsole.domain.messages import Message, ReasoningPart, TextPart, ToolCallPart
from aiconsole.providers.config import ProviderConfig
from aiconsole.providers.custom import CustomOpenAIDialect
from aiconsole.providers.groq import GroqDialect
from aiconsole.providers.registry import make_dialect
from aiconsole.providers.sse import Decoder
from tests.providers.openai_wire import body, chunk, custom, sent_back, whole


def test_each_custom_provider_has_its_own_name() -> None:
    first = make_dialect(ProviderConfig("one", "openai", label="One", base_url="http://127.0.0.1:1/v1"), {})
    second = make_dialect(ProviderConfig("two", "openai", base_url="http://127.0.0.1:2/v1"), {})
    assert (first.name, first.label, first.base_url) == ("one", "One", "http://127.0.0.1:1/v1")
    assert (second.name, second.label) == ("two", "two")
    assert first.takes_native("one")
    assert first.takes_native("openai")
    assert not first.takes_native("two")
    with pytest.raises(ConfigError):
        make_dialect(ProviderConfig("three", "no such dialect"), {})


def test_a_server_that_refuses_stream_options_is_not_asked_for_usage() -> None:
    plain = CustomOpenAIDialect("house", "House", "http://127.0.0.1:8000/v1", asks_for_usage=False)
    assert "stream_options" not in body(plain, stream=True)


def test_openais_own_servers_know_the_limit_of_tokens_by_another_name() -> None:
    for base, field in (
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://house.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("https://api.openai.com.example/v1", "max_tokens"),
    ):
        assert body(CustomOpenAIDialect("x", "X", base), max_tokens=5)[field] == 5


@pytest.mark.parametrize(
    "stream",
    [
        b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\ndata: {"choices":[{"finish_reason":"stop"}]}\n\n',
        b'data:{"choices":[{"delta":{"content":"Hi"},"finish_reason":null}]}\n\ndata:[DONE]\n\n',
        b'data: {"choices":[{"delta":{"content":"H"}}]}\r\n\r\n'
        b'data: {"choices":[{"delta":{"content":"i"},"finish_reason":"eos"}]}\r\n\r\n',
        b': ping\n\ndata: {"model":"","choices":[],"prompt_filter_results":[]}\n\n'
        b'data: {"model":"m1","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":""}]}\n\n'
        b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
        b'data: {"choices":[{"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    ],
    ids=["no index", "no space", "CRLF", "Azure's filter first", "a whole answer as one event"],
)
def test_streams_with_things_missing_are_answers(stream: bytes) -> None:
    reader = custom().reader()
    for name, data in Decoder().feed(stream):
        reader.feed(name, data)
    answer = reader.finish()
    assert answer.content == (TextPart("Hi"),)
    assert answer.finish_reason in ("stop", "other")
    assert answer.response_id is None


def test_a_stream_that_stops_in_the_middle_is_cut() -> None:
    reader = custom().reader()
    reader.feed("message", chunk(content="H"))
    with pytest.raises(ConnectionCut):
        reader.finish()


def test_an_answer_with_nothing_but_the_text() -> None:
    answer = custom().answer(b'{"choices": [{"message": {"content": "Hi"}}]}')
    assert answer.content == (TextPart("Hi"),)
    assert (answer.model, answer.response_id, answer.finish_reason, answer.usage.total) == ("", None, "other", None)


def test_reasoning_content_goes_back_where_it_came_from_and_nowhere_else() -> None:
    answer = custom().answer(whole(content="Hi", reasoning_content="Hm"))
    assert sent_back(custom(), answer)["reasoning_content"] == "Hm"
    other = CustomOpenAIDialect("other", "Other", "http://127.0.0.1:2/v1")
    assert sent_back(other, answer) == {"role": "assistant", "content": "Hi"}
    llama = GroqDialect()
    assert sent_back(llama, answer, "llama-3.1-8b-instant") == {"role": "assistant", "content": "Hi"}


def test_reasoning_details_through_a_gateway_go_back_too() -> None:
    details = [{"type": "reasoning.text", "text": "Hm", "signature": "s", "index": 0}]
    answer = custom().answer(whole(content="Hi", reasoning_details=details))
    assert sent_back(custom(), answer)["reasoning_details"] == details


def test_geminis_openai_path_gets_its_signatures_back() -> None:
    signed = {"google": {"thought_signature": "abc"}}
    call = {"id": "", "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": signed}
    answer = custom().answer(whole("tool_calls", extra_content=signed, tool_calls=[call]))
    sent = sent_back(custom(), answer)
    assert sent["extra_content"] == signed
    assert sent["tool_calls"][0]["extra_content"] == signed
    assert isinstance(answer.content[-1], ToolCallPart)


def test_a_thought_without_a_field_is_reasoning() -> None:
    turn = Message.assistant(ReasoningPart("Hm", dialect="house"), "Hi")
    assert body(custom(), turn)["messages"] == [{"role": "assistant", "content": "Hi", "reasoning": "Hm"}]


def test_listing_models_and_probing_are_the_same_free_call() -> None:
    assert custom().probe_call() == custom().models_call()
    assert custom().models_call().path == "/models"
    listed = {"object": "list", "data": [{"id": "qwen3:8b", "object": "model", "owned_by": "library"}]}
    (model,) = custom().models(json.dumps(listed).encode()).models
    assert (model.provider, model.id, model.lacks, model.prices) == ("house", "qwen3:8b", frozenset(), None)
