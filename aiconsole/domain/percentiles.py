"""Percentiles by nearest rank: of values at hand, and from a small mergeable histogram, so that they are never averaged.

The histogram's buckets grow geometrically, so the error is relative and the same everywhere: a percentile read is within 2 %
of the sample it stands for, and merging loses nothing. Source: Masson, Rim, Lee, "DDSketch: A Fast and Fully-Mergeable
Quantile Sketch with Relative-Error Guarantees", VLDB 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, log
from typing import Final

RELATIVE_ERROR: Final = 0.02
_GAMMA: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_PER_LOG: Final = 1 / log(_GAMMA)
_LEAST: Final = 1e-3
_MOST: Final = 1e12


def rank(count: int, share: float) -> int:
    """The place, from 1, of the smallest of ``count`` values (one or more) in order that ``share`` (0 to 1) of all do not
    exceed. The little that is taken off keeps 0.07 x 100, which is more than 7 in floating point, at the seventh."""
    return min(count, max(1, ceil(share * count - 1e-9)))


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The value at that rank of ``ordered``, which ascends; None where there is none."""
    return ordered[rank(len(ordered), share) - 1] if ordered else None


class Histogram:
    """Counts positive samples of any one unit (ms mostly). Samples outside 0.001 to 1e12 count as the nearer end, so there
    are at most some 860 buckets; times of one provider fill about 60."""

    __slots__ = ("_buckets", "count")

    def __init__(self, buckets: Mapping[int, int] | None = None) -> None:
        self._buckets: dict[int, int] = dict(buckets) if buckets else {}
        self.count = sum(self._buckets.values())

    def add(self, value: float) -> None:
        index = ceil(log(min(max(value, _LEAST), _MOST)) * _PER_LOG)
        self._buckets[index] = self._buckets.get(index, 0) + 1
        self.count += 1

    @property
    def buckets(self) -> dict[int, int]:
        """A copy of the counts by bucket, for keeping; `Histogram` takes it back."""
        return dict(self._buckets)

    @classmethod
    def merged(cls, parts: Iterable[Histogram]) -> Histogram:
        """One histogram of all samples of the parts."""
        whole = cls()
        for part in parts:
            for index, count in part._buckets.items():
                whole._buckets[index] = whole._buckets.get(index, 0) + count
            whole.count += part.count
        return whole

    def quantile(self, share: float) -> float | None:
        """The sample below or at which ``share`` (0 to 1) of all lie, by nearest rank; None where there is no sample."""
        return self.quantiles((share,))[0]

    def quantiles(self, shares: tuple[float, ...]) -> tuple[float | None, ...]:
        """Several quantiles in one pass; ``shares`` in ascending order."""
        if not self.count:
            return (None,) * len(shares)
        found: list[float | None] = []
        seen = 0
        ordered = iter(sorted(self._buckets.items()))
        index = 0
        for share in shares:
            place = rank(self.count, share)
            while seen < place:
                index, count = next(ordered)
                seen += count
            found.append(2 * _GAMMA**index / (_GAMMA + 1))
        return tuple(found)
