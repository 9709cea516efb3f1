"""One run against an earlier one, or one target against the others: each difference with its interval and a verdict."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ...bench.compare import compare, compare_targets
from ...bench.history import Entry
from ...bench.report import Report
from ...bench.statistics import Difference
from ..lines import LinesTable
from ..moments import moment
from ..notices import StateGlyph
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_S, set_role
from .fields import choice
from .tables import ComparisonModel, comparison_lines
from .words import KINDS, short_names

_ROW: Final = 28
_TARGET: Final = "target:"
_RUN: Final = "run:"


class CompareView(QWidget):
    """Shows one comparison at a time."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self._report: Report | None = None
        self.before = choice()
        self.before.setAccessibleName("Compare with")
        self._glyph, self.said = StateGlyph(shell.theme, "idle"), QLabel()
        self.said.setWordWrap(True)
        self.model = ComparisonModel()
        self.table = LinesTable(self.model, "Comparison", shell.theme, row_px=_ROW)
        self.table.stretch(6, {0: 110, 1: 200, 2: 108, 3: 108, 4: 92, 5: 136})
        label = QLabel("Compare with")
        label.setBuddy(self.before)
        set_role(label, "caption")
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        row.addWidget(label)
        row.addWidget(self.before, 3)
        row.addWidget(self._glyph)
        row.addWidget(self.said, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE_S, 0, 0)
        layout.setSpacing(SPACE_S)
        layout.addLayout(row)
        layout.addWidget(self.table, 1)
        self.setFocusProxy(self.before)
        self.before.activated.connect(self.compare)

    def show_report(self, report: Report, entries: Sequence[Entry]) -> None:
        """Be for this run, which can be compared with its own targets and with earlier runs."""
        self._report = report
        kept = self.before.currentData()
        self.before.clear()
        now = self._session.clock.now()
        others = [entry for entry in entries if entry.finished and entry.kind != "health" and entry.id != report.id]
        for entry in others:
            for name in entry.baselines:
                self.before.addItem(f"Baseline {name}", _RUN + entry.id)
        earlier = [entry for entry in others if entry.started_at < report.started_at]
        for entry in earlier[:30]:
            self.before.addItem(_titled(entry, now), _RUN + entry.id)
        if len(report.targets) > 1:
            for target in report.targets:
                self.before.addItem(f"Other targets against {target.target}", _TARGET + target.target)
        at = self.before.findData(_RUN + report.compared_with) if report.compared_with else self.before.findData(kept)
        self.before.setCurrentIndex(max(0, at))
        self.before.setEnabled(self.before.count() > 0)
        self.compare()

    def compare(self, *_: object) -> None:
        """Make the comparison that is chosen."""
        self.table.show_lines(())
        if self._report is None or self.before.currentData() is None:
            self._say("idle", "Nothing to compare with yet. Measure once more, or more than one provider.")
            return
        self._shell.start(
            self._compare(self._report, str(self.before.currentData())), failed="The runs were not compared"
        )

    async def _compare(self, report: Report, with_: str) -> None:
        if with_.startswith(_RUN):
            earlier = await asyncio.to_thread(self._session.engine.bench.history.load, with_.removeprefix(_RUN))
            found = list(await asyncio.to_thread(compare, earlier, report))
            names = short_names([target.target for target in report.targets])
        else:
            found = await asyncio.to_thread(_within, report, with_.removeprefix(_TARGET))
            names = short_names([target.target for target in report.targets])
        if report is not self._report or with_ != self.before.currentData():
            return
        within = not with_.startswith(_RUN)
        self.model.sides = (names.get(with_.removeprefix(_TARGET), "Before"), "This") if within else ("Before", "Now")
        self.model.headerDataChanged.emit(Qt.Orientation.Horizontal, 2, 3)
        self.table.show_lines(comparison_lines(found, names))
        self._summarise(found, report)

    def _summarise(self, found: Sequence[Difference], report: Report) -> None:
        if not found:
            self._say("idle", "The two have no target in common, or no figures.")
            return
        many = Counter(each.verdict for each in found)
        told = [f"{many[verdict]} {verdict}" for verdict in ("worse", "better") if many[verdict]]
        told.append(f"{many['no difference shown']} without a difference shown")
        invalid = " The run is invalid, so this says nothing." if report.certificate.verdict == "invalid" else ""
        words = ", ".join(told)
        if not str(self.before.currentData()).startswith(_RUN):
            self._say("idle", f"{words}.{invalid}")
            return
        self._say("crit" if many["worse"] else "ok", f"{words}.{invalid}")

    def _say(self, state: str, words: str) -> None:
        self._glyph.set_state(state)  # type: ignore[arg-type]
        self.said.setText(words)


def _within(report: Report, name: str) -> list[Difference]:
    """Every other target of a run against one of them."""
    before = report.target(name)
    if before is None:
        return []
    return [each for target in report.targets if target.target != name for each in compare_targets(before, target)]


def _titled(entry: Entry, now: float) -> str:
    return f"{moment(entry.started_at, now)}  {entry.name or KINDS[entry.kind][0]}"  # type: ignore[index]
