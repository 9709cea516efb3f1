"""Conversations and their turns in SQL. Each function takes the database first and runs in one of the store's threads."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from peewee import JOIN, fn

from aiconsole.domain.chat import ReasoningDelta, TextDelta
from aiconsole.domain.conversations import (
    AnswerMeta,
    ChatParams,
    Conversation,
    Delta,
    Transcript,
    Turn,
    TurnError,
    TurnState,
    assemble,
)
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.messages import Message, Role
from aiconsole.store import models
from aiconsole.store.migrations.conversations import TURN_BITS
from aiconsole.store.packing import Packed, Redact, clean, pack, to_json, unpack

if TYPE_CHECKING:
    from aiconsole.store.conversations import NewTurn
    from aiconsole.store.database import Database

_HEAD = (
    models.Conversation.number,
    models.Conversation.id,
    models.Conversation.title,
    models.Conversation.created_at,
    models.Conversation.updated_at,
    models.Conversation.model,
    models.Conversation.system,
    models.Conversation.params,
    models.Turn.id.alias("leaf_id"),
)
_deltas = msgspec.json.Decoder(list[Delta])


def create(database: Database, conversation: Conversation, redact: Redact) -> Conversation:
    models.Conversation.insert(
        id=conversation.id,
        title=redact(clean(conversation.title)),
        created_at=conversation.created_at,
        updated_at=conversation.updated_at,
        **settings(conversation.model, conversation.system, conversation.params, redact),
    ).execute(database)
    return conversation


def settings(model: str | None, system: str | None, params: ChatParams | None, redact: Redact) -> dict[str, str]:
    """The columns for those that are not None."""
    columns: dict[str, str] = {}
    if model is not None:
        columns["model"] = clean(model)
    if system is not None:
        columns["system"] = redact(clean(system))
    if params is not None:
        columns["params"] = redact(to_json(params))
    return columns


def heads(database: Database, limit: int) -> list[Conversation]:
    """All conversations but the deleted, last spoken in first."""
    query = _live_heads().order_by(models.Conversation.updated_at.desc(), models.Conversation.number.desc())
    return [_conversation(row) for row in query.limit(limit).dicts().execute(database)]


def heads_of(database: Database, numbers: Iterable[int], limit: int) -> list[tuple[int, Conversation]]:
    """As ``heads``, of these numbers only, each with its number."""
    wanted = set(numbers)
    query = _live_heads().order_by(models.Conversation.updated_at.desc(), models.Conversation.number.desc())
    found: list[tuple[int, Conversation]] = []
    for row in query.dicts().execute(database):
        if row["number"] in wanted:
            found.append((row["number"], _conversation(row)))
            if len(found) == limit:
                break
    return found


def head(database: Database, conversation_id: str) -> tuple[int, Conversation]:
    """The number and the head of one conversation.

    Raises:
        ConfigError: there is none of that id, or it was deleted.
    """
    row = _live_heads().where(models.Conversation.id == conversation_id).dicts().execute(database)
    for found in row:
        return found["number"], _conversation(found)
    raise ConfigError("This conversation is not there any more.", advice="Choose another one from the list.")


def change(database: Database, conversation_id: str, columns: dict[str, Any]) -> Conversation:
    if columns:
        models.Conversation.update(**columns).where(models.Conversation.id == conversation_id).execute(database)
    return head(database, conversation_id)[1]


def set_deleted(database: Database, conversation_id: str, deleted_at: float | None) -> None:
    query = models.Conversation.update(deleted_at=deleted_at).where(models.Conversation.id == conversation_id)
    query.execute(database)


def purge(database: Database, before: float) -> int:
    """Remove what was deleted before that time (epoch s), and attachments no one has any more; how many went."""
    gone: int = models.Conversation.delete().where(models.Conversation.deleted_at < before).execute(database)
    if gone:
        used = models.TurnAttachment.select(models.TurnAttachment.attachment)
        models.Attachment.delete().where(models.Attachment.number.not_in(used)).execute(database)
    return gone


def append(
    database: Database,
    conversation_id: str,
    parent_id: str | None,
    added: Sequence[NewTurn],
    *,
    now: float,
    title: str,
    redact: Redact,
) -> tuple[Conversation, tuple[Turn, ...]]:
    """Add turns one under the other, make the last the active leaf, and give a conversation without a title this one."""
    number, conversation = head(database, conversation_id)
    first = number << TURN_BITS
    last = models.Turn.select(fn.MAX(models.Turn.seq)).where(
        models.Turn.seq.between(first, first + (1 << TURN_BITS) - 1)
    )
    seq = last.scalar(database) or first
    parent = _seq(database, parent_id) if parent_id else None
    for turn in added:
        seq += 1
        packed = pack(turn.message, redact)
        models.Turn.insert(
            seq=seq,
            id=turn.id,
            conversation=number,
            parent=parent,
            role=turn.message.role,
            state=turn.state,
            created_at=now,
            text=packed.text,
            parts=packed.parts,
        ).execute(database)
        _attach(database, seq, packed)
        parent = seq
    columns = {"leaf": seq, "updated_at": now}
    if title and not conversation.title:
        columns["title"] = redact(clean(title))
    conversation = change(database, conversation_id, columns)
    ids = {turn.id for turn in added}
    path = transcript(database, conversation_id).turns
    return conversation, tuple(turn for turn in path if turn.id in ids)


def journal(database: Database, turn_id: str, deltas: Sequence[Delta], redact: Redact) -> None:
    """Keep what came of an answer since the last time."""
    seq = _seq(database, turn_id)
    last = models.Journal.select(fn.MAX(models.Journal.position)).where(models.Journal.turn == seq).scalar(database)
    text = redact(to_json(merge(deltas)))
    models.Journal.insert(turn=seq, position=(last or 0) + 1, deltas=text).execute(database)


def merge(deltas: Iterable[Delta]) -> list[Delta]:
    """The same deltas with neighbours of one kind joined."""
    merged: list[Delta] = []
    for kind, run in itertools.groupby(deltas, type):
        if kind is TextDelta or kind is ReasoningDelta:
            merged.append(kind("".join(delta.text for delta in run if isinstance(delta, TextDelta | ReasoningDelta))))
        else:
            merged.extend(run)
    return merged


def finish(database: Database, turn: Turn, now: float, redact: Redact) -> None:
    """Write how an answer ended and drop its journal. Nothing happens where the turn was purged meanwhile."""
    row = models.Turn.select(models.Turn.seq).where(models.Turn.id == turn.id).scalar(database)
    if row is not None:
        _settle(database, row, turn.message, turn.state, redact, meta=turn.meta, error=turn.error)
        models.Conversation.update(updated_at=now).where(
            models.Conversation.number == row >> TURN_BITS, models.Conversation.updated_at < now
        ).execute(database)


def interrupt(database: Database, redact: Redact, *, before: int = 2**63 - 1) -> int:
    """End the answers a killed process left behind (of lower ``seq`` than ``before``) with the text that was kept of them; how
    many there were."""
    left = [
        (row[0], row[1])
        for row in models.Turn.select(models.Turn.seq, models.Turn.role)
        .where(models.Turn.state == "streaming", models.Turn.seq < before)
        .tuples()
        .execute(database)
    ]
    for seq, role in left:
        _settle(database, seq, _unfinished(database, seq, role), "interrupted", redact)
    return len(left)


def transcript(database: Database, conversation_id: str, tip_id: str | None = None) -> Transcript:
    """The path that ends at ``tip_id``, or the active one."""
    number, conversation = head(database, conversation_id)
    tree = _Tree(database, number)
    tip = tip_id or conversation.leaf_id
    path = tree.path(tip) if tip else []
    return Transcript(conversation, tuple(_turns(database, conversation_id, tree, path)))


def switch(database: Database, conversation_id: str, turn_id: str) -> Transcript:
    """Make the branch through ``turn_id`` the active one, down to its newest descendants."""
    number, _ = head(database, conversation_id)
    leaf = _Tree(database, number).newest_below(turn_id)
    change(database, conversation_id, {"leaf": leaf})
    return transcript(database, conversation_id)


class _Tree:
    """The shape of a conversation without its content: all turns, by sequence number."""

    def __init__(self, database: Database, number: int) -> None:
        query = models.Turn.select(models.Turn.seq, models.Turn.parent, models.Turn.id)
        rows = query.where(models.Turn.conversation == number).tuples().execute(database)
        self.ids: dict[int, str] = {}
        self.children: dict[int | None, list[int]] = {}
        self._parents: dict[int, int | None] = {}
        for seq, parent, turn_id in sorted(rows):
            self.ids[seq] = turn_id
            self._parents[seq] = parent
            self.children.setdefault(parent, []).append(seq)
        self._seqs = {turn_id: seq for seq, turn_id in self.ids.items()}

    def seq(self, turn_id: str) -> int:
        if turn_id not in self._seqs:
            raise ConfigError("This turn is not part of the conversation.")
        return self._seqs[turn_id]

    def path(self, turn_id: str) -> list[int]:
        steps: list[int] = []
        step: int | None = self.seq(turn_id)
        while step is not None:
            steps.append(step)
            step = self._parents[step]
        return steps[::-1]

    def newest_below(self, turn_id: str) -> int:
        seq = self.seq(turn_id)
        while seq in self.children:
            seq = self.children[seq][-1]
        return seq

    def siblings(self, seq: int) -> tuple[str, ...]:
        return tuple(self.ids[sibling] for sibling in self.children[self._parents[seq]])

    def parent_id(self, seq: int) -> str | None:
        parent = self._parents[seq]
        return None if parent is None else self.ids[parent]


def _turns(database: Database, conversation_id: str, tree: _Tree, path: list[int]) -> list[Turn]:
    rows: dict[int, dict[str, Any]] = {}
    for start in range(0, len(path), 500):
        query = models.Turn.select().where(models.Turn.seq.in_(path[start : start + 500]))
        rows.update((row["seq"], row) for row in query.dicts().execute(database))
    return [
        Turn(
            id=row["id"],
            conversation_id=conversation_id,
            parent_id=tree.parent_id(row["seq"]),
            message=_message(database, row),
            created_at=row["created_at"],
            state=row["state"],
            meta=msgspec.json.decode(row["meta"], type=AnswerMeta) if row["meta"] else None,
            error=msgspec.json.decode(row["error"], type=TurnError) if row["error"] else None,
            siblings=tree.siblings(row["seq"]),
        )
        for row in (rows[seq] for seq in path)
    ]


def _message(database: Database, row: dict[str, Any]) -> Message:
    if row["state"] == "streaming":
        return _unfinished(database, row["seq"], row["role"])

    def blob(digest: bytes) -> bytes:
        return bytes(
            models.Attachment.select(models.Attachment.data).where(models.Attachment.hash == digest).scalar(database)
        )

    return unpack(row["role"], row["text"], row["parts"], blob)


def _unfinished(database: Database, seq: int, role: Role) -> Message:
    rows = models.Journal.select(models.Journal.deltas).where(models.Journal.turn == seq)
    rows = rows.order_by(models.Journal.position).tuples().execute(database)
    return Message(role, assemble(delta for row in rows for delta in _deltas.decode(row[0])))


def _settle(
    database: Database,
    seq: int,
    message: Message,
    state: TurnState,
    redact: Redact,
    *,
    meta: AnswerMeta | None = None,
    error: TurnError | None = None,
) -> None:
    packed = pack(message, redact)
    models.Turn.update(
        state=state,
        text=packed.text,
        parts=packed.parts,
        meta=redact(to_json(meta)) if meta else None,
        error=redact(to_json(error)) if error else None,
    ).where(models.Turn.seq == seq).execute(database)
    models.Journal.delete().where(models.Journal.turn == seq).execute(database)
    _attach(database, seq, packed)


def _attach(database: Database, seq: int, packed: Packed) -> None:
    for digest, data in packed.blobs.items():
        number = models.Attachment.select(models.Attachment.number).where(models.Attachment.hash == digest)
        known = number.scalar(database)
        if known is None:
            known = models.Attachment.insert(hash=digest, data=data).execute(database)
        models.TurnAttachment.insert(turn=seq, attachment=known).on_conflict_ignore().execute(database)


def _seq(database: Database, turn_id: str) -> int:
    seq: int | None = models.Turn.select(models.Turn.seq).where(models.Turn.id == turn_id).scalar(database)
    if seq is None:
        raise ConfigError("This turn is not there any more.")
    return seq


def _live_heads() -> Any:
    join = models.Conversation.select(*_HEAD).join(
        models.Turn, JOIN.LEFT_OUTER, on=(models.Turn.seq == models.Conversation.leaf)
    )
    return join.where(models.Conversation.deleted_at.is_null())


def _conversation(row: dict[str, Any]) -> Conversation:
    return Conversation(
        id=row["id"],
        title=row["title"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        model=row["model"],
        system=row["system"],
        params=msgspec.json.decode(row["params"], type=ChatParams),
        leaf_id=row["leaf_id"],
    )
