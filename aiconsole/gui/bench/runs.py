"""The kept runs at the left: name, result, when and on whom, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from ...bench.history import Entry
from ..icons import paint_state
from ..moments import full, moment
from ..session import Session
from ..theme import CAPTION_PX, SPACE_S, Theme, font, set_role
from ..titled import plain
from .words import KINDS, entry_state, provider_of

_HEIGHT: Final = 46
_ENTRY: Final = Qt.ItemDataRole.UserRole


def entry_words(entry: Entry, now: float) -> tuple[str, str]:
    """A run in two lines."""
    name = entry.name or KINDS[entry.kind][0]  # type: ignore[index]
    pinned = f" · baseline {', '.join(entry.baselines)}" if entry.baselines else ""
    providers = list(dict.fromkeys(map(provider_of, entry.targets)))
    whom = f" · {providers[0]}" if len(providers) == 1 else ""
    return f"{name}{pinned}", f"{moment(entry.started_at, now)} · {entry_state(entry)[1]}{whom}"


class RunsModel(QAbstractListModel):
    """A row a run."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.entries: tuple[Entry, ...] = ()

    def show(self, entries: Sequence[Entry]) -> None:
        """Be these."""
        self.beginResetModel()
        self.entries = tuple(entries)
        self.endResetModel()

    def rowCount(self, _parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        return len(self.entries)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.entries):
            return None
        entry = self.entries[index.row()]
        if role == _ENTRY:
            return entry
        first, second = entry_words(entry, self._session.clock.now())
        if role == Qt.ItemDataRole.DisplayRole:
            return first
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{first}, {second}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain(f"{full(entry.started_at)}\n{', '.join(entry.targets)}\n{entry.id}")
        return None


class RunsList(QListView):
    """``opened(run)``: the person chose a run."""

    opened = Signal(str)

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._model = RunsModel(session)
        self.setModel(self._model)
        self.setAccessibleName("Kept runs")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setUniformItemSizes(True)
        set_role(self, "nav")
        self.setItemDelegate(_TwoLines(session, theme, self))
        theme.changed.connect(self.viewport().update)
        self._quiet = False
        self.selectionModel().currentChanged.connect(self._tell)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What is listed."""
        return self._model.entries

    @property
    def run(self) -> str:
        """The chosen run, "" for none."""
        row = self.currentIndex().row()
        return self.entries[row].id if 0 <= row < len(self.entries) else ""

    def show_entries(self, entries: Sequence[Entry], choose: str) -> None:
        """List these; ``choose`` is marked, without being opened."""
        self._quiet = True
        self._model.show(entries)
        self.mark(choose)
        self._quiet = False

    def mark(self, run: str) -> None:
        """Mark a run without opening it; none for ""."""
        quiet, self._quiet = self._quiet, True
        ids = [entry.id for entry in self.entries]
        if run in ids:
            self.setCurrentIndex(self._model.index(ids.index(run), 0))
        else:
            self.selectionModel().clear()
        self._quiet = quiet

    def _tell(self, current: QModelIndex, _before: QModelIndex) -> None:
        if not self._quiet and current.isValid():
            self.opened.emit(self.entries[current.row()].id)


class _TwoLines(QStyledItemDelegate):
    def __init__(self, session: Session, theme: Theme, view: RunsList) -> None:
        super().__init__(view)
        self._session, self._theme = session, theme
        self._small = font(CAPTION_PX)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(super().sizeHint(option, index).width(), _HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        entry: Entry = index.data(_ENTRY)
        self.initStyleOption(option, index)
        option.text = ""
        option.state &= ~QStyle.StateFlag.State_HasFocus
        style = option.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        first, second = entry_words(entry, self._session.clock.now())
        state, _ = entry_state(entry)
        whole = QRectF(option.rect).adjusted(SPACE_S, 5, -SPACE_S, -5)
        painter.save()
        paint_state(painter, QRectF(whole.left(), whole.top() + 4, 10, 10), state, self._theme.color(state))
        room = whole.adjusted(10 + SPACE_S, 0, 0, 0)
        top, left = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, Qt.TextElideMode.ElideRight
        painter.setPen(self._theme.color("text"))
        painter.drawText(room, top, option.fontMetrics.elidedText(first, left, int(room.width())))
        painter.setFont(self._small)
        painter.setPen(self._theme.color("muted"))
        below = Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft
        painter.drawText(room, below, painter.fontMetrics().elidedText(second, left, int(room.width())))
        painter.restore()
