"""An answer as it is kept, what is known about it, and the stream it is replayed as."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from functools import cache
from typing import Final, Literal

import msgspec

from aiconsole.domain.chat import (
    ChatResult,
    Finished,
    ReasoningDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Warned,
)
from aiconsole.domain.clock import Clock
from aiconsole.domain.messages import ReasoningPart, TextPart

_TOGETHER_MS: Final = 20.0
_FAILED: Final = frozenset({"failed", "cut"})


class Piece(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A stretch of a recorded stream: when it was there (ms from the start), whether it is reasoning, and its characters."""

    at_ms: float
    reasoning: bool
    chars: int


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """An answer without what was of its call alone; ``pieces`` is the pace of its stream, empty where none was recorded."""

    result: ChatResult
    pieces: tuple[Piece, ...] = ()


class Meta(msgspec.Struct, gc=False):
    """What is known of an entry without its content. Times in epoch seconds; ``usd`` and ``ms`` are what its call cost.

    ``size`` is in bytes. ``place`` is where the content is to be found besides the memory.
    """

    key: bytes
    provider: str
    model: str
    route: str
    size: int
    stored_at: float
    until: float
    usd: float | None
    ms: float
    tags: tuple[str, ...] = ()
    hits: int = 0
    used_at: float = 0.0
    pinned: bool = False
    place: Literal["memory", "file"] = "memory"


class EntryInfo(msgspec.Struct, frozen=True):
    """An entry for a person: as `Meta`, with the key in hex, its age, and what its hits have saved."""

    key: str
    provider: str
    model: str
    route: str
    size: int
    age_s: float
    hits: int
    saved_usd: float | None
    saved_ms: float
    tags: tuple[str, ...] = ()
    pinned: bool = False


class CacheStats(msgspec.Struct, frozen=True):
    """The cache in figures: counts since the start, sizes in bytes now, and savings (USD, ms) since the start and, with
    ``_ever``, over all runs, net of what embeddings cost. ``shared`` requests got the answer of an equal one that was under
    way."""

    hits: int = 0
    misses: int = 0
    stale: int = 0
    similar: int = 0
    shared: int = 0
    stores: int = 0
    evictions: int = 0
    expired: int = 0
    invalidated: int = 0
    entries: int = 0
    pinned: int = 0
    memory_bytes: int = 0
    memory_limit: int = 0
    file_bytes: int = 0
    file_limit: int = 0
    saved_usd: float = 0.0
    saved_ms: float = 0.0
    saved_usd_ever: float = 0.0
    saved_ms_ever: float = 0.0
    where: str = "memory"

    @property
    def hit_rate(self) -> float | None:
        """Hits and shared calls among all requests the cache took, 0 to 1; None before the first."""
        asked = self.hits + self.shared + self.misses
        return (self.hits + self.shared) / asked if asked else None


def entry_of(result: ChatResult, events: Sequence[tuple[float, StreamEvent]] = ()) -> Entry:
    """The entry of an answer; ``events`` are its stream's, each with its time in ms from the start."""
    failures = 0 if result.trace is None else sum(attempt.outcome in _FAILED for attempt in result.trace.attempts)
    kept = msgspec.structs.replace(
        result, trace=None, rate_limits=(), headers=None, request_id=None, warnings=result.warnings[failures:]
    )
    return Entry(kept, _pieces(kept, events))


def _pieces(result: ChatResult, events: Sequence[tuple[float, StreamEvent]]) -> tuple[Piece, ...]:
    """The pace of a stream, what came together as one; none where its pieces are not the answer (in another order, say)."""
    found: list[Piece] = []
    for at_ms, event in events:
        if not isinstance(event, (TextDelta, ReasoningDelta)):
            continue
        reasoning = type(event) is ReasoningDelta
        last = found[-1] if found else None
        if last is not None and last.reasoning is reasoning and at_ms - last.at_ms < _TOGETHER_MS:
            found[-1] = Piece(last.at_ms, reasoning, last.chars + len(event.text))
        else:
            found.append(Piece(at_ms, reasoning, len(event.text)))
    whole = sum(piece.chars for piece in found if not piece.reasoning) == len(result.text)
    thought = sum(piece.chars for piece in found if piece.reasoning) == len(result.reasoning)
    return tuple(found) if whole and thought else ()


def events_of(entry: Entry, result: ChatResult) -> list[StreamEvent]:
    """An entry as the events of a stream, at once; ``result`` is the answer as this request gets it."""
    deltas: list[StreamEvent] = [
        TextDelta(part.text) if isinstance(part, TextPart) else ReasoningDelta(part.text)
        for part in result.content
        if isinstance(part, (TextPart, ReasoningPart)) and part.text
    ]
    return [*_begin(entry), *deltas, *_end(entry), Finished(result)]


async def paced(entry: Entry, clock: Clock) -> AsyncGenerator[StreamEvent, None]:
    """An entry's stream at its recorded pace, without its `Finished`."""
    began = clock.monotonic()
    texts = {False: entry.result.text, True: entry.result.reasoning}
    at = {False: 0, True: 0}
    for event in _begin(entry):
        yield event
    for piece in entry.pieces:
        wait_s = began + piece.at_ms / 1000 - clock.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        start = at[piece.reasoning]
        at[piece.reasoning] = start + piece.chars
        text = texts[piece.reasoning][start : start + piece.chars]
        yield ReasoningDelta(text) if piece.reasoning else TextDelta(text)
    for event in _end(entry):
        yield event


def _begin(entry: Entry) -> list[StreamEvent]:
    result = entry.result
    started = Started(result.provider, result.model, simulated=result.simulated)
    return [started, *(Warned(text) for text in result.warnings)]


def _end(entry: Entry) -> list[StreamEvent]:
    calls = entry.result.tool_calls
    return [ToolCallDelta(number, call.id, call.name, call.arguments) for number, call in enumerate(calls)]


@cache
def _codec() -> tuple[msgspec.msgpack.Encoder, msgspec.msgpack.Decoder[Entry]]:
    return msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Entry)


def pack(entry: Entry) -> bytes:
    """An entry as bytes.

    Raises:
        TypeError, ValueError: something in it cannot be written down.
    """
    return _codec()[0].encode(entry)


def unpack(data: bytes) -> Entry | None:
    """The entry that `pack` gave; None where these are not its bytes (of another version, say)."""
    try:
        return _codec()[1].decode(data)
    except (msgspec.MsgspecError, ValueError):
        return None
