"""Models of tables: columns with fixed titles, those of numbers aligned to the right, what else the cells tell, their order."""

from __future__ import annotations

from html import escape
from typing import Any, ClassVar, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QSortFilterProxyModel, Qt

Index = QModelIndex | QPersistentModelIndex
RIGHT: Final = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter

NAME_ROLE: Final = Qt.ItemDataRole.UserRole
"""The provider whose swatch stands before the words."""
STATE_ROLE: Final = Qt.ItemDataRole.UserRole + 1
"""The `State` whose glyph stands before the words."""
SORT_ROLE: Final = Qt.ItemDataRole.UserRole + 2
BAR_ROLE: Final = Qt.ItemDataRole.UserRole + 3
"""What is left of something, 0 to 1, with its state, for a small bar before the words."""


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


class Sorted(QSortFilterProxyModel):
    """Rows in the order of a column's `SORT_ROLE`; what is unknown stands last, whichever way round."""

    def __init__(self, model: TitledTable, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setSourceModel(model)
        self.setSortRole(SORT_ROLE)

    def lessThan(self, left: Index, right: Index) -> bool:
        one, other = left.data(SORT_ROLE), right.data(SORT_ROLE)
        rising = self.sortOrder() == Qt.SortOrder.AscendingOrder
        if one is None or other is None:
            return (other is None and one is not None) if rising else (one is None and other is not None)
        return bool(one < other)


def plain(text: str) -> str:
    """A tooltip that shows ``text`` letter by letter, whatever a provider put into it."""
    return f"<p style='white-space:pre-wrap'>{escape(text)}</p>" if text else ""
