"""The log archive beside the real log file."""

from __future__ import annotations

import gzip
import logging
import os
import stat
import sys
from pathlib import Path

import pytest

from aiconsole import logs
from aiconsole.jobs.logs import LogArchive
from tests.clocks import FakeClock
from tests.jobs.places import Rig


async def run(archive: LogArchive) -> str:
    async with Rig(archive.job()) as rig:
        await rig.scheduler.run_now("logs")
        done = await rig.scheduler.finished("logs")
    assert done is not None
    assert done.result == "succeeded", done.error
    return done.message


async def test_what_was_logged_is_all_there_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 2000)
    archive = LogArchive(tmp_path, logs.FILE_NAME, FakeClock())
    assert await run(archive) == "Nothing to do."
    log = logs.install(tmp_path)
    try:
        for at in range(40):
            logging.getLogger("aiconsole.test").warning("line %03d %s", at, "x" * 100)
            if at % 10 == 9:
                log.flush()
                await run(archive)
    finally:
        log.close()
    await run(archive)
    packed = sorted(archive.archive.iterdir(), key=lambda path: (path.stat().st_mtime, len(path.name), path.name))
    assert packed
    assert {path.suffix for path in packed} == {".gz"}
    whole = b"".join(gzip.decompress(path.read_bytes()) for path in packed) + (tmp_path / logs.FILE_NAME).read_bytes()
    for at in range(40):
        assert f"line {at:03d} ".encode() in whole
    if sys.platform != "win32":
        assert {stat.S_IMODE(path.stat().st_mode) for path in packed} == {0o600}
        assert stat.S_IMODE(archive.archive.stat().st_mode) == 0o700


async def test_the_archive_is_bounded_by_count_size_and_age(tmp_path: Path) -> None:
    clock = FakeClock()
    for number in range(9):
        path = tmp_path / f"aiconsole.log.{number + 1}"
        path.write_bytes(os.urandom(1000))
        os.utime(path, (clock.now() - number * 86400,) * 2)
    assert await run(LogArchive(tmp_path, "aiconsole.log", clock, max_files=7)) == "9 files packed, 2 old ones removed."
    await run(LogArchive(tmp_path, "aiconsole.log", clock, max_bytes=5500))
    assert len(list((tmp_path / "archive").iterdir())) == 5
    await run(LogArchive(tmp_path, "aiconsole.log", clock, max_age_s=2.5 * 86400))
    assert len(list((tmp_path / "archive").iterdir())) == 3


async def test_what_a_killed_run_left_is_packed_and_other_files_are_left_alone(tmp_path: Path) -> None:
    archive = LogArchive(tmp_path, "aiconsole.log", FakeClock())
    archive.archive.mkdir()
    (archive.archive / "aiconsole-20260101-000000.log").write_text("moved, not packed", encoding="utf-8")
    (archive.archive / "aiconsole-20260101-000000.log.part").write_text("half", encoding="utf-8")
    others = [tmp_path / "aiconsole.log", tmp_path / "aiconsole.log.bak", tmp_path / "other.log.1"]
    for path in others:
        path.write_text("stays", encoding="utf-8")
    assert await run(archive) == "1 files packed, 0 old ones removed."
    assert [path.name for path in archive.archive.iterdir()] == ["aiconsole-20260101-000000.log.gz"]
    assert all(path.read_text(encoding="utf-8") == "stays" for path in others)
