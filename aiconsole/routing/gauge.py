"""One rate limit (requests a minute, tokens a day): how much of it is left, and how long to wait for more.

Two estimates, of which the lower holds:

- Our own, by the generic cell rate algorithm (ITU-T I.371): ``unit_s = window / limit``, and one number, the theoretical
  arrival time. A charge of n moves it ``n * unit_s`` on, from now at the earliest; n fits while the result is at most a window
  ahead. It is a bucket that refills evenly, gives the exact wait, and needs no timer. A charge that is never settled (a lost
  call) wears off by itself.
- What the provider's headers told: so much remained at that answer, less what was charged since, until its reset. Headers
  lower our own estimate and never raise it.

A reset time means one of two things. With a fixed window everything comes back at once; with an even refill (Groq's and
OpenAI's examples of headers, Anthropic's token bucket) it is when the last unit is back, and the next is there much sooner. A
gauge takes it as the former until three answers in a row have told a time that fits the latter.
"""

from __future__ import annotations

import math
from typing import Final

from aiconsole.domain.chat import LimitKind, LimitWindow, RateLimit

WINDOW_S: Final[dict[LimitWindow | None, float]] = {
    "10 seconds": 10.0,
    "minute": 60.0,
    "day": 86_400.0,
    "month": 30 * 86_400.0,
    None: 60.0,
}
"""A window's length in seconds; where the provider does not say which, a minute, the shortest all of them have."""

AMOUNT: Final[dict[LimitKind, int]] = {"requests": 0, "tokens": 1, "input tokens": 2, "output tokens": 3}
"""Where a kind stands in a call's amounts: (requests, all tokens, prompt tokens, output tokens)."""

_LONGEST_RESET_S: Final = 86_400.0
_SURE_AFTER: Final = 3
_ROUNDING_S: Final = 1e-6


