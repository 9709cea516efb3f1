"""What was spent: today, this month and what the month will come to, day by day, by provider and route, and what limits it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...domain.errors import ConsoleError
from ...domain.history import Spend
from ..commands import Command
from ..figures import count, money
from ..hint import Hint
from ..keys import with_keys
from ..outcome import card
from ..overview.tiles import Tile, Told
from ..session import Session
from ..shell import Shell
from ..table import MarkedCells, Table
from ..theme import SPACE_L, SPACE_M, SPACE_S, SPACE_XS, set_role
from ..titled import Sorted
from .asking import Asking
from .guard import Bars
from .spend_bars import SpendBars
from .spend_model import DAY_S, SpendModel, by_day, day_words, month_start, rows_of, write_csv
from .standing import clock_words, spending

if TYPE_CHECKING:
    from ...domain.analysis import Forecast
    from ...realtime.state import LiveState

DAYS: Final = ((7, "7 d"), (30, "30 d"), (90, "90 d"))
_HZ: Final = 4.0
_MOST: Final = 90


class SpendPage(QWidget):
    """Live, while it is in view. ``left()`` when the person wants the providers again."""

    left = Signal()

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self.setAccessibleName("Spend")
        self._session, self._shell = session, shell
        self._simulated: bool | None = None
        self._spent: tuple[Spend, ...] = ()
        self._leave: Callable[[], None] | None = None
        self._seen = False
        self.days = DAYS[1][0]
        self.tiles = {name: Tile(shell.theme, name) for name in ("Today", "This month", "Forecast for the month")}
        self.bars = SpendBars(shell.theme)
        self.limits = Bars("No spending limit is set. Requests are sent whatever they cost.")
        self.model = SpendModel()
        self.order = Sorted(self.model, self)
        self.table = Table(self.order, "Spend by provider and route", row_px=32)
        self.ranges = [_chip(words, f"The last {days} days") for days, words in DAYS]
        self.real, self.pretended = _chip("Real", "Real spend"), _chip("Simulated", "Simulated spend")
        self.export = QPushButton("Export CSV…")
        self.export.setToolTip(with_keys("Export a line a day, provider and route of the range (Ctrl+E)"))
        self.back = QToolButton()
        self._groups = QButtonGroup(self), QButtonGroup(self)
        self._day = QLabel()
        self._trouble = QLabel()
        self._stack = QStackedWidget()
        self.asking = Asking(shell, self._ask, self._tell_trouble, self)
        self._build()
        self._connect()
        self.setFocusProxy(self.back)

    @property
    def simulated(self) -> bool:
        """Whether simulated spend is shown: as chosen, or else that of who answers now."""
        return self._session.engine.demo if self._simulated is None else self._simulated

    @property
    def shown(self) -> list[Spend]:
        """What was spent in the range."""
        first = self._today() - (self.days - 1) * DAY_S
        return [one for one in self._spent if one.day >= first]

    def choose_days(self, days: int, *_: object) -> None:
        """Look back so many days, today among them."""
        self.days = days
        self.refresh()

    def choose_simulated(self, simulated: bool, *_: object) -> None:
        """Show simulated or real spend."""
        self._simulated = simulated
        self._spent = ()
        self.refresh()
        self.asking.now()

    def refresh(self) -> None:
        """Say how things stand now."""
        for chip, (days, _) in zip(self.ranges, DAYS, strict=True):
            chip.setChecked(days == self.days)
        (self.pretended if self.simulated else self.real).setChecked(True)
        labels = {state.name: state.label for state in self._session.engine.providers()}
        today, shown = self._today(), self.shown
        self.bars.show_days(by_day(shown), labels, today - (self.days - 1) * DAY_S, today)
        self.model.show(rows_of(shown, today), labels)
        self._stack.setCurrentIndex(0 if shown else 1)
        self.table.setVisible(bool(shown))
        self.setFocusProxy(self.bars if shown else self.back)
        if shown and self.back.hasFocus() and not self._seen:
            self.bars.setFocus()
        self._seen = bool(shown)
        self.export.setEnabled(bool(shown))
        if shown and not self.table.currentIndex().isValid():
            self.table.selectRow(0)
        self._tell()

    def ask_file(self) -> None:
        """Let the person choose a file for what is shown."""
        dialog = QFileDialog(self, "Export the spend", "spend.csv")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(["CSV (*.csv)"])
        dialog.setDefaultSuffix("csv")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.write(Path(name)))
        dialog.open()

    def write(self, path: Path) -> None:
        """Export what is shown to ``path``."""
        self._shell.start(self._write(path, self.shown), failed="The spend was not exported")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._leave is None:
            self._leave = self._session.engine.live.watch(self._on_live, hz=_HZ)
        self.refresh()
        self.asking.now()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._leave is not None:
            self._leave()
            self._leave = None
        self.asking.rest()

    # Inside

    def _today(self) -> float:
        return self._session.clock.now() // DAY_S * DAY_S

    def _spend_today(self, state: LiveState) -> float:
        return (state.simulated if self.simulated else state.real).spend_usd

    def _on_live(self, _state: LiveState) -> None:
        self._tell()
        self.asking.soon()

    async def _ask(self) -> None:
        now, simulated = self._session.clock.now(), self.simulated
        start = min(self._today() - (_MOST - 1) * DAY_S, month_start(now))
        found = await self._session.engine.history.spend(start, now + 1, simulated=simulated)
        if simulated == self.simulated:
            self._spent = found
            self.refresh()

    def _tell(self) -> None:
        engine, now, today = self._session.engine, self._session.clock.now(), self._today()
        live, sums = engine.live.state(), {day: sum(parts.values()) for day, parts in by_day(self._spent).items()}
        spent = self._spend_today(live)
        known = bool(spent) or today in sums
        since = "since midnight UTC" if live.today_since <= today else f"since {clock_words(live.today_since)}"
        course = tuple(sums.get(today - back * DAY_S) for back in range(13, -1, -1))
        before = sums.get(today - DAY_S)
        change = "" if before is None else f"{money(before)} yesterday"
        self.tiles["Today"].show_told(
            Told("", money(spent) if known else "no data", since, change, course=course, tip="The line is two weeks")
        )
        month = month_start(now)
        of_month = [one for one in self._spent if one.day >= month]
        past = sum(one.usd for one in of_month if one.day < today) + (spent if known else 0.0)
        unknown = sum(one.uncosted for one in of_month)
        note = f"{count(sum(one.requests for one in of_month))} requests"
        self.tiles["This month"].show_told(
            Told(
                "UTC",
                money(past) if of_month or known else "no data",
                note if of_month else "",
                f"{count(unknown)} of unknown cost" if unknown else "",
                tip="From the first of the month on, today as far as it is known",
            )
        )
        self.tiles["Forecast for the month"].show_told(forecast_told(self._planned(), past))
        self.limits.show_limits(spending(engine, None, now))

    def _planned(self) -> Forecast | None:
        engine = self._session.engine
        latest = engine.jobs.analytics.latest if engine.jobs is not None else None
        return latest.forecast if latest is not None and self.simulated == engine.demo else None

    def _tell_trouble(self, error: ConsoleError | None) -> None:
        self._trouble.setText("" if error is None else f"{error.message} {error.advice}".strip())
        self._trouble.setVisible(error is not None)

    async def _write(self, path: Path, shown: list[Spend]) -> None:
        lines = await asyncio.to_thread(write_csv, path, shown, simulated=self.simulated)
        self._shell.notify(f"{count(lines)} lines are in {path.name}.", state="ok")

    def _open_row(self, at: int) -> None:
        row = self.model.rows[self.order.mapToSource(self.order.index(at, 0)).row()]
        self._open(self._today() - (self.days - 1) * DAY_S, self._today() + DAY_S, row.provider, row.route)

    def _open_day(self, day: float) -> None:
        self._open(day, day + DAY_S)

    def _open(self, start: float, end: float, provider: str = "", route: str = "") -> None:
        from ..requests.wanted import Wanted

        self._shell.open(
            "requests",
            Wanted(start=start, end=end, provider=provider, route=route, simulated=self.simulated, sort="cost"),
        )

    def _connect(self) -> None:
        for chip, (days, _) in zip(self.ranges, DAYS, strict=True):
            chip.clicked.connect(partial(self.choose_days, days))
        self.real.clicked.connect(partial(self.choose_simulated, False))
        self.pretended.clicked.connect(partial(self.choose_simulated, True))
        self.back.clicked.connect(self.left)
        self.export.clicked.connect(self.ask_file)
        self.table.opened.connect(self._open_row)
        self.bars.picked.connect(self._open_day)
        self.bars.pointed.connect(lambda words: self._day.setText(words or self._hint()))
        self._session.changed.connect(lambda: self.refresh() if self.isVisible() else None)
        self._shell.commands.add(
            Command(
                key="spend.export",
                title="Export the spend as CSV",
                group="Providers",
                shortcut="Ctrl+E",
                run=self.ask_file,
                scope=self,
                enabled=self.export.isEnabled,
            )
        )

    @staticmethod
    def _hint() -> str:
        return "By day (UTC); today is still filling. A click on a day opens its requests."

    def _build(self) -> None:
        self.back.setIcon(self._shell.icons.icon("back"))
        self.back.setIconSize(QSize(18, 18))
        self.back.setAccessibleName("Back to all providers")
        self.back.setToolTip("All providers (Esc)")
        for group, chips in zip(self._groups, (self.ranges, [self.real, self.pretended]), strict=True):
            for chip in chips:
                group.addButton(chip)
        for label in (self._day, self._trouble):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            set_role(label, "caption", "crit" if label is self._trouble else None)
        self._day.setWordWrap(False)
        self._day.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._trouble.hide()
        self._day.setText(self._hint())
        self.table.setItemDelegate(MarkedCells(self._shell.theme, self.table))
        self.table.setSortingEnabled(True)
        self.table.horizontalHeader().setSortIndicatorClearable(True)
        self.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.table.stretch(1, {0: 150, 2: 92, 3: 112, 4: 84, 5: 96, 6: 124})
        tiles = QHBoxLayout()
        tiles.setSpacing(SPACE_M)
        for tile in self.tiles.values():
            tiles.addWidget(tile, 1)
        across = QHBoxLayout()
        across.setSpacing(SPACE_M)
        self._stack.addWidget(card("", self._day, self.bars))
        nothing = Hint(
            "Nothing was spent in this range",
            "What requests cost stands here by day, by provider and by route, as far as costs are known.",
            "Start a chat",
            partial(self._shell.open, "chat"),
        )
        self._stack.addWidget(card("", nothing))
        across.addWidget(self._stack, 1)
        across.addWidget(self._limits_card())
        inside = QVBoxLayout()
        inside.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_L)
        inside.setSpacing(SPACE_M)
        inside.addWidget(self._trouble)
        inside.addLayout(tiles)
        inside.addLayout(across, 2)
        inside.addWidget(self.table, 3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._head())
        layout.addLayout(inside, 1)

    def _head(self) -> QFrame:
        head = QFrame()
        set_role(head, "toolbar")
        title = QLabel("Spend")
        set_role(title, "title")
        across = QHBoxLayout(head)
        across.setContentsMargins(SPACE_M, SPACE_S, SPACE_L, SPACE_S)
        across.setSpacing(SPACE_S)
        across.addWidget(self.back)
        across.addWidget(title)
        across.addStretch(1)
        for chip in self.ranges:
            across.addWidget(chip)
        across.addSpacing(SPACE_S)
        for button in (self.real, self.pretended):
            across.addWidget(button)
        across.addSpacing(SPACE_S)
        across.addWidget(self.export)
        return head

    def _limits_card(self) -> QFrame:
        change = QPushButton("Change the limits")
        set_role(change, "link")
        change.clicked.connect(partial(self._shell.open, "settings", "spending.day_usd"))
        inside = QWidget()
        down = QVBoxLayout(inside)
        down.setContentsMargins(0, 0, 0, 0)
        down.setSpacing(SPACE_XS)
        down.addWidget(self.limits)
        down.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        made = card("Spending limits", area, change)
        made.setFixedWidth(340)
        return made


def forecast_told(plan: Forecast | None, spent: float) -> Told:
    """What the month will have cost, as the job for usage analytics expects it: never less than the USD ``spent`` since."""
    if plan is None:
        return Told("", "no data", "made by the job Usage analytics")
    low, expected, high = (max(usd, spent) for usd in (plan.low_usd, plan.expected_usd, plan.high_usd))
    note = f"{money(low)} to {money(high)} in 8 of 10 cases"
    if plan.reached_at is not None:
        change = f"limit of {money(plan.budget_usd)} reached on {day_words(plan.reached_at)}"
        return Told(plan.month, money(expected), note, change, False, "warn")
    change = f"limit {money(plan.budget_usd)}" if plan.budget_usd else ""
    return Told(plan.month, money(expected), note, change, None, "ok" if plan.budget_usd else None)


def _chip(words: str, name: str) -> QPushButton:
    chip = QPushButton(words)
    chip.setCheckable(True)
    chip.setAccessibleName(name)
    set_role(chip, "chip")
    return chip
