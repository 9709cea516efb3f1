"""Alerts: what is wrong now, what was, the rules that say so, and who is told."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from ..session import Session
from ..shell import Shell


def make(session: Session, shell: Shell) -> QWidget:
    """The panel."""
    from .panel import AlertsPanel

    return AlertsPanel(session, shell)
