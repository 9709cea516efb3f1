"""Percentiles with bootstrap intervals, and whether two sets of figures differ.

The bootstrap of a percentile needs no resampling: the k-th smallest of n values drawn with replacement from n ordered ones is
the one at place ceil(n U), where U follows Beta(k, n + 1 - k). So its cost does not grow with n. Sources: B. Efron and
R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 13 and 17; H. A. David and H. N. Nagaraja, "Order
Statistics" (2003), section 2.1. Requests are taken as independent of each other; a provider whose speed drifts makes intervals
too narrow, which runs at other times show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from random import Random
from typing import Final, Literal

import msgspec

from aiconsole.domain.percentiles import rank

RESAMPLES: Final = 1000
CONFIDENCE: Final = 0.95
_BLOCKS: Final = 50
_NEGLIGIBLE: Final = 0.02

Draw = Callable[[Random], float]
Verdict = Literal["better", "worse", "no difference shown"]


class Interval(msgspec.Struct, frozen=True):
    """A figure and its 95 % interval, in the figure's unit."""

    value: float
    low: float
    high: float


class Spread(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one figure is spread over ``count`` requests."""

    count: int
    mean: Interval
    p50: Interval
    p90: Interval
    p95: Interval
    p99: Interval
    least: float
    most: float


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """``after`` against ``before``: the difference with its 95 % interval, and what that means.

    ``share`` is the difference / before, None where before is 0.
    """

    metric: str
    before: float
    after: float
    difference: Interval
    share: float | None
    verdict: Verdict
    target: str = ""
    words: str = ""


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value at or below which ``share`` (0 to 1) of all lie, by nearest rank. ``ordered`` ascending, not empty."""
    return ordered[rank(len(ordered), share) - 1]


def spread(values: Sequence[float], *, seed: int = 0) -> Spread | None:
    """Mean and percentiles of a figure with their intervals; None where there is no value."""
    if not values:
        return None
    ordered = sorted(values)
    random = Random(seed)  # noqa: S311
    p50, p90, p95, p99 = (
        _interval(percentile(ordered, share), percentile_draw(ordered, share), random)
        for share in (0.5, 0.9, 0.95, 0.99)
    )
    mean = _interval(sum(ordered) / len(ordered), mean_draw(values), random)
    return Spread(len(ordered), mean, p50, p90, p95, p99, ordered[0], ordered[-1])


def share_interval(hits: int, of: int) -> Interval | None:
    """A share (0 to 1) with its Wilson interval, which also holds where there are few or no hits; None of nothing.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    if of <= 0:
        return None
    z = 1.959964
    share = hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * (share * (1 - share) / of + z * z / (4 * of * of)) ** 0.5
    return Interval(share, max(0.0, middle - half) if hits else 0.0, min(1.0, middle + half) if hits < of else 1.0)


def percentile_draw(ordered: Sequence[float], share: float) -> Draw:
    """Draws a bootstrapped percentile."""
    count = len(ordered)
    place = rank(count, share)

    def draw(random: Random) -> float:
        return ordered[min(count, max(1, ceil(count * random.betavariate(place, count + 1 - place)))) - 1]

    return draw


def mean_draw(values: Sequence[float]) -> Draw:
    """Draws a bootstrapped mean; more than 50 values are drawn as blocks of neighbours."""
    size = ceil(len(values) / _BLOCKS)
    blocks = [values[at : at + size] for at in range(0, len(values), size)]
    means = [sum(block) / len(block) for block in blocks]
    count = len(means)
    return lambda random: sum(random.choices(means, k=count)) / count


def share_draw(hits: int, of: int) -> Draw:
    """Draws a share from its posterior under Jeffreys' prior, Beta(hits + 1/2, misses + 1/2)."""
    return lambda random: random.betavariate(hits + 0.5, of - hits + 0.5)


def difference(
    metric: str, before: tuple[float, Draw], after: tuple[float, Draw], *, lower_is_better: bool, seed: int = 0
) -> Difference:
    """Compare a figure of two runs; each side is its value and what draws it again.

    The verdict is "better" or "worse" only where the interval of the difference leaves 0 out and the difference is more than
    2 % of what it was before.
    """
    random = Random(seed)  # noqa: S311
    change = after[0] - before[0]
    drawn = sorted(after[1](random) - before[1](random) for _ in range(RESAMPLES))
    low, high = _ends(drawn)
    share = change / before[0] if before[0] else None
    shown = (low > 0 or high < 0) and (share is None or abs(share) > _NEGLIGIBLE)
    verdict: Verdict = "no difference shown"
    if shown:
        verdict = "better" if (change < 0) == lower_is_better else "worse"
    return Difference(metric, before[0], after[0], Interval(change, low, high), share, verdict)


def _interval(value: float, draw: Draw, random: Random) -> Interval:
    low, high = _ends(sorted(draw(random) for _ in range(RESAMPLES)))
    return Interval(value, min(low, value), max(high, value))


def _ends(drawn: Sequence[float]) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    return percentile(drawn, tail), percentile(drawn, 1 - tail)
