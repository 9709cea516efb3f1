"""An answer that went on at another candidate: what is shown meanwhile, what is kept, what a crash leaves."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import aclosing
from pathlib import Path

import pytest

from aiconsole.domain.chat import Continued, Seam, Started, TextDelta
from aiconsole.domain.clock import SystemClock
from aiconsole.domain.conversations import assemble
from aiconsole.domain.messages import TextPart
from aiconsole.store import Store
from tests.chat.scripts import Scripted, answer, chatting, collect, texts


def seam(mode: Seam) -> Continued:
    return Continued("cerebras", "m", mode, at_chars=7, after="groq/m", error_kind="connection cut")


def broken_off(mode: Seam) -> Scripted:
    return Scripted([Started("groq", "m"), TextDelta("One two"), seam(mode), *answer(" three")[1:]])


@pytest.mark.parametrize(("mode", "shown"), [("instruct", "One two three"), ("restart", " three")])
def test_a_restart_voids_what_came_before_and_a_continuation_does_not(mode: Seam, shown: str) -> None:
    parts = assemble([TextDelta("One "), TextDelta("two"), seam(mode), TextDelta(" three")])
    assert parts == (TextPart(shown),)


async def test_the_seam_reaches_whoever_reads_the_answer(tmp_path: Path) -> None:
    async with chatting(tmp_path, broken_off("instruct")) as chat:
        conversation = await chat.create(model="m")
        events = await collect(chat.send(conversation.id, "Count"))
    assert seam("instruct") in events


@pytest.mark.parametrize(("mode", "shown"), [("instruct", "One two three"), ("restart", " three")])
async def test_a_stopped_or_killed_answer_keeps_only_what_still_counts(tmp_path: Path, mode: Seam, shown: str) -> None:
    async with chatting(tmp_path, broken_off(mode), flush_s=0) as chat:
        conversation = await chat.create(model="m")
        async with aclosing(chat.send(conversation.id, "Count")) as events:
            async for event in events:
                if event == TextDelta(" three"):
                    break
            live = await chat.open(conversation.id)
        assert texts(live.turns)[-1] == shown
        assert texts((await chat.open(conversation.id)).turns)[-1] == shown


@pytest.mark.parametrize(("mode", "shown"), [("instruct", "One two three"), ("restart", " three")])
async def test_the_journal_of_a_killed_process_knows_the_seam(tmp_path: Path, mode: Seam, shown: str) -> None:
    async with chatting(tmp_path, broken_off(mode)) as chat:
        conversation = await chat.create(model="m")
        store = chat._store
        stream = chat.send(conversation.id, "Count")
        turn = [(await anext(stream)).turn for _ in range(2)][-1]  # type: ignore[union-attr]
        await _written(store.journal(turn.id, [TextDelta("One "), TextDelta("two")]))
        await _written(store.journal(turn.id, [seam(mode), TextDelta(" three")]))
        (tmp_path / "killed").mkdir()
        for file in tmp_path.glob("aiconsole.db*"):
            (tmp_path / "killed" / file.name).write_bytes(file.read_bytes())
        await stream.aclose()
    again = await Store.open(tmp_path / "killed" / "aiconsole.db", SystemClock())
    try:
        transcript = await again.conversations.transcript(conversation.id)
    finally:
        await again.close()
    assert texts(transcript.turns)[-1] == shown


async def _written(done: Future[None]) -> None:

    await asyncio.wrap_future(done)
