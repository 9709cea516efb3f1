"""The outcome of a test or a failure in place: what happened in words, the details folded, copied with one click."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from .notices import StateGlyph
from .shell import Shell
from .theme import SPACE_M, SPACE_S, SPACE_XS, State, set_role


class Outcome(QFrame):
    """A banner that is hidden while there is nothing to say."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._glyph = StateGlyph(shell.theme, "idle")
        self._words = QLabel()
        self._words.setWordWrap(True)
        self._words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._details = QLabel()
        self._details.setTextFormat(Qt.TextFormat.PlainText)
        self._details.setWordWrap(True)
        self._details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        set_role(self._details, "mono")
        self._unfold = QPushButton("Details")
        self._unfold.setCheckable(True)
        set_role(self._unfold, "quiet")
        self._unfold.toggled.connect(self._details.setVisible)
        self._copy = QPushButton("Copy")
        set_role(self._copy, "quiet")
        self._copy.clicked.connect(self._copy_text)
        self._build()
        self.clear()

    @property
    def text(self) -> str:
        """What it says, "" while it is hidden."""
        return "" if self.isHidden() else self._words.text()

    def say(self, state: State, words: str, details: str = "") -> None:
        """Show ``words``; where there are ``details`` they can be unfolded and copied."""
        set_role(self, "banner", state)
        self._glyph.set_state(state)
        self._words.setText(words)
        self.setAccessibleName(words)
        self._details.setText(details)
        self._unfold.setChecked(False)
        self._details.hide()
        self._unfold.setVisible(bool(details))
        self._copy.setVisible(bool(details))
        self.show()

    def clear(self) -> None:
        """Say nothing."""
        self.hide()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_M, SPACE_S, SPACE_S, SPACE_S)
        layout.setSpacing(SPACE_XS)
        across = QHBoxLayout()
        across.setSpacing(SPACE_S)
        across.addWidget(self._glyph)
        across.addWidget(self._words, 1)
        for button in (self._unfold, self._copy):
            across.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(across)
        layout.addWidget(self._details)

    def _copy_text(self) -> None:
        QGuiApplication.clipboard().setText(f"{self._words.text()}\n{self._details.text()}".strip())


def card(title: str, *widgets: QWidget) -> QFrame:
    """A card with a head and ``widgets`` below one another."""
    frame = QFrame()
    set_role(frame, "card")
    frame.setAccessibleName(title)
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(SPACE_M + SPACE_XS, SPACE_M, SPACE_M + SPACE_XS, SPACE_M + SPACE_XS)
    layout.setSpacing(SPACE_S)
    if title:
        head = QLabel(title)
        set_role(head, "head")
        layout.addWidget(head)
    for widget in widgets:
        layout.addWidget(widget)
    return frame
