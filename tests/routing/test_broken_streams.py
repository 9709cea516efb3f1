"""Streams of simulated providers that break off, over real sockets: the answer is whole, with nothing twice or missing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from aiconsole.domain.chat import ChatRequest, ChatResult, Continued, Finished, StreamEvent, TextDelta, Timeouts
from aiconsole.domain.clock import SystemClock
from aiconsole.domain.conversations import assemble
from aiconsole.domain.errors import ProviderError
from aiconsole.domain.messages import Message, TextPart
from aiconsole.providers.anthropic import AnthropicDialect
from aiconsole.providers.base import Dialect
from aiconsole.providers.cerebras import CerebrasDialect
from aiconsole.providers.client import HttpProvider
from aiconsole.providers.cohere import CohereDialect
from aiconsole.providers.config import ProviderConfig
from aiconsole.providers.gemini import GeminiDialect
from aiconsole.providers.groq import GroqDialect
from aiconsole.providers.mistral import MistralDialect
from aiconsole.providers.openrouter import OpenRouterDialect
from aiconsole.providers.pricing import PriceBook
from aiconsole.routing.candidates import Candidate
from aiconsole.routing.continuation import Continuation, Mode
from aiconsole.routing.prefill import Prefill, prefill_of
from aiconsole.secrets import Key
from aiconsole.simulator import Behaviour, Simulator, StreamFault, known_text
from aiconsole.simulator.behaviour import StreamFaultKind

DIALECTS: dict[str, type[Dialect]] = {
    "groq": GroqDialect,
    "cohere": CohereDialect,
    "mistral": MistralDialect,
    "gemini": GeminiDialect,
    "cerebras": CerebrasDialect,
    "openrouter": OpenRouterDialect,
    "anthropic": AnthropicDialect,
}
MODELS = {
    "groq": "llama-3.3-70b-versatile",
    "cohere": "command-a-03-2025",
    "mistral": "mistral-small-latest",
    "gemini": "gemini-2.5-flash",
    "cerebras": "gpt-oss-120b",
    "openrouter": "openai/gpt-4o-mini",
    "anthropic": "claude-haiku-4-5-20251001",
}
TOKENS = 150
REQUEST = ChatRequest("route", (Message.user(f"[[tokens={TOKENS}]]"),))


class Bench:
    """Simulated providers and candidates that talk to them."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._clock = SystemClock()
        self._prices = PriceBook(self._clock)
        self._providers: dict[str, HttpProvider] = {}

    def candidate(self, name: str, model: str = "") -> Candidate:
        if name not in self._providers:
            dialect = DIALECTS[name]()
            config = ProviderConfig(
                name,
                name,
                base_url=self.simulator.base_url(name),
                key=Key("test-key-1"),
                timeouts=Timeouts(connect=5, first_token=5, between=0.15, total=20),
            )
            self._providers[name] = HttpProvider(config, dialect, self._prices, self._clock)
        return Candidate(self._providers[name], model or MODELS[name])

    def breaks(self, name: str, kind: StreamFaultKind, after_tokens: int) -> None:
        self.simulator.set(name, Behaviour(stream_fault=StreamFault(kind, after_tokens=after_tokens)))

    async def close(self) -> None:
        for provider in self._providers.values():
            await provider.aclose()
        await self._prices.aclose()


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    async with Simulator.start(seed=3) as simulator:
        bench = Bench(simulator)
        try:
            yield bench
        finally:
            await bench.close()


async def asked(
    continuation: Continuation, candidates: list[Candidate], request: ChatRequest = REQUEST
) -> list[StreamEvent]:
    """What the router will do, without its choices: one candidate after another until the answer is whole."""
    shown: list[StreamEvent] = []
    for candidate in candidates:
        name, model = candidate.provider.name, candidate.model
        way = continuation.first_way(name, model) if continuation.begun else "restart"
        while way is not None:
            part = continuation.resume(name, model, way) if continuation.begun else None
            own = ChatRequest(model, request.messages) if part is None else part.request
            begun = False
            try:
                async with aclosing(candidate.provider.stream(own)) as events:
                    async for event in events:
                        taken = (event,) if part is None else part.take(event)
                        begun = begun or isinstance(event, TextDelta)
                        shown += taken
                        if part is None:
                            continuation.saw(event)
                return shown
            except ProviderError as error:
                if begun:
                    continuation.broke(error, name, model)
                    way = None
                else:
                    way = continuation.next_way(way, error)
    raise AssertionError("no candidate gave the rest")


