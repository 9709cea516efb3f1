"""The drill's place in the routing panel. What it needs (the simulator) is imported in a thread when it is first opened."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from PySide6.QtWidgets import QVBoxLayout, QWidget

from ...imports import import_apart
from ..session import Session
from ..shell import Shell

if TYPE_CHECKING:
    from .view import DrillView

DRILL: Final = "#drill"
"""What the routing panel is asked to open for it."""


class DrillPage(QWidget):
    """Empty until `begin`; ``view`` is what it then shows."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self._route = ""
        self.view: DrillView | None = None
        self._making: asyncio.Task[None] | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    def begin(self, route: str) -> None:
        """Be ready to drill ``route``, and take the keyboard."""
        self._route = route
        if self.view is not None:
            self.view.begin(route)
            self.view.setFocus()
        elif self._making is None or self._making.done():
            self._making = self._shell.start(self._make(), failed="The drill cannot be shown")

    async def _make(self) -> None:
        module = await import_apart("aiconsole.gui.drill.view")
        self.view = module.DrillView(self._session, self._shell)
        self._layout.addWidget(self.view)
        self.setFocusProxy(self.view)
        self.begin(self._route)
