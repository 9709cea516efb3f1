"""A table whose columns have fixed titles, those of numbers aligned to the right."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

Index = QModelIndex | QPersistentModelIndex
RIGHT: Final = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class TitledTable(QAbstractTableModel):
    """``TITLES`` name the columns, ``NUMBERS`` are the places of those that hold numbers."""

    TITLES: ClassVar[tuple[str, ...]] = ()
    NUMBERS: ClassVar[tuple[int, ...]] = ()

    def columnCount(self, _parent: Index | None = None) -> int:
        return len(self.TITLES)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return self.TITLES[section]
            if role == Qt.ItemDataRole.TextAlignmentRole and section in self.NUMBERS:
                return RIGHT
        return None
