"""The conversations at the left: search, the list by day, renaming in place, deleting."""

from __future__ import annotations

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from ...domain.conversations import SearchHit
from ..icons import Icons, paint_state
from ..markdown.safe import visible
from ..theme import CAPTION_PX, RADIUS, SPACE_M, SPACE_S, SPACE_XS, Theme, font, set_role
from .history_model import UNTITLED, HistoryModel
from .kit import label, tool

_Index = QModelIndex | QPersistentModelIndex
_WIDTH = 264
_SEARCH_AFTER_MS = 150
_ROW, _HEAD, _FOUND = 34, 32, 54


class _Rows(QStyledItemDelegate):
    """A day's head in small letters; a title, and under it where the words were found."""

    def __init__(self, theme: Theme, model: HistoryModel) -> None:
        super().__init__(model)
        self._theme, self._model = theme, model

    def sizeHint(self, _option: QStyleOptionViewItem, index: _Index) -> QSize:
        hit = self._model.hit(index.row())
        return QSize(0, _HEAD if hit is None else _FOUND if hit.snippet else _ROW)

    def createEditor(self, parent: QWidget, _option: QStyleOptionViewItem, _index: _Index) -> QWidget:
        editor = QLineEdit(parent)
        editor.setAccessibleName("Title of the conversation")
        editor.setMaxLength(200)
        return editor

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, _index: _Index) -> None:
        editor.setGeometry(option.rect.adjusted(2, 1, -2, -1))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        hit = self._model.hit(index.row())
        rect, theme = option.rect, self._theme
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if hit is None:
            painter.setFont(font(CAPTION_PX))
            painter.setPen(theme.color("muted"))
            box = rect.adjusted(SPACE_S, SPACE_S, -SPACE_S, 0)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, self._model.head(index.row()))
        else:
            chosen = bool(option.state & QStyle.StateFlag.State_Selected)
            hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
            if chosen or hovered:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.color("accent_soft" if chosen else "hover"))
                painter.drawRoundedRect(rect.adjusted(0, 1, 0, -1), RADIUS, RADIUS)
            self._paint_hit(painter, rect.adjusted(SPACE_S, 0, -SPACE_S, 0), hit)
        painter.restore()

    def _paint_hit(self, painter: QPainter, box: QRect, hit: SearchHit) -> None:
        conversation, theme = hit.conversation, self._theme
        running, fresh = self._model.is_running(conversation.id), self._model.is_fresh(conversation.id)
        line = QRect(box.left(), box.top(), box.width(), _ROW)
        if running or fresh:
            line.setRight(self._paint_mark(painter, line, running))
        painter.setFont(font(bold=fresh))
        painter.setPen(theme.color("text" if conversation.title else "muted"))
        self._elided(painter, line, visible(conversation.title) or UNTITLED)
        if hit.snippet:
            below = QRect(box.left(), box.top() + _ROW - SPACE_XS, box.width(), _FOUND - _ROW)
            self._paint_snippet(painter, below, hit)

    def _paint_mark(self, painter: QPainter, line: QRect, running: bool) -> int:
        """That it is being answered, or was while another was looked at; gives the room's right edge."""
        theme = self._theme
        text = "answering" if running else "new"
        painter.setFont(font(CAPTION_PX))
        painter.setPen(theme.color("accent_text"))
        width = painter.fontMetrics().horizontalAdvance(text)
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, text)
        dot = QRect(line.right() - width - 14, line.center().y() - 3, 8, 8)
        paint_state(painter, dot.toRectF(), "warn" if running else "ok", theme.color("accent"))
        return dot.left() - SPACE_S

    def _paint_snippet(self, painter: QPainter, box: QRect, hit: SearchHit) -> None:
        """The words around what was found, which is set off; shifted so that the first mark is in view."""
        plain, bold = font(CAPTION_PX), font(CAPTION_PX, bold=True)
        text, marks = hit.snippet, hit.marks
        start = max(0, marks[0][0] - 12) if marks else 0
        at, x = start, box.left()
        pieces: list[tuple[str, bool]] = [("…", False)] if start else []
        for left, right in marks:
            if right <= at:
                continue
            pieces += [(text[at : max(at, left)], False), (text[max(at, left) : right], True)]
            at = right
        pieces.append((text[at:], False))
        painter.setClipRect(box)
        for piece, marked in pieces:
            shown = visible(piece)[:120]
            painter.setFont(bold if marked else plain)
            painter.setPen(self._theme.color("accent_text" if marked else "muted"))
            painter.drawText(QRect(x, box.top(), box.width(), box.height()), Qt.AlignmentFlag.AlignTop, shown)
            x += painter.fontMetrics().horizontalAdvance(shown)
            if x > box.right():
                break

    @staticmethod
    def _elided(painter: QPainter, box: QRect, text: str) -> None:
        metrics = painter.fontMetrics()
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)