def visible(events: list[StreamEvent]) -> str:
    """What somebody sees who reads along."""
    parts = assemble(event for event in events if isinstance(event, TextDelta | Continued))
    return "".join(part.text for part in parts if isinstance(part, TextPart))


def whole(events: list[StreamEvent]) -> ChatResult:
    assert isinstance(events[-1], Finished)
    return events[-1].result


def seams(events: list[StreamEvent]) -> list[Continued]:
    return [event for event in events if isinstance(event, Continued)]


@pytest.mark.parametrize("mode", ["continue", "restart"])
@pytest.mark.parametrize("second", list(DIALECTS))
async def test_a_cut_answer_is_made_whole_by_any_provider(second: str, mode: Mode) -> None:
    first = "cerebras" if second != "cerebras" else "groq"
    async with bench() as at:
        for after in (1, 2, 59, 61, 120, TOKENS):
            at.breaks(first, "cut", after)
            continuation = Continuation(REQUEST, mode)
            events = await asked(continuation, [at.candidate(first), at.candidate(second)])
            assert visible(events) == known_text(TOKENS), after
            assert whole(events).text == known_text(TOKENS), after
            (seam,) = seams(events)
            assert seam.mode == (continuation.first_way(second, MODELS[second]) if mode == "continue" else "restart")
            assert (seam.provider, seam.error_kind) == (second, "connection cut")
            assert seam.at_chars == len(known_text(TOKENS)) if after == TOKENS else seam.at_chars > 0
            prompt = whole(events).usage.prompt
            assert prompt is not None
            assert prompt > len(REQUEST.messages[0].text) / 4


@pytest.mark.parametrize("first", list(DIALECTS))
@pytest.mark.parametrize("kind", ["cut", "stall", "error"])
async def test_whoever_breaks_off_and_however(first: str, kind: StreamFaultKind) -> None:
    second = "mistral" if first != "mistral" else "anthropic"
    async with bench() as at:
        at.breaks(first, kind, 40)
        events = await asked(Continuation(REQUEST), [at.candidate(first), at.candidate(second)])
    assert visible(events) == whole(events).text == known_text(TOKENS)
    assert len(seams(events)) == 1


@pytest.mark.parametrize("mode", ["continue", "restart"])
async def test_every_candidate_breaks_off_but_the_last(mode: Mode) -> None:
    names = ["groq", "cohere", "anthropic", "mistral", "cerebras"]
    async with bench() as at:
        for name in names[:-1]:
            at.breaks(name, "cut", 120 if name == "mistral" and mode == "continue" else 30)  # it repeats all first
        events = await asked(Continuation(REQUEST, mode), [at.candidate(name) for name in names])
    assert visible(events) == whole(events).text == known_text(TOKENS)
    assert len(seams(events)) == 4
    assert len([note for note in whole(events).warnings if "broke off" in note]) == 4


async def test_a_rejected_prefill_is_never_what_the_person_sees() -> None:
    def everybody(provider: str, model: str) -> Prefill | None:
        return prefill_of(provider, model) or Prefill()

    async with bench() as at:
        at.breaks("groq", "cut", 40)
        newer = at.candidate("anthropic", "claude-sonnet-5")
        assert prefill_of("anthropic", newer.model) is None
        continuation = Continuation(REQUEST, prefills=everybody)
        events = await asked(continuation, [at.candidate("groq"), newer])
        assert at.simulator.counts("anthropic").statuses == {200: 1, 400: 1}
    assert visible(events) == whole(events).text == known_text(TOKENS)
    assert [seam.mode for seam in seams(events)] == ["instruct"]


async def test_prose_goes_on_too() -> None:
    question = ChatRequest("route", (Message.user("Compare rivers and streams, with a table and some code"),))
    async with bench() as at:
        model = at.candidate("groq")
        expected = (await model.provider.complete(ChatRequest(model.model, question.messages))).text
        for after in (3, 50, 100, 150):
            at.breaks("groq", "cut", after)
            continuation = Continuation(question)
            stream = asked(continuation, [model], question)
            with pytest.raises(AssertionError, match="no candidate"):
                await stream
            at.simulator.set("groq", Behaviour())
            events = await asked(continuation, [model], question)
            assert whole(events).text == expected
