"""Opening: private files, one process, versions, and files that are damaged, empty, missing or somebody else's."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from aiconsole.domain.errors import ConfigError, StoreError
from aiconsole.store import Store
from aiconsole.store.migrations import MIGRATIONS
from tests.store.places import Clock, conversation, opened, rows, say, words

posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")


async def _written(path: Path, *, turns: int = 1) -> None:
    async with opened(path) as store:
        await conversation(store)
        for number in range(turns):
            await say(store, "c1", None, (f"t{number}", "user", f"said {number} " + "word " * 200))


def _aside(path: Path, word: str = "damaged") -> list[Path]:
    return sorted(path.parent.glob(f"{path.stem}.{word}-*{path.suffix}"))


@posix
async def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "aiconsole.db"
    old_mask = os.umask(0)
    try:
        async with opened(path) as store:
            await conversation(store)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(old_mask)
    assert modes == dict.fromkeys(("aiconsole.db", "aiconsole.db-wal", "aiconsole.db-shm", "aiconsole.db.lock"), 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@posix
async def test_a_file_others_could_read_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    await _written(path)
    path.chmod(0o644)
    async with opened(path) as store:
        await store.write(lambda database: database.execute_sql("UPDATE conversation SET title = 'x'"))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.with_name("aiconsole.db-wal").stat().st_mode) == 0o600


async def test_settings_of_both_connections(tmp_path: Path) -> None:
    async with opened(tmp_path / "aiconsole.db") as store:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "mmap_size")
        assert await store.write(lambda db: [db.pragma(name) for name in names]) == ["wal", 2, 1, 5000, 0]
        assert await store.read(lambda db: [db.pragma(name) for name in names[2:]]) == [1, 5000, 0]
        with pytest.raises(StoreError):
            await store.read(lambda db: db.execute_sql("DELETE FROM conversation"))


async def test_nothing_is_left_beside_a_closed_database(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    await _written(path)
    assert {file.name for file in tmp_path.iterdir()} == {"aiconsole.db", "aiconsole.db.lock"}
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


async def test_a_second_console_is_refused_and_told_whose_it_is(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    async with opened(path) as store:
        await conversation(store)
        with pytest.raises(ConfigError, match=f"process {os.getpid()}") as refused:
            await Store.open(path, Clock())
        assert "--home" in refused.value.advice
        assert len(await store.conversations.list()) == 1
    async with opened(path) as store:
        assert len(await store.conversations.list()) == 1


def test_another_process_holds_the_lock_until_it_dies(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    code = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom aiconsole.store import Store\n"
        "from aiconsole.domain.clock import SystemClock\n"
        "async def main():\n    await Store.open(Path(sys.argv[1]), SystemClock())\n"
        "    print('open', flush=True)\n    await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"open"
        import asyncio

        with pytest.raises(ConfigError, match=f"process {holder.pid}"):
            asyncio.run(Store.open(path, Clock()))
        holder.kill()
        holder.wait()
        asyncio.run(_written(path))


async def test_a_step_is_made_after_a_private_backup(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    await _written(path)
    steps = (*MIGRATIONS, ("ALTER TABLE conversation ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",))
    async with opened(path, steps=steps) as store:
        assert await store.read(lambda db: db.execute_sql("SELECT id, pinned FROM conversation").fetchall()) == [
            ("c1", 0)
        ]
    assert rows(path, "PRAGMA user_version") == [(len(steps),)]
    [backup] = _aside(path, f"backup-v{len(MIGRATIONS)}")
    assert rows(backup, "PRAGMA integrity_check") == [("ok",)]
    assert rows(backup, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert rows(backup, "SELECT id FROM turn") == [("t0",)]
    if os.name == "posix":
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    async with opened(path, steps=steps):
        assert _aside(path, f"backup-v{len(MIGRATIONS)}") == [backup]


async def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    await _written(path)
    steps = (*MIGRATIONS, ("CREATE TABLE extra (x)", "CREATE TABLE conversation (x)"))
    with pytest.raises(StoreError):
        await Store.open(path, Clock(), steps=steps)
    assert rows(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert rows(path, "SELECT name FROM sqlite_master WHERE name = 'extra'") == []
    async with opened(path) as store:
        assert len(await store.conversations.list()) == 1


async def test_a_newer_database_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    await _written(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="newer AI Console") as refused:
        await Store.open(path, Clock())
    assert "99" in refused.value.message
    assert path.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {"aiconsole.db", "aiconsole.db.lock"}


async def test_another_programs_database_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="another program"):
        await Store.open(path, Clock())
    assert path.read_bytes() == before


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _scribble(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 64] = b"\xa5" * 64
    path.write_bytes(data)


def _overwrite(path: Path) -> None:
    path.write_bytes(b"this was a database once\n" * 1000)


def _cut_to_a_few_bytes(path: Path) -> None:
    os.truncate(path, 60)


def _replace_by_another(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")


@pytest.mark.parametrize("harm", [_truncate, _scribble, _overwrite, _cut_to_a_few_bytes, _replace_by_another])
async def test_a_damaged_file_is_set_aside_and_the_console_goes_on(tmp_path: Path, harm) -> None:
    path = tmp_path / "aiconsole.db"
    await _written(path, turns=50)
    harm(path)
    damaged = path.read_bytes()
    told = []
    async with opened(path, notify=told.append) as store:
        found = await store.conversations.list()
        assert [hit.conversation.title for hit in found] in ([], ["Recovered conversation"])
        await conversation(store, "c2")
    assert "was damaged" in words(told)
    assert list(store.notices) == told
    [aside] = _aside(path)
    assert aside.read_bytes() == damaged
    assert aside.name in told[0].advice
    async with opened(path, notify=told.append) as store:
        assert len(await store.conversations.list()) == len(found) + 1
    assert len(told) == 2


async def test_two_damaged_files_in_one_second_are_both_kept(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    for _ in range(2):
        await _written(path)
        _overwrite(path)
    async with opened(path):
        assert len(_aside(path)) == 2


async def test_an_empty_file_where_there_was_data_is_a_loss_and_its_journal_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    await _written(path)
    path.write_bytes(b"")
    path.with_name("aiconsole.db-wal").write_bytes(b"what may be left")
    async with opened(path) as store:
        assert "was empty" in words(store.notices)
        assert await store.conversations.list() == ()
    [aside] = _aside(path)
    assert aside.read_bytes() == b""
    assert aside.with_name(aside.name + "-wal").read_bytes() == b"what may be left"


async def test_a_missing_file_is_told_and_a_first_start_is_not(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    path.touch()
    async with opened(path) as store:
        assert store.notices == ()
    path.unlink()
    async with opened(path) as store:
        assert "was missing" in words(store.notices)


async def test_damage_of_a_large_file_is_met_while_running_and_seen_to_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiconsole.store import inspection

    monkeypatch.setattr(inspection, "_CHECKED_BYTES", 0)
    path = tmp_path / "aiconsole.db"
    await _written(path, turns=50)
    [(root,)] = rows(path, "SELECT rootpage FROM sqlite_master WHERE name = 'turn_tree'")
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xa5" * 64)
    store = await Store.open(path, Clock())
    with pytest.raises(StoreError, match="damaged") as met:
        await store.conversations.transcript("c1")
    assert not met.value.passing
    await store.close()
    assert len(_aside(path)) == 1
    # Windows would not have renamed the file if the error, which is still here, had kept it open.
    assert [file.path for file in psutil.Process().open_files() if Path(file.path).parent == tmp_path] == []
    async with opened(path) as store:
        assert store.notices == ()
        assert len((await store.conversations.transcript("c1")).turns) == 1


async def test_a_damaged_index_is_made_anew_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    await _written(path)
    async with opened(path) as store:
        await store.write(lambda db: db.execute_sql("UPDATE turn_fts_data SET block = x'ffffffffffff'"))
    async with opened(path) as store:
        with pytest.raises(StoreError):
            await store.conversations.list("said")
    async with opened(path) as store:
        assert store.notices == ()
        assert len(await store.conversations.list("said")) == 1


async def test_a_folder_that_is_a_file_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder", encoding="utf-8")
    with pytest.raises(StoreError) as refused:
        await Store.open(tmp_path / "home" / "aiconsole.db", Clock())
    assert refused.value.advice


async def test_a_read_only_folder_is_a_store_error(tmp_path: Path) -> None:
    if os.name != "posix" or os.geteuid() == 0:
        pytest.skip("modes do not bind this user")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError):
            await Store.open(tmp_path / "aiconsole.db", Clock())
    finally:
        tmp_path.chmod(0o700)


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "aiconsole.db", Clock())
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.conversations.list()
    with pytest.raises(StoreError, match="closed"):
        await conversation(store)


def test_importing_the_store_does_not_import_peewee() -> None:
    code = "import sys, aiconsole.chat.service, aiconsole.store; sys.exit('peewee' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
