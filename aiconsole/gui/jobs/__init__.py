"""Jobs: what the console does in the background, when, and what came of it."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from ..session import Session
from ..shell import Shell


def make(session: Session, shell: Shell) -> QWidget:
    """The panel."""
    from .panel import JobsPanel

    return JobsPanel(session, shell)
