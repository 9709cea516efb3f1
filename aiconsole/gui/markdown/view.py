"""A widget that shows one text as Markdown, while it streams and after, and lets one select, copy and follow links.

It is as tall as its text. Who owns it says which part is looked at (``realise``), and only there documents are made; what is
elsewhere has an estimated height. So the owner asks again whenever a height has changed.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QWidget

from ..icons import Icons
from ..theme import SPACE_S, Theme
from .blocks import Fence
from .code import CodeSegment
from .column import Column
from .copying import CopyButtons
from .highlight import Highlighter
from .segments import END, Anchor
from .style import Style

Place = tuple[int, int]
"""A segment's number and a position in its text."""


class MarkdownView(QWidget):
    """Signals: ``link_wanted(href, text, global place)``; ``dragged(y)`` while a selection is drawn; ``stale()`` where heights
    may have changed without the owner's doing."""

    link_wanted = Signal(str, str, QPoint)
    dragged = Signal(int)
    stale = Signal()

    def __init__(
        self, theme: Theme, icons: Icons, style: Style, highlighter: Highlighter, *, plain: bool = False
    ) -> None:
        super().__init__()
        self._theme = theme
        self._column = Column(style, highlighter, plain=plain)
        self._copying = CopyButtons(self, icons, self._column)
        self._start: Place | None = None
        self._end: Place | None = None
        self._unit: tuple[Place, Place] | None = None
        self._link: tuple[int, Anchor] | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setCursor(Qt.CursorShape.IBeamCursor)
        highlighter.ready.connect(self._on_colors)

    # Text

    @property
    def text(self) -> str:
        """All of the source so far."""
        return self._column.text

    def set_text(self, text: str) -> None:
        """Show a whole text."""
        self.select_nothing()
        self._column.set_text(text)
        self.update()

    def append(self, text: str) -> None:
        """Go on with ``text``."""
        self._column.append(text)

    def finish(self) -> None:
        """Nothing more will come."""
        self._column.finish()
        self.update()

    def use_style(self, style: Style) -> None:
        """Take another look, as the theme has changed."""
        self._column.use_style(style)
        self.stale.emit()
        self.update()

    def _on_colors(self, fence: Fence) -> None:
        mine = [segment for segment in self._column.segments if segment.block.fence is fence]
        for segment in mine:
            if isinstance(segment, CodeSegment):
                segment.color()
        if mine:
            self.update()

    # Geometry

    @property
    def content_height(self) -> int:
        """Its height in px at the present width, in part estimated."""
        return self._column.height

    def set_content_width(self, width: int) -> None:
        """Be so wide; heights are estimates again where nothing is made."""
        self._column.set_width(width)

    def realise(self, top: int, bottom: int) -> bool:
        """Make what stands between two heights; True where that changed any height. `settle` then shows it."""
        return self._column.realise(top, bottom)

    def settle(self) -> None:
        """Show what `realise` made, once everything stands in its place."""
        column = self._column
        if not column.segments:
            return
        linked = any(column.segments[at].may_link for at in column.in_view())
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if linked else Qt.FocusPolicy.ClickFocus)
        self._copying.place()
        touched = column.take_touched()
        if touched is not None:
            self.update(0, touched, column.width, max(1, column.height - touched))

    def anchor(self, y: int, limit: int) -> tuple[int, int] | None:
        """What stands between two heights, to be found again with `place`; None where nothing is known for certain."""
        return self._column.anchor(y, limit)

    def place(self, anchor: tuple[int, int]) -> int:
        """Where an anchor is now."""
        return self._column.place(anchor)

    def sizeHint(self) -> QSize:
        return QSize(self._column.width, self._column.height)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._column.segments:
            return
        painter = QPainter(self)
        area = QRectF(event.rect())
        at = self._column.at(area.top())
        low, high = self._ordered()
        while at < len(self._column.segments) and self._column.ys[at] <= area.bottom():
            segment = self._column.segments[at]
            painter.save()
            painter.translate(0, self._column.ys[at])
            segment.paint(painter, area.translated(0, -self._column.ys[at]), self._selected(at, low, high))
            painter.restore()
            at += 1
        if self._link is not None and self.hasFocus():
            self._paint_link_focus(painter)

    def _paint_link_focus(self, painter: QPainter) -> None:
        assert self._link is not None
        at, anchor = self._link
        if at < len(self._column.segments) and self._column.segments[at].made:
            line = self._column.segments[at].place_of(anchor.start)
            painter.setPen(QPen(self._theme.color("accent"), 2))
            painter.drawRoundedRect(line.translated(0, self._column.ys[at]).adjusted(-1, 1, -1, -1), 4, 4)

    def _selected(self, at: int, low: Place | None, high: Place | None) -> tuple[int, int] | None:
        if low is None or high is None or not low[0] <= at <= high[0] or low == high:
            return None
        start = low[1] if at == low[0] else 0
        end = high[1] if at == high[0] else END
        return (start, end) if start < end else None

    # Selection

    def _ordered(self) -> tuple[Place | None, Place | None]:
        if self._start is None or self._end is None:
            return (None, None)
        return (min(self._start, self._end), max(self._start, self._end))

    @property
    def has_selection(self) -> bool:
        return self._start is not None and self._start != self._end

    @property
    def selected_text(self) -> str:
        """What is selected, as plain text; code as it is, hidden signs shown."""
        low, high = self._ordered()
        if low is None or high is None or low == high:
            return ""
        text = ""
        for at in range(low[0], min(high[0] + 1, len(self._column.segments))):
            span = self._selected(at, low, high)
            if span is None:
                continue
            gap = "\n" if self._column.segments[at].block.joined or self._column.segments[at].block.tight else "\n\n"
            text += (gap if text else "") + self._column.segments[at].text(*span)
        return text

    def select_all(self) -> None:
        if self._column.segments:
            self._start, self._end = (0, 0), (len(self._column.segments) - 1, END)
            self.update()

    def select_nothing(self) -> None:
        self._start = self._end = self._unit = None
        self.update()

    def copy(self) -> None:
        """Copy what is selected, or where nothing is, the source of all."""
        QGuiApplication.clipboard().setText(self.selected_text or self.text)

    def places_of(self, words: str) -> list[tuple[int, int, int]]:
        """Places of ``words``: segment, start, end. Cheap where a segment's source has none."""
        folded = words.casefold()
        return [
            (at, start, end)
            for at, segment in enumerate(self._column.segments)
            if folded in segment.block.source.casefold()
            for start, end in segment.find(words)
        ]

    def show_found(self, found: tuple[int, int, int]) -> QRectF:
        """Select what was found and say where it is."""
        at, start, end = found
        self._start, self._end = (at, start), (at, end)
        self.update()
        return self._column.segments[at].place_of(start).translated(0, self._column.ys[at])

    def _place_at(self, point: QPointF) -> Place:
        if not self._column.segments:
            return (0, 0)
        at = self._column.at(point.y())
        segment = self._column.segments[at]
        segment.ensure()
        return (at, segment.position_at(point - QPointF(0, self._column.ys[at])))

    def _anchor_at(self, point: QPointF) -> Anchor | None:
        if not self._column.segments:
            return None
        at = self._column.at(point.y())
        return self._column.segments[at].anchor_at(point - QPointF(0, self._column.ys[at]))

    # Mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or not self._column.segments:
            super().mousePressEvent(event)
            return
        place = self._place_at(event.position())
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self._start is not None:
            self._end = place
        elif (
            self._unit is not None and self._unit[0][0] == place[0] and self._unit[0][1] <= place[1] <= self._unit[1][1]
        ):
            self._take(place[0], self._column.segments[place[0]].paragraph_at(place[1]))  # the third click
        else:
            self._start = self._end = place
        self._unit = None
        self._link = None
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._column.segments:
            at, position = self._place_at(event.position())
            self._take(at, self._column.segments[at].word_at(position))
            self._unit = self._start and self._end and (self._start, self._end)
            self.update()

    def _take(self, at: int, span: tuple[int, int]) -> None:
        self._start, self._end = (at, span[0]), (at, span[1])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton and self._start is not None:
            if self._unit is None:
                self._end = self._place_at(event.position())
                self.dragged.emit(round(event.position().y()))
                self.update()
            return
        over = self._anchor_at(event.position()) is not None
        self.setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.IBeamCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._start == self._end:
            anchor = self._anchor_at(event.position())
            if anchor is not None:
                self.link_wanted.emit(anchor.href, anchor.text, event.globalPosition().toPoint())
        clipboard = QGuiApplication.clipboard()
        if clipboard.supportsSelection() and self.selected_text:
            clipboard.setText(self.selected_text, clipboard.Mode.Selection)

    # Keyboard

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self.select_all()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._link is not None:
            at, anchor = self._link
            spot = self._column.segments[at].place_of(anchor.start).bottomLeft() + QPointF(SPACE_S, self._column.ys[at])
            self.link_wanted.emit(anchor.href, anchor.text, self.mapToGlobal(spot.toPoint()))
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            keys = QKeySequence.StandardKey
            if event.matches(keys.Copy) or event.matches(keys.SelectAll):
                event.accept()
        return super().event(event)

    def focus_link(self, forward: bool) -> bool:
        """Go to the next link that is in view; False where there is none left."""
        links = [(at, anchor) for at in self._column.in_view() for anchor in self._column.segments[at].anchors()]
        keys = [(at, anchor.start) for at, anchor in links]
        if self._link is None:
            here = -1 if forward else len(links)
        else:
            key = (self._link[0], self._link[1].start)
            here = keys.index(key) if key in keys else (-1 if forward else len(links))
        here += 1 if forward else -1
        found = 0 <= here < len(links)
        self._link = links[here] if found else None
        self.update()
        return found

    def focusNextPrevChild(self, forward: bool) -> bool:
        return (self.hasFocus() and self.focus_link(forward)) or super().focusNextPrevChild(forward)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        tabbed = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        if event.reason() in tabbed and self._link is None:
            self.focus_link(event.reason() == tabbed[0])

    def focusOutEvent(self, event: QFocusEvent) -> None:
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self._link = None
        super().focusOutEvent(event)
        self.update()
