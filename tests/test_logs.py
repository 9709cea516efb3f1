"""The log never holds up the one who logs, and never holds a key."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiconsole import logs
from aiconsole.logs import LogFile, RedactingFilter, cleaned
from aiconsole.secrets import Key
from tests.canaries import find_traces, make_canary

log = logging.getLogger("aiconsole.tests")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[LogFile]:
    installed = logs.install(tmp_path / "logs")
    yield installed
    installed.close()


def text_of(file: LogFile) -> str:
    assert file.flush()
    return file.path.read_text(encoding="utf-8")


def test_a_line_says_when_how_serious_where_and_what(file: LogFile) -> None:
    log.warning("the answer is %d", 42)
    stamp, level, name, message = text_of(file).split(" ", 3)
    assert time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")
    assert stamp.endswith("Z")
    assert (level, name, message) == ("WARNING", "aiconsole.tests:", "the answer is 42\n")


def test_nothing_is_made_before_the_first_line(file: LogFile) -> None:
    assert file.flush()
    assert not file.path.parent.exists()
    log.info("first")
    text_of(file)
    if os.name != "nt":
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


def test_levels(file: LogFile) -> None:
    log.debug("hidden")
    log.info("shown")
    logging.getLogger("httpx").info("HTTP Request: POST https://x/?key=abc")
    logging.getLogger("httpx").warning("another library's warning")
    file.set_level("debug")
    log.debug("shown now")
    text = text_of(file)
    assert [line.split(": ")[1] for line in text.splitlines()] == ["shown", "another library's warning", "shown now"]


def test_no_part_of_a_record_shows_a_key(file: LogFile, tmp_path: Path) -> None:
    canary = make_canary("gsk_", awkward=True)
    key = Key(canary)
    try:
        try:
            raise ValueError(f"bad key {canary}")
        except ValueError as error:
            error.add_note(f"note {canary}")
            raise ExceptionGroup(f"group {canary}", [error, RuntimeError(canary)]) from error
    except ExceptionGroup:
        log.exception("failed for %s with %r", canary, {"x-api-key": canary}, stack_info=True)
    log.error(f"in the message {canary}, wrapped {key}")
    log.error("bytes %r", canary.encode())
    log.error(f"wrong arguments {canary} %s")
    log.error("%s %s", canary)  # noqa: PLE1206  (the mistake is the point)
    text = text_of(file)
    assert text.count("[redacted]") > 8
    assert "ValueError: bad key [redacted]" in text
    assert "wrapped Key(…)" in text
    assert "its arguments do not fit" in text
    assert find_traces(tmp_path, [canary]) == []


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer sk-1234", "Authorization: [redacted]"),
        ("{'x-api-key': 'sk-1234', 'accept': 'text'}", "{'x-api-key': '[redacted]', 'accept': 'text'}"),
        (
            "((b'Authorization', b'Bearer sk-1234'), (b'Accept', b'x'))",
            "((b'Authorization', b'[redacted]'), (b'Accept', b'x'))",
        ),
        ("api_key=none api-key: none", "api_key=[redacted] api-key: [redacted]"),
        ("set-cookie: id=7; path=/", "set-cookie: [redacted]; path=/"),
        ("GET https://x/v1?a=1&key=none&b=2 HTTP/1.1", "GET https://x/v1?a=1&key=[redacted]&b=2 HTTP/1.1"),
        ("the monkey: is fine, key: too", "the monkey: is fine, key: too"),
        ("red \x1b[31malert\x07", "red \\x1b[31malert\\x07"),
    ],
)
def test_keys_too_short_to_search_for_go_where_a_header_names_them(text: str, clean: str) -> None:
    assert cleaned(text) == clean


def test_no_line_can_pose_as_an_entry(file: LogFile) -> None:
    log.info("harmless\n2026-01-01T00:00:00.000Z CRITICAL aiconsole: forged\r\nmore")
    assert [line[:4] for line in text_of(file).splitlines()[1:]] == ["    ", "    "]


def test_the_filter_serves_any_handler() -> None:
    canary = make_canary()
    Key(canary)
    shown: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: shown.append(handler.format(record))
    handler.addFilter(RedactingFilter())
    logger = logging.Logger("apart")
    logger.addHandler(handler)
    try:
        raise ValueError(canary)
    except ValueError:
        logger.exception("with %s", canary)
    assert shown[0].startswith("with [redacted]\nTraceback")
    assert canary not in shown[0]


def test_a_thread_that_fails_is_logged(file: LogFile, capsys: pytest.CaptureFixture[str]) -> None:
    canary = make_canary()
    Key(canary)

    def fail() -> None:
        raise RuntimeError(f"no use for {canary}")

    thread = threading.Thread(target=fail, name="worker")
    thread.start()
    thread.join()
    shown = capsys.readouterr().err
    for text in (text_of(file), shown):
        assert "Uncaught exception in thread worker" in text
        assert "RuntimeError: no use for [redacted]" in text
        assert canary not in text


def test_a_destructor_that_fails_is_logged(file: LogFile, capsys: pytest.CaptureFixture[str]) -> None:
    class Bad:
        def __del__(self) -> None:
            raise RuntimeError("not gone")

    Bad()
    gc.collect()
    assert "RuntimeError: not gone" in text_of(file)
    assert "RuntimeError: not gone" in capsys.readouterr().err


async def test_what_fails_in_the_loop_is_logged(file: LogFile) -> None:
    canary = make_canary()
    Key(canary)

    async def fail() -> None:
        raise RuntimeError(f"in a task {canary}")

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    del task
    gc.collect()
    asyncio.get_running_loop().call_soon(lambda: {}[canary])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    text = await asyncio.to_thread(text_of, file)
    assert "RuntimeError: in a task [redacted]" in text
    assert "KeyError: '[redacted]'" in text
    assert canary not in text


def run(script: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    script = textwrap.dedent(script)
    arguments = [sys.executable, "-c", script, str(tmp_path / "logs")]
    return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=30, encoding="utf-8")


def test_the_main_threads_end_is_logged_and_shown_redacted(tmp_path: Path) -> None:
    canary = make_canary()
    script = f"""
        import sys
        from pathlib import Path
        from aiconsole import logs
        from aiconsole.secrets import Key
        logs.install(Path(sys.argv[1]))
        key = Key({canary[::-1]!r}[::-1])
        raise RuntimeError("lost " + key.reveal())
    """
    ran = run(script, tmp_path)
    assert ran.returncode == 1
    text = (tmp_path / "logs" / "aiconsole.log").read_text(encoding="utf-8")
    for shown in (ran.stderr, text):
        assert "Uncaught exception" in shown
        assert "RuntimeError: lost [redacted]" in shown
    assert canary not in ran.stderr
    assert find_traces(tmp_path, [canary]) == []


def test_ctrl_c_is_no_error_in_the_log(tmp_path: Path) -> None:
    script = """
        import sys
        from pathlib import Path
        from aiconsole import logs
        logs.install(Path(sys.argv[1]))
        raise KeyboardInterrupt
    """
    ran = run(script, tmp_path)
    assert "KeyboardInterrupt" in ran.stderr
    assert not (tmp_path / "logs").exists()


def test_what_is_waiting_is_written_at_exit(tmp_path: Path) -> None:
    script = """
        import logging, sys
        from pathlib import Path
        from aiconsole import logs
        logs.install(Path(sys.argv[1]))
        for number in range(1000):
            logging.getLogger("aiconsole").info("line %d", number)
    """
    assert run(script, tmp_path).stderr == ""
    assert len((tmp_path / "logs" / "aiconsole.log").read_text(encoding="utf-8").splitlines()) == 1000


def test_closing_gives_everything_back(tmp_path: Path) -> None:
    def state() -> tuple[object, ...]:
        hooks = (sys.excepthook, threading.excepthook, sys.unraisablehook)
        return (
            *hooks,
            list(logging.getLogger().handlers),
            logging.getLogger("aiconsole").level,
            threading.active_count(),
        )

    before = state()
    file = logs.install(tmp_path)
    assert state() != before
    file.close()
    file.close()
    assert state() == before


def test_a_full_file_makes_room_and_the_oldest_goes(file: LogFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 1000)
    for number in range(100):
        log.info("line %03d %s", number, "x" * 100)
    text_of(file)
    names = sorted(path.name for path in file.path.parent.iterdir())
    assert names == ["aiconsole.log", "aiconsole.log.1", "aiconsole.log.2", "aiconsole.log.3"]
    parts = [file.path.with_name(name) for name in reversed(names)]
    assert all(part.stat().st_size <= 1000 for part in parts)
    numbers = [int(line.split()[4]) for part in parts for line in part.read_text(encoding="utf-8").splitlines()]
    assert numbers == list(range(numbers[0], 100))
    assert len(numbers) > 20
    if os.name != "nt":
        assert {stat.S_IMODE(part.stat().st_mode) for part in parts} == {0o600}


def test_two_consoles_share_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 20_000)
    first, second = (logs._RotatingFile(tmp_path / "aiconsole.log") for _ in range(2))
    for number in range(300):
        first.write(f"first {number} {'x' * 50}\n")
        second.write(f"second {number} {'x' * 50}\n")
    first.close()
    second.close()
    lines = [line for path in tmp_path.iterdir() for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 600
    assert len({*tmp_path.iterdir()}) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here to stand for a disk that hangs")
def test_a_disk_that_hangs_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_WAITING", 500)
    os.mkfifo(tmp_path / "aiconsole.log")
    file = logs.install(tmp_path)
    done = threading.Event()

    def flood() -> None:
        for number in range(800):
            log.info("line %d", number)
        done.set()

    try:
        threading.Thread(target=flood).start()
        assert done.wait(10), "logging waited for the disk"
        reader = os.open(tmp_path / "aiconsole.log", os.O_RDONLY)
        log_lines = b""
        while b"line 499\n" not in log_lines:
            log_lines += os.read(reader, 65536)
        log.info("later")
        while b"later\n" not in log_lines:
            log_lines += os.read(reader, 65536)
    finally:
        file.close()
    os.close(reader)
    assert b" lines were dropped: the disk was too slow)" in log_lines
    assert b"line 799" not in log_lines


def test_a_log_that_cannot_be_written_stops_nothing_and_tells_later(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    file = logs.install(tmp_path / "logs")
    try:
        log.info("lost")
        log.info("lost")
        assert file.flush()
        (tmp_path / "logs").unlink()
        log.info("kept")
        lines = text_of(file).splitlines()
    finally:
        file.close()
    assert lines[0] == "    (2 lines were lost: the file could not be written)"
    assert lines[1].endswith("kept")
