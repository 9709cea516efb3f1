"""Disk troubles while the console runs: it goes on, says so, holds what happens in memory, and writes it when it can: in order,
nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from aiconsole.domain.errors import StoreError
from aiconsole.domain.events import UserActed
from aiconsole.store import Store, StoreNotice
from aiconsole.store.upkeep import Upkeep
from tests.store import damage
from tests.store.happened import NOON, Past, past
from tests.store.places import Clock, conversation, opened, rows, say, words

posix = pytest.mark.skipif(os.name != "posix", reason="Windows does not let an open file be deleted, moved or replaced")


def _acts(path: Path) -> list[str]:
    return [action for (action,) in rows(path, "SELECT action FROM user_activity ORDER BY id")]


async def _live(life: Past, until: Callable[[], bool]) -> int:
    """Let things happen until then; how many did."""
    count = 0
    while not until():
        damage.happen(life, damage.REQUESTS + count)
        count += 1
        await asyncio.sleep(0.001)
    await life.recorder.flush()
    return count


# A disk that refuses


async def test_a_full_disk_is_told_and_what_happens_is_written_in_order_once_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    told: list[StoreNotice] = []
    async with past(path, retry_s=0.02, notify=told.append) as (store, recorder, _, _):
        recorder.listen(UserActed("before", NOON - 1))
        await recorder.flush()
        await store.write(lambda database: database.pragma("max_page_count", database.pragma("page_count")))
        for number in range(3000):
            recorder.listen(UserActed(f"act {number}", NOON + number))
        while store.trouble is None:
            await asyncio.sleep(0)
        assert recorder.waiting == 3000
        with pytest.raises(StoreError, match="disk with the console's database is full") as refused:
            await store.write(lambda database: database.execute_sql("CREATE TABLE big AS SELECT zeroblob(9000)"))
        assert "Make room" in refused.value.advice
        assert "history" in refused.value.advice
        assert (await store.conversations.list()) == ()
        await store.write(lambda database: database.pragma("max_page_count", 1_000_000))
        await recorder.flush()
        while store.trouble is not None:
            await asyncio.sleep(0)
    assert _acts(path) == ["before", *(f"act {number}" for number in range(3000))]
    assert [notice.message for notice in told] == [
        "The disk with the console's database is full.",
        "Conversations and history are written again.",
    ]


@posix
def test_a_disk_that_takes_no_more_bytes(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.limited", str(path)], capture_output=True, text=True, check=True, timeout=30
    )
    waiting, trouble, over = done.stdout.splitlines()
    assert waiting == "waiting 2000"
    assert "disk" in trouble
    assert "held in memory" in trouble
    assert "written again" in over
    assert [action.partition(" at")[0] for action in _acts(path)] == ["before", *(f"act {n}" for n in range(2000))]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


async def test_another_process_that_holds_the_file_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    told: list[StoreNotice] = []
    hold = (
        "import sqlite3, sys\nfile = sqlite3.connect(sys.argv[1], isolation_level=None)\nfile.execute('BEGIN IMMEDIATE')\n"
        "print('held', flush=True)\nsys.stdin.readline()\nfile.close()"
    )
    async with past(path, retry_s=0.02, notify=told.append) as (store, recorder, history, _):
        await store.write(lambda database: database.pragma("busy_timeout", 20))
        command = [sys.executable, "-c", hold, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            assert await asyncio.to_thread(other.stdout.readline) == "held\n"
            for number in range(100):
                recorder.listen(UserActed(f"act {number}", NOON + number))
            while store.trouble is None:
                await asyncio.sleep(0)
            assert recorder.waiting == 100
            assert (await history.tiles(NOON - 60, NOON)).now.count == 0
            other.communicate("enough\n")
        await recorder.flush()
        while store.trouble is not None:
            await asyncio.sleep(0)
    assert _acts(path) == [f"act {number}" for number in range(100)]
    assert "Another program holds the console's database." in words(told)


@contextmanager
def _without_rights(folder: Path) -> Iterator[None]:
    """Take this process's right to write in ``folder``; of root, by being somebody else meanwhile."""
    if os.geteuid() == 0:
        for place in (folder, *folder.iterdir()):
            os.chown(place, 65534, 65534)
        folder.parent.chmod(0o755)
        os.seteuid(65534)
    for file in folder.iterdir():
        file.chmod(0o400)
    folder.chmod(0o500)
    try:
        yield
    finally:
        folder.chmod(0o700)
        for file in folder.iterdir():
            file.chmod(0o600)
        if os.getuid() == 0:
            os.seteuid(0)


