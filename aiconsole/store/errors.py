"""The store's door for tracked errors: takes in what was seen, says what is remarkable about it, and lists the groups."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING, Final

import msgspec

from aiconsole.domain.error_groups import ErrorFinding, ErrorGroup, ErrorSeen

if TYPE_CHECKING:
    from aiconsole.store.database import Database
    from aiconsole.store.store import Store

QUIET_S: Final = 24 * 3600.0
"""An error that did not come for so long, or was called done, is a regression when it comes again."""

USUAL_HOURS: Final = 7 * 24
SPIKE_LEAST: Final = 10
SPIKE_SIGMAS: Final = 4.0
KEPT_S: Final = 400 * 86400.0

_HOUR: Final = 3600.0
_GROUP: Final = ErrorGroup.__struct_fields__


class ErrorStore:
    """Every method may raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def take_in(self, seen: Sequence[ErrorSeen], now: float) -> tuple[ErrorFinding, ...]:
        """Add what was seen since the last time to its groups, and tell what is remarkable.

        A spike is an hour with at least `SPIKE_LEAST` errors that lies `SPIKE_SIGMAS` standard deviations of a Poisson
        process above the mean of the seven days before; it is told once an hour.
        """
        redact = self._store.redact
        clean = [msgspec.structs.replace(each, words=redact(each.words), sample=redact(each.sample)) for each in seen]
        return await self._store.write(lambda database: tuple(_take_in(database, clean, now)))

    async def groups(self, *, since: float = 0.0, limit: int = 200) -> tuple[ErrorGroup, ...]:
        """Groups seen since then, the latest first."""
        sql = (
            f"SELECT {', '.join(_GROUP)} FROM error_groups WHERE last_seen >= ? "  # noqa: S608
            "ORDER BY last_seen DESC LIMIT ?"
        )
        rows = await self._store.read(lambda database: database.execute_sql(sql, (since, limit)).fetchall(), "tables")
        return tuple(ErrorGroup(*row) for row in rows)

    async def hours(self, fingerprint: str, since: float) -> tuple[tuple[float, int], ...]:
        """How often a group came in each hour that had any: (epoch seconds of its beginning, count)."""
        sql = "SELECT hour * 3600.0, count FROM error_hours WHERE fingerprint = ? AND hour >= ? ORDER BY hour"
        values = (fingerprint, int(since // _HOUR))
        rows = await self._store.read(lambda database: database.execute_sql(sql, values).fetchall(), "tables")
        return tuple((start, count) for start, count in rows)

    async def resolve(self, fingerprint: str, now: float) -> None:
        """Call a group done: if it comes again, that is a regression."""
        sql = "UPDATE error_groups SET resolved_at = ? WHERE fingerprint = ?"
        await self._store.write(lambda database: database.execute_sql(sql, (now, fingerprint)) and None)


def _take_in(database: Database, seen: Sequence[ErrorSeen], now: float) -> list[ErrorFinding]:
    findings = []
    for each in seen:
        before = _find(database, each.fingerprint)
        earlier = 0 if before is None else _count(database, each.fingerprint, each.last)
        _add(database, each)
        group = _find(database, each.fingerprint)
        assert group is not None
        in_hour = _count(database, each.fingerprint, each.last)
        gone = before is not None and (before.resolved_at is not None or each.first - before.last_seen > QUIET_S)
        if before is None or gone:
            findings.append(ErrorFinding("new" if before is None else "regression", group, in_hour))
            continue
        usual = _usual(database, group, each.last)
        limit = max(SPIKE_LEAST - 1, usual + SPIKE_SIGMAS * sqrt(usual))
        if in_hour > limit >= earlier:
            findings.append(ErrorFinding("spike", group, in_hour, usual))
    oldest = int((now - (USUAL_HOURS + 2) * _HOUR) // _HOUR)
    database.execute_sql("DELETE FROM error_hours WHERE hour < ?", (oldest,))
    database.execute_sql("DELETE FROM error_groups WHERE last_seen < ?", (now - KEPT_S,))
    return findings


def _find(database: Database, fingerprint: str) -> ErrorGroup | None:
    sql = f"SELECT {', '.join(_GROUP)} FROM error_groups WHERE fingerprint = ?"  # noqa: S608
    row = database.execute_sql(sql, (fingerprint,)).fetchone()
    return None if row is None else ErrorGroup(*row)


def _add(database: Database, seen: ErrorSeen) -> None:
    database.execute_sql(
        "INSERT INTO error_groups (fingerprint, source, kind, provider, model, status, words, sample, count, first_seen, "
        "last_seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (fingerprint) DO UPDATE SET "
        "sample = excluded.sample, count = count + excluded.count, last_seen = max(last_seen, excluded.last_seen), "
        "resolved_at = NULL",
        (
            seen.fingerprint,
            seen.source,
            seen.kind,
            seen.provider,
            seen.model,
            seen.status,
            seen.words,
            seen.sample,
            seen.count,
            seen.first,
            seen.last,
        ),
    )
    database.execute_sql(
        "INSERT INTO error_hours VALUES (?, ?, ?) ON CONFLICT (fingerprint, hour) DO UPDATE SET "
        "count = count + excluded.count",
        (seen.fingerprint, int(seen.last // _HOUR), seen.count),
    )


def _count(database: Database, fingerprint: str, at: float) -> int:
    """How often it came in the clock hour of ``at``."""
    sql = "SELECT count FROM error_hours WHERE fingerprint = ? AND hour = ?"
    row = database.execute_sql(sql, (fingerprint, int(at // _HOUR))).fetchone()
    return 0 if row is None else int(row[0])


def _usual(database: Database, group: ErrorGroup, at: float) -> float:
    """How often it came an hour in the seven days before the hour of ``at``, or since it was first seen."""
    hour = int(at // _HOUR)
    hours = min(USUAL_HOURS, hour - int(group.first_seen // _HOUR))
    if hours <= 0:
        return float("inf")
    (total,) = database.execute_sql(
        "SELECT coalesce(sum(count), 0) FROM error_hours WHERE fingerprint = ? AND hour >= ? AND hour < ?",
        (group.fingerprint, hour - hours, hour),
    ).fetchone()
    return float(total) / hours
