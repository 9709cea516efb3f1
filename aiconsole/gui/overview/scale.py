"""Where the ticks of an axis are: times at round local times, values at 1, 2 and 5 times a power of ten. No Qt."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Final

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_TIME_STEPS: Final = (
    10, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE,
    _HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 5 * _DAY, 10 * _DAY, 30 * _DAY,
)  # fmt: skip
_BUCKETS: Final = 84
STEPS: Final = (10, 30, 60, 300, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400)
"""Lengths of a bucket in s, which are those the store keeps, or whole multiples of them."""


def step_for(length_s: float) -> int:
    """The finest bucket of which a view of ``length_s`` has at most 84: wide enough to be clicked one by one, and for p95 to
    rest on more than an answer or two."""
    return next((step for step in STEPS if length_s / step <= _BUCKETS), STEPS[-1])


def time_ticks(start: float, end: float, most: int) -> list[tuple[float, str]]:
    """At most about ``most`` times (epoch s) in the range with their words, at round local times; the first of a new day has
    its date."""
    step = next((step for step in _TIME_STEPS if (end - start) / step <= max(most, 1)), _TIME_STEPS[-1])
    offset = time.localtime(start).tm_gmtoff
    at = math.ceil((start + offset) / step) * step - offset
    found: list[tuple[float, str]] = []
    while at <= end:
        local = time.localtime(at)
        if step >= _DAY or (local.tm_hour, local.tm_min, local.tm_sec) == (0, 0, 0):
            words = time.strftime("%d %b", local).lstrip("0")
        else:
            words = time.strftime("%H:%M:%S" if step < _MINUTE else "%H:%M", local)
        found.append((float(at), words))
        at += step
    return found


def round_up(value: float, steps: Sequence[int] = (1, 2, 5, 10)) -> float:
    """The next of ``steps`` times a power of ten, so that an axis stays while the figures move a little."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in steps if step * power >= value * 0.999)


def axis_top(value: float) -> float:
    """The end of an axis from 0 that holds ``value``, of which the half is a round figure as well."""
    return round_up(value, (1, 2, 4, 6, 8, 10))


def round_down(value: float) -> float:
    """The 1, 2 or 5 times a power of ten before ``value``, which is above 0."""
    power = 10.0 ** math.floor(math.log10(value))
    return max(step * power for step in (1, 2, 5) if step * power <= value * 1.001)


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """At most ``most`` values from ``low`` to ``high`` that stand well on an axis of logarithms."""
    found = []
    value = round_down(low)
    while value <= high * 1.001:
        if value >= low * 0.999:
            found.append(value)
        value = round_up(value * 1.5)
    if len(found) <= most:
        return found
    tens = [value for value in found if abs(math.log10(value) - round(math.log10(value))) < 1e-6]
    return tens if 2 <= len(tens) <= most else [found[0], found[-1]]


def linear_ticks(top: float, most: int) -> list[float]:
    """0 and at most ``most`` further values up to ``top``, evenly apart."""
    parts = 2 if most >= 2 else 1
    return [top * at / parts for at in range(parts + 1)]
