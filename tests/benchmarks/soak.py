"""``python -m tests.benchmarks soak [--requests N]``: requests under random faults, and that nothing leaks or lies.

A real engine talks to the simulator over real sockets, in one loop in which waiting takes no time. 64 requests are under way
at once, streamed and whole, by several strategies, with hedging, a budget that runs out, and the rules that come with the
console; some are cancelled, left or given a short time. Meanwhile each provider's behaviour changes at random: outages, resets,
silence, errors, slow-downs, 429 with Retry-After, cut, stalled and torn streams. Everything is drawn from a seed; what is drawn
first still depends on the machine's speed, so the same seed gives the same load, not the same run.

`Soak.broken` lists what must never happen: an answer told as success that is not the simulator's known text (but for one
unreadable event that it says was skipped), a request without
its one `RequestFinished`, a call to a breaker that is open, an exception that is none of ours, and at rest a permit, slot,
charge or reservation that was not given back.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import msgspec
import psutil

from aiconsole import ChatRequest, Engine, Message
from aiconsole.domain.chat import ChatResult, Continued, Finished, TextDelta, Timeouts
from aiconsole.domain.errors import ProviderError
from aiconsole.domain.events import AttemptFinished, BreakerChanged, Event, Hedged, RequestFinished, RuleFired, Switched
from aiconsole.drill.lapse import LapseLoop, LoopClock
from aiconsole.drill.scenarios import FAULTS
from aiconsole.providers.reading import SKIPPED
from aiconsole.simulator import Behaviour, Simulator, known_text
from tests.benchmarks.rows import Row

REQUESTS = 100_000
IN_FLIGHT = 64
CANDIDATES = (
    "groq/openai/gpt-oss-120b",
    "cerebras/gpt-oss-120b",
    "openrouter/openai/gpt-oss-120b",
    "mistral/mistral-small-latest",
    "anthropic/claude-haiku-4-5-20251001",
)
PROVIDERS = tuple(name.partition("/")[0] for name in CANDIDATES)
ROUTES = {
    "quick": {"strategy": "lowest latency"},
    "blend": {"strategy": "blend"},
    "hedged": {"strategy": "priority", "hedge": True, "hedge_share": 0.2},
    "poor": {"strategy": "lowest cost", "day_usd": 0.02},
}
WELL = Behaviour(ttft_ms=60.0, tokens_per_s=800.0, jitter=0.3)
PACES = dict.fromkeys(PROVIDERS, WELL) | {"groq": msgspec.structs.replace(WELL, tail=0.8)}
"""How each behaves without a fault; groq's slow calls are what hedging is for."""
DEAD_AT_FIRST_S = 2.0
SLACK_S = 1e-6


