"""The test bench: what to run on whom with what load, how it goes, and what came of it, now and before."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from ..session import Session
from ..shell import Shell


def make(session: Session, shell: Shell) -> QWidget:
    """The panel."""
    from .panel import BenchPanel

    return BenchPanel(session, shell)
