"""Rate limits: what is left of them at each candidate and provider, so that a call known to be refused is not sent.

Three things are watched for each key (``provider/model``, and the provider's bare name): the limits its headers told, each as
a `gauge.Gauge`; what our own calls in flight and since then take of them; and a time before which nothing is sent
(Retry-After). A 429 sets such a time. It never opens a breaker.

    admission = limits.admit(key, prompt_tokens, output_tokens)     # wait_s 0.0: send now
    lease = limits.begin(key, prompt_tokens, output_tokens)         # charged at once, to candidate and provider
    limits.seen(key, result.rate_limits, lease)
    lease.done(actual_prompt, actual_output)                        # or lease.failed(sent=...), or limits.refused(key, 12.0)
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from aiconsole.domain.chat import LimitKind, LimitWindow, RateLimit
from aiconsole.domain.clock import Clock
from aiconsole.domain.events import LimitSeen
from aiconsole.routing.gauge import Gauge

_log = logging.getLogger(__name__)

NEAR: Final = 0.2
EASED: Final = 0.3
"""Headroom below which a limit is said to be near, and above which it is said to have eased."""

OVERSIZE: Final = 1.5
"""A prompt estimated at over so many times a token limit will be refused however long it waits; below that the estimate may
be wrong, and it is sent once all of the limit is there."""

FIRST_HOLD_S: Final = 1.0
LONGEST_GUESS_S: Final = 60.0
"""A 429 without Retry-After holds back 1 s, then twice as long each time until a call succeeds, a minute at most."""

LONGEST_HOLD_S: Final = 30 * 86_400.0


class Admission(NamedTuple):
    """``wait_s`` 0.0: send now; inf: it can never be sent. ``reason`` is for the person."""

    wait_s: float
    reason: str


NOW: Final = Admission(0.0, "")


class LimitView(msgspec.Struct, frozen=True):
    """One key as the window shows it: ``limits`` hold our estimates, ``held_until`` is epoch seconds."""

    key: str
    headroom: float
    requests_in_flight: int
    tokens_in_flight: int
    limits: tuple[RateLimit, ...] = ()
    held_until: float | None = None
    held_reason: str = ""


Amounts = tuple[int, int, int, int]
"""What a call takes, in the order of `gauge.AMOUNT`."""


class _Tracker:
    """What is known of one key; ``begun`` and ``in_flight`` are amounts, counted up."""

    __slots__ = ("begun", "gauges", "held_reason", "held_until", "in_flight", "key", "near", "refusals")

    def __init__(self, key: str) -> None:
        self.key = key
        self.gauges: list[Gauge] = []
        self.held_until = -math.inf
        self.held_reason = ""
        self.refusals = 0
        self.near = False
        self.begun: Amounts = (0, 0, 0, 0)
        self.in_flight: Amounts = (0, 0, 0, 0)

    def gauge(self, kind: LimitKind, window: LimitWindow | None) -> Gauge:
        for gauge in self.gauges:
            if gauge.kind == kind and gauge.window == window:
                return gauge
        self.gauges.append(Gauge(kind, window))
        return self.gauges[-1]

    def charge(self, now: float, amounts: Amounts, turn: int) -> None:
        self.begun = _sum(self.begun, amounts)
        self.in_flight = _sum(self.in_flight, amounts)
        for gauge in self.gauges:
            gauge.charge(now, amounts[gauge.amount], turn)

    def settle(self, now: float, charged: Amounts, actual: Amounts, turn: int) -> None:
        """Put what was really taken in the place of what was charged at ``turn``."""
        self.in_flight = _difference(self.in_flight, charged)
        if actual is charged:
            return
        for gauge in self.gauges:
            more = actual[gauge.amount] - charged[gauge.amount]
            if more > 0:
                gauge.charge(now, more, turn)
            elif more < 0:
                gauge.refund(now, -more, turn)

    def headroom(self, now: float) -> float:
        if self.held_until > now:
            return 0.0
        least = 1.0
        for gauge in self.gauges:
            share = gauge.share(now)
            least = share if share < least else least
        return least


class Lease:
    """One call's share of the limits, charged when it began. The first of its methods ends it; a lease that is lost costs only
    what it was charged, which wears off."""

    __slots__ = ("_amounts", "_clock", "_marks", "_over", "_trackers", "turn")

    def __init__(self, clock: Clock, trackers: tuple[_Tracker, ...], amounts: Amounts, turn: int) -> None:
        self._clock = clock
        self._trackers = trackers
        self._amounts = amounts
        self._over = False
        self.turn = turn
        now = clock.monotonic()
        for tracker in trackers:
            tracker.charge(now, amounts, turn)
        self._marks = [tracker.begun for tracker in trackers]

    def done(self, prompt_tokens: int | None = None, output_tokens: int | None = None) -> None:
        """The call succeeded with so many tokens (None: as estimated)."""
        if self._over:
            return
        for tracker in self._trackers:
            tracker.refusals = 0
        _, _, prompt, output = self._amounts
        prompt = prompt if prompt_tokens is None else prompt_tokens
        output = output if output_tokens is None else output_tokens
        self._end((1, prompt + output, prompt, output))

    def failed(self, *, sent: bool = True) -> None:
        """The call failed or was given up; what it was charged stays where it may have been received (``sent``)."""
        self._end(self._amounts if sent else (0, 0, 0, 0))

    def _end(self, actual: Amounts) -> None:
        if not self._over:
            self._over = True
            now = self._clock.monotonic()
            for tracker in self._trackers:
                tracker.settle(now, self._amounts, actual, self.turn)

    def since(self, tracker: _Tracker) -> Amounts:
        """What was charged to ``tracker`` by calls that began after this one."""
        for mine, mark in zip(self._trackers, self._marks, strict=True):
            if mine is tracker:
                return _difference(tracker.begun, mark)
        return (0, 0, 0, 0)


class RateLimits:
    """The limits of all candidates and providers.

    Args:
        publish: takes a `LimitSeen` when a limit becomes known or changes, comes near or eases, or is hit; what it raises is
            logged.
    """

    def __init__(self, clock: Clock, publish: Callable[[LimitSeen], None]) -> None:
        self._clock = clock
        self._publish = publish
        self._trackers: dict[str, _Tracker] = {}
        self._of_key: dict[str, tuple[_Tracker, ...]] = {}
        self._turn = 0

    # Asking

    def admit(self, key: str, prompt_tokens: int = 0, output_tokens: int = 0) -> Admission:
        """Whether a call with so many tokens (estimated) may be sent now, by the candidate's limits and its provider's. It
        charges nothing; `begin` does."""
        now = self._clock.monotonic()
        longest = 0.0
        reason = ""
        amounts = (1, prompt_tokens + output_tokens, prompt_tokens, output_tokens)
        for tracker in self._of_key.get(key) or self._of(key):
            if tracker.held_until - now > longest:
                longest, reason = tracker.held_until - now, tracker.held_reason
            for gauge in tracker.gauges:
                wait_s = gauge.wait_s(now, amounts[gauge.amount])
                if wait_s > longest:
                    longest, reason = wait_s, f"{_named(gauge)} used up"
                limit = gauge.limit
                if limit and prompt_tokens > OVERSIZE * limit and gauge.kind in ("tokens", "input tokens"):
                    return Admission(math.inf, f"about {prompt_tokens:,} tokens, over the {_named(gauge)}")
        return Admission(longest, reason) if longest else NOW

    def headroom(self, key: str) -> float:
        """What is left of the tightest limit of candidate and provider, 0 to 1; 1 where none is known."""
        return self.headrooms((key,))[0]

    def headrooms(self, keys: Iterable[str]) -> list[float]:
        """`headroom` of many candidates."""
        now, known = self._clock.monotonic(), self._of_key
        found: list[float] = []
        for key in keys:
            least = 1.0
            for tracker in known.get(key) or self._of(key):
                if tracker.gauges or tracker.held_until > now:
                    left = tracker.headroom(now)
                    least = left if left < least else least
            found.append(least)
        return found

    def least_headroom(self, provider: str) -> float:
        """What is left of the tightest limit of a provider and all its models, 0 to 1; 1 where none is known."""
        now, start = self._clock.monotonic(), f"{provider}/"
        near = (kept for key, kept in self._trackers.items() if key == provider or key.startswith(start))
        return min((tracker.headroom(now) for tracker in near), default=1.0)

    def held_s(self, key: str) -> float:
        """Seconds before which nothing is sent there, 0.0 for none."""
        now = self._clock.monotonic()
        return max(0.0, max(tracker.held_until for tracker in self._of(key)) - now)

    def snapshot(self) -> tuple[LimitView, ...]:
        """Every key seen so far, for the window."""
        now, wall = self._clock.monotonic(), self._clock.now()
        return tuple(
            LimitView(
                tracker.key,
                tracker.headroom(now),
                tracker.in_flight[0],
                tracker.in_flight[1],
                tuple(gauge.view(now, wall) for gauge in tracker.gauges),
                *((wall + tracker.held_until - now, tracker.held_reason) if tracker.held_until > now else ()),
            )
            for tracker in self._trackers.values()
        )

    # Accounting

    def begin(self, key: str, prompt_tokens: int = 0, output_tokens: int = 0) -> Lease:
        """Charge a call that is being sent; ask `admit` first."""
        self._turn += 1
        amounts = (1, prompt_tokens + output_tokens, prompt_tokens, output_tokens)
        return Lease(self._clock, self._of_key.get(key) or self._of(key), amounts, self._turn)

    def seen(self, key: str, limits: Sequence[RateLimit], lease: Lease | None = None) -> None:
        """Take in what an answer's headers told about ``key``; ``lease`` is that of the call they came with."""
        if not limits:
            return
        tracker = self._tracker(key)
        now, wall = self._clock.monotonic(), self._clock.now()
        asked = self._turn if lease is None else lease.turn
        since = (0, 0, 0, 0) if lease is None else lease.since(tracker)
        news = []
        for limit in limits:
            gauge = tracker.gauge(limit.kind, limit.window)
            if gauge.told(limit, now, wall, since[gauge.amount], asked):
                news.append(_named(gauge))
        left = tracker.headroom(now)
        if news:
            self._tell(tracker, f"limits: {', '.join(news)}", left, tuple(limits))
        if not tracker.near and left < NEAR:
            tracker.near = True
            self._tell(tracker, f"{left * 100:.0f} % left", left, tuple(limits))
        elif tracker.near and left > EASED:
            tracker.near = False
            self._tell(tracker, f"eased, {left * 100:.0f} % left", left, tuple(limits))

    def refused(self, key: str, retry_after_s: float | None = None) -> float:
        """A 429 came. Holds the key back for Retry-After where that is a positive, finite number, else for what its limits say,
        else for a guess that doubles; returns the seconds it is held back from now on."""
        tracker = self._tracker(key)
        now = self._clock.monotonic()
        if tracker.held_until <= now:
            tracker.refusals += 1
        wait_s = retry_after_s
        if wait_s is None or not 0 < wait_s < math.inf:
            known = max((gauge.wait_s(now, 1) for gauge in tracker.gauges), default=0.0)
            guess = FIRST_HOLD_S * 2.0 ** min(max(0, tracker.refusals - 1), 30)
            wait_s = known or min(guess, LONGEST_GUESS_S)
        self.hold(key, wait_s, "rate limit reached")
        return tracker.held_until - now

    def hold(self, key: str, seconds: float, reason: str) -> None:
        """Send nothing to ``key`` for so many seconds (30 days at most). Of two holds the later end counts; what is not a
        positive number is ignored."""
        if not 0 < seconds < math.inf:
            return
        tracker = self._tracker(key)
        now = self._clock.monotonic()
        until = now + min(seconds, LONGEST_HOLD_S)
        if until > tracker.held_until:
            tracker.held_until = until
            tracker.held_reason = reason
            self._tell(tracker, reason, 0.0, ())

    def forget(self, provider: str) -> None:
        """Drop what is known of a provider and its models, since it is not the same any more (another key or base URL)."""
        for key in [key for key in self._trackers if key.partition("/")[0] == provider]:
            del self._trackers[key]
        for key in [key for key in self._of_key if key.partition("/")[0] == provider]:
            del self._of_key[key]

    def _of(self, key: str) -> tuple[_Tracker, ...]:
        found = self._of_key.get(key)
        if found is None:
            provider = key.partition("/")[0]
            found = (self._tracker(key),) if provider == key else (self._tracker(key), self._tracker(provider))
            self._of_key[key] = found
        return found

    def _tracker(self, key: str) -> _Tracker:
        tracker = self._trackers.get(key)
        if tracker is None:
            tracker = self._trackers[key] = _Tracker(key)
        return tracker

    def _tell(self, tracker: _Tracker, reason: str, headroom: float, limits: tuple[RateLimit, ...]) -> None:
        now, wall = self._clock.monotonic(), self._clock.now()
        held_until = wall + tracker.held_until - now if tracker.held_until > now else None
        try:
            self._publish(LimitSeen(tracker.key, reason, headroom, wall, limits, held_until))
        except Exception:
            _log.exception("%s: a listener failed at a limit seen", tracker.key)


def _sum(one: Amounts, other: Amounts) -> Amounts:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]


def _difference(one: Amounts, other: Amounts) -> Amounts:
    return one[0] - other[0], one[1] - other[1], one[2] - other[2], one[3] - other[3]


def _named(gauge: Gauge) -> str:
    many = "limit" if gauge.limit is None else f"limit of {gauge.limit:,}"
    return f"{many} {gauge.kind}" if gauge.window is None else f"{many} {gauge.kind} per {gauge.window}"
