"""What stands in the table's place while there is nothing in it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..theme import SPACE_S, set_role
from .wanted import Wanted


class Empty(QWidget):
    """Says why there is nothing, and offers what to do about it."""

    def __init__(self) -> None:
        super().__init__()
        self.title, self.words = QLabel(), QLabel()
        set_role(self.title, "head")
        set_role(self.words, "caption")
        self.chat, self.clear, self.all = QPushButton("Start a chat"), QPushButton("Clear the filters"), QPushButton()
        self.all.setText("Show all times")
        layout = QVBoxLayout(self)
        layout.setSpacing(SPACE_S)
        layout.addStretch(2)
        for widget in (self.title, self.words):
            widget.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            widget.setWordWrap(True)
            layout.addWidget(widget)
        layout.addSpacing(SPACE_S)
        row = QHBoxLayout()
        row.addStretch(1)
        for button in (self.clear, self.all, self.chat):
            row.addWidget(button)
        row.addStretch(1)
        layout.addLayout(row)
        layout.addStretch(3)

    def show_reason(self, wanted: Wanted, *, simulated: bool) -> None:
        """Nothing was found by ``wanted``."""
        what = "simulated request" if simulated else "request"
        bounded = wanted.start is not None or wanted.last_s is not None
        if wanted.narrowed:
            self.title.setText(f"No {what} matches")
            self.words.setText("Nothing in this range passes all the filters.")
        elif bounded:
            self.title.setText(f"No {what} in this range")
            self.words.setText("Each request shows here as soon as it has ended.")
        else:
            self.title.setText(f"No {what} yet")
            self.words.setText(
                "Each request will stand here as soon as it has ended: where it went, how long it took, what it cost and why."
            )
        self.clear.setVisible(wanted.narrowed)
        self.all.setVisible(bounded)
        self.chat.setVisible(not wanted.narrowed)
        self.setFocusProxy(self.clear if wanted.narrowed else self.chat)
