"""A whole provider against a server that misbehaves: deadlines, broken streams, leaving early, odd but usable answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec
import pytest

from aiconsole.domain.chat import ChatRequest, Finished, StreamEvent, TextDelta, Timeouts, Usage, Warned
from aiconsole.domain.clock import SystemClock
from aiconsole.domain.errors import (
    ConnectionCut,
    ConnectionFailed,
    MalformedAnswer,
    MissingKey,
    Overloaded,
    ProviderError,
    RateLimited,
    ServerFault,
    TimedOut,
    Unsupported,
)
from aiconsole.domain.messages import DocumentPart, Message
from aiconsole.providers.base import Dialect
from aiconsole.providers.cerebras import CerebrasDialect
from aiconsole.providers.client import HttpProvider
from aiconsole.providers.cohere import CohereDialect
from aiconsole.providers.config import ProviderConfig
from aiconsole.providers.gemini import GeminiDialect
from aiconsole.providers.groq import GroqDialect
from aiconsole.providers.pricing import PriceBook
from aiconsole.secrets import Key
from tests.providers.loopback import Handler, Peer, Server, closed_port

REQUEST = ChatRequest("openai/gpt-oss-120b", (Message.user("Hello"),))
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def piece(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(**choice: Any) -> bytes:
    return piece(b"data: " + json.dumps({"model": "m", "choices": [{"index": 0, **choice}]}).encode() + b"\n\n")


def said(text: str) -> bytes:
    return event(delta={"content": text})


FINISH = event(delta={}, finish_reason="stop")
DONE = piece(b"data: [DONE]\n\n")
END = b"0\r\n\r\n"
WHOLE = json.dumps(
    {
        "id": "1",
        "model": "openai/gpt-oss-120b",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Good day"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000},
    }
).encode()


def plain(status: bytes, body: bytes, headers: bytes = b"content-type: application/json\r\n") -> bytes:
    return b"HTTP/1.1 %s\r\n%scontent-length: %d\r\n\r\n%s" % (status, headers, len(body), body)


def sending(*parts: bytes, then: Callable[[Peer], Awaitable[None]] | None = None) -> Handler:
    """Answer each request with the parts; ``then`` happens after the last one."""

    async def handler(peer: Peer) -> None:
        while True:
            await peer.request()
            for part in parts:
                await peer.send(part)
            if then is not None:
                await then(peer)
                return

    return handler


async def hang(peer: Peer) -> None:
    await peer.gone()


async def reset(peer: Peer) -> None:
    await asyncio.sleep(0)
    peer.reset()


async def close(peer: Peer) -> None:
    peer.writer.close()


@asynccontextmanager
async def provider_at(
    url: str, dialect: Dialect | None = None, *, key: str | None = "test-key-1", timeouts: Timeouts | None = None
) -> AsyncIterator[HttpProvider]:
    dialect = dialect or GroqDialect()
    config = ProviderConfig(
        dialect.name,
        dialect.name,
        base_url=url,
        key=None if key is None else Key(key),
        timeouts=timeouts or Timeouts(connect=2, first_token=5, between=5, total=10),
    )
    clock = SystemClock()
    provider = HttpProvider(config, dialect, PriceBook(clock), clock)
    try:
        yield provider
    finally:
        await provider.aclose()


async def read(provider: HttpProvider, request: ChatRequest = REQUEST) -> list[StreamEvent]:
    async with aclosing(provider.stream(request)) as events:
        return [event async for event in events]


def text_of(events: list[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def failure_of(handler: Handler, *, stream: bool, timeouts: Timeouts | None = None) -> ProviderError:
    async with Server(handler) as server, provider_at(server.url, timeouts=timeouts) as provider:
        with pytest.raises(ProviderError) as caught:
            await (read(provider) if stream else provider.complete(REQUEST))
    error = caught.value
    assert (error.provider, error.model) == ("groq", "openai/gpt-oss-120b")
    assert error.advice
    return error


async def test_a_whole_answer_is_priced_and_named() -> None:
    async with Server(sending(plain(b"200 OK", WHOLE))) as server, provider_at(server.url) as provider:
        result = await provider.complete(REQUEST)
    assert result.text == "Good day"
    assert (result.provider, result.model, result.finish_reason) == ("groq", "openai/gpt-oss-120b", "stop")
    assert result.usage == Usage(prompt=1_000_000, completion=1_000_000)
    assert result.cost is not None
    assert result.cost.usd == pytest.approx(0.75, rel=0.5)
    assert result.raw is None


async def test_the_raw_answer_is_kept_when_asked_for() -> None:
    request = ChatRequest("m", (Message.user("Hello"),), keep_raw=True)
    async with Server(sending(plain(b"200 OK", WHOLE))) as server, provider_at(server.url) as provider:
        assert (await provider.complete(request)).raw == WHOLE
    handler = sending(SSE, said("Hi"), FINISH, DONE, END)
    async with Server(handler) as server, provider_at(server.url) as provider:
        last = (await read(provider, request))[-1]
    assert isinstance(last, Finished)
    assert last.result.raw is not None
    assert last.result.raw.endswith(b"[DONE]")


@pytest.mark.parametrize("stream", [False, True])
async def test_refused_and_unreachable(stream: bool) -> None:
    async with provider_at(f"http://127.0.0.1:{closed_port()}") as provider:
        with pytest.raises(ConnectionFailed, match="refused") as caught:
            await (read(provider) if stream else provider.complete(REQUEST))
    assert not caught.value.partial


@pytest.mark.parametrize("stream", [False, True])
async def test_failures_before_an_answer(stream: bool) -> None:
    assert isinstance(await failure_of(sending(then=close), stream=stream), ConnectionCut)
    assert isinstance(await failure_of(sending(then=reset), stream=stream), ConnectionCut)
    assert isinstance(await failure_of(sending(b"SSH-2.0-OpenSSH\r\n"), stream=stream), MalformedAnswer)
    assert isinstance(await failure_of(sending(plain(b"200 OK", b"<html>")), stream=stream), MalformedAnswer)
    fault = await failure_of(
        sending(plain(b"502 Bad Gateway", b"<html>bad</html>", b"content-type: text/html\r\n")), stream=stream
    )
    assert isinstance(fault, ServerFault)
    assert (fault.status, fault.raw) == (502, b"<html>bad</html>")


async def test_a_truncated_body_is_a_cut_connection() -> None:
    cut = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n" + WHOLE
    assert isinstance(await failure_of(sending(cut, then=close), stream=False), ConnectionCut)


@pytest.mark.parametrize("then", [close, reset])
async def test_a_stream_that_ends_early_is_never_a_success(then: Callable[[Peer], Awaitable[None]]) -> None:
    error = await failure_of(sending(SSE, said("Good"), said(" d"), then=then), stream=True)
    assert isinstance(error, ConnectionCut)
    assert error.partial
    early = await failure_of(sending(SSE, said("Good"), END), stream=True)
    assert isinstance(early, ConnectionCut)
    assert early.partial
    inside = await failure_of(sending(SSE, said("Good"), piece(b'data: {"choices": [{"del'), END), stream=True)
    assert isinstance(inside, ConnectionCut)


@pytest.mark.parametrize("ending", [(FINISH, END), (FINISH,), (FINISH, DONE)])
async def test_a_stream_that_ends_well_is_complete_with_or_without_its_end_mark(ending: tuple[bytes, ...]) -> None:
    handler = sending(SSE, said("Good"), said(" day"), *ending, then=close)
    async with Server(handler) as server, provider_at(server.url, CerebrasDialect()) as provider:
        events = await read(provider)
    assert text_of(events) == "Good day"
    assert isinstance(events[-1], Finished)


async def test_a_last_event_without_its_blank_line_still_counts() -> None:
    handler = sending(SSE, said("Good"), piece(FINISH.partition(b"\r\n")[2].rstrip()), END)
    async with Server(handler) as server, provider_at(server.url) as provider:
        assert isinstance((await read(provider))[-1], Finished)


async def test_one_unreadable_event_is_skipped_and_told_and_a_second_ends_the_stream() -> None:
    broken = piece(b"data: {not json\n\n")
    handler = sending(SSE, said("Good"), broken, said(" day"), FINISH, DONE, END)
    async with Server(handler) as server, provider_at(server.url) as provider:
        events = await read(provider)
    assert text_of(events) == "Good day"
    assert any(isinstance(event, Warned) for event in events)
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.result.warnings
    twice = await failure_of(sending(SSE, said("Good"), broken, broken, said(" day"), FINISH, DONE, END), stream=True)
    assert isinstance(twice, MalformedAnswer)
    assert twice.partial


async def test_a_server_that_does_not_stream_although_asked_to() -> None:
    async with Server(sending(plain(b"200 OK", WHOLE))) as server, provider_at(server.url) as provider:
        events = await read(provider)
    assert text_of(events) == "Good day"
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.result.usage.completion == 1_000_000


async def test_an_error_at_the_end_of_a_stream_as_bare_json_is_that_error() -> None:
    told = b'{\n  "error": {\n    "code": 503,\n    "message": "Try later.",\n    "status": "UNAVAILABLE"\n  }\n}\n'
    chunk = piece(b'data: {"candidates": [{"content": {"parts": [{"text": "Good"}], "role": "model"}}]}\r\n\r\n')
    async with (
        Server(sending(SSE, chunk, piece(told), END)) as server,
        provider_at(server.url, GeminiDialect()) as provider,
    ):
        with pytest.raises(Overloaded) as caught:
            await read(provider)
    assert (caught.value.status, caught.value.partial) == (503, True)


SHORT = 0.15


@pytest.mark.parametrize(
    ("handler", "timeouts", "phase", "partial"),
    [
        (sending(then=hang), Timeouts(first_token=SHORT), "first token", False),
        (sending(then=hang), Timeouts(first_token=5, total=SHORT), "total", False),
        (sending(SSE, then=hang), Timeouts(first_token=SHORT), "first token", False),
        (sending(SSE, piece(b": waiting\n\n"), then=hang), Timeouts(first_token=SHORT), "first token", False),
        (sending(SSE, said("Good"), then=hang), Timeouts(between=SHORT), "between tokens", True),
        (sending(SSE, said("Good"), then=hang), Timeouts(between=None, total=SHORT), "total", True),
    ],
    ids=["no head", "no head in all", "no event", "comments only", "stall", "total"],
)
async def test_each_deadline_of_a_stream(handler: Handler, timeouts: Timeouts, phase: str, partial: bool) -> None:
    error = await failure_of(handler, stream=True, timeouts=timeouts)
    assert isinstance(error, TimedOut)
    assert (error.phase, error.partial) == (phase, partial)
    assert "0.15 s" in error.message


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [b"401 No", b"500 No", b"301 Moved"])
async def test_a_key_that_a_provider_gives_back_is_in_no_error(status: bytes, stream: bool) -> None:
    body = b'{"error": {"message": "Incorrect API key provided: test-key-1. Find yours at /keys."}}'
    headers = b"content-type: application/json\r\nlocation: /?key=test-key-1\r\nx-seen: test-key-1\r\n"
    error = await failure_of(sending(plain(status, body, headers)), stream=stream)
    assert "[redacted]" in error.message
    assert "test-key" not in f"{error} {error.message} {error.advice} {error.raw!r} {error.headers} {error!r}"


async def test_a_key_given_back_inside_a_stream_is_in_no_error() -> None:
    told = piece(b'data: {"error": {"message": "bad key test-key-1", "code": 401}}\n\n')
    error = await failure_of(sending(SSE, told, then=close), stream=True)
    assert "test-key" not in f"{error} {error.message} {error.raw!r} {error!r}"


async def test_the_total_deadline_of_a_whole_answer() -> None:
    error = await failure_of(sending(then=hang), stream=False, timeouts=Timeouts(total=SHORT))
    assert isinstance(error, TimedOut)
    assert error.phase == "total"


async def test_an_answer_that_is_whole_is_not_spoiled_by_a_connection_that_lingers() -> None:
    handler = sending(SSE, said("Good day"), FINISH, DONE, then=hang)
    async with Server(handler) as server, provider_at(server.url) as provider:
        assert isinstance((await read(provider))[-1], Finished)
        await asyncio.wait_for(server.quiet(), 5)


@pytest.mark.parametrize("stage", ["before the head", "in the stream"])
async def test_cancelling_closes_the_connection_at_once(stage: str) -> None:
    reached = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        if stage == "in the stream":
            await peer.send(SSE + said("Good"))
        reached.set()
        await peer.gone()

    async with Server(handler) as server, provider_at(server.url) as provider:
        task = asyncio.create_task(read(provider))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.quiet(), 2)
        assert provider.idle


async def test_leaving_a_stream_closes_the_connection_at_once() -> None:
    handler = sending(SSE, *[said("word ")] * 50, then=hang)
    async with Server(handler) as server, provider_at(server.url) as provider:
        async with aclosing(provider.stream(REQUEST)) as events:
            async for seen in events:
                if isinstance(seen, TextDelta):
                    break
        await asyncio.wait_for(server.quiet(), 2)


async def test_a_finished_stream_gives_its_connection_back() -> None:
    async with Server(sending(SSE, said("Hi"), FINISH, DONE, END)) as server, provider_at(server.url) as provider:
        for _ in range(3):
            await read(provider)
        assert server.connections == 1


async def test_a_redirect_is_not_followed() -> None:
    moved = plain(b"307 Temporary Redirect", b"", b"location: https://elsewhere.example/\r\n")
    error = await failure_of(sending(moved), stream=False)
    assert isinstance(error, ConnectionFailed)
    assert "elsewhere.example" in error.message


async def test_without_a_key_nothing_is_sent() -> None:
    async with Server(sending(plain(b"200 OK", WHOLE))) as server, provider_at(server.url, key=None) as provider:
        with pytest.raises(MissingKey):
            await provider.complete(REQUEST)
        with pytest.raises(MissingKey):
            await read(provider)
        assert not (await provider.probe()).ok
        assert server.connections == 0


async def test_a_refusal_carries_what_the_provider_said() -> None:
    body = json.dumps({"error": {"message": "Slow down", "type": "tokens", "code": "rate_limit_exceeded"}}).encode()
    refusal = plain(
        b"429 Too Many Requests", body, b"content-type: application/json\r\nretry-after: 7\r\nx-request-id: req_1\r\n"
    )
    error = await failure_of(sending(refusal), stream=True)
    assert isinstance(error, RateLimited)
    assert (error.status, error.retry_after, error.request_id, error.raw) == (429, 7.0, "req_1", body)


async def test_the_headers_of_an_answer_are_told_without_its_cookies() -> None:
    head = b"content-type: application/json\r\nx-request-id: req_1\r\nset-cookie: session=1\r\n"
    async with Server(sending(plain(b"200 OK", WHOLE, head))) as server, provider_at(server.url) as provider:
        headers = (await provider.complete(REQUEST)).headers
    error = await failure_of(sending(plain(b"400 Bad Request", b"{}", head)), stream=False)
    for told in (headers, error.headers):
        assert told is not None
        assert told["x-request-id"] == "req_1"
        assert "set-cookie" not in told


async def test_what_a_provider_warns_of_in_its_headers_is_told() -> None:
    chunk = piece(b'data: {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}\n\n')
    head = SSE.replace(b"\r\n\r\n", b"\r\nx-api-warning: model x will be removed\r\n\r\n")
    async with (
        Server(sending(head, chunk, DONE, END)) as server,
        provider_at(server.url, CohereDialect()) as provider,
    ):
        events = await read(provider)
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.result.warnings == ("Cohere says: model x will be removed",)
    assert Warned(last.result.warnings[0]) in events


async def test_what_a_provider_does_not_take_is_refused_or_dropped_with_a_warning() -> None:
    document = DocumentPart(b"%PDF-", name="report.pdf")
    asked = ChatRequest("m", (Message.user("Read", document),), seed=1)
    async with Server(sending(plain(b"200 OK", WHOLE))) as server, provider_at(server.url) as provider:
        with pytest.raises(Unsupported, match="documents"):
            await provider.complete(asked)
        assert server.connections == 0
        result = await provider.complete(msgspec.structs.replace(asked, on_unsupported="drop"))
    assert any("documents" in warning for warning in result.warnings)


async def test_retiring_waits_for_calls_in_flight() -> None:
    go_on = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(SSE + said("Good"))
        await go_on.wait()
        await peer.send(said(" day") + FINISH + DONE + END)
        await peer.gone()

    async with Server(handler) as server, provider_at(server.url) as provider:
        reading = asyncio.create_task(read(provider))
        while not server.connections:
            await asyncio.sleep(0)
        retiring = asyncio.create_task(provider.retire())
        await asyncio.sleep(0)
        assert not retiring.done()
        go_on.set()
        assert text_of(await reading) == "Good day"
        await retiring
