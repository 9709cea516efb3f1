"""Names that stand once in the file: texts in ``label``, and who was counted in ``usage_series``. For the writer's thread."""

from __future__ import annotations

import sqlite3

Series = tuple[str, str, str, str, str, bool]
"""Counted ("requests" or "attempts"), provider, model, route, origin, simulated."""


class Names:
    """Ids of names, given to new ones as they come. Valid until a transaction in which it was used is rolled back."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
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
