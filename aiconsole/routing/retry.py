"""What follows a failed attempt: the same candidate again, the next one, or the end.

`retry_plan` decides from the error alone and from what is left of the time and of the retry budget; it neither waits nor
knows who the next candidate is. The order of its questions is the order of what must never happen: a second answer after
the first was shown, a request sent again that the caller has to mend, a wait that cannot be afforded.
"""

from __future__ import annotations

import math
from random import Random
from typing import Final

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ContentRefused, ContextTooLong, ProviderError, RateLimited, TimedOut

_WHOLE: Final = 1_000
"""One retry in the budget's unit, so that a share of a request is a whole number and nothing drifts."""


class RetrySettings(msgspec.Struct, frozen=True):
    """How often and how patiently a candidate is asked again. Times in s.

    Attributes:
        attempts: how often one candidate is asked in all while another one stands ready.
        attempts_alone: the same where no other is left.
        base_s, cap_s: full jitter, see `backoff`.
        quick_s: the longest jittered wait while another candidate stands ready.
        patience_s: the longest Retry-After that is waited for while another candidate stands ready.
        longest_s: a Retry-After above this is never waited for.
        limited_s: the least wait after a rate limit that named no time.
    """

    attempts: int = 2
    attempts_alone: int = 3
    base_s: float = 0.5
    cap_s: float = 20.0
    quick_s: float = 0.2
    patience_s: float = 2.0
    longest_s: float = 120.0
    limited_s: float = 1.0


DEFAULT: Final = RetrySettings()


class Retry(msgspec.Struct, frozen=True, gc=False):
    """Ask the same candidate again after ``wait_s`` seconds."""

    wait_s: float
    reason: str


class MoveOn(msgspec.Struct, frozen=True, gc=False):
    """Nothing more at this candidate; another may answer. With ``needs_room``, only one with a larger context."""

    reason: str
    needs_room: bool = False


class Stop(msgspec.Struct, frozen=True, gc=False):
    """No candidate is to be asked any more; the error is what the person sees."""

    reason: str


Plan = Retry | MoveOn | Stop


def backoff(retries: int, random: Random, *, base_s: float = 0.5, cap_s: float = 20.0) -> float:
    """Seconds to wait before the next try: uniform(0, min(cap, base x 2^retries)), called full jitter.

    Args:
        retries: how many retries were made before, from 0.

    Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
    """
    return random.uniform(0.0, min(cap_s, base_s * 2.0 ** min(retries, 60)))


class RetryBudget:
    """Retries one provider may be sent: a share of its requests, and a little more so that a quiet console can retry too.

    Each request adds ``share`` of a retry and each retry takes one; both are forgotten after ``kept_s`` seconds. On top of
    it there are ``per_second`` x ``kept_s`` retries in any such span. So an outage multiplies the traffic by 1 + share at
    most. The way it is counted is that of Finagle's RetryBudget (Finagle User's Guide, "Retries").
    """

    __slots__ = ("_clock", "_reserve", "_second", "_share", "_slots", "_sum")

    def __init__(self, clock: Clock, *, share: float = 0.2, per_second: float = 1.0, kept_s: int = 10) -> None:
        self._clock = clock
        self._share = round(share * _WHOLE)
        self._reserve = round(per_second * kept_s * _WHOLE)
        self._slots = [0] * kept_s
        self._sum = 0
        self._second = int(clock.monotonic())

    @property
    def balance(self) -> float:
        """How many retries may be made now."""
        self._forget()
        return max(0, self._reserve + self._sum) / _WHOLE

    def request(self) -> None:
        """Note a first attempt."""
        self._forget()
        self._slots[self._second % len(self._slots)] += self._share
        self._sum += self._share

    def take(self) -> bool:
        """Take one retry; False, and nothing taken, where there is none."""
        self._forget()
        if self._reserve + self._sum < _WHOLE:
            return False
        self._slots[self._second % len(self._slots)] -= _WHOLE
        self._sum -= _WHOLE
        return True

    def _forget(self) -> None:
        second = int(self._clock.monotonic())
        passed = second - self._second
        if passed <= 0:
            return
        count = len(self._slots)
        if passed >= count:
            self._slots = [0] * count
            self._sum = 0
        else:
            for later in range(self._second + 1, second + 1):
                self._sum -= self._slots[later % count]
                self._slots[later % count] = 0
        self._second = second


