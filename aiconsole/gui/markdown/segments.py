"""What a message is painted from: one segment a block, which makes its document only while it is looked at.

Heights are in px and whole. Until a segment was made once at the present width its height is an estimate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QPainter,
    QPalette,
    QTextBlock,
    QTextBlockFormat,
    QTextCursor,
    QTextFragment,
    QTextListFormat,
)

from ..theme import SPACE_S
from .blocks import Block
from .render import Inert, Renderer
from .style import INDENT_PX, QUOTE_LEVEL

_LINE_PX, _LETTER_PX = 21, 6.6
END = 1 << 30


class Anchor(NamedTuple):
    """A link in a segment: where its text stands and where it leads."""

    start: int
    end: int
    href: str
    text: str


class Segment:
    """One block in a message of some width. ``y`` is where it is; set by who owns it. ``touched`` until it was painted as it
    is now."""

    def __init__(self, block: Block, renderer: Renderer) -> None:
        self.block = block
        self.y = 0
        self.width = 0
        self.height = 0
        self.exact = False
        self.touched = False
        self._renderer = renderer
        self._document: Inert | None = None

    @property
    def made(self) -> bool:
        return self._document is not None

    @property
    def may_link(self) -> bool:
        """False where there is no link in it for certain."""
        return self.block.kind != "code" and any(
            "](" in line or "://" in line or "][" in line for line in self.block.lines
        )

    @property
    def x(self) -> int:
        """How far its block is indented, in px."""
        return INDENT_PX * round(self.block.indent / 2.6) if self.block.indent else 0

    @property
    def inset(self) -> tuple[int, int]:
        """Where the document begins inside the segment, (x, y) in px."""
        return (self.x, 0)

    def accepts(self, block: Block) -> bool:
        """Whether `update` can take ``block`` as what this one has become."""
        return block.kind == self.block.kind and block.kind != "code"

    def update(self, block: Block) -> None:
        """Show a later state of the same block."""
        same = block.lines == self.block.lines and block.number == self.block.number
        self.block = block
        if not same:
            self._document = None
            self.exact = False

    def set_width(self, width: int) -> None:
        """Have another width; the height is an estimate again."""
        if width != self.width:
            self.width = width
            self.exact = False
            self.height = self.estimate()
            if self._document is not None:
                self._lay_out()

    def estimate(self) -> int:
        letters = max(8.0, (self.width - self.x) / _LETTER_PX)
        rows = sum(max(1, math.ceil(len(line) / letters)) for line in self.block.lines)
        return max(_LINE_PX, (rows if self.block.kind in ("item", "quote", "table") else max(1, rows)) * _LINE_PX)

    def ensure(self) -> bool:
        """Make the document; True where that changed the height."""
        if self._document is not None and self.exact:
            return False
        before = self.height
        self.touched = True
        if self._document is None:
            self._document = self._make()
        self._lay_out()
        return self.height != before

    def drop(self) -> None:
        """Let go of the document; the height stays."""
        self._document = None

    def redraw(self) -> None:
        """Make it anew when next looked at, as the theme or what links mean has changed."""
        self._document = None

    def paint(self, painter: QPainter, clip: QRectF, selected: tuple[int, int] | None) -> None:
        """Paint at the origin; ``clip`` in the segment's coordinates; ``selected`` as positions in its text."""
        document = self._document
        if document is None:
            return
        x, y = self.inset
        painter.save()
        painter.translate(x, y)
        clip = clip.translated(-x, -y)
        self._paint_under(painter, document)
        context = QAbstractTextDocumentLayout.PaintContext()
        context.clip = clip
        palette = QPalette()
        palette.setColor(QPalette.ColorRole.Text, self._renderer.style.color("text"))
        context.palette = palette
        if selected is not None:
            context.selections = [self._selection(document, *selected)]
        document.documentLayout().draw(painter, context)
        painter.restore()

    # Text

    @property
    def length(self) -> int:
        """Positions in its text; only known while it is made."""
        return self._document.characterCount() - 1 if self._document is not None else END

    def position_at(self, point: QPointF) -> int:
        """The position in the text nearest to a point in the segment."""
        if self._document is None:
            return 0
        at = self._document.documentLayout().hitTest(point - QPointF(*self.inset), Qt.HitTestAccuracy.FuzzyHit)
        return max(0, at)

    def anchor_at(self, point: QPointF) -> Anchor | None:
        if self._document is None:
            return None
        at = self._document.documentLayout().hitTest(point - QPointF(*self.inset), Qt.HitTestAccuracy.ExactHit)
        return next((anchor for anchor in self.anchors() if anchor.start <= at < anchor.end), None) if at >= 0 else None

    def anchors(self) -> list[Anchor]:
        """Its links, in order."""
        found: list[Anchor] = []
        block = self._document.begin() if self._document is not None else QTextBlock()
        while block.isValid():
            for fragment in _fragments(block):
                format_ = fragment.charFormat()
                if not format_.isAnchor():
                    continue
                start, end, href = fragment.position(), fragment.position() + fragment.length(), format_.anchorHref()
                if found and found[-1].end == start and found[-1].href == href:
                    last = found.pop()
                    found.append(Anchor(last.start, end, href, last.text + fragment.text()))
                else:
                    found.append(Anchor(start, end, href, fragment.text()))
            block = block.next()
        return found

    def text(self, start: int = 0, end: int = END) -> str:
        """The text between two positions as one copies it: list marks included, tables by tabs."""
        self.ensure()
        assert self._document is not None
        lines: list[str] = []
        block = self._document.findBlock(min(start, max(0, self.length)))
        in_row = -1
        while block.isValid() and block.position() <= end:
            whole = block.text()
            left, right = max(0, start - block.position()), min(len(whole), end - block.position())
            piece = whole[left:right].replace("\u2028", "\n")
            row = self._row_of(block)
            if left == 0 and block.textList() is not None and right > 0:
                piece = f"{'  ' * (block.textList().format().indent() - 1)}{_mark(block)} {piece}"
            if row >= 0 and row == in_row and lines:
                lines[-1] += f"\t{piece}"
            elif not (self.block.kind == "table" and row < 0):
                lines.append(piece)
            in_row = row
            block = block.next()
        return "\n".join(lines)

    def word_at(self, position: int) -> tuple[int, int]:
        return self._range(position, QTextCursor.SelectionType.WordUnderCursor)

    def paragraph_at(self, position: int) -> tuple[int, int]:
        return self._range(position, QTextCursor.SelectionType.BlockUnderCursor)

    def find(self, words: str) -> list[tuple[int, int]]:
        """Where ``words`` stand in its text, whatever their case."""
        self.ensure()
        assert self._document is not None
        text, words = self._document.toPlainText().casefold(), words.casefold()
        found, at = [], text.find(words)
        while at >= 0 and words:
            found.append((at, at + len(words)))
            at = text.find(words, at + len(words))
        return found

    def place_of(self, position: int) -> QRectF:
        """The line that holds a position, in the segment."""
        self.ensure()
        assert self._document is not None
        block = self._document.findBlock(min(position, max(0, self.length)))
        area = self._document.documentLayout().blockBoundingRect(block)
        line = block.layout().lineForTextPosition(position - block.position())
        top = area.top() + (line.y() if line.isValid() else 0)
        return QRectF(0, top + self.inset[1], self.width, line.height() if line.isValid() else area.height())

    def _range(self, position: int, kind: QTextCursor.SelectionType) -> tuple[int, int]:
        if self._document is None:
            return (position, position)
        cursor = QTextCursor(self._document)
        cursor.setPosition(min(position, max(0, self.length)))
        if kind == QTextCursor.SelectionType.BlockUnderCursor:
            block = cursor.block()
            return (block.position(), block.position() + block.length() - 1)
        cursor.select(kind)
        return (cursor.selectionStart(), cursor.selectionEnd())

    # Inside

    def _make(self) -> Inert:
        return self._renderer.document(self.block)

    def _lay_out(self) -> None:
        document = self._document
        assert document is not None
        document.setTextWidth(max(40, self.width - self.x))
        self.height = math.ceil(document.size().height())
        self.exact = True

    def _paint_under(self, painter: QPainter, document: Inert) -> None:
        if self.block.kind not in ("quote", "item"):
            return
        layout, block = document.documentLayout(), document.begin()
        step = INDENT_PX * 2 // 3
        while block.isValid():
            for level in range(block.blockFormat().intProperty(QUOTE_LEVEL)):
                area = layout.blockBoundingRect(block)
                left = block.blockFormat().indent() * INDENT_PX + level * step
                painter.fillRect(QRectF(left, area.top() - 4, 3, area.height() + 8), self._renderer.style.color("edge"))
            block = block.next()

    def _selection(self, document: Inert, start: int, end: int) -> QAbstractTextDocumentLayout.Selection:
        made = QAbstractTextDocumentLayout.Selection()
        cursor = QTextCursor(document)
        last = document.characterCount() - 1
        cursor.setPosition(min(start, last))
        cursor.setPosition(min(end, last), QTextCursor.MoveMode.KeepAnchor)
        format_ = made.format
        format_.setBackground(self._renderer.style.color("accent"))
        format_.setForeground(self._renderer.style.color("on_accent"))
        made.format = format_
        made.cursor = cursor
        return made

    def _row_of(self, block: QTextBlock) -> int:
        if self.block.kind != "table":
            return -1
        cursor = QTextCursor(block)
        table = cursor.currentTable()
        return table.cellAt(cursor).row() if table is not None else -1


