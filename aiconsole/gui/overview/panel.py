"""The overview: four figures, what is left of the objectives, graphs on one time axis, and what happened beside them.

Nothing runs while nothing changes: new attempts and events are drawn a few times a second as they come, and a timer wakes the
panel when the time axis moves on by a bucket.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from ...domain.errors import ConsoleError
from ...kept_history import targets_of
from ..commands import Command
from ..session import Session
from ..shell import Shell
from .chart import Chart, Pick
from .entries import Entry
from .feed import Feed
from .layout import Parts
from .legend import Legend
from .objectives import Objectives
from .reporter import Reporter
from .scale import step_for
from .source import Source
from .standing import Stands, ask, tell
from .tiles import Tile

if TYPE_CHECKING:
    from ...realtime.state import LiveState

RANGES: Final = ((900.0, "15 min"), (3600.0, "1 h"), (86_400.0, "24 h"), (604_800.0, "7 d"), (2_592_000.0, "30 d"))
_HZ: Final = 6.0
_TILES_MS: Final = 1500
_FEED_FROM: Final = 1000
"""A panel narrower than so many px has no room for the feed."""
_OBJECTIVES_FROM: Final = 600
"""In one lower than so many px the objectives give way to the graph; the tiles still judge three of them."""


class OverviewPanel(QWidget):
    """Live, while it is in view."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self.setAccessibleName("Overview")
        self._session, self._shell = session, shell
        theme = shell.theme
        self.range_s = RANGES[0][0]
        self._free: tuple[float, float] | None = None
        self._simulated: bool | None = None
        self._stands: Stands | None = None
        self._asking = self._ask_again = False
        self._leave: Callable[[], None] | None = None
        self.tiles = {
            "availability": Tile(theme, "Availability"),
            "p95": Tile(theme, "Latency p95"),
            "errors": Tile(theme, "Error rate"),
            "spend": Tile(theme, "Spend"),
        }
        self.objectives = Objectives(theme, partial(shell.open, "settings"))
        self.chart = Chart(theme)
        self.legend = Legend(theme)
        self.feed = Feed(theme)
        self.parts = Parts(self, shell, [words for _, words in RANGES])
        self.setFocusProxy(self.parts.ranges[0])
        self.source = Source(session, shell)
        self._reporter = Reporter(session, shell, self.feed)
        self._axis = QTimer(self)
        self._axis.setSingleShot(True)
        self._axis.timeout.connect(self._move_on)
        self._tiles_due = QTimer(self)
        self._tiles_due.setSingleShot(True)
        self._tiles_due.setInterval(_TILES_MS)
        self._tiles_due.timeout.connect(self._ask_tiles)
        self._connect()
        self._add_commands()

    def _connect(self) -> None:
        parts = self.parts
        for at, chip in enumerate(parts.ranges):
            chip.clicked.connect(partial(self.choose_range, RANGES[at][0]))
        parts.real.clicked.connect(partial(self.choose_simulated, False))
        parts.pretended.clicked.connect(partial(self.choose_simulated, True))
        parts.measure.activated.connect(lambda _: self._draw())
        parts.back.clicked.connect(self.go_back)
        self.chart.moved.connect(self._go_to)
        self.chart.reset.connect(self.go_back)
        self.chart.picked.connect(self._open_requests)
        self.legend.changed.connect(lambda: self.chart.hide_providers(self.legend.hidden))
        self.feed.chosen.connect(self._open_entry)
        self.source.changed.connect(self._draw)
        self.source.failed.connect(self._tell_trouble)
        self._session.changed.connect(self._look_anew)

    def open_item(self, argument: object) -> None:
        """Show a stretch of time: its start and its end, in epoch s."""
        if isinstance(argument, tuple):
            start, end = argument
            self._go_to(float(start), float(end))

    # What is in view

    @property
    def simulated(self) -> bool:
        """Whether the simulated are shown: as chosen, or else those that answer now."""
        return self._session.engine.demo if self._simulated is None else self._simulated

    @property
    def view(self) -> tuple[float, float]:
        """The stretch of time in view, in epoch s: the zoom's, or the range up to now, at the edge of a bucket."""
        if self._free is not None:
            return self._free
        step = step_for(self.range_s)
        end = (self._session.clock.now() // step + 1) * step
        return end - self.range_s, end

    def choose_range(self, range_s: float, *_: object) -> None:
        """Look back this far from now."""
        self.range_s = range_s
        self.go_back()

    def choose_simulated(self, simulated: bool, *_: object) -> None:
        """Show the simulated or the real ones."""
        self._simulated = simulated
        self._look_anew()

    def go_back(self) -> None:
        """Show the whole range up to now again."""
        self._free = None
        self._look_anew()

    def _go_to(self, start: float, end: float) -> None:
        now = self._session.clock.now()
        length = end - start
        end = min(end, now + step_for(length))
        self._free = (end - length, end)
        self._look(tiles=False)
        self._tiles_due.start()

    def _look_anew(self) -> None:
        self._stands = None
        self._look(tiles=True)

    def _look(self, *, tiles: bool) -> None:
        if not self.isVisible():
            return
        start, end = self.view
        self.source.look(start, end, simulated=self.simulated)
        self.chart.show_view(start, end, self._session.clock.now())
        self.parts.show_view(self._range_at(), self._words(), free=self._free is not None, simulated=self.simulated)
        if tiles:
            self._ask_tiles()
        self._wake_later()

    def _range_at(self) -> int:
        return -1 if self._free is not None else [range_s for range_s, _ in RANGES].index(self.range_s)

    def _words(self) -> str:
        """The range in words."""
        if self._free is None:
            return "last " + next(words for range_s, words in RANGES if range_s == self.range_s)
        start, end = map(time.localtime, self._free)
        if end.tm_yday == start.tm_yday and self._free[1] - self._free[0] < 86_400:
            return f"{time.strftime('%H:%M', start)} – {time.strftime('%H:%M', end)}"
        return f"{time.strftime('%d %b %H:%M', start)} – {time.strftime('%d %b %H:%M', end)}"

    # Life

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.source.follow()
        if self._leave is None:
            self._leave = self._session.engine.live.watch(self._on_live, hz=_HZ)
        self._reporter.put()
        self.source.take_new()
        self._look_anew()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.source.rest()
        self._axis.stop()
        self._tiles_due.stop()
        if self._leave is not None:
            self._leave()
            self._leave = None

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.feed.setVisible(self.width() >= _FEED_FROM)
        self.objectives.setVisible(self.height() >= _OBJECTIVES_FROM)

    def _on_live(self, _state: LiveState) -> None:
        self._reporter.put()
        if self.source.take_new():
            self._tell_tiles()
            if not self._tiles_due.isActive():
                self._tiles_due.start()

    def _wake_later(self) -> None:
        if self._free is None:
            self._axis.start(max(50, round((self.view[1] - self._session.clock.now()) * 1000) + 20))
        else:
            self._axis.stop()

    def _move_on(self) -> None:
        """The time axis moves on by a bucket."""
        self._look(tiles=True)

    # Drawing

    def _draw(self) -> None:
        labels = {state.name: state.label for state in self._session.engine.providers()}
        graph = self.source.graph
        drawn = {*graph.lines, *(span.key.partition("/")[0] for span in graph.spans)}
        labels = {**labels, **{name: name for name in sorted(drawn - set(labels))}}
        shown = {name: label for name, label in labels.items() if name in drawn}
        self.legend.show_providers(shown)
        objective = self._session.engine.settings.objectives.p95_ms
        start, end = self.view
        self.chart.show_view(start, end, self._session.clock.now())
        self.chart.show_graph(graph, shown, self.parts.measure.currentData(), objective)
        self.parts.show_something(bool(drawn))

    def _tell_trouble(self, error: ConsoleError | None) -> None:
        self.parts.show_trouble("" if error is None else f"{error.message} {error.advice}".strip())

    # Tiles

    def _ask_tiles(self) -> None:
        if self._asking:
            self._ask_again = True
        elif self.isVisible():
            self._asking = True
            self._shell.start(self._answer_tiles(), failed="The figures cannot be read")

    async def _answer_tiles(self) -> None:
        engine = self._session.engine
        try:
            (start, end), now = self.view, self._session.clock.now()
            targets = targets_of(engine.settings)
            self._stands = await ask(engine, targets, start, min(end, now + 1), now, simulated=self.simulated)
            self.objectives.show_objectives(
                self._stands.objectives, targets, (engine.settings.objectives.memory, _memory_used())
            )
            self._tell_tiles()
        except ConsoleError as error:
            self._tell_trouble(error)
        finally:
            self._asking = False
        if self._ask_again:
            self._ask_again = False
            self._ask_tiles()

    def _tell_tiles(self) -> None:
        if self._stands is None:
            return
        live = self._session.engine.live.state()
        spent = (live.simulated if self.simulated else live.real).spend_usd
        for name, told in tell(self._stands, spent, self._words(), self._session.clock.now()).items():
            self.tiles[name].show_told(told)

    # Opening

    def _open_requests(self, pick: Pick) -> None:
        from ..requests.wanted import Wanted

        failed = True if pick.plot == "errors" else None
        wanted = Wanted(start=pick.start, end=pick.end, asked=pick.provider, failed=failed, simulated=self.simulated)
        self._open("requests", wanted)

    def _open_entry(self, entry: Entry) -> None:
        self._open(entry.panel, entry.item or None)

    def _open(self, panel: str, argument: object) -> None:
        if any(command.key == f"panel.{panel}" for command in self._shell.commands.all()):
            self._shell.open(panel, argument)

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
        self._shell.commands.add(
            Command(
                key="overview.whole",
                title="Show the whole range up to now",
                group="Overview",
                shortcut="Alt+0",
                run=self.go_back,
                scope=self,
            )
        )


def _memory_used() -> float:
    """The share of this machine's memory in use."""
    import psutil

    return float(psutil.virtual_memory().percent) / 100
