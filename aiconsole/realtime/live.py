"""How everything stands now, kept up to date event by event, for the status strip, the Overview and whoever shows a state.

Adding an event takes the same few microseconds however much there was before; `Live.state` makes one immutable picture of it
all and gives the same again until something changes. `Live.watch` calls back with it, coalesced. Events of other consoles only
count for their peer.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from aiconsole.domain.chat import Continued
from aiconsole.domain.clock import Clock
from aiconsole.domain.events import (
    AlertChanged,
    AttemptFinished,
    BreakerChanged,
    CacheEvent,
    Event,
    FromPeer,
    HealthSeen,
    HeartChanged,
    Hedged,
    JobChanged,
    LimitSeen,
    LinkChanged,
    Notice,
    PeerGap,
    RequestFinished,
    RuleFired,
    Switched,
    UserActed,
)
from aiconsole.realtime.bus import Bus
from aiconsole.realtime.coalesce import Coalescer
from aiconsole.realtime.state import LiveState, Load, PeerLive, ProviderLive, Told, UserLive
from aiconsole.realtime.tallies import CacheTally, ProviderTally, TrafficTally
from aiconsole.realtime.timers import Cancel, Timers

FEED: Final = 500
"""Entries of the live feed that are kept."""
ACTIONS: Final = 20
_PEERS: Final = 100
_DAY_S: Final = 86_400.0
_AGE_S: Final = 1.0

_TOLD: Final = (
    Notice, Switched, Continued, BreakerChanged, LimitSeen, RuleFired, Hedged, HealthSeen, JobChanged, UserActed,
    AlertChanged, FromPeer, PeerGap, LinkChanged, HeartChanged,
)  # fmt: skip


class Live:
    """Listens to a bus until `close`.

    Args:
        load: what is under way at a provider, and how near its limits are.
        names: the providers there are, which the state has even before anything was heard of them.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        timers: Timers,
        *,
        load: Callable[[str], Load] = lambda _: Load(),
        names: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._clock, self._timers, self._load, self._names = clock, timers, load, names
        self._providers: defaultdict[str, ProviderTally] = defaultdict(ProviderTally)
        self._real, self._simulated = TrafficTally(), TrafficTally()
        self._breakers: dict[str, BreakerChanged] = {}
        self._cache = CacheTally()
        self._actions: deque[UserActed] = deque(maxlen=ACTIONS)
        self._acted = 0
        self._jobs: dict[str, JobChanged] = {}
        self._alerts: dict[str, AlertChanged] = {}
        self._peers: dict[str, PeerLive] = {}
        self._feed: deque[Told] = deque(maxlen=FEED)
        self._watchers: list[Coalescer] = []
        self._ageing: Cancel | None = None
        self._ages_fast = False
        self._state: LiveState | None = None
        self._state_until = 0.0
        self.revision = 0
        self.started_at = clock.now()
        self._told_since = self.started_at
        self._day = clock.now() // _DAY_S
        self._leave = (
            bus.subscribe(self._on_attempt, AttemptFinished),
            bus.subscribe(self._on_request, RequestFinished),
            bus.subscribe(self._on_health, HealthSeen),
            bus.subscribe(self._on_breaker, BreakerChanged),
            bus.subscribe(self._on_cache, CacheEvent),
            bus.subscribe(self._on_user, UserActed),
            bus.subscribe(self._on_job, JobChanged),
            bus.subscribe(self._on_alert, AlertChanged),
            bus.subscribe(self._on_peer, FromPeer, PeerGap),
            bus.subscribe(self._on_told, *_TOLD),
        )

    def close(self) -> None:
        """Listen no more."""
        for leave in self._leave:
            leave()
        for watcher in self._watchers:
            watcher.close()
        self._watchers.clear()
        self._stop_ageing()

    # Reading

    def state(self) -> LiveState:
        """How everything stands. The same object again while nothing has changed, for up to a second."""
        now = self._clock.monotonic()
        if self._state is None or self._state.revision != self.revision or now >= self._state_until:
            self._state = self._picture(now)
            self._state_until = now + _AGE_S
        return self._state

    def provider(self, name: str) -> ProviderLive:
        """How one provider stands."""
        return self.state().provider(name)

    def newest(self, most: int = FEED, *types: type) -> list[Told]:
        """The live feed, the newest first: everything worth telling, but not each attempt and look-up of the cache. With
        ``types`` only events of those."""
        found = []
        for told in reversed(self._feed):
            if not types or isinstance(told.event, types):
                found.append(told)
                if len(found) >= most:
                    break
        return found

    def watch(self, call: Callable[[LiveState], object], *, hz: float = 10.0) -> Callable[[], None]:
        """Have ``call`` called with the state soon after it changed, at most ``hz`` times a second; the callable returned ends
        that. While rolling figures run down or a breaker's time runs, that is a change each second; else there is none
        until something happens or the day ends."""
        watcher = Coalescer(lambda: call(self.state()), hz, self._clock, self._timers)
        self._watchers.append(watcher)
        self._age_later()

        def end() -> None:
            watcher.close()
            if watcher in self._watchers:
                self._watchers.remove(watcher)
            if not self._watchers:
                self._stop_ageing()

        return end

    # Changing

    def tell_spent(self, provider: str, usd: float, *, simulated: bool, since: float) -> None:
        """Add what an earlier run of the console spent today at ``provider``; ``since`` (epoch seconds) is from when on that is
        known."""
        self._roll_day()
        self._providers[provider].spent(usd, simulated)
        (self._simulated if simulated else self._real).spent(usd)
        self._told_since = min(self._told_since, since)
        self._changed()

    def tell_look(self, look: HealthSeen) -> None:
        """Take in the last look at a provider's health of an earlier run of the console, where there still is that provider. It
        is told with its time and judges nothing; what this run has seen goes before it."""
        if look.provider in self._names():
            self._providers[look.provider].looked_before(look)
            self._changed()

    def forget(self, provider: str | None = None) -> None:
        """Judge a provider's health anew (None: all): it was set up anew, or is simulated now. What was counted stays."""
        for name, tally in self._providers.items():
            if provider is None or name == provider:
                tally.forget_health()
        self._changed()

    # Events

    def _on_attempt(self, event: AttemptFinished) -> None:
        self._roll_day()
        at, now = self._clock.now(), self._clock.monotonic()
        self._providers[event.provider].attempt(event, at, now)
        if event.cost is not None:
            (self._simulated if event.simulated else self._real).spent(event.cost.usd)
        self._changed()

    def _on_request(self, event: RequestFinished) -> None:
        self._roll_day()
        (self._simulated if event.simulated else self._real).request(event, self._clock.monotonic())
        self._changed()

    def _on_health(self, event: HealthSeen) -> None:
        self._providers[event.provider].health(event)
        self._changed()

    def _on_breaker(self, event: BreakerChanged) -> None:
        if event.after == "closed":
            self._breakers.pop(event.key, None)
        elif not event.observe_only:
            self._breakers[event.key] = event
        self._changed()

    def _on_cache(self, event: CacheEvent) -> None:
        self._cache.add(event)
        self._changed()

    def _on_user(self, event: UserActed) -> None:
        self._acted += 1
        self._actions.appendleft(event)
        self._changed()

    def _on_job(self, event: JobChanged) -> None:
        self._jobs[event.job] = event
        self._changed()

    def _on_alert(self, event: AlertChanged) -> None:
        if event.state == "resolved":
            self._alerts.pop(event.alert, None)
        else:
            self._alerts[event.alert] = event
        self._changed()

    def _on_peer(self, event: FromPeer | PeerGap) -> None:
        kept = self._peers.pop(event.origin, None) or PeerLive(event.origin, 0, 0, 0.0)
        gap = event.last - event.first + 1 if isinstance(event, PeerGap) else 0
        self._peers[event.origin] = PeerLive(
            event.origin, kept.events + (not gap), kept.missed + gap, self._clock.now()
        )
        if len(self._peers) > _PEERS:
            del self._peers[next(iter(self._peers))]
        self._changed()

    def _on_told(self, event: Event) -> None:
        inner = event.event if isinstance(event, FromPeer) else event
        quiet = (isinstance(inner, HealthSeen) and inner.healthy) or (
            isinstance(inner, JobChanged) and inner.step == "progress"
        )
        if isinstance(inner, _TOLD) and not quiet:
            self._feed.append(Told(self._clock.now(), event))
            self._changed()

    # Time

    def _changed(self) -> None:
        self.revision += 1
        if self._watchers:
            for watcher in self._watchers:
                watcher.touch()
            self._age_later()

    def _roll_day(self) -> None:
        day = self._clock.now() // _DAY_S
        if day != self._day:
            self._day = day
            self._real.begin_day()
            self._simulated.begin_day()
            for tally in self._providers.values():
                tally.begin_day()

    def _age_later(self) -> None:
        if self._ageing is not None:
            if self._ages_fast or not self._moves():
                return
            self._ageing()
        self._ages_fast = self._moves()
        wall = self._clock.now()
        self._ageing = self._timers.later(_AGE_S if self._ages_fast else _DAY_S - wall % _DAY_S, self._age)

    def _age(self) -> None:
        self._ageing = None
        self._roll_day()
        self._changed()

    def _stop_ageing(self) -> None:
        if self._ageing is not None:
            self._ageing()
            self._ageing = None

    def _moves(self) -> bool:
        now, wall = self._clock.monotonic(), self._clock.now()
        return bool(
            self._real.lately(now)
            or self._simulated.lately(now)
            or any(tally.lately(now) for tally in self._providers.values())
            or any(change.open_until is not None and change.open_until > wall for change in self._breakers.values())
        )

    def _picture(self, now: float) -> LiveState:
        self._roll_day()
        wall = self._clock.now()
        breakers = tuple(_at(change, wall) for change in self._breakers.values())
        providers = dict.fromkeys(
            [*self._names(), *self._providers, *(change.key.partition("/")[0] for change in breakers)]
        )
        return LiveState(
            wall,
            self.revision,
            max(self._day * _DAY_S, self._told_since),
            self._real.live(now),
            self._simulated.live(now),
            {
                name: self._providers[name].live(
                    name,
                    now,
                    tuple(change for change in breakers if change.key.partition("/")[0] == name),
                    self._load(name),
                )
                for name in providers
            },
            breakers,
            self._cache.live(),
            UserLive(self._acted, tuple(self._actions)),
            dict(self._jobs),
            tuple(self._alerts.values()),
            tuple(self._peers.values()),
        )


def _at(change: BreakerChanged, wall: float) -> BreakerChanged:
    """The breaker as it stands: one whose time is over is half-open without anybody having told."""
    if change.after == "open" and change.open_until is not None and change.open_until <= wall:
        return msgspec.structs.replace(change, after="half-open", open_until=None)
    return change
