"""What wakes the window's loop from outside: other threads, and sockets that became ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from PySide6.QtCore import QObject, QSocketNotifier, Qt, Signal, Slot


class Pump(QObject):
    """Wakes the loop from other threads; lives in the window's thread."""

    woken = Signal()

    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__()
        self._wake = wake
        self.woken.connect(self._on_woken, Qt.ConnectionType.QueuedConnection)

    @Slot()
    def _on_woken(self) -> None:
        self._wake()


class Watch:
    """A socket notifier and the handle it is for; stands in the ready queue itself, so it looks like a handle there."""

    __slots__ = ("_cancelled", "_handle", "_notifier", "_queue", "_queued")

    def __init__(self, fd: int, kind: QSocketNotifier.Type, queue: Callable[[Watch], None]) -> None:
        self._cancelled = False
        self._handle: asyncio.Handle | None = None
        self._queue = queue
        self._queued = False
        self._notifier = QSocketNotifier(fd, kind)
        self._notifier.activated.connect(self._on_activated)

    def watch(self, handle: asyncio.Handle) -> None:
        """Call ``handle`` from now on, in place of the one before."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle = handle
        if not self._queued:
            self._notifier.setEnabled(True)

    def close(self) -> None:
        """Stop watching; what is queued already will do nothing."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._notifier.setEnabled(False)
        self._notifier.activated.disconnect()
        self._notifier.deleteLater()

    def _on_activated(self, *_: object) -> None:
        self._notifier.setEnabled(False)
        if not self._queued:
            self._queued = True
            self._queue(self)

    def _run(self) -> None:
        self._queued = False
        handle = self._handle
        if handle is None:
            return
        if not handle.cancelled():
            handle._run()
        if self._handle is not None:
            self._notifier.setEnabled(True)
