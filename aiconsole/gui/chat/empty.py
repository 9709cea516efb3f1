"""What stands in the transcript's place before anything was said."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from ..keys import with_keys
from ..theme import SPACE_L, SPACE_S, set_role
from .kit import label

_EXAMPLES = (
    "Explain what a circuit breaker does, with a small example in Python",
    "Compare three ways to store sessions in a table",
    "What should I look at when p95 latency doubles overnight?",
)


class EmptyView(QWidget):
    """Says what will be here. ``example(text)``: one of the questions offered was chosen; ``providers_wanted()``."""

    example = Signal(str)
    providers_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._title = label("What do you want to ask?", "title")
        self._said = label("", "caption")
        self._said.setWordWrap(True)
        self._said.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_L)
        layout.setSpacing(SPACE_S)
        layout.addStretch(2)
        layout.addWidget(self._title, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self._said)
        layout.addSpacing(SPACE_L)
        self._examples = [QPushButton(text) for text in _EXAMPLES]
        for button in self._examples:
            button.clicked.connect(partial(self._take, button))
            layout.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        self._providers = QPushButton("Add a key")
        set_role(self._providers, "primary")
        self._providers.clicked.connect(self.providers_wanted)
        layout.addWidget(self._providers, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)

    def _take(self, button: QPushButton) -> None:
        self.example.emit(button.text())

    def show_state(self, model: str, *, can_ask: bool) -> None:
        """Say who would answer, or what is missing."""
        if can_ask:
            self._said.setText(f"{model} answers. The conversation is kept on this machine as it streams.")
        else:
            self._said.setText(
                with_keys(
                    "No provider can be used yet. Add a key, or try the simulated providers (Ctrl+K, “simulated”)."
                )
            )
        self._providers.setVisible(not can_ask)
        for button in self._examples:
            button.setVisible(can_ask)
