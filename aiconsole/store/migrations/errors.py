"""Errors by fingerprint: a row a group, and how often each came in each hour (``hour`` is epoch seconds / 3,600) of the last
days, which is what "more often than usual" is reckoned from."""

from __future__ import annotations

STATEMENTS = (
    """
CREATE TABLE error_groups (
    fingerprint TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    status INTEGER,
    words TEXT NOT NULL,
    sample TEXT NOT NULL,
    count INTEGER NOT NULL,
    first_seen REAL NOT NULL,
    last_seen REAL NOT NULL,
    resolved_at REAL
)""",
    "CREATE INDEX error_groups_seen ON error_groups (last_seen)",
    """
CREATE TABLE error_hours (
    fingerprint TEXT NOT NULL,
    hour INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, hour)
) WITHOUT ROWID""",
)
