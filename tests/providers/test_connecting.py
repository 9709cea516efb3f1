"""Each way in which no connection is made, over a real socket: nothing was sent, and the error says so and why."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from aiconsole.domain.errors import ConnectionFailed
from aiconsole.providers.transport import Transport
from tests.providers.failing import Authority, Names, failure, sent_nothing
from tests.providers.loopback import OK, Peer, Server, answering, closed_port

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_refused() -> None:
    port = closed_port()
    raised, error = await failure(f"http://127.0.0.1:{port}/")
    assert isinstance(raised, httpx.ConnectError)
    assert type(error) is ConnectionFailed
    assert error.message == f"Connection to 127.0.0.1:{port} was refused."
    assert "Nothing listens there" in error.advice


async def test_a_name_that_does_not_resolve() -> None:
    names = Names(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    raised, error = await failure("https://api.x.test/v1", transport=Transport(resolver=names))
    assert isinstance(raised, httpx.ConnectError)
    assert type(error) is ConnectionFailed
    assert error.message == "The name api.x.test could not be resolved (Name or service not known)."


async def test_a_name_server_that_is_silent() -> None:
    transport = Transport(resolver=Names(hang=True))
    raised, error = await failure("https://api.x.test/v1", transport=transport, connect=0.05)
    assert isinstance(raised, httpx.ConnectTimeout)
    assert sent_nothing(error)
    assert error.message == "No connection to api.x.test within 0.05 s."


async def test_a_server_that_accepts_but_does_not_shake_hands() -> None:
    async def handler(peer: Peer) -> None:
        await peer.gone()

    async with Server(handler) as server:
        raised, error = await failure(f"https://127.0.0.1:{server.port}", connect=0.1)
        await asyncio.wait_for(server.quiet(), 1)
    assert isinstance(raised, httpx.ConnectTimeout)
    assert sent_nothing(error)


async def test_no_free_connection_in_time() -> None:
    async def handler(peer: Peer) -> None:
        await peer.gone()

    async with Server(handler) as server, Transport(max_connections=1) as transport:
        first = asyncio.create_task(transport.handle_async_request(httpx.Request("POST", server.url)))
        await asyncio.sleep(0.02)
        request = httpx.Request("POST", server.url, extensions={"timeout": {"connect": 0.05}})
        with pytest.raises(httpx.ConnectTimeout):
            await transport.handle_async_request(request)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(autouse=True)
def quiet_server_side(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio logs handshakes that fail at the server; they fail on purpose here."""
    caplog.set_level("CRITICAL", logger="asyncio")


async def test_tls_with_a_ca_of_ones_own(authority: Authority) -> None:
    async with Server(answering(OK), tls=authority.context("127.0.0.1")) as server:
        async with Transport(ca_file=authority.file) as transport:
            for _ in range(2):
                response = await transport.handle_async_request(httpx.Request("POST", server.url, content=b"{}"))
                assert await response.aread() == b"ok"
        assert server.connections == 1


async def test_leaving_in_the_middle_over_tls_closes_at_once_and_leaves_nothing(authority: Authority) -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"5\r\nhello\r\n")
        await peer.gone()

    before = asyncio.all_tasks()
    async with Server(handler, tls=authority.context("127.0.0.1")) as server:
        async with Transport(ca_file=authority.file) as transport:
            request = httpx.Request("POST", server.url, content=b"{}")
            response = await transport.handle_async_request(request)
            assert await anext(aiter(response.stream)) == b"hello"
            await response.aclose()
            await asyncio.wait_for(server.quiet(), 1)
            task = asyncio.create_task(transport.handle_async_request(request))
            response = await task
            reading = asyncio.create_task(response.aread())
            await asyncio.sleep(0.02)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            await asyncio.wait_for(server.quiet(), 1)
            left = await transport.handle_async_request(request)  # closing the transport has to end it
        with pytest.raises(httpx.ReadError):
            await left.aread()
        await asyncio.wait_for(server.quiet(), 1)
        assert server.connections == 3
    gc.collect()
    assert asyncio.all_tasks() <= before


@pytest.mark.parametrize(
    ("names", "expired", "trusted", "words", "advice"),
    [
        (["127.0.0.1"], False, False, "unable to get local issuer certificate", "set its CA file"),
        (["127.0.0.1"], True, True, "certificate has expired", "date and time"),
        (["api.x.test"], False, True, "certificate is not valid for '127.0.0.1'", "another name"),
    ],
)
async def test_bad_certificates(
    authority: Authority, names: list[str], expired: bool, trusted: bool, words: str, advice: str
) -> None:
    async with Server(answering(OK), tls=authority.context(*names, expired=expired)) as server:
        transport = Transport(ca_file=authority.file if trusted else None)
        raised, error = await failure(server.url, transport=transport)
    assert isinstance(raised, httpx.ConnectError)
    assert type(error) is ConnectionFailed
    assert error.message.startswith(f"TLS with 127.0.0.1:{server.port} failed: ")
    assert words in error.message
    assert advice in error.advice


