"""Answers being given: a task each, whichever conversation is looked at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any

from PySide6.QtCore import QObject, Signal

from ...domain.conversations import ChatEvent, Turn, TurnAdded, TurnEnded
from ...domain.errors import ConsoleError
from .progress import Progress

BREATH_S = 0.002
"""After so long in one go the window gets its turn, however fast events come."""


class Answering(QObject):
    """Runs the generators of the chat service. At most one answer a conversation.

    ``changed(conversation id)``: an answer began or ended there. ``added(id, turn)``, ``ended(id, turn)``.
    ``refused(id, error)``: nothing was sent. ``listen`` is called with (id, turn id, event) for all that streams.
    """

    changed = Signal(str)
    added = Signal(str, object)
    ended = Signal(str, object)
    refused = Signal(str, object)

    def __init__(
        self,
        start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        listen: Callable[[str, str, Any], None],
    ) -> None:
        super().__init__()
        self._start, self._listen = start, listen
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.progress: dict[str, Progress] = {}

    def running(self, conversation: str) -> bool:
        """Whether an answer is being given there."""
        return conversation in self._tasks

    def all_running(self) -> frozenset[str]:
        """Conversations in which an answer is being given."""
        return frozenset(self._tasks)

    def run(self, conversation: str, events: AsyncGenerator[ChatEvent, None]) -> None:
        """Take the events of one answer until it ends."""
        self._tasks[conversation] = self._start(self._consume(conversation, events))
        self.changed.emit(conversation)

    def cancel(self, conversation: str) -> None:
        """Leave an answer that cannot be stopped in a better way."""
        task = self._tasks.get(conversation)
        if task is not None:
            task.cancel()

    async def _consume(self, conversation: str, events: AsyncGenerator[ChatEvent, None]) -> None:
        turn: Turn | None = None
        progress = Progress()
        try:
            async with aclosing(events):
                rested = time.perf_counter()
                async for event in events:
                    if isinstance(event, TurnAdded):
                        turn = event.turn
                        self.progress[turn.id] = progress
                        self.added.emit(conversation, turn)
                    elif isinstance(event, TurnEnded):
                        self._leave(conversation)
                        self.ended.emit(conversation, event.turn)
                    elif turn is not None:
                        progress.take(event)
                        self._listen(conversation, turn.id, event)
                    if time.perf_counter() - rested > BREATH_S:
                        await asyncio.sleep(0)
                        rested = time.perf_counter()
        except ConsoleError as error:
            self._leave(conversation)
            self.refused.emit(conversation, error)
        finally:
            self._leave(conversation)

    def _leave(self, conversation: str) -> None:
        if self._tasks.pop(conversation, None) is not None:
            self.changed.emit(conversation)
