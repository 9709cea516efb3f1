"""What a drill came to: its figures as a table, to be copied or exported."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QPainter
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
)

from ...domain.errors import ConfigError
from ...drill.summary import Summary
from ..keys import with_keys
from ..shell import Shell
from ..table import MarkedCells, Table
from ..theme import SPACE_L, SPACE_M, SPACE_S, set_role
from ..titled import STATE_ROLE, Index, TitledTable
from .figures import Row, rows, text

_ROW = 26
_NOTE = 2


class FiguresModel(TitledTable):
    """A row a figure."""

    TITLES = ("Figure", "Value", "Note")

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Row] = []

    def show(self, summary: Summary) -> None:
        """Be these figures."""
        self.beginResetModel()
        self._rows = rows(summary)
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self._rows[index.row()], index.column()
        words = (row.title, row.figure, row.note)[column]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return words
        if role == Qt.ItemDataRole.AccessibleTextRole:
            kept = "" if row.state is None else ", kept" if row.state == "ok" else ", not kept"
            return f"{self.TITLES[column]}: {words}{kept if column == _NOTE else ''}"
        if role == STATE_ROLE and column == _NOTE:
            return row.state
        return None


class Plain(MarkedCells):
    """Cells with the glyph of a state, without a provider's colour."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        if index.data(STATE_ROLE) is None:
            QStyledItemDelegate.paint(self, painter, option, index)
        else:
            super().paint(painter, option, index)


class OutcomeCard(QFrame):
    """The figures of the last drill that ended."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        set_role(self, "card")
        self._shell = shell
        self.summary: Summary | None = None
        self.model = FiguresModel()
        self.table = Table(self.model, "Figures of the drill", row_px=_ROW)
        self.table.setItemDelegate(Plain(shell.theme, self.table))
        self.table.stretch(_NOTE, {0: 300, 1: 220})
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        set_role(self.table, "bare")
        self.copy = QPushButton("Copy")
        self.copy.setToolTip(with_keys("Copy the figures as text (Ctrl+Shift+C)"))
        self.copy.setAccessibleName("Copy the figures of the drill")
        self.export = QPushButton("Export JSON…")
        self.export.setToolTip(with_keys("Write the figures to a file (Ctrl+S)"))
        self.export.setAccessibleName("Export the figures of the drill as JSON")
        self.copy.clicked.connect(self.copy_figures)
        self.export.clicked.connect(self.ask_where)
        head = QLabel("Figures")
        set_role(head, "head")
        top = QHBoxLayout()
        top.setSpacing(SPACE_S)
        top.addWidget(head)
        top.addStretch(1)
        for button in (self.copy, self.export):
            top.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_S)
        layout.setSpacing(SPACE_S)
        layout.addLayout(top)
        layout.addWidget(self.table, 1)

    def show_summary(self, summary: Summary) -> None:
        """Show these figures."""
        self.summary = summary
        self.model.show(summary)
        self.table.scrollToTop()

    def copy_figures(self) -> None:
        """Put the figures into the clipboard as text."""
        if self.summary is not None:
            QGuiApplication.clipboard().setText(text(self.summary))
            self._shell.notify("The figures of the drill were copied.", state="ok")

    def ask_where(self) -> None:
        """Let the person choose a file for the figures."""
        if self.summary is None:
            return
        dialog = QFileDialog(
            self, "Export the figures of the drill", f"drill-{self.summary.scenario}.json".replace(" ", "-")
        )
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("json")
        dialog.setNameFilter("JSON (*.json)")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.export_to(Path(name)))
        dialog.open()

    def export_to(self, path: Path) -> None:
        """Write the figures to ``path`` as JSON, with the fields of `Summary`."""
        if self.summary is not None:
            self._shell.start(self._export(self.summary, path), failed="The figures were not exported")

    async def _export(self, summary: Summary, path: Path) -> None:
        data = msgspec.json.format(msgspec.json.encode(summary))
        try:
            await asyncio.to_thread(path.write_bytes, data)
        except OSError as error:
            raise ConfigError(
                f"{path.name} cannot be written: {error.strerror}.", advice="Choose another place."
            ) from error
        self._shell.notify(f"The figures of the drill are in {path.name}.", state="ok")
