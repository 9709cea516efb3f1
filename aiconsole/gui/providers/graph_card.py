"""One provider's past: its figures over a range, and the Overview's graph for it alone with the looks at its health below."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout

from ...domain.errors import ConsoleError
from ..figures import count, latency, money, share
from ..hint import Hint
from ..overview.chart import Chart, Pick
from ..overview.scale import step_for
from ..overview.source import Source
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_M, SPACE_S, SPACE_XS, set_role
from .health_lane import HealthLane

if TYPE_CHECKING:
    from ...domain.history import Figures, HealthSpan

RANGES: Final = ((3600.0, "1 h"), (86_400.0, "24 h"), (604_800.0, "7 d"), (2_592_000.0, "30 d"))


class GraphCard(QFrame):
    """For one provider at a time. ``viewed()`` when another stretch of time is in view, or time has moved on in it."""

    viewed = Signal()

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        set_role(self, "card")
        self.setAccessibleName("Graph")
        self._session, self._shell = session, shell
        self._name = ""
        self._free: tuple[float, float] | None = None
        self.range_s = RANGES[0][0]
        self.chart = Chart(shell.theme)
        self.lane = HealthLane(shell.theme)
        self.source = Source(session, shell)
        self.ranges = [_chip(words, f"The last {words}") for _, words in RANGES]
        self.back = _chip("", "Leave the zoom", checkable=False)
        self._group = QButtonGroup(self)
        self.figures = QLabel()
        self._trouble = QLabel()
        self._trouble.setWordWrap(True)
        set_role(self._trouble, "caption", "crit")
        self._trouble.hide()
        self._nothing = Hint(
            "Nothing was asked of it in this range",
            "Latency, errors, requests, cost and its breakers are drawn here as they come.",
            "Start a chat",
            partial(shell.open, "chat"),
        )
        self._stack = QStackedWidget()
        self._axis = QTimer(self)
        self._axis.setSingleShot(True)
        self._build()
        self._connect()

    @property
    def view(self) -> tuple[float, float]:
        """The stretch of time in view, in epoch s: the zoom's, or the range up to now, at the edge of a bucket."""
        if self._free is not None:
            return self._free
        step = step_for(self.range_s)
        end = (self._session.clock.now() // step + 1) * step
        return end - self.range_s, end

    @property
    def words(self) -> str:
        """The stretch of time in words."""
        if self._free is None:
            return "last " + next(words for range_s, words in RANGES if range_s == self.range_s)
        form = "%H:%M" if self._free[1] - self._free[0] < 86_400 else "%d %b %H:%M"
        start, end = (time.strftime(form, time.localtime(at)) for at in self._free)
        return f"time from {start} to {end}"

    def show_provider(self, name: str) -> None:
        """Be for this provider from now on."""
        if name != self._name:
            self._name, self._free = name, None
            self.figures.setText("")
            self.lane.show_spans(())
        self.look()

    def choose_range(self, range_s: float, *_: object) -> None:
        """Look back this far from now."""
        self.range_s, self._free = range_s, None
        self.look()

    def go_back(self) -> None:
        """Show the whole range up to now again."""
        self._free = None
        self.look()

    def look(self) -> None:
        """Draw what is in view now."""
        for at, chip in enumerate(self.ranges):
            chip.setChecked(self._free is None and RANGES[at][0] == self.range_s)
        self.back.setVisible(self._free is not None)
        self.back.setText(f"{self.words.removeprefix('time from ').replace(' to ', ' – ')}  ×")
        if not self.isVisible() or not self._name:
            return
        (start, end), now = self.view, self._session.clock.now()
        self.source.look(start, end, simulated=self._session.engine.demo)
        self.chart.show_view(start, end, now)
        self.lane.show_view(start, end)
        if self._free is None:
            self._axis.start(max(50, round((end - now) * 1000) + 20))
        else:
            self._axis.stop()
        self.viewed.emit()

    def take_new(self) -> bool:
        """Draw what happened since; whether there was anything."""
        return self.source.take_new()

    def show_figures(self, did: Figures | None, spans: list[HealthSpan]) -> None:
        """Tell what it did in the stretch of time in view, and what looks at its health found."""
        self.lane.show_spans(spans)
        if did is None:
            self.figures.setText("")
            return
        unknown = f", {count(did.uncosted)} of unknown cost" if did.uncosted else ""
        self.figures.setText(
            f"p50 {latency(did.p50_ms)} · p95 {latency(did.p95_ms)} · errors {share(did.error_rate)}"
            f" · {count(did.count)} {'attempt' if did.count == 1 else 'attempts'} · {money(did.cost_usd)}{unknown}"
        )
        self.figures.setToolTip(f"All attempts in the {self.words}; percentiles within 1 %")

    def show_trouble(self, error: ConsoleError | None) -> None:
        """Say why figures are missing, None where none are."""
        self._trouble.setText("" if error is None else f"{error.message} {error.advice}".strip())
        self._trouble.setVisible(error is not None)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.source.follow()
        self.source.take_new()
        self.look()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.source.rest()
        self._axis.stop()

    # Inside

    def _build(self) -> None:
        for chip in self.ranges:
            self._group.addButton(chip)
        set_role(self.figures, "caption")
        top = QHBoxLayout()
        top.setSpacing(SPACE_XS)
        top.addWidget(self.figures, 1)
        for chip in (self.back, *self.ranges):
            top.addWidget(chip)
        graph = QFrame()
        down = QVBoxLayout(graph)
        down.setContentsMargins(0, 0, 0, 0)
        down.setSpacing(0)
        down.addWidget(self.chart, 1)
        self._stack.addWidget(graph)
        self._stack.addWidget(self._nothing)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_M, SPACE_S, SPACE_M, SPACE_S)
        layout.setSpacing(SPACE_XS)
        layout.addLayout(top)
        layout.addWidget(self._trouble)
        layout.addWidget(self._stack, 1)
        layout.addWidget(self.lane)

    def _connect(self) -> None:
        for at, chip in enumerate(self.ranges):
            chip.clicked.connect(partial(self.choose_range, RANGES[at][0]))
        self.back.clicked.connect(self.go_back)
        self.chart.moved.connect(self._go_to)
        self.chart.reset.connect(self.go_back)
        self.chart.picked.connect(self._open_requests)
        self.source.changed.connect(self._draw)
        self.source.failed.connect(self.show_trouble)
        self._axis.timeout.connect(self.look)

    def _draw(self) -> None:
        state = self._session.provider(self._name)
        graph = self.source.graph
        start, end = self.view
        shown = {self._name: state.label if state is not None else self._name}
        self.chart.show_view(start, end, self._session.clock.now())
        self.chart.show_graph(graph, shown, "duration", self._session.engine.settings.objectives.p95_ms)
        something = any(graph.between(self._name, start, end)) or bool(graph.states(self._name, start, end))
        self._stack.setCurrentIndex(0 if something else 1)

    def _go_to(self, start: float, end: float) -> None:
        length = end - start
        end = min(end, self._session.clock.now() + step_for(length))
        self._free = (end - length, end)
        self.look()

    def _open_requests(self, pick: Pick) -> None:
        from ..requests.wanted import Wanted

        failed = True if pick.plot == "errors" else None
        demo = self._session.engine.demo
        self._shell.open(
            "requests", Wanted(start=pick.start, end=pick.end, asked=self._name, failed=failed, simulated=demo)
        )


def range_commands(card: GraphCard) -> list[tuple[str, str, Callable[[], object]]]:
    """A title, a key and what it does for each range."""
    return [
        (f"Show the provider's last {words}", f"Alt+{at}", partial(card.choose_range, range_s))
        for at, (range_s, words) in enumerate(RANGES, 1)
    ]


def _chip(words: str, name: str, *, checkable: bool = True) -> QPushButton:
    chip = QPushButton(words)
    chip.setCheckable(checkable)
    chip.setAccessibleName(name)
    set_role(chip, "chip")
    return chip
