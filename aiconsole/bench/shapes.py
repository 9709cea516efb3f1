"""How a load goes over time: any shape as a row of segments, and from these the moments at which requests are due.

Arrivals of a changing rate come by inverting its integral: the k-th request is due when the integral reaches k, or, for a
Poisson process, the sum of k exponential variates of mean 1. Source: E. Cinlar, "Introduction to Stochastic Processes" (1975),
section 4.7 (time change of a Poisson process).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt
from random import Random

import msgspec

from aiconsole.bench.plan import Load


class Segment(msgspec.Struct, frozen=True):
    """A level that goes straight from ``begin`` to ``end`` within ``seconds``."""

    seconds: float
    begin: float
    end: float


def segments(load: Load) -> tuple[Segment, ...]:
    """The shape as segments; of a sweep its levels, all of which need not be reached."""
    level, to, seconds = load.level, load.to if load.to is not None else load.level, load.seconds
    if load.shape == "ramp":
        return (Segment(seconds, level, to),)
    if load.shape == "step":
        return tuple(Segment(seconds, value, value) for value in levels(level, to, load.steps))
    if load.shape == "sweep":
        return tuple(Segment(seconds, value, value) for value in ladder(level, to, load.steps))
    if load.shape == "spike":
        third = seconds / 3
        return (Segment(third, level, level), Segment(third, to, to), Segment(third, level, level))
    return (Segment(seconds, level, level),)


def levels(begin: float, end: float, count: int) -> list[float]:
    """``count`` levels evenly spaced from ``begin`` to ``end``."""
    if count < 2:
        return [end]
    return [begin + (end - begin) * index / (count - 1) for index in range(count)]


def ladder(begin: float, end: float, count: int) -> list[float]:
    """``count`` levels from ``begin`` to ``end``, each the same factor above the last."""
    if count < 2:
        return [end]
    factor = (end / begin) ** (1 / (count - 1))
    return [begin * factor**index for index in range(count)]


def arrivals(parts: Sequence[Segment], *, poisson: bool, random: Random) -> Iterator[float]:
    """When requests are due, in s from the start; levels are requests per second."""
    target = random.expovariate(1) if poisson else 1.0
    begun_s = passed = 0.0
    for part in parts:
        area = (part.begin + part.end) / 2 * part.seconds
        while target <= passed + area:
            yield begun_s + _time_of(target - passed, part)
            target += random.expovariate(1) if poisson else 1.0
        passed += area
        begun_s += part.seconds


def _time_of(area: float, part: Segment) -> float:
    """When the integral of a straight line reaches ``area``: the smaller root of slope/2 t^2 + begin t = area."""
    slope = (part.end - part.begin) / part.seconds
    if abs(slope) < 1e-12:
        return area / part.begin
    return 2 * area / (part.begin + sqrt(max(0.0, part.begin**2 + 2 * slope * area)))


def level_at(parts: Sequence[Segment], at_s: float) -> float:
    """The level at a time, 0 before the beginning and after the end."""
    begun_s = 0.0
    for part in parts:
        if begun_s <= at_s < begun_s + part.seconds:
            return part.begin + (part.end - part.begin) * (at_s - begun_s) / part.seconds
        begun_s += part.seconds
    return 0.0


def next_at_least(parts: Sequence[Segment], level: float, from_s: float) -> float | None:
    """The first time from ``from_s`` on at which the level is at least ``level``; None where it never is again."""
    begun_s = 0.0
    for part in parts:
        ends_s = begun_s + part.seconds
        if from_s < ends_s and max(part.begin, part.end) >= level - 1e-9:
            slope = (part.end - part.begin) / part.seconds
            reached = begun_s if part.begin >= level - 1e-9 else begun_s + (level - part.begin) / slope
            at = max(reached, from_s)
            if at < ends_s and level_at(parts, at) >= level - 1e-6:
                return at
        begun_s = ends_s
    return None


def stage_at(parts: Sequence[Segment], at_s: float) -> int:
    """The number of the segment a time falls into, from 0; the last one after the end."""
    begun_s = 0.0
    for index, part in enumerate(parts):
        begun_s += part.seconds
        if at_s < begun_s:
            return index
    return max(0, len(parts) - 1)


def total_s(parts: Sequence[Segment]) -> float:
    """How long all segments take."""
    return sum(part.seconds for part in parts)
