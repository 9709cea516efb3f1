"""Finding words in the open conversation."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit

from ..icons import Icons
from ..theme import SPACE_M, SPACE_S, SPACE_XS, set_role
from .kit import label, tool
from .transcript import TranscriptView


class FindBar(QFrame):
    """A line over the transcript: words, how many places have them, forth and back. ``left()`` when it closes."""

    left = Signal()

    def __init__(self, icons: Icons, transcript: TranscriptView) -> None:
        super().__init__()
        set_role(self, "toolbar")
        self._transcript = transcript
        self._places: list[tuple[int, int]] = []
        self._at = 0
        self.entry = QLineEdit()
        self.entry.setPlaceholderText("Find in this conversation")
        self.entry.setAccessibleName("Find in this conversation")
        self.entry.textChanged.connect(self._search)
        self.entry.installEventFilter(self)
        self._count = label("", "caption")
        before = tool(icons, "up", "Place before", lambda: self.step(-1), keys="Shift+Enter")
        after = tool(icons, "down", "Next place", lambda: self.step(1), keys="Enter")
        close = tool(icons, "close", "Close", self.leave, keys="Esc")
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE_M, SPACE_XS, SPACE_S, SPACE_XS)
        row.setSpacing(SPACE_XS)
        row.addWidget(self.entry, 1)
        row.addSpacing(SPACE_S)
        for widget in (self._count, before, after, close):
            row.addWidget(widget)
        self.hide()

    def ask(self) -> None:
        """Open it with the keyboard in it."""
        self.show()
        self.entry.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.entry.selectAll()
        self._search(self.entry.text())

    def leave(self) -> None:
        self.hide()
        self.left.emit()

    def step(self, by: int) -> None:
        """Go to the next place, or the one before."""
        if self._places:
            self._at = (self._at + by) % len(self._places)
            self._show()

    def _search(self, words: str) -> None:
        found = self._transcript.turns_with(words) if words else []
        self._places = [(turn, nth) for turn, many in found for nth in range(many)]
        self._at = max(0, len(self._places) - 1)
        if self._places:
            self._show()
        else:
            self._count.setText("Not found" if words else "")

    def _show(self) -> None:
        turn, nth = self._places[self._at]
        self._transcript.show_found(turn, self.entry.text(), nth)
        self._count.setText(f"{self._at + 1} of {len(self._places)}")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.step(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
                return True
            if event.key() == Qt.Key.Key_Escape:
                self.leave()
                return True
        return super().eventFilter(watched, event)
