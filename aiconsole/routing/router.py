"""The path of a request: no request fails that some candidate could have answered.

The router sends what a `Journey` decides, hands the events on, and knows the two things that only happen in a stream: a second
candidate may be asked when the first stays silent (hedging), and an answer that breaks off is gone on with by another
candidate (continuation).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from itertools import count
from random import Random
from typing import Final, Protocol
from uuid import uuid4

import msgspec

from aiconsole.domain.chat import (
    ChatRequest,
    ChatResult,
    Cost,
    Failed,
    Finished,
    ReasoningDelta,
    Started,
    StreamEvent,
    TextDelta,
    Timing,
    ToolCallDelta,
)
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConnectionCut, ProviderError
from aiconsole.domain.events import Event
from aiconsole.domain.trace import Outcome, Traced
from aiconsole.routing.candidates import Candidate, Route
from aiconsole.routing.continuation import Continuation, ResumedPart
from aiconsole.routing.facts import Fits, Knowledge
from aiconsole.routing.gate import Gate
from aiconsole.routing.hedging import HedgeBudget, Race, hedge_delay_s
from aiconsole.routing.journey import Journey, Leg
from aiconsole.routing.recent import RecentRequests
from aiconsole.routing.record import NOTHING, Spent

_TOKENS: Final = frozenset({TextDelta, ReasoningDelta, ToolCallDelta})
_HEDGE_TRIGGER_MS: Final = 500.0

Stream = AsyncGenerator[StreamEvent, None]


class Routes(Protocol):
    """Tells what a name stands for."""

    async def route(self, name: str) -> Route: ...

    def named(self, name: str) -> tuple[Candidate, ...]: ...


class Router:
    """Answers requests from the candidates of a route.

    Args:
        gate: what is known of all candidates.
        knowledge: what is known of models.
        publish: takes the events; must not raise.
        random: all chance comes from it.

    Attributes:
        recent: the newest requests by their ids, as they were asked.
    """

    def __init__(
        self,
        routes: Routes,
        gate: Gate,
        knowledge: Knowledge,
        publish: Callable[[Event], None],
        clock: Clock,
        random: Random,
    ) -> None:
        self._routes = routes
        self._gate = gate
        self._knowledge = knowledge
        self._publish = publish
        self._clock = clock
        self._random = random
        self._run = uuid4().hex[:12]
        self._serial = count(1)
        self._fits = Fits(knowledge)
        self._hedges: dict[str, HedgeBudget] = {}
        self.recent = RecentRequests()

    async def complete(self, request: ChatRequest) -> ChatResult:
        """The whole answer of the first candidate that gives one; those that failed before it are named in its warnings.

        Raises:
            ProviderError: the only candidate failed, or one failed in a way no other could mend.
            AllFailed: every one of several candidates failed or could not be asked.
            ConfigError: the model's name says nothing.
        """
        with await self._journey(request, stream=False) as journey:
            while True:
                leg = await journey.next()
                try:
                    result = await leg.candidate.provider.complete(leg.request)
                except ProviderError as error:
                    journey.failed(leg, error)
                except BaseException:
                    journey.left(leg)
                    raise
                else:
                    return journey.answered(leg, result)

    async def stream(self, request: ChatRequest, *, traced: Traced | None = None) -> Stream:
        """The answer as it comes. A candidate that fails before its first token is followed by the next, with a `Failed`
        between; one that breaks off later is followed as the route's policy says, with a `Continued` at the seam.

        Args:
            traced: is given what tells the request's way so far, as soon as its route is known.

        Raises: as `complete`; after the first token with ``partial`` set.
        """
        with await self._journey(request, stream=True) as journey:
            if traced is not None:
                traced(journey.trace)
            shown = Continuation(request, journey.route.policy.mid_stream)
            while True:
                leg = await journey.next()
                legs = self._race(journey, leg) or _Alone(leg)
                try:
                    async with aclosing(legs.events()) as events:
                        async for event in events:
                            kind = type(event)
                            if kind in _TOKENS:
                                if legs.leg.ttft_ms is None:
                                    journey.spoke(legs.leg)
                                shown.saw(event)
                                yield event
                            elif isinstance(event, Started):
                                legs.leg.passed.accepted()
                                yield msgspec.structs.replace(event, attempt=legs.leg.number)
                            elif isinstance(event, Finished):
                                yield Finished(journey.answered(legs.leg, event.result))
                            else:
                                shown.saw(event)
                                yield event
                    _ended(legs.leg)
                    return
                except ProviderError as error:
                    leg = legs.leg
                    if not shown.begun:
                        journey.failed(leg, error)
                        yield Failed(leg.candidate.provider.name, leg.candidate.model, error)
                        continue
                    journey.failed(leg, error, shown=True, spent=self._broke(shown, error, leg))
                    broken = error
                except BaseException:
                    journey.left(legs.leg, spent=self._spent(shown, legs.leg))
                    raise
                break
            async with aclosing(self._go_on(journey, shown, leg, broken)) as events:
                async for event in events:
                    yield event

    async def _go_on(self, journey: Journey, shown: Continuation, leg: Leg, broken: ProviderError) -> Stream:
        """The rest of an answer that broke off at ``leg``; raises ``broken`` where nobody can give it."""
        if shown.mode == "off":
            raise _partial(broken, journey)
        while True:
            journey.after_break()
            try:
                leg = await journey.next(mid_stream=True)
            except ProviderError:
                raise _partial(broken, journey) from None
            provider = leg.candidate.provider
            way = shown.first_way(provider.name, leg.candidate.model)
            while way is not None:
                part = shown.resume(provider.name, leg.candidate.model, way)
                try:
                    async with aclosing(self._resumed(journey, part, leg)) as events:
                        async for event in events:
                            yield event
                    return
                except ProviderError as error:
                    way = None if part.begun else shown.next_way(way, error)
                    if way is None:
                        spent = self._broke(shown, error, leg) if part.begun else NOTHING
                        journey.failed(leg, error, shown=True, spent=spent)
                        if part.begun:
                            broken = error
                except BaseException:
                    journey.left(leg, spent=self._spent(shown, leg))
                    raise

    async def _resumed(self, journey: Journey, part: ResumedPart, leg: Leg) -> Stream:
        """One candidate's part of an answer that broke off, as far as it comes."""
        async with aclosing(leg.candidate.provider.stream(_within(part, leg))) as events:
            async for event in events:
                taken = part.take(event)
                if part.begun and leg.ttft_ms is None:
                    journey.spoke(leg)
                for passed in taken:
                    if isinstance(passed, Finished) and isinstance(event, Finished):
                        yield Finished(journey.answered(leg, event.result, passed.result))
                    else:
                        yield passed
        _ended(leg)

    def _broke(self, shown: Continuation, error: ProviderError, leg: Leg) -> Spent:
        """Note that an answer broke off at ``leg``; what that part spent."""
        provider, model = leg.candidate.provider.name, leg.candidate.model
        timing = Timing(leg.started_at, leg.ttft_ms, (self._clock.monotonic() - leg.began) * 1000)
        part = shown.broke(error, provider, model, cost=partial(self._knowledge.cost, provider, model), timing=timing)
        return Spent(part.usage, part.cost)

    def _spent(self, shown: Continuation, leg: Leg) -> Spent:
        """What a part that is left has spent by estimate: nothing that is known before its first token."""
        if leg.over or leg.ttft_ms is None:
            return NOTHING
        usage = shown.usage()
        return Spent(usage, self._knowledge.cost(leg.candidate.provider.name, leg.candidate.model, usage))

    async def _journey(self, request: ChatRequest, *, stream: bool) -> Journey:
        route = await self._routes.route(request.model)
        request_id = f"{self._run}-{next(self._serial):x}"
        journey = Journey(
            route,
            request,
            request_id=request_id,
            gate=self._gate,
            knowledge=self._knowledge,
            publish=self._publish,
            clock=self._clock,
            random=self._random,
            named=self._routes.named,
            fits=self._fits,
            stream=stream,
        )
        self.recent.keep(request_id, request, journey.facts.needs)
        return journey

    def _race(self, journey: Journey, first: Leg) -> _Racing | None:
        """A race with a second candidate, where the route allows it and it can help."""
        policy = journey.route.policy
        if not policy.hedge or not journey.others:
            return None
        budget = self._hedges.setdefault(journey.route.name, HedgeBudget(policy.hedge_share))
        budget.call()
        own = self._gate.reliability.ttft(first.candidate.name)
        other = self._gate.reliability.ttft(journey.upcoming.name)
        delay_s = hedge_delay_s(
            None if own is None else own.p95_ms, None if other is None else other.p50_ms, trigger_ms=_HEDGE_TRIGGER_MS
        )
        if delay_s is None:
            return None
        return _Racing(journey, first, budget, delay_s, self._publish, self._clock)


