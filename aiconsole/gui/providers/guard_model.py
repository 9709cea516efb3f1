"""One provider's breakers as rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt

from ..breakers import Line
from ..titled import NAME_ROLE, STATE_ROLE, Index, TitledTable, plain


class BreakersModel(TitledTable):
    """A row a breaker: of the provider as a whole first, then of its models."""

    TITLES = ("Breaker of", "State", "Reason")

    def __init__(self) -> None:
        super().__init__()
        self.lines: tuple[Line, ...] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Be these rows."""
        before, self.lines = self.lines, tuple(lines)
        if [line.key for line in before] != [line.key for line in self.lines]:
            self.beginResetModel()
            self.endResetModel()
        elif before != self.lines:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.lines) - 1, len(self.TITLES) - 1))

    def rowCount(self, _parent: Index | None = None) -> int:
        return len(self.lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        line, column = self.lines[index.row()], index.column()
        texts = (line.key.partition("/")[2] or "the whole provider", line.word, line.reason)
        if role == Qt.ItemDataRole.DisplayRole:
            return texts[column]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self.TITLES[column]}: {texts[column]}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain(texts[column]) or None
        if role == NAME_ROLE:
            return line.key.partition("/")[0]
        return line.glyph if role == STATE_ROLE and column == 1 else None
