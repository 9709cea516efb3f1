"""The overview: what this window has seen of its providers, as four figures and a live graph of latency."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ...realtime.activity import Metric, summary
from ..commands import Command
from ..figures import count, latency, money, rate, share
from ..session import Session
from ..settings.editors import Choice
from ..shell import Shell
from ..theme import SPACE_L, SPACE_M, SPACE_S, SPACE_XS, set_role
from .chart import Chart
from .legend import Legend
from .series import Series, Slice
from .tiles import Tile

RANGES: Final = ((300.0, "5 min"), (900.0, "15 min"), (3600.0, "60 min"))
_METRICS: Final[tuple[tuple[Metric, str], ...]] = (("ttft", "Time to first token"), ("duration", "Whole answer"))
_EVERY_MS: Final = 100
_SCROLL_S: Final = 1.0
"""The graph moves on at least this often; with new attempts it is drawn at most every ``_EVERY_MS``."""


class OverviewPanel(QWidget):
    """Live, while it is in view."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self.setAccessibleName("Overview")
        self._session, self._shell = session, shell
        self._series = Series(900.0, "ttft")
        self._seen = 0
        self._drawn_at = self._told_at = 0.0
        self.tiles = {
            "requests": Tile("Requests", "Attempts that ended in the range, without those that were stopped"),
            "errors": Tile("Errors", "Share of attempts in which the provider failed"),
            "latency": Tile("Latency p50", "Exact: the nearest-rank percentile over the successes in the range"),
            "cost": Tile("Cost in this session", "Since this window was opened, as far as the prices are known"),
        }
        self.ranges: dict[float, QPushButton] = {}
        self.measure = Choice()
        self.measure.setAccessibleName("Latency shown")
        for metric, words in _METRICS:
            self.measure.addItem(words, metric)
        self.measure.activated.connect(self._choose_again)
        self.chart = Chart(shell.theme)
        self.legend = Legend(shell.theme)
        self._at = QLabel()
        set_role(self._at, "caption")
        self._simulated = QLabel("simulated")
        set_role(self._simulated, "pill", "warn")
        self._stack = QStackedWidget()
        self._build()
        self.chart.pointed.connect(self._tell_values)
        self.legend.toggled.connect(self._show_provider)
        self.setFocusProxy(self.ranges[900.0])
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._tick)
        session.changed.connect(self._tell_simulated)
        self._tell_simulated()
        self._add_commands()
        self._start_again()

    @property
    def range_s(self) -> float:
        """How far back it looks, in s."""
        return self._series.range_s

    def choose_range(self, range_s: float) -> None:
        """Look this far back."""
        self.ranges[range_s].setChecked(True)
        self._choose_again()

    def refresh(self) -> None:
        """Draw what there is now."""
        activity, now = self._session.activity, self._session.clock.now()
        self._series.add(activity.after(self._seen))
        self._seen = activity.revision
        self._series.forget_before(now)
        self._drawn_at = now
        if not self._series.providers:
            self._stack.setCurrentIndex(1)
        else:
            self._stack.setCurrentIndex(0)
            labels = self._labels()
            self.legend.show_providers({name: labels[name] for name in labels if name in self._series.providers})
            self.chart.draw(self._series, now)
            self._tell_values(self.chart.cursor_at)
        if now - self._told_at >= _SCROLL_S:
            self._tell_figures(now)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._told_at = 0.0
        self.refresh()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    # Inside

    def _build(self) -> None:
        title = QLabel("Overview")
        set_role(title, "title")
        top = QHBoxLayout()
        top.setSpacing(SPACE_S)
        for widget in (title, self._simulated):
            top.addWidget(widget)
        top.addStretch(1)
        group = QButtonGroup(self)
        for range_s, words in RANGES:
            chip = QPushButton(words)
            chip.setCheckable(True)
            chip.setChecked(range_s == self._series.range_s)
            chip.setAccessibleName(f"The last {words}")
            set_role(chip, "chip")
            chip.clicked.connect(self._choose_again)
            group.addButton(chip)
            self.ranges[range_s] = chip
            top.addWidget(chip)
        tiles = QHBoxLayout()
        tiles.setSpacing(SPACE_M)
        for tile in self.tiles.values():
            tiles.addWidget(tile, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_L)
        layout.setSpacing(SPACE_M)
        layout.addLayout(top)
        layout.addLayout(tiles)
        layout.addWidget(self._graph_card(), 1)

    def _graph_card(self) -> QFrame:
        card = QFrame()
        set_role(card, "card")
        head = QLabel("Latency by provider")
        set_role(head, "head")
        hint = QLabel("Median a slice of time; a cross is a failure")
        set_role(hint, "caption")
        top = QHBoxLayout()
        top.setSpacing(SPACE_S)
        top.addWidget(head)
        top.addWidget(hint)
        top.addStretch(1)
        top.addWidget(self._at)
        top.addWidget(self.measure)
        graph = QWidget()
        down = QVBoxLayout(graph)
        down.setContentsMargins(0, 0, 0, 0)
        down.setSpacing(SPACE_S)
        down.addWidget(self.legend)
        down.addWidget(self.chart, 1)
        self._stack.addWidget(graph)
        self._stack.addWidget(self._nothing())
        layout = QVBoxLayout(card)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_M)
        layout.setSpacing(SPACE_S)
        layout.addLayout(top)
        layout.addWidget(self._stack, 1)
        return card

    def _nothing(self) -> QWidget:
        page = QWidget()
        words = QLabel("Nothing was asked in this range. Each answer's latency is drawn here as it comes.")
        set_role(words, "caption")
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(words)
        across.addStretch(1)
        below = QHBoxLayout()
        below.addStretch(1)
        if any(command.key == "panel.chat" for command in self._shell.commands.all()):
            chat = QPushButton("Start a chat")
            chat.clicked.connect(partial(self._shell.commands.run, "panel.chat"))
            below.addWidget(chat)
        below.addStretch(1)
        layout = QVBoxLayout(page)
        layout.setSpacing(SPACE_XS)
        layout.addStretch(1)
        layout.addLayout(across)
        layout.addLayout(below)
        layout.addStretch(1)
        return page

    def _add_commands(self) -> None:
        for at, (range_s, words) in enumerate(RANGES, 1):
            self._shell.commands.add(
                Command(
                    key=f"overview.range.{at}",
                    title=f"Show the last {words}",
                    group="Overview",
                    shortcut=f"Alt+{at}",
                    run=partial(self.choose_range, range_s),
                    scope=self,
                )
            )

    def _labels(self) -> dict[str, str]:
        labels = {state.name: state.label for state in self._session.engine.providers()}
        return {**labels, **{name: name for name in self._series.providers if name not in labels}}

    def _choose_again(self, *_: object) -> None:
        range_s = next(range_s for range_s, chip in self.ranges.items() if chip.isChecked())
        self._series = Series(range_s, self.measure.currentData())
        self._start_again()

    def _start_again(self) -> None:
        self._series.add(self._session.activity.samples(self._series.range_s))
        self._seen = self._session.activity.revision
        self._told_at = 0.0
        if self.isVisible():
            self.refresh()

    def _tick(self) -> None:
        new = self._session.activity.revision != self._seen
        if new or self._session.clock.now() - self._drawn_at >= _SCROLL_S:
            self.refresh()

    def _show_provider(self, name: str, on: bool) -> None:
        self.chart.show_provider(name, on)
        self.refresh()

    def _tell_simulated(self) -> None:
        self._simulated.setVisible(self._session.engine.demo)

    def _tell_values(self, number: int | None) -> None:
        labels = self._labels()
        found: dict[str, Slice | None] = {
            name: self._series.last(name) if number is None else self._series.slice_at(name, number)
            for name in self.legend.names()
        }
        self.legend.show_values({name: _value(part) for name, part in found.items() if part is not None}, labels)
        if number is None:
            self._at.setText("")
        else:
            begin = number * self._series.slice_s
            ends = (time.strftime("%X", time.localtime(at)) for at in (begin, begin + self._series.slice_s))
            self._at.setText(" to ".join(ends))

    def _tell_figures(self, now: float) -> None:
        self._told_at = now
        activity = self._session.activity
        seen = summary(activity.samples(self.range_s), self._series.metric)
        watched_s = min(self.range_s, max(60.0, now - activity.started_at))
        words = next(words for range_s, words in RANGES if range_s == self.range_s)
        self.tiles["requests"].show_figure(
            count(seen.requests), f"{rate(seen.requests / watched_s * 60)} a minute, last {words}"
        )
        failed = "no failure" if seen.requests and not seen.failures else f"{count(seen.failures)} failed"
        self.tiles["errors"].show_figure(share(seen.error_rate), failed if seen.requests else "nothing was asked")
        metric = self.measure.currentText().lower()
        self.tiles["latency"].show_figure(latency(seen.p50_ms), f"p95 {latency(seen.p95_ms)}, {metric}")
        simulated = self._session.engine.demo
        cost = activity.simulated_usd if simulated else activity.cost_usd
        unknown = f"{seen.uncosted} of unknown cost" if seen.uncosted else ""
        self.tiles["cost"].show_figure(money(cost), "simulated, nothing was spent" if simulated else unknown)


def _value(part: Slice) -> tuple[str, str]:
    """A slice in a word, and as a sentence."""
    failures = f", {part.failures} failed" if part.failures else ""
    if part.median_ms is None:
        return "failed", f"{part.failures} failed"
    return latency(part.median_ms), f"median {latency(part.median_ms)} of {part.successes}{failures}"
