"""A finished run: what it came to and whether it can be believed first, then its figures, in tabs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QTabWidget, QVBoxLayout, QWidget

from ...bench.history import Entry
from ...bench.outputs.words import headline
from ...bench.report import Report
from ..figures import money
from ..hint import Elided
from ..notices import StateGlyph
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_L, SPACE_M, SPACE_S, State, set_role
from .actions import RunActions
from .compare import CompareView
from .later import Later
from .past import PastView
from .sections import AssertsTab, FiguresTab, HealthTab, LevelsTab, MeaningsTab, SpreadTab, TroubleTab
from .words import STATES, certificate_words, duration, load_words, title_of

_TABS: Final = (
    "Health",
    "Figures",
    "Must hold",
    "Distributions",
    "Levels",
    "Errors and limits",
    "Compare",
    "History",
    "Certificate",
)


def verdict(report: Report) -> State:
    """How the run ended, as a state."""
    if report.certificate.verdict == "invalid" or not report.passed or any(each.trouble for each in report.targets):
        return "crit"
    return "warn" if report.stopped or report.partial else "ok"


def facts(report: Report) -> str:
    """What the run was, in a line."""
    when = time.strftime("%d %b %Y, %H:%M:%S", time.localtime(report.started_at))
    told = [when, f"took {duration(report.seconds)}"]
    if report.plan.kind != "health":
        usd = sum(target.cost_usd for target in report.targets)
        told += [load_words(report.plan.load).rstrip("."), f"cost {money(usd)}"]
        told += [f"predicted {money(report.predicted_usd)}"] if report.predicted_usd is not None else []
    return " · ".join(told)


class ReportView(QWidget):
    """Shows one run at a time; each tab is made when it is first opened."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self.setAccessibleName("Finished run")
        self.report: Report | None = None
        self._glyph = StateGlyph(shell.theme, "idle", 12)
        self.title, self.said, self.facts = QLabel(), QLabel(), Elided()
        self.simulated = QLabel("simulated")
        self.banner = QFrame()
        self.pill, self.believed = QLabel(), QLabel()
        self.stopped = QLabel()
        self.doings = RunActions(session, shell)
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("What is shown of the run")
        self.health = Later(partial(HealthTab, shell))
        self.figures = Later(partial(FiguresTab, shell))
        self.asserts = Later(partial(AssertsTab, shell))
        self.spread = Later(partial(SpreadTab, shell))
        self.levels = Later(partial(LevelsTab, shell))
        self.trouble = Later(partial(TroubleTab, shell))
        self.compare = Later(partial(CompareView, session, shell))
        self.past = Later(partial(PastView, session, shell))
        self.meanings = Later(partial(MeaningsTab, shell))
        members: list[QWidget] = [self.health, self.figures, self.asserts, self.spread, self.levels, self.trouble]
        members += [self.compare, self.past, self.meanings]
        for title, widget in zip(_TABS, members, strict=True):
            self.tabs.addTab(widget, title)
        self._build()
        self.setFocusProxy(self.tabs.tabBar())

    def show_report(self, report: Report, entries: Sequence[Entry]) -> None:
        """Show this run."""
        other = self.report is None or report.plan.kind != self.report.plan.kind
        self.report = report
        state = verdict(report)
        self._glyph.set_state(state)
        self.title.setText(title_of(report.plan))
        self.said.setText(headline(report))
        self.facts.setText(facts(report))
        self.simulated.setVisible(report.simulated)
        health = report.plan.kind == "health"
        believed = STATES.get(report.certificate.verdict, "idle")
        self.banner.setVisible(not health)
        set_role(self.banner, "banner", believed)
        set_role(self.pill, "pill", believed)
        self.pill.setText(report.certificate.verdict)
        self.believed.setText(certificate_words(report))
        self.stopped.setVisible(bool(report.stopped))
        self.stopped.setText(f"Ended early: {report.stopped}")
        self.doings.show_report(report)
        self._fill(report, entries)
        loaded: set[QWidget] = {self.figures, self.spread, self.compare, self.past, self.meanings}
        shown: set[QWidget] = {self.health} if health else loaded
        shown |= {self.levels} if any(target.stages for target in report.targets) else set()
        shown |= {self.asserts} if report.assertions else set()
        if any(target.errors_by_kind or target.rate_limit for target in report.targets):
            shown.add(self.trouble)
        for at in range(self.tabs.count()):
            self.tabs.setTabVisible(at, self.tabs.widget(at) in shown)
        self.tabs.tabBar().setVisible(len(shown) > 1)
        if other or self.tabs.currentWidget() not in shown:
            self.tabs.setCurrentWidget(self.health if health else self.figures)
        self.setFocusProxy(self.health if health else self.tabs.tabBar())

    def _fill(self, report: Report, entries: Sequence[Entry]) -> None:
        if report.plan.kind == "health":
            self.health.show_by(lambda tab: tab.show_report(report))
            return
        self.figures.show_by(lambda tab: tab.show_report(report))
        self.asserts.show_by(lambda tab: tab.show_report(report))
        self.spread.show_by(lambda tab: tab.show_report(report))
        self.levels.show_by(lambda tab: tab.show_report(report))
        self.trouble.show_by(lambda tab: tab.show_report(report))
        self.compare.show_by(lambda tab: tab.show_report(report, entries))
        self.past.show_by(lambda tab: tab.show_report(report))
        self.meanings.show_by(lambda tab: tab.show_report(report))

    def _build(self) -> None:
        set_role(self.title, "title")
        set_role(self.said, "strong")
        set_role(self.facts, "caption")
        set_role(self.simulated, "pill", "warn")
        set_role(self.stopped, None, "warn")
        self.believed.setWordWrap(True)
        self.stopped.setWordWrap(True)
        self.believed.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.pill.setToolTip("Whether the figures can be believed: the generator of the load is judged with each run")
        head = QHBoxLayout()
        head.setSpacing(SPACE_S)
        for widget in (self._glyph, self.title, self.simulated):
            head.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
        head.addStretch(1)
        head.addWidget(self.doings)
        said = QHBoxLayout()
        said.setSpacing(SPACE_M)
        said.addWidget(self.said)
        said.addWidget(self.facts, 1)
        inside = QHBoxLayout(self.banner)
        inside.setContentsMargins(SPACE_M, SPACE_S, SPACE_M, SPACE_S)
        inside.setSpacing(SPACE_M)
        inside.addWidget(self.pill, 0, Qt.AlignmentFlag.AlignTop)
        inside.addWidget(self.believed, 1)
        self.tabs.setDocumentMode(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_S)
        layout.addLayout(head)
        layout.addLayout(said)
        layout.addWidget(self.banner)
        layout.addWidget(self.stopped)
        layout.addWidget(self.tabs, 1)
        layout.setContentsMargins(0, 0, 0, SPACE_L)
