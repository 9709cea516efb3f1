"""All providers that are switched on, by name, each built when it is first asked.

Dialects come from three places: the seven that are built in, "openai" for custom OpenAI-compatible servers, and plug-ins
found by the entry point group ``aiconsole.providers`` (an entry's name is the dialect's, its value a `Dialect` class).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.pools import PoolFigures
from aiconsole.providers.base import Dialect, Provider
from aiconsole.providers.client import HttpProvider
from aiconsole.providers.config import ProviderConfig
from aiconsole.providers.pricing import PriceBook

_log = logging.getLogger(__name__)

_BUILT_IN: Final = {
    "groq": "aiconsole.providers.groq:GroqDialect",
    "cohere": "aiconsole.providers.cohere:CohereDialect",
    "mistral": "aiconsole.providers.mistral:MistralDialect",
    "gemini": "aiconsole.providers.gemini:GeminiDialect",
    "cerebras": "aiconsole.providers.cerebras:CerebrasDialect",
    "openrouter": "aiconsole.providers.openrouter:OpenRouterDialect",
    "anthropic": "aiconsole.providers.anthropic:AnthropicDialect",
}
BUILT_IN: Final = tuple(_BUILT_IN)
PLUGIN_GROUP: Final = "aiconsole.providers"


def plugins() -> dict[str, str]:
    """Dialects that installed plug-ins offer: name -> where it is found. A name that is built in is left to us."""
    from importlib.metadata import entry_points

    return {entry.name: entry.value for entry in entry_points(group=PLUGIN_GROUP) if entry.name not in _BUILT_IN}


def make_dialect(config: ProviderConfig, plugins: Mapping[str, str]) -> Dialect:
    """The dialect a provider speaks; ``plugins`` as `plugins` found them.

    Raises:
        ConfigError: there is no such dialect, or its plug-in does not load.
    """
    if config.dialect == "openai":
        from aiconsole.providers.custom import CustomOpenAIDialect

        return CustomOpenAIDialect(
            config.name, config.label or config.name, config.base_url or "", asks_for_usage=config.ask_for_usage
        )
    if config.dialect in _BUILT_IN:
        return _load(_BUILT_IN[config.dialect])
    found = plugins.get(config.dialect)
    if found is None:
        raise ConfigError(
            f"No dialect is called “{config.dialect}”.",
            advice=f"Use “openai”, one of {', '.join(BUILT_IN)}, or install the plug-in that brings it.",
        )
    try:
        return _load(found)
    except Exception as fault:
        _log.exception("The plug-in %s does not load.", found)
        raise ConfigError(
            f"The plug-in for “{config.dialect}” ({found}) does not load: {fault}",
            advice="Update or remove the plug-in; the log has the details.",
        ) from fault


def _load(place: str) -> Dialect:
    module, _, name = place.partition(":")
    made = getattr(import_module(module), name)()
    if not isinstance(made, Dialect):
        raise TypeError(f"{place} is not a subclass of aiconsole.providers.base.Dialect")
    return made


class Registry(Mapping[str, Provider]):
    """The providers by name. `configure` may be called at any time; requests in flight end at the provider they began with."""

    def __init__(self, prices: PriceBook, clock: Clock, plugins: Mapping[str, str]) -> None:
        self._prices = prices
        self._clock = clock
        self._plugins = plugins
        self._configs: dict[str, ProviderConfig] = {}
        self._built: dict[str, HttpProvider] = {}
        self._retiring: dict[asyncio.Task[None], HttpProvider] = {}

    def configure(self, configs: Mapping[str, ProviderConfig]) -> tuple[str, ...]:
        """Take a new set-up as a whole: what changed or went away is closed once idle and built again when next asked.

        Returns:
            The names of those that are set up otherwise than before.
        """
        changed = tuple(name for name, config in self._configs.items() if configs.get(name) != config)
        for name in [name for name in self._built if name in changed]:
            provider = self._built.pop(name)
            task = asyncio.ensure_future(provider.retire())
            self._retiring[task] = provider
            task.add_done_callback(lambda done: self._retiring.pop(done, None))
        self._configs = dict(configs)
        return changed

    def config(self, name: str) -> ProviderConfig:
        """How a provider is set up. Raises KeyError for an unknown name."""
        return self._configs[name]

    def __getitem__(self, name: str) -> HttpProvider:
        provider = self._built.get(name)
        if provider is None:
            config = self._configs[name]
            provider = self._built[name] = HttpProvider(
                config, make_dialect(config, self._plugins), self._prices, self._clock
            )
        return provider

    def pools(self) -> tuple[PoolFigures, ...]:
        """The connections of each provider asked so far, and of those that are ending."""
        ending = (msgspec.structs.replace(old.pool(), name=f"{old.name}, ending") for old in self._retiring.values())
        return (*(provider.pool() for provider in self._built.values()), *ending)

    def take_connect_times(self) -> tuple[float, ...]:
        """How long the newest connections took to be made, in ms; those told before are left out."""
        return tuple(ms for provider in self._built.values() for ms in provider.take_connect_times())

    def __contains__(self, name: object) -> bool:
        return name in self._configs

    def __iter__(self) -> Iterator[str]:
        return iter(self._configs)

    def __len__(self) -> int:
        return len(self._configs)

    async def aclose(self) -> None:
        """Close every provider; requests in flight fail with a cut connection."""
        left = dict(self._retiring)
        open_ones = [*self._built.values(), *left.values()]
        self._built.clear()
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.gather(*(provider.aclose() for provider in open_ones))
