"""Looking at a database file before it is opened: whether it is ours, of a version we know, and sound."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from aiconsole.domain.errors import ConfigError
from aiconsole.store.aside import beside, has_content
from aiconsole.store.migrations import APPLICATION_ID

_CHECKED_BYTES: Final = 64 * 1024 * 1024
_LONGEST_S: Final = 5.0
_STEPS: Final = 20_000


def refuse_foreign(path: Path, known: int, *, expected: bool) -> None:
    """Look before anything is written, so that a file that is refused stays as it is.

    Args:
        known: the newest version of the file that this console knows.
        expected: there was a database of ours, so that one that is not is a damaged one.

    Raises:
        ConfigError: it is another program's, or a newer console's.
        sqlite3.Error: it cannot be read.
    """
    if not has_content(path):
        return
    with closing(sqlite3.connect(path, timeout=5)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        tables = 0 if ours else connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and expected:
        raise damage("not the database that was here")
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


def examine(path: Path, *, whole: bool) -> None:
    """Raise a damage error where the file is broken. Without ``whole``, large ones are checked only by their length; with it
    they are looked at for up to five seconds. What is not found here is found when it is met (see mending.py)."""
    if not has_content(path):
        return
    with path.open("rb") as file:
        header = file.read(100)
    page = int.from_bytes(header[16:18]) if len(header) == 100 else 0
    pages = int.from_bytes(header[28:32])
    page = 65536 if page == 1 else page
    size = path.stat().st_size
    if page == 0 or (pages * page > size and not has_content(beside(path, "-wal"))):
        raise damage("shorter than its header says")
    if size > _CHECKED_BYTES and not whole:
        return
    until = time.monotonic() + _LONGEST_S
    with closing(sqlite3.connect(path, timeout=5)) as connection:
        connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
        try:
            for (word,) in connection.execute("PRAGMA quick_check(1)"):
                if word != "ok":
                    raise damage(word)
        except sqlite3.OperationalError:
            if time.monotonic() <= until:
                raise


def damage(word: str, *, only_index: bool = False) -> sqlite3.DatabaseError:
    """An error as SQLite raises it for a damaged file, or for an index that differs from its table."""
    error = sqlite3.DatabaseError(word)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT_INDEX if only_index else sqlite3.SQLITE_CORRUPT
    return error
