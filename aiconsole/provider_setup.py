"""Which providers there are: from settings, keys and the simulator to how each is set up and how the person sees it.

`Providers` is what the engine has of them; the functions below it are pure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.models import ModelInfo, ProviderState
from aiconsole.providers.catalogue import Catalogue
from aiconsole.providers.client import HttpProvider
from aiconsole.providers.config import ProviderConfig
from aiconsole.providers.pricing import PriceBook
from aiconsole.providers.registry import BUILT_IN, Registry, make_dialect, plugins
from aiconsole.secrets import PROXY, Key, KeyStore, proxy_with_password
from aiconsole.settings import CustomProvider, ProviderSettings, Settings

if TYPE_CHECKING:
    from aiconsole.simulator import Behaviour, Simulator


class Providers:
    """The real providers, or the simulated ones while there is a simulator. None is set up before `configure`.

    Args:
        simulator: a running one of the caller's, to lead all providers to.

    Attributes:
        registry: those that can be asked, by name.
        catalogue: their model lists.
        plugins: the dialects that plug-ins bring, by name.
        states: all there are as the person sees them, in a fixed order.
        simulator: the simulated providers while these are asked, else None.
    """

    def __init__(
        self, settings: Callable[[], Settings], keys: KeyStore, clock: Clock, simulator: Simulator | None = None
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._prices = PriceBook(clock)
        self.plugins = plugins()
        self.registry = Registry(self._prices, clock, self.plugins)
        self.catalogue = Catalogue(self.registry, self._prices, clock)
        self.states: tuple[ProviderState, ...] = ()
        self.simulator = simulator
        self._configs: dict[str, ProviderConfig] = {}
        self._reading: asyncio.Task[None] | None = None
        self._own_simulator = AsyncExitStack()
        self._simulator_is_own = False

    def configure(self) -> tuple[str, ...]:
        """Let settings, keys and simulator take effect.

        Returns:
            The names that stand for another service than before, so that what was learnt of them holds no more.
        """
        settings, keys = self._settings(), self._keys
        before = self._configs
        self._configs = provider_configs(settings, keys, self.plugins, self.simulator)
        self.states = tuple(provider_state(config, settings, keys, self.plugins) for config in self._configs.values())
        working = (state.name for state in self.states if state.enabled and not state.trouble)
        changed = self.registry.configure({name: self._configs[name] for name in working})
        return tuple(name for name in changed if not before[name].same_service(self._configs.get(name)))

    def switched_on(self) -> dict[str, ProviderConfig]:
        """How those that can be asked are set up, by name."""
        return {name: config for name, config in self._configs.items() if name in self.registry}

    async def get(self, name: str) -> HttpProvider:
        """One that can be asked, with its key if it has one.

        Raises:
            ConfigError: there is no such provider switched on.
        """
        await self.ready((name,) if name in self._configs else ())
        if name not in self.registry:
            raise ConfigError(
                f"No provider called “{name}” is switched on.",
                advice=f"Switched on are: {', '.join(self.registry) or 'none'}.",
            )
        return self.registry[name]

    async def models(self, name: str | None, *, refresh: bool) -> tuple[ModelInfo, ...]:
        """The models of one provider, or of all that are usable. Raises as `Engine.models`."""
        if name is None:
            await self.ready()
            return await self.catalogue.all(refresh=refresh)
        await self.get(name)
        return await self.catalogue.of(name, refresh=refresh)

    def read_keys(self, done: Callable[[], None]) -> None:
        """Read the environment's keys now and begin to read the keyring's; ``done`` is called when these are there too."""
        settings = self._settings()
        names = (*BUILT_IN, *self.plugins, *settings.custom, PROXY)
        variables = key_variables(settings, self.plugins)
        self._keys.read_environment(names, variables)
        self._reading = asyncio.ensure_future(self._read_keyring(names, variables, done))

    async def _read_keyring(
        self, names: tuple[str, ...], variables: Mapping[str, str], done: Callable[[], None]
    ) -> None:
        await self._keys.load(names, variables)
        done()

    async def ready(self, names: tuple[str, ...] = ()) -> None:
        """Wait until the keys are read, if any of these providers (none: any at all) may need one that is still missing."""
        if self._reading is None or self._reading.done():
            return
        if not names or any(self._configs[name].key_needed and self._keys.get(name) is None for name in names):
            await asyncio.shield(self._reading)

    async def simulate(self, on: bool) -> None:
        """Have a simulator, one of our own if there is none, or no more; takes effect with `configure`."""
        if on and self.simulator is None:
            from aiconsole.simulator import Simulator, lifelike

            self.simulator = await self._own_simulator.enter_async_context(Simulator.start(behaviours=lifelike()))
            self._simulator_is_own = True
        elif not on:
            await self._stop_simulator()
        self.catalogue.forget()

    def own_behaviours(self) -> dict[str, Behaviour] | None:
        """How our own simulated providers behave; None where there are none or they are the caller's."""
        own = self.simulator if self._simulator_is_own else None
        return None if own is None else {name: own.behaviour(name) for name in own.names}

    async def aclose(self) -> None:
        """Stop reading keys and close all providers."""
        async with AsyncExitStack() as closing:
            closing.push_async_callback(self.registry.aclose)
            closing.push_async_callback(self._stop_simulator)
            closing.push_async_callback(self._prices.aclose)
            if self._reading is not None:
                self._reading.cancel()
                await asyncio.gather(self._reading, return_exceptions=True)
            await self._keys.aclose()

    async def _stop_simulator(self) -> None:
        self.simulator = None
        self._simulator_is_own = False
        await self._own_simulator.aclose()


