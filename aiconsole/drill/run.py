"""Runs one scenario against a real engine that talks to the simulator over real sockets.

async with rig(scenario) as (engine, clock):
    async with aclosing(run(scenario, engine, clock=clock)) as steps:
        async for step in steps:  # Began, then FaultChanged and Answered as they come, then Done
            ...
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from aiconsole.domain.chat import ChatRequest, ChatResult, Continued, Finished, TextDelta, Usage
from aiconsole.domain.clock import Clock, SystemClock
from aiconsole.domain.errors import AllFailed, ConfigError, ProviderError
from aiconsole.domain.events import BreakerChanged, Event, Hedged
from aiconsole.domain.messages import Message
from aiconsole.domain.models import Prices
from aiconsole.drill.lapse import LoopClock
from aiconsole.drill.record import Change, Record, Sample, SampleOutcome, tries_of
from aiconsole.drill.scenarios import PACE, Fault, Scenario, provider_of
from aiconsole.drill.summary import Spread, Summary, summarise
from aiconsole.engine import Engine
from aiconsole.home import find_home
from aiconsole.providers.reading import SKIPPED
from aiconsole.simulator import Behaviour, Simulator, known_text, lifelike

ROUTE: Final = "drill"
_MOST_OF_AN_EVENT: Final = 60
"""Characters of text that the simulator puts into one event at the most."""


class Began(msgspec.Struct, frozen=True, tag="began"):
    """``requests`` will be asked of ``candidates`` over ``duration_s`` seconds. Where a scenario is run twice, each run begins
    with one of these, and ``arm`` says which it is."""

    scenario: str
    requests: int
    duration_s: float
    candidates: tuple[str, ...] = ()
    arm: str = ""


class FaultChanged(msgspec.Struct, frozen=True, tag="fault"):
    """A fault was switched on or off, ``at_s`` seconds after the beginning."""

    fault: Fault
    on: bool
    at_s: float


class BreakerTurned(msgspec.Struct, frozen=True, tag="breaker"):
    """A circuit breaker changed its state."""

    change: Change


class Asked(msgspec.Struct, frozen=True, tag="asked"):
    """A request was sent off."""

    number: int
    at_s: float


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """A request ended, well or not; ``done`` of them so far."""

    sample: Sample
    done: int


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The end. Always the last step."""

    summary: Summary


Step = Began | FaultChanged | BreakerTurned | Asked | Answered | Done


@asynccontextmanager
async def rig(
    scenario: Scenario, *, seed: int = 0, settings: Mapping[str, Any] | None = None, rules: str | None = None
) -> AsyncIterator[tuple[Engine, Clock]]:
    """An engine and a simulator of one's own for one scenario, its candidates as the route “drill”. Neither the person's
    settings nor their keys are touched.

    Args:
        seed: the simulator's chance.
        settings: settings that differ from the defaults, by key, such as ``{"fallback.stall_s": 2.0}``.
        rules: fallback rules as the text of a ``rules.toml``, those that come with the console where None.
    """
    clock = LoopClock()
    with TemporaryDirectory(prefix="aiconsole-drill-", ignore_cleanup_errors=True) as home:
        if rules is not None:
            await asyncio.to_thread(find_home(home, {}).settings.with_name("rules.toml").write_text, rules, "utf-8")
        async with (
            Simulator.start(seed=seed, clock=clock, behaviours=lifelike()) as simulator,
            Engine.open(home=home, environ={}, simulator=simulator, clock=clock, random=Random(seed)) as engine,  # noqa: S311
        ):
            for key, value in {f"routes.{ROUTE}": list(scenario.candidates), **(settings or {})}.items():
                await engine.change(key, value)
            await engine.models()
            yield engine, clock


async def run(
    scenario: Scenario,
    engine: Engine,
    *,
    route: str = ROUTE,
    seed: int = 0,
    clock: Clock | None = None,
    pace: Mapping[str, Behaviour] | None = None,
    stop: asyncio.Event | None = None,
    arm: str = "",
    unhedged: Spread | None = None,
) -> AsyncGenerator[Step, None]:
    """Drill a route of ``engine``. Closing the generator ends the drill; the providers then behave as before.

    Args:
        route: an existing route with the scenario's candidates.
        seed: told in the summary and in the prompts.
        clock: the engine's.
        pace: how providers behave while they are well, `PACE` when None; those not named go on as they are.
        stop: once set, requests under way are given up and the summary is of what was seen until then.
        arm: which of several runs this is, for `Began`.
        unhedged: the first token's percentiles of the run without hedging that this one is compared with.

    Raises:
        ConfigError: the engine has no such route, or a provider of it is not simulated.
    """
    drill = _Drill(scenario, engine, _simulator(engine, route), route, seed, clock or SystemClock(), pace)
    conducting = asyncio.ensure_future(drill.conduct(arm))
    conducting.add_done_callback(lambda _: drill.steps.put_nowait(None))
    stopping = asyncio.ensure_future((stop or asyncio.Event()).wait())
    stopping.add_done_callback(lambda _: conducting.cancel())
    try:
        while (step := await drill.steps.get()) is not None:
            yield step
        if not conducting.cancelled():
            conducting.result()
    finally:
        for task in (stopping, conducting):
            task.cancel()
        await asyncio.gather(stopping, conducting, return_exceptions=True)
    stopped_s = drill.ended_s if conducting.cancelled() else None
    yield Done(summarise(scenario, drill.record(), seed, unhedged=unhedged, stopped_s=stopped_s))


