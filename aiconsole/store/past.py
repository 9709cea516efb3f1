"""What happened besides requests, and what was spent. Each function takes the database first; runs in the graphs' thread."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from aiconsole.domain.history import BreakerSpan, EventKind, FailureCount, HealthSpan, PastEvent, Spend
from aiconsole.store.retention import ids_at
from aiconsole.store.rollups import DAY, PICO

if TYPE_CHECKING:
    from aiconsole.store.database import Database

_FALLBACKS: Final = ("switch", "continued", "rule", "hedge", "limit")


def breaker_spans(database: Database, start: float, end: float, simulated: bool) -> tuple[BreakerSpan, ...]:
    """The states of every breaker that ever changed until ``end``, by breaker and time, cut to the range."""
    keys = database.execute_sql(
        "SELECT DISTINCT breaker FROM breaker_events WHERE simulated = ? ORDER BY 1", (simulated,)
    )
    return tuple(span for (key,) in keys.fetchall() for span in _spans(database, key, start, end, simulated))


def _spans(database: Database, key: str, start: float, end: float, simulated: bool) -> Iterable[BreakerSpan]:
    columns = (
        "SELECT at, state_before, state_after, reason, observe_only FROM breaker_events "
        "WHERE simulated = ? AND breaker = ?"
    )
    before = database.execute_sql(f"{columns} AND id < ? ORDER BY id DESC LIMIT 1", (simulated, key, ids_at(start)))
    rows = before.fetchall()
    rows += database.execute_sql(
        f"{columns} AND id >= ? AND id < ? ORDER BY id", (simulated, key, ids_at(start), ids_at(end))
    ).fetchall()
    if rows and rows[0][0] > start:
        yield BreakerSpan(key, rows[0][1], start, rows[0][0], "")
    for row, follower in zip(rows, [*rows[1:], None], strict=True):
        at, _, state, reason, observe_only = row
        until = follower[0] if follower else None
        yield BreakerSpan(key, state, max(at, start), until, reason, bool(observe_only))


def health_spans(database: Database, start: float, end: float, simulated: bool) -> tuple[HealthSpan, ...]:
    """Spans of health that reach into the range, by provider and time."""
    rows = database.execute_sql(
        "SELECT provider, started_at, last_seen_at, healthy, looks, latency_ms, error_kind, reason "
        "FROM provider_health_status WHERE simulated = ? AND last_seen_at >= ? AND started_at < ? ORDER BY provider, id",
        (simulated, start, end),
    )
    return tuple(_health_span(*row) for row in rows.fetchall())


def last_looks(database: Database, simulated: bool) -> tuple[HealthSpan, ...]:
    """The newest span of health of each provider."""
    rows = database.execute_sql(
        "SELECT provider, started_at, last_seen_at, healthy, looks, latency_ms, error_kind, reason "
        "FROM provider_health_latest WHERE simulated = ?",
        (simulated,),
    )
    return tuple(_health_span(*row) for row in rows.fetchall())


def _health_span(
    provider: str,
    began: float,
    seen: float,
    healthy: int,
    looks: int,
    latency_ms: float | None,
    error_kind: str | None,
    reason: str,
) -> HealthSpan:
    return HealthSpan(provider, began, seen, bool(healthy), looks, latency_ms, error_kind, reason)


def events(
    database: Database, start: float, end: float, limit: int, kinds: frozenset[EventKind], simulated: bool
) -> tuple[PastEvent, ...]:
    """The newest ``limit`` of the range, newest first; of all kinds but the cache's where ``kinds`` is empty."""
    low, high = ids_at(start), ids_at(end)
    found: list[PastEvent] = []

    def wanted(kind: EventKind) -> bool:
        return kind in kinds or (not kinds and kind != "cache")

    def take(kind: EventKind, sql: str, *values: Any) -> None:
        if wanted(kind):
            rows = database.execute_sql(
                f"{sql} AND id >= ? AND id < ? ORDER BY id DESC LIMIT ?", (*values, low, high, limit)
            )
            found.extend(PastEvent(row[0], kind, *row[1:]) for row in rows.fetchall())

    take(
        "breaker",
        "SELECT at, breaker, state_before || ' → ' || state_after || ': ' || reason FROM breaker_events WHERE simulated = ?",
        simulated,
    )
    for kind in _FALLBACKS:
        take(
            kind,
            "SELECT at, iif(next = '', subject, subject || ' → ' || next), words, route, request_id "
            "FROM fallback_events WHERE simulated = ? AND kind = ?",
            simulated,
            kind,
        )
    take(
        "health",
        "SELECT started_at, provider, iif(healthy, 'healthy', coalesce(error_kind, 'unhealthy')) || "
        "iif(reason = '', '', ': ' || reason) FROM provider_health_status WHERE simulated = ?",
        simulated,
    )
    take(
        "cache",
        "SELECT at, entry, step || iif(reason = '', '', ': ' || reason) FROM cache_events WHERE simulated = ?",
        simulated,
    )
    take("action", "SELECT at, subject, action FROM user_activity WHERE 1")
    take("alert", "SELECT at, subject, severity || ', ' || state || ': ' || summary FROM alerts WHERE 1")
    if wanted("failed request"):
        found.extend(_failed(database, low, high, limit, simulated))
    found.sort(key=lambda event: event.at, reverse=True)
    return tuple(found[:limit])


