"""What cannot be written: told, held in memory where it was asked for, and written when it can be."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiconsole.domain.chat import TextDelta
from aiconsole.domain.conversations import Turn
from aiconsole.domain.errors import ConfigError, StoreError
from aiconsole.domain.messages import Message
from aiconsole.store import Store, StoreNotice
from aiconsole.store.conversations import NewTurn
from tests.store.places import Clock, conversation, opened, rows, say, words

_RETRY_S = 0.05


async def _streaming(store: Store) -> Turn:
    """A conversation with an answer that has begun."""
    await conversation(store)
    fresh = [NewTurn("q", Message("user", "Why?"), "complete"), NewTurn("a", Message("assistant", ()), "streaming")]
    _, turns = await asyncio.wrap_future(store.conversations.append("c1", None, fresh, now=1.0))
    return turns[-1]


def _full(store: Store) -> None:
    """Let the file not grow by a single page, as on a full disk."""
    database = store._opened.database
    database.execute_sql(f"PRAGMA max_page_count = {database.pragma('page_count')}")


def _room(store: Store) -> None:
    store._opened.database.execute_sql("PRAGMA max_page_count = 1000000")


def _read_only(store: Store) -> None:
    store._opened.database.execute_sql("PRAGMA query_only = 1")


def _writable(store: Store) -> None:
    store._opened.database.execute_sql("PRAGMA query_only = 0")


@pytest.mark.parametrize(
    ("spoil", "mend", "told"), [(_full, _room, "full"), (_read_only, _writable, "cannot be written")]
)
async def test_text_is_held_while_it_cannot_be_written_and_written_when_it_can(
    tmp_path: Path, spoil, mend, told
) -> None:
    notices: list[StoreNotice] = []
    path = tmp_path / "aiconsole.db"
    async with opened(path, retry_s=_RETRY_S, notify=notices.append) as store:
        turn = await _streaming(store)
        spoil(store)
        text = "much text " * 5000
        pieces = [store.conversations.journal(turn.id, [TextDelta(text)]) for _ in range(2)]
        ended = store.conversations.finish(
            msgspec.structs.replace(turn, message=Message.assistant(text * 2), state="complete"), 5.0
        )
        with pytest.raises(StoreError, match=told) as refused:
            await asyncio.wrap_future(
                store.conversations.append("c1", "q", [NewTurn("x", Message.user(text), "complete")], now=9.0)
            )
        assert refused.value.passing
        assert refused.value.advice
        while store.trouble is None:
            await asyncio.sleep(0)
        assert told in store.trouble.message
        assert not any(piece.done() for piece in (*pieces, ended))
        assert (await store.conversations.transcript("c1")).turns[-1].message == Message("assistant", ())
        mend(store)
        await asyncio.wait_for(asyncio.wrap_future(ended), 5)
        while store.trouble is not None:
            await asyncio.sleep(0)
        kept = (await store.conversations.transcript("c1")).turns[-1]
        assert kept.state == "complete"
        assert kept.message.text == text * 2
    assert told in words(notices)
    assert "written again" in notices[-1].message
    assert len(notices) == 2
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(path, "SELECT count(*) FROM journal") == [(0,)]


async def test_what_is_held_is_written_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    async with opened(path, retry_s=_RETRY_S) as store:
        turn = await _streaming(store)
        _full(store)
        too_large = store.conversations.journal(turn.id, [TextDelta("large " * 10_000)])
        small_enough = store.conversations.journal(turn.id, [TextDelta("small")])
        while store.trouble is None:
            await asyncio.sleep(0)
        assert not too_large.done()
        assert not small_enough.done()
        _room(store)
        await asyncio.wait_for(asyncio.wrap_future(small_enough), 5)
        assert (await store.conversations.transcript("c1")).turns[-1].message.text == "large " * 10_000 + "small"


async def test_a_file_another_program_holds_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    async with opened(path, retry_s=_RETRY_S) as store:
        turn = await _streaming(store)
        await store.write(lambda database: database.pragma("busy_timeout", 10))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            piece = store.conversations.journal(turn.id, [TextDelta("held")])
            with pytest.raises(StoreError, match="Another program"):
                await conversation(store, "c2")
            assert not piece.done()
            other.execute("ROLLBACK")
        await asyncio.wait_for(asyncio.wrap_future(piece), 5)
        assert (await store.conversations.transcript("c1")).turns[-1].message.text == "held"


async def test_what_is_held_is_tried_once_more_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    store = await Store.open(path, Clock(), retry_s=60)
    turn = await _streaming(store)
    _read_only(store)
    piece = store.conversations.journal(turn.id, [TextDelta("last words")])
    while store.trouble is None:
        await asyncio.sleep(0)
    _writable(store)
    await store.close()
    assert piece.exception() is None
    assert "last words" in rows(path, "SELECT deltas FROM journal")[0][0]


async def test_what_is_still_held_at_the_end_is_reported_lost(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = await Store.open(tmp_path / "aiconsole.db", Clock(), retry_s=60)
    turn = await _streaming(store)
    _read_only(store)
    piece = store.conversations.journal(turn.id, [TextDelta("lost")])
    await store.close()
    assert isinstance(piece.exception(), StoreError)
    assert "could not be written before the end" in caplog.text


async def test_a_job_that_fails_harms_no_other_of_its_batch(tmp_path: Path) -> None:
    async with opened(tmp_path / "aiconsole.db") as store:
        gate = threading.Event()
        held = store.post(lambda _: gate.wait(5))
        before = store.post(
            lambda db: db.execute_sql("INSERT INTO conversation VALUES (1, 'a', '', 0, 0, NULL, NULL, '', '{}', '')")
        )
        wrong = store.post(
            lambda db: db.execute_sql("INSERT INTO conversation VALUES (1, 'b', '', 0, 0, NULL, NULL, '', '{}', '')")
        )
        unknown = store.conversations.append("nowhere", None, [], now=0)
        after = store.post(
            lambda db: db.execute_sql("INSERT INTO conversation VALUES (2, 'c', '', 0, 0, NULL, NULL, '', '{}', '')")
        )
        gate.set()
        await asyncio.wrap_future(after)
        assert held.result() is True
        assert before.exception() is None
        assert isinstance(wrong.exception(), StoreError)
        assert isinstance(unknown.exception(), ConfigError)
        assert sorted(hit.conversation.id for hit in await store.conversations.list()) == ["a", "c"]


async def test_jobs_that_wait_share_a_commit(tmp_path: Path) -> None:
    async with opened(tmp_path / "aiconsole.db") as store:
        commits: list[str] = []
        await store.write(
            lambda db: db.connection().set_trace_callback(lambda sql: sql == "COMMIT" and commits.append(sql))
        )
        gate = threading.Event()
        jobs: list[Future[Any]] = [store.post(lambda _: gate.wait(5))]
        jobs += [store.post(lambda db: db.execute_sql("SELECT 1")) for _ in range(40)]
        gate.set()
        await asyncio.gather(*map(asyncio.wrap_future, jobs))
        assert len(commits) <= 4


async def test_a_job_taken_back_before_its_turn_never_runs(tmp_path: Path) -> None:
    async with opened(tmp_path / "aiconsole.db") as store:
        gate = threading.Event()
        store.post(lambda _: gate.wait(5))
        writing = asyncio.ensure_future(conversation(store))
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        gate.set()
        assert await store.conversations.list() == ()


async def test_opening_that_is_cancelled_leaves_the_file_free(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    opening = asyncio.ensure_future(Store.open(path, Clock()))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    for _ in range(500):
        try:
            store = await Store.open(path, Clock())
        except ConfigError:
            await asyncio.sleep(0.01)
        else:
            break
    await say(store, (await conversation(store)).id, None, ("t", "user", "hello"))
    await store.close()
