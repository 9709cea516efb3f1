"""Watches the generator itself: how late its timers and requests are, and how busy it is."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from aiconsole.bench.certificate import Gauged
from aiconsole.domain.percentiles import Histogram

_EVERY_S: Final = 0.01


class Gauge:
    """From `start` on until `stop`; ``dispatched`` is called for each request. Lags in s."""

    def __init__(self) -> None:
        self._timers = Histogram()
        self._dispatches = Histogram()
        self._timer_max = self._dispatch_max = 0.0
        self._task: asyncio.Task[None] | None = None
        self._cpu_peak = 0.0
        self._began = self._ended = (0.0, 0.0)

    def start(self) -> None:
        """Begin to watch; what was seen before is forgotten."""
        self._timers, self._dispatches = Histogram(), Histogram()
        self._timer_max = self._dispatch_max = self._cpu_peak = 0.0
        self._began = self._ended = (time.perf_counter(), time.process_time())
        self._task = asyncio.ensure_future(self._watch())

    def dispatched(self, lag_s: float) -> None:
        """A request was sent so long after it was due."""
        self._dispatches.add(lag_s * 1000)
        self._dispatch_max = max(self._dispatch_max, lag_s)

    def stop(self) -> Gauged:
        """End, and tell."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._ended = (time.perf_counter(), time.process_time())
        spent = self._ended[0] - self._began[0]
        mean = (self._ended[1] - self._began[1]) / spent if spent > 0 else 0.0
        return Gauged(
            timer_p99_ms=round(self._timers.quantile(0.99) or 0.0, 3),
            timer_max_ms=round(self._timer_max * 1000, 3),
            dispatch_p99_ms=round(self._dispatches.quantile(0.99) or 0.0, 3),
            dispatch_max_ms=round(self._dispatch_max * 1000, 3),
            cpu_mean=round(mean, 3),
            cpu_peak=round(max(self._cpu_peak, mean), 3),
            timers=self._timers.count,
            dispatches=self._dispatches.count,
        )

    async def _watch(self) -> None:
        seconds = time.perf_counter, time.process_time
        second = tuple(clock() for clock in seconds)
        while True:
            due = time.perf_counter() + _EVERY_S
            await asyncio.sleep(_EVERY_S)
            at = time.perf_counter()
            late = max(0.0, at - due)
            self._timers.add(late * 1000)
            self._timer_max = max(self._timer_max, late)
            if at - second[0] >= 1:
                now = tuple(clock() for clock in seconds)
                self._cpu_peak = max(self._cpu_peak, (now[1] - second[1]) / (now[0] - second[0]))
                second = now
