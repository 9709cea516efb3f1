"""The search for canaries finds each shape of one, and nothing where there is none."""

from __future__ import annotations

import base64
import json
import sqlite3
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.canaries import find_traces, make_canary

SHAPES = {
    "raw": lambda key: key.encode(),
    "a chunk of 12": lambda key: key[7:19].encode(),
    "reversed": lambda key: key[::-1].encode(),
    "lower case": lambda key: key.lower().encode(),
    "URL-encoded": lambda key: quote(key, safe="").encode(),
    "JSON": lambda key: json.dumps({"key": key}).encode(),
    "base64": lambda key: base64.b64encode(key.encode()),
    "base64 of a pair": lambda key: base64.b64encode(f"user:{key}".encode()),
    "base64 behind one character": lambda key: base64.urlsafe_b64encode(f"x{key}".encode()),
    "hex": lambda key: key.encode().hex().encode(),
    "UTF-16": lambda key: key.encode("utf-16"),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("awkward", [False, True])
@pytest.mark.parametrize("offset", range(6))
def test_each_shape_is_found(tmp_path: Path, shape: str, awkward: bool, offset: int) -> None:
    canaries = [make_canary(), make_canary("gsk_", awkward=awkward)]
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"." * offset + b"before " + SHAPES[shape](canaries[1]) + b" after")
    found = find_traces(tmp_path, canaries)
    assert {trace.canary for trace in found} == {1}
    assert canaries[1] not in str(found[0])


def test_eleven_characters_are_no_trace(tmp_path: Path) -> None:
    canary = make_canary()
    (tmp_path / "file").write_text(f"{canary[:11]} {canary[-11:]}", encoding="utf-8")
    assert find_traces(tmp_path, [canary]) == []


def test_a_file_name_counts(tmp_path: Path) -> None:
    canary = make_canary()
    (tmp_path / f"log-{canary}.txt").touch()
    assert {trace.place for trace in find_traces(tmp_path, [canary])} == {"its name"}


def test_a_database_is_read_with_its_write_ahead_log(tmp_path: Path) -> None:
    canary = make_canary()
    connection = sqlite3.connect(tmp_path / "data.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE notes (text)")
    connection.commit()
    connection.execute("INSERT INTO notes VALUES (?)", (f"before {canary} after",))
    connection.commit()
    places = {trace.place for trace in find_traces(tmp_path, [canary])}
    connection.close()
    assert "table notes" in places