class History(QFrame):
    """Signals: ``chosen(id)``, ``new_wanted()``, ``delete_wanted(id)``, ``renamed(id, title)``, ``search_changed(words)``."""

    chosen = Signal(str)
    new_wanted = Signal()
    delete_wanted = Signal(str)
    renamed = Signal(str, str)
    search_changed = Signal(str)
    left = Signal()

    def __init__(self, theme: Theme, icons: Icons) -> None:
        super().__init__()
        set_role(self, "side")
        self.setFixedWidth(_WIDTH)
        self._icons = icons
        self.model = HistoryModel(self)
        self.model.renamed.connect(self.renamed)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_SEARCH_AFTER_MS)
        self._later.timeout.connect(self._search)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search conversations")
        self.search.setAccessibleName("Search conversations")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(lambda _text: self._later.start())
        self.search.installEventFilter(self)
        self.new = tool(icons, "add", "New conversation", self.new_wanted.emit, keys="Ctrl+N")
        self.list = self._make_list(theme)
        self._nothing = label("", "caption")
        self._nothing.setWordWrap(True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._nothing.setContentsMargins(SPACE_S, SPACE_S, SPACE_S, 0)
        self._nothing.hide()
        top = QHBoxLayout()
        top.setSpacing(SPACE_S)
        top.addWidget(self.search, 1)
        top.addWidget(self.new)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_S, SPACE_M, SPACE_S, SPACE_S)
        layout.setSpacing(SPACE_S)
        layout.addLayout(top)
        layout.addWidget(self._nothing)
        layout.addWidget(self.list, 1)

    def _make_list(self, theme: Theme) -> QListView:
        made = QListView()
        set_role(made, "bare")
        made.setModel(self.model)
        made.setItemDelegate(_Rows(theme, self.model))
        made.setAccessibleName("Conversations")
        made.setMouseTracking(True)
        made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        made.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        made.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        made.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        made.customContextMenuRequested.connect(self._menu)
        made.clicked.connect(self._choose)
        made.activated.connect(self._choose)
        made.installEventFilter(self)
        return made

    def _search(self) -> None:
        self.search_changed.emit(self.search.text())

    def show_hits(self, hits: tuple[SearchHit, ...], now: float, current: str | None, searched: str) -> None:
        """Show what was found; ``current`` is marked where it is among them."""
        if self.list.state() == QAbstractItemView.State.EditingState:
            return
        bar = self.list.verticalScrollBar()
        before = bar.value()
        self.model.show(hits, now)
        bar.setValue(before)
        self.mark(current)
        self._nothing.setVisible(not hits)
        self.list.setVisible(bool(hits))
        words = f"No conversation has “{searched}” in it." if searched.strip() else "Conversations will be kept here."
        self._nothing.setText(words)
        if not hits:
            self._nothing.setAlignment(Qt.AlignmentFlag.AlignTop)

    def mark(self, conversation: str | None) -> None:
        """Show one as the open one."""
        row = self.model.row_of(conversation) if conversation else -1
        selection = self.list.selectionModel()
        if row < 0:
            selection.clear()
            return
        index = self.model.index(row, 0)
        selection.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self.list.scrollTo(index)

    def rename(self, conversation: str) -> None:
        """Edit its title in its place."""
        row = self.model.row_of(conversation)
        if row >= 0:
            self.list.setFocus()
            self.list.setCurrentIndex(self.model.index(row, 0))
            self.list.edit(self.model.index(row, 0))

    def neighbour(self, conversation: str | None, by: int) -> str | None:
        """The conversation ``by`` places further in the list, None past its ends."""
        ids = [hit.conversation.id for hit in self.model.hits()]
        if conversation not in ids:
            return ids[0] if ids else None
        at = ids.index(conversation) + by
        return ids[at] if 0 <= at < len(ids) else None

    def _choose(self, index: QModelIndex) -> None:
        hit = self.model.hit(index.row())
        if hit is not None:
            self.chosen.emit(hit.conversation.id)

    def _current(self) -> SearchHit | None:
        return self.model.hit(self.list.currentIndex().row())

    def _menu(self, place: QPoint) -> None:
        hit = self.model.hit(self.list.indexAt(place).row())
        if hit is None:
            return
        conversation = hit.conversation.id
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self._icons.icon("edit"), "Rename\tF2", lambda: self.rename(conversation))
        menu.addAction(self._icons.icon("delete"), "Delete\tDel", lambda: self.delete_wanted.emit(conversation))
        menu.popup(self.list.viewport().mapToGlobal(place))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if watched is self.list:
                return self._list_key(event)
            if watched is self.search and event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._enter_list(event.key() != Qt.Key.Key_Down)
                return True
            if watched is self.search and event.key() == Qt.Key.Key_Escape:
                self.search.clear() if self.search.text() else self.left.emit()
                return True
        return super().eventFilter(watched, event)

    def _list_key(self, event: QKeyEvent) -> bool:
        hit = self._current()
        if event.key() == Qt.Key.Key_Delete and hit is not None:
            self.delete_wanted.emit(hit.conversation.id)
            return True
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and hit is not None:
            self.chosen.emit(hit.conversation.id)
            return True
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            return True
        return False

    def _enter_list(self, choose: bool) -> None:
        hits = self.model.hits()
        if not hits:
            return
        self.list.setFocus(Qt.FocusReason.ShortcutFocusReason)
        if self._current() is None or choose:
            self.mark(hits[0].conversation.id)
        if choose:
            self.chosen.emit(hits[0].conversation.id)
