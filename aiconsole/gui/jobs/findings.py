"""What jobs found, below their runs: checks of the system, budgets and slow requests, usage. Errors and backups have files of
their own."""

from __future__ import annotations

import time
from typing import ClassVar, Final

from PySide6.QtWidgets import QLabel, QProgressBar, QVBoxLayout, QWidget

from ...domain.analysis import Forecast, Performance, SlowRequest, Usage
from ...domain.spans import span
from ...jobs.system import Check, Verdict
from ...jobs_setup import Jobs
from ..figures import count, latency, money, share
from ..hint import Hint
from ..lines import Cell, Line, LinesModel, LinesTable
from ..moments import full, moment
from ..outcome import Outcome
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_S, State, set_role

VERDICTS: Final[dict[Verdict, State]] = {"well": "ok", "low": "warn", "bad": "crit", "unknown": "idle"}
_WORST: Final[tuple[Verdict, ...]] = ("bad", "low", "unknown", "well")
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Findings(QWidget):
    """What one job found. ``title`` names it on its tab; ``read`` gets it anew, and may raise ConsoleError."""

    title = ""

    def __init__(self, session: Session, shell: Shell, jobs: Jobs) -> None:
        super().__init__()
        self.session, self.shell, self.jobs = session, shell, jobs
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, SPACE_S, 0, 0)
        self.column.setSpacing(SPACE_S)

    async def read(self) -> None:
        """Show what there is now."""
        raise NotImplementedError


class _ChecksModel(LinesModel):
    TITLES: ClassVar[tuple[str, ...]] = ("Check", "Verdict", "Found", "What to do")


class Checks(Findings):
    """The system's health."""

    title = "Checks"

    def __init__(self, session: Session, shell: Shell, jobs: Jobs) -> None:
        super().__init__(session, shell, jobs)
        self.table = LinesTable(_ChecksModel(), "Checks of the system", shell.theme)
        self.table.stretch(2, {0: 120, 1: 110, 3: 320})
        self.empty = Hint(
            "Not looked at yet", "Disk, memory, database, key store, network and clock stand here after a run."
        )
        self.column.addWidget(self.table)
        self.column.addWidget(self.empty)

    async def read(self) -> None:
        found = sorted(self.jobs.system.latest, key=lambda check: _WORST.index(check.verdict))
        self.table.show_lines([Line(at, _check(check)) for at, check in enumerate(found)])
        self.table.setVisible(bool(found))
        self.empty.setVisible(not found)


def _check(check: Check) -> tuple[Cell, ...]:
    return (
        Cell(check.name.capitalize()),
        Cell(check.verdict, VERDICTS[check.verdict]),
        Cell(check.words, tip=check.words),
        Cell(check.advice or "–", tip=check.advice),
    )


class _SlowModel(LinesModel):
    TITLES: ClassVar[tuple[str, ...]] = ("Ended", "Took", "First token", "Provider", "Model", "Route")
    NUMBERS: ClassVar[tuple[int, ...]] = (1, 2)


class Slow(Findings):
    """Budgets that burn too fast, and the slowest requests; Enter opens one."""

    title = "Slow requests"

    def __init__(self, session: Session, shell: Shell, jobs: Jobs) -> None:
        super().__init__(session, shell, jobs)
        self._slow: tuple[SlowRequest, ...] = ()
        self.burning = Outcome(shell)
        self.table = LinesTable(_SlowModel(), "Slow requests, Enter opens one", shell.theme)
        self.table.stretch(4, {0: 110, 1: 90, 2: 100, 3: 130, 5: 180})
        self.table.opened.connect(self._open)
        self.empty = Hint("", "")
        for widget in (self.burning, self.table, self.empty):
            self.column.addWidget(widget)

    async def read(self) -> None:
        found, now = self.jobs.performance.latest, self.session.clock.now()
        self._slow = found.slow if found else ()
        if found is None:
            self.empty.say("Not looked at yet", "Error budgets and the slowest requests stand here after a run.")
        else:
            self.empty.say("Nothing is slow", "No request since the look before took longer than the p95 objective.")
        self._tell(found)
        self.table.show_lines([Line(each.id, _slow(each, now)) for each in self._slow])
        self.table.setVisible(bool(self._slow))
        self.empty.setVisible(not self._slow)

    def _tell(self, found: Performance | None) -> None:
        burns = found.burns if found else ()
        if not burns:
            self.burning.clear()
            return
        self.burning.say(
            "crit",
            " ".join(
                f"The error budget of {burn.objective} burns {burn.long_rate:.1f} times too fast over "
                f"{span(burn.long_s)}, {burn.short_rate:.1f} times over {span(burn.short_s)}."
                for burn in burns
            ),
        )

    def _open(self, row: int) -> None:
        self.shell.start(self._open_request(self._slow[row]), failed="The request cannot be opened")

    async def _open_request(self, slow: SlowRequest) -> None:
        past = await self.session.engine.history.request(slow.id)
        if past is None:
            self.shell.notify("That request is not kept, or not any more.", state="warn")
        else:
            self.shell.open("requests", past.row.request_id)