@posix
async def test_a_read_only_folder_and_file_are_told_and_tried_again() -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "home" / "aiconsole.db"
        async with opened(path) as store:
            await conversation(store)
        with _without_rights(path.parent):
            with pytest.raises(StoreError, match=r"cannot be (used|opened|written)") as refused:
                await Store.open(path, Clock())
            assert refused.value.passing
            assert "rights" in refused.value.advice
        async with opened(path) as store:
            assert store.notices == ()
            assert len(await store.conversations.list()) == 1


# A file that goes away


@posix
@pytest.mark.parametrize("gone", [("",), ("-wal",), ("-shm",), ("", "-wal", "-shm")])
async def test_a_deleted_file_is_written_anew_with_all_that_was_in_it(path: Path, gone: tuple[str, ...]) -> None:
    told: list[StoreNotice] = []
    async with past(path, notify=told.append) as life:
        damage.happen(life, damage.REQUESTS)
        await life.recorder.flush()
        for side in gone:
            path.with_name(path.name + side).unlink()
        damage.happen(life, damage.REQUESTS + 1)
        await life.recorder.flush()
        assert len((await life.store.conversations.transcript("c1")).turns) == damage.TURNS
        await say(life.store, "c1", f"t{damage.TURNS - 1}", ("last", "user", "said at last"))
        assert damage.numbers(path) == list(range(damage.REQUESTS + 2))
    assert "deleted, moved or replaced while it was open" in words(told)
    assert damage.numbers(path) == list(range(damage.REQUESTS + 2))
    assert damage.sums_match(path)
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    async with opened(path) as store:
        assert store.notices == ()
        assert len((await store.conversations.transcript("c1")).turns) == damage.TURNS + 1


@posix
async def test_a_file_deleted_while_nothing_is_written_is_there_again_after_the_end(path: Path) -> None:
    async with past(path):
        path.unlink()
    assert damage.numbers(path) == list(range(damage.REQUESTS))


@posix
async def test_what_replaced_the_file_is_kept(path: Path, tmp_path: Path) -> None:
    told: list[StoreNotice] = []
    other = tmp_path / "other" / "aiconsole.db"
    async with opened(other) as store:
        await conversation(store, title="From a backup")
    async with past(path, notify=told.append) as life:
        damage.happen(life, damage.REQUESTS)
        other.replace(path)
        damage.happen(life, damage.REQUESTS + 1)
        await life.recorder.flush()
    assert damage.numbers(path) == list(range(damage.REQUESTS + 2))
    [found] = path.parent.glob("aiconsole.found-*.db")
    assert rows(found, "SELECT title FROM conversation") == [("From a backup",)]
    assert found.name in told[0].advice


# Damage that is met while running


async def test_damage_that_is_written_into_is_set_aside_and_all_goes_on(path: Path) -> None:
    told: list[StoreNotice] = []
    async with past(path, notify=told.append) as life:
        damage.scribble(path, damage.pages_of(path, "usage_request")[-1])
        count = await _live(life, lambda: "Recovered from" in words(told))
        assert len((await life.store.conversations.transcript("c1")).turns) == damage.TURNS
    found = damage.numbers(path)
    assert set(range(damage.REQUESTS, damage.REQUESTS + count)) < set(found)
    assert len(found) == len(set(found))
    assert len(found) > damage.REQUESTS + count - 100
    assert "was damaged, so a new one was begun" in words(told)
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    [aside] = path.parent.glob("aiconsole.damaged-*.db")
    assert aside.name in told[0].advice


