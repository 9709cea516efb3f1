"""One job: what it is for, its year, its schedule, its runs with their output, and what it found."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from typing import Final

from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
)

from ...domain.jobs import JobDay, JobView
from ...jobs_setup import Jobs
from ..hint import Elided
from ..keys import with_keys
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_L, SPACE_M, SPACE_S, SPACE_XL, SPACE_XS, set_role
from .backups import Backups
from .errors import Errors
from .findings import Checks, Findings, Slow, UsageView
from .plan import PlanEditor
from .runs import RunsView
from .words import STATES
from .year import YearStrip

_FINDINGS: Final[dict[str, type[Findings]]] = {
    "errors": Errors,
    "system": Checks,
    "performance": Slow,
    "analytics": UsageView,
    "backup": Backups,
}


class JobDetail(QFrame):
    """Shows one job at a time."""

    def __init__(self, session: Session, shell: Shell, jobs: Jobs) -> None:
        super().__init__()
        self._session, self._shell, self._jobs = session, shell, jobs
        self.name = ""
        self.title, self.about = QLabel(), Elided()
        self.pill = QLabel()
        self.run, self.cancel, self.pause = QPushButton("Run now"), QPushButton("Cancel"), QPushButton("Pause")
        self.year = YearStrip(shell.theme)
        self._pointed = QLabel()
        self.plan = PlanEditor(session, shell, jobs)
        self.runs = RunsView(session, shell, jobs)
        self.tabs = QTabWidget()
        self._made: dict[str, Findings] = {}
        self._build()
        self.year.pointed.connect(self._pointed.setText)
        self.run.clicked.connect(self.run_now)
        self.cancel.clicked.connect(self.cancel_run)
        self.pause.clicked.connect(self.pause_or_resume)

    @property
    def findings(self) -> Findings | None:
        """What the job shown has found, None for one that finds nothing to list."""
        return self._made.get(self.name)

    def show_job(self, name: str) -> None:
        """Show this job from now on."""
        if name == self.name:
            return
        self.name = name
        self.refresh()
        kind = _FINDINGS.get(name)
        if kind is not None and name not in self._made:
            made = self._made[name] = kind(self._session, self._shell, self._jobs)
            self.tabs.insertTab(0, made, kind.title)
        for at in range(self.tabs.count()):
            self.tabs.setTabVisible(at, self.tabs.widget(at) in (self.findings, self.runs))
        self.tabs.setCurrentWidget(self.findings or self.runs)
        self.read()

    def refresh(self) -> None:
        """Say how the job stands now."""
        if not self.name:
            return
        view = self._jobs.scheduler.view(self.name)
        running = view.state == "running"
        self.title.setText(view.title)
        self.about.setText(view.about)
        self.pill.setText("unusable schedule" if view.problem else view.state)
        self.pill.setToolTip(view.problem)
        set_role(self.pill, "pill", "crit" if view.problem else STATES[view.state])
        self.run.setEnabled(not running)
        self.cancel.setEnabled(running)
        paused = self._paused(view)
        self.pause.setText("Resume" if paused else "Pause")
        for button in (self.run, self.cancel, self.pause):
            button.setAccessibleName(f"{button.text()}: {view.title}")
        self.plan.show_job(view)
        self.runs.tick()

    def read(self, *, newest: bool = False) -> None:
        """Get runs, year and findings anew."""
        if self.name:
            self._shell.start(self._read(self.name, newest), failed="The job's history cannot be read")

    # What the person does

    def run_now(self) -> None:
        """Begin the job and show what it says."""
        if self.run.isEnabled():
            self.run.setEnabled(False)
            self._shell.start(self._run(self.name), failed="The job was not begun")

    def cancel_run(self) -> None:
        """Tell the run to stop."""
        if self._jobs.scheduler.cancel(self.name):
            self._session.acted("job cancelled", self.name)
        self.refresh()

    def pause_or_resume(self) -> None:
        """Let the job not begin by itself, or let it again."""
        self._shell.start(self._pause(self.name), failed="The change was not kept")

    # Inside

    def _build(self) -> None:
        set_role(self, "card")
        set_role(self.title, "head")
        set_role(self.about, "caption")
        set_role(self._pointed, "caption")
        set_role(self.run, "primary")
        set_role(self.pill, "pill", "idle")
        self.pill.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.run.setToolTip(with_keys("Begin it at once (Ctrl+R)"))
        self.cancel.setToolTip(with_keys("Tell the run to stop (Ctrl+.)"))
        self.pause.setToolTip(with_keys("Let it not begin by itself, also after a restart (Ctrl+P)"))
        head = QHBoxLayout()
        head.setSpacing(SPACE_S)
        for widget in (self.title, self.pill):
            head.addWidget(widget)
        head.addSpacing(SPACE_S)
        head.addWidget(self.about, 1)
        for button in (self.run, self.cancel, self.pause):
            head.addWidget(button)
        past = QVBoxLayout()
        past.setSpacing(SPACE_XS)
        past.addWidget(self.year)
        past.addWidget(self._pointed)
        past.addStretch(1)
        band = QHBoxLayout()
        band.setSpacing(SPACE_XL)
        band.addLayout(past, 6)
        band.addWidget(self.plan, 5)
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.runs, "Runs")
        self.tabs.setAccessibleName("What the job did")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_L)
        layout.setSpacing(SPACE_S)
        layout.addLayout(head)
        layout.addLayout(band)
        layout.addWidget(self.tabs, 1)

    @staticmethod
    def _paused(view: JobView) -> bool:
        return view.state == "paused"

    def _today(self) -> date:
        return datetime.fromtimestamp(self._session.clock.now()).astimezone().date()

    async def _read(self, name: str, newest: bool) -> None:
        await self.runs.read(name, newest=newest)
        days: tuple[JobDay, ...] = await self._jobs.scheduler.days()
        if name != self.name:
            return
        title = self._jobs.scheduler.view(name).title
        self.year.show_days(title, [day for day in days if day.job == name], self._today())
        if self.findings is not None:
            await self.findings.read()

    async def _run(self, name: str) -> None:
        try:
            await self._jobs.scheduler.run_now(name)
            self._session.acted("job run by hand", name)
        finally:
            self.refresh()
        if name == self.name:
            self.tabs.setCurrentWidget(self.runs)
            await self.runs.read(name, newest=True)

    async def _pause(self, name: str) -> None:
        scheduler = self._jobs.scheduler
        resume = self._paused(scheduler.view(name))
        await (scheduler.resume(name) if resume else scheduler.pause(name))
        self._session.acted("job resumed" if resume else "job paused", name)
        self.refresh()
        if not resume:
            title = scheduler.view(name).title
            self._shell.notify(
                f"{title} is paused, also after a restart, until it is resumed.",
                action="Resume",
                run=partial(self._resume_again, name),
            )

    def _resume_again(self, name: str) -> None:
        self._shell.start(self._jobs.scheduler.resume(name), failed="The job was not resumed")
