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


async def test_a_change_while_an_earlier_one_is_written_is_kept_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(path: Path, data: bytes) -> None:
        loop.call_soon_threadsafe(writing.set)
        go_on.wait(10)
        home.write_private(path, data)

    monkeypatch.setattr(kept_breakers, "write_private", slow)
    monkeypatch.setattr(kept_breakers, "_PAUSE_S", 0.0)
    place = find_home(tmp_path, {})
    breakers = Breakers(FakeClock(), Random(1), lambda event: kept.listen(event))
    kept = KeptBreakers(breakers, place)
    kept.take_up()
    breakers.get("groq").force_open()
    async with asyncio.timeout(10):
        await writing.wait()
        breakers.get("cohere").force_open()
        go_on.set()
        assert kept._saving is not None
        await kept._saving
    await kept.aclose()
    written = msgspec.json.decode(place.settings.with_name("breakers.json").read_bytes())
    assert sorted(written) == ["cohere", "groq"]


async def test_closing_while_an_earlier_change_is_written_keeps_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    first = threading.Lock()

    def slow_at_first(path: Path, data: bytes) -> None:
        if first.acquire(blocking=False):
            loop.call_soon_threadsafe(writing.set)
            go_on.wait(10)
        home.write_private(path, data)

    monkeypatch.setattr(kept_breakers, "write_private", slow_at_first)
    monkeypatch.setattr(kept_breakers, "_PAUSE_S", 0.0)
    place = find_home(tmp_path, {})
    breakers = Breakers(FakeClock(), Random(1), lambda event: kept.listen(event))
    kept = KeptBreakers(breakers, place)
    kept.take_up()
    breakers.get("groq").force_open()
    async with asyncio.timeout(10):
        await writing.wait()
        breakers.get("cohere").force_open()
        closing = asyncio.create_task(kept.aclose())
        done, _ = await asyncio.wait({closing}, timeout=0.1)
        assert not done, "it waits for what is being written"
        go_on.set()
        await closing
    written = msgspec.json.decode(place.settings.with_name("breakers.json").read_bytes())
    assert sorted(written) == ["cohere", "groq"]
