"""Where the graph's figures come from: the store for the past, this window's own memory for what it saw itself.

The store is asked for twice the length of the view, so that panning and zooming draw what is there while the next answer is
under way; one question is under way at a time, and only the last wish counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

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

_AGAIN_MS: Final = 2000
_BEHIND_S: Final = 5.0
"""The store may be so much behind what happens, with a disk that is slow."""


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
        self._complete_from = 0.0
        self._changes: deque[BreakerChanged] = deque(maxlen=50)
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
        if self._stale or before is None or not self._covers(before, wish):
            self._ask()

    def take_new(self) -> bool:
        """Count what happened since; whether the graph changed."""
        activity, now = self._session.activity, self._session.clock.now()
        new = activity.after(self._seen)
        if activity.revision - self._seen > len(new):
            self._complete_from = now
        self._seen = activity.revision
        if not self._recent.add(new):
            return False
        self._merge()
        if now // self._recent.step * self._recent.step < self._complete_from and not self._again.isActive():
            self._again.start()
        return True

    # Inside

    def _covers(self, asked: Wish, wish: Wish) -> bool:
        """Whether the answer to ``asked`` and the memory hold what ``wish`` needs."""
        length = asked.end - asked.start
        return (
            (asked.simulated, asked.step) == (wish.simulated, wish.step)
            and asked.start - length / 2 <= wish.start <= asked.start + length
            and wish.end <= max(asked.end + length / 2, self._session.clock.now() + wish.step)
        )

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
            self._again.start()
        else:
            self.failed.emit(None)
        self._series = series
        self._spans = changed(spans, (change for change in self._changes if change.at >= now - _BEHIND_S))
        if (self._recent.step, self._recent.simulated) != (int(series.step), wish.simulated) or not self._seen:
            self._recent = Recent(int(series.step), simulated=wish.simulated)
            activity = self._session.activity
            self._recent.add(activity.samples(3600.0))
            self._seen, self._complete_from = activity.revision, activity.since()
        self._recent.forget_before(now - 3600.0)
        self._merge()

    def _merge(self) -> None:
        self.graph = merged(self._series, self._recent, self._complete_from, self._spans)
        self.changed.emit()

    def _on_breaker(self, event: object) -> None:
        """Draw a change at once; what the store has of it comes with its next answer."""
        assert isinstance(event, BreakerChanged)
        if self._wish is not None and self._wish.simulated == self._session.engine.demo:
            self._changes.append(event)
            self._spans = changed(self._spans, (event,))
            self._merge()


def changed(spans: tuple[BreakerSpan, ...], events: Iterable[BreakerChanged]) -> tuple[BreakerSpan, ...]:
    """The spans after these changes, of which some may be in them already."""
    for event in events:
        if any(span.key == event.key and span.start >= event.at for span in spans):
            continue
        ended = tuple(
            msgspec.structs.replace(span, end=event.at) if span.key == event.key and span.end is None else span
            for span in spans
        )
        spans = (*ended, BreakerSpan(event.key, event.after, event.at, None, event.reason, event.observe_only))
    return spans
