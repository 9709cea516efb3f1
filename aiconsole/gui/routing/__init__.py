"""Routing: which candidates a route asks in which order, how each stands, and where requests went instead.

The window takes commands from here, so the panel itself is only imported when it is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from ..session import Session
    from ..shell import Shell


def make(session: Session, shell: Shell) -> QWidget:
    """The panel."""
    from .panel import RoutingPanel

    return RoutingPanel(session, shell)
