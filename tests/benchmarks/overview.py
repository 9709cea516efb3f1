"""How long a frame of the Overview's graph takes while a person pans and zooms over eight series of a million attempts each.

The store holds what the recorder would have written of them: every tier of the sums, as far back as each is kept, of one
attempt each 2.6 s for 30 days. The whole window is on the screen (offscreen). A frame is all from the wish for another view
to the end of its painting, with what came from the store meanwhile: merging it, making its shapes. Where other processes
keep the cores busy, the time the window's own thread computed tells more. One attempt in the million
took a minute; its bucket must show it whatever the range.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from PySide6.QtWidgets import QApplication

from aiconsole.domain.chat import Cost, Timing, Usage
from aiconsole.domain.clock import SystemClock
from aiconsole.domain.events import AttemptFinished
from aiconsole.engine import Engine
from aiconsole.gui.loop import WindowLoop
from aiconsole.gui.overview.panel import RANGES, OverviewPanel
from aiconsole.gui.shell import Shell
from aiconsole.gui.theme import Theme
from aiconsole.gui.window import Window
from aiconsole.gui.window_state import WindowState
from aiconsole.home import find_home
from aiconsole.store import Retention, Store
from aiconsole.store.rollups import FINEST, TIERS, Cell
from tests.benchmarks.rows import Row

POINTS: Final = 1_000_000
_DAYS: Final = 30
_DAY: Final = 86_400
_PROVIDERS: Final = ("groq", "cohere", "mistral", "gemini", "cerebras", "openrouter", "anthropic", "own")
_FRAMES: Final = 240
_FRAME_MS: Final = 1000 / 60
_SPIKE_MS: Final = 60_000.0


def run() -> list[Row]:
    """Measure; about a minute, most of it making the store."""
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    with tempfile.TemporaryDirectory() as home, asyncio.Runner(loop_factory=lambda: WindowLoop(application)) as runner:
        return runner.run(_measure(application, Path(home)))


async def _measure(application: QApplication, home: Path) -> list[Row]:
    rows: list[Row] = []
    now = time.time()
    await fill(find_home(home, {}).database, now)
    async with overview(application, home) as panel:
        for range_s, words in RANGES:
            panel.choose_range(range_s)
            await asyncio.sleep(1.0)
            frames, computed = await _frames(panel)
            p99 = statistics.quantiles(frames, n=100)[98]
            rows += [
                Row(f"{words}: a frame of panning and zooming, median", statistics.median(frames), "ms"),
                Row(f"{words}: p99", p99, "ms", f"at most {_FRAME_MS:.1f}", p99 <= _FRAME_MS),
                Row(
                    f"{words}: p99 of what the window's thread computed",
                    statistics.quantiles(computed, n=100)[98],
                    "ms",
                ),
            ]
        panel.choose_range(RANGES[0][0])
        await asyncio.sleep(1.0)
        shown = statistics.quantiles([await _shown_after(panel) for _ in range(20)], n=20)[-1]
        rows.append(Row("15 min: an attempt is on the screen after, p95", shown, "ms", "at most 200", shown <= 200))
        panel.choose_range(RANGES[-1][0])
        await asyncio.sleep(1.0)
        longest = max(part.high_ms or 0.0 for line in panel.source.graph.lines.values() for part in line if part)
        exact = abs(longest - _SPIKE_MS) <= _SPIKE_MS * 0.01
        rows.append(Row("30 d: longest answer drawn, one in a million", longest, "ms", "60,000 within 1 %", exact))
    return rows


async def _frames(panel: OverviewPanel) -> tuple[list[float], list[float]]:
    """Pan back and forth and zoom in and out: what each frame took, and the CPU time of the window's thread, in ms."""
    chart = panel.chart
    times: list[float] = []
    computed: list[float] = []
    for number in range(_FRAMES):
        phase = number % 120
        begun, spent = time.perf_counter(), time.thread_time()
        if phase < 60:
            chart.pan(-0.02 if phase < 40 else 0.02)
        else:
            chart.zoom(0.97 if phase < 90 else 1 / 0.97)
        chart.repaint()
        await asyncio.sleep(0)
        times.append((time.perf_counter() - begun) * 1000)
        computed.append((time.thread_time() - spent) * 1000)
        await asyncio.sleep(0.005)
    panel.go_back()
    return times, computed