def provider_configs(
    settings: Settings, keys: KeyStore, plugins: Mapping[str, str], simulator: Simulator | None
) -> dict[str, ProviderConfig]:
    """Every provider's set-up by name: the seven, then plug-ins, then custom ones.

    Args:
        plugins: the dialects that plug-ins bring, each of which is a provider of its own.
        simulator: where it is given, the seven lead to it and there are no others.
    """
    if simulator is not None:
        return {name: _simulated(name, settings, simulator) for name in BUILT_IN}
    configs = {
        name: _config(name, name, settings.providers.get(name) or ProviderSettings(), settings, keys)
        for name in (*BUILT_IN, *plugins)
    }
    for name, custom in settings.custom.items():
        configs[name] = _config(name, custom.dialect, custom, settings, keys)
    return configs


def key_variables(settings: Settings, plugins: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that custom and plugged-in providers' keys may come from, by provider."""
    variables = {name: custom.key_variable for name, custom in settings.custom.items() if custom.key_variable}
    for name in plugins:
        try:
            variable = make_dialect(ProviderConfig(name, name), plugins).key_variable
        except ConfigError:
            continue
        if variable:
            variables[name] = variable
    return variables


def provider_state(
    config: ProviderConfig, settings: Settings, keys: KeyStore, plugins: Mapping[str, str]
) -> ProviderState:
    """A provider as the person sees it; one whose dialect does not load is there with its trouble in words."""
    custom = settings.custom.get(config.name)
    own = custom or settings.providers.get(config.name) or ProviderSettings()
    shown = ProviderState(
        name=config.name,
        label=config.label or config.name,
        base_url=config.base_url or "",
        enabled=own.enabled or config.simulated,
        key_source=keys.source(config.name),
        key_needed=config.key_needed,
        key_variable=keys.variable(config.name),
        simulated=config.simulated,
        custom=custom is not None,
    )
    try:
        dialect = make_dialect(config, plugins)
        config.address_policy.check(config.base_url or dialect.base_url)
    except ConfigError as error:
        return msgspec.structs.replace(shown, trouble=f"{error.message} {error.advice}".strip())
    return msgspec.structs.replace(
        shown,
        label=config.label or dialect.label,
        base_url=config.base_url or dialect.base_url,
        features=dialect.features,
    )


def _config(name: str, dialect: str, own: ProviderSettings, settings: Settings, keys: KeyStore) -> ProviderConfig:
    custom = own if isinstance(own, CustomProvider) else None
    proxy = own.proxy or settings.network.proxy
    return ProviderConfig(
        name=name,
        dialect=dialect,
        label=custom.label if custom else "",
        base_url=own.base_url or None,
        key=keys.get(name),
        key_needed=custom.key_needed if custom else True,
        timeouts=own.timeouts,
        on_unsupported=own.on_unsupported or settings.chat.on_unsupported,
        headers=own.headers,
        models=own.models,
        ca_file=own.ca_file or settings.network.ca_file,
        proxy=proxy_with_password(proxy, keys.get(PROXY)) if proxy else None,
        ask_for_usage=custom.ask_for_usage if custom else True,
        private_network=custom.private_network if custom else False,
        max_connections=own.connections or settings.performance.connections,
        keepalive_s=settings.performance.keepalive_s,
        keep_stacks=settings.performance.keep_stacks,
    )


def _simulated(name: str, settings: Settings, simulator: Simulator) -> ProviderConfig:
    return ProviderConfig(
        name=name,
        dialect=name,
        base_url=simulator.base_url(name),
        key=Key("simulated-key"),
        key_needed=False,
        on_unsupported=settings.chat.on_unsupported,
        max_connections=settings.performance.connections,
        keepalive_s=settings.performance.keepalive_s,
        keep_stacks=settings.performance.keep_stacks,
        simulated=True,
    )
