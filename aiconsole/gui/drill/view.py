"""The drill: what to try, how the route copes while it runs, and what came of it. Simulated providers only, in a process of
its own, so that the person's own breakers, scores, spending and conversations are never touched."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget
from shiboken6 import isValid

from ..commands import Command
from ..figures import latency, share
from ..keys import with_keys
from ..notices import Notice, StateGlyph
from ..overview.tiles import Tile, Told
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_L, SPACE_M, SPACE_S, State, set_role
from .figures import verdict
from .form import DrillForm
from .outcome import OutcomeCard
from .page import DRILL
from .seen import Seen
from .timeline import Timeline
from .watch import Watch

_SAFE: Final = "Simulated providers only, in a process of its own: your breakers, scores and spending stay as they are."
_TILES: Final = {
    "availability": ("Availability so far", "Requests answered complete and correct, of those that ended"),
    "requests": ("Requests", "Sent so far, and ended"),
    "ttft": ("First token p95", "Nearest rank over the answers so far"),
    "attempts": ("Attempts per request", "How often candidates were asked"),
}
_LEGEND: Final = "Faults and breaker states; a dot is an answer's first token, a cross a request that failed"


class DrillView(QWidget):
    """The page of the routing panel."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self.setAccessibleName("Drill")
        self._session, self._shell = session, shell
        self._notice: Notice | None = None
        self.watch = Watch(shell)
        self.form = DrillForm()
        self.go = QPushButton("Start")
        self.go.setToolTip(with_keys("Start or stop the drill (Ctrl+Return)"))
        set_role(self.go, "primary")
        self.go.clicked.connect(self.start_or_stop)
        self._about = QLabel()
        self._about.setWordWrap(True)
        set_role(self._about, "caption")
        self._bar = QProgressBar()
        self._bar.setRange(0, 1000)
        self._bar.setAccessibleName("Progress of the drill")
        self._glyph = StateGlyph(shell.theme, "idle", 12)
        self._verdict = QLabel()
        self._verdict.setWordWrap(True)
        set_role(self._verdict, "strong")
        self.tiles = {name: Tile(shell.theme, title) for name, (title, _) in _TILES.items()}
        self.timeline = Timeline(shell.theme)
        self._at = QLabel(_LEGEND)
        set_role(self._at, "caption")
        self.outcome = OutcomeCard(shell)
        self._live, self._figures = QWidget(), QWidget()
        self._nothing = self._empty()
        self._build()
        self._add_commands()
        self.setFocusProxy(self.form)
        self.form.changed.connect(self._tell_plan)
        self.timeline.pointed.connect(self._tell_at)
        self.watch.changed.connect(self.refresh)
        self.watch.ended.connect(self._ended)
        self.refresh()

    def begin(self, route: str = "") -> None:
        """Be ready for a drill of ``route``."""
        self.form.show_routes(self._session.engine.routes(), route)
        self._tell_plan()

    def start_or_stop(self) -> None:
        """Start the drill that is chosen, or stop the one that runs."""
        if self.watch.running:
            self.watch.stop()
            self.refresh()
        else:
            self._shell.start(self._start(), failed="The drill was not started")

    async def _start(self) -> None:
        rules = self._session.engine.home.settings.with_name("rules.toml")
        plan = self.form.plan(self._session.engine.settings, await asyncio.to_thread(_text_of, rules))
        if plan is not None:
            self.watch.start(plan)
            self._bar.setVisible(True)

    def refresh(self) -> None:
        """Show what has been seen by now."""
        watch, seen = self.watch, self.watch.seen
        self._nothing.setVisible(seen.began is None and not watch.running)
        self._live.setVisible(seen.began is not None or watch.running)
        self._figures.setVisible(seen.summary is None)
        self.outcome.setVisible(seen.summary is not None)
        focused = QApplication.focusWidget()
        if watch.running and focused is not None and self.form.isAncestorOf(focused):
            self.go.setFocus()
        self.form.setEnabled(not watch.running)
        self.go.setText("Stopping…" if watch.stopping else "Stop" if watch.running else "Start")
        set_role(self.go, "danger" if watch.running else "primary")
        self._bar.setVisible(watch.running)
        self._bar.setValue(round(1000 * watch.progress))
        self._tell_verdict()
        self._tell_tiles(seen)
        self.timeline.show_seen(seen)
        if seen.summary is not None and seen.summary is not self.outcome.summary:
            self.outcome.show_summary(seen.summary)
        if self._notice is not None and isValid(self._notice):
            self._notice.say(self._progress_words())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self.form.route.count():
            self.begin()
        self._drop_notice()

    def hideEvent(self, event: QHideEvent) -> None:
        """A drill that runs goes on, and says how far it is wherever the person is."""
        super().hideEvent(event)
        if self.watch.running and self._shell.isVisible():
            self._drop_notice()
            self._notice = self._shell.notify(self._progress_words(), action="Stop", run=self.watch.stop, seconds=0)

    # Inside

    def _build(self) -> None:
        title, simulated, safe = QLabel("Drill"), QLabel("simulated"), QLabel(_SAFE)
        set_role(title, "title")
        set_role(simulated, "pill", "warn")
        set_role(safe, "caption")
        head = QHBoxLayout()
        head.setSpacing(SPACE_S)
        safe.setWordWrap(True)
        head.addWidget(title)
        head.addWidget(simulated)
        head.addWidget(safe, 1)
        choosing = QHBoxLayout()
        choosing.setSpacing(SPACE_S)
        choosing.addWidget(self.form, 1)
        choosing.addWidget(self.go, 0, Qt.AlignmentFlag.AlignBottom)
        said = QHBoxLayout()
        said.setSpacing(SPACE_S)
        said.addWidget(self._glyph)
        said.addWidget(self._verdict, 1)
        tiles = QHBoxLayout(self._figures)
        tiles.setContentsMargins(0, 0, 0, 0)
        tiles.setSpacing(SPACE_M)
        for tile in self.tiles.values():
            tiles.addWidget(tile, 1)
        live = QVBoxLayout(self._live)
        live.setContentsMargins(0, 0, 0, 0)
        live.setSpacing(SPACE_M)
        live.addLayout(said)
        live.addWidget(self._figures)
        live.addWidget(self._course(), 1)
        live.addWidget(self.outcome, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_M)
        layout.addLayout(head)
        layout.addLayout(choosing)
        layout.addWidget(self._about)
        layout.addWidget(self._bar)
        layout.addWidget(self._live, 1)
        layout.addWidget(self._nothing, 1)
        form = self.form
        chain = (form.what, form.route, form.provider, form.lasts, form.rate, form.pace, self.go, self.timeline)
        for before, after in pairwise((*chain, self.outcome.copy, self.outcome.export, self.outcome.table)):
            QWidget.setTabOrder(before, after)

    def _course(self) -> QFrame:
        card = QFrame()
        set_role(card, "card")
        head = QLabel("Course")
        set_role(head, "head")
        top = QHBoxLayout()
        top.setSpacing(SPACE_M)
        top.addWidget(head)
        top.addWidget(self._at, 1)
        layout = QVBoxLayout(card)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_S, SPACE_S)
        layout.setSpacing(SPACE_S)
        layout.addLayout(top)
        layout.addWidget(self.timeline, 1)
        return card

    def _empty(self) -> QWidget:
        made = QWidget()
        title, said = (
            QLabel("No drill yet"),
            QLabel("Start one, and watch here who answers, which breakers open, and when."),
        )
        set_role(title, "title")
        set_role(said, "caption")
        layout = QVBoxLayout(made)
        layout.setSpacing(SPACE_M)
        layout.addStretch(2)
        for widget in (title, said):
            layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)
        return made

    def _add_commands(self) -> None:
        outcome = self.outcome
        for key, title, keys, run, enabled in (
            ("go", "Start or stop the drill", "Ctrl+Return", self.start_or_stop, self.go.isEnabled),
            ("copy", "Copy the drill's figures", "Ctrl+Shift+C", outcome.copy_figures, outcome.isVisible),
            ("export", "Export the drill's figures", "Ctrl+S", outcome.ask_where, outcome.isVisible),
        ):
            command = Command(
                key=f"drill.{key}", title=title, group="Routing", shortcut=keys, run=run, enabled=enabled, scope=self
            )
            self._shell.commands.add(command)

    def _tell_plan(self) -> None:
        if not self.watch.running:
            possible = self.form.route.count() > 0 or not self.form.route.isEnabled()
            self.go.setEnabled(possible)
            none = "None of your routes has a model that is simulated. Choose a ready scenario."
            self._about.setText(self.form.about() if possible else none)

    def _tell_verdict(self) -> None:
        summary, began = self.watch.seen.summary, self.watch.seen.began
        state: State = "idle"
        if summary is not None:
            state, words = verdict(summary)
        else:
            how_far = f" {self.watch.seen.now_s:.0f} of {began.duration_s:.0f} s." if began is not None else ""
            words = f"Running: {self.watch.title}.{how_far}" if began is not None else "Starting…"
            if not self.watch.running:
                words = "The drill did not come to its end."
        self._glyph.set_state(state)
        self._verdict.setText(words)

    def _tell_tiles(self, seen: Seen) -> None:
        failed = len(seen.failed_at)
        under_way = seen.asked - seen.answered if self.watch.running else 0
        self._tell("availability", share(seen.availability), f"{failed} failed" if failed else "none failed")
        self._tell("requests", f"{seen.asked:,}", f"{seen.answered:,} ended, {under_way:,} under way")
        self._tell("ttft", latency(seen.first_token_ms(0.95)), f"p50 {latency(seen.first_token_ms(0.5))}")
        attempts = f"{seen.attempts / seen.answered:.2f}" if seen.answered else "–"
        self._tell("attempts", attempts, f"{seen.attempts:,} attempts")

    def _tell(self, tile: str, figure: str, note: str) -> None:
        self.tiles[tile].show_told(Told("", figure, note, tip=_TILES[tile][1]))

    def _tell_at(self, at_s: float | None) -> None:
        self._at.setText(_LEGEND if at_s is None else self.watch.seen.told_at(at_s))

    def _progress_words(self) -> str:
        return f"The drill goes on: {self.watch.title or 'starting'}, {100 * self.watch.progress:.0f} %."

    def _ended(self) -> None:
        self.refresh()
        self._tell_plan()
        if self._notice is not None:
            self._drop_notice()
            summary = self.watch.seen.summary
            if summary is not None:
                state, words = verdict(summary)
                self._shell.notify(
                    f"The drill has ended. {words}",
                    state=state,
                    action="Show",
                    run=lambda: self._shell.open("routing", DRILL),
                    seconds=0,
                )

    def _drop_notice(self) -> None:
        notice, self._notice = self._notice, None
        if notice is not None and isValid(notice):
            notice.leave()


def _text_of(path: Path) -> str | None:
    return path.read_text(encoding="utf-8-sig") if path.is_file() else None
