"""One block of Markdown as a QTextDocument, from the tokens of markdown-it-py.

markdown-it-py parses CommonMark to its test suite; what becomes of a token is decided here alone, so nothing a model writes
can reach Qt's own HTML or image loading: text is inserted as text, HTML stands as it was written, an image is a link.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from PySide6.QtCore import QUrl
from PySide6.QtGui import QTextBlockFormat, QTextCharFormat, QTextCursor, QTextDocument, QTextListFormat

from .blocks import Block
from .safe import allowed, visible
from .style import INDENT_PX, Style
from .tables import build_table, column_widths, table_rows

_BARE_URL = re.compile(r"\bhttps?://[^\s<>\"'`|\\^{}\[\]]+")
_BULLETS = (QTextListFormat.Style.ListDisc, QTextListFormat.Style.ListCircle, QTextListFormat.Style.ListSquare)
_TASK = re.compile(r"\[([ xX])\][ \t]")
_DEEPEST = 12


class Inert(QTextDocument):
    """A document that loads nothing, whatever it is asked for."""

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        return None


def _parser() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "maxNesting": _DEEPEST}).enable(["table", "strikethrough"])
    made.validateLink = allowed  # type: ignore[method-assign]
    return made


class Renderer:
    """Renders blocks of one text; link definitions found on the way count for all of it (``references``)."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.env: dict[str, Any] = {}
        self._parser = _parser()

    def define(self, block: Block) -> bool:
        """Take up the link definitions of a block; True where it had new ones."""
        before = len(self.env.get("references", {}))
        self._parser.parse(block.source, self.env)
        return len(self.env.get("references", {})) > before

    def document(self, block: Block, *, widths: Sequence[int] = ()) -> Inert:
        """A block other than code as a document; ``widths`` in px are those of a table's columns."""
        document = self.blank()
        tokens = self._parser.parse(block.source, self.env)
        if widths and _is_table(tokens):
            build_table(document, tokens, self, widths, headless=block.head is not None)
        else:
            _Builder(document, self, block.number).build(tokens)
        return document

    def column_widths(self, block: Block, width: int) -> tuple[int, ...]:
        """The columns of a table in a room of ``width`` px, () where it is no table after all."""
        tokens = self._parser.parse(block.source, self.env)
        return column_widths(table_rows(tokens), self, width) if _is_table(tokens) else ()

    def blank(self, *, code: bool = False) -> Inert:
        """An empty document in the text's or the code's font."""
        document = Inert()
        document.setUndoRedoEnabled(False)
        document.setDocumentMargin(0)
        document.setIndentWidth(INDENT_PX)
        document.setDefaultFont(self.style.code_font if code else self.style.font)
        document.setDefaultTextOption(self.style.wrap)
        return document

    def plain(self, text: str) -> Inert:
        """Text as it is, line for line, with hidden signs shown."""
        document = self.blank()
        cursor = QTextCursor(document)
        cursor.setBlockFormat(self.style.block(first=True))
        for at, line in enumerate(visible(text).split("\n")):
            if at:
                cursor.insertBlock(self.style.block(first=True))
            self.insert_text(cursor, line, {})
        return document

    def insert_inline(self, cursor: QTextCursor, tokens: list[Token], **format_: Any) -> None:
        """Insert the content of an inline token; ``format_`` as in ``Style.char``."""
        depth = dict.fromkeys(("strong", "em", "s"), 0)
        link = ""
        for token in tokens:
            name, _, edge = token.type.rpartition("_")
            if name in depth:
                depth[name] += 1 if edge == "open" else -1
                continue
            if token.type == "link_open":
                link = str(token.attrs.get("href", ""))
                continue
            if token.type == "link_close":
                link = ""
                continue
            run = {
                **format_,
                "strong": bool(format_.get("strong") or depth["strong"]),
                "emphasis": bool(depth["em"]),
                "strike": bool(depth["s"]),
                "link": link,
            }
            self._insert(cursor, token, run)

    def _insert(self, cursor: QTextCursor, token: Token, run: dict[str, Any]) -> None:
        if token.type == "softbreak":
            cursor.insertText(" ", self.style.char(**run))
        elif token.type == "hardbreak":
            cursor.insertText("\u2028", self.style.char(**run))
        elif token.type == "code_inline":
            cursor.insertText(visible(token.content), self.style.char(**{**run, "code": True}))
        elif token.type == "image":
            source = str(token.attrs.get("src", ""))
            words = visible(token.content) or "image"
            cursor.insertText(f"[image: {words}]", self.style.char(**{**run, "link": run["link"] or source}))
        elif run["link"]:
            cursor.insertText(visible(token.content), self.style.char(**run))
        else:
            self.insert_text(cursor, visible(token.content), run)

    def insert_text(self, cursor: QTextCursor, text: str, run: dict[str, Any]) -> None:
        """Insert plain text with the bare addresses in it as links."""
        at = 0
        if "://" in text:
            for found in _BARE_URL.finditer(text):
                url = found[0].rstrip(".,;:!?*_~")
                if url.count(")") > url.count("("):
                    url = url.rstrip(")").rstrip(".,;:!?")
                if not allowed(url):
                    continue
                cursor.insertText(text[at : found.start()], self.style.char(**run))
                cursor.insertText(url, self.style.char(**{**run, "link": url}))
                at = found.start() + len(url)
        if at < len(text):
            cursor.insertText(text[at:], self.style.char(**run))


