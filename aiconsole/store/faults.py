"""What went wrong with the database or its folder, in words and with advice."""

from __future__ import annotations

import errno
import sqlite3

from aiconsole.domain.errors import ConsoleError, StoreError

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_HELD = "conversations and history are held in memory meanwhile and written as soon as they can be."
_ROOM = f"Make room on that disk; {_HELD}"
_RIGHTS = f"Check the rights of the console's folder and of the files in it; {_HELD}"
_WORDS = {
    sqlite3.SQLITE_FULL: ("The disk with the console's database is full.", _ROOM),
    sqlite3.SQLITE_IOERR: (
        "The disk failed while the console's database was read or written.",
        f"See whether the disk has room and is sound; {_HELD}",
    ),
    sqlite3.SQLITE_READONLY: ("The console's database cannot be written to.", _RIGHTS),
    sqlite3.SQLITE_PERM: ("The console's database cannot be written to.", _RIGHTS),
    sqlite3.SQLITE_CANTOPEN: ("The console's database cannot be opened.", _RIGHTS),
    sqlite3.SQLITE_BUSY: (
        "Another program holds the console's database.",
        f"Close whatever else has the file open; {_HELD}",
    ),
}
_WORDS[sqlite3.SQLITE_LOCKED] = _WORDS[sqlite3.SQLITE_BUSY]
_NUMBERS = {
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EDQUOT: sqlite3.SQLITE_FULL,
    errno.EROFS: sqlite3.SQLITE_READONLY,
    errno.EACCES: sqlite3.SQLITE_PERM,
    errno.EPERM: sqlite3.SQLITE_PERM,
}


def damaged(error: BaseException) -> bool:
    """True where the error says that the file is no database or a broken one."""
    return _code(error) in _DAMAGE


def only_an_index(error: BaseException) -> bool:
    """True where what is damaged can be made anew from the tables: a full-text index or another one."""
    return _full_code(error) in {sqlite3.SQLITE_CORRUPT_VTAB, sqlite3.SQLITE_CORRUPT_INDEX}


def explain(error: BaseException) -> ConsoleError:
    """``error`` as one of ours: itself where it is one already."""
    if isinstance(error, ConsoleError):
        return error
    code = _code(error)
    if code in _WORDS:
        return StoreError(_WORDS[code][0], advice=_WORDS[code][1])
    if code in _DAMAGE:
        return StoreError(
            "The console's database is damaged.",
            advice="The console sets the damaged file aside, begins a new one beside it and copies what can be read.",
            passing=False,
        )
    if isinstance(error, OSError):
        return StoreError(f"The console's folder cannot be used: {error.strerror or error}.", advice=_RIGHTS)
    return StoreError(
        f"The console's database could not be read or written: {error}.", advice="Please report this.", passing=False
    )


def _code(error: BaseException) -> int | None:
    """SQLite's primary result code."""
    code = _full_code(error)
    return None if code is None else code & 0xFF


def _full_code(error: BaseException) -> int | None:
    """SQLite's extended result code; peewee wraps the error that carries it."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, sqlite3.Error):
            code: int | None = getattr(link, "sqlite_errorcode", None)
            return code
        if isinstance(link, OSError):
            return _NUMBERS.get(link.errno or 0)
        link = link.__cause__ or link.__context__
    return None
