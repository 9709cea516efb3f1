"""Callbacks a second of the window's loop, beside asyncio's own and qasync's in the same run."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Callable

import qasync
from PySide6.QtWidgets import QApplication

from aiconsole.gui.loop import WindowLoop
from tests.benchmarks.rows import Row

FLOOD = 50_000
CHAIN = 20_000
ROUNDS = 3

LoopFactory = Callable[[], asyncio.AbstractEventLoop] | None


async def soon(count: int) -> float:
    """Callbacks/s of ``count`` scheduled at once."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    started = time.perf_counter()
    for _ in range(count):
        loop.call_soon(int)
    loop.call_soon(done.set_result, None)
    await done
    return count / (time.perf_counter() - started)


async def chain(count: int) -> float:
    """Callbacks/s where each schedules the next."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = count

    def again() -> None:
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(again)
        else:
            done.set_result(None)

    started = time.perf_counter()
    loop.call_soon(again)
    await done
    return count / (time.perf_counter() - started)


def run() -> list[Row]:
    """Measure; a few seconds."""
    application = QApplication.instance() or QApplication(sys.argv[:1])
    factories: dict[str, LoopFactory] = {
        "asyncio": None,
        "qasync": lambda: qasync.QEventLoop(application),
        "the window's loop": lambda: WindowLoop(application),
    }
    rows: list[Row] = []
    for what, measure, count in (("scheduled at once", soon, FLOOD), ("each scheduling the next", chain, CHAIN)):
        rates: dict[str, list[float]] = {name: [] for name in factories}
        for _ in range(ROUNDS):
            for name, factory in factories.items():
                with asyncio.Runner(loop_factory=factory) as runner:
                    rates[name].append(runner.run(measure(count)))
        for name, found in rates.items():
            rows.append(Row(f"{name}, callbacks {what}", statistics.median(found), "/s"))
        ratio = statistics.median(rates["the window's loop"]) / statistics.median(rates["qasync"])
        rows.append(Row("  the window's loop over qasync", ratio, "x"))
    return rows
