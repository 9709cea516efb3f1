"""What the whole console costs while nothing happens: its window with the Overview open, background jobs, and the simulator.

CPU time of this process, all threads, over a minute, after ten seconds to settle; the history holds a week with an hour of
drill data at its end, so that every graph has something to draw. The window is on the screen (offscreen), so painting is
counted, compositing is not.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from PySide6.QtWidgets import QApplication

from aiconsole.gui.loop import WindowLoop
from aiconsole.home import find_home
from tests.benchmarks.overview import overview
from tests.benchmarks.rows import Row
from tests.hour import write_week

_SETTLE_S: Final = 10.0
_SECONDS: Final = 60.0


def run() -> list[Row]:
    """Measure; about a minute and a half."""
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    with tempfile.TemporaryDirectory() as home, asyncio.Runner(loop_factory=lambda: WindowLoop(application)) as runner:
        Path(home, "settings.toml").write_text("demo = true\n", encoding="utf-8")
        share, frames = runner.run(_measure(application, Path(home)))
    return [
        Row("idle with the Overview open, of one core", share * 100, "%", "below 2", share < 0.02),
        Row("the graph was painted", frames, "times a minute"),
    ]


async def _measure(application: QApplication, home: Path) -> tuple[float, int]:
    await write_week(find_home(home, {}).database, time.time())
    async with overview(application, home, jobs=True) as panel:
        await asyncio.sleep(_SETTLE_S)
        drawn, paint = [0], panel.chart.paintEvent

        def counted(event: object) -> None:
            drawn[0] += 1
            paint(event)  # type: ignore[arg-type]

        panel.chart.paintEvent = counted  # type: ignore[method-assign, assignment]
        begun, spent = time.perf_counter(), _spent()
        await asyncio.sleep(_SECONDS)
        return (_spent() - spent) / (time.perf_counter() - begun), drawn[0]


def _spent() -> float:
    """CPU seconds of this process and its children that ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
