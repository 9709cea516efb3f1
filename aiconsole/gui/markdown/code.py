"""Code from a fence: on a ground of its own, with its language, coloured once the fence is closed."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QTextBlockFormat, QTextCursor

from ..theme import RADIUS, SPACE_L, SPACE_M, SPACE_S
from .blocks import Block
from .highlight import Highlighter, formats
from .render import Inert, Renderer
from .safe import visible
from .segments import Segment
from .style import CODE_LINE_HEIGHT

CODE_HEAD_PX = 30
_LINE_PX, _LETTER_PX = 19, 8.0


class CodeSegment(Segment):
    """Some lines of a fence, on a ground of their own; ``last`` where the fence ends with them."""

    def __init__(self, block: Block, renderer: Renderer, highlighter: Highlighter) -> None:
        super().__init__(block, renderer)
        self._highlighter = highlighter
        self._shown: list[str] = []
        self.last = True

    @property
    def inset(self) -> tuple[int, int]:
        return (self.x + SPACE_M, 0 if self.block.joined else CODE_HEAD_PX)

    def accepts(self, block: Block) -> bool:
        return block.fence is self.block.fence and block.first == self.block.first

    def update(self, block: Block) -> None:
        self.block = block
        if self._document is None:
            self.exact = False
        elif block.lines != self._shown:
            self._append(self._document, block.lines)
            self._lay_out()
            self.touched = True
        if block.fence is not None and block.fence.closed:
            self.color()

    def estimate(self) -> int:
        letters = max(8.0, (self.width - self.x - 2 * SPACE_M) / _LETTER_PX)
        rows = sum(max(1, math.ceil(len(line) / letters)) for line in self.block.lines) or 1
        return rows * _LINE_PX + self.inset[1] + (SPACE_S if self.last else 0)

    def drop(self) -> None:
        super().drop()
        self._shown = []

    def redraw(self) -> None:
        self.drop()

    def color(self) -> None:
        """Put the colours on that the highlighter has found, or ask it."""
        fence, document = self.block.fence, self._document
        if fence is None or document is None or not fence.closed:
            return
        spans = self._highlighter.spans(fence)
        if spans is None:
            self._highlighter.ask(fence)
            return
        block, theme = document.begin(), self._renderer.style.theme
        for line in spans[self.block.first : self.block.first + len(self.block.lines)]:
            if not block.isValid():
                break
            block.layout().setFormats(formats(line, theme))
            block = block.next()
        document.markContentsDirty(0, document.characterCount())

    def paint(self, painter: QPainter, clip: QRectF, selected: tuple[int, int] | None) -> None:
        style = self._renderer.style
        box = QRectF(self.x + 0.5, 0.5, self.width - self.x - 1, self.height - 1)
        if self.block.joined:
            box.setTop(-2 * SPACE_L)
        if not self.last:
            box.setBottom(self.height + 2 * SPACE_L)
        painter.save()
        painter.setClipRect(QRectF(0, 0, self.width, self.height), Qt.ClipOperation.IntersectClip)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(style.color("line"), 1))
        painter.setBrush(style.color("bg"))
        painter.drawRoundedRect(box, RADIUS, RADIUS)
        if not self.block.joined:
            painter.setFont(style.caption_font)
            painter.setPen(style.color("muted"))
            area = QRectF(self.x + SPACE_M, 0, self.width - self.x - 120, CODE_HEAD_PX)
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.label)
        painter.restore()
        super().paint(painter, clip, selected)

    @property
    def label(self) -> str:
        """What the code is, in a word."""
        language = self.block.fence.language if self.block.fence is not None else ""
        return visible(language)[:40] or "code"

    def _make(self) -> Inert:
        document = self._renderer.blank(code=True)
        cursor = QTextCursor(document)
        cursor.setBlockFormat(self._format())
        self._shown = []
        self._append(document, self.block.lines)
        return document

    def ensure(self) -> bool:
        fresh = self._document is None
        changed = super().ensure()
        if fresh:
            self.color()
        return changed

    def _append(self, document: Inert, lines: list[str]) -> None:
        """Change the document from the lines it shows to ``lines``, which go on where those end."""
        kept = max(0, len(self._shown) - 1)
        if self._shown[:kept] != lines[:kept]:
            document.clear()
            self._shown, kept = [], 0
        cursor = QTextCursor(document)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        char = self._renderer.style.listing
        if self._shown:
            cursor.movePosition(QTextCursor.MoveOperation.StartOfBlock, QTextCursor.MoveMode.KeepAnchor)
            last, new = self._shown[-1], lines[kept] if kept < len(lines) else ""
            if new.startswith(last):
                cursor.movePosition(QTextCursor.MoveOperation.End)
                cursor.insertText(visible(new[len(last) :]), char)
            else:
                cursor.insertText(visible(new), char)
            rest = lines[kept + 1 :]
            text = "".join(f"\n{visible(line)}" for line in rest)
        else:
            text = "\n".join(visible(line) for line in lines)
        cursor.insertText(text, char)
        self._shown = list(lines)

    def _format(self) -> QTextBlockFormat:
        made = QTextBlockFormat()
        made.setLineHeight(CODE_LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        return made

    def _lay_out(self) -> None:
        document = self._document
        assert document is not None
        document.setTextWidth(max(40, self.width - self.x - 2 * SPACE_M))
        self.height = math.ceil(document.size().height()) + self.inset[1] + (SPACE_S if self.last else 0)
        self.exact = True
