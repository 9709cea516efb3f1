"""How the table of requests looks and is used: rows by Enter or a double click, order by a click on a title."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from ...domain.history import Sort
from ..icons import paint_state
from ..table import Table
from ..theme import SPACE_M, SPACE_S, Theme, font
from ..titled import Index
from .cells import ATTEMPTS, COST, DURATION, MODEL, NUMBERS, ORIGIN, PROVIDER, ROUTE, SORTS, STATUS, TIME, TOKENS, TTFT
from .model import RequestsModel

ROW_PX: Final = 30
_GLYPH: Final = 10
_WIDE: Final = 1400
_MODEL_WIDE: Final = 260
_WIDTHS: Final = {
    TIME: 118,
    ROUTE: 124,
    PROVIDER: 118,
    MODEL: 160,
    STATUS: 128,
    TTFT: 80,
    DURATION: 92,
    TOKENS: 82,
    COST: 92,
    ATTEMPTS: 100,
    ORIGIN: 72,
}


class RequestsTable(Table):
    """``sorted_by(sort, descending)``; ``copied()``."""

    sorted_by = Signal(str, bool)
    copied = Signal()

    def __init__(self, model: RequestsModel, theme: Theme) -> None:
        super().__init__(model, "Requests", ROW_PX)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setItemDelegate(_Cells(theme, self))
        rows = self.verticalHeader()
        rows.setMinimumSectionSize(ROW_PX)
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setSectionsClickable(True)
        header.setSortIndicatorShown(True)
        header.setMinimumSectionSize(60)
        for column, width in _WIDTHS.items():
            self.setColumnWidth(column, width)
        self._stretched = -1
        self._stretch(MODEL)
        header.sectionClicked.connect(self._sort)
        self._sorted: tuple[Sort, bool] = ("time", True)

    @property
    def at_top(self) -> bool:
        """Whether the first row is in view."""
        return self.verticalScrollBar().value() == 0

    def show_order(self, sort: Sort, descending: bool) -> None:
        """Mark the title by which the rows are in order."""
        self._sorted = (sort, descending)
        column = next(column for column, by in SORTS.items() if by == sort)
        order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        self.horizontalHeader().setSortIndicator(column, order)

    def chosen(self, most: int) -> list[int]:
        """The first ``most`` of the chosen rows, top to bottom."""
        selection = self.selectionModel().selection()
        parts = sorted((part.top(), part.bottom()) for part in map(selection.at, range(selection.size())))
        rows: dict[int, None] = {}
        for top, bottom in parts:
            rows.update(dict.fromkeys(range(top, min(bottom + 1, top + most - len(rows)))))
        return list(rows)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._stretch(STATUS if self.width() >= _WIDE else MODEL)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copied.emit()
        elif event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up) and not self.selectionModel().hasSelection():
            self.selectRow(
                max(0, self.currentIndex().row())
            )  # with the focus Qt makes the first row current, not chosen
        else:
            super().keyPressEvent(event)

    def _stretch(self, column: int) -> None:
        """Give ``column`` the room that is left: to models, or in a wide window to errors in words."""
        if column != self._stretched:
            self._stretched = column
            header = self.horizontalHeader()
            for other in (MODEL, STATUS):
                header.setSectionResizeMode(other, QHeaderView.ResizeMode.Interactive)
                self.setColumnWidth(other, _MODEL_WIDE if other != column and other == MODEL else _WIDTHS[other])
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)

    def _sort(self, column: int) -> None:
        sort = SORTS.get(column)
        if sort is None:
            self.show_order(*self._sorted)
            return
        before, descending = self._sorted
        self.sorted_by.emit(sort, not descending if sort == before else True)


class _Cells(QStyledItemDelegate):
    """Paints a cell from the model's line, which is quicker than role by role: a scroll step repaints some 300 of them."""

    def __init__(self, theme: Theme, view: RequestsTable) -> None:
        super().__init__(view)
        self._theme = theme
        self._font = font()
        theme.changed.connect(view.viewport().update)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        model = index.model()
        assert isinstance(model, RequestsModel)
        theme, rect, column = self._theme, option.rect, index.column()
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen:
            painter.fillRect(rect, theme.color("accent_soft"))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, theme.color("hover"))
        line = model.line(index.row())
        if line is None:
            self._placeholder(painter, rect, column, gone=model.gone(index.row()))
            return
        room = rect.adjusted(SPACE_M, 0, -SPACE_S, 0)
        if column == STATUS:
            box = QRectF(room.left(), rect.center().y() - _GLYPH / 2 + 1, _GLYPH, _GLYPH)
            paint_state(painter, box, line.state, theme.color(line.state))
            room.setLeft(room.left() + _GLYPH + SPACE_S)
        elif column == PROVIDER and line.row.provider:
            middle = QPointF(room.left() + 5, rect.center().y() + 1)
            painter.save()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.provider_color(line.row.provider))
            painter.drawRoundedRect(QRectF(middle - QPointF(5, 5), middle + QPointF(5, 5)), 3, 3)
            painter.restore()
            room.setLeft(room.left() + _GLYPH + SPACE_S)
        quiet = column in (ORIGIN, ROUTE) or (column == ATTEMPTS and line.row.attempts <= 1)
        painter.setPen(theme.color("muted" if quiet and not chosen else "text"))
        painter.setFont(self._font)
        side = Qt.AlignmentFlag.AlignRight if column in NUMBERS else Qt.AlignmentFlag.AlignLeft
        words = line.words[column]
        metrics = option.fontMetrics
        if column in (ROUTE, PROVIDER, MODEL, STATUS) and metrics.horizontalAdvance(words) > room.width():
            cut = Qt.TextElideMode.ElideRight if column == STATUS else Qt.TextElideMode.ElideMiddle
            words = metrics.elidedText(words, cut, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | side, words)
        if column == STATUS and line.row.error:
            room.setLeft(room.left() + metrics.horizontalAdvance(words) + SPACE_M)
            if room.width() > _GLYPH * 6:
                painter.setPen(theme.color("muted"))
                error = " ".join(line.row.error.split())
                painter.drawText(
                    room,
                    Qt.AlignmentFlag.AlignVCenter,
                    metrics.elidedText(error, Qt.TextElideMode.ElideRight, room.width()),
                )

    def _placeholder(self, painter: QPainter, rect: QRect, column: int, *, gone: bool) -> None:
        """A bar where words will be, or that the request is not kept any more."""
        theme = self._theme
        if gone:
            if column == TIME:
                painter.setPen(theme.color("muted"))
                painter.drawText(rect.adjusted(SPACE_M, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, "not kept any more")
            return
        room = rect.adjusted(SPACE_M, 0, -SPACE_S, 0)
        width = min(room.width(), 40 if column in NUMBERS else 90)
        left = room.right() - width if column in NUMBERS else room.left()
        painter.fillRect(QRect(left, rect.center().y() - 3, width, 7), theme.color("line"))
