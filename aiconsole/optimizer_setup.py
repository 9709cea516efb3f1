"""The optimizer of an engine: the doors through which it looks at the engine's pools, caches and settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.events import AttemptFinished, RequestFinished
from aiconsole.domain.pools import PoolFigures
from aiconsole.optimizer.service import Optimizer
from aiconsole.optimizer.warming import first_candidates
from aiconsole.providers.registry import Registry
from aiconsole.routing.recent import RecentRequests
from aiconsole.settings import Performance

if TYPE_CHECKING:
    from aiconsole.engine import Engine
    from aiconsole.store import Store

_MODEL_BYTES = 900
"""What one model of the catalogue takes, roughly."""


class EngineDoors:
    """See `aiconsole.optimizer.service.Doors`."""

    def __init__(self, engine: Engine, registry: Registry) -> None:
        self._engine = engine
        self._registry = registry

    def settings(self) -> Performance:
        return self._engine.settings.performance

    def pools(self) -> tuple[PoolFigures, ...]:
        store = self._store
        return (*self._registry.pools(), *(store.pools() if store is not None else ()))

    def take_query_times(self) -> tuple[float, ...]:
        store = self._store
        return store.take_query_times() if store is not None else ()

    def take_connect_times(self) -> tuple[float, ...]:
        return self._registry.take_connect_times()

    def busy(self) -> bool:
        under_way = self._engine.gate.under_way
        return any(under_way(state.name) for state in self._engine.providers())

    def asked(self) -> tuple[int, int]:
        return self._engine.cache.asked

    def lag_ms(self) -> float:
        return self._engine.heartbeat.pulse().lag_ms

    def get(self, key: str) -> Any:
        return msgspec.to_builtins(self._engine.setting(key))

    async def change(self, values: Mapping[str, Any]) -> None:
        await self._engine.change_many(values)

    @property
    def _store(self) -> Store | None:
        return self._engine.store


def make_optimizer(engine: Engine, registry: Registry, recent: RecentRequests, clock: Clock) -> Optimizer:
    """An optimizer that listens to the engine's bus and follows its heart; it takes no figures before it is begun."""
    optimizer = Optimizer(EngineDoors(engine, registry), engine.home, clock, engine.bus.publish)
    catalogue, cache = engine.catalogue, engine.cache
    optimizer.memory.add("response cache", lambda: cache.memory_bytes, cache.shrink)
    optimizer.memory.add("requests to ask again", lambda: recent.size, recent.shrink)
    optimizer.memory.add("model lists", lambda: catalogue.count * _MODEL_BYTES)
    engine.bus.subscribe(optimizer.monitor.on_attempt, AttemptFinished)
    engine.bus.subscribe(optimizer.monitor.on_request, RequestFinished)
    engine.heartbeat.on_beat(optimizer.beat)
    return optimizer


async def warm_routes(engine: Engine, optimizer: Optimizer, registry: Registry) -> None:
    """Connect to who will be asked first, once the keys are known."""
    await engine.keys_read()
    usable = [state.name for state in engine.providers() if state.usable]
    names = first_candidates(engine.routes(), usable, engine.default_model())
    await optimizer.warm_up(tuple(name for name in names if name in registry), lambda name: registry[name].warm())
