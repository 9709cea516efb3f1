"""What a benchmark returns, and how it is printed."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One figure. ``target`` says in words what was to be reached, "" where the row is a baseline or for information."""

    name: str
    value: float
    unit: str
    target: str = ""
    met: bool | None = None


def print_rows(title: str, rows: list[Row]) -> None:
    """Print a benchmark's rows as a table."""
    print(f"## {title}")
    width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        verdict = "" if row.met is None else ("  ok" if row.met else "  NOT MET")
        wanted = f"  (to reach: {row.target}){verdict}" if row.target else ""
        print(f"{row.name.ljust(width)}  {_figure(row.value):>12} {row.unit}{wanted}")
    print(flush=True)


def _figure(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
