"""All alerts, those that need somebody first, and the chosen one beside them."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from ...alerts.service import Alerts
from ...domain.alerts import SEVERITIES, Alert
from ..hint import Hint, apart
from ..lines import Cell, Line, LinesModel, LinesTable
from ..moments import full, moment
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_M, SPACE_S, set_role
from .detail import AlertDetail
from .words import ORDER, lasted, state_of

SHOWN = 300
_NARROW = 1000
"""A list narrower than so many px leaves the times to the page beside it."""


class _AlertsModel(LinesModel):
    TITLES: ClassVar[tuple[str, ...]] = ("State", "What", "Since", "Lasted")
    NUMBERS: ClassVar[tuple[int, ...]] = (3,)


class AlertsView(QWidget):
    """``rules_wanted()``: the person wants to see what is watched. ``read`` gets all anew, ``tick`` says how long by now."""

    rules_wanted = Signal()

    def __init__(self, session: Session, shell: Shell, alerts: Alerts) -> None:
        super().__init__()
        self._session, self._alerts = session, alerts
        self._all: dict[str, Alert] = {}
        self._wanted = ""
        self._only = ""
        self.chips: dict[str, QPushButton] = {}
        self.table = LinesTable(_AlertsModel(), "Alerts", shell.theme, row_px=46)
        self.table.setWordWrap(True)
        self.table.stretch(1, {0: 142, 2: 92, 3: 70})
        self.detail = AlertDetail(session, shell, alerts)
        self.empty = Hint("", "", "See the rules", self.rules_wanted.emit)
        self._stack = QStackedWidget()
        self._build()
        self.table.chosen.connect(lambda _: self._choose())
        self.table.opened.connect(lambda _: self.detail.acknowledge.setFocus())

    async def read(self) -> None:
        """Get them anew. Raises StoreError."""
        kept = await self._alerts.recent(limit=SHOWN)
        self._all = {alert.id: alert for alert in (*kept, *self._alerts.current())}
        self._show()

    def open_alert(self, alert: str) -> None:
        """Choose one, as soon as it is there."""
        self._wanted = alert
        if alert in self._all:
            self._filter("")

    def tick(self) -> None:
        """Say how long each has lasted by now."""
        self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for column in (2, 3):
            self.table.setColumnHidden(column, self.width() < _NARROW)

    # Inside

    def _build(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        group = QButtonGroup(self)
        for state in ("", *ORDER):
            chip = self.chips[state] = QPushButton()
            chip.setCheckable(True)
            chip.setChecked(not state)
            set_role(chip, "chip")
            chip.clicked.connect(lambda _=False, state=state: self._filter(state))
            group.addButton(chip)
            row.addWidget(chip)
        row.addStretch(1)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(1)
        split.addWidget(apart(self.table, right=SPACE_S))
        split.addWidget(apart(self.detail, left=SPACE_S))
        split.setStretchFactor(0, 11)
        split.setStretchFactor(1, 9)
        self._stack.addWidget(split)
        self._stack.addWidget(self.empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE_M, 0, 0)
        layout.setSpacing(SPACE_M)
        layout.addLayout(row)
        layout.addWidget(self._stack, 1)
        self.setFocusProxy(self.table)

    def _filter(self, state: str) -> None:
        self._only = state
        self.chips[state].setChecked(True)
        self._show()

    def _show(self) -> None:
        now = self._session.clock.now()
        counts = Counter(alert.state for alert in self._all.values())
        for state, chip in self.chips.items():
            number = counts[state] if state in ORDER else len(self._all)
            chip.setText(f"{state.capitalize() or 'All'}  {number}")
        shown = [alert for alert in self._all.values() if not self._only or alert.state == self._only]
        shown.sort(
            key=lambda alert: (
                (ORDER.index(alert.state), -SEVERITIES.index(alert.severity), -alert.began_at)
                if alert.open
                else (ORDER.index(alert.state), 0, -alert.began_at)
            )
        )
        wanted, self._wanted = (self._wanted, "") if self._wanted in self._all else (None, self._wanted)
        self.table.show_lines([Line(alert.id, _cells(alert, now)) for alert in shown], wanted)
        if self._all:
            self.empty.say(f"Nothing is {self._only}", "Choose All to see the others.")
        else:
            self.empty.say(
                "No alerts, and there were none",
                "When a rule finds something wrong, it stands here with what is behind it, until it is over.",
            )
        self._stack.setCurrentIndex(0 if shown else 1)
        self._choose()

    def _choose(self) -> None:
        alert = self._all.get(str(self.table.key))
        if alert is not None:
            self.detail.show_alert(alert, self._session.clock.now())


def _cells(alert: Alert, now: float) -> tuple[Cell, ...]:
    whom = "" if not alert.subject or alert.subject in alert.summary else f"{alert.subject}: "
    return (
        Cell(alert.state, state_of(alert), f"{alert.severity}, {alert.state}"),
        Cell(f"{whom}{alert.summary}", tip=alert.summary),
        Cell(moment(alert.began_at, now), tip=full(alert.began_at)),
        Cell(lasted(alert, now)),
    )
