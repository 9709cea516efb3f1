"""Names that stand once in the file: texts in ``label``, and who was counted in ``usage_series``. For the writer's thread."""

from __future__ import annotations

import sqlite3

Series = tuple[str, str, str, str, str, bool]
"""Counted, provider, model, route, origin, simulated. Counted is "requests" or "attempts"; series that are sums of others are
counted "requests by provider" or "all requests" (and the like), with "" for what they sum over."""


class Names:
    """Ids of names, given to new ones as they come. Valid until a transaction in which it was used is rolled back."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sums: dict[int, tuple[int, ...]] = {}
        self._labels: dict[str, int] = {
            text: number for number, text in connection.execute("SELECT id, text FROM label")
        }
        self._series: dict[Series, int] = {
            (*names, bool(simulated)): number
            for number, *names, simulated in connection.execute(
                "SELECT id, counted, provider, model, route, origin, simulated FROM usage_series"
            )
        }

    def label(self, text: str) -> int:
        """The id of a text."""
        found = self._labels.get(text)
        if found is None:
            found = self._connection.execute("INSERT INTO label (text) VALUES (?)", (text,)).lastrowid or 0
            self._labels[text] = found
        return found

    def sums_of(self, number: int) -> tuple[int, ...]:
        """The ids of the series that sum over the one with this id."""
        found = self._sums.get(number)
        if found is None:
            counted, provider, *_, simulated = next(key for key, one in self._series.items() if one == number)
            found = self._sums[number] = (
                self.series((f"{counted} by provider", provider, "", "", "", simulated)),
                self.series((f"all {counted}", "", "", "", "", simulated)),
            )
        return found

    def series(self, series: Series) -> int:
        """The id of a series."""
        found = self._series.get(series)
        if found is None:
            found = (
                self._connection.execute(
                    "INSERT INTO usage_series (counted, provider, model, route, origin, simulated) VALUES (?, ?, ?, ?, ?, ?)",
                    series,
                ).lastrowid
                or 0
            )
            self._series[series] = found
        return found