async def test_damage_that_is_read_is_set_aside_too(path: Path) -> None:
    told: list[StoreNotice] = []
    leaves = damage.pages_of(path, "turn")
    async with past(path, notify=told.append) as life:
        damage.scribble(path, leaves[len(leaves) // 2])
        with pytest.raises(StoreError, match="is damaged"):
            await life.store.conversations.transcript("c1")
        await _live(life, lambda: "Recovered from" in words(told))
        left = (await life.store.conversations.transcript("c1")).turns
        assert 0 < len(left) < damage.TURNS
    assert sorted(set(range(damage.REQUESTS)) - set(damage.numbers(path))) == []
    assert damage.sums_match(path)


async def test_a_damaged_full_text_index_is_made_anew_while_running(path: Path) -> None:
    async with past(path) as life:
        await life.store.write(
            lambda database: database.execute_sql("UPDATE turn_fts_data SET block = x'ffffffffffff'")
        )
        for _ in range(2):
            try:
                found = await life.store.conversations.list("said")
            except StoreError:
                await life.store.write(lambda database: None)
        assert len(found) == 1
    assert list(path.parent.glob("*.damaged-*")) == []


async def test_what_a_check_finds_is_mended_at_once(path: Path) -> None:
    told: list[StoreNotice] = []
    named = damage.pages_of(path, "usage_request_named")[0]
    async with past(path, notify=told.append) as life:
        care = Upkeep(life.store, path)
        assert await asyncio.to_thread(care.check, threading.Event(), whole=True) == ""
        damage.scribble(path, named)
        assert await asyncio.to_thread(care.check, threading.Event(), whole=True)
        await _live(life, lambda: "Recovered from" in words(told))
        assert await asyncio.to_thread(care.check, threading.Event(), whole=True) == ""
    assert damage.numbers(path)[: damage.REQUESTS] == list(range(damage.REQUESTS))
    assert damage.sums_match(path)


async def test_an_index_that_differs_from_its_table_is_made_anew_in_place(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA writable_schema = 1")
        file.execute("UPDATE sqlite_master SET sql = sql || ' WHERE id < 5' WHERE name = 'usage_request_named'")
        file.execute("PRAGMA writable_schema = RESET")
        file.execute("REINDEX usage_request_named")
        file.execute("PRAGMA writable_schema = 1")
        file.execute(
            "UPDATE sqlite_master SET sql = replace(sql, ' WHERE id < 5', '') WHERE name = 'usage_request_named'"
        )
        file.commit()
    async with past(path) as life:
        care = Upkeep(life.store, path)
        assert "missing from index" in await asyncio.to_thread(care.check, threading.Event(), whole=True)
        await life.store.write(lambda database: None)
        assert await asyncio.to_thread(care.check, threading.Event(), whole=True) == ""
    assert list(path.parent.glob("*.damaged-*")) == []


# Journals


@pytest.mark.parametrize("harm", ["missing", "scribbled", "cut"])
async def test_a_harmed_journal_costs_what_was_in_it_alone(path: Path, tmp_path: Path, harm: str) -> None:
    """As a killed console leaves it: the files are copied while it runs."""
    copy = tmp_path / "copy" / path.name
    copy.parent.mkdir()
    async with past(path) as life:
        damage.happen(life, damage.REQUESTS)
        await life.recorder.flush()
        for side in ("", "-wal", ".lock"):
            shutil.copy(path.with_name(path.name + side), copy.with_name(copy.name + side))
    wal = copy.with_name(copy.name + "-wal")
    assert wal.stat().st_size > 0
    if harm == "missing":
        wal.unlink()
    elif harm == "cut":
        os.truncate(wal, wal.stat().st_size // 2)
    else:
        wal.write_bytes(b"\xa5" * wal.stat().st_size)
    async with opened(copy) as store:
        assert len((await store.conversations.transcript("c1")).turns) == damage.TURNS
    assert damage.numbers(copy)[: damage.REQUESTS] == list(range(damage.REQUESTS))
    assert damage.sums_match(copy)
    assert rows(copy, "PRAGMA integrity_check") == [("ok",)]
