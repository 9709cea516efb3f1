"""The legend: a chip a provider with its value at the cursor, or else its latest; a chip hides its line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QGridLayout, QPushButton, QWidget

from ..theme import SPACE_XS, Theme, set_role

_COLUMNS = 7
_LEAST = 148
_SWATCH = 10


class Legend(QWidget):
    """``toggled(name, on)`` when a provider is shown or hidden."""

    toggled = Signal(str, bool)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.chips: dict[str, QPushButton] = {}
        self._hidden: set[str] = set()
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(SPACE_XS)
        self._layout.setColumnStretch(_COLUMNS, 1)
        theme.changed.connect(self._paint)

    def show_providers(self, labels: Mapping[str, str]) -> None:
        """Have a chip for each, in this order."""
        if list(labels) == list(self.chips):
            return
        for chip in self.chips.values():
            self._layout.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self.chips = {}
        for at, (name, label) in enumerate(labels.items()):
            chip = QPushButton(label)
            chip.setMinimumWidth(_LEAST)
            chip.setIconSize(QSize(_SWATCH, _SWATCH))
            set_role(chip, "chip")
            chip.clicked.connect(partial(self._toggle, name))
            self.chips[name] = chip
            self._layout.addWidget(chip, at // _COLUMNS, at % _COLUMNS)
        self._paint()

    def show_values(self, texts: Mapping[str, tuple[str, str]], labels: Mapping[str, str]) -> None:
        """Say each provider's value, and the whole story in its tooltip."""
        for name, chip in self.chips.items():
            value, story = texts.get(name, ("–", "no answer at this time"))
            hidden = name in self._hidden
            chip.setText(f"{labels[name]}  {'hidden' if hidden else value}")
            chip.setToolTip(f"{labels[name]}: {story}. {'Show it.' if hidden else 'Hide it.'}")
            chip.setAccessibleName(f"{labels[name]}{' (hidden)' if hidden else ''}: {story}")

    def names(self) -> Sequence[str]:
        """Who is in the legend."""
        return list(self.chips)

    def _toggle(self, name: str) -> None:
        self._hidden.symmetric_difference_update({name})
        self._paint()
        self.toggled.emit(name, name not in self._hidden)

    def _paint(self) -> None:
        for name, chip in self.chips.items():
            swatch = QPixmap(_SWATCH, _SWATCH)
            swatch.fill(Qt.GlobalColor.transparent)
            painter = QPainter(swatch)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            color = self._theme.provider_color(name)
            painter.setPen(color)
            painter.setBrush(Qt.BrushStyle.NoBrush if name in self._hidden else color)
            painter.drawRoundedRect(swatch.rect().adjusted(0, 0, -1, -1), 2, 2)
            painter.end()
            chip.setIcon(QIcon(swatch))
