"""Keeping the database file quick, sound and small; done by the maintenance job, while nothing else is going on."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from aiconsole.store.database import Database
    from aiconsole.store.store import Store

_PAGES_AT_ONCE: Final = 500
_STEPS: Final = 20_000
"""Steps of SQLite's machine between two looks whether a check is to be broken off (some ms)."""


class FileState(msgspec.Struct, frozen=True):
    """The file in bytes: all of it, and the part of it that is free. ``shrinks``: whether free room can be given back."""

    size: int
    free: int
    shrinks: bool


class Upkeep:
    """Every method may raise StoreError."""

    def __init__(self, store: Store, path: Path) -> None:
        self._store = store
        self._path = path

    async def prune(self, now: float) -> int:
        """Delete what is older than the settings keep, in how many steps."""
        return await self._store.prune(now)

    async def analyze(self) -> None:
        """Let SQLite look at how its indexes are filled, where that has changed (SQLite docs: PRAGMA optimize, with a limit so
        that it stays short)."""
        await self._store.write(_analyze)

    async def state(self) -> FileState:
        """How large the file is."""
        return await self._store.read(_state, "tables")

    async def release(self) -> int:
        """Give some free room back to the disk, and return how many bytes; 0 when there is none left. Other writing goes on
        between two calls."""
        return await self._store.write(_release)

    def check(self, leaving: threading.Event, *, whole: bool) -> str:
        """Look for damage on a connection of its own that cannot write; "" where there is none, else the first found, about
        which the store then does what it can. Blocks.

        Args:
            leaving: the look is broken off when this is set.
            whole: also compare every index with its table, which takes far longer (SQLite docs: PRAGMA integrity_check).

        Raises:
            TimeoutError: it was broken off.
            sqlite3.Error: the file cannot be opened.
        """
        address = f"{self._path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=5)) as connection:
            connection.set_progress_handler(leaving.is_set, _STEPS)
            try:
                pragma = "integrity_check" if whole else "quick_check"
                found: str = connection.execute(f"PRAGMA {pragma}(1)").fetchone()[0]
            except sqlite3.OperationalError:
                if leaving.is_set():
                    raise TimeoutError("The check was broken off.") from None
                raise
            except sqlite3.DatabaseError as error:
                found = str(error)
        if found == "ok":
            return ""
        self._store.mend_found(found)
        return found


def _analyze(database: Database) -> None:
    database.execute_sql("PRAGMA analysis_limit = 1000")
    database.execute_sql("PRAGMA optimize")


def _state(database: Database) -> FileState:
    page, pages, free, mode = (
        database.execute_sql(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_size", "page_count", "freelist_count", "auto_vacuum")
    )
    return FileState(page * pages, page * free, mode == 2)


def _release(database: Database) -> int:
    before = database.execute_sql("PRAGMA freelist_count").fetchone()[0]
    database.execute_sql(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})").fetchall()
    after = database.execute_sql("PRAGMA freelist_count").fetchone()[0]
    page = database.execute_sql("PRAGMA page_size").fetchone()[0]
    return int(max(0, before - after) * page)
