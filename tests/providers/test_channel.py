"""The channel to one provider: what it sends and how its answers are read."""

from __future__ import annotations

import asyncio
import traceback

import httpx
import pytest

from aiconsole.domain.errors import ConfigError
from aiconsole.providers.channel import HttpChannel
from aiconsole.providers.failures import GarbledAnswer
from aiconsole.providers.transport import Transport
from tests.providers.loopback import OK, Handler, Peer, Server, answering

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def channel_to(server: Server, **headers: str) -> HttpChannel:
    return HttpChannel(base_url=server.url + "/v1/", headers=headers, transport=Transport())


def recording(heads: list[bytes]) -> Handler:
    async def handler(peer: Peer) -> None:
        while True:
            heads.append((await peer.request())[0])
            await peer.send(OK)

    return handler


async def test_headers_are_the_channels_and_the_requests() -> None:
    heads: list[bytes] = []
    async with Server(recording(heads)) as server:
        channel = channel_to(server, Authorization="Bearer k", **{"User-Agent": "mine"})
        for headers in (None, {"X-Beta": "one", "authorization": "Bearer other"}, None):
            reply = await channel.request("POST", "/chat?alt=sse", headers=headers, content=b"{}")
            assert (reply.status, await reply.body()) == (200, b"ok")
        await (await channel.request("GET", "/models")).body()
        await channel.aclose()
    assert all(head.startswith(b"POST /v1/chat?alt=sse HTTP/1.1\r\n") for head in heads[:3])
    assert heads[3].startswith(b"GET /v1/models HTTP/1.1\r\n")
    first, second, third, fourth = ({*head.lower().split(b"\r\n")} for head in heads)
    assert {b"authorization: bearer k", b"user-agent: mine", b"content-type: application/json"} <= first
    assert any(line.startswith(b"accept-encoding: gzip") for line in first)
    assert {b"authorization: bearer other", b"x-beta: one"} <= second
    assert b"authorization: bearer k" not in second
    assert third == first
    assert not any(line.startswith((b"content-type", b"content-length")) for line in fourth)


@pytest.mark.parametrize("value", ["sk-canary\n", "sk-canary\r\nX: y", "sk-canary“", "sk-canary\0", "sk-\u200bcanary"])
def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        HttpChannel(base_url="https://x", headers={"Authorization": value}, transport=Transport())
    assert "canary" not in "".join(traceback.format_exception(caught.value))
    assert "Authorization" in caught.value.message.title()


async def test_reply_headers_have_lower_case_names() -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-Request-ID: r1\r\nX-Two: a\r\nx-two: b\r\nContent-Length: 0\r\n\r\n"
    async with Server(answering(answer)) as server:
        channel = channel_to(server)
        reply = await channel.request("GET", "/")
        assert reply.headers == {"x-request-id": "r1", "x-two": "a, b", "content-length": "0"}
        assert await reply.body() == b""
        await channel.aclose()


async def test_a_body_beyond_the_limit_is_refused_and_left() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        while True:
            await peer.send(b"400\r\n" + b"x" * 1024 + b"\r\n")

    async with Server(handler) as server:
        channel = channel_to(server)
        reply = await channel.request("GET", "/")
        with pytest.raises(GarbledAnswer, match="larger than 100,000 bytes"):
            await reply.body(max_bytes=100_000)
        await asyncio.wait_for(server.quiet(), 1)
        await channel.aclose()


async def test_a_stream_is_read_as_it_comes_and_its_connection_used_again() -> None:
    more = asyncio.Event()

    async def handler(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(CHUNKED + b"5\r\nhello\r\n")
            await more.wait()
            await peer.send(b"5\r\nworld\r\n0\r\n\r\n")

    async with Server(handler) as server:
        channel = channel_to(server)
        for _ in range(2):
            more.clear()
            chunks = []
            async for chunk in await channel.request("POST", "/", content=b"{}"):
                chunks.append(chunk)
                more.set()
            assert chunks == [b"hello", b"world"]
        assert server.connections == 1
        await channel.aclose()


async def test_a_caller_may_keep_the_deadline_itself() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"5\r\nhello\r\n")
        await peer.gone()

    async with Server(handler) as server:
        channel = channel_to(server)
        reply = await channel.request("POST", "/", content=b"{}")
        stream = aiter(reply)
        assert await anext(stream) == b"hello"
        asyncio.get_running_loop().call_later(0.02, reply.expire)
        with pytest.raises(httpx.ReadTimeout):
            await anext(stream)
        await asyncio.wait_for(server.quiet(), 1)
        await reply.aclose()
        await channel.aclose()