class Soak:
    """One run: what was asked, and what came of it.

    Attributes:
        broken: what must not have happened, in words.
        outcomes: how many requests ended how.
        memory: resident MB after each fifth of the requests, with all of them under way.
        blocks: how many blocks of memory Python held then.
    """

    def __init__(self, engine: Engine, simulator: Simulator, requests: int, seed: int, changes_per_s: float) -> None:
        self.broken: list[str] = []
        self.outcomes: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.memory: list[float] = []
        self.blocks: list[int] = []
        self._engine = engine
        self._simulator = simulator
        self._requests = requests
        self._random = Random(seed)
        self._changes_per_s = changes_per_s
        self._asked = 0
        self._ends = bytearray(2 * requests + 1_000)
        self._last_id = 0
        self._open: defaultdict[str, deque[list[float]]] = defaultdict(lambda: deque(maxlen=20))
        engine.bus.subscribe(self._heard, AttemptFinished, RequestFinished, BreakerChanged)
        engine.bus.subscribe(self._counted, AttemptFinished, BreakerChanged, Hedged, RuleFired, Switched)

    async def run(self) -> None:
        """Ask everything, then let it come to rest and look at what is left."""
        weather = asyncio.ensure_future(self._weather())
        try:
            await asyncio.gather(*(self._asker() for _ in range(IN_FLIGHT)))
        finally:
            weather.cancel()
            await asyncio.gather(weather, return_exceptions=True)
        for name, pace in PACES.items():
            self._simulator.set(name, pace)
        await asyncio.wait_for(self._simulator.idle(), 600)
        self._at_rest()

    # Asking

    async def _asker(self) -> None:
        while self._asked < self._requests:
            self._asked += 1
            if self._asked % max(1, self._requests // 5) == 0:
                gc.collect()
                self.memory.append(psutil.Process().memory_info().rss / 1e6)
                self.blocks.append(sys.getallocatedblocks())
            await self._one(Random(self._random.random()))
            await asyncio.sleep(self._random.uniform(0.0, 0.4))

    async def _one(self, random: Random) -> None:
        tokens = random.randint(3, 24)
        route = random.choices(tuple(ROUTES), (5, 3, 3, 1))[0]
        timeouts = (
            Timeouts(first_token=0.3, between=0.3, total=random.uniform(0.1, 3.0)) if chance(random, 0.05) else None
        )
        request = ChatRequest(route, (Message.user(f"[[tokens={tokens}]]"),), timeouts=timeouts)
        leaves_after = random.randint(0, 20) if chance(random, 0.05) else None
        asked = self._stream(request, leaves_after) if chance(random, 0.6) else self._engine.complete(request)
        task: asyncio.Task[ChatResult | None] = asyncio.ensure_future(asked)
        timer = (
            asyncio.get_running_loop().call_later(random.expovariate(4.0), task.cancel)
            if chance(random, 0.05)
            else None
        )
        try:
            result = await task
        except ProviderError as error:
            self.outcomes[error.kind] += 1
        except asyncio.CancelledError:
            self.outcomes["cancelled"] += 1
        except Exception as error:
            self.broken.append(f"{request.model}: {error!r}")
        else:
            self.outcomes["left" if result is None else "answered"] += 1
            if result is not None and not true(result, known_text(tokens)):
                way = "" if result.trace is None else " ".join(result.trace.told())
                self.broken.append(
                    f"{result.provider} told as success {result.text!r}, {tokens} tokens asked for: {way}"
                )
        finally:
            if timer is not None:
                timer.cancel()

    async def _stream(self, request: ChatRequest, leaves_after: int | None) -> ChatResult | None:
        shown, seen = "", 0
        async with aclosing(self._engine.stream(request)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    shown += event.text
                elif isinstance(event, Continued):
                    self.events["gone on with: " + event.mode] += 1
                    shown = "" if event.mode == "restart" else shown
                elif isinstance(event, Finished):
                    if shown != event.result.text:
                        self.broken.append(f"shown {shown!r}, told {event.result.text!r}")
                    return event.result
                seen += 1
                if leaves_after is not None and seen > leaves_after:
                    return None
        self.broken.append("a stream ended without its end")
        return None

    async def _weather(self) -> None:
        """Let one be dead for long enough to be given up, then change any of them now and then; half the time it is well."""
        faults = tuple(FAULTS.values())
        self._simulator.set(PROVIDERS[0], msgspec.structs.replace(PACES[PROVIDERS[0]], outage="refuse"))
        await asyncio.sleep(DEAD_AT_FIRST_S)
        while True:
            await asyncio.sleep(self._random.expovariate(self._changes_per_s))
            name = self._random.choice(PROVIDERS)
            changes = self._random.choice(faults) if chance(self._random, 0.5) else {}
            share = {key: value for key, value in changes.items() if key != "stream_fault"}
            behaviour = msgspec.structs.replace(PACES[name], **share)
            if fault := changes.get("stream_fault"):
                part = msgspec.structs.replace(
                    fault, rate=self._random.choice((0.3, 1.0)), after_tokens=self._random.randint(1, 20)
                )
                behaviour = msgspec.structs.replace(behaviour, stream_fault=part)
            self._simulator.set(name, behaviour)

    # Watching

    def _counted(self, event: Event) -> None:
        self.events[type(event).__name__] += 1

    def _heard(self, event: Event) -> None:
        if isinstance(event, RequestFinished):
            serial = int(event.request_id.rpartition("-")[2], 16)
            self._last_id = max(self._last_id, serial)
            self._ends[serial] += 1
            self._asked_while_open(event)
        elif isinstance(event, BreakerChanged):
            if event.before == "open":
                self._open[event.key][-1][1] = min(self._open[event.key][-1][1], event.at)
            if event.after == "open":
                self._open[event.key].append([event.at, event.open_until or float("inf")])

    def _asked_while_open(self, event: RequestFinished) -> None:
        trace = event.trace
        for attempt in trace.attempts if trace is not None else ():
            began = event.timing.started_at + attempt.began_ms / 1e3
            for key in (attempt.candidate, attempt.candidate.partition("/")[0]):
                if any(since + SLACK_S < began < until - SLACK_S for since, until in self._open[key]):
                    self.broken.append(f"{attempt.candidate} was asked while {key} was open")

    def _at_rest(self) -> None:
        gate = self._engine.gate
        missing = [serial for serial in range(1, self._last_id + 1) if self._ends[serial] != 1]
        if missing:
            self.broken.append(f"{len(missing)} requests did not end exactly once")
        if sum(self._ends) + self.outcomes["cancelled"] < self._requests:
            self.broken.append(f"{self._requests} were asked, {sum(self._ends)} ended")
        for name in CANDIDATES:
            if gate.in_flight(name):
                self.broken.append(f"{gate.in_flight(name)} calls are still counted at {name}")
        for name in PROVIDERS:
            if gate.concurrency(name).in_flight:
                self.broken.append(f"{gate.concurrency(name).in_flight} slots were not given back at {name}")
        for view in gate.limits.snapshot():
            if view.requests_in_flight or view.tokens_in_flight:
                self.broken.append(f"{view.key} still counts {view.requests_in_flight} requests in flight")
        for standing in gate.budgets.standings():
            if standing.reserved or standing.spent > standing.budget.usd + 1e-9:
                self.broken.append(
                    f"{standing.budget.words}: ${standing.spent} spent, ${standing.reserved} still reserved"
                )
        for breaker in gate.breakers:
            if breaker.trials:
                self.broken.append(f"{breaker.trials} trial calls are still under way at {breaker.key}")


def true(result: ChatResult, known: str) -> bool:
    """Whether an answer is the known text, or says that one event of it was unreadable and is only without that."""
    if result.text == known:
        return True
    rest = iter(known)
    return SKIPPED in result.warnings and all(character in rest for character in result.text)


def chance(random: Random, share: float) -> bool:
    return random.random() < share


async def soak(requests: int, seed: int, changes_per_s: float, home: str) -> Soak:
    """Run it. To be called in a `LapseLoop`."""
    clock = LoopClock()
    route = ", ".join(f'"{name}"' for name in CANDIDATES)
    routes = "\n".join(f"{name} = [{route}]" for name in ROUTES)
    options = "\n".join(f"[routing.{name}]\n{told(values)}" for name, values in ROUTES.items())
    Path(home, "settings.toml").write_text(
        f"[spending]\nday_usd = 1000.0\n[routes]\n{routes}\n{options}\n", encoding="utf-8"
    )
    async with (
        Simulator.start(seed=seed, clock=clock) as simulator,
        Engine.open(home=home, environ={}, simulator=simulator, clock=clock, random=Random(seed)) as engine,
    ):
        await engine.models()
        for name, pace in PACES.items():
            simulator.set(name, pace)
        run = Soak(engine, simulator, requests, seed, changes_per_s)
        await run.run()
        return run


def told(values: Mapping[str, object]) -> str:
    return "\n".join(f"{key} = {json.dumps(value)}" for key, value in values.items())


def lapsed(requests: int, *, seed: int = 0, changes_per_s: float = 1.0) -> Soak:
    """Run it, with so many changes of the providers' behaviour a second."""
    with TemporaryDirectory() as home, asyncio.Runner(loop_factory=lambda: LapseLoop(0.0)) as runner:
        return runner.run(soak(requests, seed, changes_per_s, home))


def run() -> list[Row]:
    """About 4 minutes for 100,000 requests."""
    requests = int(os.environ.get("AICONSOLE_SOAK_REQUESTS", REQUESTS))
    began = time.perf_counter()
    done = lapsed(requests)
    took = time.perf_counter() - began
    for line in done.broken[:20]:
        print("BROKEN:", line)
    first, last = done.memory[0], done.memory[-1]
    blocks = done.blocks[-1] / done.blocks[0]
    rows = [
        Row("requests under random faults", requests, ""),
        Row("  took", took, "s"),
        Row("  invariants broken", len(done.broken), "", "none", not done.broken),
        Row("  memory after a fifth", first, "MB"),
        Row("  memory at the end, over that", last / first, "x", "at most 1.05", last <= 1.05 * first),
    ]
    rows.append(
        Row("  Python's blocks at the end, over those after a fifth", blocks, "x", "at most 1.05", blocks <= 1.05)
    )
    rows += [Row(f"  after {part} fifths", size, "MB") for part, size in enumerate(done.memory, 1)]
    rows += [Row(f"  {name}", count, "requests") for name, count in done.outcomes.most_common()]
    rows += [Row(f"  {name}", count, "") for name, count in done.events.most_common()]
    return rows