def _slow(each: SlowRequest, now: float) -> tuple[Cell, ...]:
    return (
        Cell(moment(each.at, now), tip=full(each.at)),
        Cell(latency(each.duration_ms)),
        Cell(latency(each.ttft_ms)),
        Cell(each.provider),
        Cell(each.model, tip=each.model),
        Cell(each.route, tip=each.route),
    )


class _UsageModel(LinesModel):
    TITLES: ClassVar[tuple[str, ...]] = ("By", "Name", "Calls in 7 d", "Change", "Failed", "Tokens", "Cost", "Change")
    NUMBERS: ClassVar[tuple[int, ...]] = (2, 3, 4, 5, 6, 7)


class UsageView(Findings):
    """Trends by provider, model and route, what was unusual, and what the month will cost."""

    title = "Usage"

    def __init__(self, session: Session, shell: Shell, jobs: Jobs) -> None:
        super().__init__(session, shell, jobs)
        self.forecast = QLabel()
        self.forecast.setWordWrap(True)
        self.budget = QProgressBar()
        self.budget.setAccessibleName("Spent of the month's budget")
        self.budget.setTextVisible(False)
        self.busiest = QLabel()
        set_role(self.busiest, "caption")
        self.unusual = Outcome(shell)
        self.table = LinesTable(_UsageModel(), "Usage of the last seven days", shell.theme, row_px=28)
        self.table.stretch(1, {0: 90, 2: 100, 3: 84, 4: 80, 5: 100, 6: 90, 7: 84})
        self.empty = Hint("Nothing summed up yet", "Trends, anomalies and the month's forecast stand here after a run.")
        for widget in (self.forecast, self.budget, self.busiest, self.unusual, self.table, self.empty):
            self.column.addWidget(widget)
        self.column.setStretch(4, 1)

    async def read(self) -> None:
        found = self.jobs.analytics.latest
        self.forecast.setVisible(found is not None)
        self.busiest.setVisible(found is not None)
        used = found is not None and bool(found.slices)
        self.table.setVisible(used)
        self.empty.setVisible(not used)
        if found is not None:
            self.empty.say(
                "No call in seven days", "Calls by provider, model and route stand here once there are some."
            )
        self.budget.hide()
        if found is None:
            self.unusual.clear()
            return
        self._tell_forecast(found.forecast)
        self._tell_rest(found)
        self.table.show_lines(
            [
                Line(
                    (each.by, each.name),
                    (
                        Cell(each.by),
                        Cell(each.name, tip=each.name),
                        Cell(count(each.requests)),
                        Cell(_change(each.requests_change)),
                        Cell(count(each.failures)),
                        Cell(count(each.tokens)),
                        Cell(money(each.usd)),
                        Cell(_change(each.usd_change)),
                    ),
                )
                for each in found.slices
            ]
        )

    def _tell_forecast(self, plan: Forecast | None) -> None:
        if plan is None:
            self.forecast.hide()
            return
        words = (
            f"{plan.month}: {money(plan.spent_usd)} so far, about {money(plan.expected_usd)} by its end "
            f"({money(plan.low_usd)} to {money(plan.high_usd)})"
        )
        if plan.budget_usd:
            words += f" of a budget of {money(plan.budget_usd)}"
            spent = plan.spent_usd / plan.budget_usd
            self.budget.setRange(0, 1000)
            self.budget.setValue(min(1000, round(spent * 1000)))
            self.budget.setAccessibleDescription(share(spent))
            set_role(self.budget, None, "crit" if spent >= 1 else "warn" if plan.reached_at else "ok")
            self.budget.show()
        else:
            words += ". No budget is set; there is one in the settings under spending"
        if plan.reached_at:
            words += f", which will be used up on {time.strftime('%d %b', time.localtime(plan.reached_at))}"
        self.forecast.setText(f"{words}.")

    def _tell_rest(self, found: Usage) -> None:
        busy = sum(found.hours) > 0
        self.busiest.setVisible(busy)
        if busy:
            hour, day = found.hours.index(max(found.hours)), found.weekdays.index(max(found.weekdays))
            self.busiest.setText(
                f"Busiest in the last five weeks: {hour:02d}:00 to {(hour + 1) % 24:02d}:00, {_DAYS[day]}s."
            )
        if not found.anomalies:
            self.unusual.clear()
            return
        self.unusual.say(
            "warn",
            " ".join(
                f"Unusual in the last hour: {odd.measure} of {odd.name} {odd.value:.4g} instead of {odd.usual:.4g}."
                for odd in found.anomalies
            ),
        )


def _change(by: float | None) -> str:
    return "–" if by is None else f"{by * 100:+,.0f} %"
