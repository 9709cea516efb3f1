"""A card with a plot, what it shows, and what the cursor points at."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ..hint import Elided
from ..theme import SPACE_L, SPACE_M, SPACE_S, Theme, set_role
from .curves import Curves


def carded(title: str, content: QWidget, *beside: QWidget, stretch: bool = True) -> QFrame:
    """``content`` as a card under a head, ``beside`` which other widgets stand."""
    card = QFrame()
    set_role(card, "card")
    head = QLabel(title)
    set_role(head, "head")
    top = QHBoxLayout()
    top.setSpacing(SPACE_M)
    top.addWidget(head)
    for widget in beside:
        top.addWidget(widget, 1 if isinstance(widget, Elided) else 0)
    if not any(isinstance(widget, Elided) for widget in beside):
        top.addStretch(1)
    layout = QVBoxLayout(card)
    layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_S, SPACE_S)
    layout.setSpacing(SPACE_S)
    layout.addLayout(top)
    layout.addWidget(content, 1 if stretch else 0)
    return card


class Plot(QFrame):
    """Curves on a card; ``legend`` says what is seen until the cursor is somewhere."""

    def __init__(self, theme: Theme, title: str, legend: str) -> None:
        super().__init__()
        self.curves = Curves(theme, title)
        self._legend = legend
        self.said = Elided()
        set_role(self.said, "caption")
        self.said.setText(legend)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(carded(title, self.curves, self.said))
        self.setFocusProxy(self.curves)
        self.curves.pointed.connect(lambda words: self.said.setText(words or self._legend))