class RetryBudgets:
    """One `RetryBudget` a provider, made when first asked for."""

    __slots__ = ("_budgets", "_clock", "_per_second", "_share")

    def __init__(self, clock: Clock, *, share: float = 0.2, per_second: float = 1.0) -> None:
        self._clock = clock
        self._share = share
        self._per_second = per_second
        self._budgets: dict[str, RetryBudget] = {}

    def of(self, provider: str) -> RetryBudget:
        budget = self._budgets.get(provider)
        if budget is None:
            budget = RetryBudget(self._clock, share=self._share, per_second=self._per_second)
            self._budgets[provider] = budget
        return budget


def retry_plan(
    error: ProviderError,
    *,
    tries: int,
    remaining_s: float,
    budget: RetryBudget,
    random: Random,
    others: bool = True,
    shown: bool = False,
    tool_ran: bool = False,
    settings: RetrySettings = DEFAULT,
) -> Plan:
    """What to do after ``error``. A `Retry` has been taken from the budget already.

    Args:
        tries: how often this candidate was asked for this request, the failed attempt included.
        remaining_s: seconds until the request's one deadline.
        budget: of the candidate's provider.
        others: another candidate stands ready.
        shown: a token of the answer was shown; going on from there is continuation's work.
        tool_ran: a tool has run on what this answer said, so asking again could run it twice.
    """
    if shown or error.partial:
        return Stop("part of the answer was shown already")
    if tool_ran:
        return Stop("a tool has already run for this answer")
    if isinstance(error, ContentRefused):
        return Stop("the provider refused the content")
    if not error.failover:
        return Stop(f"no provider could mend this ({error.kind})")
    if remaining_s <= 0.0:
        return Stop("the time for this request is over")
    if isinstance(error, ContextTooLong):
        return MoveOn("the request is too long for this model", needs_room=True)
    return _again(error, tries, remaining_s, budget, random, others, settings)


def _again(
    error: ProviderError,
    tries: int,
    remaining_s: float,
    budget: RetryBudget,
    random: Random,
    others: bool,
    settings: RetrySettings,
) -> Retry | MoveOn:
    if isinstance(error, TimedOut) and error.status is None:
        return MoveOn(f"it stayed silent ({error.phase})")
    if not error.retryable and not isinstance(error, TimedOut):
        return MoveOn(f"asking it again would not help ({error.kind})")
    if tries >= (settings.attempts if others else settings.attempts_alone):
        return MoveOn(f"it failed {tries} times ({error.kind})" if tries > 1 else f"it failed ({error.kind})")
    told = told_wait(error)
    if told is None and isinstance(error, RateLimited) and others:
        return MoveOn("its rate limit is reached")
    wait = _wait(error, told, tries - 1, random, others, settings)
    if told is not None and told > (min(settings.patience_s, settings.longest_s) if others else settings.longest_s):
        return MoveOn(f"it asks to wait {told:.3g} s ({error.kind})")
    if wait >= remaining_s:
        return MoveOn(f"waiting {wait:.3g} s for it does not fit into the time left ({error.kind})")
    if not budget.take():
        return MoveOn(f"its retry budget is spent ({error.kind})")
    return Retry(wait, f"asked to wait {told:.3g} s" if told is not None else f"may pass ({error.kind})")


def told_wait(error: ProviderError) -> float | None:
    """The wait in s that the provider asked for, None where it gave none or nonsense (negative, NaN, infinite)."""
    told = error.retry_after
    return None if told is None or not math.isfinite(told) or told < 0.0 else told


def _wait(
    error: ProviderError, told: float | None, retries: int, random: Random, others: bool, settings: RetrySettings
) -> float:
    if told is not None:
        return told + random.uniform(0.0, min(0.1 * told, settings.base_s))
    cap_s = settings.quick_s if others else settings.cap_s
    floor_s = settings.limited_s if isinstance(error, RateLimited) else 0.0
    return floor_s + backoff(retries, random, base_s=settings.base_s, cap_s=cap_s)
