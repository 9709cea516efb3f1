"""Reading a damaged database, row by row, around what is broken. The file itself is never changed.

A table is read in the order of its key. Where a page cannot be read, larger and larger steps along the key are tried until
one lands behind the damage, and then smaller ones back to where it ends. What SQLite needs to be told for that: `PRAGMA
writable_schema` lets it open a file that is shorter than its header says and a schema with faults, `immutable` keeps it from
making files beside this one (SQLite docs: pragma.html, uri.html). A lost header is put back on a copy (SQLite docs:
fileformat2.html).
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from aiconsole.store.migrations import APPLICATION_ID

Key = tuple[Any, ...]
_MAGIC: Final = b"SQLite format 3\0"
_PAGE: Final = 4096
_FURTHEST: Final = 62
_BROKEN: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR}
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "INTEGER": (int,),
    "REAL": (float, int),
    "TEXT": (str,),
    "BLOB": (bytes,),
}


class Batch(NamedTuple):
    """Rows of one table.

    Attributes:
        rows: values in the order of the columns asked for.
        position: the key of the last row looked at; to go on from.
        refused: rows left out as their values are not of their columns' types.
        gaps: places passed over.
        last: whether the table ends here.
    """

    rows: list[tuple[Any, ...]]
    position: Key | None
    refused: int
    gaps: int
    last: bool


class Salvage:
    """One open damaged file. Made by `open_salvage`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def columns(self, table: str) -> dict[str, str]:
        """Name and declared type of a table's columns; empty where there is no such table (any more)."""
        try:
            found = self._connection.execute("SELECT name, type FROM pragma_table_info(?)", (table,)).fetchall()
        except sqlite3.DatabaseError:
            return {}
        return dict(found)

    def highest(self, table: str) -> int | None:
        """The highest rowid, None where that cannot be read."""
        try:
            found = self._connection.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0]  # noqa: S608
        except sqlite3.DatabaseError:
            return None
        return found or 0

    def read(self, table: str, key: tuple[str, ...], columns: tuple[str, ...], after: Key | None, most: int) -> Batch:
        """At most ``most`` rows behind the key ``after``."""
        types = self.columns(table)
        wanted = [_TYPES.get(types[column], (object,)) for column in columns]
        found, broken = self._some(table, key, columns, after, most)
        position = found[-1][: len(key)] if found else after
        rows = [row[len(key) :] for row in found]
        fit = [
            row
            for row in rows
            if all(value is None or isinstance(value, kinds) for value, kinds in zip(row, wanted, strict=True))
        ]
        if not broken:
            return Batch(fit, position, len(rows) - len(fit), 0, len(found) < most)
        beyond = self._pass_over(table, key, position)
        return Batch(fit, beyond or position, len(rows) - len(fit), 1, beyond is None)

    def _some(
        self, table: str, key: tuple[str, ...], columns: tuple[str, ...], after: Key | None, most: int
    ) -> tuple[list[tuple[Any, ...]], bool]:
        """Rows with their keys in front, and whether they ended at something broken.

        Python's cursor steps on before it gives a row, so the last one before the damage is read by itself.
        """
        names = ", ".join(key)
        where = f"WHERE ({names}) > ({', '.join('?' * len(key))})" if after is not None else ""
        found: list[tuple[Any, ...]] = []
        try:
            found.extend(
                self._connection.execute(
                    f"SELECT {names}, {', '.join(columns)} FROM {table} {where} ORDER BY {names} LIMIT ?",  # noqa: S608
                    (*(after or ()), most),
                )
            )
        except sqlite3.DatabaseError as error:
            if not _broken(error):
                raise
            if len(found) + 1 < most:
                found += self._some(table, key, columns, found[-1][: len(key)] if found else after, 1)[0]
            return found, True
        return found, False

    def _pass_over(self, table: str, key: tuple[str, ...], last: Key | None) -> Key | None:
        """The least key found from which on rows can be read again (as one to read behind), or None."""
        start = last if last is not None else (0,) * len(key)
        for place in reversed(range(len(key))):
            if not isinstance(start[place], int):
                return None
            for power in range(_FURTHEST):
                if self._sound(table, key, _moved(start, place, 1 << power)):
                    low, high = (1 << power) // 2, 1 << power
                    while high - low > 1:
                        middle = (low + high) // 2
                        low, high = (
                            (low, middle) if self._sound(table, key, _moved(start, place, middle)) else (middle, high)
                        )
                    return _moved(start, place, high)
        return None

    def _sound(self, table: str, key: tuple[str, ...], after: Key) -> bool:
        found, broken = self._some(table, key, key, after, 1)
        return bool(found) or not broken


