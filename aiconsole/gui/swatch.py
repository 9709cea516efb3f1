"""A provider's colour as a small square."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from .theme import Theme

_SIDE = 12


class Swatch(QWidget):
    """Give the provider's name beside it."""

    def __init__(self, theme: Theme, name: str = "") -> None:
        super().__init__()
        self._theme, self._name = theme, name
        self.setFixedSize(_SIDE, _SIDE)
        theme.changed.connect(self.update)

    def show_provider(self, name: str) -> None:
        """Take the colour of this provider."""
        self._name = name
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.provider_color(self._name))
        painter.drawRoundedRect(self.rect(), 3, 3)