def _failed(database: Database, low: int, high: int, limit: int, simulated: bool) -> list[PastEvent]:
    rows = database.execute_sql(
        "SELECT (f.id >> 20) / 1e3, s.provider || '/' || s.model, k.text || iif(f.error = '', '', ': ' || f.error), "
        "s.route, r.request_id FROM usage_failure f JOIN usage_request r ON r.id = f.id "
        "JOIN usage_series s ON s.id = f.series JOIN label k ON k.id = f.error_kind "
        "WHERE s.simulated = ? AND f.id >= ? AND f.id < ? ORDER BY f.id DESC LIMIT ?",
        (simulated, low, high, limit),
    )
    return [PastEvent(at, "failed request", *words) for at, *words in rows.fetchall()]


def failures(database: Database, start: float, end: float, provider: str, simulated: bool) -> tuple[FailureCount, ...]:
    """Failed requests by kind, the most frequent first. SQLite takes the bare column beside max() from the row that has the
    maximum (its documentation, "Bare columns in an aggregate query"), so the words are the newest one's."""
    rows = database.execute_sql(
        "SELECT k.text, count(*), (max(f.id) >> 20) / 1e3, f.error FROM usage_failure f "
        "JOIN usage_series s ON s.id = f.series JOIN label k ON k.id = f.error_kind "
        "WHERE f.id >= ? AND f.id < ? AND s.simulated = ? AND ? IN ('', s.provider) GROUP BY 1 ORDER BY 2 DESC, 1",
        (ids_at(start), ids_at(end), simulated, provider),
    )
    return tuple(FailureCount(*row) for row in rows.fetchall())


def spend(database: Database, start: float, end: float, simulated: bool) -> tuple[Spend, ...]:
    """What requests cost by UTC day, provider and route, of the days that begin in the range, in order of the day."""
    rows = database.execute_sql(
        "SELECT u.start, s.provider, s.route, sum(u.cost_pico), sum(u.count), sum(u.uncosted) FROM usage_rollup u "
        "JOIN usage_series s ON s.id = u.series WHERE u.tier = ? AND s.counted = 'requests' AND s.simulated = ? "
        "AND u.series IN (SELECT id FROM usage_series) AND u.start >= ? AND u.start < ? GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        (DAY, simulated, start, end),
    )
    return tuple(
        Spend(day, provider, route, cost / PICO, *rest) for day, provider, route, cost, *rest in rows.fetchall()
    )


def lookups(database: Database, start: float, end: float, simulated: bool) -> tuple[int, int]:
    """Repeated look-ups in the response cache and how many of them hit, in the hours that the range touches."""
    row = database.execute_sql(
        "SELECT sum(repeated), sum(hits) FROM cache_rollup WHERE tier = 3600 AND simulated = ? AND start > ? AND start < ?",
        (simulated, start - 3600, end),
    ).fetchone()
    return row[0] or 0, row[1] or 0
