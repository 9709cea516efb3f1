"""Overview: how the providers do and did, as figures, graphs on one time axis, and a feed of what happened."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from ..session import Session
from ..shell import Shell
from .panel import OverviewPanel


def make(session: Session, shell: Shell) -> QWidget:
    """The panel."""
    return OverviewPanel(session, shell)
