"""A circuit breaker: stops asking a provider that fails, and finds out with a few calls when it is well again.

It admits, and is told outcomes; it knows neither providers nor errors, waits for nothing and starts nothing. States:

- closed: calls pass. `BreakerSettings.consecutive` failures in a row open it, and so does a window of at least
  ``minimum_calls`` calls with a share of ``failure_rate`` failed or ``slow_rate`` slow.
- open: calls are refused for ``open_s * 2**n`` seconds, n being the times it opened since it was last closed, at most
  ``max_open_s``, with equal jitter (half of it fixed, half random), as Envoy's ejection time and Finagle's failure accrual do.
- half-open: a call is admitted while those in flight and the successes so far are together fewer than ``half_open_permits``
  (resilience4j's limit). So many successes close it, one failure opens it again.
- forced open, forced closed: set by hand, survive a restart, never leave by themselves.

The change from open to half-open needs no timer: `Breaker.state` is computed when it is read. Every admission carries the
generation it was made in (as in gobreaker): an outcome that belongs to an earlier one is not counted and releases nothing.
All reckoning is in monotonic time; wall time is only told to people and kept over a restart.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from random import Random
from typing import Final

import msgspec

from aiconsole.domain.backoff import equal_jitter
from aiconsole.domain.clock import Clock
from aiconsole.domain.events import BreakerChanged, BreakerState
from aiconsole.routing.windows import CallWindow, TimeWindow, Window

_log = logging.getLogger(__name__)
_UNCOUNTED: Final = -1
"""The generation of calls let through only because the breaker just observes."""


class BreakerSettings(msgspec.Struct, frozen=True):
    """When a breaker opens and for how long. Rates are shares from 0 to 1, a ``consecutive`` of 0 switches that rule off.

    ``window_calls`` None judges the rates over the last ``window_s`` seconds, in ``buckets`` steps; a number judges them over
    that many last calls instead (``minimum_calls`` is then at most that number). ``slow_ms`` None judges no latency.
    ``max_lease_s`` bounds how long a half-open permit stays taken where a call has no deadline.
    """

    consecutive: int = 5
    window_s: float = 60.0
    buckets: int = 12
    window_calls: int | None = None
    minimum_calls: int = 10
    failure_rate: float = 0.5
    slow_rate: float = 0.8
    slow_ms: float | None = None
    open_s: float = 15.0
    max_open_s: float = 300.0
    half_open_permits: int = 3
    max_lease_s: float = 600.0

    def __post_init__(self) -> None:
        if min(self.buckets, self.half_open_permits, self.minimum_calls) < 1 or self.window_calls == 0:
            raise ValueError("buckets, window_calls, minimum_calls and half_open_permits are at least 1")
        if not (self.window_s > 0 and self.open_s > 0 and self.max_open_s > 0):
            raise ValueError("window_s, open_s and max_open_s are above 0")


class BreakerSnapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a breaker keeps over a restart or for an undo: taken ``at`` epoch seconds, ``left_s`` seconds before it would
    have become half-open; ``trips`` is how often it opened since it was last closed."""

    state: BreakerState
    at: float
    left_s: float = 0.0
    trips: int = 0
    reason: str = ""
    observe_only: bool = False


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The call must not be sent. ``until_s``: it is worth asking again in so many seconds at the latest, inf where only a
    person can change it."""

    reason: str
    until_s: float


class Permit:
    """One admitted call. Exactly one of its methods counts, the first; so ``neutral()`` in a ``finally`` is safe.

    Durations are ms; give what `BreakerSettings.slow_ms` is meant for, the time to the first token where there is a stream,
    because whole answers are of any length.
    """

    __slots__ = ("_breaker", "_generation", "_told")

    def __init__(self, breaker: Breaker, generation: int) -> None:
        self._breaker = breaker
        self._generation = generation
        self._told = False

    def success(self, duration_ms: float = 0.0) -> None:
        if not self._told:
            self._told = True
            self._breaker._ended(self, self._generation, False, duration_ms)

    def failure(self, duration_ms: float = 0.0) -> None:
        """The provider failed (see `breakers.counts_as`)."""
        if not self._told:
            self._told = True
            self._breaker._ended(self, self._generation, True, duration_ms)

    def neutral(self) -> None:
        """The call says nothing about the provider: cancelled, the caller's own fault, never sent."""
        if not self._told:
            self._told = True
            self._breaker._leases.pop(self, None)


