"""The store's door for alerts: the alerts themselves, silences, and the outbox of messages to channels.

A message goes out in a batch. `AlertStore.take` gives a batch its name and commits that before anything is sent; where the end
of a sending was not written down (the process was killed, the answer was lost), the same rows come again under the same name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from aiconsole.domain.alerts import OPEN_STATES, Alert, OutboxRow, Silence

if TYPE_CHECKING:
    from aiconsole.store.database import Database
    from aiconsole.store.store import Store

KEPT_S: Final = 400 * 86_400.0
"""How long alerts are kept after they began, and messages after they were made."""

_PATIENCE_S: Final = 5.0
_AT_ONCE: Final = 20
_ROW: Final = (
    "number, alert, channel, kind, severity, title, body, created_at, due_at, tries, batch, sent_at, given_up, trouble"
)
_WAITING: Final = "sent_at IS NULL AND given_up = 0"


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """How a channel stands: messages that wait, when the first is due, the last success, why the last try failed."""

    channel: str
    waiting: int
    due_at: float | None
    last_sent_at: float | None
    trouble: str


class AlertStore:
    """Every method may raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self) -> tuple[tuple[Alert, ...], tuple[Silence, ...]]:
        """The alerts that are open, oldest first, and all silences."""
        return await self._store.read(_load, "tables")

    async def save(self, alerts: Sequence[Alert], rows: Sequence[OutboxRow] = ()) -> None:
        """Keep alerts as they stand and put messages into the outbox, together or not at all. A message that is there already
        is not put there again. On a full or locked disk it is held in memory and not waited for."""
        texts = [(alert, self._clean(alert)) for alert in alerts]
        clean = [
            msgspec.structs.replace(row, title=self._store.redact(row.title), body=self._store.redact(row.body))
            for row in rows
        ]
        await self._kept(lambda database: _save(database, texts, clean))

    async def recent(self, since: float, limit: int = 500) -> tuple[Alert, ...]:
        """The latest alerts that began at ``since`` or later, newest first."""
        sql = "SELECT data FROM alert_records WHERE began_at >= ? ORDER BY began_at DESC LIMIT ?"
        rows = await self._store.read(lambda database: database.execute_sql(sql, (since, limit)).fetchall(), "tables")
        return tuple(_alert(text) for (text,) in rows)

    async def get(self, alert: str) -> Alert | None:
        """One alert by its id, or by the only id that begins so."""
        sql = "SELECT data FROM alert_records WHERE id >= ? AND id < ? LIMIT 2"
        bounds = (alert, alert + "\uffff")
        rows = await self._store.read(lambda database: database.execute_sql(sql, bounds).fetchall(), "tables")
        return _alert(rows[0][0]) if len(rows) == 1 else None

    async def silence(self, silence: Silence) -> None:
        """Keep a silence; one that ended takes the former one away."""
        sql = "INSERT OR REPLACE INTO alert_silences (key, until, note) VALUES (?, ?, ?)"
        values = (silence.key, silence.until, self._store.redact(silence.note))
        await self._kept(lambda database: database.execute_sql(sql, values) and None)

    async def put(self, row: OutboxRow) -> None:
        """Put one message that belongs to no alert into the outbox."""
        await self.save((), (row,))

    async def take(self, channel: str, now: float, batch: str) -> tuple[OutboxRow, ...]:
        """The next delivery of a channel, () where nothing is due: a batch that was begun before, else all that is due, which
        becomes the batch of this name. It counts as a try."""
        return await self._store.write(lambda database: _take(database, channel, now, batch))

    async def sent(self, batch: str, at: float) -> None:
        """A batch is delivered."""
        sql = "UPDATE alert_outbox SET sent_at = ?, trouble = '' WHERE batch = ?"
        await self._kept(lambda database: database.execute_sql(sql, (at, batch)) and None)

    async def not_sent(self, channel: str, batch: str, due_at: float | None, trouble: str) -> None:
        """A batch could not be delivered: try again at ``due_at``, nothing else of the channel before it; None gives it up."""
        words = self._store.redact(trouble)
        await self._kept(lambda database: _not_sent(database, channel, batch, due_at, words))

    async def sent_since(self, channel: str, since: float) -> tuple[float, ...]:
        """When the deliveries of a channel since then were made, in order."""
        sql = (
            "SELECT min(sent_at) FROM alert_outbox WHERE channel = ? AND kind <> 'test' AND sent_at >= ? "
            "GROUP BY batch ORDER BY 1"
        )
        rows = await self._store.read(lambda database: database.execute_sql(sql, (channel, since)).fetchall(), "tables")
        return tuple(at for (at,) in rows)

    async def standings(self) -> tuple[Waiting, ...]:
        """How each channel stands that ever had a message."""
        sql = (
            f"SELECT channel, sum({_WAITING}), min(iif({_WAITING}, due_at, NULL)), max(sent_at), "  # noqa: S608
            f"coalesce(max(iif({_WAITING} OR given_up, trouble, NULL)), '') FROM alert_outbox GROUP BY channel"
        )
        rows = await self._store.read(lambda database: database.execute_sql(sql).fetchall(), "tables")
        return tuple(Waiting(*row) for row in rows)

    async def outbox(self, limit: int = 200) -> tuple[OutboxRow, ...]:
        """The latest messages, newest first."""
        sql = f"SELECT {_ROW} FROM alert_outbox ORDER BY number DESC LIMIT ?"  # noqa: S608
        rows = await self._store.read(lambda database: database.execute_sql(sql, (limit,)).fetchall(), "tables")
        return tuple(_row(row) for row in rows)

    async def prune(self, now: float) -> None:
        """Let go of what is too old."""
        before = now - KEPT_S

        def work(database: Database) -> None:
            marks = ", ".join(f"'{state}'" for state in sorted(OPEN_STATES))
            database.execute_sql(
                f"DELETE FROM alert_records WHERE began_at < ? AND state NOT IN ({marks})",  # noqa: S608
                (before,),
            )
            database.execute_sql("DELETE FROM alert_outbox WHERE created_at < ?", (before,))
            database.execute_sql("DELETE FROM alert_silences WHERE until < ?", (now,))

        await self._store.write(work)

    def _clean(self, alert: Alert) -> str:
        return self._store.redact(msgspec.json.encode(alert).decode())

    async def _kept(self, work: Callable[[Database], object]) -> None:
        writing = asyncio.wrap_future(self._store.post(work, keep=True))
        done, _ = await asyncio.wait({writing}, timeout=_PATIENCE_S)
        if done:
            writing.result()