async def test_a_server_that_does_not_speak_tls() -> None:
    async def handler(peer: Peer) -> None:
        await peer.reader.read(100)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with Server(handler) as server:
        _, error = await failure(f"https://127.0.0.1:{server.port}")
    assert type(error) is ConnectionFailed
    assert error.message == f"TLS with 127.0.0.1:{server.port} failed: the server does not speak TLS on this port."


async def test_a_server_that_hangs_up_in_the_handshake() -> None:
    async def handler(peer: Peer) -> None:
        await peer.reader.read(100)

    async with Server(handler) as server:
        _, error = await failure(f"https://127.0.0.1:{server.port}")
    assert type(error) is ConnectionFailed
    assert f"127.0.0.1:{server.port} could not be reached" in error.message


async def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate", encoding="utf-8")
    for name, words in (("ca.pem", "it holds no certificate in PEM form"), ("missing.pem", "No such file")):
        _, error = await failure("https://127.0.0.1:1", transport=Transport(ca_file=str(tmp_path / name)))
        assert type(error) is ConnectionFailed
        assert words in error.message


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http:///path"])
async def test_what_is_no_http_url(url: str) -> None:
    raised, error = await failure(url)
    assert isinstance(raised, httpx.UnsupportedProtocol)
    assert type(error) is ConnectionFailed


async def test_a_header_that_would_smuggle_another() -> None:
    async with Transport() as transport:
        request = httpx.Request("GET", "http://127.0.0.1:1/", headers=[(b"X-One", b"a\r\nX-Two: b")])
        with pytest.raises(httpx.LocalProtocolError):
            await transport.handle_async_request(request)


# Proxies


@asynccontextmanager
async def proxy(answer: bytes | None) -> AsyncIterator[tuple[Server, list[bytes]]]:
    """A proxy that gives ``answer`` to CONNECT, or hangs up."""
    heads: list[bytes] = []

    async def handler(peer: Peer) -> None:
        heads.append((await peer.request())[0])
        if answer is not None:
            await peer.send(answer)
            await peer.gone()

    async with Server(handler) as server:
        yield server, heads


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "refused to connect to api.x.test: 403 Forbidden"),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "api.x.test: 407"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "did not open a tunnel to api.x.test"),
        (None, "did not open a tunnel to api.x.test"),
    ],
)
async def test_a_proxy_that_opens_no_tunnel(answer: bytes | None, words: str) -> None:
    async with proxy(answer) as (server, _):
        raised, error = await failure("https://api.x.test/v1", transport=Transport(proxy=server.url))
    assert isinstance(raised, httpx.ConnectError)
    assert type(error) is ConnectionFailed
    assert words in error.message
    assert f"proxy 127.0.0.1:{server.port}" in error.message


async def test_a_proxy_that_is_not_there() -> None:
    port = closed_port()
    _, error = await failure("https://api.x.test/v1", transport=Transport(proxy=f"http://127.0.0.1:{port}"))
    assert type(error) is ConnectionFailed
    assert error.message.startswith(f"The proxy 127.0.0.1:{port} could not be reached")


async def test_a_proxy_that_wants_a_login_for_plain_http() -> None:
    answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    async with proxy(answer) as (server, heads):
        url = server.url.replace("//", "//user:p%40ss@")
        _, error = await failure("http://api.x.test/v1", transport=Transport(proxy=url))
    assert type(error) is ConnectionFailed
    assert "user name and password" in error.advice
    assert heads[0].startswith(b"POST http://api.x.test/v1 HTTP/1.1\r\nHost: api.x.test\r\n")
    assert b"Proxy-Authorization: Basic dXNlcjpwQHNz\r\n" in heads[0]


async def test_a_tunnel_through_a_proxy(authority: Authority) -> None:
    heads: list[bytes] = []

    async def tunnel(peer: Peer) -> None:
        heads.append((await peer.request())[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        try:
            await asyncio.gather(copy(peer.reader, writer), copy(reader, peer.writer))
        finally:
            writer.close()

    async with Server(answering(OK), tls=authority.context("api.x.test")) as target, Server(tunnel) as server:
        url = server.url.replace("//", "//user:pass@")
        async with Transport(proxy=url, ca_file=authority.file) as transport:
            for _ in range(3):
                response = await transport.handle_async_request(
                    httpx.Request("POST", "https://api.x.test/v1", content=b"{}")
                )
                assert await response.aread() == b"ok"
        assert (server.connections, target.connections) == (1, 1)
    assert heads[0].startswith(b"CONNECT api.x.test:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic dXNlcjpwYXNz\r\n" in heads[0]


async def test_requests_to_this_computer_pass_a_proxy_by() -> None:
    transport = Transport(proxy=f"http://127.0.0.1:{closed_port()}")
    async with Server(answering(OK)) as server, transport:
        response = await transport.handle_async_request(httpx.Request("GET", server.url))
        assert await response.aread() == b"ok"
