"""Time lapse: an event loop in which waiting takes a fraction of its time, or none, while work takes the time it takes.

Everything that waits in the loop (timeouts, breakers, pauses, the simulator's pace) is shortened alike, because it is the
loop's own time that runs ahead; a drill of a minute so takes a second, and no setting has to be scaled. It needs all parties
to the talk to be in this one loop, as console and simulator are. Work in threads is waited for in real time.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from asyncio import Future
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_GRACE_S: Final = 1e-4
"""How long something on its way through a loopback socket may take, when waiting is skipped altogether."""


class LapseLoop(asyncio.SelectorEventLoop):
    """See the module.

    Args:
        scale: how long waiting takes, as a share of its length: 1 real time, 0.1 a tenth, 0 none at all.

    Raises:
        ValueError: ``scale`` is below 0.
    """

    def __init__(self, scale: float) -> None:
        if not scale >= 0:
            raise ValueError("the scale is at least 0")
        self._scale = scale
        self._ahead_s = 0.0
        self._threads = 0
        super().__init__(_Lapsing(self._select))
        # That of `time`; asyncio's own, 16 ms on Windows, is how much too early it would call timers.
        self._clock_resolution = time.get_clock_info("perf_counter").resolution

    def time(self) -> float:
        return time.perf_counter() + self._ahead_s

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._threads += 1
        future.add_done_callback(self._thread_ended)
        return future

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        """As asyncio's; its wait for threads, with a time-out since Python 3.12, is not shortened either."""
        self._threads += 1
        try:
            await super().shutdown_default_executor(*timeout)
        finally:
            self._threads -= 1

    def _thread_ended(self, _: Future[Any]) -> None:
        self._threads -= 1

    def _select(self, timeout: float | None, select: _Select) -> _Ready:
        """Wait for sockets, and let the rest of what would have been waited count as past."""
        if timeout is None or timeout <= 0 or self._threads or self._scale == 1:
            return select(timeout)
        began = time.perf_counter()
        if self._scale:
            ready = select(timeout * self._scale)
        else:
            ready = select(0)
            if not ready:
                time.sleep(_GRACE_S)
                ready = select(0)
        took = time.perf_counter() - began
        waited = timeout if not ready else min(timeout, took / self._scale) if self._scale else took
        self._ahead_s += max(0.0, waited - took)
        return ready


_Ready = list[tuple[selectors.SelectorKey, int]]
_Select = Callable[[float | None], _Ready]


class _Lapsing(selectors.DefaultSelector):
    def __init__(self, lapse: Callable[[float | None, _Select], _Ready]) -> None:
        super().__init__()
        self._lapse = lapse

    def select(self, timeout: float | None = None) -> _Ready:
        return self._lapse(timeout, super().select)


class LoopClock:
    """A `Clock` that goes with a loop's own time. To be made inside the loop."""

    def __init__(self) -> None:
        self.monotonic = asyncio.get_running_loop().time
        self._origin = time.time() - self.monotonic()

    def now(self) -> float:
        return self._origin + self.monotonic()
