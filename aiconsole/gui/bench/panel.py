"""The panel of the test bench: kept runs at the left; the form, a run under way, or a finished one beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget
from shiboken6 import isValid

from ...bench.outputs.words import headline
from ...bench.plan import Plan
from ...bench.report import Report
from ..commands import Command
from ..hint import Hint
from ..keys import with_keys
from ..notices import Notice
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_L, SPACE_M, SPACE_S, set_role
from .actions import RunActions
from .commands import RUN
from .form import BenchForm
from .live import LiveView
from .presets import PRESETS
from .report import ReportView, verdict
from .runs import RunsList
from .watch import Watch
from .words import title_of

_SIDE: Final = 216


class BenchPanel(QWidget):
    """``open_item`` takes a kept run's id, a preset's key such as ``#up``, with ``@provider`` for one provider only, and with
    ``#run`` at its end to begin at once."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self.setAccessibleName("Test bench")
        self._session, self._shell = session, shell
        self._notice: Notice | None = None
        self._opening = ""
        self.watch = Watch(session, shell)
        self.new = QPushButton("New")
        self.new.setAccessibleName("New run")
        self.runs = RunsList(session, shell.theme)
        self._none = Hint("No run yet", "Finished runs are kept here, to be read again and compared.")
        self.pages = QStackedWidget()
        self._build()
        self.form = BenchForm(session, shell, self.pages)
        self.pages.addWidget(self.form)
        self._add_commands()
        self.setFocusProxy(self.form)
        self.new.clicked.connect(self.show_form)
        self.runs.opened.connect(self.open_run)
        self.form.wanted.connect(self.start)
        self.watch.changed.connect(self._follow)
        self.watch.ended.connect(self._ended)

    @cached_property
    def live(self) -> LiveView:
        """The run under way, made for the first one."""
        made = LiveView(self._shell, self.watch)
        self.pages.addWidget(made)
        return made

    @cached_property
    def finished(self) -> ReportView:
        """The finished run, made for the first one that is looked at."""
        made = ReportView(self._session, self._shell)
        made.doings.again.connect(self.show_plan)
        made.doings.changed.connect(self.read)
        self.pages.addWidget(made)
        return made

    def open_item(self, argument: Any) -> None:
        """Open it at something; see the class."""
        wanted = str(argument)
        key, _, provider = wanted.removesuffix(RUN).partition("@")
        if key not in [preset.key for preset in PRESETS]:
            self.open_run(wanted)
            return
        if self.watch.running:
            self._show(self.live)
            return
        self.form.show_preset(key)
        if provider:
            self.form.targets.choose((provider,))
        self.show_form()
        if wanted.endswith(RUN):
            self._shell.start(self._start_when_known(), failed="The run was not started")

    def show_form(self) -> None:
        """Be ready for a new run; one that goes on is shown instead."""
        self._show(self.live if self.watch.running else self.form)

    def show_plan(self, plan: Plan) -> None:
        """Put a plan into the form."""
        self.form.show_plan(plan)
        self.show_form()

    def start(self, plan: Plan, baseline: str = "") -> None:
        """Begin a run and show it."""
        self.watch.start(plan, baseline)
        self._show(self.live)

    def start_or_stop(self) -> None:
        """Start what the form says, or stop what runs."""
        if self.watch.running:
            self.watch.stop()
        elif self.pages.currentWidget() is self.form:
            self.form.start()

    def open_run(self, run: str) -> None:
        """Show a kept run."""
        self._opening = run
        self._shell.start(self._open(run), failed="The run was not opened")

    def read(self) -> None:
        """Get the list of kept runs anew."""
        self._shell.start(self._read(), failed="The kept runs were not read")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._drop_notice()
        self.read()

    def hideEvent(self, event: QHideEvent) -> None:
        """A run goes on, and says how far it is wherever the person is."""
        super().hideEvent(event)
        if self.watch.running and self._shell.isVisible():
            self._drop_notice()
            self._notice = self._shell.notify(self._progress_words(), action="Stop", run=self.watch.stop, seconds=0)

    # Inside

    def _build(self) -> None:
        title = QLabel("Test bench")
        set_role(title, "title")
        set_role(self.new, "primary")
        self.new.setToolTip(with_keys("Plan a new run (Ctrl+Shift+N)"))
        side = QFrame()
        set_role(side, "side")
        side.setFixedWidth(_SIDE)
        down = QVBoxLayout(side)
        down.setContentsMargins(SPACE_M, SPACE_M, SPACE_S, SPACE_S)
        down.setSpacing(SPACE_M)
        head = QHBoxLayout()
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(self.new)
        down.addLayout(head)
        down.addWidget(self.runs, 1)
        down.addWidget(self._none, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(side)
        room = QVBoxLayout()
        room.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_L)
        room.addWidget(self.pages)
        layout.addLayout(room, 1)
        self.runs.hide()

    def _show(self, page: QWidget) -> None:
        had = self.isVisible()
        self.pages.setCurrentWidget(page)
        self.setFocusProxy(page)
        if not isinstance(page, ReportView):
            self._opening = ""
            self.runs.mark("")
        if had:
            page.setFocus(Qt.FocusReason.OtherFocusReason)

    async def _start_when_known(self) -> None:
        """Keys are read first: until then nobody can be asked."""
        await self._session.engine.keys_read()
        plan = self.form.plan()
        if plan.targets:
            self.start(plan)

    async def _read(self) -> None:
        entries = await asyncio.to_thread(self._session.engine.bench.history.entries)
        running = self.watch.seen.planned.id if self.watch.running and self.watch.seen.planned is not None else ""
        entries = [entry for entry in entries if entry.id != running]
        page = self.pages.currentWidget()
        shown = page.report.id if isinstance(page, ReportView) and page.report is not None else ""
        self.runs.show_entries(entries, shown)
        self.runs.setVisible(bool(entries))
        self._none.setVisible(not entries)
        await self.form.read_baselines()
        if shown and not self._opening and shown not in [entry.id for entry in entries]:
            self.show_form()

    async def _open(self, run: str) -> None:
        report = await asyncio.to_thread(self._session.engine.bench.history.load, run)
        if self._opening == run:
            self._opening = ""
            self.finished.show_report(report, self.runs.entries)
            self.pages.setCurrentWidget(self.finished)
            self.setFocusProxy(self.finished)
            self.runs.mark(run)

    def _follow(self) -> None:
        if self.isVisible():
            self.live.refresh()
        elif self._notice is not None and isValid(self._notice):
            self._notice.say(self._progress_words())

    def _progress_words(self) -> str:
        return f"The test bench goes on. {self.live.words()}."

    def _ended(self, report: Report | None) -> None:
        told = self._notice is not None
        self._drop_notice()
        if report is None:
            if isinstance(self.pages.currentWidget(), LiveView):
                self._show(self.form)
            return
        if isinstance(self.pages.currentWidget(), LiveView):
            self.finished.show_report(report, self.runs.entries)
            self._show(self.finished)
        self.read()
        if told or not self.isVisible():
            self._shell.notify(
                f"{title_of(report.plan)} has ended. {headline(report)}",
                state=verdict(report),
                action="Show",
                run=lambda: self._shell.open("bench", report.id),
                seconds=0,
            )

    def _drop_notice(self) -> None:
        notice, self._notice = self._notice, None
        if notice is not None and isValid(notice):
            notice.leave()

    def _add_commands(self) -> None:
        on_form = lambda: self.pages.currentWidget() is self.form  # noqa: E731
        on_run = lambda: isinstance(self.pages.currentWidget(), ReportView)  # noqa: E731
        runs = lambda: self.watch.running  # noqa: E731
        commands: list[tuple[str, str, str, Callable[[], object], Callable[[], bool]]] = [
            ("start", "Start the run", "Ctrl+Return", self.start_or_stop, on_form),
            ("stop", "Stop the run", "Ctrl+.", self.watch.stop, runs),
            ("new", "Plan a new run", "Ctrl+Shift+N", self.show_form, lambda: True),
            ("list", "Go to the kept runs", "Ctrl+L", self.runs.setFocus, self.runs.isVisible),
            ("open", "Open a suite's file", "Ctrl+Shift+O", self.form.open_suite, on_form),
            ("again", "Run the shown plan again", "Ctrl+R", self._doing(RunActions.run_again), on_run),
            ("page", "Open the run as a page", "Ctrl+O", self._doing(RunActions.open_page), on_run),
            ("export", "Export the run", "Ctrl+S", self._doing(RunActions.show_menu), on_run),
            ("pin", "Pin the run as a baseline", "Ctrl+B", self._doing(RunActions.ask_name), on_run),
            ("delete", "Delete the run", "", self._doing(RunActions.ask_delete), on_run),
        ]
        for number, preset in enumerate(PRESETS, 1):
            ask = partial(self.open_item, preset.key)
            commands.append((f"preset{number}", f"Ask: {preset.title}", f"Alt+{number}", ask, lambda: True))
        for key, title, keys, run, enabled in commands:
            command = Command(
                key=f"bench.{key}", title=title, group="Test bench", shortcut=keys, run=run, enabled=enabled, scope=self
            )
            self._shell.commands.add(command)

    def _doing(self, do: Callable[[RunActions], object]) -> Callable[[], object]:
        """Does something with the run that is shown, which there may be only later."""
        return lambda: do(self.finished.doings)
