"""Many changes, told as one, so many times a second at most."""

from __future__ import annotations

import logging
from collections.abc import Callable

from aiconsole.domain.clock import Clock
from aiconsole.realtime.timers import Cancel, Timers

_log = logging.getLogger(__name__)


class Coalescer:
    """After `touch`, calls ``call`` once: as soon as possible, but not before ``1 / hz`` seconds have passed since the last
    time. While nothing touches it, nothing runs. A fault of ``call`` is logged once."""

    def __init__(self, call: Callable[[], object], hz: float, clock: Clock, timers: Timers) -> None:
        if not hz > 0:
            raise ValueError("a rate is above 0")
        self._call = call
        self._pause_s = 1.0 / hz
        self._clock = clock
        self._timers = timers
        self._next = clock.monotonic()
        self._cancel: Cancel | None = None
        self._faulty = False

    def touch(self, _: object = None) -> None:
        """Something changed."""
        if self._cancel is None:
            self._cancel = self._timers.later(max(0.0, self._next - self._clock.monotonic()), self._run)

    def close(self) -> None:
        """Call no more."""
        if self._cancel is not None:
            self._cancel()
        self._cancel = _never

    def _run(self) -> None:
        if self._cancel is _never:
            return
        self._cancel = None
        self._next = self._clock.monotonic() + self._pause_s
        try:
            self._call()
        except Exception:
            if not self._faulty:
                self._faulty = True
                _log.exception("A follower of the console's state failed; further faults of it are not logged.")


def _never() -> None:
    """Stands where a closed coalescer would keep its timer."""
