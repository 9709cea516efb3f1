"""Tables whose rows are a few words a cell: they are shown anew in place, keep what is chosen, and repaint what changed."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import QModelIndex, Qt, Signal

from .table import MarkedCells, Table
from .theme import State, Theme
from .titled import RIGHT, STATE_ROLE, Index, TitledTable, plain


class Cell(NamedTuple):
    """What a cell says: ``state`` puts its glyph before the words, ``tip`` says more on hover."""

    text: str
    state: State | None = None
    tip: str = ""


class Line(NamedTuple):
    """A row: ``key`` tells which one it is when it is shown anew."""

    key: Hashable
    cells: tuple[Cell, ...]


class LinesModel(TitledTable):
    """Rows of cells. Subclasses give ``TITLES`` and ``NUMBERS``."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: tuple[Line, ...] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Show these rows. Where they are the same ones in the same order, only cells that say something else change."""
        before, self_lines = self.lines, tuple(lines)
        if [line.key for line in before] != [line.key for line in self_lines]:
            self.beginResetModel()
            self.lines = self_lines
            self.endResetModel()
            return
        self.lines = self_lines
        for row, (old, new) in enumerate(zip(before, self_lines, strict=True)):
            changed = [at for at, (one, other) in enumerate(zip(old.cells, new.cells, strict=True)) if one != other]
            if changed:
                self.dataChanged.emit(self.index(row, changed[0]), self.index(row, changed[-1]))

    def rowCount(self, _parent: Index | None = None) -> int:
        return len(self.lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.lines):
            return None
        cell = self.lines[index.row()].cells[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return cell.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain(cell.tip) or None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if index.column() in self.NUMBERS else None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            title = self.TITLES[index.column()]
            return f"{title}: {cell.text}" if title else cell.text
        return cell.state if role == STATE_ROLE else None


class LinesTable(Table):
    """Shows a `LinesModel`. ``chosen(key)``: another row, or the same one shown anew; None where there is none."""

    chosen = Signal(object)

    def __init__(self, model: LinesModel, name: str, theme: Theme, row_px: int = 30) -> None:
        super().__init__(model, name, row_px)
        self._lines = model
        self._quiet = False
        self.verticalHeader().setMinimumSectionSize(row_px)
        self.setItemDelegate(MarkedCells(theme, self))
        self.selectionModel().currentChanged.connect(self._tell)

    @property
    def key(self) -> Hashable:
        """The key of the chosen row, None for none."""
        row = self.currentIndex().row()
        return self._lines.lines[row].key if 0 <= row < len(self._lines.lines) else None

    def show_lines(self, lines: Sequence[Line], choose: Hashable = None) -> None:
        """Show these rows; ``choose`` or else what was chosen stays chosen, or else the first."""
        before = self.key
        self._quiet = True
        self._lines.show(lines)
        keys = [line.key for line in lines]
        wanted = choose if choose in keys else before
        if keys and (self.key != wanted or self.key is None):
            self.selectRow(keys.index(wanted) if wanted in keys else 0)
        self._quiet = False
        if self.key != before:
            self.chosen.emit(self.key)

    def choose(self, key: Hashable) -> bool:
        """Choose a row; whether there is one of that key."""
        keys = [line.key for line in self._lines.lines]
        if key in keys:
            self.selectRow(keys.index(key))
        return key in keys

    def _tell(self, current: QModelIndex, _before: QModelIndex) -> None:
        if not self._quiet:
            self.chosen.emit(self.key if current.isValid() else None)
