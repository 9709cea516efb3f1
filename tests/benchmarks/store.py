"""What keeping conversations costs: search among 100,000 messages, and an answer of 200 kB on its way to the disk."""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiconsole.chat.service import ChatService
from aiconsole.domain.chat import ChatRequest, ChatResult, Finished, Started, StreamEvent, TextDelta
from aiconsole.domain.clock import SystemClock
from aiconsole.domain.messages import TextPart
from aiconsole.store import Store
from tests.benchmarks.rows import Row

if TYPE_CHECKING:
    from aiconsole.store.database import Database

_CONVERSATIONS: Final = 2000
_TURNS: Final = 50
_WORDS: Final = 80
_CHUNK: Final = "word "
_CHUNKS: Final = 40_000
_ROUNDS: Final = 5


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return [*asyncio.run(_search(Path(folder))), *asyncio.run(_stream(Path(folder)))]


async def _search(folder: Path) -> list[Row]:
    vocabulary, said = _messages()
    store = await Store.open(folder / "search.db", SystemClock())
    await store.write(lambda database: _fill(database, said))
    common, rare = vocabulary[10], vocabulary[15_000]
    queries = {
        "no search, 2,000 heads": "",
        "rare word": rare,
        "common word": common,
        "two words": f"{common} {vocabulary[40]}",
        "phrase": f'"{vocabulary[0]} {vocabulary[1]}"',
        "one letter": "a",
        "three letters apart": "c l t",
        "sign, looked for as it stands": "=>",
    }
    rows: list[Row] = []
    for name, query in queries.items():
        ms = statistics.median([await _ms(store, query) for _ in range(_ROUNDS)])
        rows.append(Row(f"search 100,000 messages: {name}", ms, "ms", "at most 150", ms <= 150))
    await store.close()
    return rows


async def _ms(store: Store, query: str) -> float:
    started = time.perf_counter()
    await store.conversations.list(query)
    return (time.perf_counter() - started) * 1000


def _messages() -> tuple[list[str], list[str]]:
    """Words as frequent as in a language (Zipf's law), and messages made of them."""
    chance = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary = ["".join(chance.choices(letters, k=chance.randint(2, 10))) for _ in range(20_000)]
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(vocabulary) + 1)))
    words = chance.choices(vocabulary, cum_weights=weights, k=_CONVERSATIONS * _TURNS * _WORDS)
    return vocabulary, [" ".join(words[start : start + _WORDS]) for start in range(0, len(words), _WORDS)]


def _fill(database: Database, said: list[str]) -> None:
    from aiconsole.store.migrations.conversations import TURN_BITS

    connection = database.connection()
    texts = iter(said)
    for number in range(1, _CONVERSATIONS + 1):
        first = number << TURN_BITS
        connection.execute(
            "INSERT INTO conversation (number, id, title, created_at, updated_at, leaf) VALUES (?, ?, ?, ?, ?, ?)",
            (number, f"c{number}", f"Conversation {number}", number, number, first + _TURNS),
        )
        connection.executemany(
            "INSERT INTO turn (seq, id, conversation, parent, role, state, created_at, text) "
            "VALUES (?, ?, ?, ?, 'user', 'complete', 0, ?)",
            [
                (first + turn, f"t{number}.{turn}", number, first + turn - 1 if turn > 1 else None, next(texts))
                for turn in range(1, _TURNS + 1)
            ],
        )


class _Fast:
    """Streams 200 kB with a pause now and then, as a socket would."""

    async def stream(self, request: ChatRequest, **_: object) -> AsyncGenerator[StreamEvent, None]:
        yield Started("simulated", "fast")
        for chunk in range(_CHUNKS):
            if chunk % 400 == 0:
                await asyncio.sleep(0.05)
            yield TextDelta(_CHUNK)
        yield Finished(ChatResult("simulated", "fast", (TextPart(_CHUNK * _CHUNKS),), finish_reason="stop"))


async def _stream(folder: Path) -> list[Row]:
    store = await Store.open(folder / "stream.db", SystemClock())
    chat = ChatService(_Fast(), store, SystemClock())
    conversation = await chat.create()
    handed, written = _watch(store)
    bare = await _drain(_Fast().stream(ChatRequest("", ())))
    kept = await _drain(chat.send(conversation.id, "Write 200 kB."))
    flushes, end = handed[:-1], handed[-1]
    half = len(written) // 2
    growth = statistics.median(written[half:-1]) / statistics.median(written[1:half])
    rows = [
        Row("200 kB answer, a flush on the loop, worst", max(flushes), "ms", "at most 1", max(flushes) <= 1),
        Row("200 kB answer, its end handed over on the loop", end, "ms"),
        Row("200 kB answer, a flush in the writer, later half to earlier half", growth, "x", "at most 2", growth <= 2),
        Row("200 kB answer, passing on a chunk", (kept - bare) / _CHUNKS * 1e6, "us"),
    ]
    await chat.close()
    await store.close()
    return rows


def _watch(store: Store) -> tuple[list[float], list[float]]:
    """Times, in ms: to hand a piece over on the loop, and to write it in the writer's thread."""
    from aiconsole.store import turns

    handed: list[float] = []
    written: list[float] = []
    conversations = store.conversations
    journal, finish, write = conversations.journal, conversations.finish, turns.journal

    def timed(call, times):
        def timing(*arguments):
            started = time.perf_counter()
            result = call(*arguments)
            times.append((time.perf_counter() - started) * 1000)
            return result

        return timing

    conversations.journal = timed(journal, handed)
    conversations.finish = timed(finish, handed)
    turns.journal = timed(write, written)
    return handed, written


async def _drain(events) -> float:
    """The process time it takes, in s."""
    started = time.thread_time()
    async for _ in events:
        pass
    return time.thread_time() - started
