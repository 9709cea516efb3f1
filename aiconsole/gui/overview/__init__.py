"""Overview: what this window has seen of its providers. Imports pyqtgraph, so it is imported when first shown."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from ..session import Session
from ..shell import Shell
from .panel import OverviewPanel


def make(session: Session, shell: Shell) -> QWidget:
    """The panel."""
    return OverviewPanel(session, shell)
