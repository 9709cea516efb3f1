"""The deadlines of one streamed answer: silence before the first token, silence between reads, and the whole.

One timer serves a stream. It is not moved at every read; when it fires it looks how long the silence really is and, if that
is not long enough, waits for the rest. So a read costs one attribute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiconsole.domain.chat import Timeouts
from aiconsole.domain.errors import Phase, TimedOut

_WORDS: dict[Phase, str] = {
    "connect": "No connection was made",
    "first token": "No token came",
    "between tokens": "The stream fell silent",
    "total": "The answer was not complete",
}


class Deadlines:
    """Watches one stream. ``passed`` names the limit that was passed, None before.

    Args:
        timeouts: the limits in s.
        elapsed_s: how long ago the request was sent.
        expire: called once, in the loop, when a limit is passed; it has to end whatever is being waited for.
    """

    __slots__ = ("_began", "_begun", "_expire", "_last_read", "_limits", "_loop", "_timer", "passed")

    def __init__(self, timeouts: Timeouts, expire: Callable[[], None], *, elapsed_s: float = 0.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = timeouts
        self._expire = expire
        self._last_read = self._loop.time()
        self._began = self._last_read - elapsed_s
        self._begun = False
        self.passed: Phase | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._arm()

    def read(self) -> None:
        """Note that something came."""
        self._last_read = self._loop.time()

    def first_token(self) -> None:
        """Note that the answer has begun: from now on the silence between reads counts."""
        self._begun = True
        self.stop()
        self._arm()

    def stop(self) -> None:
        """End watching."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def error(self) -> TimedOut:
        """The error for the limit that was passed."""
        phase = self.passed or "total"
        limits: dict[Phase, float | None] = {
            "first token": self._limits.first_token,
            "between tokens": self._limits.between,
            "total": self._limits.total,
        }
        return timed_out(phase, limits.get(phase))

    def _next(self) -> tuple[float, Phase] | None:
        """When the next limit is passed if nothing more comes, in the loop's time, and which it is."""
        due: list[tuple[float, Phase]] = []
        if self._limits.total is not None:
            due.append((self._began + self._limits.total, "total"))
        if not self._begun and self._limits.first_token is not None:
            due.append((self._began + self._limits.first_token, "first token"))
        if self._begun and self._limits.between is not None:
            due.append((self._last_read + self._limits.between, "between tokens"))
        return min(due, default=None)

    def _arm(self) -> None:
        following = self._next()
        self._timer = None if following is None else self._loop.call_at(following[0], self._look)

    def _look(self) -> None:
        following = self._next()
        if following is not None and following[0] <= self._loop.time():
            self._timer = None
            self.passed = following[1]
            self._expire()
        else:
            self._arm()


def timed_out(phase: Phase, limit_s: float | None) -> TimedOut:
    """A `TimedOut` in words."""
    within = "in time" if limit_s is None else f"within {limit_s:g} s"
    error = TimedOut(f"{_WORDS[phase]} {within}.")
    error.phase = phase
    return error
