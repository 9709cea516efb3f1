"""How a figure went over the kept runs, target by target, each point with its interval."""

from __future__ import annotations

import asyncio
from typing import Final

from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ...bench.compare import FIGURES, label
from ...bench.report import Report
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_S, set_role
from .charted import Plot
from .drawing import history
from .fields import choice

_FIGURES: Final = (*FIGURES, "requests_per_s", "tokens_per_s", "goodput_per_s", "cost")


class PastView(QWidget):
    """A graph of one figure at a time."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self._targets: tuple[str, ...] = ()
        self.plotted = choice()
        self.plotted.setAccessibleName("Figure")
        for name in _FIGURES:
            self.plotted.addItem(label(name), name)
        self.said = QLabel()
        set_role(self.said, "caption")
        self.plot = Plot(shell.theme, "Over the kept runs", "Oldest at the left; a bar is the 95 % interval")
        caption = QLabel("Figure")
        caption.setBuddy(self.plotted)
        set_role(caption, "caption")
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        row.addWidget(caption)
        row.addWidget(self.plotted, 1)
        row.addWidget(self.said, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE_S, 0, 0)
        layout.setSpacing(SPACE_S)
        layout.addLayout(row)
        layout.addWidget(self.plot, 1)
        self.setFocusProxy(self.plotted)
        self.plotted.activated.connect(self.read)

    def show_report(self, report: Report) -> None:
        """Be for the targets of this run."""
        self._targets = tuple(target.target for target in report.targets)
        self.read()

    def read(self, *_: object) -> None:
        """Get the figure's past."""
        self._shell.start(self._read(str(self.plotted.currentData())), failed="The history was not read")

    async def _read(self, name: str) -> None:
        kept = self._session.engine.bench.history
        targets = self._targets
        found = {target: await asyncio.to_thread(kept.series, name, target) for target in targets}
        if targets == self._targets and name == self.plotted.currentData():
            self.plot.curves.draw(history(name, found))
            runs = len({point.run for points in found.values() for point in points})
            self.said.setText(f"{runs} runs" if runs != 1 else "One run so far; the next ones join it here.")
