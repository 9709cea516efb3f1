"""A run while it goes on: how far, what each target does now, first tokens over time and the distribution so far."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from ...bench.progress import Progress
from ..figures import latency, money, share
from ..keys import with_keys
from ..lines import LinesTable
from ..notices import StateGlyph
from ..overview.tiles import Tile, Told
from ..shell import Shell
from ..theme import SPACE_M, SPACE_S, set_role
from .charted import Plot, carded
from .drawing import live_distribution
from .seen import Seen
from .tables import LiveModel, MatrixModel, live_lines, matrix_lines
from .tokens import FirstTokenDots
from .watch import Watch
from .words import duration, load_words, number, provider_of

_ROW: Final = 28
_TILES: Final = {
    "ended": ("Requests ended", "Answered or failed, warm-up left out; requests a second over the last 5 s"),
    "failed": ("Failed", "Requests that were not answered, of those that ended"),
    "ttft": ("First token p95", "Over all targets; with nothing streamed, the whole answer"),
    "flight": ("In flight", "Requests under way now, and the level of the load"),
    "usd": ("Cost", "Of all requests so far as far as prices are known, against the limit"),
}
_WIDTHS: Final = {0: 132, 1: 62, 2: 62, 3: 68, 4: 80, 5: 86, 6: 86, 7: 104, 8: 104, 9: 98}


class LiveView(QWidget):
    """Shows what a `Watch` sees."""

    def __init__(self, shell: Shell, watch: Watch) -> None:
        super().__init__()
        self.setAccessibleName("Run under way")
        self.watch = watch
        self._glyph = StateGlyph(shell.theme, "idle", 12)
        self._said, self._about = QLabel(), QLabel()
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName("Progress of the run")
        self.stop = QPushButton("Stop")
        self.stop.setToolTip(with_keys("Stop the run; what it has measured is kept (Ctrl+.)"))
        self.stop.clicked.connect(watch.stop)
        self.tiles = {name: Tile(shell.theme, title) for name, (title, _) in _TILES.items()}
        self.table = LinesTable(LiveModel(), "Targets of the run", shell.theme, row_px=_ROW)
        self.table.stretch(10, _WIDTHS)
        self.matrix = LinesTable(MatrixModel(), "Health checks", shell.theme, row_px=_ROW)
        self.matrix.stretch(7, dict.fromkeys(range(7), 108))
        self.dots = FirstTokenDots(shell.theme)
        self.spread = Plot(shell.theme, "Latency so far", "Share of answers that took at most so long, from scheduled")
        self._load = QWidget()
        self._build()
        self.setFocusProxy(self.stop)

    def refresh(self) -> None:
        """Show what has been seen by now."""
        seen = self.watch.seen
        health = self.watch.plan.kind == "health"
        self._load.setVisible(not health)
        self.matrix.setVisible(health)
        part = seen.share
        self.bar.setRange(0, 0 if part is None else 1000)
        self.bar.setValue(round(1000 * (part or 0.0)))
        self.stop.setText("Stopping…" if self.watch.stopping else "Stop")
        self.stop.setEnabled(not self.watch.stopping)
        self._said.setText(self.words())
        if health:
            providers = [provider_of(target) for target in (seen.plan.targets if seen.plan is not None else ())]
            self.matrix.show_lines(matrix_lines(seen.checks, providers))
            return
        self._about.setText(load_words((seen.plan or self.watch.plan).load))
        if seen.progress is not None:
            self._tell_tiles(seen, seen.progress)
            self.table.show_lines(live_lines(seen.progress.targets))
            self.table.setFixedHeight(40 + _ROW * min(8, max(1, len(seen.progress.targets))))
            self.spread.curves.draw(live_distribution(seen.progress.targets))
        self.dots.show_seen(seen)

    def words(self) -> str:
        """How it stands, in a sentence."""
        seen, progress = self.watch.seen, self.watch.seen.progress
        title = self.watch.title
        if self.watch.plan.kind == "health":
            return f"{title}: {len(seen.checks)} of {seen.checks_of} checks" if seen.checks_of else f"{title}: starting"
        if progress is None:
            return f"{title}: starting"
        if progress.phase == "calibrating":
            return f"{title}: measuring the generator against the simulator first"
        if progress.phase == "warming up":
            return f"{title}: warming up"
        far = "" if progress.share is None else f", {100 * progress.share:.0f} %"
        return f"{title}: {duration(round(progress.at_s))}{far}"

    # Inside

    def _build(self) -> None:
        set_role(self._said, "head")
        set_role(self._about, "caption")
        set_role(self.stop, "danger")
        head = QHBoxLayout()
        head.setSpacing(SPACE_S)
        head.addWidget(self._glyph)
        head.addWidget(self._said)
        head.addWidget(self._about, 1)
        head.addWidget(self.stop)
        tiles = QHBoxLayout()
        tiles.setSpacing(SPACE_M)
        for tile in self.tiles.values():
            tiles.addWidget(tile, 1)
        plots = QHBoxLayout()
        plots.setSpacing(SPACE_M)
        said = QLabel("A dot is an answer, a cross a request that failed")
        set_role(said, "caption")
        plots.addWidget(carded("Time to first token", self.dots, said), 1)
        plots.addWidget(self.spread, 1)
        down = QVBoxLayout(self._load)
        down.setContentsMargins(0, 0, 0, 0)
        down.setSpacing(SPACE_M)
        down.addLayout(tiles)
        down.addWidget(self.table)
        down.addLayout(plots, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_M)
        layout.addLayout(head)
        layout.addWidget(self.bar)
        layout.addWidget(self._load, 1)
        layout.addWidget(self.matrix, 1)
        layout.addStretch(0)

    def _tell_tiles(self, seen: Seen, now: Progress) -> None:
        course = tuple(rate for _, rate in seen.rates[-60:])
        self._tell("ended", f"{now.ended:,}", f"{number(now.per_s)} /s, {now.sent:,} sent", course)
        failed = share(now.errors / now.ended) if now.ended else "–"
        limited = sum(target.rate_limited for target in now.targets)
        self._tell("failed", failed, f"{now.errors:,} failed" + (f", {limited:,} rate limits" if limited else ""))
        self._tell("ttft", latency(seen.first_token_ms(0.95)), f"p50 {latency(seen.first_token_ms(0.5))}")
        unit = "/s" if self.watch.plan.load.open_loop else "in flight"
        self._tell("flight", f"{now.in_flight:,}", f"level {number(now.level)} {unit}")
        limit = self.watch.plan.limits.usd
        self._tell("usd", money(now.usd), "no limit" if limit is None else f"stops at {money(limit)}")

    def _tell(self, tile: str, words: str, note: str, course: tuple[float, ...] = ()) -> None:
        self.tiles[tile].show_told(Told("", words, note, course=course, tip=_TILES[tile][1]))
