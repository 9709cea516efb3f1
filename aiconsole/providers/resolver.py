"""Names to addresses: by the system, and held against the policy for base URLs at the moment a connection is made."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from aiconsole.providers.addresses import AddressPolicy


class SystemResolver(AbstractResolver):
    """Asks the system (hosts file, VPN, DNS).

    Each look-up has a daemon thread of its own. In asyncio's pool of threads a name server that is silent would keep the
    program from ending until the system gives up, which takes half a minute; the connector caches what is found, so there
    are few look-ups.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of ``host``.

        Raises:
            OSError: the name cannot be resolved.
        """
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[Any]] = loop.create_future()

        def tell(infos: list[Any], error: Exception | None) -> None:
            if found.done():
                return
            if error is None:
                found.set_result(infos)
            else:
                found.set_exception(error)

        def look_up() -> None:
            infos: list[Any] = []
            error: Exception | None = None
            try:
                infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
            except OSError as exc:
                error = exc
            except UnicodeError:
                error = socket.gaierror(socket.EAI_NONAME, "not a host's name")
            with contextlib.suppress(RuntimeError):  # the event loop has ended meanwhile
                loop.call_soon_threadsafe(tell, infos, error)

        threading.Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
        return [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=port,
                family=family,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for family, _, proto, _, address in await found
        ]

    async def close(self) -> None:
        """Nothing is kept open."""


class PolicyResolver(AbstractResolver):
    """Resolves with ``inner`` (default: the system), and refuses a name if any of its addresses is outside the policy.

    The connector connects to the very addresses returned here, so a name cannot lead elsewhere between check and use.
    """

    def __init__(self, policy: AddressPolicy, inner: AbstractResolver | None = None) -> None:
        self._policy = policy
        self._inner = inner or SystemResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of ``host``.

        Raises:
            AddressNotAllowed: the policy forbids one of them.
            OSError: the name cannot be resolved.
        """
        found = await self._inner.resolve(host, port, family)
        for result in found:
            self._policy.check_address(host, ipaddress.ip_address(result["host"].partition("%")[0]))
        return found

    async def close(self) -> None:
        """Close the resolver inside."""
        await self._inner.close()


class ProxyAwareResolver(AbstractResolver):
    """Resolves a proxy's name by the system, since the person named it as such, and all others with ``hosts``."""

    def __init__(self, hosts: AbstractResolver, proxy_host: str) -> None:
        self._hosts = hosts
        self._system = SystemResolver()
        self._proxy_host = proxy_host

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of ``host``; raises what the resolver asked raises."""
        resolver = self._system if host == self._proxy_host else self._hosts
        return await resolver.resolve(host, port, family)

    async def close(self) -> None:
        """Close the resolver of the hosts."""
        await self._hosts.close()
