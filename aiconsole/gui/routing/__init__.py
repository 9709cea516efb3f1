"""Routing: which candidates a route asks in which order, how each stands, and where requests went instead."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from ..session import Session
from ..shell import Shell
from .panel import RoutingPanel


def make(session: Session, shell: Shell) -> QWidget:
    """The panel."""
    return RoutingPanel(session, shell)
