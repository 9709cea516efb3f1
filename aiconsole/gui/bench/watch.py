"""One run at a time, started and watched whichever panel is open."""

from __future__ import annotations

import asyncio

from PySide6.QtCore import QObject, Signal

from ...bench.plan import Plan
from ...bench.report import Report
from ...bench.running import BenchRun
from ..session import Session
from ..shell import Shell
from .seen import Seen
from .words import title_of


class Watch(QObject):
    """``changed()`` when more was seen, ``ended(report)`` when the run is over; the report is None where none could be made."""

    changed = Signal()
    ended = Signal(object)

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self._run: BenchRun | None = None
        self._stopped = False
        self.seen = Seen()
        self.plan = Plan()
        self.running = False

    @property
    def title(self) -> str:
        """What runs."""
        return title_of(self.plan)

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop and has not yet."""
        return self.running and self._stopped

    def start(self, plan: Plan, baseline: str = "") -> None:
        """Run a plan; one that runs goes on instead. ``baseline`` is a run or a pinned name to compare with."""
        if self.running:
            return
        self.running, self._stopped, self.seen, self.plan, self._run = True, False, Seen(), plan, None
        self._session.acted("test bench started", title_of(plan))
        self.changed.emit()
        self._shell.start(self._go(plan, baseline), failed="The run did not come to its end")

    def stop(self) -> None:
        """End the run early; what was measured until then is kept."""
        self._stopped = True
        if self._run is not None:
            self._run.stop()
        self.changed.emit()

    async def _go(self, plan: Plan, baseline: str) -> None:
        report: Report | None = None
        bench = self._session.engine.bench
        try:
            earlier = await asyncio.to_thread(bench.history.baseline, baseline) if baseline else None
            run = self._run = await bench.start(plan, baseline=earlier)
            if self._stopped:
                run.stop()
            async for happening in run.happenings():
                self.seen.add(happening)
                self.changed.emit()
            report = self.seen.report
        finally:
            self.running, self._run = False, None
            self.ended.emit(report)
