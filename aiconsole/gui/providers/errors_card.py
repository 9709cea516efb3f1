"""How requests to one provider failed, by the kind of error; a row opens the requests behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from ...domain.errors import CALLERS_KINDS
from ...domain.history import FailureCount, Figures
from ..figures import count
from ..requests.wanted import advice_for
from ..table import Table
from ..theme import set_role
from ..titled import RIGHT, SORT_ROLE, Index, Sorted, TitledTable, plain
from .standing import clock_words

FURTHER = "further failed attempts"


class Failed(msgspec.Struct, frozen=True):
    """A row. ``kind`` "" are attempts after which the request went on."""

    kind: str
    count: int
    last_at: float | None
    words: str

    @property
    def blamed(self) -> bool:
        """Whether the provider, the network, a key or a quota is to blame."""
        return self.kind not in CALLERS_KINDS


def rows_of(failures: Sequence[FailureCount], did: Figures | None) -> tuple[Failed, ...]:
    """The kinds of errors that requests ended with, how many attempts failed beyond those, and what was the caller's doing."""
    own = [one for one in failures if one.kind not in CALLERS_KINDS]
    rows = [Failed(one.kind, one.count, one.last_at, one.words) for one in own]
    further = (did.failures if did is not None else 0) - sum(one.count for one in own)
    if further > 0:
        rows.append(Failed("", further, None, "The request was tried again, or another candidate was asked."))
    callers = (one for one in failures if one.kind in CALLERS_KINDS)
    rows += [
        Failed(one.kind, one.count, one.last_at, one.words or "Counts neither for nor against it.") for one in callers
    ]
    return tuple(rows)


class ErrorsModel(TitledTable):
    """A row a kind of error."""

    TITLES = ("Error", "Requests", "Last", "What the last one said")
    NUMBERS = (1,)

    def __init__(self) -> None:
        super().__init__()
        self.rows: tuple[Failed, ...] = ()

    def show(self, rows: Sequence[Failed]) -> None:
        """Show these."""
        if tuple(rows) != self.rows:
            self.beginResetModel()
            self.rows = tuple(rows)
            self.endResetModel()

    def rowCount(self, _parent: Index | None = None) -> int:
        return len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self.rows[index.row()], index.column()
        last = "–" if row.last_at is None else clock_words(row.last_at)
        texts = (row.kind or FURTHER, count(row.count), last, " ".join(row.words.split()))
        if role == Qt.ItemDataRole.DisplayRole:
            return texts[column]
        if role == SORT_ROLE:
            return (texts[0], row.count, row.last_at, texts[3].lower())[column]
        if role == Qt.ItemDataRole.TextAlignmentRole and column in self.NUMBERS:
            return RIGHT
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self.TITLES[column]}: {texts[column]}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain("\n".join(filter(None, (row.words, advice_for(row.kind)))))
        return None


class ErrorsList(QStackedWidget):
    """``opened(kind)`` on Enter or a double click; "" for attempts after which the request went on."""

    opened = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.model = ErrorsModel()
        self._order = Sorted(self.model, self)
        self.table = Table(self._order, "Errors by kind", row_px=32)
        set_role(self.table, "bare")
        self.table.setSortingEnabled(True)
        self.table.horizontalHeader().setSortIndicatorClearable(True)
        self.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.table.stretch(3, {0: 176, 1: 82, 2: 118})
        self.table.opened.connect(self._open)
        self._nothing = QLabel()
        self._nothing.setWordWrap(True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        set_role(self._nothing, "caption")
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.addWidget(self._nothing)
        self.addWidget(self.table)
        self.addWidget(page)

    def show_rows(self, rows: Sequence[Failed], words: str) -> None:
        """Show these, which are of the range that ``words`` names."""
        self.model.show(rows)
        self._nothing.setText(f"Nothing failed here in the {words}. What fails is grouped here by its kind.")
        self.setCurrentIndex(0 if rows else 1)
        if rows and not self.table.currentIndex().isValid():
            self.table.selectRow(0)

    def _open(self, at: int) -> None:
        self.opened.emit(self.model.rows[self._order.mapToSource(self._order.index(at, 0)).row()].kind)
