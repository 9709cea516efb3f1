"""A figure with what it is, and a line of what stands behind it."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout

from ..theme import SPACE_L, SPACE_M, SPACE_XS, set_role


class Tile(QFrame):
    """One figure."""

    def __init__(self, title: str, tip: str = "") -> None:
        super().__init__()
        set_role(self, "tile")
        self.setToolTip(tip)
        self._title = QLabel(title)
        set_role(self._title, "caption")
        self._figure = QLabel("–")
        set_role(self._figure, "figure")
        self._more = QLabel(" ")
        set_role(self._more, "caption")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_M)
        layout.setSpacing(SPACE_XS)
        for label in (self._title, self._figure, self._more):
            layout.addWidget(label)

    @property
    def text(self) -> str:
        """What it says."""
        return f"{self._title.text()}: {self._figure.text()}, {self._more.text()}"

    def show_figure(self, figure: str, more: str, *, title: str = "") -> None:
        """Say ``figure`` and, below it, ``more``."""
        if title:
            self._title.setText(title)
        self._figure.setText(figure)
        self._more.setText(more or " ")
        self.setAccessibleName(self.text)
