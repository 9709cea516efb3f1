"""Standard streams that are pipes, in encodings other than UTF-8 as Windows has them; and readers that leave."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aiconsole.streams import prepare, read_text, reader_left

ALL = "“quoted” → µs ≤ 5 — 漢字 🙂"


def ask(home: Path, *more: str, given: bytes = b"", encoding: str) -> subprocess.CompletedProcess[bytes]:
    bare = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    words = () if given else (f"[[echo]]{ALL}",)
    arguments = ("--demo", "-m", "groq/openai/gpt-oss-120b", "--home", str(home), *more, *words)
    return subprocess.run(
        [sys.executable, "-m", "aiconsole", "chat", *arguments],
        input=given,
        capture_output=True,
        timeout=60,
        env={**bare, "PYTHONIOENCODING": encoding},
    )


@pytest.mark.parametrize("encoding", ["cp1252", "ascii:strict"])
def test_an_answer_is_printed_to_a_pipe_that_cannot_take_all_of_it(encoding: str, tmp_path: Path) -> None:
    done = ask(tmp_path, encoding=encoding)
    assert done.returncode == 0, done.stderr
    name = encoding.partition(":")[0]
    assert ALL.encode(name, "replace") in done.stdout


def test_a_mistake_is_told_to_a_pipe_that_cannot_take_its_quotes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "aiconsole", "keys", "set", "nobody", "--home", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, timeout=60, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert b"nobody" in done.stderr
    assert b"Traceback" not in done.stderr


def test_what_is_piped_in_is_utf_8_whatever_the_streams_encoding(tmp_path: Path) -> None:
    done = ask(tmp_path, "--json", given=f"[[echo]]{ALL}\r\nand more".encode(), encoding="cp1252:backslashreplace")
    assert done.returncode == 0, done.stderr
    assert ALL.encode("cp1252", "backslashreplace").partition(b"\\U")[0] in done.stdout


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (ALL.encode(), ALL),
        (b"\xef\xbb\xbf" + ALL.encode(), ALL),
        (ALL.encode("utf-16"), ALL),
        (b"one\r\ntwo\n", "one\ntwo\n"),
        (b"", ""),
    ],
)
def test_text_of_any_usual_kind_is_read(data: bytes, text: str) -> None:
    assert read_text(io.TextIOWrapper(io.BytesIO(data), encoding="ascii")) == text
    assert read_text(io.StringIO(text)) == text


def test_what_is_not_utf_8_is_read_in_the_systems_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locale.getencoding", lambda: "cp1252")
    assert read_text(io.TextIOWrapper(io.BytesIO("“Größe”".encode("cp1252")), encoding="ascii")) == "“Größe”"
    assert read_text(io.TextIOWrapper(io.BytesIO(b"\x81\xff"), encoding="ascii")) == "\ufffdÿ"


def streams(monkeypatch: pytest.MonkeyPatch) -> tuple[io.TextIOWrapper, io.TextIOWrapper]:
    out = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    errors = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", errors="backslashreplace")
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", errors)
    return out, errors


def test_pipes_are_utf_8_on_windows_unless_another_encoding_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    out, errors = streams(monkeypatch)
    prepare({}, platform="win32")
    assert (out.encoding, errors.encoding, out.errors) == ("utf-8", "utf-8", "replace")
    out, errors = streams(monkeypatch)
    prepare({"PYTHONIOENCODING": "cp1252"}, platform="win32")
    assert (out.encoding, errors.errors, out.errors) == ("cp1252", "backslashreplace", "replace")
    out, _ = streams(monkeypatch)
    prepare({}, platform="linux")
    assert (out.encoding, out.errors) == ("cp1252", "replace")
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    prepare({}, platform="win32")


def test_a_reader_that_left_is_told_by_another_error_on_windows() -> None:
    invalid = OSError(errno.EINVAL, "Invalid argument")
    assert reader_left(BrokenPipeError(errno.EPIPE, "Broken pipe"), platform="win32")
    assert reader_left(invalid, platform="win32")
    assert not reader_left(invalid, platform="linux")
    assert not reader_left(OSError(errno.EINVAL, "Invalid argument", "a:b?"), platform="win32")
    assert not reader_left(OSError(errno.ENOSPC, "No space"), platform="win32")
