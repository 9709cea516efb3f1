"""What can be done with a finished run: export it, open it as a page, name it as a baseline, delete it."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QMenu, QPushButton, QWidget

from ...bench.outputs import Form, write
from ...bench.report import Report
from ..keys import with_keys
from ..question import Question
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_S, set_role
from .words import title_of

_FORMS: Final[tuple[tuple[Form, str, str], ...]] = (
    ("html", "HTML page…", "html"),
    ("markdown", "Markdown for a pull request…", "md"),
    ("json", "JSON with all figures…", "json"),
    ("csv", "CSV table…", "csv"),
    ("junit", "JUnit XML for CI…", "xml"),
)


class RunActions(QWidget):
    """Buttons for the run that is shown. ``again(plan)`` wants it repeated, ``changed()`` says that the list of runs did."""

    again = Signal(object)
    changed = Signal()

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self._report: Report | None = None
        self._question: Question | None = None
        self.repeat, self.page = QPushButton("Run again"), QPushButton("Open as page")
        self.export, self.pin, self.delete = QPushButton("Export"), QPushButton("Pin"), QPushButton("Delete")
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name of the baseline, such as main")
        self.name.setAccessibleName("Name of the baseline")
        self.name.setFixedWidth(230)
        self.name.hide()
        menu = QMenu(self.export)
        for form, title, _ in _FORMS:
            menu.addAction(title, partial(self.ask_where, form))
        self.export.setMenu(menu)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_S)
        for button, tip, run in (
            (self.repeat, "Put the same plan into the form (Ctrl+R)", self.run_again),
            (self.page, "Open the report as a page in the browser (Ctrl+O)", self.open_page),
            (self.export, "Write the report to a file (Ctrl+S)", None),
            (self.pin, "Name this run as a baseline that others are compared with (Ctrl+B)", self.ask_name),
            (self.delete, "Delete this run with its raw results", self.ask_delete),
        ):
            button.setToolTip(with_keys(tip))
            button.setAccessibleDescription(with_keys(tip))
            if run is not None:
                button.clicked.connect(run)
            layout.addWidget(button)
            if button is self.pin:
                layout.addWidget(self.name)
        set_role(self.delete, "danger")
        self.name.returnPressed.connect(self.pin_as_named)

    def show_report(self, report: Report) -> None:
        """Be for this run."""
        self._report = report
        self.name.hide()
        self.pin.setEnabled(report.plan.kind != "health")

    def run_again(self) -> None:
        """Want the same plan once more."""
        if self._report is not None:
            self.again.emit(self._report.plan)

    def ask_where(self, form: Form) -> None:
        """Let the person choose a file for the report."""
        if self._report is None:
            return
        suffix = next(suffix for name, _, suffix in _FORMS if name == form)
        dialog = QFileDialog(self, "Export the run", f"{self._report.id}.{suffix}")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(suffix)
        dialog.setNameFilter(f"{suffix.upper()} (*.{suffix})")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.export_to(form, Path(name)))
        dialog.open()

    def show_menu(self) -> None:
        """Offer the forms of export."""
        self.export.showMenu()

    def export_to(self, form: Form, path: Path) -> None:
        """Write the report to ``path``."""
        if self._report is not None:
            self._shell.start(self._export(self._report, form, path), failed="The run was not exported")

    def open_page(self) -> None:
        """Write the report as a page beside the run, and open it."""
        if self._report is not None:
            path = self._session.engine.bench.history.folder / self._report.id / "report.html"
            self._shell.start(self._open(self._report, path), failed="The page was not opened")

    def ask_name(self) -> None:
        """Ask for the baseline's name, in place."""
        self.name.setVisible(self.name.isHidden())
        if not self.name.isHidden():
            self.name.setText("main")
            self.name.selectAll()
            self.name.setFocus()

    def pin_as_named(self) -> None:
        """Pin the run under the name that was typed."""
        if self._report is not None and self.name.text().strip():
            self._shell.start(self._pin(self._report, self.name.text().strip()), failed="The baseline was not pinned")
            self.name.hide()
            self.pin.setFocus()

    def ask_delete(self) -> None:
        """Ask before the run is deleted."""
        report = self._report
        if report is None:
            return
        if self._question is None:
            self._question = Question(self._shell.cover, self._shell.theme)
        self._question.ask(
            "Delete this run?",
            f"{title_of(report.plan)}, {report.id}: its report and the raw results of each request go for good, and so "
            "do baselines pinned to it.",
            (),
            "Delete",
            lambda: self._shell.start(self._delete(report.id), failed="The run was not deleted"),
        )

    # Inside

    async def _export(self, report: Report, form: Form, path: Path) -> None:
        await asyncio.to_thread(write, report, form, path)
        self._shell.notify(f"The run is in {path.name}.", state="ok")

    async def _open(self, report: Report, path: Path) -> None:
        await asyncio.to_thread(write, report, "html", path)
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
            self._shell.notify(f"No browser answers. The page is {path}.", state="warn", seconds=0)

    async def _pin(self, report: Report, name: str) -> None:
        await asyncio.to_thread(self._session.engine.bench.history.pin, name, report.id)
        self._session.acted("baseline pinned", name)
        self._shell.notify(f"Pinned as the baseline “{name}”.", state="ok")
        self.changed.emit()

    async def _delete(self, run: str) -> None:
        await asyncio.to_thread(self._session.engine.bench.history.delete, run)
        self._session.acted("bench run deleted", run)
        self._report = None
        self.changed.emit()
