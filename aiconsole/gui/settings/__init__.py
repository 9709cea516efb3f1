"""Settings: grouped, searched, each with its meaning, default and reset."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from ..session import Session
from ..shell import Shell
from .panel import SettingsPanel


def make(session: Session, shell: Shell) -> QWidget:
    """The panel."""
    return SettingsPanel(session, shell)
