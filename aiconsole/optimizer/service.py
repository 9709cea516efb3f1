"""The optimizer of one console: takes figures as the heart beats, gives memory back, connects ahead, switches profiles."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.events import Event, LeakSeen, MemoryRelieved
from aiconsole.domain.pools import PoolFigures, PoolKind
from aiconsole.optimizer.collection import Collector
from aiconsole.optimizer.footprint import Feet, Footprint
from aiconsole.optimizer.leaks import LeakWatch
from aiconsole.optimizer.memory import CacheSize, Memory
from aiconsole.optimizer.monitor import KEPT, Monitor, Reading
from aiconsole.optimizer.profile_file import ProfileFile
from aiconsole.optimizer.profiles import OWN, Profiles, Switch
from aiconsole.optimizer.warming import Warmed, warm_up

if TYPE_CHECKING:
    from aiconsole.home import Home
    from aiconsole.settings import Performance

_EARLY_S: Final = 0.5


class Doors(Protocol):
    """What the optimizer looks at and works on."""

    def settings(self) -> Performance:
        """Its settings as they are now."""
        ...

    def pools(self) -> tuple[PoolFigures, ...]: ...

    def take_query_times(self) -> tuple[float, ...]: ...

    def take_connect_times(self) -> tuple[float, ...]: ...

    def busy(self) -> bool:
        """Whether something is being answered."""
        ...

    def asked(self) -> tuple[int, int]:
        """How many requests the response cache answered since the start, and how many it did not."""
        ...

    def lag_ms(self) -> float:
        """How late the event loop came at its last beat."""
        ...

    def get(self, key: str) -> Any:
        """A setting's value in plain types. Raises `ConfigError`."""
        ...

    def change(self, values: Mapping[str, Any]) -> Awaitable[None]:
        """Change settings together; None is the default. Raises `ConfigError`, and nothing is changed."""
        ...


class HitRate(msgspec.Struct, frozen=True):
    """Requests that the cache answered and did not, in one stretch of `HIT_SLICE_S` that began at ``at`` (monotonic s)."""

    at: float
    hits: int
    misses: int


HIT_SLICE_S: Final = 10.0


class Picture(msgspec.Struct, frozen=True):
    """Everything at a moment. ``memory`` are samples of resident memory in MB, the newest last; ``footprint`` None before the
    first sample."""

    pools: tuple[PoolFigures, ...]
    readings: tuple[Reading, ...]
    footprint: Footprint | None
    budget_mb: float
    memory: tuple[float, ...]
    caches: tuple[CacheSize, ...]
    hit_rates: tuple[HitRate, ...]
    leaks: tuple[LeakSeen, ...]
    relieved: tuple[MemoryRelieved, ...]
    warmed: tuple[Warmed, ...]
    collections: int
    longest_collection_ms: float
    settled: bool


