"""The picker of model or route: type a few letters, see context, price and key state, press Enter."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from ..markdown.safe import visible
from ..theme import CAPTION_PX, RADIUS, SPACE_M, SPACE_S, SPACE_XS, Theme, font, set_role
from .kit import label
from .picker_model import Choice, PickerModel
from .popover import Popover

_Index = QModelIndex | QPersistentModelIndex
_WIDTH, _ROW, _HEAD, _ROWS = 560, 30, 30, 12
_MOVES = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -_ROWS, Qt.Key.Key_PageDown: _ROWS}


class _Rows(QStyledItemDelegate):
    def __init__(self, theme: Theme, model: PickerModel) -> None:
        super().__init__(model)
        self._theme, self._model = theme, model
        self.current = ""

    def sizeHint(self, _option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(0, _ROW if self._model.choice(index.row()) is not None else _HEAD)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        choice, rect, theme = self._model.choice(index.row()), option.rect, self._theme
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if choice is None:
            painter.setFont(font(CAPTION_PX))
            painter.setPen(theme.color("muted"))
            box = rect.adjusted(SPACE_S, SPACE_S, -SPACE_S, 0)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, str(self._model.rows[index.row()]))
        else:
            if option.state & QStyle.StateFlag.State_Selected:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.color("accent_soft"))
                painter.drawRoundedRect(rect.adjusted(0, 1, 0, -1), RADIUS, RADIUS)
            self._paint_choice(painter, rect.adjusted(SPACE_S, 0, -SPACE_S, 0), choice)
        painter.restore()

    def _paint_choice(self, painter: QPainter, box: QRect, choice: Choice) -> None:
        theme, middle = self._theme, Qt.AlignmentFlag.AlignVCenter
        swatch = QRect(box.left(), box.center().y() - 3, 8, 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.provider_color(choice.provider) if choice.provider else theme.color("accent"))
        if choice.provider:
            painter.drawRoundedRect(swatch, 2, 2)
        else:
            painter.drawEllipse(swatch)
        box.setLeft(swatch.right() + SPACE_S)
        painter.setFont(font(CAPTION_PX))
        right = visible(choice.trouble or choice.facts)
        metrics = painter.fontMetrics()
        width = min(metrics.horizontalAdvance(right) + 2, box.width() * 3 // 5)
        painter.setPen(theme.color("warn_text" if choice.trouble else "muted"))
        facts = QRect(box.right() - width, box.top(), width, box.height())
        painter.drawText(
            facts, middle | Qt.AlignmentFlag.AlignRight, metrics.elidedText(right, Qt.TextElideMode.ElideRight, width)
        )
        painter.setFont(font(bold=bool(choice.value) and choice.value == self.current))
        painter.setPen(theme.color("text" if choice.value and not choice.trouble else "muted"))
        title = QRect(box.left(), box.top(), box.width() - width - SPACE_M, box.height())
        shown = painter.fontMetrics().elidedText(visible(choice.title), Qt.TextElideMode.ElideMiddle, title.width())
        painter.drawText(title, middle | Qt.AlignmentFlag.AlignLeft, shown)


class Picker(Popover):
    """``chosen(value)``; ``provider_wanted(name)`` for a provider that needs attention."""

    chosen = Signal(str)
    provider_wanted = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__("Choose a model or route", _WIDTH)
        self.box.setContentsMargins(SPACE_XS, SPACE_XS, SPACE_XS, SPACE_XS)
        self.box.setSpacing(0)
        self._model = PickerModel(self)
        self._said = ""
        self.entry = QLineEdit()
        set_role(self.entry, "palette")
        self.entry.setPlaceholderText("Model or route")
        self.entry.setAccessibleName("Filter of models and routes")
        self.entry.textChanged.connect(self._filter)
        self.entry.installEventFilter(self)
        line = QFrame()
        set_role(line, "line")
        self.list = QListView()
        set_role(self.list, "plain")
        self._rows = _Rows(theme, self._model)
        self.list.setModel(self._model)
        self.list.setItemDelegate(self._rows)
        self.list.setAccessibleName("Models and routes")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setMouseTracking(True)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.clicked.connect(self._take)
        self.list.entered.connect(self._hover)
        self._note = label("", "caption")
        self._note.setContentsMargins(SPACE_M, SPACE_XS, SPACE_M, SPACE_S)
        for widget in (self.entry, line, self.list, self._note):
            self.box.addWidget(widget)

    def ask(self, owner: QWidget, anchor: QRect, current: str) -> None:
        """Open it; ``current`` is what is chosen now. Rows come by `offer`."""
        self._rows.current = current
        self.entry.clear()
        self.open_at(owner, anchor, self.entry)

    def offer(self, rows: list[Choice], note: str = "") -> None:
        """Show these rows; ``note`` says what is still being asked or cannot be told."""
        self._model.set_choices(rows, self.entry.text())
        self._said = note
        self._show_rows()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.entry and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            key = Qt.Key(event.key())
            if key in _MOVES:
                self._move(_MOVES[key])
                return True
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._take(self.list.currentIndex())
                return True
            if key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
                self._move(1 if key == Qt.Key.Key_Tab else -1)
                return True
        return super().eventFilter(watched, event)

    def _filter(self, query: str) -> None:
        self._model.filter(query)
        self._show_rows()

    def _show_rows(self) -> None:
        """Be as tall as the rows need, and say what is missing."""
        rows = self._model.rowCount()
        note = self._said if rows else self._said or "Nothing by that name"
        self._note.setText(visible(note))
        self._note.setVisible(bool(note))
        self.list.setFixedHeight(min(max(rows, 1), _ROWS) * _ROW + 2 * SPACE_XS)
        self._select_first()
        if self.isVisible():
            self.fit()

    def _select_first(self) -> None:
        rows = range(self._model.rowCount())
        current = [row for row in rows if (choice := self._model.choice(row)) and choice.value == self._rows.current]
        first = [row for row in rows if self._model.choice(row) is not None]
        wanted = current if current and not self.entry.text() else first
        if wanted:
            self.list.setCurrentIndex(self._model.index(wanted[0], 0))
            if wanted[0] <= 1:
                self.list.scrollToTop()

    def _move(self, by: int) -> None:
        able = [row for row in range(self._model.rowCount()) if self._model.choice(row) is not None]
        if not able:
            return
        here = self.list.currentIndex().row()
        at = able.index(here) + by if here in able else 0
        at = at % len(able) if abs(by) == 1 else min(max(at, 0), len(able) - 1)
        self.list.setCurrentIndex(self._model.index(able[at], 0))
        if at == 0:
            self.list.scrollToTop()

    def _hover(self, index: QModelIndex) -> None:
        if self._model.choice(index.row()) is not None:
            self.list.setCurrentIndex(index)

    def _take(self, index: QModelIndex) -> None:
        choice = self._model.choice(index.row())
        if choice is None:
            return
        self.dismiss()
        if choice.value:
            self.chosen.emit(choice.value)
        else:
            self.provider_wanted.emit(choice.provider)
