"""Looks after open circuit breakers: a provider whose health check succeeds again is tried at once, not when its time is up.

A health check spends no tokens (`Provider.probe`). It only makes a breaker half-open early, once each time it opened: the
trial calls decide. While no breaker is open nothing runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from aiconsole.domain.errors import ConfigError
from aiconsole.domain.events import BreakerChanged, Event
from aiconsole.domain.models import ProbeResult
from aiconsole.routing.breakers import Breakers

_PROBE_S: Final = 3.0


class Recovery:
    """Listens to the breakers' changes; `listen` is for the event bus.

    Args:
        probe: asks a provider, by name, for a sign of health.
        every_s: seconds between two checks of a provider.
    """

    def __init__(
        self, breakers: Breakers, probe: Callable[[str], Awaitable[ProbeResult]], *, every_s: float = 2.0
    ) -> None:
        self._breakers = breakers
        self._probe = probe
        self._every_s = every_s
        self._watching: dict[str, asyncio.Task[None]] = {}

    def listen(self, event: Event) -> None:
        """Begin to look after a provider when one of its breakers opens."""
        if isinstance(event, BreakerChanged) and event.after == "open":
            provider = event.key.partition("/")[0]
            if provider not in self._watching:
                self._watching[provider] = asyncio.ensure_future(self._watch(provider))

    async def _watch(self, provider: str) -> None:
        try:
            while self._open(provider):
                await asyncio.sleep(self._every_s)
                if not self._open(provider) or not await self._well(provider):
                    continue
                for key in self._open(provider):
                    self._breakers.get(key).hint_recovery()
                if self._open(provider):
                    return  # a hint that proved wrong is not given twice: its time decides
        finally:
            del self._watching[provider]

    async def _well(self, provider: str) -> bool:
        try:
            async with asyncio.timeout(_PROBE_S):
                return (await self._probe(provider)).ok
        except (TimeoutError, ConfigError):  # silent, or switched off by now
            return False

    def _open(self, provider: str) -> list[str]:
        return [
            breaker.key
            for breaker in self._breakers
            if breaker.key.partition("/")[0] == provider and breaker.state == "open"
        ]

    async def aclose(self) -> None:
        """Stop looking."""
        for task in tuple(self._watching.values()):
            task.cancel()
        await asyncio.gather(*self._watching.values(), return_exceptions=True)
