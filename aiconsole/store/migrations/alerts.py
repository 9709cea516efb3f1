"""Alerts as they stand, what is silenced, and messages about them on their way to channels.

``alert_records`` has a row an alert that fired (``data`` is the whole of it as JSON); ``alerts`` of the history step stays the
log of their changes. ``alert_outbox`` has at most one row an alert, channel and kind of message, so that nobody is told twice.
"""

from __future__ import annotations

STATEMENTS = (
    """
CREATE TABLE alert_records (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    began_at REAL NOT NULL,
    changed_at REAL NOT NULL,
    data TEXT NOT NULL
)""",
    "CREATE INDEX alert_records_began ON alert_records (began_at)",
    "CREATE TABLE alert_silences (key TEXT PRIMARY KEY, until REAL NOT NULL, note TEXT NOT NULL)",
    """
CREATE TABLE alert_outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    alert TEXT NOT NULL,
    channel TEXT NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at REAL NOT NULL,
    due_at REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    batch TEXT NOT NULL DEFAULT '',
    sent_at REAL,
    given_up INTEGER NOT NULL DEFAULT 0,
    trouble TEXT NOT NULL DEFAULT '',
    UNIQUE (alert, channel, kind)
)""",
    "CREATE INDEX alert_outbox_waiting ON alert_outbox (channel, due_at) WHERE sent_at IS NULL AND given_up = 0",
)
