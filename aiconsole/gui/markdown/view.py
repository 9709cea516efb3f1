"""A widget that shows one text as Markdown, while it streams and after, and lets one select, copy and follow links.

It is as tall as its text. Who owns it says which part is looked at (``realise``), and only there documents are made; what is
elsewhere has an estimated height. So the owner asks again whenever a height has changed.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import partial

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
from PySide6.QtWidgets import QToolButton, QWidget

from ..icons import Icons
from ..theme import SPACE_M, SPACE_S, SPACE_XS, Theme
from .blocks import Block, Fence, Splitter
from .highlight import Highlighter
from .render import Renderer
from .segments import CODE_HEAD_PX, END, Anchor, CodeSegment, PlainSegment, RuleSegment, Segment, TableSegment
from .style import Style

Place = tuple[int, int]
"""A segment's number and a position in its text."""
_KEPT_MADE = 160
_LINES_A_PLAIN = 30


class MarkdownView(QWidget):
    """Signals: ``link_wanted(href, text, global place)``; ``copied(what)``; ``dragged(y)`` while a selection is drawn;
    ``stale()`` where heights may have changed without the owner's doing."""

    link_wanted = Signal(str, str, QPoint)
    copied = Signal(str)
    dragged = Signal(int)
    stale = Signal()

    def __init__(
        self, theme: Theme, icons: Icons, style: Style, highlighter: Highlighter, *, plain: bool = False
    ) -> None:
        super().__init__()
        self._theme, self._icons, self._highlighter, self._plain = theme, icons, highlighter, plain
        self._renderer = Renderer(style)
        self._splitter = Splitter()
        self._pieces: list[str] = []
        self._segments: list[Segment] = []
        self._ys: list[int] = []
        self._frozen = 0
        self._width = 0
        self._height = 0
        self._start: Place | None = None
        self._end: Place | None = None
        self._unit: tuple[Place, Place] | None = None
        self._link: tuple[int, Anchor] | None = None
        self._buttons: dict[int, QToolButton] = {}
        self._seen = (0, 0)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setCursor(Qt.CursorShape.IBeamCursor)
        highlighter.ready.connect(self._on_colors)

    # Text

    @property
    def text(self) -> str:
        """All of the source so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def set_text(self, text: str) -> None:
        """Show a whole text."""
        self._splitter, self._segments, self._frozen, self._pieces = Splitter(), [], 0, []
        self._ys = []
        self._renderer.env.clear()
        self.select_nothing()
        self.append(text)
        self.finish()

    def append(self, text: str) -> None:
        """Go on with ``text``."""
        self._pieces.append(text)
        if self._plain:
            self._set_plain()
        else:
            self._splitter.feed(text)
            self._sync()

    def finish(self) -> None:
        """Nothing more will come."""
        if not self._plain:
            self._splitter.finish()
            self._sync()
            for segment in self._segments[-1:]:
                if isinstance(segment, CodeSegment):
                    segment.color()

    def use_style(self, style: Style) -> None:
        """Take another look, as the theme has changed."""
        self._renderer.style = style
        for segment in self._segments:
            segment.redraw()
        self.stale.emit()
        self.update()

    def _set_plain(self) -> None:
        lines = self.text.rstrip("\n").split("\n")
        self._segments = []
        for at in range(0, len(lines), _LINES_A_PLAIN):
            block = Block("paragraph", joined=at > 0)
            for line in lines[at : at + _LINES_A_PLAIN]:
                block.add(line)
            self._segments.append(PlainSegment(block, self._renderer))
        self._frozen = len(self._segments)
        self._reflow(0)

    def _sync(self) -> None:
        """Let the segments be those of the blocks there are now."""
        base = self._frozen
        blocks = self._splitter.blocks
        fresh = blocks[base:]
        wanted = [*fresh, *self._splitter.tail()]
        for at, block in enumerate(wanted, base):
            if at < len(self._segments) and self._segments[at].accepts(block):
                self._segments[at].update(block)
            elif at < len(self._segments):
                self._segments[at] = self._segment(block, at)
            else:
                self._segments.append(self._segment(block, at))
        del self._segments[base + len(wanted) :]
        self._frozen = len(blocks)
        self._mark_last(max(0, base - 1))
        if any(block.kind == "paragraph" and "]:" in block.source for block in fresh):
            self._define(fresh)
        self._reflow(max(0, base - 1))

    def _segment(self, block: Block, at: int) -> Segment:
        if block.kind == "code":
            made: Segment = CodeSegment(block, self._renderer, self._highlighter)
        elif block.kind == "table":
            before = self._segments[at - 1] if at and block.joined else None
            widths = before.columns if isinstance(before, TableSegment) else None
            made = TableSegment(block, self._renderer, widths)
        elif block.kind == "rule":
            made = RuleSegment(block, self._renderer)
        else:
            made = Segment(block, self._renderer)
        if self._width:
            made.set_width(self._width)
        return made

    def _mark_last(self, start: int) -> None:
        """Say of each piece of code whether its fence goes on in the next one."""
        for at in range(start, len(self._segments)):
            segment = self._segments[at]
            if isinstance(segment, CodeSegment):
                after = self._segments[at + 1].block if at + 1 < len(self._segments) else None
                last = after is None or after.fence is not segment.block.fence
                if last != segment.last:
                    segment.last = last
                    segment.exact = False

    def _define(self, fresh: list[Block]) -> None:
        if sum(self._renderer.define(block) for block in fresh if block.kind == "paragraph"):
            for segment in self._segments:
                if segment.block.kind != "code" and "]" in segment.block.source:
                    segment.redraw()

    # Geometry

    @property
    def content_height(self) -> int:
        """Its height in px at the present width, in part estimated."""
        return self._height

    def set_content_width(self, width: int) -> None:
        """Be so wide; heights are estimates again where nothing is made."""
        if width == self._width:
            return
        self._width = width
        for segment in self._segments:
            segment.set_width(width)
        self._reflow(0)

    def realise(self, top: int, bottom: int) -> bool:
        """Make what stands between two heights; True where that changed any height."""
        if not self._segments or not self._width:
            return False
        first = max(0, bisect_right(self._ys, top) - 1)
        changed, at = -1, first
        y = self._ys[first]
        while at < len(self._segments) and y <= bottom:
            segment = self._segments[at]
            if segment.ensure() and changed < 0:
                changed = at
            y = (self._ys[at] if changed < 0 else y) + segment.height + self._gap(at + 1)
            at += 1
        self._seen = (first, at)
        linked = any(segment.may_link for segment in self._segments[first:at])
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if linked else Qt.FocusPolicy.ClickFocus)
        self._let_go(first, at)
        if changed >= 0:
            self._reflow(changed)
        self._place_buttons(first, at)
        return changed >= 0

    def anchor(self, y: int) -> tuple[int, int]:
        """What stands at a height: a segment's number and how far into it; find it again with `place`."""
        if not self._ys:
            return (0, y)
        at = max(0, bisect_right(self._ys, y) - 1)
        return (at, y - self._ys[at])

    def place(self, anchor: tuple[int, int]) -> int:
        """Where an anchor is now."""
        at, offset = anchor
        return self._ys[at] + min(offset, self._segments[at].height) if at < len(self._ys) else offset

    def sizeHint(self) -> QSize:
        return QSize(self._width, self._height)

    def _gap(self, at: int) -> int:
        """The room above a segment."""
        if at == 0 or at >= len(self._segments):
            return 0
        block, before = self._segments[at].block, self._segments[at - 1].block
        if block.joined:
            return 0
        if block.kind == "heading":
            return SPACE_M + SPACE_XS
        if block.kind == "item" and before.kind == "item":
            return SPACE_XS if block.tight else SPACE_S
        if before.kind == "heading":
            return SPACE_S
        return SPACE_S if block.kind == "item" and block.tight else SPACE_M

    def _reflow(self, start: int) -> None:
        ys, segments = self._ys, self._segments
        del ys[start:]
        y = ys[-1] + segments[start - 1].height if start and ys else 0
        for at in range(start, len(segments)):
            y += self._gap(at)
            ys.append(y)
            segments[at].y = y
            y += segments[at].height
        self._height = y
        for at, button in self._buttons.items():
            if at < len(segments):
                button.move(button.x(), segments[at].y + (CODE_HEAD_PX - button.height()) // 2)
        self.update()

    def _let_go(self, first: int, last: int) -> None:
        """Drop documents far from what is looked at, once there are many."""
        made = (
            [at for at, segment in enumerate(self._segments) if segment.made]
            if len(self._segments) > _KEPT_MADE
            else []
        )
        if len(made) > _KEPT_MADE:
            for at in made:
                if not first - 40 <= at <= last + 40:
                    self._segments[at].drop()

    # Code

    def _place_buttons(self, first: int, last: int) -> None:
        wanted = {
            at
            for at in range(first, last)
            if isinstance(self._segments[at], CodeSegment)
            and not self._segments[at].block.joined
            and (fence := self._segments[at].block.fence) is not None
            and fence.closed
        }
        for at in [at for at in self._buttons if at not in wanted]:
            button = self._buttons[at]
            if not button.hasFocus() or at >= len(self._segments):
                self._buttons.pop(at).deleteLater()
                button.hide()
        for at in wanted - self._buttons.keys():
            self._buttons[at] = self._copy_button(self._segments[at])
        for at, button in self._buttons.items():
            size = button.sizeHint()
            y = self._segments[at].y + (CODE_HEAD_PX - size.height()) // 2
            button.setGeometry(self._width - size.width() - SPACE_XS, y, size.width(), size.height())

    def _copy_button(self, segment: Segment) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(self._icons.icon("copy"))
        button.setIconSize(QSize(14, 14))
        button.setText("Copy")
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setCursor(Qt.CursorShape.ArrowCursor)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        label = segment.label if isinstance(segment, CodeSegment) else "code"
        button.setAccessibleName(f"Copy the {label}" if label == "code" else f"Copy the {label} code")
        fence = segment.block.fence
        assert fence is not None
        button.clicked.connect(partial(self._copy_code, fence, button))
        button.show()
        return button

    def _copy_code(self, fence: Fence, button: QToolButton) -> None:
        QGuiApplication.clipboard().setText(fence.text)
        button.setText("Copied")
        self.copied.emit("code")

    def _on_colors(self, fence: Fence) -> None:
        for segment in self._segments:
            if isinstance(segment, CodeSegment) and segment.block.fence is fence:
                segment.color()
        self.update()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._segments:
            return
        painter = QPainter(self)
        area = QRectF(event.rect())
        at = max(0, bisect_right(self._ys, int(area.top())) - 1)
        low, high = self._ordered()
        while at < len(self._segments) and self._ys[at] <= area.bottom():
            segment = self._segments[at]
            painter.save()
            painter.translate(0, self._ys[at])
            segment.paint(painter, area.translated(0, -self._ys[at]), self._selected(at, low, high))
            painter.restore()
            at += 1
        if self._link is not None and self.hasFocus():
            self._paint_link_focus(painter)

    def _paint_link_focus(self, painter: QPainter) -> None:
        assert self._link is not None
        at, anchor = self._link
        if at < len(self._segments) and self._segments[at].made:
            line = self._segments[at].place_of(anchor.start)
            painter.setPen(QPen(self._theme.color("accent"), 2))
            painter.drawRoundedRect(line.translated(0, self._ys[at]).adjusted(-1, 1, -1, -1), 4, 4)

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
        for at in range(low[0], min(high[0] + 1, len(self._segments))):
            span = self._selected(at, low, high)
            if span is None:
                continue
            gap = "\n" if self._segments[at].block.joined or self._segments[at].block.tight else "\n\n"
            text += (gap if text else "") + self._segments[at].text(*span)
        return text

    def select_all(self) -> None:
        if self._segments:
            self._start, self._end = (0, 0), (len(self._segments) - 1, END)
            self.update()

    def select_nothing(self) -> None:
        self._start = self._end = self._unit = None
        self.update()

    def copy(self) -> None:
        """Copy what is selected, or where nothing is, the source of all."""
        QGuiApplication.clipboard().setText(self.selected_text or self.text)
        self.copied.emit("selection" if self.selected_text else "text")

    def places_of(self, words: str) -> list[tuple[int, int, int]]:
        """Places of ``words``: segment, start, end. Cheap where a segment's source has none."""
        folded = words.casefold()
        return [
            (at, start, end)
            for at, segment in enumerate(self._segments)
            if folded in segment.block.source.casefold()
            for start, end in segment.find(words)
        ]

    def show_found(self, found: tuple[int, int, int]) -> QRectF:
        """Select what was found and say where it is."""
        at, start, end = found
        self._start, self._end = (at, start), (at, end)
        self.update()
        return self._segments[at].place_of(start).translated(0, self._ys[at])

    def _place_at(self, point: QPointF) -> Place:
        if not self._segments:
            return (0, 0)
        at = max(0, bisect_right(self._ys, int(point.y())) - 1)
        segment = self._segments[at]
        segment.ensure()
        return (at, segment.position_at(point - QPointF(0, self._ys[at])))

    def _anchor_at(self, point: QPointF) -> Anchor | None:
        if not self._segments:
            return None
        at = max(0, bisect_right(self._ys, int(point.y())) - 1)
        return self._segments[at].anchor_at(point - QPointF(0, self._ys[at]))

    # Mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or not self._segments:
            super().mousePressEvent(event)
            return
        place = self._place_at(event.position())
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self._start is not None:
            self._end = place
        elif (
            self._unit is not None and self._unit[0][0] == place[0] and self._unit[0][1] <= place[1] <= self._unit[1][1]
        ):
            self._take(place[0], self._segments[place[0]].paragraph_at(place[1]))  # the third click
        else:
            self._start = self._end = place
        self._unit = None
        self._link = None
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._segments:
            at, position = self._place_at(event.position())
            self._take(at, self._segments[at].word_at(position))
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
            spot = self._segments[at].place_of(anchor.start).bottomLeft() + QPointF(SPACE_S, self._ys[at])
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
        links = [
            (at, anchor)
            for at in range(self._seen[0], min(self._seen[1], len(self._segments)))
            for anchor in self._segments[at].anchors()
        ]
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
