"""One request with its attempts and its decision trace. Runs in the graphs' thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiconsole.domain.history import PastRequest
from aiconsole.domain.trace import Attempt
from aiconsole.store.request_table import rows
from aiconsole.store.traces import unpack_trace

if TYPE_CHECKING:
    from aiconsole.store.database import Database


def named(database: Database, request_id: str) -> PastRequest | None:
    """The newest request with this id of the router's."""
    found = database.execute_sql("SELECT max(id) FROM usage_request WHERE request_id = ?", (request_id,)).fetchone()[0]
    return None if found is None else read(database, found)


def read(database: Database, number: int) -> PastRequest | None:
    """The request with this id of the table's."""
    found = rows(database, [number])
    if not found:
        return None
    packed = database.execute_sql("SELECT trace FROM usage_trace WHERE id = ?", (number,)).fetchone()
    trace = unpack_trace(packed[0]) if packed else None
    attempts = trace.attempts if trace else _attempts(database, number)
    return PastRequest(found[0], attempts, trace)


def _attempts(database: Database, number: int) -> tuple[Attempt, ...]:
    kept = database.execute_sql(
        "SELECT candidate, number, began_ms, duration_ms, outcome, ttft_ms, error_kind, error, status, cost_usd "
        "FROM request_attempts WHERE api_usage_log = ? ORDER BY number",
        (number,),
    )
    return tuple(
        Attempt(candidate, place, began, took, outcome, ttft, kind, error or "", status, cost)
        for candidate, place, began, took, outcome, ttft, kind, error, status, cost in kept.fetchall()
    )
