"""The transport over real sockets: what goes well."""

from __future__ import annotations

import asyncio
import gc
import gzip
import socket
import threading
import time
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest

from aiconsole.providers.transport import Transport
from tests.providers.loopback import OK, Peer, Server, answering


def post(url: str, content: bytes = b"{}", **limits: float | None) -> httpx.Request:
    return httpx.Request("POST", url, content=content, headers={"X-Api-Key": "k"}, extensions={"timeout": limits})


async def fetch(transport: Transport, request: httpx.Request) -> httpx.Response:
    response = await transport.handle_async_request(request)
    await response.aread()
    return response


async def test_a_request_arrives_as_written_and_the_answer_as_sent() -> None:
    requests = []

    async def handler(peer: Peer) -> None:
        requests.append(await peer.request())
        await peer.send(b"HTTP/1.1 201 Made\r\nX-One: a\r\nX-One: b\r\nContent-Length: 5\r\n\r\nhello")
        await peer.gone()

    async with Server(handler) as server, Transport() as transport:
        response = await fetch(transport, post(server.url + "/v1/chat?x=1&y=%20", b'{"a": 1}'))
    head, body = requests[0]
    assert head.startswith(b"POST /v1/chat?x=1&y=%20 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-Api-Key: k\r\n" in head
    assert head.lower().count(b"content-length: 8\r\n") == 1
    assert body == b'{"a": 1}'
    assert response.status_code == 201
    assert response.reason_phrase == "Made"
    assert response.headers.get_list("x-one") == ["a", "b"]
    assert response.content == b"hello"


async def test_httpx_own_client_works_on_it() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    seen = []

    async def handler(peer: Peer) -> None:
        while True:
            seen.append(await peer.request())
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
            packed = gzip.compress(b"packed")
            await peer.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed))

    async with Server(handler) as server, httpx.AsyncClient(transport=Transport()) as client:
        assert (await client.get(server.url)).text == "packed"
        assert (await client.post(server.url, content=pieces())).text == "packed"
        async with client.stream("POST", server.url, json={"a": [1]}) as response:
            assert b"".join([chunk async for chunk in response.aiter_bytes()]) == b"packed"
    assert [body for _, body in seen] == [b"", b"one two", b'{"a":[1]}']


async def test_a_read_answer_gives_its_connection_back() -> None:
    async with Server(answering(OK)) as server, Transport() as transport:
        for _ in range(3):
            assert (await fetch(transport, post(server.url))).content == b"ok"
        unread = await transport.handle_async_request(post(server.url))
        await unread.aclose()  # it had arrived whole, so nothing is lost by keeping the connection
        await fetch(transport, post(server.url))
        assert server.connections == 1


@pytest.mark.parametrize(
    ("method", "answer", "status", "body", "connections"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", 200, b"", 1),
        ("POST", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", 1),
        ("POST", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, 200, b"ok", 1),
        ("POST", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, b"ok", 1),
        ("POST", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", 2),
        ("POST", b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 307, b"", 1),
    ],
)
async def test_forms_of_answers(method: str, answer: bytes, status: int, body: bytes, connections: int) -> None:
    async with Server(answering(answer)) as server, Transport() as transport:
        for _ in range(2):
            response = await fetch(transport, httpx.Request(method, server.url))
            assert (response.status_code, response.content) == (status, body)
        assert server.connections == connections


async def test_a_body_may_end_with_its_connection() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")

    async with Server(handler) as server, Transport() as transport:
        assert (await fetch(transport, post(server.url))).content == b"all of it"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_compressed_stream_is_not_held_back(coding: str) -> None:
    more = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        packer = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
        await peer.send(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nTransfer-Encoding: chunked\r\n\r\n" % coding.encode()
        )
        for text in (b"data: one\n\n", b"data: two\n\n"):
            packed = packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH)
            await peer.send(b"%x\r\n%b\r\n" % (len(packed), packed))
            await more.wait()
        packed = packer.flush()
        await peer.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed))
        await peer.gone()

    async with Server(handler) as server, Transport() as transport:
        response = await transport.handle_async_request(post(server.url))
        assert "content-encoding" not in response.headers
        stream = aiter(response.stream)
        assert await anext(stream) == b"data: one\n\n"
        more.set()
        assert b"".join([chunk async for chunk in stream]) == b"data: two\n\n"


