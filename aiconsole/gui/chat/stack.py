"""Parts one under the other, placed by hand: how tall they are is known before anything moves."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, Signal
from PySide6.QtWidgets import QFrame, QWidget

from ..markdown.view import MarkdownView
from ..theme import SPACE_M, SPACE_S
from .kit import Kit
from .parts import Fold

Anchor = tuple[QWidget, tuple[int, int]]
"""A part of the stack and a place in it."""


class Stack(QFrame):
    """``changed()``: its height may be another; ``link_wanted(href, text, place)``; ``dragged(y)`` while a selection is
    drawn, in its own coordinates. ``side`` is the room left and right in px."""

    changed = Signal()
    link_wanted = Signal(str, str, QPoint)
    dragged = Signal(int)

    def __init__(self, kit: Kit, side: int) -> None:
        super().__init__()
        self._kit, self._side = kit, side
        self._stack: list[QWidget] = []
        self._plan: dict[QWidget, QRect] = {}
        self._views: list[tuple[MarkdownView, Fold | None]] = []

    def _add(self, widget: QWidget, *, before: QWidget | None = None) -> QWidget:
        widget.setParent(self)
        at = self._stack.index(before) if before is not None else len(self._stack)
        self._stack.insert(at, widget)
        widget.show()
        return widget

    def _connect(self, view: MarkdownView, fold: Fold | None) -> None:
        self._views.append((view, fold))
        view.link_wanted.connect(self.link_wanted)
        view.stale.connect(self.changed)
        view.dragged.connect(lambda y: self.dragged.emit(view.mapTo(self, QPoint(0, y)).y()))

    def _follow_fold(self, fold: Fold) -> None:
        """Take part in what is folded out of it."""
        fold.changed.connect(lambda: self._unfolded(fold))

    def _unfolded(self, fold: Fold) -> None:
        if fold.body is not None and all(view is not fold.body for view, _ in self._views):
            self._connect(fold.body, fold)
        self.changed.emit()

    # Geometry

    def measure(self, width: int) -> int:
        """Its height in px at a width. Nothing moves before `settle`, so that what is painted can be scrolled as it is."""
        side = self._side
        inner, y = width - 2 * side, SPACE_M
        self._plan = {}
        for widget in self._stack:
            if widget.isHidden():
                continue
            if isinstance(widget, MarkdownView):
                widget.set_content_width(inner)
                height = widget.content_height
            elif isinstance(widget, Fold):
                height = widget.measure(inner)
            else:
                height = widget.heightForWidth(inner) if widget.hasHeightForWidth() else widget.sizeHint().height()
            self._plan[widget] = QRect(side, y, inner, height)
            y += height + SPACE_S
        return y + SPACE_M - SPACE_S

    def settle(self) -> None:
        """Put everything where `measure` planned it, and show what `realise` made."""
        for widget, rect in self._plan.items():
            if widget.geometry() != rect:
                widget.setGeometry(rect)
            if isinstance(widget, Fold):
                widget.settle(rect.width())
        for view, _ in self._views:
            if not view.isHidden():
                view.settle()

    def _top(self, view: MarkdownView, fold: Fold | None) -> int:
        """Where a view is planned to begin."""
        if fold is not None:
            return self._plan.get(fold, QRect()).y() + fold.body_y
        return self._plan.get(view, QRect()).y()

    def _shown(self) -> list[tuple[MarkdownView, Fold | None]]:
        return [
            (view, fold)
            for view, fold in self._views
            if not view.isHidden() and (fold is None or fold.head.isChecked())
        ]

    def realise(self, top: int, bottom: int) -> bool:
        """Make what stands between two heights; True where the height of anything changed."""
        changed = False
        for view, fold in self._shown():
            y = self._top(view, fold)
            if y <= bottom and y + view.content_height >= top:
                changed |= view.realise(max(0, top - y), bottom - y)
        return changed

    def anchor(self, y: int, limit: int) -> Anchor | None:
        """The first thing between two heights that is as tall as it says, to be found again by `place`."""
        for widget, rect in self._plan.items():
            if rect.bottom() < y or rect.top() > limit:
                continue
            if not isinstance(widget, MarkdownView):
                return (widget, (0, y - rect.y()))
            found = widget.anchor(y - rect.y(), limit - rect.y())
            if found is not None:
                return (widget, found)
        return None

    def place(self, anchor: Anchor) -> int:
        """Where an anchor is now."""
        widget, inner = anchor
        y = self._plan.get(widget, QRect()).y()
        return y + (widget.place(inner) if isinstance(widget, MarkdownView) else inner[1])

    def restyle(self) -> None:
        """The theme has changed."""
        for view, _ in self._views:
            view.use_style(self._kit.style_)
        self.update()

    def bodies(self) -> list[MarkdownView]:
        """The views of what was said, in order, without what is folded."""
        return [view for view, fold in self._views if fold is None]
