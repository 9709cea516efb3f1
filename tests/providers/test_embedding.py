"""Vectors of texts over a whole provider and a real socket: what is sent, what is read, what it costs, and what goes wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from aiconsole.domain.chat import Timeouts, Usage
from aiconsole.domain.clock import SystemClock
from aiconsole.domain.embedding import EmbeddingResult
from aiconsole.domain.errors import (
    BadRequest,
    MalformedAnswer,
    MissingKey,
    RateLimited,
    TimedOut,
    UnknownModel,
    Unsupported,
)
from aiconsole.providers.base import Dialect
from aiconsole.providers.client import HttpProvider
from aiconsole.providers.config import ProviderConfig
from aiconsole.providers.custom import CustomOpenAIDialect
from aiconsole.providers.pricing import PriceBook
from aiconsole.providers.registry import make_dialect
from aiconsole.secrets import Key
from aiconsole.simulator import Behaviour, Simulator
from tests.providers.loopback import Handler, Peer, Server

MODELS = {
    "mistral": "mistral-embed",
    "openrouter": "openai/text-embedding-3-small",
    "cohere": "embed-v4.0",
    "gemini": "gemini-embedding-001",
}
TEXTS = ("What is the capital of France?", "The capital of France, what is it?", "How will the weather be tomorrow?")


@asynccontextmanager
async def provider_at(base_url: str, dialect: Dialect, *, key: bool = True) -> AsyncIterator[HttpProvider]:
    config = ProviderConfig(dialect.name, dialect.name, base_url=base_url, key=Key("a-key-for-tests") if key else None)
    async with aclosing(HttpProvider(config, dialect, PriceBook(SystemClock()), SystemClock())) as provider:
        yield provider


def built_in(name: str) -> Dialect:
    return make_dialect(ProviderConfig(name, name), {})


def likeness(result: EmbeddingResult, one: int, other: int) -> float:
    return sum(a * b for a, b in zip(result.vectors[one], result.vectors[other], strict=True))


@pytest.mark.parametrize("name", MODELS)
async def test_like_texts_have_near_vectors(name: str) -> None:
    async with (
        Simulator.start() as simulator,
        provider_at(simulator.base_url(name), built_in(name)) as provider,
    ):
        result = await provider.embed(TEXTS, MODELS[name])
        again = await provider.embed(TEXTS[:1], MODELS[name])
    assert (result.provider, result.model) == (name, MODELS[name])
    assert again.vectors[0] == result.vectors[0]
    assert likeness(result, 0, 1) > 0.9
    assert likeness(result, 0, 2) < 0.5
    assert result.timing.duration_ms > 0
    if name == "gemini":  # its model tells no tokens
        assert (result.usage, result.cost) == (Usage(), None)
        return
    assert result.usage.prompt is not None
    assert result.usage.completion == 0
    assert result.cost is not None
    assert result.cost.source == ("provider" if name == "openrouter" else "price list")
    per_token = {"mistral": 1e-7, "cohere": 1.2e-7, "openrouter": 2e-8}[name]
    assert result.cost.usd == pytest.approx(result.usage.prompt * per_token)


@pytest.mark.parametrize("name", ["groq", "cerebras", "anthropic"])
async def test_a_provider_without_embeddings_says_so_and_is_not_asked(name: str) -> None:
    async with (
        Simulator.start() as simulator,
        provider_at(simulator.base_url(name), built_in(name)) as provider,
    ):
        with pytest.raises(Unsupported, match="makes no embeddings") as caught:
            await provider.embed(TEXTS, "any")
        assert simulator.counts(name).requests == 0
    assert caught.value.provider == name


@pytest.mark.parametrize("name", MODELS)
async def test_refusals_are_told_as_those_of_any_call(name: str) -> None:
    async with (
        Simulator.start() as simulator,
        provider_at(simulator.base_url(name), built_in(name)) as provider,
    ):
        with pytest.raises(UnknownModel) as unknown:
            await provider.embed(TEXTS, "no-such-model")
        with pytest.raises(BadRequest):
            await provider.embed((), MODELS[name])
        simulator.set(name, Behaviour(error_rates={"rate_limit": 1.0}))
        with pytest.raises(RateLimited):
            await provider.embed(TEXTS, MODELS[name])
    assert (unknown.value.provider, unknown.value.model) == (name, "no-such-model")


async def test_more_texts_than_mistral_takes_at_once() -> None:
    async with (
        Simulator.start() as simulator,
        provider_at(simulator.base_url("mistral"), built_in("mistral")) as provider,
    ):
        assert len((await provider.embed(["a"] * 256, "mistral-embed")).vectors) == 256
        with pytest.raises(BadRequest, match="split into more batches"):
            await provider.embed(["a"] * 257, "mistral-embed")


async def test_its_deadline_and_its_key() -> None:
    async with Simulator.start() as simulator:
        simulator.set("mistral", Behaviour(outage="hang"))
        async with provider_at(simulator.base_url("mistral"), built_in("mistral")) as provider:
            with pytest.raises(TimedOut):
                await provider.embed(TEXTS, "mistral-embed", timeouts=Timeouts(connect=5, total=0.05))
            assert provider.idle
        async with provider_at(simulator.base_url("mistral"), built_in("mistral"), key=False) as keyless:
            with pytest.raises(MissingKey):
                await keyless.embed(TEXTS, "mistral-embed")


def answering(body: Any, seen: list[Any]) -> Handler:
    data = json.dumps(body).encode()

    async def handler(peer: Peer) -> None:
        head, sent = await peer.request()
        seen.append((head.split(b" ")[1].decode(), json.loads(sent)))
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(data))
        await peer.send(data)

    return handler


async def asked(body: Any, texts: tuple[str, ...] = ("a", "b")) -> tuple[EmbeddingResult, Any]:
    seen: list[Any] = []
    async with Server(answering(body, seen)) as server:
        url = f"http://127.0.0.1:{server.port}/v1"
        async with provider_at(url, CustomOpenAIDialect("mine", "Mine", url)) as provider:
            result = await provider.embed(texts, "m", extra={"mine": {"dimensions": 2}, "other": {"x": 1}})
    return result, seen[0]


async def test_a_custom_server_may_leave_out_what_it_pleases_and_order_as_it_pleases() -> None:
    listed = [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [1.5, 0]}]
    result, sent = await asked({"data": listed})
    assert result.vectors == ((1.5, 0.0), (0.0, 1.0))
    assert (result.model, result.usage, result.cost) == ("m", Usage(), None)
    assert sent == ("/v1/embeddings", {"model": "m", "input": ["a", "b"], "dimensions": 2})
    result, _ = await asked({"data": [{"embedding": [1]}, {"embedding": [2]}], "usage": {"prompt_tokens": 3}})
    assert result.vectors == ((1.0,), (2.0,))
    assert result.usage == Usage(prompt=3, completion=0)


@pytest.mark.parametrize(
    "body",
    [
        {"data": [{"embedding": [1]}]},
        {"data": [{"embedding": [1]}, {"embedding": [1, 2]}]},
        {"data": [{"embedding": "AAAA"}, {"embedding": "AAAA"}]},
        {"object": "list"},
        [],
    ],
)
async def test_what_is_no_vector_a_text_is_a_malformed_answer(body: Any) -> None:
    with pytest.raises(MalformedAnswer):
        await asked(body)


def test_gemini_counts_where_it_tells() -> None:
    body = {"embeddings": [{"values": [1.0]}], "usageMetadata": {"promptTokenCount": 7}}
    assert built_in("gemini").embedded(json.dumps(body).encode()).usage == Usage(prompt=7, completion=0)
