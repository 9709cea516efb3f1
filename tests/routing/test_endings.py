"""Each request's one `RequestFinished`, however it ends: on real engines and sockets, waiting in time lapse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from aiconsole import ChatRequest, Engine, Message
from aiconsole.domain.chat import Continued, Finished, StreamEvent, TextDelta
from aiconsole.domain.errors import AllFailed, BadRequest, ConfigError, HeldBack, ProviderError
from aiconsole.domain.events import AttemptFinished, Event, Hedged, RequestFinished
from aiconsole.drill.lapse import LapseLoop, LoopClock
from aiconsole.simulator import Behaviour, Simulator, StreamFault, known_text

GROQ = "groq/openai/gpt-oss-120b"
CEREBRAS = "cerebras/gpt-oss-120b"
PACE = Behaviour(ttft_ms=40, tokens_per_s=400)


class Bench:
    """An engine with the route “two”, its simulator, and what was told."""

    def __init__(self, engine: Engine, simulator: Simulator) -> None:
        self.engine = engine
        self.simulator = simulator
        self.events: list[Event] = []
        engine.bus.subscribe(self.events.append)

    @property
    def ends(self) -> list[RequestFinished]:
        return [event for event in self.events if isinstance(event, RequestFinished)]

    @property
    def attempts(self) -> list[AttemptFinished]:
        return [event for event in self.events if isinstance(event, AttemptFinished)]

    async def complete(self, model: str = "two") -> None:
        await self.engine.complete(asking(model))

    async def read(self, model: str = "two") -> list[StreamEvent]:
        async with aclosing(self.engine.stream(asking(model))) as events:
            return [event async for event in events]


def asking(model: str) -> ChatRequest:
    return ChatRequest(model, (Message.user("[[tokens=40]]"),))


@asynccontextmanager
async def bench(home: Path) -> AsyncIterator[Bench]:
    clock = LoopClock()
    async with (
        Simulator.start(seed=1, clock=clock) as simulator,
        Engine.open(home=home, environ={}, simulator=simulator, clock=clock) as engine,
    ):
        for name in ("groq", "cerebras"):
            simulator.set(name, PACE)
        await engine.change("routes.two", [GROQ, CEREBRAS])
        await engine.models()
        yield Bench(engine, simulator)


def lapsed(home: Path, play: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        async with bench(home) as made:
            await play(made)
            at_rest(made.engine)

    with asyncio.Runner(loop_factory=lambda: LapseLoop(0.0)) as runner:
        runner.run(main())


def at_rest(engine: Engine) -> None:
    """Nothing that a call was given is left behind."""
    gate = engine.gate
    for provider, name in (("groq", GROQ), ("cerebras", CEREBRAS)):
        assert gate.in_flight(name) == 0
        assert gate.concurrency(provider).in_flight == 0


def usd(*events: AttemptFinished | RequestFinished) -> float:
    return sum(event.cost.usd for event in events if event.cost is not None)


def test_a_whole_answer(tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        await bench.complete()
        (end,) = bench.ends
        assert (end.route, end.provider, end.model, end.error_kind, end.attempts) == (
            "two",
            "groq",
            "openai/gpt-oss-120b",
            None,
            1,
        )
        assert (end.stream, end.simulated, end.cached, end.origin) == (False, True, False, "chat")
        assert end.trace is not None
        assert (end.trace.request_id, end.trace.answered_by) == (end.request_id, GROQ)
        assert (end.usage, end.cost) == (bench.attempts[0].usage, bench.attempts[0].cost)
        assert (end.timing.ttft_ms, end.timing.duration_ms >= 40) == (None, True)
        assert end.headers is not None
        assert "x-ratelimit-remaining-requests" in end.headers
        assert bench.engine.inspection.asked(end.request_id) == asking("two")

    lapsed(tmp_path, play)


def test_a_streamed_answer_after_a_failure_has_the_lost_time_in_its_ttft(tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        bench.simulator.set("groq", Behaviour(outage="hang"))
        shown = await bench.read()
        (end,) = bench.ends
        assert (end.provider, end.error_kind, end.attempts, end.stream) == ("cerebras", None, 2, True)
        assert end.timing.ttft_ms is not None
        assert bench.attempts[1].timing.ttft_ms is not None
        assert end.timing.ttft_ms > bench.attempts[1].timing.ttft_ms + 1_000
        assert isinstance(shown[-1], Finished)
        assert end.trace == shown[-1].result.trace

    lapsed(tmp_path, play)


def test_every_candidate_failed(tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        for name in ("groq", "cerebras"):
            bench.simulator.set(name, Behaviour(outage="refuse"))
        for ask in (bench.complete, bench.read):
            with pytest.raises(AllFailed) as caught:
                await ask()
            end = bench.ends[-1]
            assert (end.error_kind, end.provider) == ("all candidates failed", "cerebras")
            assert end.trace == caught.value.trace
        assert [end.stream for end in bench.ends] == [False, True]
        assert sum(end.attempts for end in bench.ends) == len(bench.attempts)

    lapsed(tmp_path, play)


def test_a_single_candidate_failed_or_was_held_back(tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        bench.simulator.set("groq", Behaviour(error_rates={"bad_request": 1.0}))
        with pytest.raises(BadRequest):
            await bench.read(GROQ)
        bench.engine.gate.breakers.get(GROQ).force_open()
        with pytest.raises(HeldBack):
            await bench.complete(GROQ)
        refused, held = bench.ends
        assert (refused.route, refused.error_kind, refused.status, refused.attempts) == (GROQ, "bad request", 400, 1)
        assert (held.error_kind, held.provider, held.attempts, held.timing.ttft_ms) == ("held back", "", 0, None)

    lapsed(tmp_path, play)


def test_a_name_that_stands_for_nothing_is_no_request(tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        with pytest.raises(ConfigError):
            await bench.complete("nothing")
        assert bench.ends == []

    lapsed(tmp_path, play)


@pytest.mark.parametrize("fault", ["cut", "stall", "malformed", "error"])
def test_an_answer_of_two_parts_counts_both(fault: str, tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        bench.simulator.set("groq", Behaviour(ttft_ms=40, stream_fault=StreamFault(fault, after_tokens=15)))  # type: ignore[arg-type]
        shown = await bench.read()
        assert isinstance(shown[-1], Finished)
        assert shown[-1].result.text == known_text(40)
        (end,) = bench.ends
        cut, rest = bench.attempts
        assert (end.provider, end.attempts, end.error_kind) == ("cerebras", 2, None)
        assert cut.timing.ttft_ms is not None
        assert 40 <= cut.timing.ttft_ms <= cut.timing.duration_ms
        assert end.timing.ttft_ms is not None
        before_and_between = end.timing.duration_ms - cut.timing.duration_ms - rest.timing.duration_ms
        assert -0.001 <= end.timing.ttft_ms - cut.timing.ttft_ms <= before_and_between + 0.001
        assert shown[-1].result.timing.ttft_ms == pytest.approx(cut.timing.ttft_ms)
        assert cut.cost is not None
        assert usd(end) == pytest.approx(usd(cut, rest))
        assert end.usage == cut.usage.plus(rest.usage) == shown[-1].result.usage
        assert rest.timing.duration_ms < end.timing.duration_ms
        assert end.trace is not None
        assert [(each.outcome, each.ttft_ms is None) for each in end.trace.attempts] == [
            ("cut", False),
            ("answered", False),
        ]
        assert end.trace.attempts[0].cost_usd == cut.cost.usd

    lapsed(tmp_path, play)


def test_an_answer_that_nobody_could_finish(tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        for name in ("groq", "cerebras"):
            bench.simulator.set(name, Behaviour(ttft_ms=40, stream_fault=StreamFault("cut", after_tokens=5)))
        with pytest.raises(ProviderError) as caught:
            await bench.read()
        (end,) = bench.ends
        assert end.error_kind == caught.value.kind
        assert end.attempts == len(bench.attempts) > 1
        assert usd(end) == pytest.approx(usd(*bench.attempts))
        assert usd(end) > 0

    lapsed(tmp_path, play)


def test_a_reader_who_stops_at_the_end_was_answered_and_one_who_stops_before_left(tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        for last in (Finished, TextDelta):
            async with aclosing(bench.engine.stream(asking("two"))) as events:
                async for event in events:
                    if isinstance(event, last):
                        break
        assert [end.error_kind for end in bench.ends] == [None, "cancelled"]
        assert [attempt.error_kind for attempt in bench.attempts] == [None, "cancelled"]
        left = bench.ends[1]
        assert left.timing.ttft_ms is not None
        assert usd(left) == usd(bench.attempts[1]) > 0
        await bench.simulator.idle()

    lapsed(tmp_path, play)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_request_cancelled_at_any_point_ends_once(streamed: bool, tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        seams = 0
        bench.simulator.set("groq", Behaviour(ttft_ms=2, stream_fault=StreamFault("cut", after_tokens=3)))
        bench.simulator.set("cerebras", Behaviour(ttft_ms=2, tokens_per_s=2_000))
        for turns in range(1, 120):
            before = len(bench.ends)
            task = asyncio.ensure_future(bench.read() if streamed else bench.complete())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            (ended,) = await asyncio.gather(task, return_exceptions=True)
            assert len(bench.ends) == before + 1
            end = bench.ends[-1]
            if isinstance(ended, asyncio.CancelledError):
                assert end.error_kind == "cancelled"
            elif not isinstance(ended, BaseException):
                assert end.error_kind is None
            if isinstance(ended, list):
                seams += any(isinstance(event, Continued) for event in ended)
            at_rest(bench.engine)
        assert sum(end.attempts for end in bench.ends) == len(bench.attempts)
        assert {end.error_kind for end in bench.ends} >= {"cancelled"}

    lapsed(tmp_path, play)


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        (Behaviour(outage="hang"), PACE, "cerebras"),
        (Behaviour(ttft_ms=700, tokens_per_s=400), Behaviour(outage="hang"), "groq"),
        (Behaviour(ttft_ms=700, tokens_per_s=400), Behaviour(error_rates={"server_fault": 1.0}), "groq"),
        (Behaviour(outage="hang"), Behaviour(outage="refuse"), None),
    ],
)
def test_a_race_ends_once_whoever_wins(first: Behaviour, second: Behaviour, winner: str | None, tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        await hedging(bench)
        bench.simulator.set("groq", first)
        bench.simulator.set("cerebras", second)
        if winner is None:
            with pytest.raises(ProviderError):
                await bench.read()
        else:
            await bench.read()
        (end,) = bench.ends
        assert end.attempts == len(bench.attempts) == 2
        assert usd(end) == pytest.approx(usd(*bench.attempts))
        if winner is not None:
            assert (end.provider, end.error_kind) == (winner, None)
        (race,) = [event for event in bench.events if isinstance(event, Hedged)]
        assert race.winner.partition("/")[0] == (winner or "")
        await bench.simulator.idle()

    lapsed(tmp_path, play)


def test_leaving_a_race_ends_both(tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        await hedging(bench)
        for name in ("groq", "cerebras"):
            bench.simulator.set(name, Behaviour(outage="hang"))
        before = bench.simulator.counts("cerebras").requests
        task = asyncio.ensure_future(bench.read())
        while bench.simulator.counts("cerebras").requests == before:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert [attempt.error_kind for attempt in bench.attempts] == ["cancelled", "cancelled"]
        assert [end.error_kind for end in bench.ends] == ["cancelled"]

    lapsed(tmp_path, play)


async def hedging(bench: Bench) -> None:
    """Allow hedging, with a past in which the first candidate is sometimes slow and the second is not."""
    await bench.engine.change("routing.two.hedge", True)
    for _ in range(40):
        bench.engine.gate.reliability.seen(GROQ, duration_ms=650.0, ttft_ms=600.0)
        bench.engine.gate.reliability.seen(CEREBRAS, duration_ms=60.0, ttft_ms=40.0)


def test_a_broken_answer_is_gone_on_with_by_the_same_where_the_others_may_not_be_asked(tmp_path: Path) -> None:
    async def play(bench: Bench) -> None:
        bench.engine.gate.breakers.get("cerebras").force_open()
        bench.simulator.set("groq", replace(PACE, stream_fault=StreamFault("cut", after_tokens=10)))
        text = ""
        kinds = []
        async with aclosing(bench.engine.stream(asking("two"))) as events:
            async for event in events:
                kinds.append(type(event))
                text += event.text if isinstance(event, TextDelta) else ""
                bench.simulator.set("groq", PACE)
        assert Continued in kinds
        assert text == known_text(40)
        (end,) = bench.ends
        assert (end.provider, end.error_kind, end.attempts) == ("groq", None, 2)

    lapsed(tmp_path, play)
