"""Which models the providers offer: their own lists, asked for once an hour, filled up with prices and context lengths from
the price list where the provider tells none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from aiconsole.domain.chat import Cost, Usage
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConsoleError, ProviderError
from aiconsole.domain.models import ModelInfo, Prices
from aiconsole.providers.pricing import PriceBook
from aiconsole.providers.registry import Registry

_KEPT_FOR_S: Final = 3600.0


class _List(NamedTuple):
    """One provider's models, and when they were read (monotonic s)."""

    read_at: float
    models: tuple[ModelInfo, ...]
    by_id: Mapping[str, ModelInfo]


class Catalogue:
    """Model lists by provider, kept in memory.

    ``revision`` grows whenever another list is known. ``failures`` holds, for each provider whose list could not be had at
    the last try, the error that says why.
    """

    def __init__(self, registry: Registry, prices: PriceBook, clock: Clock) -> None:
        self._registry = registry
        self._prices = prices
        self._clock = clock
        self._lists: dict[str, _List] = {}
        self._list_prices: dict[tuple[str, str], Prices | None] = {}
        self._failures: dict[str, ConsoleError] = {}
        self.revision = 0

    @property
    def failures(self) -> Mapping[str, ConsoleError]:
        return self._failures

    @property
    def count(self) -> int:
        """How many models are kept."""
        return sum(len(kept.models) for kept in self._lists.values())

    def forget(self, provider: str | None = None) -> None:
        """Ask again at the next need, at one provider or at all."""
        self.revision += 1
        for name in tuple(self._lists) if provider is None else (provider,):
            self._lists.pop(name, None)

    def known(self, provider: str, model: str) -> ModelInfo | None:
        """A model as far as its provider's list was read already; asks nobody."""
        kept = self._lists.get(provider)
        return None if kept is None else kept.by_id.get(model)

    def prices(self, provider: str, model: str) -> Prices | None:
        """A model's prices as far as they are known already; asks nobody."""
        info = self.known(provider, model)
        if info is not None:
            return info.prices
        key = (provider, model)
        if key not in self._list_prices:
            if not self._prices.loaded:
                return None
            self._list_prices[key] = self._prices.prices(self._registry.config(provider).dialect, model)
        return self._list_prices[key]

    def cost(self, provider: str, model: str, usage: Usage) -> Cost | None:
        """What a usage costs there by the price list, None where unknown."""
        if not self._prices.loaded:
            return None
        return self._prices.cost(self._registry.config(provider).dialect, (model,), usage)

    async def of(self, provider: str, *, refresh: bool = False) -> tuple[ModelInfo, ...]:
        """One provider's models, those named in its settings first.

        Raises:
            ProviderError: the list cannot be had, and the settings name no models that could stand in.
            KeyError: no provider of this name is switched on.
        """
        kept = self._lists.get(provider)
        if kept is not None and not refresh and self._clock.monotonic() - kept.read_at < _KEPT_FOR_S:
            return kept.models
        pinned = self._registry.config(provider).models
        await self._prices.load()
        try:
            listed = await self._registry[provider].models()
        except ProviderError as error:
            self._failures[provider] = error
            if not pinned:
                raise
            return tuple(self._filled(ModelInfo(provider, model)) for model in pinned)
        self._failures.pop(provider, None)
        by_id = {info.id: info for info in listed}
        ordered = [by_id.pop(model, ModelInfo(provider, model)) for model in pinned]
        models = tuple(self._filled(info) for info in (*ordered, *by_id.values()))
        self.revision += 1
        self._lists[provider] = _List(self._clock.monotonic(), models, {info.id: info for info in models})
        return models

    async def all(self, *, refresh: bool = False) -> tuple[ModelInfo, ...]:
        """The models of all providers, asked at the same time; one that fails is left out and stands in ``failures``."""
        names = tuple(self._registry)
        lists = await asyncio.gather(*(self.of(name, refresh=refresh) for name in names), return_exceptions=True)
        models: list[ModelInfo] = []
        for name, found in zip(names, lists, strict=True):
            if isinstance(found, ConsoleError):
                self._failures[name] = found
            elif isinstance(found, BaseException):
                raise found
            else:
                models.extend(found)
        return tuple(models)

    def _filled(self, info: ModelInfo) -> ModelInfo:
        changes: dict[str, object] = {}
        if info.prices is None:
            changes["prices"] = self._prices.prices(info.provider, info.id)
        if info.context_tokens is None:
            changes["context_tokens"] = self._prices.context_tokens(info.provider, info.id)
        return msgspec.structs.replace(info, **changes) if changes else info
