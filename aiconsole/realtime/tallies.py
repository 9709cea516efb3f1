"""The parts of `Live` that count: one provider, the requests of one kind, the cache."""

from __future__ import annotations

from collections import Counter
from typing import Final

from aiconsole.domain.errors import CALLERS_KINDS
from aiconsole.domain.events import (
    AttemptFinished,
    BreakerChanged,
    BreakerState,
    CacheEvent,
    HealthSeen,
    RequestFinished,
)
from aiconsole.realtime.rolling import Rolling
from aiconsole.realtime.state import CacheLive, Health, Load, ProviderLive, Traffic

MINUTE_S: Final = 60
ERRORS_S: Final = 300
"""Error rates are those of the last five minutes: of one minute, a single failure would be most of it."""
FAILING_AFTER: Final = 2
"""So many failures in a row, and a provider is said to fail."""

_GRAVITY: Final[dict[BreakerState, int]] = {
    "closed": 0,
    "forced closed": 1,
    "half-open": 2,
    "open": 3,
    "forced open": 4,
}


def gravest(changes: tuple[BreakerChanged, ...]) -> BreakerState:
    """The gravest state among breakers; closed where there are none."""
    return max((change.after for change in changes), key=_GRAVITY.__getitem__, default="closed")


def says_something(error_kind: str | None) -> bool:
    """Whether the outcome tells of the provider, not of its caller."""
    return error_kind is None or error_kind not in CALLERS_KINDS


class ProviderTally:
    """One provider's attempts and looks at its health."""

    __slots__ = (
        "_errors",
        "_failing",
        "_health",
        "_health_at",
        "_health_ms",
        "_last_error",
        "_looked",
        "_minute",
        "_simulated_usd",
        "_spend_usd",
        "_succeeded_at",
    )

    def __init__(self) -> None:
        self._minute, self._errors = Rolling(MINUTE_S), Rolling(ERRORS_S)
        self.forget_health()
        self.begin_day()

    def forget_health(self) -> None:
        """Judge anew: it was set up anew, or is simulated now."""
        self._failing = 0
        self._health: Health = "unknown"
        self._looked: Health = "unknown"
        self._health_at: float | None = None
        self._health_ms: float | None = None
        self._succeeded_at: float | None = None
        self._last_error: tuple[float, str] | None = None

    def begin_day(self) -> None:
        """Begin today's figures with nothing."""
        self._spend_usd = self._simulated_usd = 0.0

    def attempt(self, event: AttemptFinished, at: float, now: float) -> None:
        """Count an attempt that ended at ``at`` (epoch s), ``now`` (monotonic s)."""
        kind = event.error_kind
        if event.cost is not None:
            self.spent(event.cost.usd, event.simulated)
        judged = says_something(kind)
        self._minute.add(now, judged=judged, failed=judged and kind is not None)
        self._errors.add(now, judged=judged, failed=judged and kind is not None)
        if kind is None:
            self._failing, self._succeeded_at, self._health = 0, at, "healthy"
        elif judged:
            self._failing += 1
            self._last_error = (at, kind)
            if self._failing >= FAILING_AFTER:
                self._health = "failing"

    def health(self, event: HealthSeen) -> None:
        """Take in how a look at its health went."""
        self._health = self._looked = "healthy" if event.healthy else "failing"
        self._health_at, self._health_ms = event.at, event.latency_ms
        if not event.healthy:
            self._last_error = (event.at, event.error_kind or "unhealthy")

    def looked_before(self, event: HealthSeen) -> None:
        """Take in how the last look of an earlier run went, where this one has not looked yet."""
        if self._health_at is None:
            self._looked = "healthy" if event.healthy else "failing"
            self._health_at, self._health_ms = event.at, event.latency_ms
            if not event.healthy and self._last_error is None:
                self._last_error = (event.at, event.error_kind or "unhealthy")

    def spent(self, usd: float, simulated: bool) -> None:
        """Add to today's spend."""
        if simulated:
            self._simulated_usd += usd
        else:
            self._spend_usd += usd

    def lately(self, now: float) -> int:
        """Attempts that are still in a rolling figure."""
        self._errors.expire(now)
        return self._errors.requests

    def live(self, name: str, now: float, breakers: tuple[BreakerChanged, ...], load: Load) -> ProviderLive:
        """How it stands."""
        error_at, error_kind = self._last_error or (None, "")
        self._minute.expire(now)
        return ProviderLive(
            name,
            self._health,
            gravest(breakers),
            breakers,
            self._succeeded_at,
            error_at,
            error_kind,
            self._failing,
            self._health_at,
            self._health_ms,
            self._minute.requests,
            self._errors.error_rate(now),
            self._spend_usd,
            self._simulated_usd,
            load.in_flight,
            load.headroom,
            self._looked,
        )


class TrafficTally:
    """The requests of one kind, real or simulated."""

    __slots__ = ("_cached", "_errors", "_failures", "_minute", "_requests", "_saved_usd", "_spend_usd")

    def __init__(self) -> None:
        self._minute, self._errors = Rolling(MINUTE_S), Rolling(ERRORS_S)
        self.begin_day()

    def begin_day(self) -> None:
        """Begin today's figures with nothing."""
        self._requests = self._failures = self._cached = 0
        self._spend_usd = self._saved_usd = 0.0

    def request(self, event: RequestFinished, now: float) -> None:
        """Count a request that ended ``now`` (monotonic s)."""
        judged = says_something(event.error_kind)
        failed = judged and event.error_kind is not None
        self._minute.add(now, judged=judged, failed=failed)
        self._errors.add(now, judged=judged, failed=failed)
        self._requests += 1
        self._failures += failed
        self._cached += event.cached
        self._saved_usd += event.saved_usd or 0.0

    def spent(self, usd: float) -> None:
        """Add to today's spend."""
        self._spend_usd += usd

    def lately(self, now: float) -> int:
        """Requests that are still in a rolling figure."""
        self._errors.expire(now)
        return self._errors.requests

    def live(self, now: float) -> Traffic:
        """How it stands."""
        self._minute.expire(now)
        return Traffic(
            self._minute.requests,
            self._errors.error_rate(now),
            self._requests,
            self._failures,
            self._cached,
            self._spend_usd,
            self._saved_usd,
        )


class CacheTally:
    """What the response cache did."""

    __slots__ = ("_saved_ms", "_saved_usd", "_steps")

    def __init__(self) -> None:
        self._steps: Counter[str] = Counter()
        self._saved_usd = self._saved_ms = 0.0

    def add(self, event: CacheEvent) -> None:
        """Count an event."""
        self._steps[event.step] += 1
        if event.step == "hit":
            self._saved_usd += event.saved_usd or 0.0
            self._saved_ms += event.saved_ms or 0.0

    def live(self) -> CacheLive:
        """How it stands."""
        steps = self._steps
        hits, misses = steps["hit"], steps["miss"]
        return CacheLive(
            hits,
            misses,
            steps["store"],
            steps["evict"],
            steps["invalidate"],
            steps["expire"],
            self._saved_usd,
            self._saved_ms,
            hits / (hits + misses) if hits + misses else None,
        )
