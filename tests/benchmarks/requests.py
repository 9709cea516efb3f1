"""The requests panel over a million rows: what a step of scrolling costs the window, and how soon a search shows its rows.

The whole window is on the screen (offscreen, 1280x800) on a database that the history's benchmark makes. A step is the scroll
bar moved and everything in view painted. "Rows there" is until a jump's rows have come from the store's thread.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from aiconsole.domain.clock import SystemClock
from aiconsole.engine import Engine
from aiconsole.gui.loop import WindowLoop
from aiconsole.gui.requests.panel import RequestsPanel
from aiconsole.gui.requests.wanted import Wanted
from aiconsole.gui.shell import Shell
from aiconsole.gui.theme import Theme
from aiconsole.gui.window import Window
from aiconsole.gui.window_state import WindowState
from aiconsole.home import find_home
from aiconsole.store import Store
from tests.benchmarks import history
from tests.benchmarks.rows import Row

ROWS: Final = 1_000_000
_ALL: Final = Wanted(last_s=None, simulated=False)
_SEARCHES: Final = {
    "all, newest first": {},
    "one provider": {"provider": "groq"},
    "not answered": {"failed": True},
    "text in errors": {"text": "number 77"},
    "text, a model": {"text": "gemini-1"},
    "one request by id": {"text": "run-5f"},
    "slowest first": {"sort": "duration"},
    "dearest first": {"sort": "cost"},
}


def run() -> list[Row]:
    """Measure; about a minute, most of it the making of the rows."""
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    with tempfile.TemporaryDirectory() as home, asyncio.Runner(loop_factory=lambda: WindowLoop(application)) as runner:
        return runner.run(_measure(application, Path(home)))


async def _measure(application: QApplication, home: Path) -> list[Row]:
    place = find_home(home, {})
    place.ensure()
    await (await Store.open(place.database, SystemClock())).close()
    await asyncio.to_thread(history._fill, place.database, ROWS)
    keep = "requests_days = 36500\nhours_days = 36500\n"
    (home / "settings.toml").write_text(f"[history]\n{keep}", encoding="utf-8")
    async with Engine.open(home=home, environ={}) as engine:
        theme = Theme(application, "dark")
        theme.apply()
        shell = Shell(theme)
        window = Window(shell, state=WindowState(welcomed=True))
        shell.resize(1280, 800)
        shell.show()
        window.connect_engine(engine)
        shell.open("requests", _ALL)
        while (panel := shell.findChild(RequestsPanel)) is None or panel.model.rowCount() < ROWS // 2:
            await asyncio.sleep(0.05)
        rows = [*await _scroll(panel), *await _search(panel)]
        window.disconnect_engine()
        await shell.finish()
        shell.close()
        return rows


async def _scroll(panel: RequestsPanel) -> list[Row]:
    bar, chance = panel.table.verticalScrollBar(), random.Random(4)
    steps, jumps, there = [], [], []
    late = _Late()
    for _ in range(300):
        steps.append(_step(panel, bar.value() + 3))
        await asyncio.sleep(0.001)
    for _ in range(150):
        began = time.perf_counter()
        jumps.append(_step(panel, chance.randrange(bar.maximum())))
        while panel.model.line(panel.table.rowAt(0)) is None:
            await asyncio.sleep(0)
        there.append((time.perf_counter() - began) * 1000)
    worst = late.stop()
    title = f"{panel.model.rowCount():,} rows"
    return [
        Row(f"{title}: a step of the wheel, p50", statistics.median(steps), "ms"),
        Row(f"{title}: a step of the wheel, p95", _p95(steps), "ms", "at most 16", _p95(steps) <= 16),
        Row(f"{title}: a jump anywhere, p95", _p95(jumps), "ms", "at most 16", _p95(jumps) <= 16),
        Row(f"{title}: its rows there, p50", statistics.median(there), "ms"),
        Row(f"{title}: its rows there, p95", _p95(there), "ms", "at most 100", _p95(there) <= 100),
        Row(f"{title}: timer late meanwhile, p99", worst, "ms"),
    ]


def _step(panel: RequestsPanel, to: int) -> float:
    began = time.perf_counter()
    panel.table.verticalScrollBar().setValue(to)
    panel.table.viewport().repaint()
    return (time.perf_counter() - began) * 1000


async def _search(panel: RequestsPanel) -> list[Row]:
    rows = []
    for name, fields in _SEARCHES.items():
        took, found = [], 0
        for _ in range(5):
            panel.filters.show_wanted(msgspec.structs.replace(_ALL, **fields))
            began = time.perf_counter()
            panel.reload()
            assert panel._searching is not None
            await panel._searching
            panel.table.viewport().repaint()
            took.append((time.perf_counter() - began) * 1000)
            found = panel.model.rowCount()
        rows.append(Row(f"search, {name}: {found:,} rows", statistics.median(took), "ms"))
    return rows


class _Late:
    """How late a 16 ms timer gets."""

    def __init__(self) -> None:
        self._late: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(16)

    def _tick(self) -> None:
        now = time.perf_counter()
        self._late.append(max(0.0, (now - self._last) * 1000 - 16))
        self._last = now

    def stop(self) -> float:
        self._timer.stop()
        return statistics.quantiles(self._late, n=100)[98]


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]
