"""Opening the database: private files, one process, the right version, and a damaged file set aside rather than deleted.

Everything here blocks and runs in the store's own threads. SQLite's settings are those of the project's notes on SQLite: WAL,
every commit on the disk (``synchronous=FULL``), foreign keys, no memory mapping.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec

from aiconsole.domain.errors import ConfigError, StoreError
from aiconsole.store.faults import damaged
from aiconsole.store.lockfile import FileLock
from aiconsole.store.migrations import APPLICATION_ID

if TYPE_CHECKING:
    from peewee import SqliteDatabase

    class Database(SqliteDatabase):
        """peewee's database with types for what its own description leaves open."""

        def execute_sql(self, sql: str, params: Sequence[Any] | None = None) -> sqlite3.Cursor: ...

        def connection(self) -> sqlite3.Connection: ...


_PRAGMAS: dict[str, Any] = {
    "busy_timeout": 5000,
    "foreign_keys": 1,
    "cell_size_check": 1,
    "mmap_size": 0,
    "cache_size": -8000,
}
_WRITER: dict[str, Any] = {
    "auto_vacuum": "incremental",  # first, as it only takes effect on a file that is still empty
    "journal_mode": "wal",
    "synchronous": "full",
    "secure_delete": "fast",
    "journal_size_limit": 16 * 1024 * 1024,
}
_SIDES = ("", "-wal", "-shm", "-journal")
_CHECKED_BYTES = 64 * 1024 * 1024

Steps = Sequence[Sequence[str]]


class StoreNotice(msgspec.Struct, frozen=True):
    """Something about the store that the person should see: what happened, and what they can do."""

    message: str
    advice: str = ""


class Opened(NamedTuple):
    path: Path
    database: Database
    lock: FileLock
    notices: tuple[StoreNotice, ...]


def open_database(path: Path, now: float, steps: Steps) -> Opened:
    """Open ``path`` for writing, make or migrate it as needed. ``now`` (epoch s) names files that are set aside.

    Raises:
        ConfigError: another console has it open, or it was written by a newer console or another program.
        StoreError: damaged beyond setting aside.
        OSError, sqlite3.Error, peewee.DatabaseError: the disk or the folder does not let us; see ``faults.explain``.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        notices = [] if _has_content(path) else _look_for_loss(path, lock.had_database, now)
        try:
            _refuse_foreign(path, len(steps), expected=lock.had_database)
            _examine(path, whole=lock.doubtful)
            database = _prepare(path, now, steps)
            if lock.doubtful:
                _rebuild_indexes(database)
        except Exception as error:
            if not damaged(error):
                raise
            notices.append(_set_aside(path, now, "was damaged"))
            database = _prepare(path, now, steps)
        lock.mark()
    except BaseException:
        lock.release()
        raise
    return Opened(path, database, lock, tuple(notices))


def connect(path: Path, *, reader: bool) -> Database:
    """A connection for the one thread that will use it."""
    import peewee

    logging.getLogger("peewee").setLevel(logging.INFO)  # at DEBUG it would log what was said
    pragmas = {**_PRAGMAS, "query_only": 1} if reader else {**_PRAGMAS, **_WRITER}
    database = peewee.SqliteDatabase(
        str(path), pragmas=pragmas, thread_safe=False, autoconnect=False, check_same_thread=False
    )
    database.connect()
    return cast("Database", database)


@contextmanager
def transaction(database: Database) -> Iterator[None]:
    """All or nothing. SQLite itself rolls back on some faults (a full disk), and then there is nothing left to roll back."""
    database.execute_sql("BEGIN IMMEDIATE")
    try:
        yield
        database.execute_sql("COMMIT")
    except BaseException:
        if database.connection().in_transaction:
            database.execute_sql("ROLLBACK")
        raise


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _look_for_loss(path: Path, had_database: bool, now: float) -> list[StoreNotice]:
    """There is no database: a first start, unless the lock file or a left journal says that there was one.

    SQLite would take an empty file for a good one and delete the journal beside it.
    """
    if had_database or any(_has_content(path.with_name(path.name + side)) for side in _SIDES[1:]):
        return [_set_aside(path, now, "was empty" if path.exists() else "was missing")]
    return []


def _set_aside(path: Path, now: float, what: str) -> StoreNotice:
    name = _stamped(path, "damaged", now)
    moved = False
    for side in _SIDES:
        source = path.with_name(path.name + side)
        if source.exists():
            source.rename(name.with_name(name.name + side))
            moved = True
    message = f"The console's database {path.name} {what}, so a new one was begun."
    if not moved:
        return StoreNotice(message, "If you moved it, close the console, put it back and start again.")
    return StoreNotice(
        message, f"What was left of it is kept as {name.name} in the same folder; a backup can be put in its place."
    )


def _stamped(path: Path, word: str, now: float) -> Path:
    """A name beside ``path`` that does not exist yet."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    for suffix in ("", *(f"-{count}" for count in range(2, 1000))):
        name = path.with_name(f"{path.stem}.{word}-{stamp}{suffix}{path.suffix}")
        if not any(name.with_name(name.name + side).exists() for side in _SIDES):
            return name
    raise StoreError(f"There are too many files like {path.stem}.{word}-{stamp}.", passing=False)


