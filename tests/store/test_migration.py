"""From the first version of the file to the present one: all of it or nothing, after a backup; and files that are refused."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from aiconsole.domain.errors import StoreError
from aiconsole.store import Store
from aiconsole.store.migrations import MIGRATIONS
from tests.store.happened import past, request
from tests.store.kills import first_version
from tests.store.places import Clock, opened, rows, say
from tests.test_cli import aiconsole


def _dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as file:
        return list(file.iterdump())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    first_version(tmp_path / "aiconsole.db")
    return tmp_path / "aiconsole.db"


async def test_a_file_of_the_first_version_is_brought_to_the_present_one_after_a_backup(path: Path) -> None:
    before = _dump(path)
    async with past(path) as life:
        assert life.store.notices == ()
        spoken = (await life.store.conversations.transcript("early")).turns
        assert [turn.id for turn in spoken] == [f"early-{number}" for number in range(1, 101)]
        assert [hit.conversation.id for hit in await life.store.conversations.list("long ago")] == ["early"]
        await say(life.store, "early", "early-100", ("now", "user", "said today"))
        life.recorder.listen(request())
        await life.recorder.flush()
    assert rows(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(path, "SELECT request_id FROM api_usage_logs") == [("run-1",)]
    [backup] = path.parent.glob("aiconsole.backup-v1-*.db")
    assert _dump(backup) == before
    assert rows(backup, "PRAGMA user_version") == [(1,)]


async def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    before = _dump(path)
    with pytest.raises(StoreError):
        await Store.open(
            path, Clock(), steps=(*MIGRATIONS, ("CREATE TABLE more (x)", "INSERT INTO nowhere VALUES (1)"))
        )
    assert _dump(path) == before
    assert rows(path, "PRAGMA user_version") == [(1,)]
    assert not [*path.parent.glob("aiconsole.backup-*")], "each try would leave one more"
    async with opened(path) as store:
        assert len((await store.conversations.transcript("early")).turns) == 100


_SLOW = """
import asyncio, sys
from pathlib import Path
from aiconsole.domain.clock import SystemClock
from aiconsole.store import Store
from aiconsole.store.migrations import MIGRATIONS

numbers = "n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n"

class Slow(tuple):
    def __iter__(self):
        yield "CREATE TABLE slow (x, y)"
        yield f"WITH RECURSIVE {numbers} LIMIT 4000) INSERT INTO slow SELECT x, zeroblob(4000) FROM n"
        print("half way", flush=True)
        yield f"WITH RECURSIVE {numbers}) SELECT max(x) FROM n"

asyncio.run(Store.open(Path(sys.argv[1]), SystemClock(), steps=(*MIGRATIONS, Slow())))
"""


async def test_a_kill_in_the_middle_of_a_migration_leaves_the_file_as_it_was(path: Path) -> None:
    before = _dump(path)
    with subprocess.Popen([sys.executable, "-c", _SLOW, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "half way\n"
        child.kill()
    assert path.with_name("aiconsole.db-wal").stat().st_size > 1_000_000
    assert _dump(path) == before
    async with opened(path) as store:
        assert len((await store.conversations.transcript("early")).turns) == 100
    assert rows(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_the_command_line_refuses_a_newer_file_and_one_of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 99")
    newer = aiconsole("jobs", "list", home=path.parent)
    assert newer.returncode == 2
    assert "aiconsole.db was written by a newer AI Console (version 99" in newer.stderr
    assert "Install the newer console again" in newer.stderr
    assert rows(path, "PRAGMA user_version") == [(99,)]
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA application_id = 0")
    path.with_name("aiconsole.db.lock").unlink()
    foreign = aiconsole("jobs", "list", home=path.parent)
    assert foreign.returncode == 2
    assert "aiconsole.db is a database of another program" in foreign.stderr
    assert rows(path, "SELECT count(*) FROM turn") == [(100,)]


async def test_the_command_line_says_that_another_console_has_the_file_and_answers_all_the_same(path: Path) -> None:
    async with opened(path):
        refused = aiconsole("jobs", "list", home=path.parent)
        assert refused.returncode == 2
        assert "has aiconsole.db open" in refused.stderr
        answered = aiconsole("chat", "--demo", "-m", "cerebras/gpt-oss-120b", "[[tokens=3]]", home=path.parent)
        assert answered.returncode == 0
        assert answered.stdout.strip()
