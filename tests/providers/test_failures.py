"""Each way in which an exchange fails after the request may have been received, over a real socket."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable

import httpx
import pytest

from aiconsole.domain.errors import ConnectionCut, MalformedAnswer, ProviderError, TimedOut
from aiconsole.providers.failures import GarbledAnswer, StaleConnection, to_provider_error
from aiconsole.providers.transport import Transport
from tests.providers.failing import failure, sent_nothing
from tests.providers.loopback import OK, Handler, Peer, Server

GZIPPED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def hang_up(peer: Peer) -> None:
    await peer.request()


async def reset(peer: Peer) -> None:
    await peer.request()
    peer.reset()


def saying(data: bytes, then: Callable[[Peer], Awaitable[None] | None] | None = None) -> Handler:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(data)
        await asyncio.sleep(0.01)
        if then is not None and (waited := then(peer)) is not None:
            await waited

    return handler


def later(data: bytes, more: bytes) -> Handler:
    """Send ``more`` some time after ``data``, then leave the connection open."""

    async def then(peer: Peer) -> None:
        await peer.send(more)
        await peer.gone()

    return saying(data, then)


@pytest.mark.parametrize(
    ("handler", "kind", "ours", "words"),
    [
        (hang_up, httpx.RemoteProtocolError, ConnectionCut, "closed the connection without answering"),
        (reset, httpx.ReadError, ConnectionCut, "broke ("),
        (saying(b"HTTP/1.1 200"), httpx.RemoteProtocolError, ConnectionCut, "closed the connection without answering"),
        (saying(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), GarbledAnswer, MalformedAnswer, "nobody asked for"),
        (saying(b"SSH-2.0-OpenSSH_9.6\r\n"), GarbledAnswer, MalformedAnswer, "did not answer in HTTP"),
        (saying(b"\x15\x03\x03\x00\x02\x02\x46"), GarbledAnswer, MalformedAnswer, "did not answer in HTTP"),
        (
            saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel"),
            httpx.RemoteProtocolError,
            ConnectionCut,
            "before",
        ),
        (saying(CHUNKED + b"5\r\nhel"), httpx.RemoteProtocolError, ConnectionCut, "before its answer was complete"),
        (
            saying(CHUNKED + b"5\r\nhello\r\n"),
            httpx.RemoteProtocolError,
            ConnectionCut,
            "before its answer was complete",
        ),
        (saying(CHUNKED + b"5\r\nhello\r\n", Peer.reset), httpx.TransportError, ConnectionCut, ""),
        (saying(b"HTTP/1.1 200 OK\r\n\r\nhello", Peer.reset), httpx.ReadError, ConnectionCut, "broke ("),
        (saying(CHUNKED + b"zz\r\nhello\r\n"), GarbledAnswer, MalformedAnswer, "did not answer in HTTP"),
        (later(CHUNKED + b"5\r\nhello\r\n", b"zz\r\n"), GarbledAnswer, MalformedAnswer, "did not answer in HTTP"),
        (saying(GZIPPED + b"hello", Peer.gone), GarbledAnswer, MalformedAnswer, "compressed wrongly"),
        (saying(GZIPPED + gzip.compress(b"")[:4]), httpx.RemoteProtocolError, ConnectionCut, "before its answer"),
    ],
)
async def test_failures_after_sending(
    handler: Handler, kind: type[Exception], ours: type[ProviderError], words: str
) -> None:
    async with Server(handler) as server:
        raised, error = await asyncio.wait_for(failure(server.url), 5)
        await asyncio.wait_for(server.quiet(), 1)
    assert isinstance(raised, kind), repr(raised)
    assert not isinstance(raised, httpx.ConnectError | httpx.TimeoutException)
    assert type(error) is ours
    assert words in error.message
    assert f"127.0.0.1:{server.port}" in error.message


async def test_a_reset_in_the_middle_of_a_large_request() -> None:
    async def handler(peer: Peer) -> None:
        await peer.reader.readexactly(100_000)
        peer.reset()

    async with Server(handler) as server:
        raised, error = await failure(server.url, content=b"x" * 20_000_000)
    assert isinstance(raised, httpx.WriteError)
    assert type(error) is ConnectionCut


async def test_a_kept_connection_that_ends_without_an_answer_is_told_apart() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()

    async with Server(handler) as server, Transport() as transport:
        request = httpx.Request("POST", server.url, content=b"{}")
        assert await (await transport.handle_async_request(request)).aread() == b"ok"
        with pytest.raises(StaleConnection) as caught:
            await transport.handle_async_request(request)
        assert server.connections == 1
        error = to_provider_error(caught.value)
        assert type(error) is ConnectionCut
        assert not sent_nothing(error)
        assert await (await transport.handle_async_request(request)).aread() == b"ok"


async def silent(peer: Peer) -> None:
    await peer.request()
    await peer.gone()


async def test_silence_before_the_answer() -> None:
    async with Server(silent) as server:
        raised, error = await failure(server.url, head=0.05, read=5.0)
        assert isinstance(raised, httpx.ReadTimeout)
        assert isinstance(error, TimedOut)
        assert error.phase == "first token"
        await asyncio.wait_for(server.quiet(), 1)


async def test_silence_in_the_answer() -> None:
    async with Server(saying(CHUNKED + b"5\r\nhello\r\n", Peer.gone)) as server:
        raised, _ = await failure(server.url, head=5.0, read=0.05)
        assert isinstance(raised, httpx.ReadTimeout)
        error = to_provider_error(raised, partial=True)
        assert isinstance(error, TimedOut)
        assert (error.phase, error.partial) == ("between tokens", True)
        await asyncio.wait_for(server.quiet(), 1)


async def test_a_server_that_stops_reading_the_request() -> None:
    done = asyncio.Event()

    async def handler(peer: Peer) -> None:
        peer.writer.transport.pause_reading()
        await done.wait()

    async with Server(handler) as server:
        raised, error = await failure(server.url, content=b"x" * 30_000_000, head=0.2)
        done.set()
    assert isinstance(raised, httpx.WriteTimeout)
    assert isinstance(error, TimedOut)
    assert not sent_nothing(error)
