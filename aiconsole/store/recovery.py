"""Copying what can be read in a damaged file that was set aside into the new one, a few rows at a time.

`register` notes in the new file that there is something to copy, and keeps its numbers clear of the old ones. `jobs` are what
is left to do, each a small transaction that also notes how far it came (table ``recoveries``). The first of them are done
while the file is opened, as far as `copy_some` allows; the rest by a `Background` thread through the store's writer, while
the console is used. Rows that were written meanwhile stay as they are, and sums are added up.
"""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiconsole.domain.errors import ConsoleError
from aiconsole.store.faults import explain
from aiconsole.store.migrations.conversations import TURN_BITS
from aiconsole.store.notice import StoreNotice
from aiconsole.store.rollups import SUM_COLUMNS, add_sums
from aiconsole.store.salvage import Batch, Key, Salvage, open_salvage
from aiconsole.store.writer import give_way

if TYPE_CHECKING:
    from aiconsole.store.database import Database
    from aiconsole.store.packing import Redact

    Job = Callable[[Database], Any]

_AT_ONCE: Final = 200
_TURNS_AT_ONCE: Final = 20
_STEP: Final = 25
_TELL_EVERY_S: Final = 30.0
_NEVER_USED: Final = 1_000_000
_NO_LABEL: Final = 50_000
"""The same for labels, whose ids have to be packed into 16 bits with the sums of errors."""

_HASH: Final = re.compile(r'"([0-9a-f]{64})"')
_TABLES: Final[dict[str, tuple[str, ...]]] = {
    "label": ("id",),
    "usage_series": ("id",),
    "background_jobs": ("rowid",),
    "background_job_days": ("day", "job"),
    "background_job_runs": ("number",),
    "error_groups": ("rowid",),
    "error_hours": ("fingerprint", "hour"),
    "alert_records": ("rowid",),
    "alert_silences": ("rowid",),
    "alert_outbox": ("number",),
    "conversation": ("number",),
    "attachment": ("number",),
    "turn": ("seq",),
    "journal": ("turn", "position"),
    "usage_rollup": ("tier", "series", "start"),
    "cache_rollup": ("tier", "simulated", "start"),
    "provider_health_status": ("id",),
    "breaker_events": ("id",),
    "fallback_events": ("id",),
    "alerts": ("id",),
    "user_activity": ("id",),
    "usage_failure": ("id",),
    "usage_request": ("id",),
    "usage_trace": ("id",),
    "usage_attempt": ("request", "number"),
    "cache_events": ("id",),
}
"""Every table, with its key. Links between turns and attachments are made anew from the turns."""

_LEFT_OUT: Final = {"attachment": {"number"}}
_ADDED_UP: Final = {"cache_rollup": ("hits", "misses", "repeated")}
_OF_SERIES: Final = {"usage_request", "usage_failure", "usage_rollup"}
_NUMBERED: Final = ("conversation", "background_job_runs", "alert_outbox")
_log = logging.getLogger(__name__)


class Progress(NamedTuple):
    position: Key | None = None
    copied: int = 0
    refused: int = 0
    gaps: int = 0
    finished: bool = False


def register(database: Database, aside: Path, version: int) -> None:
    """Note that ``aside`` is to be copied, and let new numbers begin behind its."""
    with open_salvage(aside, version) as salvage:
        highest = {table: None if salvage is None else salvage.highest(table) for table in _NUMBERED}
        if salvage is None:
            return
    for table, number in highest.items():
        database.execute_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        database.execute_sql(
            "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, _NEVER_USED if number is None else number)
        )
    for table in _TABLES:
        database.execute_sql("INSERT OR IGNORE INTO recoveries (file, name) VALUES (?, ?)", (aside.name, table))


def unfinished(database: Database) -> list[str]:
    """The names of the files that are not copied yet."""
    found = database.execute_sql("SELECT DISTINCT file FROM recoveries WHERE NOT finished ORDER BY file").fetchall()
    return [file for (file,) in found]


def copy_some(database: Database, aside: Path, version: int, redact: Redact, most_s: float) -> None:
    """Copy for at most ``most_s`` seconds, in one transaction of the caller's."""
    until = time.perf_counter() + most_s
    with open_salvage(aside, version) as salvage:
        if salvage is None:
            _give_up(database, aside.name)
            return
        for job in jobs(salvage, aside.name, progress(database, aside.name), columns(database), redact):
            job(database)
            if time.perf_counter() > until:
                return


def progress(database: Database, file: str) -> dict[str, Progress]:
    """How far each table of ``file`` is copied."""
    found = database.execute_sql(
        "SELECT name, position, copied, refused, gaps, finished FROM recoveries WHERE file = ?", (file,)
    ).fetchall()
    return {
        name: Progress(None if position is None else tuple(json.loads(position)), copied, refused, gaps, bool(finished))
        for name, position, copied, refused, gaps, finished in found
    }