def _alert(text: str) -> Alert:
    return msgspec.json.decode(text, type=Alert)


def _row(row: Sequence[object]) -> OutboxRow:
    values = dict(zip(OutboxRow.__struct_fields__, row, strict=True))
    return msgspec.convert({**values, "given_up": bool(values["given_up"])}, OutboxRow)


def _load(database: Database) -> tuple[tuple[Alert, ...], tuple[Silence, ...]]:
    marks = ",".join("?" * len(OPEN_STATES))
    alerts = database.execute_sql(
        f"SELECT data FROM alert_records WHERE state IN ({marks}) ORDER BY began_at",  # noqa: S608
        tuple(sorted(OPEN_STATES)),
    ).fetchall()
    silences = database.execute_sql("SELECT key, until, note FROM alert_silences").fetchall()
    return tuple(_alert(text) for (text,) in alerts), tuple(Silence(*row) for row in silences)


def _save(database: Database, alerts: Sequence[tuple[Alert, str]], rows: Sequence[OutboxRow]) -> None:
    for alert, text in alerts:
        database.execute_sql(
            "INSERT OR REPLACE INTO alert_records (id, state, began_at, changed_at, data) VALUES (?, ?, ?, ?, ?)",
            (alert.id, alert.state, alert.began_at, alert.changed_at, text),
        )
    for row in rows:
        database.execute_sql(
            "INSERT OR IGNORE INTO alert_outbox (alert, channel, kind, severity, title, body, created_at, due_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (row.alert, row.channel, row.kind, row.severity, row.title, row.body, row.created_at, row.due_at),
        )


def _take(database: Database, channel: str, now: float, batch: str) -> tuple[OutboxRow, ...]:
    due = f"FROM alert_outbox WHERE channel = ? AND {_WAITING} AND due_at <= ?"
    begun = database.execute_sql(
        f"SELECT batch {due} AND batch <> '' ORDER BY number LIMIT 1",
        (channel, now),
    ).fetchone()
    if begun is None:
        numbers = database.execute_sql(
            f"SELECT number {due} ORDER BY number LIMIT {_AT_ONCE}",
            (channel, now),
        ).fetchall()
        if not numbers:
            return ()
        marks = ",".join("?" * len(numbers))
        database.execute_sql(
            f"UPDATE alert_outbox SET batch = ? WHERE number IN ({marks})",  # noqa: S608
            (batch, *(number for (number,) in numbers)),
        )
    name = batch if begun is None else begun[0]
    database.execute_sql("UPDATE alert_outbox SET tries = tries + 1 WHERE batch = ?", (name,))
    rows = database.execute_sql(f"SELECT {_ROW} FROM alert_outbox WHERE batch = ? ORDER BY number", (name,))  # noqa: S608
    return tuple(_row(row) for row in rows.fetchall())


def _not_sent(database: Database, channel: str, batch: str, due_at: float | None, trouble: str) -> None:
    if due_at is None:
        database.execute_sql("UPDATE alert_outbox SET given_up = 1, trouble = ? WHERE batch = ?", (trouble, batch))
        return
    database.execute_sql("UPDATE alert_outbox SET trouble = ? WHERE batch = ?", (trouble, batch))
    database.execute_sql(
        f"UPDATE alert_outbox SET due_at = max(due_at, ?) WHERE channel = ? AND {_WAITING}",  # noqa: S608
        (due_at, channel),
    )
