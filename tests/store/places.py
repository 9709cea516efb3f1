"""What the store's tests share: a clock that stands still, an open store, and ways to look at a file from outside."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from aiconsole.domain.conversations import Conversation, Turn
from aiconsole.domain.messages import Message
from aiconsole.store import Store, StoreNotice
from aiconsole.store.conversations import NewTurn


class Clock:
    """Wall time that moves only when told."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


@asynccontextmanager
async def opened(path: Path, clock: Clock | None = None, **options: Any) -> AsyncIterator[Store]:
    store = await Store.open(path, clock or Clock(), **options)
    try:
        yield store
    finally:
        await store.close()


async def conversation(store: Store, name: str = "c1", *, title: str = "", at: float = 1.0) -> Conversation:
    return await store.conversations.create(Conversation(name, title, created_at=at, updated_at=at))


async def say(
    store: Store, conversation_id: str, parent: str | None, *turns: tuple[str, str, Any], at: float = 2.0
) -> tuple[Turn, ...]:
    """Add turns, each (id, role, content), one under the other."""
    fresh = [
        NewTurn(name, content if isinstance(content, Message) else Message(role, content), "complete")
        for name, role, content in turns
    ]
    added = store.conversations.append(conversation_id, parent, fresh, now=at)
    return (await asyncio.wrap_future(added))[1]


def ids(turns: tuple[Turn, ...]) -> list[str]:
    return [turn.id for turn in turns]


def rows(path: Path, sql: str) -> list[Any]:
    """What another program reads in the file."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def words(notices: list[StoreNotice] | tuple[StoreNotice, ...]) -> str:
    return " ".join(notice.message for notice in notices)