def _is_table(tokens: list[Token]) -> bool:
    return bool(tokens) and tokens[0].type == "table_open"


class _Builder:
    """Walks the tokens of one block."""

    def __init__(self, document: Inert, renderer: Renderer, number: int | None) -> None:
        self._renderer = renderer
        self._style = renderer.style
        self._cursor = QTextCursor(document)
        self._number = number
        self._first = True
        self._quote = 0
        self._lists: list[QTextListFormat] = []
        self._fresh_item = False
        self._made: list[Any] = []
        self._heading = 0
        self._tight = False

    def build(self, tokens: list[Token]) -> None:
        for token in tokens:
            kind = token.type
            if kind == "inline":
                self._paragraph(token)
            elif kind in ("bullet_list_open", "ordered_list_open"):
                self._open_list(token)
            elif kind in ("bullet_list_close", "ordered_list_close"):
                self._lists.pop()
                self._made.pop()
            elif kind == "list_item_open":
                self._fresh_item = True
            elif kind == "list_item_close" and self._fresh_item:
                self._begin_block()
            elif token.tag == "blockquote":
                self._quote += token.nesting
            elif kind in ("heading_open", "heading_close"):
                self._heading = int(token.tag[1]) if token.nesting > 0 else 0
            elif kind == "paragraph_open":
                self._tight = token.hidden
            elif kind in ("fence", "code_block"):
                self._code(token.content)
            elif kind == "hr":
                self._begin_block()
                self._cursor.insertText("―" * 8, self._style.char(muted=True))

    def _open_list(self, token: Token) -> None:
        made = QTextListFormat()
        depth = len(self._lists)
        made.setIndent(depth + 1)
        if token.type == "ordered_list_open":
            made.setStyle(QTextListFormat.Style.ListDecimal)
            start = int(token.attrs.get("start", 1))
            made.setStart(self._number if self._number is not None and not depth else start)
            made.setNumberSuffix(str(token.markup or "."))
        else:
            made.setStyle(_BULLETS[min(depth, 2)])
        self._lists.append(made)
        self._made.append(None)

    def _begin_block(self, heading: int = 0) -> None:
        """Start the block that the next text goes into; the first of an item gets its mark."""
        in_item = bool(self._lists)
        marked = in_item and self._fresh_item
        format_ = self._style.block(
            first=self._first,
            tight=self._tight or marked,
            level=0 if marked else len(self._lists),
            quote=self._quote,
            heading=heading,
        )
        self._insert_block(format_)
        if marked:
            self._fresh_item = False
            if self._made[-1] is None:
                self._made[-1] = self._cursor.createList(self._lists[-1])
            else:
                self._made[-1].add(self._cursor.block())

    def _insert_block(self, format_: QTextBlockFormat) -> None:
        if self._first:
            self._cursor.setBlockFormat(format_)
        else:
            self._cursor.insertBlock(format_, QTextCharFormat())
        self._first = False

    def _paragraph(self, token: Token) -> None:
        fresh = self._fresh_item
        self._begin_block(self._heading)
        children = token.children or []
        if fresh and children and children[0].type == "text" and (task := _TASK.match(children[0].content)):
            marker = QTextBlockFormat.MarkerType
            format_ = self._cursor.blockFormat()
            format_.setMarker(marker.Unchecked if task[1] == " " else marker.Checked)
            self._cursor.setBlockFormat(format_)
            children[0].content = children[0].content[task.end() :]
        muted = self._quote > 0
        self._renderer.insert_inline(self._cursor, children, heading=self._heading, muted=muted)

    def _code(self, text: str) -> None:
        for line in visible(text).rstrip("\n").split("\n"):
            marked = self._fresh_item
            if marked:
                self._begin_block()
            else:
                self._insert_block(self._style.code_block(first=self._first, level=len(self._lists), quote=self._quote))
            self._cursor.insertText(line, self._style.listing)
