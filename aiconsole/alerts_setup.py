"""From the engine's services to its alerts: what they are judged by, where they are kept, and how they are told."""

from __future__ import annotations

import contextlib
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from aiconsole.alerts.channels import Channels
from aiconsole.alerts.reading import FILE
from aiconsole.alerts.rules_file import AlertRulesFile
from aiconsole.alerts.service import Alerts
from aiconsole.alerts.world import World
from aiconsole.domain.clock import Clock
from aiconsole.domain.jobs import JobRun
from aiconsole.imports import import_apart
from aiconsole.jobs.threads import in_thread
from aiconsole.realtime.timers import LoopTimers
from aiconsole.secrets import REDACTOR
from aiconsole.store.alerts import AlertStore
from aiconsole.store.jobs import JobStore
from aiconsole.store.writer import give_way

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiconsole.domain.events import BenchFinished
    from aiconsole.engine import Engine
    from aiconsole.realtime.timers import Timers
    from aiconsole.routing.budgets import Standing
    from aiconsole.store import Store

_RUNS = 5_000


class BudgetNow:
    """How one of the engine's budgets stands; see `alerts.world.Budget`."""

    def __init__(self, standing: Standing) -> None:
        self.words = standing.budget.words
        self.limit = standing.budget.usd
        self.spent = standing.spent
        self.resets_at = standing.resets_at


class OpenAlerts:
    """The alerts with what ties them to the engine: `aclose` unties and closes them."""

    def __init__(self, alerts: Alerts, leave: Callable[[], None]) -> None:
        self.alerts = alerts
        self._leave = leave

    async def aclose(self) -> None:
        self._leave()
        await self.alerts.aclose()


async def open_alerts(
    engine: Engine, store: Store, clock: Clock, random: Random, *, by_itself: bool, timers: Timers | None = None
) -> OpenAlerts:
    """Make and start the alerts. Raises StoreError."""
    file = await in_thread(AlertRulesFile, engine.home.settings.with_name(FILE))

    async def runs() -> tuple[JobRun, ...]:
        return await JobStore(store).history(None, _RUNS)

    world = World(
        clock,
        simulated=lambda: engine.demo,
        target=lambda: engine.settings.objectives.availability,
        budgets=lambda: tuple(map(BudgetNow, engine.gate.budgets.standings())),
    )
    alerts = Alerts(
        file,
        AlertStore(store),
        engine.history,
        Channels(lambda: engine.settings.alert_channels, engine.keys, REDACTOR.add, in_thread=in_thread),
        world,
        clock,
        timers or LoopTimers(),
        random,
        settings=lambda: engine.settings.alerts,
        simulated=lambda: engine.demo,
        publish=engine.bus.publish,
        runs=runs,
        benches=partial(_scheduled_runs, engine),
        pause=give_way,
    )
    with contextlib.ExitStack() as undo:
        if by_itself:
            undo.callback(engine.bus.subscribe(alerts.listen, *alerts.kinds))
        await alerts.start(by_itself=by_itself)
        leave = undo.pop_all()
    return OpenAlerts(alerts, leave.close)


async def _scheduled_runs(engine: Engine, since: float) -> tuple[BenchFinished, ...]:
    """The kept ones; the bench is not loaded where there are none."""
    folder = engine.home.bench
    if not await in_thread(folder.is_dir):
        return ()
    await import_apart("aiconsole.bench.finished")
    from aiconsole.bench.finished import scheduled_since
    from aiconsole.bench.history import History

    return await in_thread(scheduled_since, History(folder), since)
