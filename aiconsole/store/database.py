"""Opening the database: private files, one process, the right version, and a damaged file set aside rather than deleted.

Everything here blocks and runs in the store's own threads. SQLite's settings are those of the project's notes on SQLite: WAL,
every commit on the disk (``synchronous=FULL``), foreign keys, no memory mapping.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from aiconsole.store.aside import SIDES, beside, has_content, set_aside, stamped
from aiconsole.store.faults import damaged, explain
from aiconsole.store.inspection import examine, refuse_foreign
from aiconsole.store.lockfile import FileLock
from aiconsole.store.migrations import APPLICATION_ID
from aiconsole.store.notice import StoreNotice

if TYPE_CHECKING:
    from peewee import SqliteDatabase

    from aiconsole.store.packing import Redact

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
_MOMENT_S = 1.0
_log = logging.getLogger(__name__)

Steps = Sequence[Sequence[str]]


class Opened(NamedTuple):
    """``identity`` is that of the files when they were opened."""

    path: Path
    database: Database
    lock: FileLock
    notices: tuple[StoreNotice, ...]
    identity: tuple[object, ...]


def open_database(path: Path, now: float, steps: Steps, redact: Redact = str) -> Opened:
    """Open ``path`` for writing, make or migrate it as needed. ``now`` (epoch s) names files that are set aside.

    What can be read of a damaged file is copied for a moment; the rest is left to `recovery.Background`.

    Raises:
        ConfigError: another console has it open, or it was written by a newer console or another program.
        StoreError: damaged beyond setting aside.
        OSError, sqlite3.Error, peewee.DatabaseError: the disk or the folder does not let us; see ``faults.explain``.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        notices = [] if has_content(path) else _look_for_loss(path, lock.had_database, now)
        try:
            refuse_foreign(path, len(steps), expected=lock.had_database)
            examine(path, whole=lock.doubtful)
            database = prepare(path, now, steps)
            if lock.doubtful:
                rebuild_indexes(database)
        except Exception as error:
            if not damaged(error):
                raise
            database, told = begin_anew(path, now, steps, redact, "was damaged")
            notices += told
        lock.mark()
    except BaseException:
        lock.release()
        raise
    return Opened(path, database, lock, tuple(notices), identity(path))


def identity(path: Path) -> tuple[object, ...]:
    """Which files lie under the database's names. It changes when one of them is deleted, moved or replaced."""
    found: list[object] = []
    for side in SIDES[:3]:
        try:
            state = beside(path, side).stat()
        except OSError:
            found.append(None)
        else:
            found.append((state.st_dev, state.st_ino))
    return tuple(found)


def begin_anew(
    path: Path, now: float, steps: Steps, redact: Redact, what: str
) -> tuple[Database, tuple[StoreNotice, ...]]:
    """Set the database aside, make a new one, and copy for a moment what can be read; ``what`` happened to the old one.

    Where that fails, all is again as it was.

    Raises: as `prepare`.
    """
    from aiconsole.store import recovery

    aside, notice = _give_up(path, now, what)
    try:
        database = prepare(path, now, steps)
        if aside is None:
            return database, (notice,)
        with transaction(database):
            recovery.register(database, aside, len(steps))
    except BaseException:
        _take_back(path, aside)
        raise
    try:
        with transaction(database):
            recovery.copy_some(database, aside, len(steps), redact, _MOMENT_S)
    except Exception as error:
        _log.warning("recovering %s begins later: %s", aside.name, explain(error).message)
    if aside.name in recovery.unfinished(database):
        more = StoreNotice(f"What can be read in {aside.name} is being copied into the new database meanwhile.")
    else:
        more = recovery.summary(database, aside.name)
    return database, (notice, more)


def _give_up(path: Path, now: float, what: str) -> tuple[Path | None, StoreNotice]:
    """Set the database aside, and the words for that; the name it has now, None where nothing was there."""
    aside = set_aside(path, "damaged", now)
    message = f"The console's database {path.name} {what}, so a new one was begun."
    if aside is None:
        return None, StoreNotice(message, "If you moved it, close the console, put it back and start again.")
    return aside, StoreNotice(
        message, f"What was left of it is kept as {aside.name} in the same folder; a backup can be put in its place."
    )


def _take_back(path: Path, aside: Path | None) -> None:
    """Put a file that was set aside in the place of a new one in which nothing is yet."""
    if aside is not None:
        for side in reversed(SIDES):
            with suppress(FileNotFoundError):
                beside(path, side).unlink()
            with suppress(FileNotFoundError):
                beside(aside, side).rename(beside(path, side))


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


def _look_for_loss(path: Path, had_database: bool, now: float) -> list[StoreNotice]:
    """There is no database: a first start, unless the lock file or a left journal says that there was one.

    SQLite would take an empty file for a good one and delete the journal beside it.
    """
    if had_database or any(has_content(beside(path, side)) for side in SIDES[1:]):
        return [_give_up(path, now, "was empty" if path.exists() else "was missing")[1]]
    return []


def prepare(path: Path, now: float, steps: Steps) -> Database:
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
    for side in SIDES:
        file = beside(path, side)
        if file.exists() and file.stat().st_mode & 0o077:
            file.chmod(0o600)


def rebuild_indexes(database: Database) -> None:
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
    """Bring the file to the last version, all steps or none, after a copy of it was made. Where a step fails for another reason
    than damage, the file is as it was, and the copy is deleted: the next tries would make more and more of them."""
    version = database.pragma("user_version")
    if version == len(steps):
        return
    backup = stamped(path, f"backup-v{version}", now) if version > 0 else None
    if backup is not None:
        back_up(database, backup)
    try:
        with transaction(database):
            for step in steps[version:]:
                for statement in step:
                    database.execute_sql(statement)
            database.pragma("application_id", APPLICATION_ID)
            database.pragma("user_version", len(steps))
    except BaseException as error:
        if backup is not None and not damaged(error):
            with suppress(OSError):
                backup.unlink()
        raise


def back_up(database: Database, target: Path) -> None:
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(target)) as copy:
            database.connection().backup(copy)
            copy.execute("PRAGMA journal_mode = delete").fetchone()
    except BaseException:
        target.unlink()
        raise
