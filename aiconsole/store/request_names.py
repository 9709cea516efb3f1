"""Which names requests have, for a filter's choices. Runs in the graphs' thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiconsole.domain.history import RequestNames

if TYPE_CHECKING:
    from aiconsole.store.database import Database


def read(database: Database) -> tuple[RequestNames, ...]:
    """Every combination there is, by provider, model and route."""
    rows = database.execute_sql(
        "SELECT provider, model, route, origin, simulated FROM usage_series WHERE counted = 'requests' "
        "ORDER BY provider, model, route"
    )
    return tuple(
        RequestNames(provider, model, route, origin, bool(simulated))
        for provider, model, route, origin, simulated in rows.fetchall()
    )
