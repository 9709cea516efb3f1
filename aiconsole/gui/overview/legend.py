"""The legend: a chip a provider that has figures in view; it hides and shows that provider."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QPushButton

from ..flow import Flow
from ..theme import Theme, set_role

_SWATCH = 10


class Legend(Flow):
    """``changed()`` when a provider was hidden or shown."""

    changed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.chips: dict[str, QPushButton] = {}
        self._labels: dict[str, str] = {}
        self.hidden: frozenset[str] = frozenset()
        theme.changed.connect(self._dress)

    def show_providers(self, labels: Mapping[str, str]) -> None:
        """Have a chip for each, in this order."""
        if dict(labels) == self._labels and list(labels) == list(self._labels):
            return
        self._labels = dict(labels)
        self.clear()
        self.chips = {}
        for name in labels:
            chip = self.chips[name] = QPushButton()
            chip.setIconSize(QSize(_SWATCH, _SWATCH))
            set_role(chip, "chip")
            chip.clicked.connect(partial(self.toggle, name))
            self.add(chip)
            chip.show()
        self._dress()

    def toggle(self, name: str, *_: object) -> None:
        """Hide a provider, or show it again."""
        self.hidden = self.hidden ^ {name}
        self._dress()
        self.changed.emit()

    def _dress(self) -> None:
        for name, chip in self.chips.items():
            hidden, label = name in self.hidden, self._labels[name]
            chip.setText(f"{label} (hidden)" if hidden else label)
            chip.setToolTip(f"{'Show' if hidden else 'Hide'} {label}")
            chip.setAccessibleName(f"{'Show' if hidden else 'Hide'} {label}")
            chip.setIcon(self._swatch(name, filled=not hidden))

    def _swatch(self, name: str, *, filled: bool) -> QIcon:
        swatch = QPixmap(_SWATCH, _SWATCH)
        swatch.fill(Qt.GlobalColor.transparent)
        painter = QPainter(swatch)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        color = self._theme.provider_color(name)
        painter.setPen(color)
        painter.setBrush(color if filled else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(swatch.rect().adjusted(0, 0, -1, -1), 2, 2)
        painter.end()
        return QIcon(swatch)
