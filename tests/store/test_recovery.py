"""What is recovered from a damaged file that was set aside: all but what the harmed pages held, once."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from aiconsole.domain.messages import ImagePart
from aiconsole.store import StoreNotice, database, recovery
from tests.store import damage
from tests.store.happened import past
from tests.store.places import opened, rows, words


def _aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob("aiconsole.damaged-*.db"))


async def _recover(path: Path) -> str:
    """Open a damaged file; the words that were told about it."""
    told: list[StoreNotice] = []
    before = path.read_bytes()
    async with past(path, notify=told.append):
        pass
    [aside] = _aside(path)
    assert aside.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == sorted([path.name, path.name + ".lock", aside.name])
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    return " ".join(f"{notice.message} {notice.advice}" for notice in told)


def test_every_table_is_recovered(tmp_path: Path) -> None:
    from aiconsole.store.migrations import MIGRATIONS

    with closing(sqlite3.connect(tmp_path / "any.db")) as file:
        for step in MIGRATIONS:
            for statement in step:
                file.execute(statement)
        names = {
            name
            for (name,) in file.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%_fts%'"
            )
        }
    assert names - {"sqlite_sequence", "recoveries", "turn_attachment"} == set(recovery._TABLES)


async def test_a_harmed_page_costs_its_rows_and_no_other(path: Path) -> None:
    leaves = damage.pages_of(path, "usage_request")
    damage.scribble(path, leaves[len(leaves) // 2])
    told = await _recover(path)
    left = damage.numbers(path)
    assert damage.REQUESTS - 80 < len(left) < damage.REQUESTS
    assert left[0] == 0
    assert left[-1] == damage.REQUESTS - 1
    assert f"{len(left)} requests, 1 conversations with {damage.TURNS} turns" in told
    assert "1 places" in told
    for table in ("usage_attempt", "usage_trace", "user_activity", "cache_events", "breaker_events"):
        assert rows(path, f"SELECT count(*) FROM {table}") == [(damage.REQUESTS,)]
    counts = rows(path, "SELECT tier, count FROM usage_rollups WHERE counted = 'all requests' AND tier = 'day'")
    assert counts == [("day", damage.REQUESTS)]


@pytest.mark.parametrize("name", ["usage_request_named", "turn_tree", "turn_fts_data", "conversation_updated"])
async def test_a_harmed_index_costs_nothing(path: Path, name: str) -> None:
    damage.scribble(path, damage.pages_of(path, name)[0])
    told = await _recover(path)
    assert "All of it could be read" in told
    assert damage.numbers(path) == list(range(damage.REQUESTS))
    assert damage.sums_match(path)
    async with opened(path) as store:
        [hit] = await store.conversations.list("said")
        assert hit.conversation.title == "About harm"
        spoken = (await store.conversations.transcript("c1")).turns
        assert [turn.id for turn in spoken] == [f"t{number}" for number in range(damage.TURNS)]
        assert isinstance(spoken[3].message.content[1], ImagePart)
        assert spoken[3].message.content[1].data == damage.PICTURE


async def test_a_lost_header_costs_nothing(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(100))
    assert "All of it could be read" in await _recover(path)
    assert damage.numbers(path) == list(range(damage.REQUESTS))
    assert damage.sums_match(path)


async def test_a_lost_first_page_leaves_nothing_to_read_and_that_is_told(path: Path) -> None:
    damage.scribble(path, 1)
    assert "Nothing could be read" in await _recover(path)
    assert damage.numbers(path) == []


async def test_the_rest_of_a_cut_file_is_recovered(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 3 // 4)
    told = await _recover(path)
    assert "could not be read" in told
    found = sum(
        rows(path, f"SELECT count(*) FROM {table}")[0][0] for table in ("usage_request", "turn", "cache_events")
    )
    assert found > 100


async def test_lost_pictures_conversations_and_parents_leave_what_can_be_shown(path: Path) -> None:
    damage.scribble(path, damage.pages_of(path, "conversation")[0])
    damage.scribble(path, damage.pages_of(path, "attachment")[0])
    leaves = damage.pages_of(path, "turn")
    damage.scribble(path, leaves[len(leaves) // 2])
    await _recover(path)
    async with opened(path) as store:
        [hit] = await store.conversations.list()
        assert hit.conversation.title == "Recovered conversation"
        left = (await store.conversations.transcript(hit.conversation.id)).turns
        assert 1 < len(left) < damage.TURNS
        assert left[-1].id == f"t{damage.TURNS - 1}"
    [(first,)] = rows(path, "SELECT count(*) FROM turn WHERE id IN ('t0', 't1', 't2', 't3')")
    assert first == 4


async def test_a_large_file_is_recovered_behind_a_console_that_is_used_and_over_restarts(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_MOMENT_S", 0.0)
    monkeypatch.setattr(recovery, "_AT_ONCE", 10)
    damage.scribble(path, damage.pages_of(path, "usage_request_named")[0])
    told: list[StoreNotice] = []
    fresh = damage.REQUESTS
    for _ in range(6):
        async with past(path, notify=told.append) as life:
            damage.happen(life, fresh)
            fresh += 1
            await life.recorder.flush()
            await asyncio.sleep(0.01)
    assert "being copied into the new database meanwhile" in words(told)
    assert not any("Recovered from" in notice.message for notice in told)
    async with past(path, notify=told.append) as life:
        while not any("Recovered from" in notice.message for notice in told):
            damage.happen(life, fresh)
            fresh += 1
            await life.recorder.flush()
    assert f"{damage.REQUESTS} requests, 1 conversations with {damage.TURNS} turns" in told[-1].message
    assert sorted(damage.numbers(path)) == list(range(fresh))
    assert damage.sums_match(path)
    assert rows(path, "SELECT sum(misses) FROM cache_rollup WHERE tier = 10") == [(fresh,)]
    async with opened(path, notify=told.append) as store:
        assert store.notices == ()
        assert len((await store.conversations.transcript("c1")).turns) == damage.TURNS
    assert len(_aside(path)) == 1
