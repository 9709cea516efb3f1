"""What `Live` tells: how everything stands at one moment, as immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from aiconsole.domain.events import AlertChanged, BreakerChanged, BreakerState, Event, JobChanged, UserActed

Health = Literal["unknown", "healthy", "failing"]


class Traffic(msgspec.Struct, frozen=True):
    """Requests of one kind, real or simulated. ``requests_per_min`` ended within the last minute; ``error_rate`` is the share
    of the last five minutes' that their providers failed, 0 to 1, None where none tells. The rest is of today, since
    `LiveState.today_since`: what was spent in USD on all attempts, and what the cache saved."""

    requests_per_min: int = 0
    error_rate: float | None = None
    requests: int = 0
    failures: int = 0
    cached: int = 0
    spend_usd: float = 0.0
    saved_usd: float = 0.0


class Load(msgspec.Struct, frozen=True):
    """Calls under way at a provider, and what is left of its tightest rate limit, 0 to 1 (1 where no limit is known)."""

    in_flight: int = 0
    headroom: float = 1.0


class ProviderLive(msgspec.Struct, frozen=True):
    """One provider. Times in epoch seconds, None where there was none; figures of attempts, over the same spans as in
    `Traffic`.

    ``breaker`` is the gravest state among its breakers, ``breakers`` the last change of each that is not closed.
    ``failures_in_a_row`` counts since its last success. ``in_flight`` and ``headroom`` as in `Load`. ``looked`` is what the
    look at ``health_seen_at`` found, which may be one of an earlier run of the console; ``health`` knows this run only.
    """

    provider: str
    health: Health = "unknown"
    breaker: BreakerState = "closed"
    breakers: tuple[BreakerChanged, ...] = ()
    last_success_at: float | None = None
    last_error_at: float | None = None
    last_error_kind: str = ""
    failures_in_a_row: int = 0
    health_seen_at: float | None = None
    health_latency_ms: float | None = None
    attempts_per_min: int = 0
    error_rate: float | None = None
    spend_usd: float = 0.0
    simulated_usd: float = 0.0
    in_flight: int = 0
    headroom: float = 1.0
    looked: Health = "unknown"


class CacheLive(msgspec.Struct, frozen=True):
    """What the response cache did since the console started; ``hit_rate`` of its look-ups, None before the first."""

    hits: int = 0
    misses: int = 0
    stored: int = 0
    evicted: int = 0
    invalidated: int = 0
    expired: int = 0
    saved_usd: float = 0.0
    saved_ms: float = 0.0
    hit_rate: float | None = None


class UserLive(msgspec.Struct, frozen=True):
    """What the person did since the console started: how often, and the newest actions first."""

    actions: int = 0
    newest: tuple[UserActed, ...] = ()


class PeerLive(msgspec.Struct, frozen=True):
    """Another console's run: events that came from it, those that can no longer be had, and when it was last heard (epoch
    seconds)."""

    origin: str
    events: int
    missed: int
    heard_at: float


class Told(msgspec.Struct, frozen=True):
    """An entry of the live feed; ``at`` is when it came, in epoch seconds."""

    at: float
    event: Event


class LiveState(msgspec.Struct, frozen=True):
    """Everything, at ``at`` (epoch seconds). ``revision`` grows with each change.

    ``today_since`` is from when on today's figures count: midnight UTC, as budgets do, or the console's start where that was
    later and nothing earlier was told. ``providers`` has those there are and those heard of; ``jobs`` the last change by
    name; ``alerts`` those that are not resolved; ``breakers`` the last change of each breaker that is not closed.
    """

    at: float
    revision: int
    today_since: float
    real: Traffic
    simulated: Traffic
    providers: Mapping[str, ProviderLive]
    breakers: tuple[BreakerChanged, ...]
    cache: CacheLive
    user: UserLive
    jobs: Mapping[str, JobChanged]
    alerts: tuple[AlertChanged, ...]
    peers: tuple[PeerLive, ...]

    def provider(self, name: str) -> ProviderLive:
        """One provider; as nothing is known of it, where it was not heard of."""
        return self.providers.get(name) or ProviderLive(name)
