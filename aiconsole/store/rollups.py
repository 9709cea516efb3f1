"""Sums of requests and attempts by ten seconds, minute, five minutes, hour, four hours and day. Runs in the writer's thread.

`Rollups.cell` counts into the finest in memory; `Rollups.write` puts those into every tier, in the transaction that writes the
rows they count: a row and its share of the sums are on the disk together or not at all. The buckets written last are kept as
they stand in the file until they are over, so a batch costs one row written a tier and series and no reading. Whoever owns a
`Rollups` lets go of it when a transaction fails, and begins with an empty one, which reads from the file again what it needs.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from aiconsole.domain.errors import CALLERS_KINDS
from aiconsole.store.sketch import MOST_PACKED, bucket_of, pack, unpack
from aiconsole.store.writer import give_way

if TYPE_CHECKING:
    from aiconsole.domain.chat import Cost, Usage

FINEST: Final = 10
DAY: Final = 86_400
TIERS: Final = (FINEST, 60, 300, 3600, 14_400, DAY)
"""Length of a bucket in s, finest first. Each divides the next."""

PICO: Final = 1_000_000_000_000
_MOST: Final = 2**62
_KEPT: Final = 4096
_LATE_S: Final = 60
_STEP: Final = 20
_SUMS: Final = (
    "count",
    "failures",
    "refusals",
    "cancelled",
    "cached",
    "uncosted",
    "attempts",
    "prompt",
    "completion",
    "cost_pico",
    "saved_pico",
    "saved_us",
    "duration_us",
)
SUM_COLUMNS: Final = (*_SUMS, "latency", "ttft", "errors")
_COLUMNS: Final = ", ".join(SUM_COLUMNS)
_READ: Final = f"SELECT {_COLUMNS} FROM usage_rollup WHERE tier = ? AND series = ? AND start = ?"  # noqa: S608
_WRITE: Final = (
    f"INSERT OR REPLACE INTO usage_rollup (tier, series, start, {_COLUMNS}) "  # noqa: S608
    f"VALUES ({', '.join('?' * (len(_SUMS) + 6))})"
)


class Cell:
    """What one bucket of one series holds; fields as the columns of ``usage_rollup``."""

    __slots__ = (*_SUMS, "errors", "latency", "ttft")

    count: int
    failures: int
    refusals: int
    cancelled: int
    cached: int
    uncosted: int
    attempts: int
    prompt: int
    completion: int
    cost_pico: int
    saved_pico: int
    saved_us: int
    duration_us: int

    def __init__(self) -> None:
        for name in _SUMS:
            setattr(self, name, 0)
        self.latency: dict[int, int] = {}
        self.ttft: dict[int, int] = {}
        self.errors: dict[int, int] = {}

    def add(
        self,
        error: tuple[int, str] | None,
        duration_us: int,
        ttft_us: int | None,
        usage: Usage,
        cost: Cost | None,
        attempts: int = 1,
    ) -> None:
        """Count one; ``error`` as the label's id and its kind. Ids too large to be packed are left out of the kinds."""
        self.count += 1
        self.attempts += attempts
        self.prompt += usage.prompt or 0
        self.completion += usage.completion or 0
        if cost is not None:
            self.cost_pico += pico(cost.usd)
        if error is not None:
            number, kind = error
            if number <= MOST_PACKED:
                self.errors[number] = self.errors.get(number, 0) + 1
            if kind == "cancelled":
                self.cancelled += 1
            elif kind in CALLERS_KINDS:
                self.refusals += 1
            else:
                self.failures += 1
            return
        if cost is None:
            self.uncosted += 1
        self.duration_us += duration_us
        bucket = bucket_of(duration_us / 1e3)
        self.latency[bucket] = self.latency.get(bucket, 0) + 1
        if ttft_us is not None:
            bucket = bucket_of(ttft_us / 1e3)
            self.ttft[bucket] = self.ttft.get(bucket, 0) + 1

    def merge(self, other: Cell) -> None:
        """Take in all that another holds."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for mine, more in ((self.latency, other.latency), (self.ttft, other.ttft), (self.errors, other.errors)):
            for number, count in more.items():
                mine[number] = mine.get(number, 0) + count

    def columns(self) -> tuple[int | bytes, ...]:
        """As `_COLUMNS` are stored."""
        sums = (min(getattr(self, name), _MOST) for name in _SUMS)
        return (*sums, pack(self.latency), pack(self.ttft), pack(self.errors))


def _read(connection: sqlite3.Connection, key: tuple[int, int, int]) -> Cell:
    return _cell(connection.execute(_READ, key).fetchone())


def _cell(row: tuple[Any, ...] | None) -> Cell:
    cell = Cell()
    if row is not None:
        for name, value in zip(_SUMS, row, strict=False):
            setattr(cell, name, value)
        cell.latency, cell.ttft, cell.errors = (unpack(data) for data in row[-3:])
    return cell


def add_sums(connection: sqlite3.Connection, key: tuple[int, int, int], row: tuple[Any, ...]) -> None:
    """Add sums from elsewhere, as `SUM_COLUMNS` hold them, to a bucket's. A `Rollups` of before must not be used after it.

    Raises:
        TypeError, ValueError, struct.error: they are no sums; nothing is written.
    """
    cell = _read(connection, key)
    cell.merge(_cell(row))
    connection.execute(_WRITE, (*key, *cell.columns()))


class Rollups:
    """See the module. Keys are (tier, series, start).

    Args:
        sums_of: the series that sum over a series.
    """

    def __init__(self, sums_of: Callable[[int], tuple[int, ...]]) -> None:
        self._sums_of = sums_of
        self._fresh: dict[tuple[int, int], Cell] = {}
        self._written: dict[tuple[int, int, int], Cell] = {}

    def cell(self, series: int, at_s: int) -> Cell:
        """Where to count what happened at ``at_s`` (whole epoch seconds)."""
        key = (series, at_s - at_s % FINEST)
        found = self._fresh.get(key)
        if found is None:
            found = self._fresh[key] = Cell()
        return found

    def write(self, connection: sqlite3.Connection) -> None:
        """Put what was counted since the last time into every tier."""
        touched: dict[tuple[int, int, int], Cell] = {}
        sums: defaultdict[tuple[int, int], Cell] = defaultdict(Cell)
        for (series, start), fresh in self._fresh.items():
            for whole in self._sums_of(series):
                sums[whole, start].merge(fresh)
        self._fresh |= sums
        for number, ((series, start), fresh) in enumerate(self._fresh.items(), 1):
            if number % _STEP == 0:
                give_way()
            for tier in TIERS:
                key = (tier, series, start - start % tier)
                cell = touched.get(key)
                if cell is None:
                    written = self._written.pop(key) if key in self._written else _read(connection, key)
                    cell = touched[key] = written
                cell.merge(fresh)
        newest = max((start for _, start in self._fresh), default=0)
        self._fresh.clear()
        for number, (key, cell) in enumerate(touched.items(), 1):
            connection.execute(_WRITE, (*key, *cell.columns()))
            if number % _STEP == 0:
                give_way()
        self._written |= touched
        over = [key for key in self._written if key[0] + key[2] <= newest - _LATE_S]
        for key in over:
            del self._written[key]
        while len(self._written) > _KEPT:
            del self._written[next(iter(self._written))]


def pico(usd: float) -> int:
    """Whole pico-dollars, at most 10,000 USD so that a wrong figure spoils no sum; 0 for what is no amount."""
    return round(min(usd, 10_000.0) * PICO) if usd > 0.0 else 0
