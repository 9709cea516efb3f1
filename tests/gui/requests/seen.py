"""What the tests of the requests panel share: requests in the database, and ways to look at the panel."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, NamedTuple

from PySide6.QtWidgets import QApplication

from aiconsole.domain.chat import Timing
from aiconsole.domain.clock import SystemClock
from aiconsole.engine import Engine
from aiconsole.gui.requests.panel import RequestsPanel
from aiconsole.gui.window_state import WindowState
from aiconsole.home import find_home
from aiconsole.store import Store
from tests.gui.console import Console, console, until
from tests.store.happened import request


class Seen(NamedTuple):
    it: Console
    panel: RequestsPanel

    def column(self, title: str, rows: int = 20) -> list[str]:
        """The words of a column in the first rows."""
        model = self.panel.model
        column = model.TITLES.index(title)
        return [model.index(row, column).data() for row in range(min(rows, model.rowCount()))]

    async def shows(self, *names: str) -> None:
        """Wait until just these requests are shown, by their ids, top to bottom."""
        await until(lambda: self.ids() == list(names))

    async def written(self) -> None:
        """Wait until all that happened is in the database, and search anew."""
        await self.it.engine._kept_history.flush()
        self.panel.reload()
        assert self.panel._searching is not None
        await self.panel._searching

    def ids(self) -> list[str]:
        lines = [self.panel.model.line(row) for row in range(min(50, self.panel.model.rowCount()))]
        return [line.row.request_id if line is not None else "…" for line in lines]


@asynccontextmanager
async def seen(qapp: QApplication, home: Path, argument: object = None, **options: Any) -> AsyncIterator[Seen]:
    """The panel in an open window, its first search done; ``state`` is what was kept of the window."""
    async with console(qapp, home, **options) as it:
        panel = await it.open("requests", argument)
        await until(lambda: panel.found is not None and panel.found.count >= 0)
        yield Seen(it, panel)


def happen(engine: Engine, name: str, ago_s: float = 1.0, **fields: Any) -> None:
    """A simulated request ended so long ago."""
    took = fields.pop("took_ms", 500.0)
    ttft = fields.pop("ttft_ms", took / 5)
    timing = Timing(time.time() - ago_s - took / 1000, ttft, took)
    engine.bus.publish(request(name=name, timing=timing, **{"simulated": True, **fields}))


async def fill(home: Path, rows: int) -> None:
    """A database of so many simulated requests, one a second until now; request n took n ms and is called ``run-n``."""
    place = find_home(home, {})
    place.ensure()
    await (await Store.open(place.database, SystemClock())).close()
    await asyncio.to_thread(_fill, place.database, rows)


def _fill(path: Path, rows: int) -> None:
    first = int(time.time()) - rows
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO usage_series VALUES (1, 'requests', 'groq', 'oss', 'fast', 'chat', 1)")
        connection.execute(
            "WITH RECURSIVE n(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM n WHERE x < ?) "
            "INSERT INTO usage_request (id, request_id, series, flags, attempts, duration_us) "
            "SELECT ((? + x) * 1000) << 20, 'run-' || x, 1, 1, 1, x * 1000 FROM n",
            (rows - 1, first),
        )


def kept(it: Console) -> WindowState:
    """What the window keeps of itself, as the next run reads it."""
    return it.window.state("")