def _examine(path: Path, *, whole: bool) -> None:
    """Raise a damage error where the file is broken. Without ``whole``, large ones are checked only by their length."""
    if not _has_content(path):
        return
    with path.open("rb") as file:
        header = file.read(100)
    page = int.from_bytes(header[16:18]) if len(header) == 100 else 0
    pages = int.from_bytes(header[28:32])
    page = 65536 if page == 1 else page
    size = path.stat().st_size
    if page == 0 or (pages * page > size and not _has_content(path.with_name(path.name + "-wal"))):
        raise _damage("shorter than its header says")
    if size > _CHECKED_BYTES and not whole:
        return
    with closing(sqlite3.connect(path, timeout=5)) as connection:
        for (word,) in connection.execute("PRAGMA quick_check(1)"):
            if word != "ok":
                raise _damage(word)


def _damage(word: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(word)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _prepare(path: Path, now: float, steps: Steps) -> Database:
    _make_private(path)
    database = connect(path, reader=False)
    try:
        _make_private(path)
        _migrate(database, path, now, steps)
    except BaseException:
        with suppress(Exception):
            database.close()
        raise
    return database


def _make_private(path: Path) -> None:
    """Create the file readable by its owner alone, or make it so; SQLite gives -wal and -shm the mode of the database."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    for side in _SIDES:
        file = path.with_name(path.name + side)
        if file.exists() and file.stat().st_mode & 0o077:
            file.chmod(0o600)


def _refuse_foreign(path: Path, known: int, *, expected: bool) -> None:
    """Look before anything is written, so that a file that is refused stays as it is.

    ``expected``: there was a database of ours, so that one that is not is a damaged one.
    """
    if not _has_content(path):
        return
    with closing(sqlite3.connect(path, timeout=5)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        tables = 0 if ours else connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and expected:
        raise _damage("not the database that was here")
    if tables:
        raise ConfigError(
            f"{path.name} is a database of another program.",
            advice="Move it elsewhere, or give the console a folder of its own with --home.",
        )
    if version > known:
        raise ConfigError(
            f"{path.name} was written by a newer AI Console (version {version} of the file; this one knows {known}).",
            advice="Install the newer console again, or give this one another folder with --home.",
        )


def _rebuild_indexes(database: Database) -> None:
    """Make the full-text indexes anew from the tables; what damages them need not harm those.

    An index that is damaged enough cannot even be dropped, so its entry is taken out of the schema and its own tables are
    dropped one by one (SQLite docs, PRAGMA writable_schema; FTS5: appendix A).
    """
    found = database.execute_sql(
        "SELECT name, sql FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE % USING fts5 %'"
    ).fetchall()
    with transaction(database):
        database.pragma("writable_schema", 1)
        for name, _ in found:
            database.execute_sql("DELETE FROM sqlite_master WHERE name = ?", (name,))
        database.execute_sql("PRAGMA writable_schema = RESET")
        for name, sql in found:
            for part in ("data", "idx", "docsize", "config"):
                database.execute_sql(f"DROP TABLE IF EXISTS {name}_{part}")
            database.execute_sql(sql)
            database.execute_sql(f"INSERT INTO {name} ({name}) VALUES ('rebuild')")  # noqa: S608


def _migrate(database: Database, path: Path, now: float, steps: Steps) -> None:
    """Bring the file to the last version, all steps or none, after a copy of it was made."""
    version = database.pragma("user_version")
    if version == len(steps):
        return
    if version > 0:
        _back_up(database, _stamped(path, f"backup-v{version}", now))
    with transaction(database):
        for step in steps[version:]:
            for statement in step:
                database.execute_sql(statement)
        database.pragma("application_id", APPLICATION_ID)
        database.pragma("user_version", len(steps))


def _back_up(database: Database, target: Path) -> None:
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(target)) as copy:
            database.connection().backup(copy)
            copy.execute("PRAGMA journal_mode = delete").fetchone()
    except BaseException:
        target.unlink()
        raise