class _Alone:
    """One leg's stream."""

    __slots__ = ("leg",)

    def __init__(self, leg: Leg) -> None:
        self.leg = leg

    def events(self) -> Stream:
        return self.leg.candidate.provider.stream(self.leg.request)


class _Racing:
    """Two legs, of which the second begins when the first stays silent; ``leg`` is the one that is heard."""

    def __init__(
        self,
        journey: Journey,
        first: Leg,
        budget: HedgeBudget,
        delay_s: float,
        publish: Callable[[Event], None],
        clock: Clock,
    ) -> None:
        self.leg = first
        self._journey = journey
        self._first = first
        self._second: Leg | None = None
        self._budget = budget
        self._publish = publish
        self._race = Race(
            first.candidate.provider.stream(first.request), self._open_second, delay_s=delay_s, clock=clock
        )

    async def events(self) -> Stream:
        decided = False
        try:
            async with aclosing(self._race.events()) as events:
                async for event in events:
                    if not decided:
                        decided = True
                        self._decide()
                    yield event
        finally:
            if not decided:
                self._undecided()

    def _open_second(self) -> Stream | None:
        if not self._budget.take():
            return None
        self._second = self._journey.second()
        if self._second is None:
            return None
        return self._second.candidate.provider.stream(self._second.request)

    def _decide(self) -> None:
        """The race has a winner: tell the loser's end, and what it cost by estimate."""
        second = self._second
        if second is None:
            return
        won = self._race.winner
        loser = second if won == "first" else self._first
        self.leg = self._first if loser is second else second
        self._lost(loser, self._race.errors.get("second" if won == "first" else "first"))

    def _undecided(self) -> None:
        """Nobody spoke: tell the second's end. That of the first is the router's to tell."""
        if self._second is not None:
            self._lost(self._second, self._race.errors.get("second"))

    def _lost(self, loser: Leg, error: ProviderError | None) -> None:
        usd = self._journey.facts.expected_usd(loser.candidate) if error is None else None
        outcome: Outcome = "cancelled" if self._race.winner is None else "lost the race"
        cost = None if usd is None else Cost(usd, "price list")
        self._journey.left(loser, outcome, error, Spent(cost=cost))
        if error is None:
            self._budget.cost(usd)
        report = self._race.report(
            self._first.candidate.name,
            self._second.candidate.name if self._second is not None else "",
            route=self._journey.route.name,
            extra_usd=usd if error is None else 0.0,
        )
        if report is not None:
            self._publish(report)


def _ended(leg: Leg) -> None:
    """A stream is over.

    Raises:
        ConnectionCut: it gave neither an end nor an error, which no provider's stream may do.
    """
    if not leg.over:
        candidate = leg.candidate
        raise ConnectionCut("The stream ended early.", provider=candidate.provider.name, model=candidate.model)


def _within(part: ResumedPart, leg: Leg) -> ChatRequest:
    """A resumed part's request within the leg's limits."""
    return msgspec.structs.replace(part.request, timeouts=leg.request.timeouts)


def _partial(error: ProviderError, journey: Journey) -> ProviderError:
    error.partial = True
    error.trace = journey.trace()
    return error
