"""Providers: which there are, how each stands and did, its key, connection, models and simulated faults, and what was spent.

Other panels take rows, tables and swatches from here, so the panel itself is only imported when it is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from ..session import Session
    from ..shell import Shell


def make(session: Session, shell: Shell) -> QWidget:
    """The panel."""
    from .panel import ProvidersPanel

    return ProvidersPanel(session, shell)