def _simulator(engine: Engine, route: str) -> Simulator:
    candidates = engine.routes().get(route)
    if candidates is None:
        raise ConfigError(f"There is no route called “{route}”.", advice=f"There are: {', '.join(engine.routes())}.")
    simulated = {state.name for state in engine.providers() if state.simulated}
    real = [name for name in map(provider_of, candidates) if name not in simulated]
    if engine.simulator is None or real:
        raise ConfigError(
            "A drill is for simulated providers only.", advice="Switch to the simulated providers first (--demo)."
        )
    return engine.simulator


class _Drill:
    """One run: requests and faults at their times, and what is seen of them."""

    def __init__(
        self,
        scenario: Scenario,
        engine: Engine,
        simulator: Simulator,
        route: str,
        seed: int,
        clock: Clock,
        pace: Mapping[str, Behaviour] | None,
    ) -> None:
        self.steps: asyncio.Queue[Step | None] = asyncio.Queue()
        self._scenario = scenario
        self._engine = engine
        self._simulator = simulator
        self._request = ChatRequest(route, (), origin="bench")
        self._seed = seed
        self._clock = clock
        well = PACE if pace is None else pace
        self._pace = {name: well.get(name, simulator.behaviour(name)) for name in map(provider_of, scenario.candidates)}
        self._faults: list[Fault] = []
        self._expected = known_text(scenario.tokens)
        self._samples: list[Sample] = []
        self._changes: list[Change] = []
        self._hedges = 0
        self._hedging_usd = 0.0
        self.ended_s = 0.0
        self._reached = 0
        self._began = 0.0
        self._origin = 0.0

    async def conduct(self, arm: str) -> None:
        """Run it all and put the steps into ``steps``."""
        scenario = self._scenario
        requests = round(scenario.rate_per_s * scenario.duration_s)
        before = {name: self._simulator.behaviour(name) for name in self._pace}
        unsubscribe = self._engine.bus.subscribe(self._heard)
        try:
            for name, behaviour in self._pace.items():
                self._simulator.set(name, behaviour)
            await self._get_known()
            self._began, self._origin = self._clock.monotonic(), self._clock.now()
            self.steps.put_nowait(Began(scenario.name, requests, scenario.duration_s, scenario.candidates, arm))
            async with asyncio.TaskGroup() as group:
                for fault in scenario.faults:
                    group.create_task(self._fault(fault))
                for number in range(requests):
                    await self._until(number / scenario.rate_per_s)
                    group.create_task(self._ask(number))
        finally:
            self.ended_s = self._now_s
            unsubscribe()
            for name, behaviour in before.items():
                self._simulator.set(name, behaviour)

    def record(self) -> Record:
        """What was seen so far."""
        samples = tuple(sorted(self._samples, key=lambda sample: sample.number))
        return Record(samples, tuple(self._changes), self._reached, self._hedges, self._hedging_usd, self._prices())

    async def _get_known(self) -> None:
        for fault in self._scenario.faults if self._scenario.known else ():
            if fault.from_s == 0:
                self._simulator.set(
                    fault.provider, msgspec.structs.replace(self._pace[fault.provider], **fault.behaviour)
                )
        for candidate in self._scenario.candidates:
            for number in range(self._scenario.known):
                prompt = Message.user(f"Drill {self._seed}, before request {number}: [[tokens=5]]")
                request = msgspec.structs.replace(self._request, model=candidate, messages=(prompt,))
                async with aclosing(self._engine.stream(request)) as events:
                    async for _ in events:
                        pass

    def _prices(self) -> dict[str, Prices]:
        pairs = (candidate.partition("/")[::2] for candidate in self._scenario.candidates)
        known = {provider: self._engine.catalogue.prices(provider, model) for provider, model in pairs}
        return {provider: prices for provider, prices in known.items() if prices is not None}

    @property
    def _now_s(self) -> float:
        return self._clock.monotonic() - self._began

    async def _until(self, moment_s: float) -> None:
        await asyncio.sleep(max(0.0, moment_s - self._now_s))

    async def _fault(self, fault: Fault) -> None:
        await self._until(fault.from_s)
        self._switch(fault, on=True)
        received = self._simulator.counts(fault.provider).requests
        await self._until(fault.to_s)
        self._switch(fault, on=False)
        if fault.total and fault.provider == self._scenario.preferred:
            self._reached += self._simulator.counts(fault.provider).requests - received

    def _switch(self, fault: Fault, *, on: bool) -> None:
        if on:
            self._faults.append(fault)
        else:
            self._faults.remove(fault)
        behaviour = self._pace[fault.provider]
        for active in self._faults:
            if active.provider == fault.provider:
                behaviour = msgspec.structs.replace(behaviour, **active.behaviour)
        self._simulator.set(fault.provider, behaviour)
        self.steps.put_nowait(FaultChanged(fault, on, self._now_s))

    def _heard(self, event: Event) -> None:
        if isinstance(event, BreakerChanged) and not event.observe_only:
            change = Change(event.key, event.at - self._origin, event.before, event.after)
            self._changes.append(change)
            self.steps.put_nowait(BreakerTurned(change))
        elif isinstance(event, Hedged) and event.route == self._request.model:
            self._hedges += 1
            self._hedging_usd += event.extra_usd or 0.0

    async def _ask(self, number: int) -> None:
        prompt = f"Drill {self._seed}, request {number:06d}: [[tokens={self._scenario.tokens}]]"
        request = msgspec.structs.replace(self._request, messages=(Message.user(prompt),))
        seen = _Seen(self._clock)
        error: ProviderError | None = None
        at_s = self._now_s
        self.steps.put_nowait(Asked(number, at_s))
        try:
            async with aclosing(self._engine.stream(request)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        seen.text(event.text)
                    elif isinstance(event, Continued):
                        seen.continued(event)
                    elif isinstance(event, Finished):
                        seen.result = event.result
        except ProviderError as failure:
            error = failure
        sample = self._sample(number, at_s, seen, error)
        self._samples.append(sample)
        self.steps.put_nowait(Answered(sample, len(self._samples)))

    def _sample(self, number: int, at_s: float, seen: _Seen, error: ProviderError | None) -> Sample:
        result = seen.result
        trace = error.trace if error is not None else None if result is None else result.trace
        usd = None if result is None or result.cost is None else result.cost.usd
        return Sample(
            number,
            at_s,
            "failed" if error is not None else judged(seen.shown, result, self._expected),
            (self._now_s - at_s) * 1000,
            seen.ttft_ms,
            seen.gap_ms,
            None if result is None else result.provider,
            None if error is None else error.kind,
            tries_of(trace, self._origin),
            frozenset(attempt.provider for attempt in error.attempts) if isinstance(error, AllFailed) else frozenset(),
            seen.seams,
            Usage() if result is None else result.usage,
            usd,
        )


def judged(shown: str, result: ChatResult | None, expected: str) -> SampleOutcome:
    """What a stream that ended without an error was worth; both the text shown and the result's must be the known one."""
    if result is not None and result.text == shown == expected and result.finish_reason == "stop":
        return "complete"
    if result is not None and SKIPPED in result.warnings and result.text == shown and _lacks_a_piece(shown, expected):
        return "noted"
    texts = (shown, shown if result is None else result.text)
    return "truncated" if all(expected.startswith(text) for text in texts) else "garbled"


def _lacks_a_piece(text: str, expected: str) -> bool:
    """Whether ``text`` is ``expected`` but for one piece, no longer than an event's."""
    lacking = len(expected) - len(text)
    if not 0 < lacking <= _MOST_OF_AN_EVENT:
        return False
    return any(text == expected[:at] + expected[at + lacking :] for at in range(len(text) + 1))


class _Seen:
    """What the asker of one request sees as it comes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = self._last = clock.monotonic()
        self.shown = ""
        self.ttft_ms: float | None = None
        self.gap_ms = 0.0
        self.seams = 0
        self.result: ChatResult | None = None

    def text(self, text: str) -> None:
        now = self._clock.monotonic()
        if self.ttft_ms is None:
            self.ttft_ms = (now - self._began) * 1000
        else:
            self.gap_ms = max(self.gap_ms, (now - self._last) * 1000)
        self._last = now
        self.shown += text

    def continued(self, seam: Continued) -> None:
        self.seams += 1
        if seam.mode == "restart":
            self.shown = ""
