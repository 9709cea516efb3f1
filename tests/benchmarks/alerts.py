"""Alerts: a rule tried on thirty days of history beside a loop that is watched, and what an event costs the loop."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

from aiconsole.alerts.backtest import backtest
from aiconsole.alerts.reading import default_rules
from aiconsole.store import History, Store
from aiconsole.store.writer import give_way
from tests.alerts.rig import Rig
from tests.benchmarks.history import _END, _Clock, _fill
from tests.benchmarks.rows import Row

_ROWS: Final = 400_000
_DAYS: Final = 30
_EVENTS: Final = 20_000


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return [*asyncio.run(_backtests(Path(folder) / "past.db")), *_events()]


async def _backtests(path: Path) -> list[Row]:
    clock = _Clock()
    async with await Store.open(path, clock):
        pass
    await asyncio.to_thread(_fill, path, _ROWS)
    rows = []
    async with await Store.open(path, clock) as store:

        async def opened() -> Store:
            return store

        async def no_runs() -> tuple[()]:
            return ()

        history = History(opened, clock)
        for rule in default_rules():
            took, gaps = [], []
            for _ in range(4):
                watching = asyncio.ensure_future(_watch(gaps))
                began = time.perf_counter()
                found = await backtest(
                    rule,
                    _END - _DAYS * 86_400,
                    _END,
                    history,
                    target=0.999,
                    simulated=False,
                    runs=no_runs,
                    pause=give_way,
                )
                took.append((time.perf_counter() - began) * 1e3)
                watching.cancel()
            if found.told:
                ms = statistics.median(took[1:])
                rows.append(Row(f"{_DAYS} days, {rule.name}", ms, "ms", "under 1,000 ms", ms < 1000))
                worst = sorted(gaps)[int(len(gaps) * 0.99)] * 1e3 if gaps else 0.0
                rows.append(Row("  the loop meanwhile, p99 late", worst, "ms", "under 4 ms", worst < 4))
    return rows


async def _watch(gaps: list[float]) -> None:
    """Wake every 2 ms and note how late."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.002)
        gaps.append(time.perf_counter() - before - 0.002)


def _events() -> list[Row]:
    """A call is two events; the timers that fire meanwhile are counted in."""
    rig = Rig()
    rig.traffic(60, providers=("groq", "mistral", "gemini"))
    looks = rig.watch.looks
    began = time.perf_counter()
    rig.traffic(20, a_minute=_EVENTS / 2 / 20, providers=("groq", "mistral", "gemini"))
    us = (time.perf_counter() - began) / _EVENTS * 1e6
    looks = rig.watch.looks - looks
    rig.minutes(8 * 60)
    fired = rig.timers.fired
    rig.minutes(24 * 60)
    return [
        Row("an event, at 500 calls a minute", us, "us", "under 100 us", us < 100),
        Row("looks at a rule and subject, a minute", looks / 20, ""),
        Row("timers of an idle day", rig.timers.fired - fired, "", "none", rig.timers.fired == fired),
    ]
