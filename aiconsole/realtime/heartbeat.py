"""The heartbeat of the event loop: a beat a second, and how late it came, which is how long the loop was held up.

"alive" while beats come in time; "late" from a beat that was late until `CALM_BEATS` came in time again, or while the next one
is overdue; "stopped" once it was closed or nothing came for `STOPPED_S`. The state can be read from any thread, so that one
who waits in vain can see why.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.events import Event, HeartChanged, HeartState
from aiconsole.realtime.timers import Cancel, Timers

EVERY_S: Final = 1.0
LATE_S: Final = 0.25
"""A beat that comes so many seconds late is called late."""
STOPPED_S: Final = 10.0
CALM_BEATS: Final = 3
_KEPT: Final = 60


class Pulse(msgspec.Struct, frozen=True):
    """How the heart is. ``beats`` since the start; lags in ms, the last and the longest of the last minute; ``beat_at`` the
    last beat in epoch seconds, None before the first; ``late_beats`` since the start."""

    state: HeartState
    beats: int
    lag_ms: float
    worst_ms: float
    beat_at: float | None
    late_beats: int


class Heartbeat:
    """Beats from `start` to `close`, in the loop's thread.

    Args:
        publish: takes a `HeartChanged` when the state changes.
    """

    def __init__(self, clock: Clock, timers: Timers, publish: Callable[[Event], object]) -> None:
        self._clock, self._timers, self._publish = clock, timers, publish
        self._cancel: Cancel | None = None
        self._due = clock.monotonic()
        self._lags: deque[float] = deque(maxlen=_KEPT)
        self._beat_at: float | None = None
        self._beats = self._late_beats = self._calm = 0
        self._told: HeartState = "stopped"
        self._listeners: tuple[Callable[[], object], ...] = ()

    def start(self) -> None:
        """Begin to beat. Once begun, does nothing."""
        if self._cancel is None:
            self._calm = CALM_BEATS
            self._due = self._clock.monotonic() + EVERY_S
            self._cancel = self._timers.later(EVERY_S, self._beat)
            self._tell("alive", 0.0)

    def close(self) -> None:
        """Stop."""
        if self._cancel is not None:
            self._cancel()
            self._cancel = None
            self._tell("stopped", 0.0)

    def on_beat(self, call: Callable[[], object]) -> Callable[[], None]:
        """Have ``call`` called after each beat: for who shows something that runs with the time. The callable returned ends
        that."""
        entry = lambda: call()  # noqa: E731  (an identity of its own, for leaving)
        self._listeners = (*self._listeners, entry)

        def end() -> None:
            self._listeners = tuple(kept for kept in self._listeners if kept is not entry)

        return end

    @property
    def state(self) -> HeartState:
        """How it is at this moment."""
        if self._cancel is None:
            return "stopped"
        overdue = self._clock.monotonic() - self._due
        if overdue > STOPPED_S:
            return "stopped"
        return "late" if overdue > LATE_S or self._calm < CALM_BEATS else "alive"

    def pulse(self) -> Pulse:
        """How it is at this moment, in figures."""
        lags = self._lags
        return Pulse(
            self.state,
            self._beats,
            lags[-1] * 1000 if lags else 0.0,
            max(lags, default=0.0) * 1000,
            self._beat_at,
            self._late_beats,
        )

    def _beat(self) -> None:
        now = self._clock.monotonic()
        lag = max(0.0, now - self._due)
        self._beats += 1
        self._beat_at = self._clock.now()
        self._lags.append(lag)
        if lag > LATE_S:
            self._calm = 0
            self._late_beats += 1
        else:
            self._calm += 1
        self._due = now + EVERY_S
        self._cancel = self._timers.later(EVERY_S, self._beat)
        self._tell("alive" if self._calm >= CALM_BEATS else "late", lag * 1000)
        for call in self._listeners:
            call()

    def _tell(self, state: HeartState, lag_ms: float) -> None:
        before, self._told = self._told, state
        if before != state:
            self._publish(HeartChanged(before, state, lag_ms, self._clock.now()))
