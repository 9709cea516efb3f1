"""Requests: every request that was made, found by filters, one by one with its way, and asked again."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from ..session import Session
from ..shell import Shell
from .wanted import Wanted

__all__ = ["Wanted", "make"]


def make(session: Session, shell: Shell) -> QWidget:
    """The panel."""
    from .panel import RequestsPanel

    return RequestsPanel(session, shell)