async def test_what_has_arrived_comes_in_one_piece() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        events = b"".join(b"9\r\ndata: x\n\n\r\n" for _ in range(500))
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + events + b"0\r\n\r\n")
        await peer.gone()

    async with Server(handler) as server, Transport() as transport:
        response = await transport.handle_async_request(post(server.url))
        await asyncio.sleep(0.05)
        chunks = [chunk async for chunk in response.stream]
    assert b"".join(chunks) == b"data: x\n\n" * 500
    assert len(chunks) <= 2


async def test_a_large_request_arrives_whole() -> None:
    received = []

    async def handler(peer: Peer) -> None:
        received.append((await peer.request())[1])
        await peer.send(OK)
        await peer.gone()

    body = bytes(range(256)) * 40_000
    async with Server(handler) as server, Transport() as transport:
        assert (await fetch(transport, post(server.url, body))).content == b"ok"
    assert received == [body]


async def test_an_answer_before_the_end_of_the_request_is_heard() -> None:
    before = asyncio.all_tasks()

    async def handler(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await peer.gone()

    async with Server(handler) as server, Transport() as transport:
        response = await fetch(transport, post(server.url, b"x" * 10_000_000))
        assert (response.status_code, response.content) == (413, b"big")
        await server.quiet()
    assert asyncio.all_tasks() <= before


async def test_ipv6() -> None:
    try:
        server = await Server(answering(OK), host="::1").__aenter__()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    try:
        async with Transport() as transport:
            assert (await fetch(transport, post(server.url))).content == b"ok"
    finally:
        await server.__aexit__()


async def test_connections_are_bounded_and_shared() -> None:
    most = 0
    busy = 0

    async def handler(peer: Peer) -> None:
        nonlocal busy, most
        while True:
            await peer.request()
            busy += 1
            most = max(most, busy)
            await asyncio.sleep(0.002)
            busy -= 1
            await peer.send(OK)

    async with Server(handler) as server, Transport(max_connections=8) as transport:
        responses = await asyncio.gather(*(fetch(transport, post(server.url)) for _ in range(64)))
        assert [response.content for response in responses] == [b"ok"] * 64
        assert most <= server.connections <= 8


async def test_a_connection_that_the_server_closed_while_idle_is_not_used() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)

    async with Server(handler) as server, Transport() as transport:
        for _ in range(3):
            await fetch(transport, post(server.url))
            await server.quiet()
        assert server.connections == 3


def test_a_close_that_the_event_loop_has_not_seen_yet_is_seen_before_sending() -> None:
    """The loop is held up, as by a busy window or a sleeping laptop, while the server closes the idle connection."""
    closed = threading.Event()
    bodies: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            with connection:
                received = b""
                while not received.endswith(b"{}"):
                    received += connection.recv(65536)
                bodies.append(received)
                connection.sendall(OK)
            closed.set()

    async def run(url: str) -> None:
        async with Transport() as transport:
            await fetch(transport, post(url))
            closed.wait(5)
            time.sleep(0.02)
            assert (await fetch(transport, post(url))).content == b"ok"

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        asyncio.run(run(f"http://127.0.0.1:{listener.getsockname()[1]}"))
        thread.join(5)
    assert len(bodies) == 2


async def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one() -> None:
    sent = asyncio.Event()
    first = True

    async def handler(peer: Peer) -> None:
        nonlocal first
        await peer.request()
        await peer.send(OK)
        if first:
            first = False
            await asyncio.sleep(0.01)
            await peer.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
            sent.set()
        await peer.gone()

    async with Server(handler) as server, Transport() as transport:
        await fetch(transport, post(server.url))
        await sent.wait()
        assert (await fetch(transport, post(server.url))).status_code == 200
        assert server.connections == 2