class TableSegment(Segment):
    """Some rows of a table; ``widths`` gives the columns of the whole for a width."""

    def __init__(
        self, block: Block, renderer: Renderer, widths: Callable[[int], tuple[int, ...]] | None = None
    ) -> None:
        super().__init__(block, renderer)
        self._widths = widths

    def columns(self, width: int) -> tuple[int, ...]:
        """The columns' widths in px."""
        return self._widths(width) if self._widths else self._renderer.column_widths(self.block, width)

    def estimate(self) -> int:
        return super().estimate() + 10 * len(self.block.lines)

    def set_width(self, width: int) -> None:
        if width != self.width:
            self._document = None
        super().set_width(width)

    def _make(self) -> Inert:
        return self._renderer.document(self.block, widths=self.columns(self.width - self.x))

    def _lay_out(self) -> None:
        super()._lay_out()
        self.height = max(1, self.height - 2)


class PlainSegment(Segment):
    """Text as the person wrote it."""

    def _make(self) -> Inert:
        return self._renderer.plain(self.block.source)


class RuleSegment(Segment):
    """A line across."""

    def estimate(self) -> int:
        return 2 * SPACE_S + 1

    def _make(self) -> Inert:
        return self._renderer.blank()

    def _lay_out(self) -> None:
        self.height, self.exact = self.estimate(), True

    def text(self, start: int = 0, end: int = END) -> str:
        return "---"

    def paint(self, painter: QPainter, clip: QRectF, selected: tuple[int, int] | None) -> None:
        painter.fillRect(QRectF(self.x, SPACE_S, self.width - self.x, 1), self._renderer.style.color("line"))


def _fragments(block: QTextBlock) -> list[QTextFragment]:
    found = []
    at = block.begin()
    while not at.atEnd():
        fragment = at.fragment()
        if fragment.isValid():
            found.append(fragment)
        at += 1
    return found


def _mark(block: QTextBlock) -> str:
    marker = block.blockFormat().marker()
    if marker == QTextBlockFormat.MarkerType.Checked:
        return "[x]"
    if marker == QTextBlockFormat.MarkerType.Unchecked:
        return "[ ]"
    numbered = block.textList().format().style() == QTextListFormat.Style.ListDecimal
    return block.textList().itemText(block) if numbered else "-"
