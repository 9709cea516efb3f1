"""The console's own performance: figures over time, each against a limit with a hold time, told when it changes sides."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.events import AttemptFinished, Event, PerformanceChanged, RequestFinished
from aiconsole.optimizer.levels import Level
from aiconsole.optimizer.measures import MEASURES, LastMinute, Measure

KEPT: Final = 300
"""Samples that are kept of each figure; five minutes where one is taken a second."""


class Reading(msgspec.Struct, frozen=True):
    """A measure as it stands: ``figure`` None where there is nothing to tell, ``samples`` the newest last."""

    measure: Measure
    figure: float | None
    limit: float
    over: bool
    samples: tuple[float | None, ...]


class Monitor:
    """See the module.

    Args:
        publish: takes `PerformanceChanged`.
        limits: gives the limit by a measure's key.
        hold_s: gives how long a figure must stay on the other side of its limit.
    """

    def __init__(
        self,
        clock: Clock,
        publish: Callable[[Event], object],
        limits: Callable[[str], float],
        hold_s: Callable[[], float],
    ) -> None:
        self._clock, self._publish, self._limits, self._hold_s = clock, publish, limits, hold_s
        self._levels = {measure.key: Level() for measure in MEASURES}
        self._samples: dict[str, deque[float | None]] = {measure.key: deque(maxlen=KEPT) for measure in MEASURES}
        self._worst: dict[str, float] = {}
        self._minutes = {measure.key: LastMinute() for measure in MEASURES if measure.how == "p95"}

    def note(self, key: str, value: float) -> None:
        """Add a sample of a measure that is the worst or the p95 of many."""
        minute = self._minutes.get(key)
        if minute is not None:
            minute.add(value, self._clock.monotonic())
        else:
            self._worst[key] = max(value, self._worst.get(key, 0.0))

    def on_attempt(self, event: AttemptFinished) -> None:
        """Take the phases of an attempt that was answered."""
        if event.error_kind is None and event.timing.ttft_ms is not None:
            self.note("ttft_ms", event.timing.ttft_ms)
            self.note("body_ms", event.timing.duration_ms - event.timing.ttft_ms)

    def on_request(self, event: RequestFinished) -> None:
        """Take how long a request waited before it was first sent."""
        if event.trace is not None and event.trace.attempts:
            self.note("queue_ms", event.trace.attempts[0].began_ms)

    def sample(self, present: Mapping[str, float]) -> None:
        """Take all figures; ``present`` has those of the measures that are looked at as they are now."""
        now, hold_s = self._clock.monotonic(), self._hold_s()
        for measure in MEASURES:
            key = measure.key
            figure = self._figure(measure, present, now)
            self._samples[key].append(figure)
            limit = self._limits(key)
            level = self._levels[key]
            if level.update(figure, limit, hold_s, now):
                at = self._clock.now()
                self._publish(
                    PerformanceChanged(key, level.over, figure or 0.0, limit, measure.unit, at, measure.title)
                )
        self._worst.clear()

    def readings(self) -> tuple[Reading, ...]:
        """How each measure stands."""
        return tuple(
            Reading(
                measure,
                self._samples[measure.key][-1] if self._samples[measure.key] else None,
                self._limits(measure.key),
                self._levels[measure.key].over,
                tuple(self._samples[measure.key]),
            )
            for measure in MEASURES
        )

    def _figure(self, measure: Measure, present: Mapping[str, float], now: float) -> float | None:
        if measure.how == "p95":
            return self._minutes[measure.key].p95(now)
        return (present if measure.how == "now" else self._worst).get(measure.key)
