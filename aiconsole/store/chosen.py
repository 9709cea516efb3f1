"""Which series a question is about: the sums that stand ready where they answer it, else the single series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from aiconsole.domain.history import Of

if TYPE_CHECKING:
    from aiconsole.store.database import Database

By = Literal["provider", "model", "all"]
Chosen = dict[int, tuple[str, str]]
"""Series by id, with the provider and model of the line each belongs to."""


def choose(
    database: Database,
    of: Of,
    by: By = "all",
    *,
    provider: str = "",
    model: str = "",
    route: str = "",
    origins: Sequence[str] = (),
    simulated: bool = False,
) -> Chosen:
    """The series that together hold what is let through."""
    counted = f"all {of}"
    if model or route or origins or by == "model":
        counted = of
    elif provider or by == "provider":
        counted = f"{of} by provider"
    rows = database.execute_sql(
        "SELECT id, provider, model, route, origin FROM usage_series WHERE counted = ? AND simulated = ?",
        (counted, simulated),
    )
    return {
        number: ("" if by == "all" else who, what if by == "model" else "")
        for number, who, what, way, origin in rows.fetchall()
        if provider in ("", who) and model in ("", what) and route in ("", way) and (not origins or origin in origins)
    }
