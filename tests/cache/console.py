"""A console over the simulator whose calls can be counted, for the tests of the cache."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiconsole import ChatRequest, Engine, Message
from aiconsole.domain.chat import StreamEvent, TextDelta
from aiconsole.domain.clock import Clock
from aiconsole.domain.events import CacheEvent, Event, RequestFinished
from aiconsole.secrets import KeyStore
from aiconsole.simulator import Simulator

MODEL = "groq/openai/gpt-oss-120b"


class Console(NamedTuple):
    engine: Engine
    simulator: Simulator
    seen: list[Event]

    @property
    def calls(self) -> int:
        """The requests that reached the seven providers."""
        return sum(
            self.simulator.counts(name).requests for name in ("groq", "cerebras", "openrouter", "mistral", "anthropic")
        )

    def steps(self) -> list[str]:
        return [event.step for event in self.seen if isinstance(event, CacheEvent)]

    def ends(self) -> list[RequestFinished]:
        return [event for event in self.seen if isinstance(event, RequestFinished)]


@asynccontextmanager
async def console(
    home: Path, settings: str = "", *, clock: Clock | None = None, keys: KeyStore | None = None
) -> AsyncIterator[Console]:
    """A console with these lines in its settings."""
    if settings:
        (home / "settings.toml").write_text(settings, encoding="utf-8")
    async with (
        Simulator.start() as simulator,
        Engine.open(home=home, environ={}, simulator=simulator, clock=clock, keys=keys) as engine,
    ):
        seen: list[Event] = []
        engine.bus.subscribe(seen.append)
        yield Console(engine, simulator, seen)


def asking(text: str = "[[tokens=30]]", **fields: Any) -> ChatRequest:
    """A request that the cache takes."""
    return ChatRequest(
        **{"model": MODEL, "messages": (Message.user(text),), "temperature": 0.0, **fields}  # type: ignore[arg-type]
    )


async def read(engine: Engine, request: ChatRequest) -> list[StreamEvent]:
    async with aclosing(engine.stream(request)) as events:
        return [event async for event in events]


def text_of(events: list[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))
