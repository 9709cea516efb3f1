"""The gate before each attempt: money, breakers, rate limits and the concurrency of the provider, asked in that order.

`Gate.admit` takes a permit of each or none. The `Pass` it gives is told once how the call ended, and tells all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from random import Random
from typing import NamedTuple

from aiconsole.domain.chat import ChatResult
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import MissingKey, ProviderError, RateLimited, TimedOut, Unsupported
from aiconsole.domain.events import Event
from aiconsole.routing.breaker import BreakerSettings, Permit, Refused
from aiconsole.routing.breakers import Breakers, concerns_provider, counts_as
from aiconsole.routing.budgets import Budgets, OverBudget, Reservation
from aiconsole.routing.candidates import Candidate
from aiconsole.routing.concurrency import Concurrency, Slot
from aiconsole.routing.limits import Lease, RateLimits
from aiconsole.routing.reliability import Reliability
from aiconsole.routing.retry import RetryBudgets
from aiconsole.routing.rules.measures import Measures
from aiconsole.routing.rules.run import RuleBook

_NEVER_SENT = (MissingKey, Unsupported)


class Held(NamedTuple):
    """A candidate may not be asked now. ``wait_s`` is when it is worth asking again, inf where waiting does not help;
    ``breaker`` is True where a circuit breaker says so; ``full`` is the concurrency limit that has to let somebody go first."""

    reason: str
    wait_s: float
    breaker: bool = False
    full: Concurrency | None = None


class Gate:
    """What is known of all candidates, and who may be asked.

    Args:
        publish: takes the events of breakers and limits.
        random: jitter of the breakers' open time.
        breaker_settings: those of a key; the defaults where it is None.

    ``rules`` are the fallback rules in use, None for none. ``flying`` counts the calls under way by candidate.
    """

    def __init__(
        self,
        clock: Clock,
        random: Random,
        publish: Callable[[Event], None],
        breaker_settings: Callable[[str], BreakerSettings] | None = None,
    ) -> None:
        self.breakers = Breakers(clock, random, publish, breaker_settings)
        self.limits = RateLimits(clock, publish)
        self.budgets = Budgets(clock)
        self.reliability = Reliability(clock)
        self.retries = RetryBudgets(clock)
        self.measures = Measures(
            clock, score=lambda key: self.reliability.score(key).value, headroom=self.limits.headroom
        )
        self.rules: RuleBook | None = None
        self._concurrency: dict[str, Concurrency] = {}
        self.flying: dict[str, int] = {}

    def in_flight(self, name: str) -> int:
        """Calls under way at a candidate."""
        return self.flying.get(name, 0)

    def under_way(self, provider: str) -> int:
        """Calls under way at all models of a provider."""
        start = f"{provider}/"
        return sum(calls for name, calls in self.flying.items() if name.startswith(start))

    def concurrency(self, provider: str) -> Concurrency:
        """The concurrency limit of a provider."""
        found = self._concurrency.get(provider)
        if found is None:
            found = self._concurrency[provider] = Concurrency()
        return found

    def forget(self, provider: str) -> None:
        """Drop what was measured of a provider that was set up anew (another key or base URL)."""
        self.breakers.forget(provider)
        self.limits.forget(provider)
        self.reliability.forget(provider)
        self.measures.forget(provider)
        self._concurrency.pop(provider, None)

    def admit(
        self,
        candidate: Candidate,
        *,
        route: str,
        usd: float | None,
        prompt_tokens: int,
        answer_tokens: int,
        deadline_s: float,
        alone: bool = False,
    ) -> Pass | Held:
        """Take everything one call needs, or nothing.

        Args:
            usd: the expected cost, None where unknown.
            deadline_s: seconds until the call's deadline.
            alone: it is the only candidate and was asked for by name. A breaker that opened by itself does not hold it back
                then: there is nobody to turn to, and the person asks with open eyes. One held open by hand does.
        """
        name, provider = candidate.name, candidate.provider.name
        admission = self.limits.admit(name, prompt_tokens, answer_tokens)
        if admission.wait_s > 0:
            return Held(admission.reason, admission.wait_s)
        reservation = self.budgets.reserve(usd, route=route, provider=provider)
        if isinstance(reservation, OverBudget):
            return Held(reservation.reason, inf)
        permits: list[Permit | None] = []
        for key in (provider, name):
            answer = self.breakers.get(key).permit(deadline_s)
            if isinstance(answer, Refused):
                if not alone or answer.until_s == inf:
                    held = Held(f"its circuit breaker is {answer.reason}", answer.until_s, breaker=True)
                    return _let_go(permits, reservation, held)
                permits.append(None)
            else:
                permits.append(answer)
        concurrency = self.concurrency(provider)
        slot = concurrency.try_enter()
        if slot is None:
            held = Held(f"{concurrency.limit} calls are under way there", 0.0, full=concurrency)
            return _let_go(permits, reservation, held)
        self.flying[name] = self.flying.get(name, 0) + 1
        lease = self.limits.begin(name, prompt_tokens, answer_tokens)
        return Pass(self, candidate, permits, lease, slot, reservation)

    def _left(self, name: str) -> None:
        self.flying[name] -= 1


class Pass:
    """One admitted call. Exactly one of its endings counts, the first."""

    __slots__ = ("_gate", "_lease", "_over", "_permits", "_reservation", "_slot", "candidate")

    def __init__(
        self,
        gate: Gate,
        candidate: Candidate,
        permits: Sequence[Permit | None],
        lease: Lease,
        slot: Slot,
        reservation: Reservation,
    ) -> None:
        self.candidate = candidate
        self._gate = gate
        self._permits = permits
        self._lease = lease
        self._slot = slot
        self._reservation = reservation
        self._over = False

    def accepted(self) -> None:
        """The provider took the call: its answer has begun."""
        self._slot.accepted()

    def answered(self, result: ChatResult, *, streamed: bool) -> None:
        """The call brought an answer."""
        if self._end():
            return
        timing, name = result.timing, self.candidate.name
        judged_ms = timing.ttft_ms if streamed and timing.ttft_ms is not None else timing.duration_ms
        for permit in self._permits:
            if permit is not None:
                permit.success(judged_ms)
        self._gate.limits.seen(name, result.rate_limits, self._lease)
        self._lease.done(result.usage.prompt, result.usage.completion)
        self._slot.leave("ok")
        self._reservation.settle(None if result.cost is None else result.cost.usd)
        self._gate.reliability.seen(name, duration_ms=timing.duration_ms, ttft_ms=timing.ttft_ms, streamed=streamed)

    def failed(self, error: ProviderError, duration_ms: float, *, streamed: bool, usd: float | None = None) -> None:
        """The call failed. ``usd`` is what it cost all the same; where that is not known it counts as nothing."""
        if self._end():
            return
        name = self.candidate.name
        for permit, counts in zip(
            self._permits, (concerns_provider(error), counts_as(error) == "failure"), strict=True
        ):
            if permit is not None and counts:
                permit.failure(duration_ms)
            elif permit is not None:
                permit.neutral()
        if isinstance(error, RateLimited):
            self._gate.limits.refused(name, error.retry_after)
        self._lease.failed(sent=error.kind != "connection failed" and not isinstance(error, _NEVER_SENT))
        self._slot.leave("pushed back" if isinstance(error, RateLimited | TimedOut) else "neutral")
        self._spend(usd)
        self._gate.reliability.seen(name, error.kind, duration_ms=duration_ms, streamed=streamed)

    def left(self, usd: float | None = None) -> None:
        """The caller went away, or another candidate was faster: that says nothing about this one. ``usd`` as in `failed`."""
        if self._end():
            return
        for permit in self._permits:
            if permit is not None:
                permit.neutral()
        self._lease.failed()
        self._slot.leave("neutral")
        self._spend(usd)

    def _spend(self, usd: float | None) -> None:
        if usd is None:
            self._reservation.release()
        else:
            self._reservation.settle(usd)

    def _end(self) -> bool:
        over, self._over = self._over, True
        if not over:
            self._gate._left(self.candidate.name)
        return over


def _let_go(permits: Sequence[Permit | None], reservation: Reservation, held: Held) -> Held:
    for permit in permits:
        if permit is not None:
            permit.neutral()
    reservation.release()
    return held
