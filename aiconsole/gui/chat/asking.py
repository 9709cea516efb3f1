"""Sending, answering again, stopping: what the person wishes, as tasks on the chat service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from ...domain.errors import ConsoleError
from ...domain.messages import Part
from .answering import Answering
from .composer import Draft

if TYPE_CHECKING:
    from ...engine import Engine
    from ..shell import Shell


class Asking(QObject):
    """``created(conversation)``: a new one was put on the disk for its first message. ``unsent(id, draft)``: a message could
    not be sent; the id is "" of a conversation that does not exist yet."""

    created = Signal(object)
    unsent = Signal(str, object)

    def __init__(self, shell: Shell, engine: Engine, answering: Answering) -> None:
        super().__init__()
        self._shell, self._engine, self._answering = shell, engine, answering
        self._sent: dict[str, Draft] = {}
        answering.refused.connect(self._on_refused)
        answering.added.connect(lambda conversation, _turn: self._sent.pop(conversation, None))

    def send(self, conversation: str | None, content: str | tuple[Part, ...], sent: Draft) -> None:
        """Say ``content``: at the end, or in place of the turn that ``sent`` edits; in a new conversation where there is
        none."""
        self._shell.start(self._send(conversation, content, sent), failed="The message was not sent")

    async def _send(self, conversation: str | None, content: str | tuple[Part, ...], sent: Draft) -> None:
        try:
            service = await self._engine.open_chat()
            if conversation is None:
                model = sent.model or self._engine.default_model()
                made = await service.create(model=model, system=sent.system, params=sent.params)
                self.created.emit(made)
                conversation = made.id
        except ConsoleError:
            self.unsent.emit(conversation or "", sent)
            raise
        self._sent[conversation] = sent
        if sent.editing is not None:
            self._answering.run(conversation, service.resend(conversation, sent.editing, content))
        else:
            self._answering.run(conversation, service.send(conversation, content))

    def again(self, conversation: str, turn_id: str) -> None:
        """Ask for another answer in place of this one, or for one to this question."""
        if not self._answering.running(conversation):
            self._shell.start(self._again(conversation, turn_id), failed="No other answer was asked for")

    async def _again(self, conversation: str, turn_id: str) -> None:
        service = await self._engine.open_chat()
        self._answering.run(conversation, service.regenerate(conversation, turn_id))

    def stop(self, conversation: str) -> None:
        """Stop the answer that is being given there; what came of it is kept."""
        if self._answering.running(conversation):
            self._shell.start(self._stop(conversation), failed="The answer was not stopped")

    async def _stop(self, conversation: str) -> None:
        (await self._engine.open_chat()).stop(conversation)

    def _on_refused(self, conversation: str, error: ConsoleError) -> None:
        sent = self._sent.pop(conversation, None)
        if sent is not None:
            self.unsent.emit(conversation, sent)
        self._shell.notify(f"Nothing was sent. {error.message} {error.advice}".strip(), state="crit")
