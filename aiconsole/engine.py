"""The engine: builds every service in order, closes them in reverse, and is what window and command line are clients of.

async with Engine.open(demo=True) as engine:
    result = await engine.complete(ChatRequest("groq/openai/gpt-oss-120b", (Message.user("Hello"),)))
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from msgspec import to_builtins

from aiconsole.cache_setup import cache_limits, response_cache
from aiconsole.domain.chat import ChatRequest, ChatResult, StreamEvent
from aiconsole.domain.clock import Clock, SystemClock
from aiconsole.domain.errors import ConsoleError
from aiconsole.domain.events import BreakerChanged
from aiconsole.domain.models import ModelInfo, ProbeResult, ProviderState
from aiconsole.domain.trace import Traced
from aiconsole.fallback_rules import FallbackRules
from aiconsole.home import Home, find_home
from aiconsole.inspection import Inspection
from aiconsole.kept_breakers import KeptBreakers
from aiconsole.kept_history import KeptHistory
from aiconsole.provider_setup import Providers
from aiconsole.realtime.bus import Bus
from aiconsole.realtime.heartbeat import Heartbeat
from aiconsole.realtime.links.links import Links
from aiconsole.realtime.live import Live
from aiconsole.realtime.state import Load
from aiconsole.realtime.timers import LoopTimers
from aiconsole.routing.candidates import Directory
from aiconsole.routing.gate import Gate
from aiconsole.routing.recovery import Recovery
from aiconsole.routing.router import Router
from aiconsole.routing_setup import Policies, breaker_settings, budgets_of, default_model
from aiconsole.secrets import KeyStore
from aiconsole.services import Services
from aiconsole.settings import Problem, Settings, SettingsFile

if TYPE_CHECKING:
    from aiconsole.alerts.service import Alerts
    from aiconsole.bench.service import Bench
    from aiconsole.chat.service import ChatService
    from aiconsole.jobs_setup import Jobs
    from aiconsole.optimizer.service import Optimizer
    from aiconsole.simulator import Simulator
    from aiconsole.store import Store


class Engine:
    """All services of one console. Made by `open`; every method is for the loop it was opened in.

    Attributes:
        home: where its files are.
        keys: the providers' keys.
        bus: what happens, as events.
        catalogue: model lists.
        gate: breakers, limits, budgets and scores of all candidates.
        rules: the fallback rules.
        cache: kept answers; `complete` and `stream` go through it.
        live: how everything stands now, as one immutable state.
        inspection: recent requests, and how they are sent.
        history: what happened, for graphs, tables and reports.
        heartbeat: whether the event loop keeps time.
        links: other consoles; none at first.
    """

    def __init__(
        self, home: Home, settings: SettingsFile, keys: KeyStore, providers: Providers, clock: Clock, random: Random
    ) -> None:
        self.home = home
        self.keys = keys
        timers = LoopTimers()
        self.bus = Bus(clock, timers)
        self._settings = settings
        self._providers = providers
        self.catalogue = providers.catalogue
        self._policies = Policies(lambda: self.settings)
        self._directory = Directory(providers.registry, self.routes, self._policies.of, self.catalogue.all)
        self.gate = Gate(clock, random, self.bus.publish, lambda _: breaker_settings(self.settings))
        self.rules = FallbackRules(home, self.gate, self.routes, self.bus.publish, clock)
        self.live = Live(self.bus, clock, timers, load=self._load, names=self._names)
        self.heartbeat = Heartbeat(clock, timers, self.bus.publish)
        self.links = Links(self.bus, clock, timers, random)
        self._kept_breakers = KeptBreakers(self.gate.breakers, home)
        self._recovery = Recovery(self.gate.breakers, self.probe)
        self._router = Router(self._directory, self.gate, self.catalogue, self.bus.publish, clock, random)
        self.inspection = Inspection(providers, self._router.recent)
        self.cache = response_cache(
            self._router,
            lambda: self.settings,
            providers.switched_on,
            home=home,
            keys=keys,
            clock=clock,
            random=random,
            publish=self.bus.publish,
            provider=self._providers.get,
            budgets=self.gate.budgets,
        )
        self._kept_history = KeptHistory(
            home, lambda: self.settings, self.bus, self.gate.budgets, self.live, clock, simulated=lambda: self.demo
        )
        self.history = self._kept_history.history
        self._services = Services(self, self._kept_history, providers, self._router.recent, clock, random)
        self._closing = contextlib.AsyncExitStack()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        *,
        home: Path | str | None = None,
        demo: bool | None = None,
        environ: Mapping[str, str] | None = None,
        keys: KeyStore | None = None,
        simulator: Simulator | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
        record: bool = False,
    ) -> AsyncIterator[Engine]:
        """Open a console's engine, and close it at the end of the block.

        Args:
            home: the folder for all files; None follows AICONSOLE_HOME, then the platform's places.
            demo: True talks to the built-in simulator only; None follows the setting.
            environ: the environment, ``os.environ`` by default.
            keys: a key store made by the caller, by default the OS keyring and the usual variables.
            simulator: a running simulator to talk to instead of one of the engine's own; it stays the caller's.
            clock: the time, the machine's by default.
            random: what jitter and choices among equals come from.
            record: keep what happens in the database from the start; else only once something else has opened that.

        Raises:
            ConfigError: the home cannot be used.
        """
        environ = os.environ if environ is None else environ
        place = find_home(home, environ)
        settings = SettingsFile.load(place)
        keys = keys or KeyStore(environ, timeout_s=settings.values.keys.backend_timeout_s)
        clock = clock or SystemClock()
        chance = random or Random()  # noqa: S311  (jitter and choice, no secrets)
        providers = Providers(lambda: settings.values, keys, clock, simulator)
        engine = cls(place, settings, keys, providers, clock, chance)
        async with engine._closing:
            engine._closing.push_async_callback(engine._kept_history.aclose)
            if record:
                engine._kept_history.begin()
            await engine._start(settings.values.demo if demo is None else demo)
            yield engine

    async def _start(self, demo: bool) -> None:
        self.rules.take_up()
        for service in (self._providers, self._recovery, self.cache, self._kept_breakers):
            self._closing.push_async_callback(service.aclose)
        for part in (self.live, self.heartbeat, self.links):
            self._closing.callback(part.close)
        self._closing.push_async_callback(self._services.aclose)
        self.heartbeat.start()
        self.bus.subscribe(self._recovery.listen, BreakerChanged)
        self.bus.subscribe(self._kept_breakers.listen, BreakerChanged)
        if demo and self.simulator is None:
            await self.set_demo(True)
        elif self.simulator is not None:
            self._configure()
        else:
            self._kept_breakers.take_up()
            self._load_keys()

    # Asking

    async def complete(self, request: ChatRequest) -> ChatResult:
        """One whole answer.

        Raises:
            ProviderError: see `Router.complete`.
            ConfigError: the model's name says nothing.
        """
        return await self.cache.complete(request)

    def stream(self, request: ChatRequest, *, traced: Traced | None = None) -> AsyncGenerator[StreamEvent, None]:
        """One answer as it comes, ended by `Finished`. Closing the generator closes the connection at once.

        Args:
            traced: is given what tells the request's way so far, for a caller that may leave before the end.

        Raises: as `complete`, while it is read.
        """
        return self.cache.stream(request, traced=traced)

    # Opening

    async def open_chat(self) -> ChatService:
        """The kept conversations. Where the database cannot be opened they are kept for this run alone, which is told.

        Raises:
            ConfigError, StoreError: as `open_store`, where that cannot be done either.
        """
        return await self._services.open_chat()

    async def open_jobs(self, *, by_itself: bool = True) -> Jobs:
        """The background jobs, begun when this is first asked for, and closed before everything else.

        Args:
            by_itself: whether they run when they are due, or only when told.

        Raises:
            ConfigError, StoreError: as `open_store`; a later call tries again.
        """
        return await self._services.open_jobs(by_itself=by_itself)

    async def open_alerts(self, *, by_itself: bool = True) -> Alerts:
        """The alerts, begun when this is first asked for.

        Args:
            by_itself: whether rules are followed and messages delivered, or alerts only looked at and acted on.

        Raises:
            ConfigError, StoreError: as `open_store`; a later call tries again.
        """
        return await self._services.open_alerts(by_itself=by_itself)

    async def open_optimizer(self, *, warm: bool = False) -> Optimizer:
        """What looks after pools, memory, own performance and profiles, begun when this is first asked for.

        Args:
            warm: connect to who will be asked first, if the settings say so, behind this call.
        """
        return await self._services.open_optimizer(warm=warm)

    async def open_store(self) -> Store:
        """The console's database, opened when this is first asked for; what happens from then on is recorded in it.

        Raises:
            ConfigError: another console has it, or it is not ours to open.
            StoreError: it cannot be used; a later call tries again.
        """
        return await self._kept_history.open()

    @property
    def store(self) -> Store | None:
        """The database if it is open already; `open_store` opens it."""
        return self._kept_history.store

    @property
    def unwritten(self) -> tuple[ConsoleError, int] | None:
        """Why nothing can be written to the database now, and how many events wait in memory; None while all is well."""
        return self._kept_history.unwritten

    @property
    def jobs(self) -> Jobs | None:
        """The background jobs once `open_jobs` was called."""
        return self._services.jobs.now

    @property
    def alerts(self) -> Alerts | None:
        """The alerts once `open_alerts` was called."""
        return self._services.alerts.now

    @property
    def optimizer(self) -> Optimizer | None:
        """Pools, memory, own performance and profiles once `open_optimizer` was called."""
        return self._services.optimizer.now

    @property
    def bench(self) -> Bench:
        """The test bench: health, benchmark and stress of providers; loaded when first used."""
        return self._services.bench

    # Providers

    async def keys_read(self) -> None:
        """Wait until the keys have been read from the keyring, so that `providers` tells where each comes from."""
        await self._providers.ready()

    def providers(self) -> tuple[ProviderState, ...]:
        """Every provider there is, built-in, plugged-in and custom, in a fixed order."""
        return self._providers.states

    async def models(self, provider: str | None = None, *, refresh: bool = False) -> tuple[ModelInfo, ...]:
        """The models of one provider or of all that are usable.

        Raises:
            ProviderError: the one provider's list cannot be had.
            ConfigError: there is no such provider switched on.
        """
        return await self._providers.models(provider, refresh=refresh)

    async def probe(self, provider: str) -> ProbeResult:
        """Ask a provider for the cheapest sign of health; failures are in the result.

        Raises:
            ConfigError: there is no such provider switched on.
        """
        asked = await self._providers.get(provider)
        return await asked.probe()

    def routes(self) -> Mapping[str, tuple[str, ...]]:
        """The routes of the settings: name -> ``provider/model`` names in order."""
        return self._settings.values.routes

    def default_model(self) -> str:
        """The model or route of a conversation that names none: the setting's, else the first route or model usable."""
        return default_model(self.settings, self.providers())

    # Set-up

    @property
    def settings(self) -> Settings:
        return self._settings.values

    @property
    def setting_problems(self) -> tuple[Problem, ...]:
        return self._settings.problems

    @property
    def simulator(self) -> Simulator | None:
        """The simulated providers while the demo is on."""
        return self._providers.simulator

    @property
    def demo(self) -> bool:
        return self.simulator is not None

    async def change(self, key: str, value: Any) -> None:
        """Change a setting, keep it, and let it take effect at once.

        Raises:
            ConfigError: the value does not fit, or the file cannot be written; nothing is changed.
        """
        await asyncio.to_thread(self._settings.set, key, value)
        self._configure()

    def setting(self, key: str) -> Any:
        """The value of a setting, or of a group, that holds now. Raises ConfigError where there is no such setting."""
        return self._settings.get(key)

    async def change_many(self, values: Mapping[str, Any]) -> None:
        """Change several settings and let them take effect together; None, or the default, takes one out of the file.

        Raises:
            ConfigError: one does not fit or cannot be written; none is changed.
        """
        settings = self._settings
        plain = {key: None if value == to_builtins(settings.default(key)) else value for key, value in values.items()}
        await asyncio.to_thread(settings.set_many, plain)
        self._configure()

    async def reload(self) -> None:
        """Read settings and rules again, as after a change by hand or from a backup, and follow them."""
        await asyncio.to_thread(self._settings.reload)
        await self.rules.reload()
        if self.alerts is not None:
            await self.alerts.reload_rules()
        self._configure()

    async def reset(self, key: str) -> None:
        """Give a setting its default again. Raises as `change`."""
        await asyncio.to_thread(self._settings.reset, key)
        self._configure()

    async def set_key(self, provider: str, value: str, where: Literal["keyring", "session"]) -> None:
        """Keep a provider's key and use it from now on.

        Raises:
            ConfigError: the value cannot be a key, or the place cannot be used (`SecureStoreUnavailable`).
        """
        await self.keys.set(provider, value, where)
        self.catalogue.forget(provider)
        self._configure()

    async def remove_key(self, provider: str) -> bool:
        """Forget a provider's key; False where there was none to forget. Raises as `KeyStore.remove`."""
        removed = await self.keys.remove(provider)
        self.catalogue.forget(provider)
        self._configure()
        return removed

    async def set_demo(self, on: bool) -> None:
        """Switch to the built-in simulated providers, or back to the real ones, while running. Not kept as a setting."""
        await self._providers.simulate(on)
        self.live.forget()
        if self.alerts is not None:
            self.alerts.forget()
        if on:
            self._kept_breakers.set_aside()
            self._configure()
        else:
            self._load_keys()
            self._kept_breakers.take_up()
        self._kept_history.tell_looks()

    def _configure(self, *, anew: bool = True) -> None:
        """Let settings, keys and simulator take effect on the providers. ``anew`` False: nothing was changed, only the keys
        have been read by now, so that what is known of the providers stays."""
        for name in self._providers.configure():
            if anew:
                self.gate.forget(name)
                self.live.forget(name)
        self._policies.forget()
        self._directory.forget()
        self.cache.configure(cache_limits(self.settings))
        self.gate.breakers.configure()
        self.gate.budgets.simulate(self.demo)
        self.gate.budgets.set_limits(budgets_of(self.settings))
        self._kept_history.configure()
        self._services.configure()

    def _load(self, provider: str) -> Load:
        return Load(self.gate.under_way(provider), self.gate.limits.least_headroom(provider))

    def _names(self) -> Iterator[str]:
        return (state.name for state in self._providers.states)

    def _load_keys(self) -> None:
        """Use the environment's keys and begin to read the keyring's; requests that need one of these wait."""
        self._providers.read_keys(self._follow_keys)
        self._configure()
        self._directory.prepare = self._providers.ready

    def _follow_keys(self) -> None:
        self._directory.prepare = None
        self._configure(anew=False)
