"""Breakers' states on the disk: the last change is kept, also one that comes while an earlier one is being written."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from random import Random

import msgspec
import pytest

from aiconsole import home, kept_breakers
from aiconsole.home import find_home
from aiconsole.kept_breakers import KeptBreakers
from aiconsole.routing.breakers import Breakers
from tests.clocks import FakeClock


class SlowDisk:
    """Breakers whose first change is ``writing`` until ``go_on`` is set."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.writing, self.go_on = asyncio.Event(), threading.Event()
        self._loop, self._first = asyncio.get_running_loop(), threading.Lock()
        monkeypatch.setattr(kept_breakers, "write_private", self._write)
        monkeypatch.setattr(kept_breakers, "_PAUSE_S", 0.0)
        place = find_home(folder, {})
        self._file = place.settings.with_name("breakers.json")
        self.breakers = Breakers(FakeClock(), Random(1), lambda event: self.kept.listen(event))
        self.kept = KeptBreakers(self.breakers, place)
        self.kept.take_up()
        self.breakers.get("groq").force_open()

    def _write(self, path: Path, data: bytes) -> None:
        if self._first.acquire(blocking=False):
            self._loop.call_soon_threadsafe(self.writing.set)
            self.go_on.wait(10)
        home.write_private(path, data)

    def written(self) -> list[str]:
        return sorted(msgspec.json.decode(self._file.read_bytes()))


async def test_a_change_while_an_earlier_one_is_written_is_kept_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowDisk(tmp_path, monkeypatch)
    async with asyncio.timeout(10):
        await disk.writing.wait()
        disk.breakers.get("cohere").force_open()
        disk.go_on.set()
        assert disk.kept._saving is not None
        await disk.kept._saving
    await disk.kept.aclose()
    assert disk.written() == ["cohere", "groq"]


async def test_closing_while_an_earlier_change_is_written_keeps_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowDisk(tmp_path, monkeypatch)
    async with asyncio.timeout(10):
        await disk.writing.wait()
        disk.breakers.get("cohere").force_open()
        closing = asyncio.create_task(disk.kept.aclose())
        done, _ = await asyncio.wait({closing}, timeout=0.1)
        assert not done, "it waits for what is being written"
        disk.go_on.set()
        await closing
    assert disk.written() == ["cohere", "groq"]
