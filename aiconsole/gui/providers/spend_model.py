"""What was spent, day by day, as sums, as rows of a table, and as a file. Days are UTC, as spending limits count them."""

from __future__ import annotations

import csv
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from PySide6.QtCore import Qt

from ...domain.errors import ConfigError
from ...domain.history import Spend
from ...home import put_in_place
from ..figures import count, money, share
from ..requests.export import cell
from ..titled import NAME_ROLE, RIGHT, SORT_ROLE, Index, TitledTable, plain

DAY_S: Final = 86_400.0
FIELDS: Final = ("day_utc", "provider", "route", "usd", "requests", "requests_of_unknown_cost", "simulated")


def day_words(day: float) -> str:
    """A UTC day, such as Tue 24 Nov."""
    return time.strftime("%a %d %b", time.gmtime(day))


def month_start(now: float) -> float:
    """When the UTC month of ``now`` began, in epoch s."""
    return datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()


def by_day(spent: Iterable[Spend]) -> dict[float, dict[str, float]]:
    """USD by day and provider."""
    found: dict[float, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for one in spent:
        found[one.day][one.provider] += one.usd
    return {day: dict(parts) for day, parts in found.items()}


class Spent(msgspec.Struct, frozen=True):
    """What one provider cost on one route: USD today and in the range, its part of all (None where all is nothing), requests
    in the range and how many of these have no known cost."""

    provider: str
    route: str
    today: float | None
    usd: float
    part: float | None
    requests: int
    uncosted: int


def rows_of(spent: Sequence[Spend], today: float) -> tuple[Spent, ...]:
    """A row a provider and route, the dearest first."""
    grouped: dict[tuple[str, str], list[Spend]] = defaultdict(list)
    for one in spent:
        grouped[one.provider, one.route].append(one)
    whole = sum(one.usd for one in spent)
    rows = []
    for (provider, route), days in grouped.items():
        usd = sum(one.usd for one in days)
        of_today = [one.usd for one in days if one.day == today]
        rows.append(
            Spent(
                provider,
                route,
                sum(of_today) if of_today else None,
                usd,
                usd / whole if whole else None,
                sum(one.requests for one in days),
                sum(one.uncosted for one in days),
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.usd, row.provider, row.route)))


class SpendModel(TitledTable):
    """A row a provider and route."""

    TITLES = ("Provider", "Route", "Today", "In the range", "Share", "Requests", "Cost unknown")
    NUMBERS = (2, 3, 4, 5, 6)

    def __init__(self) -> None:
        super().__init__()
        self.rows: tuple[Spent, ...] = ()
        self._labels: Mapping[str, str] = {}

    def show(self, rows: Sequence[Spent], labels: Mapping[str, str]) -> None:
        """Show these, providers by their labels."""
        before, self._labels = self.rows, labels
        same = [(row.provider, row.route) for row in rows] == [(row.provider, row.route) for row in before]
        if not same:
            self.beginResetModel()
        self.rows = tuple(rows)
        if not same:
            self.endResetModel()
        elif self.rows != before:
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(self.TITLES) - 1))

    def rowCount(self, _parent: Index | None = None) -> int:
        return len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self.rows[index.row()], index.column()
        texts = (
            self._labels.get(row.provider, row.provider) or "nobody could be asked",
            row.route,
            money(row.today),
            money(row.usd),
            share(row.part),
            count(row.requests),
            count(row.uncosted),
        )
        if role == Qt.ItemDataRole.DisplayRole:
            return texts[column]
        if role == SORT_ROLE:
            return (texts[0].lower(), row.route.lower(), row.today, row.usd, row.part, row.requests, row.uncosted)[
                column
            ]
        if role == Qt.ItemDataRole.TextAlignmentRole and column in self.NUMBERS:
            return RIGHT
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self.TITLES[column]}: {texts[column]}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain(texts[column]) if column < 2 else None
        return row.provider if role == NAME_ROLE else None


def write_csv(path: Path, spent: Iterable[Spend], *, simulated: bool) -> int:
    """Write a line a day, provider and route to ``path``, whole or not at all; how many. Blocks while it writes.

    Raises:
        ConfigError: the file cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    lines = 0
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(FIELDS)
            for one in spent:
                day = time.strftime("%Y-%m-%d", time.gmtime(one.day))
                values = (day, one.provider, one.route, one.usd, one.requests, one.uncosted, simulated)
                writer.writerow([cell(value) for value in values])
                lines += 1
        put_in_place(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigError(
            f"{path.name} cannot be written: {error.strerror}.", advice="Choose another place."
        ) from error
    return lines
