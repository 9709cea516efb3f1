"""The chat: conversations at the left, the open one's transcript, and where one writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from ..session import Session
    from ..shell import Shell


def make(session: Session, shell: Shell) -> QWidget:
    """The panel for ``session`` in ``shell``; its ``open_item`` takes a conversation's id."""
    from .panel import ChatPanel

    return ChatPanel(session, shell)
