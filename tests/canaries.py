"""Canary keys, and the search for any trace of them in files.

A trace is 12 or more characters in a row of a canary: raw, in any letter case, reversed, URL-encoded, JSON-escaped, in base64
(each alignment, both alphabets), in hex, or in UTF-16. SQLite files are searched as bytes and value by value.
"""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import SystemRandom
from typing import NamedTuple
from urllib.parse import quote

TRACE = 12
"""Characters in a row that count as a trace."""

_GRAM = 6
_PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_AWKWARD = "+/=\"\\&%<>'"


class Trace(NamedTuple):
    """Where part of a canary was found; ``canary`` counts from 0 in the order given."""

    path: Path
    place: str
    canary: int
    form: str

    def __str__(self) -> str:
        return f"canary {self.canary} as {self.form} in {self.path} ({self.place})"


def make_canary(prefix: str = "", *, length: int = 48, awkward: bool = False) -> str:
    """A random key that is nowhere else; ``awkward`` mixes in characters that URLs, JSON and HTML escape."""
    random = SystemRandom()
    letters = [random.choice(_PLAIN) for _ in range(length)]
    if awkward:
        for position in range(3, length - 1, 7):
            letters[position] = random.choice(_AWKWARD)
    return prefix + "".join(letters)


def find_traces(folder: Path, canaries: Iterable[str]) -> list[Trace]:
    """Every trace of a canary in the names and contents of all files below ``folder``."""
    search = _Search(tuple(canaries))
    traces: list[Trace] = []
    for path in sorted(folder.rglob("*")):
        traces += search.within(path, "its name", path.name.encode("utf-8", "surrogateescape"))
        if path.is_file():
            data = path.read_bytes()
            traces += search.within(path, "its bytes", data)
            if data.startswith(b"SQLite format 3\0"):
                for place, value in _sqlite_values(path):
                    traces += search.within(path, place, value)
    return traces


class _Search:
    """Looks up each sixth 6-gram of the data among those of all forms: 12 characters in a row always hold one."""

    def __init__(self, canaries: tuple[str, ...]) -> None:
        self._grams: dict[bytes, set[tuple[int, str, bytes]]] = {}
        for number, canary in enumerate(canaries):
            for form, name in {form: name for name, form in reversed([*_forms(canary)])}.items():
                for start in range(len(form) - _GRAM + 1):
                    self._grams.setdefault(form[start : start + _GRAM], set()).add((number, name, form))

    def within(self, path: Path, place: str, data: bytes) -> set[Trace]:
        found: set[Trace] = set()
        for start in range(0, len(data) - _GRAM + 1, _GRAM):
            for number, name, form in self._grams.get(data[start : start + _GRAM], ()):
                around = data[max(0, start - TRACE * 2) : start + TRACE * 2 + _GRAM]
                least = TRACE * 2 if name.startswith("UTF-16") else TRACE
                if any(form[at : at + least] in around for at in range(len(form) - least + 1)):
                    found.add(Trace(path, place, number, name))
        return found


def _forms(canary: str) -> Iterator[tuple[str, bytes]]:
    raw = canary.encode()
    yield "it is", raw
    yield "lower case", raw.lower()
    yield "upper case", raw.upper()
    yield "reversed", raw[::-1]
    yield "URL-encoded", quote(canary, safe="").encode()
    yield "URL-encoded twice", quote(quote(canary, safe=""), safe="").encode()
    yield "JSON", json.dumps(canary)[1:-1].encode()
    yield "JSON in JSON", json.dumps(json.dumps(canary))[3:-3].encode()
    yield "hex", raw.hex().encode()
    yield "UTF-16 LE", canary.encode("utf-16-le")
    yield "UTF-16 BE", canary.encode("utf-16-be")
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + raw)[-(-8 * shift // 6) : 8 * (shift + len(raw)) // 6]
        yield f"base64 at {shift}", encoded
        yield f"URL-safe base64 at {shift}", encoded.translate(bytes.maketrans(b"+/", b"-_"))


def _sqlite_values(path: Path) -> Iterator[tuple[str, bytes]]:
    """Each value of each table of a copy, with what is in the write-ahead log."""
    with tempfile.TemporaryDirectory() as folder:
        for name in (path.name, f"{path.name}-wal"):
            if (path.parent / name).exists():
                shutil.copy(path.parent / name, folder)
        connection = sqlite3.connect(Path(folder) / path.name)
        try:
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                try:
                    rows = connection.execute(f'SELECT * FROM "{table}"').fetchall()
                except sqlite3.Error:  # a virtual table that cannot be read whole; its shadow tables can
                    continue
                for value in (value for row in rows for value in row if isinstance(value, str | bytes)):
                    yield f"table {table}", value.encode() if isinstance(value, str) else value
        finally:
            connection.close()
