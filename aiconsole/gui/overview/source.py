"""Where the graph's figures come from: the store for the past, this window's own memory for what it saw itself.

The store is asked for twice the length of the view, so that panning and zooming draw what is there while the next answer is
under way; one question is under way at a time, and only the last wish counts.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from ...domain.errors import ConsoleError
from ...domain.events import BreakerChanged
from ...domain.history import BreakerSpan, Series
from ..session import Session
from ..shell import Shell
from .graph import Graph, merged
from .recent import Recent
from .scale import step_for

_AGAIN_MS = 2000


class Wish(msgspec.Struct, frozen=True):
    """A view (epoch s), and whether it is of the simulated."""

    start: float
    end: float
    simulated: bool

    @property
    def step(self) -> int:
        return step_for(self.end - self.start)


class Source(QObject):
    """``changed()`` when `graph` is another, ``failed(error)`` when the store could not tell, None when it can again."""

    changed = Signal()
    failed = Signal(object)

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self._wish: Wish | None = None
        self._asked: Wish | None = None
        self._busy = False
        self._stale = False
        self._series = Series(0.0, 10.0)
        self._spans: tuple[BreakerSpan, ...] = ()
        self._recent = Recent(10, simulated=False)
        self._seen = 0
        self._leave: Callable[[], None] | None = None
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(_AGAIN_MS)
        self._again.timeout.connect(self._ask)
        self.graph = Graph()

    def follow(self) -> None:
        """Take part in what happens from now on, until `rest`."""
        if self._leave is None:
            self._leave = self._session.engine.bus.subscribe(self._on_breaker, BreakerChanged)
            self._stale = True

    def rest(self) -> None:
        """Nobody looks."""
        if self._leave is not None:
            self._leave()
            self._leave = None
        self._again.stop()

    def look(self, start: float, end: float, *, simulated: bool) -> None:
        """Have figures for this view."""
        wish = Wish(start, end, simulated)
        before, self._wish = self._asked, wish
        fits = (
            before is not None
            and (before.simulated, before.step) == (simulated, wish.step)
            and before.start - (before.end - before.start) / 2 <= start
            and end <= max(before.end + (before.end - before.start) / 2, self._session.clock.now() + wish.step)
        )
        if not fits or self._stale:
            self._ask()

    def take_new(self) -> bool:
        """Count what happened since; whether the graph changed."""
        activity = self._session.activity
        new, self._seen = activity.after(self._seen), activity.revision
        if not self._recent.add(new):
            return False
        self._merge()
        step = self._recent.step
        if self._session.clock.now() // step * step < activity.since() and not self._again.isActive():
            self._again.start()
        return True

    # Inside

    def _ask(self) -> None:
        self._stale = True
        if not self._busy and self._wish is not None:
            self._busy = True
            self._shell.start(self._answer(), failed="The graph cannot be drawn")

    async def _answer(self) -> None:
        try:
            while self._stale and self._wish is not None:
                self._stale = False
                wish = self._asked = self._wish
                await self._load(wish)
        finally:
            self._busy = False

    async def _load(self, wish: Wish) -> None:
        room = (wish.end - wish.start) / 2
        now = self._session.clock.now()
        start, end = wish.start - room, max(min(wish.end + room, now + 1), wish.start + wish.step)
        history = self._session.engine.history
        try:
            series = await history.series(start, end, wish.step, simulated=wish.simulated)
            spans = await history.breaker_spans(start, end, simulated=wish.simulated)
        except ConsoleError as error:
            series, spans = Series(start // wish.step * wish.step, float(wish.step)), ()
            self.failed.emit(error)
        else:
            self.failed.emit(None)
        self._series, self._spans = series, spans
        if (self._recent.step, self._recent.simulated) != (int(series.step), wish.simulated) or not self._seen:
            self._recent = Recent(int(series.step), simulated=wish.simulated)
            activity = self._session.activity
            self._recent.add(activity.samples(3600.0))
            self._seen = activity.revision
        self._recent.forget_before(now - 3600.0)
        self._merge()

    def _merge(self) -> None:
        self.graph = merged(self._series, self._recent, self._session.activity.since(), self._spans)
        self.changed.emit()

    def _on_breaker(self, event: object) -> None:
        """Draw a change at once; what the store has of it comes with its next answer."""
        if isinstance(event, BreakerChanged) and self._wish is not None:
            if self._wish.simulated != self._session.engine.demo:
                return
            ended = tuple(
                msgspec.structs.replace(span, end=event.at) if span.key == event.key and span.end is None else span
                for span in self._spans
            )
            self._spans = (
                *ended,
                BreakerSpan(event.key, event.after, event.at, None, event.reason, event.observe_only),
            )
            self._merge()
