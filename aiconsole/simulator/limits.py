"""Rate limits that count: token buckets, as the reset times in the recorded headers of Groq and Anthropic show them.

A bucket holds ``limit`` units and refills evenly over its period, so ``remaining`` grows continuously and ``reset`` is the time
until it is full again.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from aiconsole.simulator.behaviour import RateLimits

What = Literal["requests", "tokens"]
Period = Literal["minute", "day"]
_SECONDS: dict[Period, float] = {"minute": 60.0, "day": 86_400.0}


class Reading(msgspec.Struct, frozen=True):
    """The state of one limit: units left of ``limit``, full again in ``reset`` seconds."""

    what: What
    period: Period
    limit: int
    remaining: int
    reset: float


class Refusal(msgspec.Struct, frozen=True):
    """Why a request was not admitted; ``retry_after`` in seconds, None where the provider does not say."""

    what: What = "requests"
    period: Period = "minute"
    limit: int = 60
    used: int = 60
    requested: int = 1
    retry_after: float | None = None


class Bucket:
    """One limit. Time is given by the caller, in seconds of a clock that never jumps."""

    def __init__(self, what: What, period: Period, limit: int) -> None:
        self.what: What = what
        self.period: Period = period
        self.limit = limit
        self._rate = limit / _SECONDS[period]
        self._level = float(limit)
        self._at: float | None = None

    def refill(self, now: float) -> None:
        if self._at is not None:
            self._level = min(float(self.limit), self._level + max(0.0, now - self._at) * self._rate)
        self._at = now

    def wait_for(self, amount: int) -> float:
        """Seconds until ``amount`` units (at most the whole bucket) are there; 0 when they are."""
        missing = min(amount, self.limit) - self._level
        return missing / self._rate if missing > 1e-9 else 0.0

    def take(self, amount: int) -> None:
        self._level = max(0.0, self._level - amount)

    def reading(self) -> Reading:
        missing = self.limit - self._level
        return Reading(self.what, self.period, self.limit, int(self._level + 1e-9), missing / self._rate)


class Limiter:
    """The limits of one provider, all of which must have room."""

    def __init__(self, limits: RateLimits) -> None:
        self.limits = limits
        wanted: list[tuple[What, Period, int | None]] = [
            ("requests", "minute", limits.requests_per_minute),
            ("requests", "day", limits.requests_per_day),
            ("tokens", "minute", limits.tokens_per_minute),
        ]
        self._buckets = [Bucket(what, period, limit) for what, period, limit in wanted if limit is not None]

    def admit(self, tokens: int, now: float) -> Refusal | None:
        """Take one request of ``tokens`` tokens, or say which limit it would break (the one that needs the longest wait)."""
        worst: tuple[float, Bucket] | None = None
        for bucket in self._buckets:
            bucket.refill(now)
            wait = bucket.wait_for(1 if bucket.what == "requests" else tokens)
            if wait > 0 and (worst is None or wait > worst[0]):
                worst = wait, bucket
        if worst is None:
            for bucket in self._buckets:
                bucket.take(1 if bucket.what == "requests" else tokens)
            return None
        wait, bucket = worst
        left = bucket.reading().remaining
        requested = 1 if bucket.what == "requests" else tokens
        return Refusal(bucket.what, bucket.period, bucket.limit, bucket.limit - left, requested, wait)

    def readings(self, now: float) -> dict[tuple[What, Period], Reading]:
        """The state of each limit."""
        for bucket in self._buckets:
            bucket.refill(now)
        return {(bucket.what, bucket.period): bucket.reading() for bucket in self._buckets}


class Headroom:
    """What a provider's headers say: the limits that count, and wide ones it would have where none are set.

    The wide ones never run low, so nobody who honours the headers is slowed down by a simulator without limits.
    """

    def __init__(self, counted: dict[tuple[What, Period], Reading], tokens: int) -> None:
        self._counted = counted
        self._tokens = tokens

    def get(self, what: What, period: Period, usual: int) -> Reading:
        """The reading of one limit, or that of an unused one of ``usual`` units."""
        found = self._counted.get((what, period))
        if found is not None:
            return found
        used = 1 if what == "requests" else min(self._tokens, usual)
        return Reading(what, period, usual, usual - used, used * _SECONDS[period] / usual)


def seconds_text(seconds: float) -> str:
    """A duration as Groq and Go write it: ``26ms``, ``17.564s``, ``2m59.5s``."""
    if seconds < 1:
        return f"{max(1, round(seconds * 1_000))}ms" if seconds > 0 else "0s"
    minutes, rest = divmod(round(seconds, 3), 60)
    hours, minutes = divmod(int(minutes), 60)
    shown = f"{rest:.3f}".rstrip("0").rstrip(".") + "s"
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if minutes or hours else "") + shown
