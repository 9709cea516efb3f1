"""The line that shows an export under way: how far it is, and a way to stop it. It goes on when the panel is left."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget
from shiboken6 import isValid

from ..figures import count
from ..shell import Shell
from ..theme import SPACE_M, SPACE_S, set_role
from .export import Format, export
from .model import Found


class Exporting(QFrame):
    """Hidden while nothing is exported."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        set_role(self, "banner")
        self._shell = shell
        self._task: asyncio.Task[None] | None = None
        self._words = QLabel()
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Export")
        self.stop = QPushButton("Cancel")
        self.stop.setAccessibleName("Cancel the export")
        self.stop.clicked.connect(self.cancel)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE_M, SPACE_S, SPACE_S, SPACE_S)
        layout.setSpacing(SPACE_M)
        layout.addWidget(self._words)
        layout.addWidget(self.bar, 1)
        layout.addWidget(self.stop)
        self.hide()

    @property
    def busy(self) -> bool:
        """Whether an export is under way."""
        return self._task is not None and not self._task.done()

    def ask(self, owner: QWidget, found: Found) -> None:
        """Let the person choose a file for all of ``found``; its ending says the format."""
        dialog = QFileDialog(owner, "Export the requests", "requests.csv")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(["CSV (*.csv)", "JSON (*.json)"])
        dialog.setDefaultSuffix("csv")
        dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix("json" if "json" in chosen else "csv"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.begin(found, Path(name)))
        dialog.open()

    def begin(self, found: Found, path: Path) -> None:
        """Export all of ``found`` to ``path``: JSON where it ends in .json, else CSV."""
        if self.busy:
            self._shell.notify("An export is under way; wait for it or cancel it first.", state="warn")
            return
        form: Format = "json" if path.suffix.lower() == ".json" else "csv"
        self.bar.setRange(0, max(1, found.count))
        self._tell(path, 0, found.count)
        self.show()
        self._task = self._shell.start(self._export(found, path, form), failed="The requests were not exported")
        self._task.add_done_callback(lambda _: self.hide() if isValid(self) else None)

    def cancel(self) -> None:
        """Stop it; nothing of it is left."""
        if self._task is not None and self._task.cancel():
            self._shell.notify("The export was cancelled; no file was written.")

    async def _export(self, found: Found, path: Path, form: Format) -> None:
        done = await export(found, path, form, lambda written, of: self._tell(path, written, of))
        self._shell.notify(f"{count(done)} requests are in {path.name}.", state="ok")

    def _tell(self, path: Path, written: int, of: int) -> None:
        self.bar.setValue(written)
        self._words.setText(f"Exporting to {path.name}: {count(written)} of {count(of)}")
