"""Alerts with a store on the disk and channels on a network, on a clock that a test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from aiconsole.alerts.channels import Channels
from aiconsole.alerts.rules_file import AlertRulesFile
from aiconsole.alerts.service import Alerts
from aiconsole.alerts.world import World
from aiconsole.domain.events import BenchFinished, BreakerChanged, Event
from aiconsole.secrets import REDACTOR, KeyStore
from aiconsole.settings import AlertChannel, AlertSettings
from aiconsole.store import History, Store
from aiconsole.store.alerts import AlertStore
from tests.clocks import FakeClock
from tests.keyrings import memory_keyring
from tests.timers import FakeTimers


class Console:
    def __init__(self, store: Store, clock: FakeClock, folder: Path) -> None:
        self.store = store
        self.clock = clock
        self.timers = FakeTimers(clock)
        self.settings = AlertSettings(most_messages=0)
        self.channels: Mapping[str, AlertChannel] = {}
        self.simulated = False
        self.bench_runs: list[BenchFinished] = []
        self.keys = KeyStore({}, backend=memory_keyring())
        self.published: list[Event] = []
        self.keeping = AlertStore(store)
        self.alerts = Alerts(
            AlertRulesFile(folder / "alerts.toml"),
            self.keeping,
            History(self._store, clock),
            Channels(lambda: self.channels, self.keys, REDACTOR.add),
            World(clock, simulated=lambda: self.simulated),
            clock,
            self.timers,
            Random(3),
            settings=lambda: self.settings,
            simulated=lambda: self.simulated,
            publish=self.published.append,
            runs=self._runs,
            benches=self._benches,
        )

    async def _store(self) -> Store:
        return self.store

    async def _benches(self, since: float) -> tuple[BenchFinished, ...]:
        return tuple(run for run in self.bench_runs if run.at >= since)

    async def _runs(self) -> tuple[Any, ...]:
        return ()

    async def settle(self) -> None:
        """Wait until all that is under way came to rest; what waits for its time goes on waiting."""
        for _ in range(3):
            await self.alerts.settle()
            await self.alerts.outbox.idle()
        await self.alerts.settle()

    async def minutes(self, minutes: float) -> None:
        self.timers.advance(minutes * 60)
        await self.settle()

    def breaker(self, key: str, state: Any = "open") -> None:
        before = "closed" if state == "open" else "open"
        self.alerts.listen(BreakerChanged(key, before, state, "5 failures", self.clock.now()))

    async def outage(self, key: str) -> None:
        """A breaker opens and stays so until its alert fires."""
        self.breaker(key)
        await self.minutes(2.2)


@asynccontextmanager
async def console(
    folder: Path,
    clock: FakeClock | None = None,
    channels: Mapping[str, str] | None = None,
    bench_runs: Sequence[BenchFinished] = (),
    **settings: Any,
) -> AsyncIterator[Console]:
    """``channels``: address by name; ``bench_runs``: what the test bench has kept."""
    clock = clock or FakeClock()
    async with await Store.open(folder / "aiconsole.db", clock, redact=REDACTOR.redact) as store:
        it = Console(store, clock, folder)
        it.bench_runs += bench_runs
        it.settings = AlertSettings(**{"most_messages": 0, **settings})
        it.channels = {name: AlertChannel() for name in channels or {}}
        for name, url in (channels or {}).items():
            await it.alerts.channels.keep(name, url, "session")
        it.alerts.channels.load = _nothing  # type: ignore[method-assign]  # the keyring has its own tests
        await it.alerts.start()
        await it.settle()
        try:
            yield it
        finally:
            await it.alerts.aclose()


async def _nothing() -> None:
    await asyncio.sleep(0)
