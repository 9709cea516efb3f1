"""Opening and removing the cache's file: private, of this version, and a file that cannot be used is set aside."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from aiconsole.store.lockfile import FileLock

_APPLICATION_ID: Final = 0x41694343
_VERSION: Final = 1
_SIDES: Final = ("", "-wal", "-shm", "-journal")
_SCHEMA: Final = (
    "CREATE TABLE entry (key BLOB PRIMARY KEY, provider TEXT, model TEXT, route TEXT, tags TEXT, size INTEGER, "
    "stored_at REAL, until REAL, usd REAL, ms REAL, hits INTEGER, used_at REAL, pinned INTEGER, vector BLOB, body BLOB)",
    "CREATE TABLE about (name TEXT PRIMARY KEY, value BLOB)",
)
NOTE: Final = "INSERT OR REPLACE INTO about (name, value) VALUES (?, ?)"
_DAMAGE: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_CHECKED: Final = 16 * 1024 * 1024


def remove(path: Path) -> None:
    """Delete the cache's file and all that belongs to it, for a cache that is to be in memory only. Blocks.

    Raises:
        ConfigError: another console has it open.
        OSError: it cannot be deleted.
    """
    lock = path.with_name(path.name + ".lock")
    if not path.exists() and not lock.exists():
        return
    held = FileLock(lock)
    try:
        if not path.exists() or trouble(path, whole=False) != "foreign":
            for side in _SIDES:
                path.with_name(path.name + side).unlink(missing_ok=True)
        for left in path.parent.glob(f"{path.stem}.damaged-*"):
            left.unlink(missing_ok=True)
    finally:
        held.release()
    lock.unlink(missing_ok=True)


def plain_connection(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)


def connect(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = plain_connection(path)
    try:
        for pragma in (
            "journal_mode = wal",
            "synchronous = normal",
            "secure_delete = on",
            "temp_store = memory",
            "mmap_size = 0",
            "journal_size_limit = 4194304",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute(NOTE, ("seal", b""))
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def trouble(path: Path, *, whole: bool) -> str:
    """Why the file cannot be used, as a word for its new name; "" where it can. Writes nothing."""
    if not path.exists() or path.stat().st_size == 0:
        return ""
    try:
        with closing(plain_connection(path)) as connection:
            if connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
                tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
                return "foreign" if tables else ""
            if connection.execute("PRAGMA user_version").fetchone()[0] > _VERSION:
                return "newer"
            if whole or path.stat().st_size <= _CHECKED:
                verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                return "" if verdict == "ok" else "damaged"
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return "damaged"
        raise
    return ""


def is_damage(error: sqlite3.Error) -> bool:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGE


def set_aside(path: Path, word: str, now: float) -> str:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    aside = path.with_name(f"{path.stem}.{word}-{stamp}-{os.urandom(3).hex()}{path.suffix}")
    for side in _SIDES:
        source = path.with_name(path.name + side)
        if source.exists():
            source.rename(aside.with_name(aside.name + side))
    words = {"foreign": "is a database of another program", "newer": "is of a newer console", "damaged": "was damaged"}
    return f"The response cache's file {words[word]}; it was set aside as {aside.name} and a new one begun."
