"""Routers that stream what a test tells them to, and a chat over a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiconsole.chat.service import ChatService
from aiconsole.domain.chat import ChatRequest, ChatResult, Finished, Started, StreamEvent, TextDelta
from aiconsole.domain.clock import SystemClock
from aiconsole.domain.conversations import ChatEvent, Turn, TurnEnded
from aiconsole.domain.messages import Message, Part, TextPart
from aiconsole.store import Store

Script = list[Any]
"""What a stream does, step by step: an event is given, an exception raised, a coroutine function awaited, None is a turn of
the loop."""


class Scripted:
    """Answers each request by the next script; the last one is used again and again."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.requests: list[ChatRequest] = []
        self.closed = 0

    async def stream(self, request: ChatRequest, **_: object) -> AsyncGenerator[StreamEvent, None]:
        self.requests.append(request)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        try:
            for step in script:
                if step is None:
                    await asyncio.sleep(0)
                elif isinstance(step, BaseException):
                    raise step
                elif callable(step):
                    await step()
                else:
                    yield step
        finally:
            self.closed += 1


def answer(*words: str, content: tuple[Part, ...] | None = None, after: Script | None = None) -> Script:
    """A script that gives these words one by one and ends well; ``after`` comes between the words and the end."""
    whole = content if content is not None else (TextPart("".join(words)),)
    result = ChatResult("groq", "m-1", whole, "stop", request_id="r-1")
    deltas = [step for word in words for step in (None, TextDelta(word))]
    return [Started("groq", "m"), *deltas, *(after or []), Finished(result)]


@asynccontextmanager
async def chatting(folder: Path, router: Any, **options: Any) -> AsyncIterator[ChatService]:
    store_options = {key: options.pop(key) for key in ("notify", "retry_s", "redact") if key in options}
    store = await Store.open(folder / "aiconsole.db", SystemClock(), **store_options)
    chat = ChatService(router, store, SystemClock(), **options)
    try:
        yield chat
    finally:
        await chat.close()
        await store.close()


async def collect(
    events: AsyncGenerator[ChatEvent, None], each: Callable[[ChatEvent], Any] = lambda _: None
) -> list[ChatEvent]:
    found = []
    async for event in events:
        found.append(event)
        each(event)
    return found


async def ended(events: AsyncGenerator[ChatEvent, None]) -> Turn:
    """How the answer ended."""
    last = (await collect(events))[-1]
    assert isinstance(last, TurnEnded)
    return last.turn


def said(request: ChatRequest) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in request.messages]


def texts(turns: tuple[Turn, ...]) -> list[str]:
    return [turn.message.text for turn in turns]


def user(text: str) -> Message:
    return Message("user", text)
