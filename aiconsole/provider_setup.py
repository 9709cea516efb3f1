"""From settings, keys and the simulator to how each provider is set up. Pure: the engine calls it after every change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from aiconsole.domain.errors import ConfigError
from aiconsole.domain.models import ProviderState
from aiconsole.providers.config import ProviderConfig
from aiconsole.providers.registry import BUILT_IN, make_dialect
from aiconsole.secrets import PROXY, Key, KeyStore, proxy_with_password
from aiconsole.settings import CustomProvider, ProviderSettings, Settings

if TYPE_CHECKING:
    from aiconsole.simulator import Simulator


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
