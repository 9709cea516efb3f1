"""The live feed: what happened, newest on top, filtered by kind. It stays where the reader scrolled to."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QListView,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from ..icons import paint_state
from ..moments import full, moment
from ..settings.editors import Choice
from ..theme import CAPTION_PX, RADIUS, SPACE_L, SPACE_M, SPACE_S, TEXT_PX, Theme, font, set_role
from .entries import KINDS, Entry, Kind

MOST: Final = 500
_ROW: Final = 44
_ENTRY: Final = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex


class FeedModel(QAbstractListModel):
    """The newest entries first, of one kind or all. ``all`` are those of every kind, ``entries`` those in view."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Entry] = []
        self._kind: Kind | None = None
        self.entries: list[Entry] = []

    def show_all(self, entries: Sequence[Entry]) -> None:
        """Have these, newest first."""
        self.all = list(entries[:MOST])
        self.show_kind(self._kind)

    def show_kind(self, kind: Kind | None) -> None:
        """Keep one kind in view, None all."""
        self.beginResetModel()
        self._kind = kind
        self.entries = [entry for entry in self.all if kind in (None, entry.kind)]
        self.endResetModel()

    def put_first(self, entries: Iterable[Entry]) -> int:
        """Put further ones on top, the newest first; how many of them are in view."""
        new = list(entries)
        self.all = [*new, *self.all][:MOST]
        shown = [entry for entry in new if self._kind in (None, entry.kind)]
        if shown:
            self.beginInsertRows(QModelIndex(), 0, len(shown) - 1)
            self.entries[:0] = shown
            self.endInsertRows()
        if len(self.entries) > MOST:
            self.beginRemoveRows(QModelIndex(), MOST, len(self.entries) - 1)
            del self.entries[MOST:]
            self.endRemoveRows()
        return len(shown)

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        entry = self.entries[index.row()]
        if role == _ENTRY:
            return entry
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{moment(entry.at, time.time())} {entry.subject}: {entry.words}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{full(entry.at)}\n{entry.subject}: {entry.words}"
        return None


class _Lines(QStyledItemDelegate):
    """Two lines an entry: glyph, whom and when; then what."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._head, self._small = font(TEXT_PX), font(CAPTION_PX)
        self._head_px, self._small_px = QFontMetricsF(self._head), QFontMetricsF(self._small)

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(200, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        entry, theme = index.data(_ENTRY), self._theme
        rect = QRectF(option.rect)
        state = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        if chosen or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("accent_soft" if chosen else "hover"))
            painter.drawRoundedRect(rect, RADIUS, RADIUS)
        inner = rect.adjusted(SPACE_S, 4, -SPACE_S, -4)
        paint_state(painter, QRectF(inner.left(), inner.top() + 4, 10, 10), entry.state, theme.color(entry.state))
        line = QRectF(inner.left() + 18, inner.top(), inner.width() - 18, 18)
        when = moment(entry.at, time.time())
        painter.setFont(self._small)
        painter.setPen(theme.color("muted"))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, when)
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        room = line.width() - self._small_px.horizontalAdvance(when) - SPACE_S
        below = line.translated(0, 17)
        words = self._small_px.elidedText(entry.words, Qt.TextElideMode.ElideRight, below.width())
        painter.drawText(below, left, words)
        painter.setFont(self._head)
        painter.setPen(theme.color("text"))
        painter.drawText(line, left, self._head_px.elidedText(entry.subject, Qt.TextElideMode.ElideMiddle, room))
        painter.restore()


class Feed(QFrame):
    """``chosen(Entry)`` on a click or Enter."""

    chosen = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        set_role(self, "card")
        self.model = FeedModel()
        self.view = QListView()
        self.view.setModel(self.model)
        self._lines = _Lines(theme)
        self.view.setItemDelegate(self._lines)
        self.view.setUniformItemSizes(True)
        self.view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setMouseTracking(True)
        self.view.setAccessibleName("What happened, newest first")
        set_role(self.view, "bare")
        self.view.activated.connect(self._choose)
        self.view.clicked.connect(self._choose)
        self.kinds = Choice()
        self.kinds.setAccessibleName("Kind of events")
        self.kinds.addItem("Everything", None)
        for kind in KINDS:
            self.kinds.addItem(kind.capitalize(), kind)
        self.kinds.activated.connect(lambda _: self._filter())
        self._stack = QStackedWidget()
        self._stack.addWidget(self.view)
        self._stack.addWidget(_nothing())
        head = QLabel("What happened")
        set_role(head, "head")
        top = QHBoxLayout()
        top.addWidget(head)
        top.addStretch(1)
        top.addWidget(self.kinds)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_M, SPACE_M, SPACE_S, SPACE_S)
        layout.setSpacing(SPACE_S)
        layout.addLayout(top)
        layout.addWidget(self._stack, 1)
        theme.changed.connect(self.view.viewport().update)
        self._tell_empty()

    def show_all(self, entries: Sequence[Entry]) -> None:
        """Have these, newest first."""
        self.model.show_all(entries)
        self._tell_empty()

    def put_first(self, entries: Sequence[Entry]) -> None:
        """Put further ones on top, newest first; who has scrolled down keeps reading where they are."""
        bar = self.view.verticalScrollBar()
        before = bar.value()
        shown = self.model.put_first(entries)
        if shown and before > 0:
            self.view.doItemsLayout()
            bar.setValue(before + shown * _ROW)
        self._tell_empty()

    def _filter(self) -> None:
        self.model.show_kind(self.kinds.currentData())
        self._tell_empty()

    def _tell_empty(self) -> None:
        self._stack.setCurrentIndex(0 if self.model.entries else 1)

    def _choose(self, index: Index) -> None:
        entry = index.data(_ENTRY)
        if entry is not None and entry.panel:
            self.chosen.emit(entry)


def _nothing() -> QWidget:
    page = QWidget()
    words = QLabel("Switches, breakers, limits, failures, alerts and jobs are told here as they happen.")
    words.setWordWrap(True)
    set_role(words, "caption")
    layout = QVBoxLayout(page)
    layout.setContentsMargins(0, SPACE_L, 0, 0)
    layout.addWidget(words)
    layout.addStretch(1)
    return page
