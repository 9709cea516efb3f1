"""A job's runs, newest first, and what the chosen one said: live while it goes on."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QSplitter, QVBoxLayout, QWidget

from ...domain.jobs import JobRun
from ...jobs_setup import Jobs
from ..hint import Hint
from ..lines import LinesTable
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_S, set_role
from .model import RunsModel, run_lines

SHOWN = 200


class RunsView(QWidget):
    """Shows one job at a time; ``read`` gets its runs anew, ``follow`` the lines of the one that goes on."""

    def __init__(self, session: Session, shell: Shell, jobs: Jobs) -> None:
        super().__init__()
        self._session, self._jobs = session, jobs
        self.name = ""
        self._runs: tuple[JobRun, ...] = ()
        self._lines: tuple[str, ...] = ()
        self.table = LinesTable(RunsModel(), "Runs", shell.theme, row_px=28)
        self.table.stretch(4, {0: 92, 1: 80, 2: 128, 3: 92})
        self.output = QPlainTextEdit()
        self.output.setReadOnly(True)
        self.output.setTabChangesFocus(True)
        self.output.setAccessibleName("Output of the run")
        set_role(self.output, "code")
        self.empty = Hint(
            "No run yet", "Each run stands here with its result and everything it said. Run it now to see."
        )
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self.table)
        self._split.addWidget(self.output)
        self._split.setStretchFactor(0, 5)
        self._split.setStretchFactor(1, 4)
        across = QHBoxLayout()
        across.addWidget(self._split)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE_S, 0, 0)
        layout.addLayout(across, 1)
        layout.addWidget(self.empty, 1)
        self.table.chosen.connect(lambda _: self._show_output())
        self._show(())

    async def read(self, name: str, *, newest: bool = False) -> None:
        """Get a job's runs; ``newest`` chooses the latest. Raises StoreError."""
        runs = await self._jobs.scheduler.history(name, SHOWN)
        other, self.name = name != self.name, name
        top = self._runs[0].number if self._runs and not other else None
        self._runs = runs
        follows = newest or other or self.table.key in (None, top)
        self._show(runs, choose_first=follows)

    def follow(self) -> None:
        """Show the lines that the run has said meanwhile."""
        if self._runs and self.table.key == self._runs[0].number:
            self._show_output()

    def tick(self) -> None:
        """Show how long the run has taken by now."""
        if self._runs and self._runs[0].result is None:
            self.table.show_lines(run_lines(self._runs, self._session.clock.now()))

    # Inside

    def _show(self, runs: tuple[JobRun, ...], *, choose_first: bool = True) -> None:
        first = runs[0].number if runs and choose_first else None
        self.table.show_lines(run_lines(runs, self._session.clock.now()), first)
        self._split.setVisible(bool(runs))
        self.empty.setVisible(not runs)
        self._show_output()

    def _show_output(self) -> None:
        run = next((run for run in self._runs if run.number == self.table.key), None)
        if run is None:
            self._write(())
            return
        lines = run.output
        if run.result is None:
            lines = self._jobs.scheduler.output(self.name) or ("It has said nothing yet.",)
        elif not lines and not run.error:
            lines = (run.message or "It said nothing.",)
        self._write((*lines, *(("", *run.error.splitlines()) if run.error else ())))

    def _write(self, lines: tuple[str, ...]) -> None:
        """Show these lines; where they only go on, so that a reader's place stays."""
        before, self._lines = self._lines, lines
        if lines == before:
            return
        bar = self.output.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 4
        if before and lines[: len(before)] == before:
            self.output.appendPlainText("\n".join(lines[len(before) :]))
        else:
            self.output.setPlainText("\n".join(lines))
            at_end = bool(self._runs) and self._runs[0].result is None
        if at_end:
            bar.setValue(bar.maximum())