def _moved(start: Key, place: int, step: int) -> Key:
    """``start`` moved along one column of the key, in front of everything that shares what stands before."""
    return (*start[:place], min(start[place] + step, 2**63 - 1), *(-(2**63),) * (len(start) - place - 1))


def _broken(error: sqlite3.DatabaseError) -> bool:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _BROKEN


@contextmanager
def open_salvage(path: Path, version: int) -> Iterator[Salvage | None]:
    """Open ``path`` to read what can be read; None where nothing can, or it is another program's.

    Args:
        version: that of the schema, for a file that has lost its header.

    Raises:
        OSError, sqlite3.Error: it cannot be read at all, or there is no room for the copy that a lost header needs.
    """
    with path.open("rb") as file:
        first = file.read(_PAGE)
    with ExitStack() as leaving:
        if not _has_header(first):
            if len(first) < _PAGE or first[100] not in (0x05, 0x0D):
                yield None
                return
            path = leaving.enter_context(_with_header(path, version))
        connection = leaving.enter_context(closing(_connect(path, leaving)))
        try:
            ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        except sqlite3.DatabaseError:
            ours = False
        yield Salvage(connection) if ours else None


def _has_header(first: bytes) -> bool:
    """Whether SQLite will take these first bytes; see "The Database Header" in its file format."""
    return first[:16] == _MAGIC and first[16:18] == _PAGE.to_bytes(2) and first[21:24] == b"\x40\x20\x20"


def _connect(path: Path, leaving: ExitStack) -> sqlite3.Connection:
    wal, shm = (path.with_name(path.name + side) for side in ("-wal", "-shm"))
    if wal.exists() and wal.stat().st_size:
        mode = "mode=ro"
        if not shm.exists():
            leaving.callback(shm.unlink, missing_ok=True)
    else:
        mode = "mode=ro&immutable=1"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, check_same_thread=False, timeout=5)
    connection.text_factory = lambda data: data.decode(errors="replace")
    for pragma in ("writable_schema = 1", "cell_size_check = 1", "trusted_schema = 0", "mmap_size = 0"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


@contextmanager
def _with_header(path: Path, version: int) -> Iterator[Path]:
    """A copy of the file, and of its journal, with a header such as ours have."""
    copy = path.with_name(path.name + ".copy")
    names = [(path, copy), (path.with_name(path.name + "-wal"), copy.with_name(copy.name + "-wal"))]
    try:
        for source, target in names:
            if source.exists():
                shutil.copyfile(source, target)
                target.chmod(0o600)
        with copy.open("r+b") as file:
            file.write(_header(path.stat().st_size // _PAGE, version))
        yield copy
    finally:
        for _, target in names:
            target.unlink(missing_ok=True)
        copy.with_name(copy.name + "-shm").unlink(missing_ok=True)


def _header(pages: int, version: int) -> bytes:
    numbers = (1, pages, 0, 0, 1, 4, 0, 1, 1, version, 1, APPLICATION_ID)
    return (
        _MAGIC
        + _PAGE.to_bytes(2)
        + bytes((2, 2, 0, 64, 32, 32))
        + b"".join(number.to_bytes(4) for number in numbers)
        + bytes(20)
        + (1).to_bytes(4)
        + (3_037_000).to_bytes(4)
    )
