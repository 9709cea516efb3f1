"""The conversations as rows: a head for each day, then those last spoken in on that day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from ...domain.conversations import SearchHit
from . import words

_Index = QModelIndex | QPersistentModelIndex
UNTITLED = "New conversation"


class HistoryModel(QAbstractListModel):
    """Rows are a day's name or a hit. ``renamed(id, title)``: the person typed another title."""

    renamed = Signal(str, str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._rows: list[str | SearchHit] = []
        self._running: frozenset[str] = frozenset()
        self._fresh: set[str] = set()

    def show(self, hits: Sequence[SearchHit], now: float) -> None:
        """Show these, in their order; ``now`` in epoch seconds."""
        rows: list[str | SearchHit] = []
        day = ""
        for hit in hits:
            its_day = words.day(hit.conversation.updated_at, now)
            if its_day != day:
                rows.append(its_day)
                day = its_day
            rows.append(hit)
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def set_running(self, running: frozenset[str]) -> None:
        """Mark those being answered; one that is no longer is marked as fresh."""
        self._fresh |= self._running - running
        self._running = running
        self._touch()

    def seen(self, conversation: str) -> None:
        """Its answer is being looked at."""
        self._fresh.discard(conversation)
        self._touch()

    def hit(self, row: int) -> SearchHit | None:
        """The hit of a row, None of a day's head."""
        found = self._rows[row] if 0 <= row < len(self._rows) else None
        return found if isinstance(found, SearchHit) else None

    def head(self, row: int) -> str:
        found = self._rows[row]
        return found if isinstance(found, str) else ""

    def row_of(self, conversation: str) -> int:
        """The row of a conversation, -1 where it is not shown."""
        for row, entry in enumerate(self._rows):
            if isinstance(entry, SearchHit) and entry.conversation.id == conversation:
                return row
        return -1

    def hits(self) -> list[SearchHit]:
        return [row for row in self._rows if isinstance(row, SearchHit)]

    def is_running(self, conversation: str) -> bool:
        return conversation in self._running

    def is_fresh(self, conversation: str) -> bool:
        """Whether it was answered while not looked at."""
        return conversation in self._fresh

    def rowCount(self, _parent: _Index | None = None) -> int:
        return len(self._rows)

    def flags(self, index: _Index) -> Qt.ItemFlag:
        if self.hit(index.row()) is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEditable

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        hit = self.hit(index.row())
        if hit is None:
            return self.head(index.row()) if role == Qt.ItemDataRole.DisplayRole else None
        conversation = hit.conversation
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return conversation.title or ("" if role == Qt.ItemDataRole.EditRole else UNTITLED)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{conversation.title or UNTITLED}\n{words.full_time(conversation.updated_at)}"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            state = "being answered" if self.is_running(conversation.id) else ""
            state = state or ("new answer" if self.is_fresh(conversation.id) else "")
            return ", ".join(filter(None, (conversation.title or UNTITLED, state, hit.snippet)))
        return None

    def setData(self, index: _Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        hit = self.hit(index.row())
        title = str(value).strip()
        if hit is None or role != Qt.ItemDataRole.EditRole or not title or title == hit.conversation.title:
            return False
        self.renamed.emit(hit.conversation.id, title)
        return True

    def _touch(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, 0))
