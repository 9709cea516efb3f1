"""The page's place in the settings panel. The page itself is imported in a thread when it is first opened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from PySide6.QtWidgets import QVBoxLayout, QWidget

from ...imports import import_apart
from ..session import Session
from ..shell import Shell

if TYPE_CHECKING:
    from .page import PerformancePage

PERFORMANCE: Final = "#performance"
"""What the settings panel is asked to open for it."""


class PerformancePlace(QWidget):
    """Empty until `begin`; ``page`` is what it then shows. ``leave`` goes back to the settings."""

    def __init__(self, session: Session, shell: Shell, leave: Callable[[], object]) -> None:
        super().__init__()
        self._session, self._shell, self._leave = session, shell, leave
        self.page: PerformancePage | None = None
        self._making: asyncio.Task[None] | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    def begin(self) -> None:
        """Show the page, and take the keyboard."""
        if self.page is not None:
            self.page.setFocus()
        elif self._making is None or self._making.done():
            self._making = self._shell.start(self._make(), failed="The performance page cannot be shown")

    async def _make(self) -> None:
        module = await import_apart("aiconsole.gui.performance.page")
        optimizer = await self._session.engine.open_optimizer()
        self.page = module.PerformancePage(self._session, self._shell, optimizer)
        self.page.left.connect(self._leave)
        self._layout.addWidget(self.page)
        self.setFocusProxy(self.page)
        self.page.setFocus()