class Optimizer:
    """See the module. For one event loop; `begin` starts it.

    Attributes:
        memory: the caches and what was given back.
        monitor: the figures and their limits.
        warmed: who was connected to at the start.
    """

    def __init__(self, doors: Doors, home: Home, clock: Clock, publish: Callable[[Event], object]) -> None:
        self._doors = doors
        self._clock = clock
        self._collector = Collector(clock.monotonic)
        self.memory = Memory(clock, publish, lambda: doors.settings().memory_mb, self._collector)
        self.monitor = Monitor(
            clock, publish, lambda key: float(getattr(doors.settings(), key)), lambda: doors.settings().hold_s
        )
        self._leaks = LeakWatch(clock, publish, self._held_s)
        self._profiles = ProfileFile(home)
        self._changing = asyncio.Lock()
        self._feet: Feet | None = None
        self._footprint: Footprint | None = None
        self._pools: tuple[PoolFigures, ...] = ()
        self._rss: deque[float] = deque(maxlen=KEPT)
        self._hit_rates: deque[HitRate] = deque(maxlen=KEPT)
        self._asked = doors.asked()
        self._looked_at = 0.0
        self._beginning: asyncio.Task[None] | None = None
        self.warmed: tuple[Warmed, ...] = ()

    def begin(self) -> None:
        """Take figures from now on. Begun already, does nothing."""
        if self._beginning is None:
            self._beginning = asyncio.ensure_future(self._begin())

    async def ready(self) -> None:
        """Wait until figures can be taken."""
        self.begin()
        assert self._beginning is not None
        await asyncio.shield(self._beginning)

    def settle(self) -> None:
        """The start is over: from now on this process's memory is collected at quiet moments, if so set."""
        if self._doors.settings().collection == "at quiet moments":
            self._collector.settle()

    def configure(self) -> None:
        """Take up changed settings."""
        if self._collector.settled and self._doors.settings().collection == "by Python":
            self._collector.unsettle()

    async def warm_up(self, providers: tuple[str, ...], warm: Callable[[str], Awaitable[object]]) -> None:
        """Connect to these, unless that is switched off."""
        if self._doors.settings().warm_up:
            self.warmed = await warm_up(providers, warm, self._clock)

    async def aclose(self) -> None:
        """Stop."""
        self._collector.unsettle()
        if self._beginning is not None:
            await asyncio.gather(self._beginning, return_exceptions=True)
        self._feet = None
        await self.memory.aclose()

    # Looking

    def beat(self) -> None:
        """To be called with each beat of the heart, about once a second."""
        now = self._clock.monotonic()
        if self._feet is not None and now - self._looked_at >= self._doors.settings().sample_s - _EARLY_S:
            self._looked_at = now
            self.look(self._feet)

    def look(self, feet: Feet) -> None:
        """Take all figures now; some 0.5 ms."""
        doors = self._doors
        busy = doors.busy()
        self._footprint = feet.footprint()
        rss_mb = self._footprint.rss_mb
        self._rss.append(rss_mb)
        handles = PoolFigures("files and sockets", "files", self._footprint.handles, limit=self._footprint.most_handles)
        self._pools = (*doors.pools(), handles)
        for ms in doors.take_query_times():
            self.monitor.note("query_ms", ms)
        for ms in doors.take_connect_times():
            self.monitor.note("connect_ms", ms)
        self.monitor.sample(
            {
                "loop_lag_ms": doors.lag_ms(),
                "writer_queue": sum(pool.waiting for pool in self._pools if pool.kind == "writer"),
                "waiting": sum(pool.waiting for pool in self._pools if pool.kind == "http"),
            }
        )
        self._leaks.look(self._pools)
        self._count_hits()
        self._collector.look(busy=busy)
        self.memory.look(feet, rss_mb, busy=busy)

    def relieve(self) -> None:
        """Give memory back now, as a person wishes."""
        if self._footprint is not None:
            self.memory.relieve("asked for", self._footprint.rss_mb)

    def picture(self) -> Picture:
        """How everything stands."""
        return Picture(
            pools=self._pools,
            readings=self.monitor.readings(),
            footprint=self._footprint,
            budget_mb=self._doors.settings().memory_mb,
            memory=tuple(self._rss),
            caches=self.memory.caches(),
            hit_rates=tuple(self._hit_rates),
            leaks=tuple(self._leaks.seen),
            relieved=tuple(self.memory.relieved),
            warmed=self.warmed,
            collections=self._collector.runs,
            longest_collection_ms=self._collector.longest_ms,
            settled=self._collector.settled,
        )

    # Profiles

    async def profiles(self) -> Profiles:
        """The profiles there are. Raises ConfigError where their file cannot be read."""
        return Profiles(await asyncio.to_thread(self._profiles.read), self._doors.get)

    async def use_profile(self, name: str) -> Switch:
        """Switch to a profile, or to the person's own settings (`OWN`), and tell what that changed.

        Raises:
            ConfigError: there is no such profile, a value of it does not fit, or a file cannot be written; nothing is changed.
        """
        async with self._changing:
            return await self._switch((await self.profiles()).switch(name))

    async def undo_profile(self) -> Switch:
        """Undo the last switch. Raises as `use_profile`."""
        async with self._changing:
            return await self._switch((await self.profiles()).undo())

    async def save_profile(self, name: str, values: Mapping[str, Any] | None = None) -> Profiles:
        """Save the present settings, or these values, as a profile. Raises as `Profiles.saved`."""
        async with self._changing:
            kept = (await self.profiles()).saved(name, values)
            await asyncio.to_thread(self._profiles.write, kept)
            return Profiles(kept, self._doors.get)

    async def remove_profile(self, name: str) -> Profiles:
        """Forget what the person made of a profile. Raises as `Profiles.removed`."""
        async with self._changing:
            kept = (await self.profiles()).removed(name)
            await asyncio.to_thread(self._profiles.write, kept)
            return Profiles(kept, self._doors.get)

    async def _switch(self, switch: Switch) -> Switch:
        before = await asyncio.to_thread(self._profiles.read)
        await asyncio.to_thread(self._profiles.write, switch.kept)
        try:
            await self._doors.change({change.key: change.after for change in switch.changes})
        except BaseException:
            await asyncio.to_thread(self._profiles.write, before)
            raise
        return switch

    # Inside

    async def _begin(self) -> None:
        self._feet = await asyncio.to_thread(Feet)
        self.look(self._feet)

    def _held_s(self, kind: PoolKind) -> float:
        settings = self._doors.settings()
        return settings.connection_held_s if kind == "http" else settings.query_held_s

    def _count_hits(self) -> None:
        now = self._clock.monotonic()
        hits, misses = self._doors.asked()
        new = (hits - self._asked[0], misses - self._asked[1])
        self._asked = (hits, misses)
        last = self._hit_rates[-1] if self._hit_rates else None
        if last is not None and now - last.at < HIT_SLICE_S:
            self._hit_rates[-1] = HitRate(last.at, last.hits + new[0], last.misses + new[1])
        else:
            self._hit_rates.append(HitRate(now, *new))


__all__ = ["OWN", "Doors", "HitRate", "Optimizer", "Picture"]
