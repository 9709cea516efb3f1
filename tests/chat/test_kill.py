"""A console killed in the middle of an answer, at random moments: what is on the disk when it starts again.

Run as a module this file is the console that gets killed: it asks in the newest conversation and writes each word's number and
time to its output as the word is given.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path

from aiconsole.chat.service import ChatService
from aiconsole.domain.chat import ChatRequest, ReasoningDelta, Started, StreamEvent, TextDelta, ToolCallDelta
from aiconsole.domain.clock import SystemClock
from aiconsole.domain.messages import ReasoningPart, ToolCallPart
from aiconsole.store import Store

_LANES, _KILLS, _SEED = 5, 3, 20
_LOST_S = 1.0


async def test_a_killed_console_loses_at_most_a_second_of_text(tmp_path: Path) -> None:
    chance = random.Random(_SEED)
    lanes = [(tmp_path / str(lane), [chance.uniform(0.02, 1.7) for _ in range(_KILLS)]) for lane in range(_LANES)]
    await asyncio.gather(*(asyncio.to_thread(_kill_again_and_again, folder, moments) for folder, moments in lanes))
    for folder, _ in lanes:
        store = await Store.open(folder / "aiconsole.db", SystemClock())
        chat = ChatService(_Endless(), store, SystemClock())
        [hit] = await chat.list()
        turns = (await chat.open(hit.conversation.id)).turns
        assert [turn.state for turn in turns] == ["complete", "interrupted"] * _KILLS
        kept = [turn.message.text for turn in turns[1::2]]
        given = [_words(folder / f"given-{kill}") for kill in range(_KILLS)]
        for text, (killed_at, words) in zip(kept, given, strict=True):
            safe = sum(when <= killed_at - _LOST_S for when in words)
            whole = "".join(f"{number} " for number in range(len(words) + 1))
            assert whole.startswith(text)
            assert len(text.split()) >= safe
        assert max(map(len, kept)) > 0
        for turn in turns[1::2]:
            if turn.message.text:
                assert isinstance(turn.message.parts[0], ReasoningPart)
                assert ToolCallPart("id", "look", '{"a":') in turn.message.parts
        await chat.close()
        await store.close()


def _kill_again_and_again(folder: Path, moments: list[float]) -> None:
    folder.mkdir()
    path = folder / "aiconsole.db"
    for kill, moment in enumerate(moments):
        with subprocess.Popen([sys.executable, "-m", __name__, str(path)], stdout=subprocess.PIPE) as console:
            assert console.stdout is not None
            first = console.stdout.readline()
            time.sleep(moment)
            killed_at = time.monotonic()
            console.kill()
            rest = console.stdout.read()
        (folder / f"given-{kill}").write_bytes(f"{killed_at}\n".encode() + first + rest)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _words(file: Path) -> tuple[float, list[float]]:
    killed_at, *words = file.read_text(encoding="utf-8").split("\n")
    return float(killed_at), [float(line.split()[1]) for line in words if line.count(" ") == 2]


class _Endless:
    async def stream(self, request: ChatRequest, **_: object) -> AsyncGenerator[StreamEvent, None]:
        yield Started("groq", "m")
        yield ReasoningDelta("hm")
        for number in range(100_000):
            yield TextDelta(f"{number} ")
            if number == 0:
                yield ToolCallDelta(0, "id", "look", '{"a":')
            await asyncio.sleep(0.005)


async def _be_killed(path: Path) -> None:
    store = await Store.open(path, SystemClock())
    chat = ChatService(_Endless(), store, SystemClock())
    known = await chat.list()
    conversation = known[0].conversation if known else await chat.create()
    async for event in chat.send(conversation.id, "Count."):
        if isinstance(event, TextDelta):
            print(event.text.strip(), time.monotonic(), ".", flush=True)


if __name__ == "__main__":
    asyncio.run(_be_killed(Path(sys.argv[1])))
