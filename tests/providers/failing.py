"""What the tests of failures share: a request that has to fail, names without DNS, certificates of our own."""

from __future__ import annotations

import asyncio
import socket
import ssl
import traceback
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from aiconsole.domain.errors import ConnectionFailed, ProviderError, TimedOut
from aiconsole.providers.failures import to_provider_error
from aiconsole.providers.transport import Transport

KEY = "canary-4b1d"


class Names(AbstractResolver):
    """A resolver that knows loopback names only, or fails as told."""

    def __init__(self, error: OSError | None = None, *, hang: bool = False) -> None:
        self._error = error
        self._hang = hang

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if self._hang:
            await asyncio.Event().wait()
        if self._error is not None:
            raise self._error
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        pass


class Authority:
    """A certificate authority of the test's own, and servers with certificates by it."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.file = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.file)

    def context(self, *names: str, expired: bool = False) -> ssl.SSLContext:
        end = datetime(2020, 1, 1, tzinfo=UTC) if expired else None
        certificate = self._ca.issue_cert(*names, not_before=datetime(2019, 1, 1, tzinfo=UTC), not_after=end)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        return context


async def failure(
    url: str, *, transport: Transport | None = None, content: bytes = b"{}", **limits: float | None
) -> tuple[httpx.TransportError, ProviderError]:
    """The transport's error for a request that has to fail, and ours for it. Neither may show the key."""
    request = httpx.Request(
        "POST", url, content=content, headers={"Authorization": f"Bearer {KEY}"}, extensions={"timeout": limits}
    )
    async with transport or Transport() as used:
        with pytest.raises(httpx.TransportError) as caught:
            response = await used.handle_async_request(request)
            await response.aread()
    error = to_provider_error(caught.value, provider="groq", model="m")
    assert (error.provider, error.model) == ("groq", "m")
    for shown in (*traceback.format_exception(caught.value), repr(error), str(error)):
        assert KEY not in shown
    return caught.value, error


def sent_nothing(error: ProviderError) -> bool:
    return isinstance(error, ConnectionFailed) or (isinstance(error, TimedOut) and error.phase == "connect")
