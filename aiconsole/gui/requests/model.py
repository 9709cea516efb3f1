"""The table's rows: as many as were found, of which only the pages that were looked at lately are here.

A row that is not here is a placeholder until its page comes from the store's thread. Only the pages asked for last are
fetched, so that a drag over a million rows does not read what has gone by again. Rows that came after the search stand
before the found ones, in the order of time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Protocol

from PySide6.QtCore import QModelIndex, QObject, Qt, Signal

from ...domain.errors import ConsoleError
from ...domain.history import RequestRow
from ..titled import RIGHT, Index, TitledTable, plain
from .cells import NUMBERS, SORTS, TITLES, Line, line_of, tip

PAGE: Final = 100
_KEPT: Final = 60
_ASKED: Final = 4


class Found(Protocol):
    """What `History.requests` gives."""

    count: int
    capped: bool

    async def page(self, offset: int, limit: int = 100) -> tuple[RequestRow, ...]: ...


class RequestsModel(TitledTable):
    """Rows by `show` and `prepend`. ``paged()``: a page came. ``failed(error)``: one cannot be read.

    Args:
        start: runs a coroutine in the background.
    """

    TITLES = TITLES
    NUMBERS = NUMBERS
    paged = Signal()
    failed = Signal(object)

    def __init__(
        self, start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._start = start
        self._found: Found | None = None
        self._head: list[Line] = []
        self._pages: OrderedDict[int, list[Line]] = OrderedDict()
        self._asked: OrderedDict[int, None] = OrderedDict()
        self._fetching: asyncio.Task[None] | None = None

    def show(self, found: Found, first: Sequence[RequestRow] = ()) -> None:
        """Show what was found; ``first`` are the rows of its first page, as far as they are known."""
        self.beginResetModel()
        self._found = found
        self._head = []
        self._pages.clear()
        self._asked.clear()
        if first:
            self._pages[0] = [line_of(row) for row in first]
        self.endResetModel()

    def prepend(self, rows: Sequence[RequestRow]) -> None:
        """Put rows before the others, newest first; what was in view or chosen stays the same row."""
        if rows:
            self.beginInsertRows(QModelIndex(), 0, len(rows) - 1)
            self._head[:0] = [line_of(row) for row in rows]
            self.endInsertRows()

    @property
    def newest(self) -> RequestRow | None:
        """The row at the top; None where there is none, or where it is not here."""
        line = self.line(0) if self.rowCount() else None
        return None if line is None else line.row

    def rowCount(self, _parent: Index | None = None) -> int:
        return len(self._head) + (self._found.count if self._found is not None else 0)

    def line(self, at: int) -> Line | None:
        """The request in a row; None where it is not here, and then its page is asked for."""
        if at < len(self._head):
            return self._head[at]
        at -= len(self._head)
        number, place = divmod(at, PAGE)
        page = self._pages.get(number)
        if page is None:
            self._ask(number)
            return None
        return page[place] if place < len(page) else None

    def gone(self, at: int) -> bool:
        """Whether the request of a row was deleted since it was found."""
        number, place = divmod(at - len(self._head), PAGE)
        page = self._pages.get(number)
        return page is not None and place >= len(page)

    async def lines(self, rows: Sequence[int]) -> list[Line]:
        """The requests of these rows, fetched where they are not here; without those deleted since.

        Raises:
            StoreError: they cannot be read.
        """
        found, head = self._found, self._head[:]
        pages: dict[int, list[Line]] = {}
        lines: list[Line] = []
        for at in rows:
            if at < len(head):
                lines.append(head[at])
                continue
            number, place = divmod(at - len(head), PAGE)
            if number not in pages:
                kept = self._pages.get(number) if found is self._found else None
                assert found is not None
                pages[number] = kept or [line_of(row) for row in await found.page(number * PAGE, PAGE)]
            if place < len(pages[number]):
                lines.append(pages[number][place])
        return lines

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.ToolTipRole and orientation == Qt.Orientation.Horizontal and section in SORTS:
            return f"Sort by {TITLES[section].lower()}"
        return super().headerData(section, orientation, role)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        column = index.column()
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if column in NUMBERS else None
        if role not in (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.ToolTipRole,
            Qt.ItemDataRole.AccessibleTextRole,
        ):
            return None
        line = self.line(index.row())
        if line is None:
            return "" if role == Qt.ItemDataRole.DisplayRole and column else "…"
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain(tip(line, column))
        said = line.words[column]
        return said if role == Qt.ItemDataRole.DisplayRole else f"{TITLES[column]}: {said}"

    # Pages

    def _ask(self, number: int) -> None:
        self._asked[number] = None
        self._asked.move_to_end(number)
        while len(self._asked) > _ASKED:
            self._asked.popitem(last=False)
        if self._fetching is None or self._fetching.done():
            self._fetching = self._start(self._fetch())

    async def _fetch(self) -> None:
        """Fetch what was asked for, the last first, until nothing is left."""
        while self._asked and self._found is not None:
            found, (number, _) = self._found, self._asked.popitem()
            if number in self._pages:
                continue
            try:
                rows = await found.page(number * PAGE, PAGE)
            except ConsoleError as error:
                self._asked.clear()
                self.failed.emit(error)
                return
            if found is self._found:
                self._take(number, [line_of(row) for row in rows])

    def _take(self, number: int, lines: list[Line]) -> None:
        self._pages[number] = lines
        while len(self._pages) > _KEPT:
            self._pages.popitem(last=False)
        first = len(self._head) + number * PAGE
        last = min(first + PAGE, self.rowCount()) - 1
        self.dataChanged.emit(self.index(first, 0), self.index(last, len(TITLES) - 1))
        self.paged.emit()
