"""The copy buttons on code in view. They are kept and moved, as making one costs more than all else in a frame."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QToolButton, QWidget

from ..icons import Icons
from ..theme import SPACE_XS
from .blocks import Fence
from .code import CODE_HEAD_PX, CodeSegment
from .column import Column


class CopyButton(QToolButton):
    """Copies the text of a fence. ``copied()``."""

    copied = Signal()

    def __init__(self, parent: QWidget, icons: Icons) -> None:
        super().__init__(parent)
        self.fence: Fence | None = None
        self.setIcon(icons.icon("copy"))
        self.setIconSize(QSize(14, 14))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setText("Copy")
        self.clicked.connect(self._copy)

    def serve(self, segment: CodeSegment) -> None:
        """Copy this segment's fence from now on."""
        if segment.block.fence is self.fence:
            return
        self.fence = segment.block.fence
        self.setText("Copy")
        self.resize(self.sizeHint())
        self.setAccessibleName("Copy the code" if segment.label == "code" else f"Copy the {segment.label} code")

    def _copy(self) -> None:
        if self.fence is not None:
            QGuiApplication.clipboard().setText(self.fence.text)
            right = self.x() + self.width()
            self.setText("Copied")
            self.resize(self.sizeHint())
            self.move(right - self.width(), self.y())
            self.copied.emit()


class CopyButtons:
    """Places a button on the head of each closed fence in view."""

    def __init__(self, view: QWidget, icons: Icons, column: Column) -> None:
        self._view, self._icons, self._column = view, icons, column
        self._buttons: list[CopyButton] = []

    def place(self) -> None:
        """Put them where the code is now."""
        column = self._column
        wanted = [at for at in column.in_view() if self._has_button(at)]
        fences = [column.segments[at].block.fence for at in wanted]
        spare = [button for button in self._buttons if button.fence not in fences]
        for at in wanted:
            segment = column.segments[at]
            assert isinstance(segment, CodeSegment)
            button = next((button for button in self._buttons if button.fence is segment.block.fence), None)
            if button is None:
                button = spare.pop() if spare else self._new()
            button.serve(segment)
            y = column.ys[at] + (CODE_HEAD_PX - button.height()) // 2
            button.move(column.width - button.width() - SPACE_XS, y)
            button.show()
        for button in spare:
            button.fence = None
            button.hide()

    def _has_button(self, at: int) -> bool:
        segment = self._column.segments[at]
        fence = segment.block.fence
        return isinstance(segment, CodeSegment) and not segment.block.joined and fence is not None and fence.closed

    def _new(self) -> CopyButton:
        button = CopyButton(self._view, self._icons)
        self._buttons.append(button)
        return button