def columns(database: Database) -> dict[str, tuple[str, ...]]:
    """The columns that each table has in the new file."""
    return {
        table: tuple(
            name
            for (name,) in database.execute_sql("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
            if name not in _LEFT_OUT.get(table, ())
        )
        for table in _TABLES
    }


def jobs(
    salvage: Salvage, file: str, begun: dict[str, Progress], known: dict[str, tuple[str, ...]], redact: Redact
) -> Iterator[Job]:
    """What is left to do, each to be run in a transaction before the next is asked for."""
    for table, key in _TABLES.items():
        done = begun.get(table, Progress())
        if done.finished:
            continue
        there = salvage.columns(table)
        names = tuple(name for name in known[table] if name in there)
        while names and not done.finished:
            most = _TURNS_AT_ONCE if table in ("turn", "attachment") else _AT_ONCE
            batch = salvage.read(table, key, names, done.position, most)
            done = Progress(batch.position, 0, 0, 0, batch.last)
            yield partial(_write, file=file, table=table, names=names, batch=batch)
        if not names:
            yield partial(_note, file=file, table=table, batch=Batch([], None, 0, 1, True), copied=0)
        if table == "journal":
            before = salvage.highest("conversation")
            yield partial(_mend_conversations, before=_NEVER_USED if before is None else before + 1, redact=redact)


def summary(database: Database, file: str) -> StoreNotice:
    """What became of it, in words."""
    done = progress(database, file)
    if not done:
        return StoreNotice(f"Nothing could be read in {file}.", "The file is kept; a backup can be put in its place.")
    got = {table: done.get(table, Progress()).copied for table in ("usage_request", "conversation", "turn")}
    gaps, refused = sum(each.gaps for each in done.values()), sum(each.refused for each in done.values())
    lost = f"{gaps:,} places and {refused:,} rows could not be read" if gaps or refused else "All of it could be read"
    return StoreNotice(
        f"Recovered from {file}: {got['usage_request']:,} requests, {got['conversation']:,} conversations with "
        f"{got['turn']:,} turns, and {sum(each.copied for each in done.values()) - sum(got.values()):,} other rows.",
        f"{lost}. The damaged file is kept.",
    )


class Background:
    """Copies the rest of ``files`` in a thread of its own.

    Args:
        folder: where the files are.
        post: runs a job in the writer's thread.
        tell: takes what the person should see; called in the thread.

    Attributes:
        files: those names.
    """

    def __init__(
        self,
        folder: Path,
        files: list[str],
        version: int,
        redact: Redact,
        post: Callable[[Job], Future[Any]],
        tell: Callable[[StoreNotice], None],
    ) -> None:
        self._folder = folder
        self.files = files
        self._version = version
        self._redact = redact
        self._post = post
        self._tell = tell
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="aiconsole-store-recovery", daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Leave the rest to the next start."""
        self._leaving.set()

    def join(self) -> None:
        """Wait for the thread's end, which takes as long as a few rows take."""
        self._thread.join(timeout=10)

    def _run(self) -> None:
        for file in self.files:
            try:
                self._copy(file)
                if self._leaving.is_set():
                    return
                self._tell(self._do(partial(summary, file=file)))
            except (ConsoleError, OSError, sqlite3.Error) as error:
                if not self._leaving.is_set():
                    told = explain(error)
                    _log.error("recovering %s: %s", file, told.message)
                    self._tell(StoreNotice(f"{file} is not recovered yet: {told.message}", told.advice))

    def _do(self, job: Job) -> Any:
        return self._post(job).result()

    def _copy(self, file: str) -> None:
        aside = self._folder / file
        if not aside.exists():
            self._do(partial(_give_up, file=file))
            return
        with open_salvage(aside, self._version) as salvage:
            if salvage is None:
                self._do(partial(_give_up, file=file))
                return
            begun, known = self._do(lambda database: (progress(database, file), columns(database)))
            told = time.monotonic()
            for job in jobs(salvage, file, begun, known, self._redact):
                if self._leaving.is_set():
                    return
                self._do(job)
                if time.monotonic() - told > _TELL_EVERY_S:
                    told = time.monotonic()
                    copied = sum(each.copied for each in self._do(partial(progress, file=file)).values())
                    self._tell(StoreNotice(f"Recovering what can be read in {file}: {copied:,} rows so far."))


def _give_up(database: Database, file: str) -> None:
    database.execute_sql("UPDATE recoveries SET finished = 1 WHERE file = ?", (file,))


def _note(database: Database, file: str, table: str, batch: Batch, copied: int) -> None:
    position = None if batch.position is None else json.dumps(batch.position)
    database.execute_sql(
        "INSERT INTO recoveries VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET position = excluded.position, "
        "copied = copied + excluded.copied, refused = refused + excluded.refused, gaps = gaps + excluded.gaps, "
        "finished = excluded.finished",
        (file, table, position, copied, batch.refused + len(batch.rows) - copied, batch.gaps, batch.last),
    )


def _write(database: Database, file: str, table: str, names: tuple[str, ...], batch: Batch) -> None:
    rows = batch.rows
    if table in _OF_SERIES:
        series = {number for (number,) in database.execute_sql("SELECT id FROM usage_series").fetchall()}
        place = names.index("series")
        rows = [row for row in rows if row[place] in series]
    copied = 0
    for number, row in enumerate(rows, 1):
        fit = _fit(database, table, dict(zip(names, row, strict=True)))
        copied += fit is not None and _insert(database, table, fit)
        if number % _STEP == 0:
            give_way()
    if batch.gaps and table in ("label", "usage_series"):
        _keep_clear(database, table)
    _note(database, file, table, batch, copied)


def _insert(database: Database, table: str, row: dict[str, Any]) -> bool:
    """Whether it is in the table now and was not before; figures of `_ADDED_UP` are added to what is there."""
    added = _ADDED_UP.get(table)
    either = "" if added else "OR IGNORE "
    sql = f"INSERT {either}INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608
    if added:
        sql += f" ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in added)}"
    copied = database.execute_sql(sql, tuple(row.values())).rowcount > 0
    if copied and table == "turn":
        _link(database, row)
    return copied or (table == "usage_rollup" and _add_sums(database, row))


def _fit(database: Database, table: str, row: dict[str, Any]) -> dict[str, Any] | None:
    """The row as it can be inserted: a turn's conversation is there, and its parent, or it has none; None where it cannot."""
    if table == "usage_rollup":
        return row if all(len(row[name]) % 4 == 0 for name in ("latency", "ttft", "errors")) else None
    if table == "journal":
        return row if _exists(database, "turn", "seq", row["turn"]) else None
    if table == "turn":
        number = row["conversation"] = row["seq"] >> TURN_BITS
        database.execute_sql(
            "INSERT OR IGNORE INTO conversation (number, id, title, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
            (number, f"recovered-{number}", "Recovered conversation", row["created_at"], row["created_at"]),
        )
        if row["parent"] is not None and not _exists(database, "turn", "seq", row["parent"]):
            row["parent"] = None
    return row


def _add_sums(database: Database, row: dict[str, Any]) -> bool:
    try:
        add_sums(
            database.connection(),
            (row["tier"], row["series"], row["start"]),
            tuple(row[name] for name in SUM_COLUMNS),
        )
    except (TypeError, ValueError, struct.error):
        return False
    return True


def _link(database: Database, turn: dict[str, Any]) -> None:
    """Link a turn with its attachments; one that is lost is empty from now on."""
    for word in _HASH.findall(turn["parts"] or ""):
        digest = bytes.fromhex(word)
        database.execute_sql("INSERT OR IGNORE INTO attachment (hash, data) VALUES (?, x'')", (digest,))
        database.execute_sql(
            "INSERT OR IGNORE INTO turn_attachment SELECT seq, number FROM turn, attachment WHERE turn.id = ? AND hash = ?",
            (turn["id"], digest),
        )


def _mend_conversations(database: Database, before: int, redact: Redact) -> None:
    """End the answers that were under way in recovered conversations (those of lower numbers than ``before``), and show the
    newest branch where the chosen one is lost."""
    from aiconsole.store import turns

    turns.interrupt(database, redact, before=before << TURN_BITS)
    database.execute_sql(
        "UPDATE conversation SET leaf = (SELECT max(seq) FROM turn WHERE conversation = conversation.number) "
        "WHERE number < ? AND (leaf IS NULL OR leaf NOT IN (SELECT seq FROM turn))",
        (before,),
    )


def _keep_clear(database: Database, table: str) -> None:
    """Names were lost: let no new one take their ids, which rows still have."""
    number, values = (_NO_LABEL, "'(lost)'") if table == "label" else (_NEVER_USED, "'(lost)', '', '', '', '', 0")
    database.execute_sql(f"INSERT OR IGNORE INTO {table} VALUES ({number}, {values})")  # noqa: S608


def _exists(database: Database, table: str, key: str, value: Any) -> bool:
    return database.execute_sql(f"SELECT 1 FROM {table} WHERE {key} = ?", (value,)).fetchone() is not None  # noqa: S608
