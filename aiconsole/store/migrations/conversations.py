"""Step 1: conversations and their full-text indexes.

A turn's ``seq`` is ``conversation.number * 2**TURN_BITS + n``: the turns of a conversation lie together, and a full-text
match's rowid tells its conversation without a look into the turn. ``turn.text`` is all visible text, ``turn.parts`` the rest
of the message (see packing.py). ``journal`` holds what came of an unfinished answer, a row each flush, so that the cost of a
flush does not grow with the answer.
"""

from __future__ import annotations

TURN_BITS = 24

_CONVERSATION = """
CREATE TABLE conversation (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    deleted_at REAL,
    leaf INTEGER,
    model TEXT NOT NULL DEFAULT '',
    params TEXT NOT NULL DEFAULT '{}',
    system TEXT NOT NULL DEFAULT ''
)"""

_TURN = """
CREATE TABLE turn (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    conversation INTEGER NOT NULL REFERENCES conversation (number) ON DELETE CASCADE,
    parent INTEGER REFERENCES turn (seq),
    role TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at REAL NOT NULL,
    meta TEXT,
    error TEXT,
    text TEXT NOT NULL DEFAULT '',
    parts TEXT
)"""

_ATTACHMENT = """
CREATE TABLE attachment (
    number INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    data BLOB NOT NULL
)"""

_TURN_ATTACHMENT = """
CREATE TABLE turn_attachment (
    turn INTEGER NOT NULL REFERENCES turn (seq) ON DELETE CASCADE,
    attachment INTEGER NOT NULL REFERENCES attachment (number),
    PRIMARY KEY (turn, attachment)
) WITHOUT ROWID"""

_JOURNAL = """
CREATE TABLE journal (
    turn INTEGER NOT NULL REFERENCES turn (seq) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    deltas TEXT NOT NULL,
    PRIMARY KEY (turn, position)
) WITHOUT ROWID"""


def _full_text(table: str, column: str, key: str) -> tuple[str, ...]:
    """An FTS5 index over a column that is stored once, in its table, and the triggers that keep it (SQLite docs, FTS5: external
    content tables). Empty text is not indexed, so a growing answer enters the index once, when it ends."""
    index = f"{table}_fts"
    add = f"INSERT INTO {index} (rowid, {column}) VALUES (new.{key}, new.{column})"  # noqa: S608
    remove = f"INSERT INTO {index} ({index}, rowid, {column}) VALUES ('delete', old.{key}, old.{column})"  # noqa: S608
    changed = f"old.{column} IS NOT new.{column}"
    return (
        f"CREATE VIRTUAL TABLE {index} USING fts5 ({column}, content='{table}', content_rowid='{key}', "
        "tokenize='unicode61 remove_diacritics 2', prefix='1 2 3')",
        f"CREATE TRIGGER {index}_inserted AFTER INSERT ON {table} WHEN new.{column} <> '' BEGIN {add}; END",
        f"CREATE TRIGGER {index}_deleted AFTER DELETE ON {table} WHEN old.{column} <> '' BEGIN {remove}; END",
        f"CREATE TRIGGER {index}_left AFTER UPDATE OF {column} ON {table} "
        f"WHEN {changed} AND old.{column} <> '' BEGIN {remove}; END",
        f"CREATE TRIGGER {index}_entered AFTER UPDATE OF {column} ON {table} "
        f"WHEN {changed} AND new.{column} <> '' BEGIN {add}; END",
    )


STATEMENTS = (
    _CONVERSATION,
    "CREATE INDEX conversation_updated ON conversation (updated_at) WHERE deleted_at IS NULL",
    "CREATE INDEX conversation_deleted ON conversation (deleted_at) WHERE deleted_at IS NOT NULL",
    _TURN,
    "CREATE INDEX turn_tree ON turn (conversation, parent, id)",
    "CREATE INDEX turn_parent ON turn (parent)",
    "CREATE INDEX turn_streaming ON turn (seq) WHERE state = 'streaming'",
    _ATTACHMENT,
    _TURN_ATTACHMENT,
    "CREATE INDEX turn_attachment_back ON turn_attachment (attachment)",
    _JOURNAL,
    *_full_text("turn", "text", "seq"),
    *_full_text("conversation", "title", "number"),
)