class Breaker:
    """One circuit breaker.

    Args:
        key: what it guards, ``provider/model`` or a provider's name; told in events.
        publish: takes each change after it was made; what it raises is logged and changes nothing.
    """

    __slots__ = (
        "_clock",
        "_consecutive",
        "_generation",
        "_hint_believed",
        "_hinted",
        "_leases",
        "_observe_only",
        "_open_until",
        "_publish",
        "_random",
        "_reason",
        "_settings",
        "_slow",
        "_state",
        "_successes",
        "_trips",
        "_window",
        "key",
    )

    def __init__(
        self,
        key: str,
        clock: Clock,
        random: Random,
        publish: Callable[[BreakerChanged], None],
        settings: BreakerSettings | None = None,
    ) -> None:
        self.key = key
        self._clock = clock
        self._random = random
        self._publish = publish
        self._settings = settings or BreakerSettings()
        self._window = _window(self._settings)
        self._state: BreakerState = "closed"
        self._reason = ""
        self._generation = 0
        self._observe_only = False
        self._open_until = 0.0
        self._trips = 0
        self._consecutive = 0
        self._successes = 0
        self._slow = 0
        self._hinted = False
        self._hint_believed = True
        self._leases: dict[Permit, float] = {}

    # Reading

    @property
    def state(self) -> BreakerState:
        if self._state == "open" and self._clock.monotonic() >= self._open_until:
            return "half-open"
        return self._state

    @property
    def reason(self) -> str:
        """Why it is in its state, "" where it has always been closed."""
        return self._reason

    @property
    def left_s(self) -> float:
        """Seconds until it becomes half-open, 0 unless it is open."""
        return max(0.0, self._open_until - self._clock.monotonic()) if self._state == "open" else 0.0

    @property
    def observe_only(self) -> bool:
        return self._observe_only

    @property
    def trials(self) -> int:
        """Half-open trial calls under way."""
        return len(self._leases)

    @property
    def figures(self) -> Window:
        """What the window holds now; to be read only."""
        self._window.advance(self._clock.monotonic())
        return self._window

    # Admitting

    def permit(self, deadline_s: float) -> Permit | Refused:
        """Ask to send one call.

        Args:
            deadline_s: seconds until the call's deadline (inf: none). A half-open permit is a lease until then: whatever
                becomes of the call, its place is free again.
        """
        state = self._state
        if state in ("closed", "forced closed"):
            return Permit(self, self._generation)
        answer = self._probe(deadline_s)
        if self._observe_only and isinstance(answer, Refused):
            return Permit(self, _UNCOUNTED)
        return answer

    def _probe(self, deadline_s: float) -> Permit | Refused:
        if self._state == "forced open":
            return Refused(self._reason, math.inf)
        now = self._clock.monotonic()
        if self._state == "open":
            if now < self._open_until:
                return Refused(f"open: {self._reason}", self._open_until - now)
            self._change("half-open", "the open time is over")
        if not deadline_s > 0:
            return Refused("half-open, and no time is left for a trial call", 0.0)
        for permit in [permit for permit, ends in self._leases.items() if ends <= now]:
            del self._leases[permit]
        if len(self._leases) + self._successes >= self._settings.half_open_permits:
            return Refused(
                "half-open, and its trial calls are under way", min(self._leases.values(), default=now) - now
            )
        permit = Permit(self, self._generation)
        self._leases[permit] = now + min(deadline_s, self._settings.max_lease_s)
        return permit

    # Outcomes

    def _ended(self, permit: Permit, generation: int, failed: bool, duration_ms: float) -> None:
        if generation != self._generation:
            if generation != _UNCOUNTED:
                _log.debug("%s: an outcome that belongs to an earlier state is not counted", self.key)
            return
        slow_ms = self._settings.slow_ms
        slow = slow_ms is not None and duration_ms > slow_ms
        if self._state == "closed":
            self._count(failed, slow)
        elif self._state == "half-open":
            self._leases.pop(permit, None)
            if failed:
                self._open("a trial call failed")
            else:
                self._trial_succeeded(slow)

    def _count(self, failed: bool, slow: bool) -> None:
        window = self._window
        window.add(self._clock.monotonic(), failed, slow)
        settings = self._settings
        if failed:
            self._consecutive += 1
            if 0 < settings.consecutive <= self._consecutive:
                self._open(f"{self._consecutive} failures in a row")
                return
        else:
            self._consecutive = 0
        calls = window.calls
        if calls < settings.minimum_calls and calls != settings.window_calls:
            return
        if window.failed and window.failed / calls >= settings.failure_rate:
            self._open(f"{window.failed} of {calls} calls failed")
        elif window.slow and window.slow / calls >= settings.slow_rate:
            self._open(f"{window.slow} of {calls} calls took over {settings.slow_ms:g} ms")

    def _trial_succeeded(self, slow: bool) -> None:
        self._successes += 1
        self._slow += slow
        if self._successes >= self._settings.half_open_permits:
            self._judge_trial()

    def _judge_trial(self) -> None:
        if self._slow and self._slow / self._successes >= self._settings.slow_rate:
            self._open(f"{self._slow} of {self._successes} trial calls took over {self._settings.slow_ms:g} ms")
        else:
            self._trips = 0
            self._change("closed", f"{self._successes} trial calls succeeded")

    # By hand, by rule, by other evidence

    def force_open(self, reason: str = "held open by hand") -> None:
        self._change("forced open", reason)

    def force_closed(self, reason: str = "held closed by hand") -> None:
        self._change("forced closed", reason)

    def reset(self, reason: str = "reset by hand") -> None:
        """Close it and forget what was counted, whatever its state."""
        self._trips = 0
        self._change("closed", reason)

    def trip(self, reason: str) -> bool:
        """Open it as if it had been failing (a rule's action); False where it is open already or forced."""
        if self._state in ("forced open", "forced closed") or self.state == "open":
            return False
        self._open(reason)
        return True

    def hint_recovery(self, reason: str = "a health check succeeded") -> bool:
        """Become half-open at once because of evidence from outside, a health check that spends nothing, say (Envoy's
        successful_active_health_check_uneject_host). False where it is not open, or where such a hint proved wrong since it
        was last closed: a provider whose model list works while its answers fail is not believed twice."""
        if self.state != "open" or not self._hint_believed:
            return False
        self._change("half-open", reason)
        self._hinted = True
        return True

    def observe(self, on: bool) -> None:
        """Only tell what it would have done, and let every call pass; or act again. Survives a restart."""
        self._observe_only = on

    def configure(self, settings: BreakerSettings) -> None:
        """Take other settings. The state stays; the window begins afresh where its shape changes."""
        before, self._settings = self._settings, settings
        if (before.window_s, before.buckets, before.window_calls) != (
            settings.window_s,
            settings.buckets,
            settings.window_calls,
        ):
            self._window = _window(settings)
        if self._state == "half-open" and self._successes >= settings.half_open_permits:
            self._judge_trial()

    # Over a restart

    def snapshot(self) -> BreakerSnapshot:
        """Its state, for `restore`: in another process, or here as an undo."""
        return BreakerSnapshot(
            self._state, self._clock.now(), self.left_s, self._trips, self._reason, observe_only=self._observe_only
        )

    def restore(self, kept: BreakerSnapshot) -> None:
        """Take up a state. Forced states come back as they were. An open one goes on for what is left of its time; within
        ``max_open_s`` after that it is half-open; later it means nothing any more and the breaker is closed. A wall clock
        that was set back never makes it longer than what was left when the snapshot was taken."""
        self._observe_only = kept.observe_only
        state, reason = kept.state, kept.reason
        longest = self._settings.max_open_s
        left_s = min(kept.left_s - max(0.0, self._clock.now() - kept.at), longest)
        if state == "half-open":
            state = "open"
        if state == "open" and not left_s > -longest:
            state, reason = "closed", "what was known of it is too old"
        self._trips = max(0, kept.trips) if state == "open" else 0
        self._open_until = self._clock.monotonic() + left_s
        if state != "closed" or self._state != "closed":
            self._change(state, reason)

    # Changing

    def _open(self, reason: str) -> None:
        settings = self._settings
        open_s = equal_jitter(self._trips, self._random, first_s=settings.open_s, most_s=settings.max_open_s)
        self._trips += 1
        self._open_until = self._clock.monotonic() + open_s
        if self._hinted:
            self._hint_believed = False
        self._change("open", reason)

    def _change(self, after: BreakerState, reason: str) -> None:
        before = self._state
        self._state = after
        self._reason = reason
        self._generation += 1
        self._consecutive = self._successes = self._slow = 0
        self._leases.clear()
        self._hinted = False
        if after != "half-open":
            self._window.clear()
        if after == "closed":
            self._hint_believed = True
        if before == after != "open":
            return
        at = self._clock.now()
        open_until = at + self.left_s if after == "open" else None
        try:
            self._publish(BreakerChanged(self.key, before, after, reason, at, open_until, self._observe_only))
        except Exception:
            _log.exception("%s: a listener failed at the change from %s to %s", self.key, before, after)


def _window(settings: BreakerSettings) -> Window:
    if settings.window_calls is not None:
        return CallWindow(settings.window_calls)
    return TimeWindow(settings.window_s, settings.buckets)
