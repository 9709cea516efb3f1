"""Deleting a conversation so that it can be taken back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ..markdown.safe import visible
from .history_model import UNTITLED

if TYPE_CHECKING:
    from ...chat.service import ChatService
    from ..shell import Shell


class Deletion:
    """Deletes, says so with Undo, and restores. ``changed`` is called after each."""

    def __init__(
        self, shell: Shell, service: Callable[[], Awaitable[ChatService]], changed: Callable[[], object]
    ) -> None:
        self._shell, self._service, self._changed = shell, service, changed

    def delete(self, conversation: str, title: str) -> None:
        """Delete it now."""
        self._shell.start(self._delete(conversation, title), failed="The conversation was not deleted")

    async def _delete(self, conversation: str, title: str) -> None:
        await (await self._service()).delete(conversation)
        self._changed()
        self._shell.notify(
            f"Deleted “{visible(title) or UNTITLED}”.",
            action="Undo",
            run=lambda: self._shell.start(self._restore(conversation), failed="The conversation was not restored"),
        )

    async def _restore(self, conversation: str) -> None:
        await (await self._service()).restore(conversation)
        self._changed()
