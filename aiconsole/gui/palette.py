"""The command palette (Ctrl+K): type a few letters of anything that can be done, press Enter."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFont, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from .commands import Command, Commands, Match, ranked
from .keys import keys_text
from .overlay import Overlay
from .theme import CAPTION_PX, RADIUS, SPACE_M, SPACE_XS, Theme, set_role

_ROW, _ROWS_SHOWN, _WIDTH = 34, 11, 600
_MOVES = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -_ROWS_SHOWN, Qt.Key.Key_PageDown: _ROWS_SHOWN}
_ITSELF = "commands"
_Index = QModelIndex | QPersistentModelIndex


class _Found(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.rows: list[tuple[Command, Match]] = []

    def show(self, rows: list[tuple[Command, Match]]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, _parent: _Index | None = None) -> int:
        return len(self.rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        command = self.rows[index.row()][0]
        if role == Qt.ItemDataRole.DisplayRole:
            return command.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(filter(None, (command.title, command.group, keys_text(command.shortcut))))
        return None


class _Row(QStyledItemDelegate):
    """Title with the letters that matched, then its group, its keys at the right."""

    def __init__(self, theme: Theme, found: _Found) -> None:
        super().__init__(found)
        self._theme, self._found = theme, found

    def sizeHint(self, _option: QStyleOptionViewItem, _index: _Index) -> QSize:
        return QSize(0, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        command, found = self._found.rows[index.row()]
        theme, rect = self._theme, option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("accent_soft"))
            painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), RADIUS, RADIUS)
        box = rect.adjusted(SPACE_M, 0, -SPACE_M, 0)
        if command.shortcut:
            box.setRight(self._paint_keys(painter, box, keys_text(command.shortcut)) - SPACE_M)
        box.setLeft(self._paint_title(painter, box, command.title, found) + SPACE_M)
        painter.setFont(self._sized(painter.font(), CAPTION_PX))
        painter.setPen(theme.color("muted"))
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, command.group)
        painter.restore()

    def _paint_title(self, painter: QPainter, box: QRect, title: str, found: Match) -> int:
        at, plain = QRect(box), QFont(painter.font())
        bold = QFont(plain)
        bold.setWeight(QFont.Weight.Bold)
        for index, letter in enumerate(title):
            matched = index in found.at
            painter.setFont(bold if matched else plain)
            painter.setPen(self._theme.color("accent_text" if matched else "text"))
            painter.drawText(at, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, letter)
            at.setLeft(at.left() + painter.fontMetrics().horizontalAdvance(letter))
        painter.setFont(plain)
        return at.left()

    def _paint_keys(self, painter: QPainter, box: QRect, keys: str) -> int:
        font = QFont(painter.font())
        painter.setFont(self._sized(font, CAPTION_PX))
        width = painter.fontMetrics().horizontalAdvance(keys) + 2 * 6
        cap = QRect(box.right() - width, box.center().y() - 10, width, 20)
        painter.setPen(self._theme.color("edge"))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(cap.adjusted(0, 0, -1, -1), 4, 4)
        painter.setPen(self._theme.color("muted"))
        painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, keys)
        painter.setFont(font)
        return cap.left()

    @staticmethod
    def _sized(font: QFont, pixels: int) -> QFont:
        made = QFont(font)
        made.setPixelSize(pixels)
        return made


class Palette(Overlay):
    """Covers ``parent`` while open; what is chosen is done after it has closed."""

    def __init__(self, parent: QWidget, theme: Theme, commands: Commands) -> None:
        super().__init__(parent, theme, _WIDTH)
        self.setAccessibleName("Commands")
        self._commands = commands
        self._offered: list[Command] = []
        self.entry = QLineEdit()
        self.entry.setPlaceholderText("Type what you want to do")
        self.entry.setAccessibleName("Filter of commands")
        set_role(self.entry, "palette")
        self.entry.textChanged.connect(self._filter)
        self.entry.installEventFilter(self)
        self._found = _Found(self)
        self.results = QListView()
        self.results.setModel(self._found)
        self.results.setItemDelegate(_Row(theme, self._found))
        self.results.setUniformItemSizes(True)
        self.results.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.results.setMouseTracking(True)
        self.results.setAccessibleName("Commands found")
        self.results.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.results.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.results.entered.connect(self.results.setCurrentIndex)
        self.results.clicked.connect(lambda _index: self._run())
        set_role(self.results, "plain")
        self._nothing = QLabel("Nothing by that name")
        self._nothing.setContentsMargins(SPACE_M, SPACE_M, SPACE_M, SPACE_M)
        set_role(self._nothing, "caption")
        line = QFrame()
        set_role(line, "line")
        layout = QVBoxLayout(self.card)
        layout.setContentsMargins(SPACE_XS, SPACE_XS, SPACE_XS, SPACE_XS)
        layout.setSpacing(0)
        layout.addWidget(self.entry)
        layout.addWidget(line)
        layout.addWidget(self._nothing)
        layout.addWidget(self.results)

    def ask(self) -> None:
        """Open with everything that can be done now; open already, close."""
        if self.isVisible():
            self.dismiss()
            return
        self._offered = [command for command in self._commands.available() if command.key != _ITSELF]
        self.entry.clear()
        self._filter("")
        self.open(self.entry)

    def wanted_height(self, room: int) -> int:
        rows = min(len(self._found.rows), _ROWS_SHOWN)
        content = rows * _ROW + 2 * SPACE_XS if rows else self._nothing.sizeHint().height()
        return min(self.entry.sizeHint().height() + content + 2 * SPACE_XS + 3, room)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.entry and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            key = Qt.Key(event.key())
            if key == Qt.Key.Key_K and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self.dismiss()
                return True
            if key in _MOVES:
                self._move(_MOVES[key])
                return True
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._run()
                return True
            if key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
                self._move(1 if key == Qt.Key.Key_Tab else -1)
                return True
        return super().eventFilter(watched, event)

    def _filter(self, query: str) -> None:
        self._found.show(ranked(query, self._offered))
        some = bool(self._found.rows)
        self.results.setVisible(some)
        self._nothing.setVisible(not some)
        if some:
            self.results.setCurrentIndex(self._found.index(0, 0))
        self.fit()

    def _move(self, by: int) -> None:
        count = len(self._found.rows)
        if count:
            row = self.results.currentIndex().row() + by
            row = row % count if abs(by) == 1 else min(max(row, 0), count - 1)
            self.results.setCurrentIndex(self._found.index(row, 0))

    def _run(self) -> None:
        row = self.results.currentIndex().row()
        if 0 <= row < len(self._found.rows):
            command = self._found.rows[row][0]
            self.dismiss()
            self._commands.run(command)
