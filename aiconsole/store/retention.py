"""How long what happened is kept, table by table, and which tier of the rollups still reaches how far back.

`next_step` deletes a bounded number of rows, so that the writer is never held long; `Store.prune` repeats it until nothing is
too old. Room in the file is used again; the file does not shrink.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from aiconsole.store.rollups import DAY, TIERS

if TYPE_CHECKING:
    from aiconsole.store.database import Database

_AT_ONCE: Final = 2_000


class Retention(msgspec.Struct, frozen=True):
    """Days; 0 keeps for ever. ``rollups`` are in the order of `TIERS`."""

    requests: float = 90
    traces: float = 30
    rollups: tuple[float, ...] = (2, 14, 60, 400, 400, 0)
    events: float = 400
    cache_events: float = 30
    activity: float = 400

    def reach(self, tier: int) -> float:
        """How far back a tier goes for sure, in s."""
        days = self.rollups[TIERS.index(tier)]
        return days * DAY if days else float("inf")


def ids_at(at: float) -> int:
    """The least id of anything that ended or happened at ``at`` (epoch s) or later."""
    return int(min(max(at, 0.0) * 1000, 2**42)) << 20


def next_step(database: Database, retention: Retention, now: float) -> bool:
    """Delete some of what is too old; False when nothing was left to delete."""
    by_id = (
        ("usage_trace", "id", retention.traces),
        ("usage_trace", "id", retention.requests),
        ("usage_attempt", "request", retention.requests),
        ("usage_failure", "id", retention.requests),
        ("usage_request", "id", retention.requests),
        ("breaker_events", "id", retention.events),
        ("fallback_events", "id", retention.events),
        ("alerts", "id", retention.events),
        ("cache_events", "id", retention.cache_events),
        ("user_activity", "id", retention.activity),
    )
    for table, key, days in by_id:
        if days and _delete(database, table, key, ids_at(now - days * DAY)):
            return True
    if retention.events and _delete_health(database, now - retention.events * DAY):
        return True
    series = [number for (number,) in database.execute_sql("SELECT id FROM usage_series").fetchall()]
    return any(
        days
        and (_delete_sums(database, tier, series, now - days * DAY) or _delete_cache(database, tier, now - days * DAY))
        for tier, days in zip(TIERS, retention.rollups, strict=True)
    )


def _delete(database: Database, table: str, key: str, before: int) -> int:
    edge = database.execute_sql(
        f"SELECT max({key}) FROM (SELECT {key} FROM {table} WHERE {key} < ? ORDER BY {key} LIMIT ?)",  # noqa: S608
        (before, _AT_ONCE),
    ).fetchone()[0]
    if edge is None:
        return 0
    return database.execute_sql(f"DELETE FROM {table} WHERE {key} <= ?", (edge,)).rowcount  # noqa: S608


def _delete_health(database: Database, before: float) -> int:
    """Spans of health that are over; one that began long ago may go on."""
    return database.execute_sql(
        "DELETE FROM provider_health_status WHERE id IN "
        "(SELECT id FROM provider_health_status WHERE id < ? AND last_seen_at < ? LIMIT ?)",
        (ids_at(before), before, _AT_ONCE),
    ).rowcount


def _delete_sums(database: Database, tier: int, series: Sequence[int], before: float) -> int:
    where = "tier = ? AND series = ? AND start < ?"
    for number in series:
        edge = database.execute_sql(
            f"SELECT max(start) FROM (SELECT start FROM usage_rollup WHERE {where} ORDER BY start LIMIT ?)",  # noqa: S608
            (tier, number, before - tier, _AT_ONCE),
        ).fetchone()[0]
        if edge is not None:
            found = database.execute_sql(f"DELETE FROM usage_rollup WHERE {where}", (tier, number, edge + 1))  # noqa: S608
            return found.rowcount
    return 0


def _delete_cache(database: Database, tier: int, before: float) -> int:
    where = "tier = ? AND start < ?"
    return database.execute_sql(f"DELETE FROM cache_rollup WHERE {where}", (tier, before - tier)).rowcount  # noqa: S608