async def test_closing_an_answer_early_closes_its_connection_at_once() -> None:
    before = asyncio.all_tasks()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await peer.gone()

    async with Server(handler) as server, Transport() as transport:
        response = await transport.handle_async_request(post(server.url))
        assert await anext(aiter(response.stream)) == b"hello"
        await response.aclose()
        await asyncio.wait_for(server.quiet(), 1)
        with pytest.raises(StopAsyncIteration):
            await anext(aiter(response.stream))
        await response.aclose()
        assert asyncio.all_tasks() <= before


async def test_an_answer_that_is_dropped_unread_warns_and_closes_its_connection() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
        await peer.gone()

    async with Server(handler) as server, Transport() as transport:
        with pytest.warns(ResourceWarning, match="neither read nor closed"):
            await transport.handle_async_request(post(server.url))
            gc.collect()
        await asyncio.wait_for(server.quiet(), 1)


@pytest.mark.parametrize("stage", ["head", "body", "upload"])
async def test_cancelling_closes_the_connection_at_once(stage: str) -> None:
    before = asyncio.all_tasks()
    reached = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        if stage == "body":
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
        reached.set()
        if stage == "upload":
            await asyncio.sleep(0.05)
        await peer.gone()

    async with Server(handler) as server, Transport() as transport:
        content = b"x" * 20_000_000 if stage == "upload" else b"{}"
        task = asyncio.create_task(fetch(transport, post(server.url, content)))
        await reached.wait()
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.quiet(), 2)
        assert asyncio.all_tasks() <= before


async def test_closing_the_transport_ends_what_runs_on_it() -> None:
    reached = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
        reached.set()
        await peer.gone()

    async with Server(handler) as server:
        transport = Transport(max_connections=1)
        reading = asyncio.create_task(fetch(transport, post(server.url)))
        await reached.wait()
        waiting = asyncio.create_task(fetch(transport, post(server.url)))
        await asyncio.sleep(0.01)
        await transport.aclose()
        with pytest.raises(httpx.ReadError, match="closed on this side"):
            await reading
        with pytest.raises(httpx.ConnectError, match="The transport was closed"):
            await waiting
        with pytest.raises(RuntimeError):
            await fetch(transport, post(server.url))
        await asyncio.wait_for(server.quiet(), 1)


async def test_silence_is_measured_between_reads_and_not_over_all() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        for _ in range(10):
            await asyncio.sleep(0.02)
            await peer.send(b"x")
        await peer.gone()

    async with Server(handler) as server, Transport() as transport:
        response = await transport.handle_async_request(post(server.url, read=0.12))
        await asyncio.sleep(0.2)  # a reader that takes its time is not a silent server
        assert await response.aread() == b"x" * 10


async def test_a_pool_tells_what_is_in_use_idle_and_waiting_and_who_has_a_connection() -> None:
    go = asyncio.Event()

    async def handler(peer: Peer) -> None:
        while True:
            await peer.request()
            await go.wait()
            await peer.send(OK)

    async with Server(handler) as server, Transport(max_connections=1, keep_stacks=True) as transport:
        assert transport.figures("groq").in_use == 0
        await transport.warm(httpx.URL(server.url), 5.0)
        assert (transport.figures("groq").idle, len(transport.take_connect_times())) == (1, 1)

        asking = [asyncio.ensure_future(fetch(transport, post(server.url + "/v1/chat?key=x"))) for _ in range(3)]
        while transport.figures("groq").waiting < 2:
            await asyncio.sleep(0)
        busy = transport.figures("groq")
        assert (busy.in_use, busy.idle, busy.waiting, busy.limit) == (1, 0, 2, 1)
        (holder,) = busy.holders
        assert holder.name == "fetch: POST /v1/chat"
        assert holder.held_s >= 0
        assert "in fetch" in holder.where

        with pytest.raises(httpx.ConnectTimeout):
            await fetch(transport, post(server.url, connect=0.01))
        assert transport.figures("groq").timeouts == 1
        go.set()
        await asyncio.gather(*asking)
        rest = transport.figures("groq")
        assert (rest.in_use, rest.idle, rest.waiting) == (0, 1, 0)
        assert transport.take_connect_times() == ()
    assert server.connections == 1
