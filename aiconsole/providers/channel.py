"""The way to one provider: a base URL, headers built once, and a pool of connections, through httpx's transport seam.

`HttpChannel` costs next to nothing over the transport called directly (tests/benchmarks): URLs and headers are made once,
bodies go as bytes, and nothing of httpx's client (cookies, redirects, authentication, environment, logging) is in the way.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Final, cast

import httpx
from aiohttp import ClientRequest, hdrs

from aiconsole import __version__
from aiconsole.domain.errors import ConfigError
from aiconsole.providers.exchange import Body
from aiconsole.providers.failures import GarbledAnswer
from aiconsole.providers.transport import Transport

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
_MAX_URLS: Final = 256
_DEFAULT_HEADERS: Final = {
    "accept": "*/*",
    "accept-encoding": ClientRequest.DEFAULT_HEADERS[hdrs.ACCEPT_ENCODING],
    "user-agent": f"aiconsole/{__version__}",
    "content-type": "application/json",
}
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*\Z")


class HttpResponse:
    """An answer whose head has arrived. Read it whole with ``body`` or piecewise with ``async for``; close it otherwise.

    Attributes:
        status: HTTP status.
        headers: by lower-case name; several of one name are joined with ``, ``.
    """

    __slots__ = ("_stream", "headers", "status")

    def __init__(self, response: httpx.Response, stream: Body) -> None:
        self.status: int = response.status_code
        headers: dict[str, str] = {}
        for raw_name, raw_value in response.headers.raw:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        self.headers: Mapping[str, str] = headers
        self._stream = stream

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body as it arrives, decompressed; each item is all that has come since the last."""
        return self._stream

    async def body(self, *, max_bytes: int = MAX_BODY_BYTES) -> bytes:
        """The whole body, decompressed. The connection goes back to the pool.

        Raises:
            httpx.TransportError: it did not arrive whole, or is larger than ``max_bytes`` (`GarbledAnswer`).
        """
        chunks = []
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > max_bytes:
                await self.aclose()
                raise GarbledAnswer(f"The answer is larger than {max_bytes:,} bytes.")
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def expire(self) -> None:
        """Make the present or next read fail with `httpx.ReadTimeout`; for deadlines that the caller keeps."""
        self._stream.expire()

    async def aclose(self) -> None:
        """Back to the pool where the answer has arrived whole, otherwise the connection is closed at once. Never waits."""
        await self._stream.aclose()


class HttpChannel:
    """Requests to paths under one base URL.

    Args:
        base_url: as `AddressPolicy.check` gives it.
        headers: sent with each request, the key among them; never logged and never in an exception.
        transport: whose connections to use; closed with the channel.

    Raises:
        ConfigError: a header cannot be sent as it is.
    """

    def __init__(self, *, base_url: str, headers: Mapping[str, str], transport: Transport) -> None:
        self._base_url = base_url.rstrip("/")
        self.transport = transport
        self._urls: dict[str, httpx.URL] = {}
        self._headers = _checked_headers(self.sent_headers(headers))
        self._bare_headers = httpx.Headers(self._headers)
        del self._bare_headers["content-type"]

    @staticmethod
    def sent_headers(headers: Mapping[str, str]) -> dict[str, str]:
        """All headers that a channel with ``headers`` sends, by lower-case name."""
        return {**_DEFAULT_HEADERS, **{name.lower(): value for name, value in headers.items()}}

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        connect_s: float | None = 10.0,
        head_s: float | None = None,
        between_s: float | None = None,
    ) -> HttpResponse:
        """Send a request and wait for the head of the answer.

        Args:
            path: begins with ``/``, relative to the base URL, with its query.
            headers: for this request only, over the channel's own.
            content: the body; JSON unless a header says otherwise.
            connect_s, head_s, between_s: the transport's limits (see its module), in seconds; None for none.

        Raises:
            httpx.TransportError: see `Transport.handle_async_request`; `to_provider_error` makes ours of it.
        """
        all_headers = self._bare_headers if content is None else self._headers
        if headers:
            all_headers = httpx.Headers(all_headers)
            all_headers.update(_checked_headers(headers))
        request = httpx.Request(
            method,
            self._urls.get(path) or self._new_url(path),
            headers=all_headers,
            stream=httpx.ByteStream(content or b""),
            extensions={"timeout": {"connect": connect_s, "head": head_s, "read": between_s}},
        )
        response = await self.transport.handle_async_request(request)
        return HttpResponse(response, cast(Body, response.stream))

    async def warm(self, limit_s: float | None) -> None:
        """Have a connection ready; nothing is asked. Raises as `request` where none is made."""
        await self.transport.warm(self._urls.get("/") or self._new_url("/"), limit_s)

    async def aclose(self) -> None:
        """Close all connections; running exchanges fail."""
        await self.transport.aclose()

    def _new_url(self, path: str) -> httpx.URL:
        if not path.startswith("/"):
            raise ValueError(f"{path!r} does not begin with a slash.")
        url = httpx.URL(self._base_url + path)
        if len(self._urls) < _MAX_URLS:
            self._urls[path] = url
        return url


def _checked_headers(headers: Mapping[str, str]) -> httpx.Headers:
    """The headers for httpx; refused without showing a value, which may be a key."""
    for name, value in headers.items():
        if _HEADER_NAME.match(name) is None:
            raise ConfigError(f"{name!r} is not a header's name.")
        if _HEADER_VALUE.match(value) is None:
            raise ConfigError(
                f"The header {name} holds characters that cannot be sent.",
                advice="If it is a key, copy it again: only plain letters, digits and signs can be part of it.",
            )
    return httpx.Headers({name: value.strip() for name, value in headers.items()})
