"""Providers: which there are, how each stands, its key, connection, models, and its simulated faults."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from ..session import Session
from ..shell import Shell
from .panel import ProvidersPanel


def make(session: Session, shell: Shell) -> QWidget:
    """The panel."""
    return ProvidersPanel(session, shell)
