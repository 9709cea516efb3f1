"""Where values stand on a plot's axes, linear or logarithmic, and where their ticks are. No Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from ..overview.scale import log_ticks, round_down, round_up


class Axis(msgspec.Struct, frozen=True):
    """An axis over ``low`` to ``high``, with its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value stands, 0 at the beginning and 1 at the end; values beyond stand at the edge."""
        if self.log:
            low, high, value = math.log10(self.low), math.log10(self.high), math.log10(max(value, self.low))
        else:
            low, high = self.low, self.high
        return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.5

    def value(self, place: float) -> float:
        """The value at a place."""
        if self.log:
            low, high = math.log10(self.low), math.log10(self.high)
            return float(10.0 ** (low + (high - low) * place))
        return self.low + (self.high - self.low) * place


def linear(values: Sequence[float], most: int, *, whole: bool = False) -> Axis:
    """From 0 to a round value at or above all of them, in at most ``most`` steps; ``whole`` has no fractions."""
    top = max(values, default=1.0) or 1.0
    step = round_up(top / max(1, most), (1, 2, 5, 10))
    if whole:
        step = max(1.0, round(step))
    count = max(1, math.ceil(top / step - 1e-9))
    return Axis(0.0, step * count, tuple(step * number for number in range(count + 1)))


def logarithmic(values: Sequence[float], most: int) -> Axis:
    """From a round value below all to one above; for values above 0."""
    known = [value for value in values if value > 0]
    low = round_down(max(min(known, default=10.0), 1e-3))
    high = round_up(max(max(known, default=1000.0), low * 2))
    if high <= low:
        high = round_up(low * 2)
    return Axis(low, high, tuple(log_ticks(low, high, most)), log=True)


def fixed(low: float, high: float, parts: int) -> Axis:
    """From ``low`` to ``high`` in equal parts."""
    return Axis(low, high, tuple(low + (high - low) * number / parts for number in range(parts + 1)))
