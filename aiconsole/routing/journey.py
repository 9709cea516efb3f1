"""One request's way over its candidates: who is asked next, what an ending means, and the trace of it all.

A `Journey` decides and keeps account; it sends nothing. The router asks it for the next `Leg`, sends that, and tells it how
the leg ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from math import inf
from random import Random
from typing import Final

import msgspec

from aiconsole.domain.chat import ChatRequest, ChatResult
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import AllFailed, ConnectionCut, HeldBack, ProviderError
from aiconsole.domain.events import Event
from aiconsole.domain.trace import Choice, DecisionTrace, Outcome
from aiconsole.routing.candidates import Candidate, Route
from aiconsole.routing.concurrency import Concurrency, room
from aiconsole.routing.deadlines import limits_of, overdue
from aiconsole.routing.facts import Fits, Knowledge, RequestFacts
from aiconsole.routing.fitness import Needs, Unfit, unfit
from aiconsole.routing.gate import Gate, Held, Pass
from aiconsole.routing.record import NOTHING, Record, Spent
from aiconsole.routing.retry import MoveOn, Retry, RetrySettings, Stop, retry_plan
from aiconsole.routing.ruling import Named, Ruling
from aiconsole.routing.selection import Ranking, rank

_ANSWER_TOKENS: Final = 500
_RETRIES: Final = RetrySettings(patience_s=0.2)
"""While another candidate stands ready nobody is waited for longer than a jittered retry takes."""


class Leg:
    """One attempt at one candidate: the request in its own terms, and what was admitted for it. ``ttft_ms`` is None until its
    first token came; ``over`` once its end was told."""

    __slots__ = ("began", "candidate", "number", "over", "passed", "request", "started_at", "ttft_ms")

    def __init__(self, candidate: Candidate, passed: Pass, request: ChatRequest, number: int, clock: Clock) -> None:
        self.candidate = candidate
        self.passed = passed
        self.request = request
        self.number = number
        self.started_at = clock.now()
        self.began = clock.monotonic()
        self.ttft_ms: float | None = None
        self.over = False


class Journey:
    """See the module. As a context it tells the request's end where that is an error or a cancellation.

    Args:
        route: candidates and policy.
        gate: admits each attempt.
        stream: whether the answer is streamed.
    """

    def __init__(
        self,
        route: Route,
        request: ChatRequest,
        *,
        request_id: str,
        gate: Gate,
        knowledge: Knowledge,
        publish: Callable[[Event], None],
        clock: Clock,
        random: Random,
        named: Named,
        fits: Fits,
        stream: bool,
    ) -> None:
        self.route = route
        self.request = request
        self.errors: list[ProviderError] = []
        self._gate = gate
        self._clock = clock
        self._random = random
        self._stream = stream
        self._fits = fits
        self._began = clock.monotonic()
        self._record = Record(route, request, request_id, publish, clock, stream=stream)
        self._named = named
        self._ruling = Ruling(gate, route.name, publish, self._record)
        policy = route.policy
        asked = request.timeouts
        self._total_s = policy.total_s if asked is None or asked.total is None else asked.total
        needs = Needs.of(request, request.on_unsupported or policy.on_unsupported)
        self.facts = RequestFacts(gate, knowledge, policy, needs, stream=stream)
        self._tries: dict[str, int] = {}
        self._passed_over: set[str] = set()
        self._again: tuple[Candidate, float] | None = None
        self._last: Candidate | None = None
        self._legs: list[Leg] = []
        self._left = self._ranked()

    def __enter__(self) -> Journey:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            self._record.fail(error)

    @property
    def remaining_s(self) -> float:
        """Seconds until the request's one deadline."""
        return self._total_s - (self._clock.monotonic() - self._began)

    @property
    def others(self) -> bool:
        """Whether another candidate stands ready behind the present one."""
        return bool(self._left)

    @property
    def upcoming(self) -> Candidate:
        """The candidate that stands ready; ask ``others`` first."""
        return self._left[0]

    async def next(self, *, mid_stream: bool = False) -> Leg:
        """The next attempt. Waits where a retry, or a rate limit that resets soon, asks for it.

        Raises:
            ProviderError, AllFailed: nobody is left to be asked.
        """
        if self._again is not None:
            candidate, wait_s = self._again
            self._again = None
            await self._pause(wait_s, f"waited {wait_s:.2g} s before asking {candidate.name} again")
            leg = self._leg(candidate)
            if isinstance(leg, Leg):
                return leg
        while True:
            soonest = inf
            full: list[Concurrency] = []
            self._left = self._ordered()
            for candidate in tuple(self._left):
                leg = self._leg(candidate)
                if isinstance(leg, Leg):
                    self._left.remove(candidate)
                    if self._last is not None and self._last is not candidate:
                        self._record.switched(self._last, candidate, self.errors[-1], mid_stream=mid_stream)
                    return leg
                if leg.full is not None:
                    full.append(leg.full)
                elif leg.breaker or leg.wait_s > self.route.policy.patience_s:
                    self._record.trace.skipped(candidate.name, leg.reason)
                    self.errors.append(_held_back(candidate, leg))
                    self._left.remove(candidate)
                else:
                    soonest = min(soonest, leg.wait_s)
            if mid_stream and not full and not self._left:
                mid_stream = False
                self.after_break()
                continue
            if not full and (not self._left or soonest >= self.remaining_s):
                raise self.give_up()
            await self._wait(soonest, full)

    def second(self) -> Leg | None:
        """Another candidate's attempt for a hedge, None where nobody may be asked now."""
        for candidate in tuple(self._left):
            leg = self._leg(candidate)
            if isinstance(leg, Leg):
                self._left.remove(candidate)
                return leg
        return None

    def after_break(self) -> None:
        """A stream broke off after something was shown: all but the one that broke may be asked again, and it too if there is
        no other."""
        if not self._left and self._last is not None and self._tries.get(self._last.name, 0) < 2:
            self._left.append(self._last)

    def spoke(self, leg: Leg) -> None:
        """The attempt gave its first token."""
        self._record.spoke(leg)

    def answered(self, leg: Leg, result: ChatResult, whole: ChatResult | None = None) -> ChatResult:
        """The answer, complete: as the person gets it, with those that failed before and the trace.

        Args:
            result: of this attempt alone.
            whole: with the parts of an answer that broke off before; None where there were none.
        """
        leg.over = True
        leg.passed.answered(result, streamed=self._stream)
        self._record.answered(leg, result)
        self._ruling.measured(leg.candidate, result, None)
        trace = self._record.finish(leg)
        whole = whole or result
        return msgspec.structs.replace(whole, warnings=(*self._failures(), *whole.warnings), trace=trace)

    def failed(self, leg: Leg, error: ProviderError, *, shown: bool = False, spent: Spent = NOTHING) -> None:
        """The attempt failed, at what it ``spent``; decides what follows.

        Raises:
            ProviderError, AllFailed: nothing follows, unless part of the answer was ``shown`` (the router goes on then).
        """
        self._pass_failed(leg, error, spent)
        ruled = None if shown else self._ruled(leg, error)
        plan = ruled or self._plan(leg, error, shown)
        self._record.ended(leg, _outcome(leg), error, spent=spent, after=plan.reason)
        self.errors.append(error)
        self._last = leg.candidate
        if shown:
            return
        if isinstance(plan, Stop):
            raise self._final(error)
        if isinstance(plan, Retry):
            self._again = (leg.candidate, plan.wait_s)
        elif plan.needs_room:
            self._demand_room(leg.candidate)

    def left(
        self, leg: Leg, outcome: Outcome = "cancelled", error: ProviderError | None = None, spent: Spent = NOTHING
    ) -> None:
        """The caller went away, or another candidate won the race; nothing follows, whether or not it had failed by then
        with an ``error``. Of an attempt whose end was told, nothing more is told."""
        if leg.over:
            return
        if error is not None:
            self._pass_failed(leg, error, spent)
            self._ruling.measured(leg.candidate, None, error)
            self.errors.append(error)
            self._record.ended(leg, _outcome(leg), error, spent=spent)
            return
        leg.over = True
        leg.passed.left(None if spent.cost is None else spent.cost.usd)
        self._record.ended(leg, outcome, spent=spent)

    def _pass_failed(self, leg: Leg, error: ProviderError, spent: Spent) -> None:
        leg.over = True
        own_limit = not self._stream and self.request.timeouts is None
        if own_limit and overdue(error, leg.request.timeouts, leg.candidate, self.route.policy, self._gate):
            error.phase = "first token"
        usd = None if spent.cost is None else spent.cost.usd
        leg.passed.failed(error, self._took_ms(leg), streamed=self._stream, usd=usd)

    def give_up(self) -> ProviderError:
        """The error the person gets to see when nobody is left."""
        return self._final(self.errors[-1] if self.errors else ConnectionCut("No candidate could be asked."))

    def trace(self) -> DecisionTrace:
        """What happened so far; an attempt under way counts as left."""
        return self._record.so_far([leg for leg in self._legs if not leg.over])

    def _ordered(self) -> list[Candidate]:
        """Who is left, in the order the rules let them be asked."""
        try:
            return self._ruling.order(self._left, self.facts.expected_usd, self._elsewhere)
        except HeldBack as error:
            self.errors.append(error)
            raise self.give_up() from None

    def _ruled(self, leg: Leg, error: ProviderError) -> Retry | MoveOn | Stop | None:
        """What a rule says follows an error, None where none decides."""
        self._ruling.measured(leg.candidate, None, error)
        tries = self._tries.get(leg.candidate.name, 1)
        plan = self._ruling.after(leg.candidate, error, self._elsewhere, remaining_s=self.remaining_s, tries=tries)
        if isinstance(plan, list):
            self._left = plan
            return MoveOn("a rule sends the request elsewhere")
        return plan

    def _elsewhere(self, name: str) -> list[Candidate]:
        """Those a rule names that were not asked yet and can serve the request."""
        fit: list[Candidate] = []
        for candidate in self._named(name):
            found = unfit(candidate, self.facts.needs, self.facts.known(candidate))
            if candidate.name in self._tries or candidate.name in self._passed_over:
                continue
            if found is None:
                fit.append(candidate)
            else:
                self._passed_over.add(candidate.name)
                self._record.trace.skipped(candidate.name, found.reason)
        return fit

    def _ranked(self) -> list[Candidate]:
        """The candidates that can serve the request, in order; where none can, the request is let through to those that
        only lack what may be dropped, and to a single one, whose own words are better than ours."""
        if len(self.route.candidates) > 1 and self._fits.all(self.route, self.facts.needs):
            return self._in_order(self.route.candidates)
        fit: list[Candidate] = []
        droppable: list[Candidate] = []
        skipped: list[tuple[Candidate, Unfit]] = []
        for candidate in self.route.candidates:
            found = unfit(candidate, self.facts.needs, self.facts.known(candidate))
            if found is None:
                fit.append(candidate)
                continue
            skipped.append((candidate, found))
            if found.droppable:
                droppable.append(candidate)
        if not fit:
            fit = droppable if len(self.route.candidates) > 1 and droppable else list(self.route.candidates)
            skipped = [(candidate, found) for candidate, found in skipped if candidate not in fit]
        for candidate, found in skipped:
            self._record.trace.skipped(candidate.name, found.reason)
        if len(fit) == 1:
            self._record.trace.ranked((Choice(fit[0].name, 1.0, "the only candidate"),))
            return fit
        return self._in_order(fit)

    def _in_order(self, fit: Sequence[Candidate]) -> list[Candidate]:
        ranking = rank(fit, self.route.policy.strategy, self.facts, self._random)
        if self._stream:
            ranking = self._slow_last(ranking)
        self._record.trace.ranked(ranking.choices)
        return list(ranking.candidates)

    def _slow_last(self, ranking: Ranking) -> Ranking:
        """The ranking with those last that have become far slower than they usually are."""
        browned_out = self._gate.reliability.browned_out
        slow = [browned_out(candidate.name) for candidate in ranking.candidates]
        if not any(slow) or all(slow):
            return ranking
        order = sorted(range(len(slow)), key=slow.__getitem__)
        choices = [
            msgspec.structs.replace(choice, note="; ".join(filter(None, (choice.note, "last, far slower than usual"))))
            if late
            else choice
            for choice, late in zip(ranking.choices, slow, strict=True)
        ]
        return Ranking(tuple(ranking.candidates[index] for index in order), tuple(choices[index] for index in order))

    def _leg(self, candidate: Candidate) -> Leg | Held:
        passed = self._gate.admit(
            candidate,
            route=self.route.name,
            usd=self.facts.expected_usd(candidate),
            prompt_tokens=self.facts.needs.prompt_tokens,
            answer_tokens=min(self.facts.needs.max_tokens or _ANSWER_TOKENS, _ANSWER_TOKENS),
            deadline_s=self.remaining_s,
            alone=self.route.direct,
        )
        if isinstance(passed, Held):
            return passed
        tries = self._tries[candidate.name] = self._tries.get(candidate.name, 0) + 1
        if tries == 1:
            self._gate.retries.of(candidate.provider.name).request()
        others = len(self._left) > 1 or (len(self._left) == 1 and self._left[0] is not candidate)
        timeouts = limits_of(
            candidate, self.request.timeouts, self.route.policy, self._gate, self.remaining_s, others, self._stream
        )
        own = msgspec.structs.replace(self.request, model=candidate.model, timeouts=timeouts)
        leg = Leg(candidate, passed, own, len(self._legs) + 1, self._clock)
        self._legs.append(leg)
        return leg

    def _plan(self, leg: Leg, error: ProviderError, shown: bool) -> Retry | MoveOn | Stop:
        return retry_plan(
            error,
            tries=self._tries.get(leg.candidate.name, 1),
            remaining_s=self.remaining_s,
            budget=self._gate.retries.of(leg.candidate.provider.name),
            random=self._random,
            others=self.others,
            shown=shown,
            settings=_RETRIES,
        )

    def _demand_room(self, candidate: Candidate) -> None:
        """The context was too long: only candidates with more room are left."""
        refused_by = self.facts.known(candidate)
        self.facts.needs = self.facts.needs.with_room(refused_by)
        for other in tuple(self._left):
            found = unfit(other, self.facts.needs, self.facts.known(other))
            if found is not None:
                self._record.trace.skipped(other.name, found.reason)
                self._left.remove(other)

    def _final(self, last: ProviderError) -> ProviderError:
        before = [error for error in self.errors if error is not last]
        if any((error.provider, error.model) != (last.provider, last.model) for error in before):
            whole = AllFailed.of([*before, last])
            whole.trace = self.trace()
            whole.__cause__ = last
            return whole
        last.trace = self.trace()
        return last

    def _failures(self) -> tuple[str, ...]:
        if not self.errors:
            return ()
        return tuple(
            f"{error.provider}/{error.model} failed first ({error.kind}): {error.message}"
            for error in self.errors
            if not isinstance(error, HeldBack)
        )

    async def _wait(self, soonest: float, full: Sequence[Concurrency]) -> None:
        """Until a limit resets, or a call in flight makes room."""
        if not full:
            await self._pause(soonest, f"waited {soonest:.2g} s for a limit to reset")
            return
        try:
            async with asyncio.timeout(min(soonest, self.remaining_s)):
                await room(full)
        except TimeoutError:
            if self.remaining_s <= 0:
                raise self.give_up() from None

    async def _pause(self, seconds: float, told: str) -> None:
        if seconds > 0:
            self._record.note(told)
            await asyncio.sleep(seconds)

    def _took_ms(self, leg: Leg) -> float:
        return (self._clock.monotonic() - leg.began) * 1000


def _outcome(leg: Leg) -> Outcome:
    return "failed" if leg.ttft_ms is None else "cut"


def _held_back(candidate: Candidate, held: Held) -> HeldBack:
    retry_after = None if held.wait_s == inf else held.wait_s
    return HeldBack(
        f"It was not asked: {held.reason}.",
        provider=candidate.provider.name,
        model=candidate.model,
        retry_after=retry_after,
    )
