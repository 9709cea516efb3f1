"""The panel of jobs: all of them in a table with a live countdown, and the chosen one below."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QSplitter, QWidget

from ...domain.events import JobChanged
from ...domain.jobs import JobView
from ...jobs_setup import Jobs
from ..commands import Command
from ..hint import apart
from ..lines import LinesTable
from ..service_panel import ServicePanel
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_M, SPACE_S, State
from .commands import RUN
from .detail import JobDetail
from .model import JobsModel, job_lines
from .words import NEEDS_A_LOOK, countdown

_ROW: Final = 28
_EVERY_MS: Final = 1000
_HZ: Final = 8.0
_NARROW: Final = {6: 1000, 4: 880}
"""Columns that make room for the others in a panel narrower than so many px; the page below has them as well."""

_WIDTHS: Final = {0: 184, 1: 104, 3: 104, 4: 84, 5: 128, 6: 150}


class JobsPanel(ServicePanel[Jobs]):
    """``open_item(name)`` chooses a job, ``open_item(name + RUN)`` begins it as well."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__(session, shell, "Jobs", "The background jobs do not run.", _EVERY_MS)
        self.jobs: Jobs | None = None
        self.detail: JobDetail | None = None
        self.table = LinesTable(JobsModel(), "Background jobs", shell.theme, row_px=_ROW)
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._build()
        self.setFocusProxy(self.table)
        self.table.chosen.connect(lambda _: self._choose())
        self._add_commands()
        self.begin()

    def open_item(self, argument: Any) -> None:
        """Choose a job by its name; see the class."""
        if self.detail is None:
            self._wanted.append(str(argument))
            return
        name = str(argument).removesuffix(RUN)
        if self.table.choose(name):
            self.table.setFocus()
            if str(argument).endswith(RUN):
                self.detail.run_now()

    def tick(self) -> None:
        """Show how long it is until each is due, and what has changed."""
        if self.jobs is None or self.detail is None:
            return
        views, now = self.jobs.scheduler.views(), self._session.clock.now()
        self.table.show_lines(job_lines(views, now))
        self._summarise(views, now)
        self.detail.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.tick()
        if self.detail is not None:
            self.detail.read()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for column, room in _NARROW.items():
            self.table.setColumnHidden(column, self.width() < room)

    # Inside

    async def _open(self) -> Jobs:
        return await self._session.engine.open_jobs()

    async def _show(self, jobs: Jobs) -> None:
        self.jobs = jobs
        detail = self.detail = JobDetail(self._session, self._shell, jobs)
        detail.plan.kept.connect(self.tick)
        self._split.addWidget(apart(detail, top=SPACE_S))
        self._split.setStretchFactor(0, 0)
        self._split.setStretchFactor(1, 1)
        self._split.setSizes([self.table.maximumHeight() + SPACE_S, self.height()])
        self._split.show()
        bus = self._session.engine.bus
        for leave in (bus.subscribe(self._on_step, JobChanged), bus.coalesced(self._follow, JobChanged, hz=_HZ)):
            self.destroyed.connect(lambda _=None, leave=leave: leave())
        self.tick()
        self._order_tabs(detail)
        self._choose()

    def _build(self) -> None:
        self.table.stretch(2, _WIDTHS)
        self.table.setMinimumHeight(_ROW * 5)
        self.table.setMaximumHeight(_ROW * 10 + 38)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(1)
        self._split.addWidget(apart(self.table, bottom=SPACE_S))
        self._split.hide()
        self._whole.setSpacing(SPACE_M)
        self._whole.addWidget(self._split, 1)
        self._whole.addStretch(0)

    def _summarise(self, views: tuple[JobView, ...], now: float) -> None:
        """What one wants to know first: which failed, which found trouble, which run, what is next."""
        failed = [view.title for view in views if view.last and view.last.result in ("failed", "timed out")]
        found = [view.title for view in views if view.last and view.last.found]
        running = [view.title for view in views if view.state == "running"]
        stopped = sum(view.state in ("paused", "off") for view in views)
        following = min((view for view in views if view.next_at is not None), key=_due, default=None)
        fine = "all well" if any(view.last for view in views) else "none has run yet"
        said = [f"failed last time: {', '.join(failed)}"] if failed else []
        said += [f"{NEEDS_A_LOOK}: {', '.join(found)}"] if found else []
        said = said or [fine]
        said += [f"running: {', '.join(running)}"] if running else []
        said += [f"{stopped} paused or off"] if stopped else []
        said += [f"next is {following.title} {countdown(following.countdown_s(now))}"] if following else []
        state: State = "crit" if failed else "warn" if found else "ok" if any(view.last for view in views) else "idle"
        words = " · ".join(said)
        self._say(state, words[:1].upper() + words[1:])

    def _choose(self) -> None:
        if self.detail is not None and self.table.key is not None:
            self.detail.show_job(str(self.table.key))

    def _on_step(self, event: JobChanged) -> None:
        """A run that begins or ends is in the history from now on."""
        if self.detail is not None and event.step != "progress" and event.job == self.detail.name and self.isVisible():
            self.detail.read()

    def _follow(self) -> None:
        """Lines came, or something began or ended."""
        if self.detail is not None and self.isVisible():
            self.tick()
            self.detail.runs.follow()

    def _order_tabs(self, detail: JobDetail) -> None:
        plan, runs = detail.plan, detail.runs
        chain = [self.table, detail.run, detail.cancel, detail.pause, detail.year, plan.enabled, plan.text, plan.save]
        chain += [plan.default, detail.tabs.tabBar(), runs.table, runs.output]
        for before, after in pairwise(chain):
            QWidget.setTabOrder(before, after)

    def _add_commands(self) -> None:
        def on(run: str) -> Callable[[], object]:
            return lambda: getattr(self.detail, run)() if self.detail is not None else None

        def edit() -> None:
            if self.detail is not None:
                self.detail.plan.text.setFocus()
                self.detail.plan.text.selectAll()

        for key, title, shortcut, run in (
            ("run", "Run the chosen job now", "Ctrl+R", on("run_now")),
            ("cancel", "Cancel the chosen job's run", "Ctrl+.", on("cancel_run")),
            ("pause", "Pause or resume the chosen job", "Ctrl+P", on("pause_or_resume")),
            ("schedule", "Edit the chosen job's schedule", "Ctrl+E", edit),
            ("reload", "Read the jobs' history again", "F5", on("read")),
        ):
            self._shell.commands.add(
                Command(key=f"jobs.{key}", title=title, group="Jobs", shortcut=shortcut, run=run, scope=self)
            )


def _due(view: JobView) -> float:
    return view.next_at if view.next_at is not None else float("inf")
