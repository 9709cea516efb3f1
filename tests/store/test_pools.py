"""The database's threads as pools: who reads, who waits, and how long queries took."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from aiconsole.domain.clock import SystemClock
from aiconsole.domain.pools import PoolFigures
from aiconsole.store import Store


def pool(store: Store, name: str) -> PoolFigures:
    return next(figures for figures in store.pools() if figures.name == f"database, {name}")


async def test_readers_and_writer_tell_who_has_them_and_who_waits(tmp_path: Path) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow_query(database: object) -> int:
        begun.set()
        go.wait(10)
        return 1

    async with await Store.open(tmp_path / "db", SystemClock()) as store:
        await store.read(lambda database: None, "graphs")
        store.take_query_times()
        reading = [asyncio.ensure_future(store.read(slow_query, "graphs")) for _ in range(2)]
        await asyncio.to_thread(begun.wait, 10)
        busy = pool(store, "graphs")
        assert (busy.in_use, busy.idle, busy.waiting) == (1, 0, 1)
        assert busy.holders[0].name == "test_readers_and_writer_tell_who_has_them_and_who_waits"
        assert pool(store, "tables").in_use == 0
        go.set()
        assert await asyncio.gather(*reading) == [1, 1]
        assert len(store.take_query_times()) == 2
        assert store.take_query_times() == ()
        assert (pool(store, "graphs").in_use, pool(store, "graphs").waiting) == (0, 0)

        begun.clear()
        go.clear()
        writing = asyncio.ensure_future(store.write(slow_query))
        await asyncio.to_thread(begun.wait, 10)
        queued = store.post(lambda database: None)
        writer = pool(store, "writer")
        assert (writer.in_use, writer.waiting) == (1, 1)
        go.set()
        await writing
        await asyncio.wrap_future(queued)


async def test_a_cancelled_query_is_counted_no_more(tmp_path: Path) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow_query(database: object) -> None:
        begun.set()
        go.wait(10)

    async with await Store.open(tmp_path / "db", SystemClock()) as store:
        first = asyncio.ensure_future(store.read(slow_query, "tables"))
        await asyncio.to_thread(begun.wait, 10)
        second = asyncio.ensure_future(store.read(slow_query, "tables"))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        assert pool(store, "tables").waiting == 0
        go.set()
        await first
