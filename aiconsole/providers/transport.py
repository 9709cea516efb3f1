"""HTTP/1.1 at httpx's transport seam, on aiohttp's connection pool and parser.

`Transport` is an ordinary httpx transport: it takes an `httpx.Request`, gives an `httpx.Response` and raises httpx's
exceptions, so anything that speaks to that seam works with it.

It does not use aiohttp's ``ClientSession`` as the httpx-aiohttp package does, but the layer under it: the connector (pool,
DNS cache, Happy Eyeballs, TLS, proxy tunnels) and the response parser. Two reasons, both measured: an exchange costs 0.07 ms
of CPU instead of 0.12 (4 kB over loopback, 64 in flight), and the phase in which it failed is known instead of guessed from
the exception's type, which is how httpx-aiohttp 0.2 came to report resets and disconnects after the request was sent as
connect timeouts. Used are only names without an underscore that aiohttp's own client module uses too;
tests/providers/test_transport.py, test_connecting.py and test_failures.py show each at work over real sockets.

Limits, all from the request's ``timeout`` extension, in seconds, None for no limit:

- ``connect``: waiting for a free connection, the name, TCP, the proxy's tunnel and TLS together;
- ``head``: silence until the answer's head is there (default: as ``read``), counted from the last progress of the upload;
- ``read``: silence between two reads of the body, while somebody waits for it.

Deadlines over all of it (first token, total) are the caller's, who cancels, or calls `Body.expire`.

Idle connections: a server may close one just as a request is sent on it. So a connection from the pool is looked at first, and
dropped if the server has closed it or sent something unasked; nothing was sent then, so another one is taken without anyone
noticing. What the look cannot see, a close that crosses the request on the wire, is `StaleConnection`:
it is not repeated here, because the server may have read the request (RFC 9112, section 9.3.1).
"""

from __future__ import annotations

import asyncio
import base64
import select
import sys
import traceback
from collections import deque
from functools import lru_cache, partial
from typing import Final, NamedTuple

import aiohttp
import httpx
import yarl
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from aiconsole import proactor
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.pools import Holder, PoolFigures
from aiconsole.providers.addresses import is_loopback
from aiconsole.providers.exchange import Body, Exchange, Limits, Watch
from aiconsole.providers.failures import connect_failure, proxy_login_failure
from aiconsole.providers.resolver import ProxyAwareResolver, SystemResolver
from aiconsole.providers.tls import tls_context

MAX_CONNECTIONS: Final = 256
KEEPALIVE_S: Final = 60.0
_DNS_TTL_S: Final = 60
_CONNECTS: Final = 64
_FRAMES: Final = 24
_NO_LIMITS: Final[Limits] = {}
_CLOSED: Final = "The transport was closed."
_BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
_OWN_HEADERS: Final = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection"})


class _Origin(NamedTuple):
    """Where requests of one scheme, host and port go."""

    name: str
    host_header: bytes
    target_prefix: bytes
    proxy_login: bytes
    proxy: str | None
    template: aiohttp.ClientRequest


