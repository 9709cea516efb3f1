"""Tables: the columns get the room their text wants, as far as there is any, the same in all parts of a cut table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markdown_it.token import Token
from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QFontMetrics,
    QTextBlockFormat,
    QTextCursor,
    QTextFormat,
    QTextFrameFormat,
    QTextLength,
    QTextTableCellFormat,
    QTextTableFormat,
)

from ..theme import SPACE_S

if TYPE_CHECKING:
    from .render import Inert, Renderer

Rows = list[list[tuple[Token, Qt.AlignmentFlag]]]

_PADDING_Y = 5
_NARROWEST = 48
_MOST_CELLS = 2000


def build_table(
    document: Inert, tokens: list[Token], renderer: Renderer, widths: Sequence[int], *, headless: bool
) -> None:
    """Put the table of ``tokens`` into ``document``; ``headless`` leaves its head out, as it stands in an earlier part."""
    rows = table_rows(tokens)
    columns = len(rows[0])
    shown = rows[1:] if headless and len(rows) > 1 else rows
    shown = shown[: _MOST_CELLS // max(1, columns)]
    cursor = QTextCursor(document)
    table = cursor.insertTable(len(shown), columns, _format(renderer, widths))
    style = renderer.style
    block = QTextBlockFormat()
    block.setLineHeight(120, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
    for at, row in enumerate(shown):
        head = at == 0 and not headless
        for column, (token, align) in enumerate(row):
            cell = table.cellAt(at, column)
            format_ = QTextTableCellFormat()
            format_.setTopPadding(_PADDING_Y)
            format_.setBottomPadding(_PADDING_Y)
            format_.setLeftPadding(SPACE_S)
            format_.setRightPadding(SPACE_S)
            if head:
                format_.setBackground(style.color("bg"))
            cell.setFormat(format_)
            at_cell = cell.firstCursorPosition()
            block.setAlignment(align)
            at_cell.setBlockFormat(block)
            renderer.insert_inline(at_cell, token.children or [], strong=head)
    _hide_edges(document)


def column_widths(rows: Rows, renderer: Renderer, width: int) -> tuple[int, ...]:
    """Each column's width in px: what its longest cell wants where all fit into ``width``, else shares of it."""
    metrics = QFontMetrics(renderer.style.char(strong=True).font())
    extra = 2 * SPACE_S + 4
    wanted = [
        max(_NARROWEST, *(min(metrics.horizontalAdvance(row[at][0].content[:120]), 2 * width) + extra for row in rows))
        for at in range(len(rows[0]))
    ]
    room = max(width - len(wanted) - 1, _NARROWEST * len(wanted))
    if sum(wanted) <= room:
        return tuple(wanted)
    given = [0] * len(wanted)
    left, waiting = room, sorted(range(len(wanted)), key=wanted.__getitem__)
    for place, at in enumerate(waiting):
        given[at] = min(wanted[at], max(_NARROWEST, left // (len(waiting) - place)))
        left -= given[at]
    return tuple(given)


def table_rows(tokens: list[Token]) -> Rows:
    """The cells of a table's tokens, row by row, each an inline token and where it is aligned."""
    rows: Rows = []
    align = Qt.AlignmentFlag.AlignLeft
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            style = str(token.attrs.get("style", ""))
            align = (
                Qt.AlignmentFlag.AlignRight
                if "right" in style
                else Qt.AlignmentFlag.AlignHCenter
                if "center" in style
                else Qt.AlignmentFlag.AlignLeft
            )
        elif token.type == "inline":
            rows[-1].append((token, align))
    return rows


def _format(renderer: Renderer, widths: Sequence[int]) -> QTextTableFormat:
    made = QTextTableFormat()
    made.setBorderCollapse(True)
    made.setBorder(1)
    made.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
    made.setBorderBrush(renderer.style.color("line"))
    made.setCellSpacing(0)
    made.setCellPadding(0)
    made.setMargin(0)
    made.setColumnWidthConstraints([QTextLength(QTextLength.Type.FixedLength, width) for width in widths])
    return made


def _hide_edges(document: Inert) -> None:
    """A table stands between two empty blocks that Qt insists on; give them no height."""
    flat = QTextBlockFormat()
    flat.setLineHeight(1, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
    for block in (document.begin(), document.lastBlock()):
        cursor = QTextCursor(block)
        if cursor.currentTable() is None:
            cursor.setBlockFormat(flat)
            format_ = cursor.blockCharFormat()
            format_.setProperty(QTextFormat.Property.FontPixelSize, 1)
            cursor.setBlockCharFormat(format_)
