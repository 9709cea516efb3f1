"""Names and values under one another, the values selectable."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from ..theme import SPACE_M, SPACE_S, SPACE_XS, set_role


class Pairs(QWidget):
    """Show it with ``show_pairs``."""

    def __init__(self, name: str, *, mono: bool = False) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._mono = mono
        self._pairs: tuple[tuple[str, str], ...] = ()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(SPACE_M)
        self._grid.setVerticalSpacing(SPACE_XS if mono else SPACE_S)
        self._grid.setColumnStretch(1, 1)

    @property
    def text(self) -> str:
        """All of it, a line each."""
        return "\n".join(f"{name}: {value}" for name, value in self._pairs)

    def show_pairs(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Show these."""
        if tuple(pairs) == self._pairs:
            return
        self._pairs = tuple(pairs)
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for row, (name, value) in enumerate(self._pairs):
            title, said = _label(name), _label(value)
            set_role(title, "caption")
            said.setWordWrap(True)
            said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            said.setAccessibleName(f"{name}: {value}")
            if self._mono:
                set_role(said, "mono")
            self._grid.addWidget(title, row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(said, row, 1)


def _label(text: str) -> QLabel:
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    return made
