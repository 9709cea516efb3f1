"""The store's door for conversations: what ``chat`` calls, on the event loop. The work is done in the store's threads."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple

from aiconsole.domain.conversations import ChatParams, Conversation, Delta, SearchHit, Transcript, Turn, TurnState
from aiconsole.domain.messages import Message
from aiconsole.store.packing import clean

if TYPE_CHECKING:
    from aiconsole.store.store import Store


class NewTurn(NamedTuple):
    """A turn to be added below the one before it."""

    id: str
    message: Message
    state: TurnState


class ConversationStore:
    """Every method may raise StoreError, and ConfigError where the conversation or turn does not exist (any more)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list(self, search: str = "", *, limit: int | None = None) -> tuple[SearchHit, ...]:
        """Conversations last spoken in first, all or those with every word of ``search``; by default at most 2,000 of all, and
        200 found ones, as each of these needs its snippet."""
        most = limit or (200 if search.strip() else 2000)
        from aiconsole.store.search import search as find

        return tuple(await self._store.read(lambda database: find(database, search, most)))

    async def create(self, conversation: Conversation) -> Conversation:
        from aiconsole.store import turns

        redact = self._store.redact
        return await self._store.write(lambda database: turns.create(database, conversation, redact))

    async def transcript(self, conversation_id: str, tip_id: str | None = None) -> Transcript:
        """The active path, or the one that ends at ``tip_id``."""
        from aiconsole.store import turns

        return await self._store.read(lambda database: turns.transcript(database, conversation_id, tip_id))

    async def switch(self, conversation_id: str, turn_id: str) -> Transcript:
        """Make the branch through ``turn_id`` the active one, down to its newest descendants."""
        from aiconsole.store import turns

        return await self._store.write(lambda database: turns.switch(database, conversation_id, turn_id))

    async def update(
        self,
        conversation_id: str,
        *,
        title: str | None = None,
        model: str | None = None,
        system: str | None = None,
        params: ChatParams | None = None,
    ) -> Conversation:
        """Change what is not None."""
        from aiconsole.store import turns

        redact = self._store.redact
        columns: dict[str, Any] = dict(turns.settings(model, system, params, redact))
        if title is not None:
            columns["title"] = redact(clean(title))
        return await self._store.write(lambda database: turns.change(database, conversation_id, columns))

    async def delete(self, conversation_id: str, now: float) -> None:
        """Hide a conversation; it goes for good at the next start unless restored before."""
        await self._mark(conversation_id, now)

    async def restore(self, conversation_id: str) -> None:
        await self._mark(conversation_id, None)

    async def _mark(self, conversation_id: str, deleted_at: float | None) -> None:
        from aiconsole.store import turns

        await self._store.write(lambda database: turns.set_deleted(database, conversation_id, deleted_at))

    def append(
        self, conversation_id: str, parent_id: str | None, added: Sequence[NewTurn], *, now: float, title: str = ""
    ) -> Future[tuple[Conversation, tuple[Turn, ...]]]:
        """Queue turns to be added one under the other, the last of them the new leaf.

        Gives the writer's own future, so that a caller who is cancelled can still take it back.
        """
        from aiconsole.store import turns

        redact = self._store.redact
        return self._store.post(
            lambda database: turns.append(
                database, conversation_id, parent_id, added, now=now, title=title, redact=redact
            )
        )

    def journal(self, turn_id: str, deltas: Sequence[Delta]) -> Future[None]:
        """Queue the next piece of a growing answer. Held in memory while it cannot be written."""
        from aiconsole.store import turns

        redact = self._store.redact
        return self._store.post(lambda database: turns.journal(database, turn_id, deltas, redact), keep=True)

    def finish(self, turn: Turn, now: float) -> Future[None]:
        """Queue how an answer ended. Held in memory while it cannot be written."""
        from aiconsole.store import turns

        redact = self._store.redact
        return self._store.post(lambda database: turns.finish(database, turn, now, redact), keep=True)
