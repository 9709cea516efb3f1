"""The segments of one text, one under the other: kept in step with its blocks while it streams, made only where they are
looked at, and found again by their heights."""

from __future__ import annotations

from bisect import bisect_right

from ..theme import SPACE_M, SPACE_S, SPACE_XS
from .blocks import Block, Splitter
from .code import CodeSegment
from .highlight import Highlighter
from .render import Renderer
from .segments import PlainSegment, RuleSegment, Segment, TableSegment
from .style import Style

_MOST_MADE = 120
_KEPT_AROUND = 40
_LINES_A_PLAIN = 30


class Column:
    """Grows by `append` until `finish`. ``height`` in px is in part estimated; ``ys`` are where the segments begin."""

    def __init__(self, style: Style, highlighter: Highlighter, *, plain: bool) -> None:
        self.segments: list[Segment] = []
        self.ys: list[int] = []
        self.height = 0
        self.width = 0
        self.seen = (0, 0)
        self._renderer = Renderer(style)
        self._highlighter, self._plain = highlighter, plain
        self._splitter = Splitter()
        self._pieces: list[str] = []
        self._frozen = 0
        self._made: set[int] = set()

    # Text

    @property
    def text(self) -> str:
        """All of the source so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def set_text(self, text: str) -> None:
        """Show a whole text."""
        self._splitter, self.segments, self._frozen, self._pieces = Splitter(), [], 0, []
        self.ys = []
        self._renderer.env.clear()
        self._made.clear()
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
            for segment in self.segments[-1:]:
                if isinstance(segment, CodeSegment):
                    segment.color()

    def use_style(self, style: Style) -> None:
        """Take another look, as the theme has changed."""
        self._renderer.style = style
        for segment in self.segments:
            segment.redraw()

    def _set_plain(self) -> None:
        lines = self.text.rstrip("\n").split("\n")
        self.segments = []
        for at in range(0, len(lines), _LINES_A_PLAIN):
            block = Block("paragraph", joined=at > 0)
            for line in lines[at : at + _LINES_A_PLAIN]:
                block.add(line)
            self.segments.append(PlainSegment(block, self._renderer))
        self._frozen = len(self.segments)
        self._reflow(0)

    def _sync(self) -> None:
        """Let the segments be those of the blocks there are now."""
        base = self._frozen
        blocks = self._splitter.blocks
        fresh = blocks[base:]
        wanted = [*fresh, *self._splitter.tail()]
        for at, block in enumerate(wanted, base):
            if at < len(self.segments) and self.segments[at].accepts(block):
                self.segments[at].update(block)
            elif at < len(self.segments):
                self.segments[at] = self._segment(block, at)
            else:
                self.segments.append(self._segment(block, at))
        del self.segments[base + len(wanted) :]
        self._frozen = len(blocks)
        self._mark_last(max(0, base - 1))
        if any(block.kind == "paragraph" and "]:" in block.source for block in fresh):
            self._define(fresh)
        self._reflow(max(0, base - 1))

    def _segment(self, block: Block, at: int) -> Segment:
        if block.kind == "code":
            made: Segment = CodeSegment(block, self._renderer, self._highlighter)
        elif block.kind == "table":
            before = self.segments[at - 1] if at and block.joined else None
            widths = before.columns if isinstance(before, TableSegment) else None
            made = TableSegment(block, self._renderer, widths)
        elif block.kind == "rule":
            made = RuleSegment(block, self._renderer)
        else:
            made = Segment(block, self._renderer)
        if self.width:
            made.set_width(self.width)
        return made

    def _mark_last(self, start: int) -> None:
        """Say of each piece of code whether its fence goes on in the next one."""
        for at in range(start, len(self.segments)):
            segment = self.segments[at]
            if isinstance(segment, CodeSegment):
                after = self.segments[at + 1].block if at + 1 < len(self.segments) else None
                last = after is None or after.fence is not segment.block.fence
                if last != segment.last:
                    segment.last = last
                    segment.exact = False

    def _define(self, fresh: list[Block]) -> None:
        if sum(self._renderer.define(block) for block in fresh if block.kind == "paragraph"):
            for segment in self.segments:
                if segment.block.kind != "code" and "]" in segment.block.source:
                    segment.redraw()

    # Geometry

    def set_width(self, width: int) -> None:
        """Be so wide; heights are estimates again where nothing is made."""
        if width == self.width:
            return
        self.width = width
        for segment in self.segments:
            segment.set_width(width)
        self._reflow(0)

    def realise(self, top: int, bottom: int) -> bool:
        """Make what stands between two heights; True where that changed any height."""
        if not self.segments or not self.width:
            return False
        first = max(0, bisect_right(self.ys, top) - 1)
        changed, at = -1, first
        y = self.ys[first]
        while at < len(self.segments) and y <= bottom:
            segment = self.segments[at]
            if segment.ensure() and changed < 0:
                changed = at
            y = (self.ys[at] if changed < 0 else y) + segment.height + self._gap(at + 1)
            at += 1
        self.seen = (first, at)
        self._let_go(first, at)
        if changed >= 0:
            self._reflow(changed)
        return changed >= 0

    def anchor(self, y: int, limit: int) -> tuple[int, int] | None:
        """The first segment between two heights whose own height is known, and how far ``y`` is into it; None where there is
        none. `place` finds it again."""
        at = self.at(y)
        while at < len(self.ys) and self.ys[at] <= limit:
            if self.segments[at].exact:
                return (at, y - self.ys[at])
            at += 1
        return None

    def place(self, anchor: tuple[int, int]) -> int:
        """Where an anchor is now."""
        at, offset = anchor
        return self.ys[at] + min(offset, self.segments[at].height) if at < len(self.ys) else offset

    def _gap(self, at: int) -> int:
        """The room above a segment."""
        if at == 0 or at >= len(self.segments):
            return 0
        block, before = self.segments[at].block, self.segments[at - 1].block
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
        ys, segments = self.ys, self.segments
        del ys[start:]
        y = ys[-1] + segments[start - 1].height if start and ys else 0
        for at in range(start, len(segments)):
            y += self._gap(at)
            ys.append(y)
            segments[at].y = y
            y += segments[at].height
        self.height = y

    def _let_go(self, first: int, last: int) -> None:
        """Drop documents far from what is looked at, once there are many."""
        self._made.update(range(first, last))
        if len(self._made) > _MOST_MADE:
            far = {at for at in self._made if not first - _KEPT_AROUND <= at < last + _KEPT_AROUND}
            for at in far:
                if at < len(self.segments):
                    self.segments[at].drop()
            self._made -= far

    # Looking

    def at(self, y: float) -> int:
        """The number of the segment at a height; there must be one."""
        return max(0, bisect_right(self.ys, int(y)) - 1)

    def take_touched(self) -> int | None:
        """Where the first segment in view stands that looks different since this was last asked, None where none does."""
        first = None
        for at in self.in_view():
            if self.segments[at].touched:
                self.segments[at].touched = False
                first = self.ys[at] if first is None else first
        return first

    def in_view(self) -> range:
        """The segments that were looked at last."""
        return range(self.seen[0], min(self.seen[1], len(self.segments)))
