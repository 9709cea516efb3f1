"""How the tables of the panels look and are used: rows with swatch and glyph, opened by Enter or a double click."""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from .icons import paint_state
from .theme import SPACE_M, SPACE_S, State, Theme
from .titled import BAR_ROLE, NAME_ROLE, STATE_ROLE, Index

_ROW = 40
_BAR = 40


class Table(QTableView):
    """A table whose rows are chosen as a whole. ``opened(row)`` on Enter or a double click."""

    opened = Signal(int)

    def __init__(self, model: QAbstractItemModel, name: str, row_px: int = _ROW) -> None:
        super().__init__()
        self.setModel(model)
        self.setAccessibleName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(row_px)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.row()))

    def stretch(self, column: int, widths: dict[int, int]) -> None:
        """Give ``column`` the room that is left, and the others their widths in px."""
        header = self.horizontalHeader()
        for at in range(self.model().columnCount()):
            stretched = at == column
            header.setSectionResizeMode(
                at, QHeaderView.ResizeMode.Stretch if stretched else QHeaderView.ResizeMode.Interactive
            )
            if at in widths:
                self.setColumnWidth(at, widths[at])

    def set_widths(self, widths: dict[int, int]) -> None:
        """Give the columns their widths in px, and the last in view what is left."""
        header = self.horizontalHeader()
        header.setStretchLastSection(True)
        for at, width in widths.items():
            header.setSectionResizeMode(at, QHeaderView.ResizeMode.Interactive)
            self.setColumnWidth(at, width)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().row())
        else:
            super().keyPressEvent(event)


class MarkedCells(QStyledItemDelegate):
    """The provider's colour before its name, the state's glyph before a word, a small bar before what is left of a limit."""

    def __init__(self, theme: Theme, view: Table) -> None:
        super().__init__(view)
        self._theme = theme
        theme.changed.connect(view.viewport().update)

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        option.state &= ~QStyle.StateFlag.State_HasFocus

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        state, bar = index.data(STATE_ROLE), index.data(BAR_ROLE)
        if state is None and bar is None and (index.column() != 0 or index.data(NAME_ROLE) is None):
            super().paint(painter, option, index)
            return
        self.initStyleOption(option, index)
        text, option.text = option.text, ""
        style = option.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        left, middle = option.rect.left() + SPACE_M, option.rect.center().y() + 1.0
        box = QRectF(left, middle - 5, 10, 10)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if bar is not None:
            box = QRectF(left, middle - 3, _BAR, 6)
            self._bar(painter, box, *bar)
        elif state is None:
            painter.setBrush(self._theme.provider_color(index.data(NAME_ROLE)))
            painter.drawRoundedRect(box, 3, 3)
        else:
            paint_state(painter, box, state, self._theme.color(state))
        painter.setPen(self._theme.color("text"))
        room = option.rect.adjusted(SPACE_M + round(box.width()) + SPACE_S, -1, -SPACE_S, -1)
        shown = option.fontMetrics.elidedText(text, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        painter.restore()

    def _bar(self, painter: QPainter, box: QRectF, left: float, state: State) -> None:
        painter.setBrush(self._theme.color("line"))
        painter.drawRoundedRect(box, 3, 3)
        if left > 0:
            painter.setBrush(self._theme.color(state))
            painter.drawRoundedRect(QRectF(box.left(), box.top(), max(box.width() * left, 6), box.height()), 3, 3)
