"""The transcript: all turns of a conversation's active path, of which only those in view have widgets.

A turn out of view is an estimated height. Whatever changes above or below, what the reader looks at stays where it is: before a
change the text at the upper edge is noted and put back there after. A reader at the lower end follows the answer instead.
Deltas are gathered and shown once a frame.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QEvent, QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QPushButton, QScrollArea, QWidget

from ...domain.chat import StreamEvent
from ...domain.conversations import Turn
from ..icons import Icons
from ..theme import SPACE_L, SPACE_S, SPACE_XL, Theme
from .entry import Entry
from .kit import Kit
from .message import MessageView
from .progress import Progress

FRAME_MS = 40
"""How often a running answer is shown anew."""
A_FRAME = 6_000
"""At most so many characters are taken up a frame; more waits for the next."""
_WIDEST = 820
_GAP = SPACE_S
_NEAR = 12


class Canvas(QWidget):
    """What the turns stand on. It is opaque, so that scrolling moves what is painted instead of painting it again."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)

    def event(self, event: QEvent) -> bool:
        handled = super().event(event)
        if event.type() in (QEvent.Type.Polish, QEvent.Type.StyleChange):
            self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # style sheets take it away
        return handled

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(event.rect(), self._theme.color("surface"))


class TranscriptView(QScrollArea):
    """Shows turns. For a running answer: ``begin(turn)``, ``append(event)`` for each event, ``end(turn)``.

    ``wanted(what, turn id)``: copy, regenerate, edit, previous, next. ``link_wanted(href, text, place)``.
    """

    wanted = Signal(str, str)
    link_wanted = Signal(str, str, QPoint)

    def __init__(self, theme: Theme, icons: Icons) -> None:
        super().__init__()
        self.kit = Kit(theme, icons, self)
        self.setAccessibleName("Transcript")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._canvas = Canvas(theme)
        self.setWidget(self._canvas)
        self._entries: list[Entry] = []
        self._ys: list[int] = []
        self._running: dict[str, Entry] = {}
        self._total = 1
        self._seen = (0, 0)
        self._following = True
        self._working = False
        self._frame = QTimer(self)
        self._frame.setInterval(FRAME_MS)
        self._frame.setTimerType(Qt.TimerType.PreciseTimer)
        self._frame.timeout.connect(self.flush)
        self._latest = QPushButton("Jump to latest", self)
        self._latest.setIcon(icons.icon("to-end", "text"))
        self._latest.setAccessibleName("Jump to the latest message")
        self._latest.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._latest.clicked.connect(self.to_end)
        self._latest.hide()
        self.verticalScrollBar().valueChanged.connect(self._on_scroll)
        self.verticalScrollBar().setSingleStep(40)
        theme.changed.connect(self._restyle)

    # Turns

    def show_turns(self, turns: Sequence[Turn], progress: dict[str, Progress] | None = None) -> None:
        """Show other turns than before, the last of them in view."""
        self.flush()
        self._frame.stop()
        for entry in self._entries:
            self._let_go(entry)
        known = progress or {}
        self._entries = [Entry(turn, known.get(turn.id)) for turn in turns]
        self._running = {entry.turn.id: entry for entry in self._entries if entry.turn.state == "streaming"}
        width = self._width()
        for entry in self._entries:
            entry.height = entry.estimate(width)
        self._following = True
        self.refresh()

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns shown, a running one with what came of it."""
        return tuple(entry.whole() for entry in self._entries)

    def begin(self, turn: Turn, progress: Progress | None = None) -> None:
        """Add a turn at the end; a running answer then grows by `append`."""
        entry = Entry(turn, progress)
        entry.height = entry.estimate(self._width())
        self._entries.append(entry)
        if turn.state == "streaming":
            self._running[turn.id] = entry
            self._set_busy()
        if turn.message.role != "assistant":
            self._following = True
        self.refresh()

    def cut_after(self, turn_id: str | None) -> None:
        """Take away all turns below this one (None: all), as another branch takes their place."""
        at = next((at for at, entry in enumerate(self._entries) if entry.turn.id == turn_id), -1)
        for entry in self._entries[at + 1 :]:
            self._running.pop(entry.turn.id, None)
            self._let_go(entry)
        del self._entries[at + 1 :]

    def append(self, event: StreamEvent, turn_id: str | None = None) -> None:
        """Take an event of the running answer (of this one, where several run). Shown within a frame."""
        entry = self._running.get(turn_id) if turn_id is not None else next(reversed(self._running.values()), None)
        if entry is None:
            return
        entry.pending.append(event)
        if not self._frame.isActive():
            self._frame.start()

    def end(self, turn: Turn) -> None:
        """Show how a running answer ended, after all of its text has been shown."""
        entry = self._running.get(turn.id)
        if entry is None:
            return
        entry.ended = turn
        if entry.pending:
            self._frame.start()
        else:
            self._settle(entry)

    def flush(self) -> None:
        """Show what has come, as much as fits into a frame."""
        waiting = False
        grown = False
        for entry in list(self._running.values()):
            events = entry.take(A_FRAME)
            if events:
                grown = True
                if entry.view is not None:
                    entry.view.take(events)
            waiting |= bool(entry.pending)
            if entry.ended is not None and not entry.pending:
                self._settle(entry)
        if grown:
            self.refresh()
        if not waiting and not grown:
            self._frame.stop()

    def _settle(self, entry: Entry) -> None:
        turn = entry.ended
        assert turn is not None
        entry.ended = None
        entry.deltas.clear()
        self._running.pop(entry.turn.id, None)
        entry.turn = turn
        if entry.view is not None:
            entry.view.end(turn)
        self._set_busy()
        self.refresh()

    def _set_busy(self) -> None:
        for entry in self._entries:
            if entry.view is not None:
                entry.view.set_busy(bool(self._running))

    # Where the reader is

    @property
    def following(self) -> bool:
        """Whether the reader is at the lower end and sees each answer grow."""
        return self._following

    def to_end(self) -> None:
        """Go to the lower end and follow from there."""
        self._following = True
        self.refresh()

    def focus_turn(self, turn_id: str | None = None) -> None:
        """Put the keyboard on a turn, by default the last."""
        at = next((at for at, entry in enumerate(self._entries) if entry.turn.id == turn_id), len(self._entries) - 1)
        if at >= 0:
            self._go_to(at)

    def show_why(self, turn_id: str) -> None:
        """Put the keyboard on an answer and open why it came from where it came from."""
        self.focus_turn(turn_id)
        for entry in self._entries:
            if entry.turn.id == turn_id and entry.view is not None:
                entry.view.open_why()

    def scroll_by(self, pages: float) -> None:
        """Scroll by a part of what is in view."""
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + round(pages * self.viewport().height()))

    def _go_to(self, at: int) -> None:
        entry = self._entries[at]
        bar = self.verticalScrollBar()
        top, bottom = bar.value(), bar.value() + self.viewport().height()
        if entry.y < top or entry.y + min(entry.height, 120) > bottom:
            bar.setValue(max(0, entry.y - SPACE_L))
        self.refresh()
        if entry.view is not None:
            entry.view.setFocus(Qt.FocusReason.TabFocusReason)

    def _on_scroll(self, value: int) -> None:
        if self._working:
            return
        self._following = value >= self.verticalScrollBar().maximum() - _NEAR
        self.refresh()

    # Finding

    def turns_with(self, words: str) -> list[tuple[int, int]]:
        """Turns that have ``words`` in what was said: (number of the turn, how many times it has)."""
        folded = words.casefold()
        return [
            (at, count)
            for at, entry in enumerate(self._entries)
            if folded and (count := entry.whole().message.text.casefold().count(folded))
        ]

    def show_found(self, at: int, words: str, nth: int) -> bool:
        """Bring the ``nth`` place of ``words`` in a turn into view and select it; False where it is not shown."""
        entry = self._entries[at]
        self._following = False
        self._working = True
        self.verticalScrollBar().setValue(max(0, entry.y - SPACE_L))
        self._working = False
        self.refresh()
        for other in self._entries:
            for body in other.view.bodies() if other.view is not None else ():
                body.select_nothing()
        if entry.view is None:
            return False
        places = [(body, place) for body in entry.view.bodies() for place in body.places_of(words)]
        if not places:
            return False
        body, place = places[min(nth, len(places) - 1)]
        line = body.show_found(place)
        y = body.mapTo(self._canvas, QPoint(0, round(line.top()))).y()
        self.verticalScrollBar().setValue(max(0, y - self.viewport().height() // 3))
        return True

    # Geometry

    def refresh(self) -> None:
        """Make what is in view, let go of what is not, and keep the reader's place."""
        if self._working:
            return
        self._working = True
        try:
            self._refresh()
        finally:
            self._working = False

    def _refresh(self) -> None:
        """First it is settled how tall all is, then scrolled, then placed: Qt moves what is painted only while it is clean."""
        anchor = None if self._following else self._anchor()
        for _ in range(8):
            self._measure()
            if not self._realise(self._goal(anchor)):
                break
        self._resize_canvas()
        self.verticalScrollBar().setValue(self._goal(anchor))
        self._settle_all()
        self._seen = self._range()
        self._recycle()
        away = not self._following and self._total > self.viewport().height()
        if away != self._latest.isVisible():
            focused = self._latest.hasFocus()
            self._latest.setVisible(away)
            self._place_button()
            if focused and self._entries and (last := self._entries[-1].view) is not None:
                last.setFocus(Qt.FocusReason.OtherFocusReason)
                self.verticalScrollBar().setValue(self._goal(anchor))

    def _width(self) -> int:
        return max(200, min(_WIDEST, self.viewport().width() - 2 * SPACE_XL))

    def _range(self) -> tuple[int, int]:
        top = self.verticalScrollBar().value()
        return (top, top + self.viewport().height())

    def _anchor(self) -> tuple[Entry, Any, int] | None:
        """What was in view before and still is: the uppermost thing whose height is no estimate, and how far above it the view
        begins."""
        top, bottom = self._range()
        before_top, before_bottom = self._seen
        start = max(top, before_top) if before_top < bottom and before_bottom > top else top
        at = max(0, bisect_right(self._ys, start) - 1)
        first = self._entries[at] if self._entries else None
        while at < len(self._entries) and self._entries[at].y < bottom:
            entry = self._entries[at]
            inner = entry.view.anchor(start - entry.y, bottom - entry.y) if entry.view is not None else None
            if entry.view is not None and inner is not None:
                return (entry, inner, top - entry.y - entry.view.place(inner))
            at += 1
        return (first, None, top - first.y) if first is not None else None

    def _goal(self, anchor: tuple[Entry, Any, int] | None) -> int:
        """Where to scroll to, so that the reader sees what they saw, or the end where they follow it."""
        most = max(0, self._total - self.viewport().height())
        if self._following:
            return most
        if anchor is None:
            return min(most, self.verticalScrollBar().value())
        entry, inner, offset = anchor
        inside = entry.view.place(inner) if inner is not None and entry.view is not None else 0
        return min(most, max(0, entry.y + inside + offset))

    def _measure(self) -> None:
        """Say how tall each turn is and where it begins."""
        y, width = SPACE_L, self._width()
        self._ys = []
        for entry in self._entries:
            entry.y = y
            self._ys.append(y)
            if entry.view is not None:
                entry.height = entry.view.measure(width)
            y += entry.height + _GAP
        self._total = max(y + SPACE_S, 1)

    def _resize_canvas(self) -> None:
        view, bar = self.viewport(), self.verticalScrollBar()
        if self._canvas.height() != self._total or self._canvas.width() != view.width():
            self._canvas.resize(view.width(), self._total)
        bar.setRange(0, max(0, self._total - view.height()))
        bar.setPageStep(view.height())

    def _settle_all(self) -> None:
        """Place the turns that have widgets."""
        width = self._width()
        left = max(0, (self.viewport().width() - width) // 2)
        for entry in self._entries:
            if entry.view is not None:
                rect = QRect(left, entry.y, width, entry.height)
                if entry.view.geometry() != rect:
                    entry.view.setGeometry(rect)
                entry.view.settle()

    def _realise(self, top: int) -> bool:
        """Make the widgets and texts in view where the view begins at ``top``; True where a height changed."""
        bottom = top + self.viewport().height()
        at = max(0, bisect_right(self._ys, top) - 1)
        changed = False
        while at < len(self._entries) and self._entries[at].y < bottom:
            entry = self._entries[at]
            if entry.view is None:
                self._make(entry)
                changed = True
            else:
                changed |= entry.view.realise(max(0, top - entry.y), bottom - entry.y)
            at += 1
        return changed

    def _make(self, entry: Entry) -> None:
        view = MessageView(self.kit, entry.whole(), entry.progress, busy=bool(self._running))
        view.setParent(self._canvas)
        view.wanted.connect(self._on_wanted)
        view.changed.connect(self.refresh)
        view.link_wanted.connect(self.link_wanted)
        view.dragged.connect(lambda y: self._on_dragged(view.y() + y))
        entry.view = view
        self._order_tabs()
        view.show()

    def _order_tabs(self) -> None:
        before: QWidget | None = None
        for entry in self._entries:
            if entry.view is not None:
                if before is not None:
                    QWidget.setTabOrder(before, entry.view)
                before = entry.view

    def _recycle(self) -> None:
        """Let go of widgets far out of view."""
        top, bottom = self._range()
        reach = self.viewport().height()
        for entry in self._entries:
            far = entry.y > bottom + reach or entry.y + entry.height < top - reach
            if (
                entry.view is not None
                and far
                and entry.turn.id not in self._running
                and not entry.view.busy_with_person
            ):
                self._let_go(entry)

    @staticmethod
    def _let_go(entry: Entry) -> None:
        if entry.view is not None:
            entry.view.hide()
            entry.view.deleteLater()
            entry.view = None

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_button()
        self.refresh()

    def _place_button(self) -> None:
        size = self._latest.sizeHint()
        self._latest.setGeometry(
            (self.width() - size.width()) // 2, self.height() - size.height() - SPACE_S, size.width(), size.height()
        )
        self._latest.raise_()

    def _restyle(self) -> None:
        self.kit.renew()
        for entry in self._entries:
            if entry.view is not None:
                entry.view.restyle()
        self.refresh()

    # Messages' wishes

    def _on_wanted(self, what: str, turn_id: str) -> None:
        if what in ("up", "down"):
            here = next((at for at, entry in enumerate(self._entries) if entry.turn.id == turn_id), 0)
            self._go_to(min(max(here + (1 if what == "down" else -1), 0), len(self._entries) - 1))
        else:
            self.wanted.emit(what, turn_id)

    def _on_dragged(self, y: int) -> None:
        """Scroll while a selection is drawn over the edge."""
        top, bottom = self._range()
        bar = self.verticalScrollBar()
        if y < top:
            bar.setValue(bar.value() - min(40, top - y))
        elif y > bottom:
            bar.setValue(bar.value() + min(40, y - bottom))
