"""The engine's services that are made when they are first asked for, so that a start pays for none of them: conversations,
background jobs, alerts, optimizer and test bench. They are clients of the engine, and are closed before anything else of it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING

from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConsoleError
from aiconsole.kept_history import KeptHistory
from aiconsole.on_demand import OnDemand
from aiconsole.provider_setup import Providers
from aiconsole.routing.recent import RecentRequests

if TYPE_CHECKING:
    from aiconsole.alerts.service import Alerts
    from aiconsole.bench.service import Bench
    from aiconsole.chat.service import ChatService
    from aiconsole.engine import Engine
    from aiconsole.jobs_setup import Jobs
    from aiconsole.optimizer.service import Optimizer


class Services:
    """What `Engine.open_chat`, `open_jobs`, `open_alerts`, `open_optimizer` and `bench` give; these say how each is begun.

    Attributes:
        jobs, alerts, optimizer: each has it as ``now`` once it was opened.
    """

    def __init__(
        self,
        engine: Engine,
        history: KeptHistory,
        providers: Providers,
        recent: RecentRequests,
        clock: Clock,
        random: Random,
    ) -> None:
        self._engine = engine
        self._history = history
        self._providers = providers
        self._recent = recent
        self._clock = clock
        self._random = random
        self._chat: asyncio.Task[ChatService] | None = None
        self.jobs: OnDemand[Jobs] = OnDemand("aiconsole.jobs_setup")
        self.alerts: OnDemand[Alerts] = OnDemand("aiconsole.alerts_setup")
        self.optimizer: OnDemand[Optimizer] = OnDemand("aiconsole.optimizer_setup")
        self._closing = AsyncExitStack()

    async def open_chat(self) -> ChatService:
        """A caller that leaves does not end the opening, which others may wait for."""
        if self._chat is None or (self._chat.done() and (self._chat.cancelled() or self._chat.exception() is not None)):
            self._chat = asyncio.ensure_future(self._make_chat())
        return await asyncio.shield(self._chat)

    async def open_jobs(self, *, by_itself: bool) -> Jobs:
        async def make() -> Jobs:
            from aiconsole.jobs_setup import open_jobs

            store = await self._history.open()
            jobs = await open_jobs(self._engine, store, self._clock, self._random, by_itself=by_itself)
            self._closing.push_async_callback(jobs.aclose)
            return jobs

        return await self.jobs.get(make)

    async def open_alerts(self, *, by_itself: bool) -> Alerts:
        async def make() -> Alerts:
            from aiconsole.alerts_setup import open_alerts

            store = await self._history.open()
            opened = await open_alerts(self._engine, store, self._clock, self._random, by_itself=by_itself)
            self._closing.push_async_callback(opened.aclose)
            return opened.alerts

        return await self.alerts.get(make)

    async def open_optimizer(self, *, warm: bool) -> Optimizer:
        async def make() -> Optimizer:
            from aiconsole.optimizer_setup import make_optimizer, warm_routes

            registry = self._providers.registry
            optimizer = make_optimizer(self._engine, registry, self._recent, self._clock)
            self._closing.push_async_callback(optimizer.aclose)
            if warm:
                warming = asyncio.ensure_future(warm_routes(self._engine, optimizer, registry))
                self._closing.push_async_callback(_give_up, warming)
            return optimizer

        optimizer = await self.optimizer.get(make)
        await optimizer.ready()
        return optimizer

    @cached_property
    def bench(self) -> Bench:
        from aiconsole.bench.service import Bench

        engine, providers = self._engine, self._providers
        bench = Bench(
            engine.home.bench,
            providers.registry,
            providers.catalogue,
            self._clock,
            states=engine.providers,
            models=engine.models,
            ready=engine.keys_read,
            plugins=providers.plugins,
            demo=providers.own_behaviours,
            publish=engine.bus.publish,
        )
        self._closing.push_async_callback(bench.aclose)
        return bench

    def configure(self) -> None:
        """Let changed settings take effect on those that are open."""
        if self.jobs.now is not None:
            self.jobs.now.scheduler.reconfigure()
        if self.alerts.now is not None:
            self.alerts.now.configure()
        if self.optimizer.now is not None:
            self.optimizer.now.configure()

    async def aclose(self) -> None:
        """Close those that are open, the newest first."""
        await self._closing.aclose()

    async def _make_chat(self) -> ChatService:
        from aiconsole.chat.service import ChatService

        try:
            store = await self._history.open()
        except ConsoleError as error:
            store = await self._history.open_passing(error)
        chat = ChatService(self._engine, store, self._clock, default_model=self._engine.default_model)
        self._closing.push_async_callback(chat.close)
        return chat


async def _give_up(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
