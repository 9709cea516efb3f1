"""Names to addresses, held against the policy for base URLs at the moment a connection is made."""

from __future__ import annotations

import ipaddress
import socket

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from aiconsole.providers.addresses import AddressPolicy


class PolicyResolver(AbstractResolver):
    """Resolves as the system does, and refuses a name if any of its addresses is outside the policy.

    The connector connects to the very addresses returned here, so a name cannot lead elsewhere between check and use.
    """

    def __init__(self, policy: AddressPolicy, inner: AbstractResolver | None = None) -> None:
        self._policy = policy
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of ``host``.

        Raises:
            AddressNotAllowed: the policy forbids one of them.
            OSError: the name cannot be resolved.
        """
        if self._inner is None:
            self._inner = ThreadedResolver()
        found = await self._inner.resolve(host, port, family)
        for result in found:
            self._policy.check_address(host, ipaddress.ip_address(result["host"].partition("%")[0]))
        return found

    async def close(self) -> None:
        """Nothing is kept open."""
        if self._inner is not None:
            await self._inner.close()