class Transport(httpx.AsyncBaseTransport):
    """Connections to any number of hosts, kept alive between requests.

    Args:
        proxy: ``http://[user:password@]host:port`` of a proxy for all requests but those to this computer; the environment
            is never asked.
        ca_file: PEM file with certificates to trust beside the system's.
        resolver: turns the names of hosts into addresses, and may refuse (`ConfigError`); default: the system's. A proxy's
            name is always resolved by the system, and behind a proxy it is the proxy that resolves the host's.
        max_connections: at most so many at once; further requests wait, within their ``connect`` limit.
        keepalive_s: how long an idle connection is kept, in seconds.
        keep_stacks: whether the stack is kept at which a connection was taken; costs some 50 microseconds a request.

    Nothing is opened, read or resolved before the first request. Redirects are never followed, cookies never kept.

    Raises:
        ConfigError: the proxy's URL cannot be used.
    """

    def __init__(
        self,
        *,
        proxy: str | None = None,
        ca_file: str | None = None,
        resolver: AbstractResolver | None = None,
        max_connections: int = MAX_CONNECTIONS,
        keepalive_s: float = KEEPALIVE_S,
        keep_stacks: bool = False,
    ) -> None:
        proactor.mend()
        self._keep_stacks = keep_stacks
        self._connecting = 0
        self._timeouts = 0
        self._connect_ms: deque[float] = deque(maxlen=_CONNECTS)
        self._proxy = None if proxy is None else _checked_proxy(proxy)
        self._ca_file = ca_file
        self._resolver = resolver or SystemResolver()
        if self._proxy is not None:
            self._resolver = ProxyAwareResolver(self._resolver, self._proxy.url.host)
        self._max_connections = max_connections
        self._keepalive_s = keepalive_s
        self._origins: dict[tuple[str, str, int | None], _Origin] = {}
        self._connector: aiohttp.TCPConnector | None = None
        self._watch: Watch | None = None
        self._serving: dict[ResponseHandler, Exchange | None] = {}
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange up to the head of the answer; its body, decompressed, is the response's stream (a `Body`).

        Raises:
            httpx.ConnectError, httpx.ConnectTimeout: no connection was made, nothing was sent.
            httpx.WriteError, httpx.WriteTimeout: the connection broke, or the server stopped reading, in mid request.
            httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError: the request may have been received.
            httpx.LocalProtocolError, httpx.UnsupportedProtocol: the request cannot be sent.
        """
        if self._closed:
            raise RuntimeError(_CLOSED)
        url = request.url
        origin = self._origins.get((url.scheme, url.host, url.port)) or await self._new_origin(url)
        stream = request.stream
        body = b"".join(stream) if isinstance(stream, httpx.ByteStream) else await request.aread()
        head = _head(request, origin, len(body))
        limits = request.extensions.get("timeout", _NO_LIMITS)
        connection, reused = await self._connect(origin, limits.get("connect"))
        watch = self._watch or self._new_watch()
        asked = (request.method, url.raw_path)
        exchange = Exchange(origin.name, connection, reused, self._give_back, watch, limits, asked)
        if self._keep_stacks:
            exchange.where = "".join(traceback.format_stack(limit=_FRAMES))
        assert connection.protocol is not None
        self._serving[connection.protocol] = exchange
        message = await exchange.ask(head, body, no_body=request.method == "HEAD")
        if message.code == 407 and origin.proxy is not None:
            exchange.abort()
            raise proxy_login_failure(origin.name, origin.proxy)
        headers = message.raw_headers
        if message.compression is not None:
            headers = tuple(pair for pair in headers if pair[0].lower() not in (b"content-encoding", b"content-length"))
        return httpx.Response(
            message.code,
            headers=headers,
            stream=Body(exchange),
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": (message.reason or "").encode()},
        )

    async def aclose(self) -> None:
        """Close every connection, in use or not, and wait until the sockets are closed. Running exchanges fail."""
        self._closed = True
        if self._watch is not None:
            self._watch.close()
        if self._connector is not None:
            closing = [closed for protocol in self._serving if (closed := protocol.closed) is not None]
            await self._connector.close()
            await asyncio.gather(*closing, return_exceptions=True)
        await self._resolver.close()

    async def warm(self, url: httpx.URL, limit_s: float | None) -> None:
        """Have a connection to ``url``'s host ready: its name resolved, TCP and TLS done. Nothing is asked on it.

        Args:
            limit_s: how long that may take, in s; None for no limit.

        Raises: as `handle_async_request` where no connection is made.
        """
        if self._closed:
            raise RuntimeError(_CLOSED)
        origin = self._origins.get((url.scheme, url.host, url.port)) or await self._new_origin(url)
        connection, _ = await self._connect(origin, limit_s)
        self._give_back(connection, True)

    def figures(self, name: str) -> PoolFigures:
        """The connections as a pool called ``name``."""
        busy = [exchange for exchange in self._serving.values() if exchange is not None]
        waiting = min(self._connecting, max(0, len(busy) + self._connecting - self._max_connections))
        now = 0.0 if self._watch is None else self._watch.now()
        return PoolFigures(
            name,
            "http",
            len(busy),
            len(self._serving) - len(busy),
            self._connecting - waiting,
            waiting,
            self._max_connections,
            self._timeouts,
            tuple(_holder(exchange, now) for exchange in busy),
        )

    def take_connect_times(self) -> tuple[float, ...]:
        """How long the newest connections took to be made, in ms, queue included; those told before are left out."""
        taken = tuple(self._connect_ms)
        self._connect_ms.clear()
        return taken

    async def _connect(self, origin: _Origin, limit_s: float | None) -> tuple[Connection, bool]:
        """A connection ready to be written to, and whether it was used before."""
        time = asyncio.get_running_loop().time
        began = time()
        self._connecting += 1
        try:
            connection, reused = await self._connected(origin, limit_s)
        finally:
            self._connecting -= 1
        if not reused:
            self._connect_ms.append((time() - began) * 1000)
        return connection, reused

    async def _connected(self, origin: _Origin, limit_s: float | None) -> tuple[Connection, bool]:
        connector = self._connector or self._new_connector()
        while True:
            try:
                connection = await connector.connect(origin.template, [], _connect_limit(limit_s))
            except TimeoutError as exc:
                self._timeouts += 1
                within = "in time" if limit_s is None else f"within {limit_s:g} s"
                raise httpx.ConnectTimeout(f"No connection to {origin.name} {within}.") from exc
            except (aiohttp.ClientError, OSError, ConfigError, UnicodeError) as exc:
                if self._closed:
                    raise httpx.ConnectError(_CLOSED) from exc
                raise connect_failure(exc, origin.name, origin.proxy) from exc
            except asyncio.CancelledError as exc:
                task = asyncio.current_task()
                if self._closed and not (task is not None and task.cancelling()):
                    raise httpx.ConnectError(_CLOSED) from exc
                raise
            protocol = connection.protocol
            assert protocol is not None
            if protocol not in self._serving:
                if protocol.is_connected() and (closed := protocol.closed) is not None:
                    self._serving[protocol] = None
                    closed.add_done_callback(partial(self._lost, protocol))
                    return connection, False
                connection.close()
                raise httpx.ConnectError(f"{origin.name} closed the connection as soon as it was made.")
            if not protocol.should_close and not _has_input(protocol):
                return connection, True
            self._give_back(connection, False)

    def _give_back(self, connection: Connection, reusable: bool) -> None:
        """End the use of ``connection``: back to the pool, or closed at once without waiting for the peer."""
        protocol = connection.protocol
        if protocol is None:
            return
        if protocol in self._serving:
            self._serving[protocol] = None
        if reusable and not protocol.should_close:
            connection.release()
            return
        if protocol.transport is not None:
            protocol.transport.abort()
        connection.close()

    def _lost(self, protocol: ResponseHandler, closed: asyncio.Future[None]) -> None:
        """A connection ended, for whatever reason."""
        if not closed.cancelled():
            closed.exception()  # retrieved, so that asyncio does not complain of it; the exchange has it from the protocol
        exchange = self._serving.pop(protocol, None)
        if exchange is not None:
            exchange.lost()

    async def _new_origin(self, url: httpx.URL) -> _Origin:
        if url.scheme not in ("http", "https") or not url.host:
            raise httpx.UnsupportedProtocol(f"Only http:// and https:// can be called, not {url.scheme}://.")
        secure = url.scheme == "https"
        context = None
        try:
            proxy = None if self._proxy is None or is_loopback(url.host) else self._proxy
            if secure or (proxy is not None and proxy.url.scheme == "https"):
                context = await asyncio.to_thread(tls_context, self._ca_file)
        except ConfigError as exc:
            raise connect_failure(exc, url.host, None) from exc
        name = url.netloc.decode("ascii")
        login = b""
        proxy_headers = {"Host": name}  # aiohttp would add it later, and they are part of the pool's key
        if proxy is not None and proxy.raw_auth is not None:
            login = b"Basic " + base64.b64encode(b":".join(proxy.raw_auth))
            proxy_headers["Proxy-Authorization"] = login.decode()
        origin = _Origin(
            name=name,
            host_header=url.netloc,
            target_prefix=b"http://" + url.netloc if proxy is not None and not secure else b"",
            proxy_login=b"Proxy-Authorization: %b\r\n" % login if login and not secure else b"",
            proxy=None if proxy is None else proxy.url.netloc.decode("ascii"),
            template=aiohttp.ClientRequest(
                "POST",
                yarl.URL(f"{url.scheme}://{name}"),
                loop=asyncio.get_running_loop(),
                ssl=True if context is None else context,
                proxy=None if proxy is None else yarl.URL(str(proxy.url)),
                proxy_headers=None if proxy is None else proxy_headers,
            ),
        )
        return self._origins.setdefault((url.scheme, url.host, url.port), origin)

    def _new_connector(self) -> aiohttp.TCPConnector:
        self._connector = aiohttp.TCPConnector(
            resolver=self._resolver,
            ttl_dns_cache=_DNS_TTL_S,
            limit=self._max_connections,
            keepalive_timeout=self._keepalive_s,
        )
        return self._connector

    def _new_watch(self) -> Watch:
        self._watch = Watch(asyncio.get_running_loop())
        return self._watch


def _holder(exchange: Exchange, now: float) -> Holder:
    method, target = exchange.request
    path = target.partition(b"?")[0].decode("ascii", "replace")
    return Holder(f"{exchange.taken_by}: {method} {path}", exchange.taken_at, now - exchange.taken_at, exchange.where)


@lru_cache(maxsize=64)
def _connect_limit(seconds: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=seconds)


def _checked_proxy(url: str) -> httpx.Proxy:
    try:
        proxy = httpx.Proxy(url)
    except (ValueError, httpx.InvalidURL):
        proxy = None
    if proxy is None or proxy.url.scheme not in ("http", "https") or not proxy.url.host:
        raise ConfigError("The proxy's URL cannot be used.", advice="Example: http://proxy.example.com:3128")
    return proxy


def _head(request: httpx.Request, origin: _Origin, length: int) -> bytes:
    """Request line and headers as bytes, with those that HTTP/1.1 itself needs as they must be."""
    target = origin.target_prefix + request.url.raw_path
    lines = [b"%b %b HTTP/1.1\r\n" % (request.method.encode(), target), b"Host: %b\r\n" % origin.host_header]
    lines += [b"%b: %b\r\n" % pair for pair in request.headers.raw if pair[0].lower() not in _OWN_HEADERS]
    if length or request.method in _BODY_METHODS:
        lines.append(b"Content-Length: %d\r\n" % length)
    if origin.proxy_login:
        lines.append(origin.proxy_login)
    head = b"".join(lines)
    if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines) or b"\0" in head:
        raise httpx.LocalProtocolError("A header or the path holds a line break.")
    return head + b"\r\n"


def _has_input(protocol: ResponseHandler) -> bool:
    """Whether the socket of an idle connection holds bytes, or its end, that the event loop has not seen yet."""
    sock = None if protocol.transport is None else protocol.transport.get_extra_info("socket")
    if sock is None:
        return True
    if sys.platform != "win32" and hasattr(select, "poll"):
        poller = select.poll()
        poller.register(sock, select.POLLIN)
        return bool(poller.poll(0))
    return bool(select.select([sock], [], [], 0)[0])
