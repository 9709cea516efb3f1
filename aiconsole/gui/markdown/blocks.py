"""Cutting Markdown into blocks while it streams, so that only the last one has to be rendered again.

A block is what can be rendered by itself: a paragraph, a heading, one item of a list with what is inside it, some rows of a
table, some lines of a fence. The structure follows CommonMark 0.31 ("Blocks and inlines") as far as it takes to find where
one ends; its inside is the renderer's business. Blocks are kept short, as the last one is rendered many times: a long one is
cut at the end of a line or sentence, where emphasis that spans the cut is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

Kind = Literal["paragraph", "heading", "rule", "item", "quote", "table", "code"]

LONGEST = 1500
"""Characters after which a block is cut where it can be."""
FENCE_LINES, TABLE_ROWS = 48, 12

_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})[ \t]*(.*?)[ \t]*$")
_ITEM = re.compile(r"( {0,3})([-+*]|(\d{1,9})([.)]))([ \t]+(?=\S)|[ \t]*$)")
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]|$)")
_RULE = re.compile(r" {0,3}([-_*])[ \t]*(?:\1[ \t]*){2,}$")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*$")
_DELIMITERS = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_QUOTE = re.compile(r" {0,3}>")
_SENTENCE = re.compile(r"[.!?:;,][\"')\]]*[ ]")


class Fence:
    """A fenced block of code, shared by the blocks that show its lines. ``closed`` once its text is whole."""

    __slots__ = ("closed", "info", "lines")

    def __init__(self, info: str) -> None:
        self.info = info
        self.lines: list[str] = []
        self.closed = False

    @property
    def language(self) -> str:
        """The first word after the fence, "" without one."""
        return self.info.split(maxsplit=1)[0].strip("{}.") if self.info.strip() else ""

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class Block:
    """A piece of Markdown that can be rendered by itself.

    Attributes:
        indent: columns its place is indented by, from the list it is in.
        tight: no blank line stands between it and the block before.
        joined: it goes on with the block before, which was only cut for its length.
        number: what an ordered item counts, whatever its source says.
        head: of a table that was cut, the two lines its columns come from.
        fence, first: of code, the fence it shows, and the number of its first line in it.
    """

    __slots__ = ("fence", "first", "head", "indent", "joined", "kind", "lines", "number", "size", "tight")

    def __init__(self, kind: Kind, *, indent: int = 0, tight: bool = False, joined: bool = False) -> None:
        self.kind = kind
        self.lines: list[str] = []
        self.size = 0
        self.indent = indent
        self.tight = tight
        self.joined = joined
        self.number: int | None = None
        self.head: tuple[str, str] | None = None
        self.fence: Fence | None = None
        self.first = 0

    def add(self, line: str) -> None:
        self.lines.append(line)
        self.size += len(line) + 1

    @property
    def source(self) -> str:
        """Its Markdown; of code, the bare lines."""
        return "\n".join((*self.head, *self.lines) if self.head else self.lines)

    def copy(self) -> Block:
        made = Block(self.kind, indent=self.indent, tight=self.tight, joined=self.joined)
        made.lines, made.size = self.lines.copy(), self.size
        made.number, made.head, made.fence, made.first = self.number, self.head, self.fence, self.first
        return made


class Splitter:
    """Takes text as it comes. ``blocks`` are final; ``tail()`` is what the rest looks like by now."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._open: Block | None = None
        self._partial = ""
        self._blank = True
        self._blanks_inside = 0
        self._content = 0
        self._base = 0
        self._mark = ""
        self._fence_mark = ""
        self._fence_indent = 0
        self._inner_fence = ""

    def feed(self, text: str) -> None:
        """Take the next piece, of any length."""
        lines = (self._partial + text).replace("\r\n", "\n").split("\n")
        self._partial = lines.pop()
        for line in lines:
            self._line(line.rstrip("\r"))
        if len(self._partial) > 2 * LONGEST and (self._open is None or self._open.kind != "code"):
            self._cut_partial()

    def finish(self) -> None:
        """Take what is there as the end of the text."""
        if self._partial:
            partial, self._partial = self._partial, ""
            self._line(partial.rstrip("\r"))
        if self._open is not None and self._open.kind == "code" and self._open.fence is not None:
            self._open.fence.closed = True
        self._close()

    def tail(self) -> list[Block]:
        """The blocks after ``blocks`` if the text ended here. They are not final and not kept."""
        if not self._partial:
            return [self._open] if self._open is not None else []
        if self._open is not None and self._open.kind == "code":
            return [self._open_code()]
        trial = Splitter.__new__(Splitter)
        trial.__dict__.update(self.__dict__)
        trial.blocks = []
        trial._open = self._open.copy() if self._open is not None else None
        trial._partial = ""
        trial._line(self._partial.rstrip("\r"))
        if trial._open is not None:
            trial.blocks.append(trial._open)
        return trial.blocks

    def _open_code(self) -> Block:
        """The open fence with the line that is being written, unless that may become its end."""
        assert self._open is not None
        line = self._dedented(self._partial)
        if line.strip() and not set(line.strip()) - set(self._fence_mark[0]):
            return self._open
        shown = self._open.copy()
        shown.add(line)
        return shown

    # Lines

    def _line(self, line: str) -> None:
        if self._base and not self._inside_base(line):
            self._close()
            self._base = 0
        if self._base and line.strip():
            line = line[min(_indent(line), self._base) :]
        self._plain_line(line.expandtabs(4) if line.startswith(("\t", " ")) and not self._in_code() else line)

    def _inside_base(self, line: str) -> bool:
        return not line.strip() or _indent(line) >= self._base or self._in_code()

    def _in_code(self) -> bool:
        return self._open is not None and self._open.kind == "code"

    def _plain_line(self, line: str) -> None:
        opened = self._open
        if opened is None:
            self._begin(line)
        elif opened.kind == "code":
            self._in_fence(line)
        elif opened.kind == "item":
            self._in_item(line)
        elif not line.strip():
            self._close()
        elif opened.kind == "quote":
            self._in_quote(line)
        else:
            self._in_paragraph(line)
        self._blank = not line.strip()

    def _begin(self, line: str, *, joined: bool = False) -> None:
        if not line.strip():
            return
        fence = _FENCE.match(line)
        item = None if fence or _RULE.match(line) else _ITEM.match(line)
        if fence:
            self._open_fence(line, fence)
        elif item:
            self._open_item(line, item)
        elif _HEADING.match(line):
            self._start("heading").add(line)
            self._close()
        elif _RULE.match(line):
            self._start("rule").add(line)
            self._close()
        else:
            self._start("quote" if _QUOTE.match(line) else "paragraph", joined=joined).add(line)

    def _start(self, kind: Kind, *, joined: bool = False) -> Block:
        self._open = Block(kind, indent=self._base, tight=not self._blank, joined=joined)
        return self._open

    def _close(self) -> None:
        if self._open is not None:
            self.blocks.append(self._open)
        self._open = None
        self._blanks_inside = 0
        self._inner_fence = ""

    def _in_paragraph(self, line: str) -> None:
        block = self._open
        assert block is not None
        if block.kind == "paragraph" and _UNDERLINE.match(line) and not block.joined:
            block.kind = "heading"
            block.add(line)
            self._close()
        elif len(block.lines) == 1 and block.kind == "paragraph" and "|" in block.lines[0] and _DELIMITERS.match(line):
            block.kind = "table"
            block.add(line)
        elif self._interrupts(line):
            self._close()
            self._blank = False
            self._begin(line)
        elif block.kind == "table" and len(block.lines) >= TABLE_ROWS + (0 if block.head else 2):
            head = block.head or (block.lines[0], block.lines[1])
            self._close()
            self._blank = False
            self._start("table", joined=True).head = head
            assert self._open is not None
            self._open.add(line)
        elif block.kind == "paragraph" and block.size > LONGEST:
            self._close()
            self._begin(line, joined=True)
        else:
            block.add(line)

    def _interrupts(self, line: str) -> bool:
        """Whether a line that follows a paragraph without a blank begins something else (CommonMark, "Paragraphs")."""
        if _FENCE.match(line) or _HEADING.match(line) or _RULE.match(line) or _QUOTE.match(line):
            return True
        item = _ITEM.match(line)
        return bool(item and line[item.end() :].strip() and item[3] in (None, "1"))

    def _in_quote(self, line: str) -> None:
        block = self._open
        assert block is not None
        quoted = _QUOTE.match(line)
        if not quoted and self._interrupts(line):
            self._close()
            self._begin(line)
        elif quoted and block.size > LONGEST and not line[quoted.end() :].strip():
            self._close()
            self._start("quote", joined=True).add(line)
        else:
            block.add(line)

    # Lists

    def _open_item(self, line: str, item: re.Match[str]) -> None:
        before = self.blocks[-1] if self.blocks else None
        follows = before is not None and before.kind == "item" and self._mark == (item[4] or item[2]) and not self._left
        block = self._start("item")
        if item[3]:
            number = int(item[3])
            block.number = before.number + 1 if follows and before and before.number is not None else number
        self._mark = item[4] or item[2]
        self._content = item.end() if item[5].strip("\t") or item[5] else item.end() + 1
        if _indent(line[item.end() :]) or not line[item.end() :].strip():
            self._content = len(item[1]) + len(item[2]) + 1
        block.add(line)

    @property
    def _left(self) -> bool:
        """Whether the last block is no neighbour of what begins now."""
        return bool(self.blocks) and self.blocks[-1].indent != self._base

    def _in_item(self, line: str) -> None:
        block = self._open
        assert block is not None
        if not line.strip():
            self._blanks_inside += 1
            return
        inside = _indent(line) >= self._content
        if inside and not self._inner_fence and _FENCE.match(line.strip()):
            self._fence_in_item(line)
            return
        item = None if inside or _RULE.match(line) else _ITEM.match(line)
        if item:
            loose = self._blanks_inside > 0
            self._close()
            self._blank = loose
            self._open_item(line, item)
        elif inside or (not self._blanks_inside and not self._interrupts(line)):
            if block.size > LONGEST and inside:
                self._cut_item(line)
                return
            for _ in range(self._blanks_inside):
                block.add("")
            self._blanks_inside = 0
            block.add(line)
        else:
            self._close()
            self._begin(line)

    def _fence_in_item(self, line: str) -> None:
        """Code inside an item is a block of its own; what follows it in the item is read with the item's indent taken off."""
        content = self._content
        self._close()
        self._blank = False
        self._base += content
        line = line[content:]
        indent = _indent(line)
        fence = _FENCE.match(line.strip())
        assert fence is not None
        self._open_fence(line, fence)
        assert self._open is not None
        self._open.indent = self._base + indent
        self._fence_indent = indent

    def _cut_item(self, line: str) -> None:
        content = self._content
        self._close()
        self._blank = False
        self._base += content
        self._begin(line[content:])

    # Fences

    def _open_fence(self, line: str, fence: re.Match[str]) -> None:
        block = self._start("code")
        block.fence = Fence(fence[2])
        self._fence_mark = fence[1]
        self._fence_indent = _indent(line)

    def _in_fence(self, line: str) -> None:
        block = self._open
        assert block is not None and block.fence is not None
        stripped = line.strip()
        mark = self._fence_mark
        if stripped.startswith(mark) and not set(stripped) - {mark[0]} and _indent(line) <= self._fence_indent + 3:
            block.fence.closed = True
            self._close()
            return
        line = line[min(_indent(line), self._fence_indent) :]
        if len(block.lines) >= FENCE_LINES or block.size > 4 * LONGEST:
            fence = block.fence
            self._close()
            block = self._start("code", joined=True)
            block.fence, block.first = fence, len(fence.lines)
        block.add(line)
        assert block.fence is not None
        block.fence.lines.append(line)

    def _dedented(self, line: str) -> str:
        taken = self._base + self._fence_indent
        return line[min(_indent(line), taken) :]

    def _cut_partial(self) -> None:
        """End an endless line where a sentence or a word does."""
        partial = self._partial
        while len(partial) > 2 * LONGEST:
            ends = [match.end() for match in _SENTENCE.finditer(partial, LONGEST // 2, 2 * LONGEST)]
            space = partial.rfind(" ", LONGEST, 2 * LONGEST) + 1
            at = ends[-1] if ends else space or 2 * LONGEST
            self._line(partial[:at])
            if self._open is not None and self._open.kind == "paragraph":
                self._close()
                self._blank = False
            partial = partial[at:]
        self._partial = partial


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def split(text: str) -> list[Block]:
    """All blocks of a whole text."""
    splitter = Splitter()
    splitter.feed(text)
    splitter.finish()
    return splitter.blocks


def sources(blocks: list[Block]) -> Iterator[str]:
    """The Markdown of each block."""
    return (block.source for block in blocks)
