"""From settings, providers and keys to the response cache: what is kept for how long, who may answer, and where its file is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING, Final

import msgspec

from aiconsole.cache.front import Asked, ResponseCache
from aiconsole.cache.keeping import CacheLimits
from aiconsole.cache.meaning import Embedder, Meaning, find_embedder
from aiconsole.cache.policy import CachePolicy
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConfigError, StoreError
from aiconsole.domain.events import Event, Notice
from aiconsole.home import Home
from aiconsole.providers.config import ProviderConfig
from aiconsole.secrets import REDACTOR, KeyStore
from aiconsole.settings import RouteOptions, Settings

if TYPE_CHECKING:
    from aiconsole.cache.file import CacheFile
    from aiconsole.cache.sealing import Seal
    from aiconsole.providers.client import HttpProvider
    from aiconsole.routing.budgets import Budgets

CACHE_KEY: Final = "response-cache"
"""The name under which the key of an encrypted cache is in the keyring."""

_MB: Final = 1024 * 1024
_NO_OPTIONS: Final = RouteOptions()
Configs = Mapping[str, ProviderConfig]


def response_cache(
    router: Asked,
    settings: Callable[[], Settings],
    configs: Callable[[], Configs],
    *,
    home: Home,
    keys: KeyStore,
    clock: Clock,
    random: Random,
    publish: Callable[[Event], None],
    provider: Callable[[str], Awaitable[HttpProvider]],
    budgets: Budgets,
) -> ResponseCache:
    """The cache of a console. ``settings``, ``configs`` (each provider's set-up by name) and ``provider`` give what holds when
    asked."""

    def embedder(name: str) -> Embedder | None:
        if "/" not in name:
            return find_embedder(name)
        from aiconsole.provider_embedder import ProviderEmbedder

        return ProviderEmbedder(name, provider, budgets, clock, publish=publish, spent=cache.spent)

    meaning = Meaning(
        embedder,
        clock,
        named=lambda: settings().cache.embedder,
        tell=lambda message, advice: publish(Notice(message, advice)),
    )
    cache = ResponseCache(
        router,
        lambda name: cache_policy(settings(), configs(), name),
        clock,
        publish=publish,
        random=random,
        open_file=lambda: open_cache_file(settings().cache.storage, home, keys, clock),
        meaning=meaning,
        limits=cache_limits(settings()),
        writable=lambda body: REDACTOR.redact(body) is body,
    )
    return cache


def cache_limits(settings: Settings) -> CacheLimits:
    """How much room the cache has, and how much it tells."""
    own = settings.cache
    return CacheLimits(own.memory_mb * _MB, own.file_mb * _MB, own.event_share, own.storage)


def cache_policy(settings: Settings, configs: Configs, name: str) -> CachePolicy | None:
    """How requests to a model or route are cached; None where the name cannot stand for anything."""
    standing = standing_of(settings, configs, name)
    if standing is None:
        return None
    own, route = settings.cache, settings.routing.get(name, _NO_OPTIONS)
    return CachePolicy(
        standing=standing,
        mode=route.cache or own.mode,
        ttl_s=route.cache_ttl_s or own.ttl_s,
        revalidate_s=own.revalidate_s,
        on_error_s=own.on_error_s,
        tool_calls=own.tool_calls,
        paced=own.replay == "recorded pace",
        similarity=own.similarity if own.similar else None,
    )


def standing_of(settings: Settings, configs: Configs, name: str) -> bytes | None:
    """A digest of who may answer to a name: equal for two names exactly if the same models at the same places may.

    A route's candidates stand for each other, in whatever order they are asked. Of a place all is taken that may change an
    answer: its address, its dialect, its extra headers, and what it does with parameters it does not take; simulated places
    are alike at any address. Keys and limits are not part of it.
    """
    entries = settings.routes.get(name)
    provider, slash, _ = name.partition("/")
    if entries is None and slash and provider in configs:
        entries = (name,)
    if entries is None:
        if not name:
            return None
        return _digest("bare", name, settings, sorted(_place(config) for config in configs.values()))
    candidates = {entry for entry in entries if entry.partition("/")[0] in configs}
    places = sorted((entry.partition("/")[2], _place(configs[entry.partition("/")[0]])) for entry in candidates)
    return _digest("models", "", settings, places) if places else None


def _digest(kind: str, name: str, settings: Settings, places: object) -> bytes:
    return sha256(msgspec.msgpack.encode((kind, name, settings.chat.on_unsupported, places))).digest()


def _place(config: ProviderConfig) -> bytes:
    where = "" if config.simulated else config.base_url or ""
    headers = sorted((name.lower(), value) for name, value in config.headers.items())
    named = (config.name, config.dialect, config.simulated, where, config.on_unsupported, headers)
    return sha256(msgspec.msgpack.encode(named)).digest()


async def open_cache_file(storage: str, home: Home, keys: KeyStore, clock: Clock) -> CacheFile | None:
    """The cache's file, ``cache.db`` beside the database; None where there is to be none, and then none is left.

    Raises:
        ConfigError: another console has it, or there is no secure place for its key.
        StoreError: the disk or the folder does not let us.
    """
    path = home.database.with_name("cache.db")
    if storage == "memory" and not path.exists():
        return None
    seal = await _seal(keys) if storage == "encrypted" else None
    home.ensure()
    import sqlite3

    from aiconsole.cache.file import CacheFile
    from aiconsole.cache.opening import remove

    try:
        if storage == "memory":
            await asyncio.to_thread(remove, path)
            return None
        return await asyncio.to_thread(CacheFile.open, path, clock.now(), seal)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"the cache's file {path.name} cannot be used ({error}).",
            advice="Make room on that disk and check the rights of its folder.",
        ) from error


async def _seal(keys: KeyStore) -> Seal:
    """What encrypts the cache, with the key from the keyring, or a new one put there."""
    try:
        from aiconsole.cache.sealing import Seal, key_from, new_key
    except ImportError:
        raise ConfigError(
            "the package “cryptography”, which encrypts it, is not installed.",
            advice="Install it, or set cache.storage.",
        ) from None

    await keys.load((CACHE_KEY,))
    state = keys.backend_state()
    if state.usable is False:
        raise ConfigError(f"there is no secure place for its key. {state.words}", advice=state.advice)
    kept = keys.get(CACHE_KEY)
    key = None if kept is None else key_from(kept.reveal())
    if key is None:
        text = new_key()
        await keys.set(CACHE_KEY, text, "keyring")
        key = key_from(text)
        assert key is not None  # it was just made
    return Seal(key)
