"""A table whose rows can be dragged into another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from PySide6.QtCore import QMimeData, Qt, Signal

from ..titled import Index, TitledTable


class MovableTable(TitledTable):
    """``moved(from, to)``: a row was dropped so that it should stand at ``to``. ``MIME`` names what its rows are."""

    moved = Signal(int, int)
    MIME: ClassVar[str] = ""

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDragEnabled

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        return [self.MIME]

    def mimeData(self, indexes: Sequence[Index]) -> QMimeData:
        data = QMimeData()
        data.setData(self.MIME, str(indexes[0].row()).encode())
        return data

    def dropMimeData(self, data: QMimeData, _action: Qt.DropAction, row: int, _column: int, _parent: Index) -> bool:
        """Tell where it was dropped. False, so that the view takes nothing away by itself."""
        if data.hasFormat(self.MIME):
            start = int(bytes(data.data(self.MIME).data()))
            end = self.rowCount() if row < 0 else row
            end -= end > start
            if end != start:
                self.moved.emit(start, end)
        return False
