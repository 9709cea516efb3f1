"""What happens to an entry while its content is being read from the file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiconsole.cache.entry import Entry, Meta
from aiconsole.cache.file import CacheFile
from aiconsole.cache.shelf import Shelf
from aiconsole.domain.chat import ChatResult, Timing, Usage
from aiconsole.domain.messages import TextPart
from tests.clocks import FakeClock

KEY = b"k" * 32
LARGE = "x" * 100_000
"""So large that it is read in a thread."""


def entry(text: str) -> Entry:
    return Entry(
        ChatResult("groq", "m", (TextPart(text + LARGE),), "stop", "stop", Usage(), None, None, timing=Timing())
    )


def meta() -> Meta:
    return Meta(KEY, "groq", "m", "fast", 0, 1.0, 1e9, None, 1.0)


@asynccontextmanager
async def shelf(home: Path) -> AsyncIterator[tuple[Shelf, CacheFile]]:
    """A shelf with one large entry that is in the file only."""
    clock = FakeClock(10.0)
    made = Shelf(1 << 22, 1 << 24, clock, lambda step, meta, *, reason="": None, lambda body: True)
    file = await asyncio.to_thread(CacheFile.open, home / "cache.db", clock.now(), None)
    await made.attach(file)
    made.put(meta(), entry("old"))
    await file.settle()
    await asyncio.sleep(0)
    made.shrink(0.0)
    yield made, file
    await made.detach()


async def test_content_that_is_replaced_while_it_is_read_does_not_come_back(tmp_path: Path) -> None:
    async with shelf(tmp_path) as (made, _):
        reading = asyncio.create_task(made.fetch(made.metas[KEY]))
        await asyncio.sleep(0)
        made.put(meta(), entry("new"))
        await reading
        found = made.recent(KEY)
        assert found is not None and found.result.text.startswith("new")


async def test_content_that_is_removed_while_it_is_read_is_not_kept(tmp_path: Path) -> None:
    async with shelf(tmp_path) as (made, _):
        reading = asyncio.create_task(made.fetch(made.metas[KEY]))
        await asyncio.sleep(0)
        await made.clear()
        await reading
        assert (made.memory_bytes, made.recent(KEY)) == (0, None)
