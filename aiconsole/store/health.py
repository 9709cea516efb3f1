"""Looks at a provider's health as spans in which each look found the same. Runs in the writer's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from aiconsole.domain.events import HealthSeen


class _Span:
    __slots__ = ("healthy", "kind", "last_seen", "latency_ms", "looks", "number", "reason", "started")

    def __init__(self, healthy: bool, kind: str | None, started: float, number: int | None = None) -> None:
        self.healthy = healthy
        self.kind = kind
        self.started = started
        self.last_seen = started
        self.looks = 0
        self.latency_ms: float | None = None
        self.reason = ""
        self.number = number


class HealthSpans:
    """Collects looks and writes the spans they make."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._open: dict[tuple[str, bool], _Span] = {}
        self._changed: list[tuple[tuple[str, bool], _Span]] = []

    def add(self, event: HealthSeen, at: float, reason: str) -> None:
        """Take one look into account."""
        key = (event.provider, event.simulated)
        if key not in self._open:
            self._open[key] = self._read(key) or _Span(event.healthy, event.error_kind, at)
        span = self._open[key]
        if (span.healthy, span.kind) != (event.healthy, event.error_kind):
            span = self._open[key] = _Span(event.healthy, event.error_kind, at)
        span.last_seen = max(span.last_seen, at)
        span.looks += 1
        span.latency_ms = event.latency_ms
        span.reason = reason
        self._changed.append((key, span))

    def _read(self, key: tuple[str, bool]) -> _Span | None:
        row = self._connection.execute(
            "SELECT healthy, error_kind, started_at, id, last_seen_at, looks FROM provider_health_status "
            "WHERE provider = ? AND simulated = ? ORDER BY id DESC LIMIT 1",
            key,
        ).fetchone()
        if row is None:
            return None
        span = _Span(bool(row[0]), *row[1:4])
        span.last_seen, span.looks = row[4:]
        return span

    def write(self, new_id: Callable[[float], int]) -> None:
        """Write what has changed."""
        for (provider, simulated), span in dict.fromkeys(self._changed):
            seen = (span.last_seen, span.looks, span.latency_ms, span.reason)
            if span.number is None:
                span.number = new_id(span.started)
                self._connection.execute(
                    "INSERT INTO provider_health_status (id, provider, healthy, started_at, simulated, error_kind, "
                    "last_seen_at, looks, latency_ms, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (span.number, provider, span.healthy, span.started, simulated, span.kind, *seen),
                )
            else:
                self._connection.execute(
                    "UPDATE provider_health_status SET last_seen_at = ?, looks = ?, latency_ms = ?, reason = ? WHERE id = ?",
                    (*seen, span.number),
                )
        self._changed.clear()