async def _shown_after(panel: OverviewPanel) -> float:
    """From an attempt's end to the painting of a graph that has it, in ms; while others come as well."""
    session, chart = panel._session, panel.chart
    session.engine.bus.publish(_attempt(session.clock.now()))
    await asyncio.sleep(random.uniform(0.02, 0.4))
    before, begun = chart._graph, time.perf_counter()
    session.engine.bus.publish(_attempt(session.clock.now()))
    while chart._graph is before or chart._painted is None:
        await asyncio.sleep(0.001)
    return (time.perf_counter() - begun) * 1000


def _attempt(now: float) -> AttemptFinished:
    return AttemptFinished("groq", "m", Timing(now - 0.3, 100.0, 300.0), Usage(400, 120), Cost(0.0004, "price list"))


@asynccontextmanager
async def overview(application: QApplication, home: Path, *, jobs: bool = False) -> AsyncIterator[OverviewPanel]:
    """The whole console with the Overview open."""
    async with Engine.open(home=home, environ={}, record=True) as engine:
        theme = Theme(application, "dark")
        theme.apply()
        shell = Shell(theme)
        window = Window(shell, state=WindowState(welcomed=True, panel="overview"))
        shell.resize(1280, 800)
        shell.show()
        window.connect_engine(engine)
        if jobs:
            await engine.open_jobs()
        panel = None
        async with asyncio.timeout(30):
            while panel is None or not panel.chart.isVisible():
                await asyncio.sleep(0.1)
                panel = shell.findChild(OverviewPanel)
        yield panel
        window.disconnect_engine()
        await shell.finish()
        shell.close()


async def fill(path: Path, now: float) -> None:
    """A million attempts of each provider, as sums."""
    path.parent.mkdir(parents=True, exist_ok=True)
    store = await Store.open(path, SystemClock())
    await store.close()
    await asyncio.to_thread(_write, path, now)


def _cells(seed: int, now: float) -> dict[int, Cell]:
    """By the bucket's beginning, of the finest tier."""
    chance = random.Random(seed)
    took = [int(chance.lognormvariate(6.3 + seed / 4, 0.5) * 1000) for _ in range(65_521)]
    cells: defaultdict[int, Cell] = defaultdict(Cell)
    begin, step = now - _DAYS * _DAY, _DAYS * _DAY / POINTS
    usage, cost = Usage(400, 120), Cost(0.0004, "price list")
    for number in range(POINTS):
        us = int(_SPIKE_MS * 1000) if number == POINTS // 3 else took[number * 7919 % 65_521]
        error = (1, "overloaded") if number * 48_271 % 211 == 0 and number != POINTS // 3 else None
        cells[int(begin + number * step) // FINEST * FINEST].add(error, us, us // 4, usage, cost)
    return cells


def _write(path: Path, now: float) -> None:
    shapes, kept = [_cells(seed, now) for seed in (1, 2)], Retention()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO label (id, text) VALUES (1, 'overloaded')")
        for number, name in enumerate(_PROVIDERS, 1):
            connection.execute(
                "INSERT INTO usage_series VALUES (?, 'attempts by provider', ?, '', '', '', 0)", (number, name)
            )
        for tier in TIERS:
            for seed, shape in enumerate(shapes):
                whole: defaultdict[int, Cell] = defaultdict(Cell)
                for start, cell in shape.items():
                    if now - start <= kept.reach(tier):
                        whole[start - start % tier].merge(cell)
                for number in range(1 + seed, len(_PROVIDERS) + 1, len(shapes)):
                    connection.executemany(
                        f"INSERT INTO usage_rollup VALUES ({', '.join('?' * 19)})",
                        ((tier, number, start, *cell.columns()) for start, cell in whole.items()),
                    )
    connection.close()
