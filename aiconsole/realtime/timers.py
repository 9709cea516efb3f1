"""Doing something later, as a value that is passed in, so that tests can let time pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

Cancel = Callable[[], None]


class Timers(Protocol):
    """``later`` calls back once after ``seconds`` (0: as soon as the caller has returned), unless cancelled before."""

    def later(self, seconds: float, call: Callable[[], object]) -> Cancel: ...


class LoopTimers:
    """The timers of the event loop that runs."""

    def later(self, seconds: float, call: Callable[[], object]) -> Cancel:
        loop = asyncio.get_running_loop()
        return loop.call_later(seconds, call).cancel if seconds > 0 else loop.call_soon(call).cancel