class Gauge:
    """What is known of one limit. ``now`` is monotonic seconds throughout. ``turn`` is a number that grows with each call
    begun, so that what came first can be told.

    Attributes:
        limit: units a window, None where no header told it.
        amount: which of a call's amounts it counts (`AMOUNT`).
    """

    __slots__ = (
        "_agreed",
        "_arrival",
        "_asked",
        "_full_turn",
        "_since",
        "_told_arrival",
        "_told_left",
        "_told_until",
        "_unit_s",
        "_window_s",
        "amount",
        "kind",
        "limit",
        "window",
    )

    def __init__(self, kind: LimitKind, window: LimitWindow | None) -> None:
        self.kind: LimitKind = kind
        self.window: LimitWindow | None = window
        self.amount = AMOUNT[kind]
        self.limit: int | None = None
        self._window_s = WINDOW_S[window]
        self._unit_s = 0.0
        self._arrival = -math.inf
        self._full_turn = 0
        self._asked = 0
        self._told_arrival = -math.inf
        self._told_left: float | None = None
        self._told_until = 0.0
        self._since = 0.0
        self._agreed = 0

    # Asking

    def wait_s(self, now: float, units: float) -> float:
        """Seconds until so many units fit, 0.0 for now. More than the whole limit wait until all of it is there."""
        told_left = self._told_left
        if told_left is not None and now >= self._told_until:
            self._renew()
            told_left = None
        wait = 0.0
        if self.limit is not None:
            units = units if units < self.limit else self.limit
            arrival = self._arrival if self._arrival > self._told_arrival else self._told_arrival
            wait = (arrival - now if arrival > now else 0.0) + units * self._unit_s - self._window_s
            if wait < _ROUNDING_S:
                wait = 0.0
        if told_left is not None:
            reset_s = self._told_until - now
            if wait > reset_s:
                wait = min(wait, reset_s + max(0.0, (self._since + units) * self._unit_s - self._window_s))
            elif units > told_left - self._since:
                wait = reset_s
        return wait

    def remaining(self, now: float) -> float | None:
        """Units left, None where nothing is known."""
        if self._told_left is not None and now >= self._told_until:
            self._renew()
        left: float | None = None
        if self.limit is not None:
            left = self.limit - (max(self._arrival, self._told_arrival, now) - now) / self._unit_s
        if self._told_left is not None:
            told = self._told_left - self._since
            left = told if left is None else min(left, told)
        return None if left is None else max(0.0, left)

    def share(self, now: float) -> float:
        """What is left of the limit, 0 to 1; 1 where the limit is unknown, unless nothing is left."""
        told_left, limit = self._told_left, self.limit
        if told_left is not None and now >= self._told_until:
            self._renew()
            told_left = None
        arrival = self._arrival if self._arrival > self._told_arrival else self._told_arrival
        share = 1.0 if limit is None or arrival <= now else 1.0 - (arrival - now) / self._window_s
        if told_left is not None:
            told = told_left - self._since if limit is None else (told_left - self._since) / limit
            share = told if told < share else share
        return share if share > 0.0 else 0.0

    def view(self, now: float, wall: float) -> RateLimit:
        """The estimate in the form of a header: whole units, and when all of it is back (epoch seconds)."""
        left = self.remaining(now)
        until = max(self._arrival, self._told_arrival, -math.inf if self._told_left is None else self._told_until)
        resets_at = wall + until - now if until > now else None
        return RateLimit(self.kind, self.window, self.limit, None if left is None else int(left + 1e-6), resets_at)

    # Charging

    def charge(self, now: float, units: float, turn: int) -> None:
        if self._told_left is not None:
            if now >= self._told_until:
                self._renew()
            self._since += units
        spent_s = units * self._unit_s
        if self._arrival <= now:
            self._full_turn = turn
            self._arrival = now
        self._arrival += spent_s
        if self._told_arrival > now:
            self._told_arrival += spent_s

    def refund(self, now: float, units: float, turn: int) -> None:
        """Take back units of a charge made at ``turn``, as far as they are still missing: not from our own estimate where all
        was full since, nor from what a header told that counts the call already."""
        back_s = units * self._unit_s
        if self._arrival > now and self._full_turn <= turn:
            self._arrival -= back_s
        if turn > self._asked:
            self._since -= units
            self._told_arrival -= back_s

    # What headers tell

    def told(self, seen: RateLimit, now: float, wall: float, since: float, asked: int) -> bool:
        """Take in a header; True where it tells of a limit not known so.

        Args:
            wall: epoch seconds at ``now``.
            since: units charged by calls that began after the call that was answered with it, so are not in it yet.
            asked: the turn of that call. Where a later one's header is known already, this one can only lower.
        """
        if self._told_left is not None and now >= self._told_until:
            self._renew()
        changed = seen.limit is not None and seen.limit > 0 and seen.limit != self.limit
        if changed:
            self._rescale(now, seen.limit or 1)
        if seen.remaining is None:
            return changed
        left = max(0, seen.remaining) if self.limit is None else min(self.limit, max(0, seen.remaining))
        reset_s = self._reset_s(seen.resets_at, wall)
        if self.limit is not None and reset_s is not None:
            self._learn_refill(self.limit - left, reset_s)
        late = asked < self._asked
        if self.limit is not None and (reset_s is None or self._agreed >= _SURE_AFTER):
            arrival = now + (self.limit - left + since) * self._unit_s
            self._told_arrival = max(self._told_arrival, arrival) if late else arrival
            if not late:
                self._told_left = None
        elif not (late and self._told_left is not None and left - since >= self._told_left - self._since):
            self._told_left = left
            self._since = since
            self._told_until = now + (self._window_s if reset_s is None else reset_s)
            if not late:
                self._told_arrival = -math.inf
        self._asked = max(self._asked, asked)
        return changed

    def _reset_s(self, resets_at: float | None, wall: float) -> float | None:
        """Seconds until the reset, None where none was told that can be: a window's limit is back within the window."""
        if resets_at is None or not resets_at > wall:
            return None
        return min(resets_at - wall, _LONGEST_RESET_S if self.window is None else self._window_s)

    def _learn_refill(self, used: float, reset_s: float) -> None:
        if self.limit is None or not 1 <= used <= 0.9 * self.limit:
            return
        evenly_s = used * self._unit_s
        self._agreed = self._agreed + 1 if abs(reset_s - evenly_s) <= 1.0 + 0.05 * evenly_s else 0

    def _rescale(self, now: float, limit: int) -> None:
        unit_s = self._window_s / limit
        if self.limit is not None:
            scale = unit_s / self._unit_s
            self._arrival = now + (self._arrival - now) * scale
            self._told_arrival = now + (self._told_arrival - now) * scale
        self.limit = limit
        self._unit_s = unit_s

    def _renew(self) -> None:
        """The told reset has come: what was used before the header is void, what was charged since is not."""
        since_s = max(0.0, self._since) * self._unit_s
        if self._arrival > self._told_until + since_s:
            self._arrival = self._told_until + since_s
            self._full_turn = max(self._full_turn, self._asked + 1)
        self._told_left = None
