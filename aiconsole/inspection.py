"""A look at recent requests: as they were asked, and as they are sent to a provider."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import structs

from aiconsole.domain.chat import ChatRequest
from aiconsole.provider_setup import Providers
from aiconsole.providers.base import Written
from aiconsole.routing.recent import RecentRequests


class Inspection:
    """What the parts of the console that show requests need to know of them; no answer holds a key."""

    def __init__(self, providers: Providers, recent: RecentRequests) -> None:
        self._providers = providers
        self._recent = recent

    def asked(self, request_id: str) -> ChatRequest | None:
        """A recent request as it was asked, by the id that its `RequestFinished` has; None where it is not kept any more."""
        return self._recent.get(request_id)

    async def sent_headers(self, provider: str) -> Mapping[str, str]:
        """The headers that each call to a provider has, by name, values hidden that are or may be secret; none of one that is
        not switched on."""
        if provider not in self._providers.registry:
            return {}
        return (await self._providers.get(provider)).sent_headers()

    async def written(self, request: ChatRequest, provider: str, model: str, *, stream: bool) -> Written:
        """What ``request`` is sent as to one candidate, without the key.

        Raises:
            ConfigError: there is no such provider switched on.
            ProviderError: it cannot be sent there.
        """
        asked = await self._providers.get(provider)
        return asked.written(structs.replace(request, model=model), stream=stream)
