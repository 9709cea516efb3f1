"""Latencies as mergeable histograms: a DDSketch whose buckets grow geometrically, so that every quantile is within 1 %.

A packed one is pairs of unsigned 16-bit numbers, little-endian: bucket and count. A count above 65,535 takes several pairs, and
pairs need no order (ours have it, as that is quicker to read), so packed histograms are merged by putting one behind the
other. Sums of error kinds are packed the same way, with ids of ``label`` in place of buckets. Source of the mapping: Masson,
Rim, Lee, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", VLDB 2019.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from itertools import chain
from math import ceil, log
from typing import Final

RELATIVE_ERROR: Final = 0.0099
"""Less than 1 %, so that rounding to microseconds stays within it."""

GAMMA: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
LEAST_MS: Final = 1e-3
"""What is shorter counts as this."""

MOST_PACKED: Final = 0xFFFF
"""The largest number there is room for."""

_PER_LOG: Final = 1 / log(GAMMA)


def bucket_of(ms: float) -> int:
    """The bucket a duration belongs to."""
    return min(ceil(log(ms / LEAST_MS) * _PER_LOG), MOST_PACKED) if ms > LEAST_MS else 0


def value_of(bucket: int) -> float:
    """The duration in ms that stands for a bucket: at most `RELATIVE_ERROR` from each in it."""
    return LEAST_MS * 2 * GAMMA**bucket / (GAMMA + 1)


def pack(counts: Mapping[int, int]) -> bytes:
    """Counts by number (both at least 0, numbers up to 65,535) as bytes."""
    ordered = sorted(counts.items())
    if max(counts.values(), default=0) <= MOST_PACKED:
        return struct.pack(f"<{2 * len(counts)}H", *chain.from_iterable(ordered))
    pairs: list[int] = []
    for number, count in ordered:
        whole, rest = divmod(count, MOST_PACKED)
        pairs += (number, MOST_PACKED) * whole
        pairs += (number, rest)
    return struct.pack(f"<{len(pairs)}H", *pairs)


def unpack(data: bytes) -> dict[int, int]:
    """The counts again."""
    counts: dict[int, int] = {}
    for number, count in struct.iter_unpack("<HH", data):
        counts[number] = counts.get(number, 0) + count
    return counts
