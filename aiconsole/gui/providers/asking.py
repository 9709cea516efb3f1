"""Questions to the history: one under way at a time, and asked again only when something may have changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from PySide6.QtCore import QObject, QTimer

from ...domain.errors import ConsoleError
from ..shell import Shell

_SOON_MS: Final = 1500


class Asking(QObject):
    """Runs ``work``, which asks and shows the answer. ``failed(error)`` is told what kept it, None when it works again."""

    def __init__(
        self,
        shell: Shell,
        work: Callable[[], Awaitable[None]],
        failed: Callable[[ConsoleError | None], object],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._shell, self._work, self._failed = shell, work, failed
        self._busy = self._stale = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self.now)

    def now(self) -> None:
        """Ask, or once more after the answer that is under way."""
        self._soon.stop()
        self._stale = True
        if not self._busy:
            self._busy = True
            self._shell.start(self._run(), failed="The figures cannot be read")

    def soon(self) -> None:
        """Ask in a moment, in which more may happen."""
        if not self._soon.isActive():
            self._soon.start()

    def rest(self) -> None:
        """Nobody looks."""
        self._soon.stop()
        self._stale = False

    async def _run(self) -> None:
        try:
            while self._stale:
                self._stale = False
                try:
                    await self._work()
                except ConsoleError as error:
                    self._failed(error)
                else:
                    self._failed(None)
        finally:
            self._busy = False
