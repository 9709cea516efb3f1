"""How long the window takes to paint a frame, measured where Qt paints it.

A top-level widget paints all that is due when it gets an UpdateRequest (Qt documentation, ``QEvent::UpdateRequest``); here that
event is handed to the widget inside a stopwatch. Other events of the window pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QWidget


class Frames(QObject):
    """Tells ``note(ms)`` of each frame of ``window``, which owns it."""

    def __init__(self, window: QWidget, note: Callable[[float], object]) -> None:
        super().__init__(window)
        self._note = note
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.UpdateRequest:
            return False
        began = time.perf_counter()
        handled = watched.event(event)
        self._note((time.perf_counter() - began) * 1000)
        return handled
