"""One request with its attempts, its decision trace and its headers. Runs in the graphs' thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiconsole.domain.history import PastRequest, RequestRow
from aiconsole.domain.trace import Attempt
from aiconsole.store.request_table import rows
from aiconsole.store.traces import unpack_aside

if TYPE_CHECKING:
    from aiconsole.store.database import Database

_AROUND_S: Final = 60.0


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
    aside = unpack_aside(packed[0]) if packed else None
    if aside is None:
        return PastRequest(found[0], _attempts(database, number))
    return PastRequest(found[0], aside.trace.attempts, aside.trace, aside.headers)


def conversation(database: Database, row: RequestRow) -> str | None:
    """The id of the kept conversation in which a request's answer stands. Its turn began while the request ran."""
    found = database.execute_sql(
        "SELECT c.id FROM turn t JOIN conversation c ON c.number = t.conversation WHERE t.created_at BETWEEN ? AND ? "
        "AND c.deleted_at IS NULL AND json_extract(t.meta, '$.trace.request_id') = ? LIMIT 1",
        (row.started_at - _AROUND_S, row.finished_at + _AROUND_S, row.request_id),
    ).fetchone()
    return None if found is None else str(found[0])


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
