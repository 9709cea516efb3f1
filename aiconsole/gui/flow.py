"""Widgets side by side like words, that go on in a new line where the room ends."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QRect, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from .theme import SPACE_S


class Flow(QWidget):
    """Its widgets keep the size they ask for; those of a line share its middle."""

    def __init__(self) -> None:
        super().__init__()
        self._widgets: list[QWidget] = []
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add(self, widget: QWidget) -> None:
        """Put a widget behind the others."""
        widget.setParent(self)
        self._widgets.append(widget)
        self.updateGeometry()

    def clear(self) -> None:
        """Remove all of them."""
        for widget in self._widgets:
            widget.hide()
            widget.deleteLater()
        self._widgets = []
        self.updateGeometry()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        heights = [height for _, height in self._lines(width)]
        return sum(heights) + SPACE_S * max(0, len(heights) - 1)

    def sizeHint(self) -> QSize:
        hints = [_size(widget) for widget in self._widgets]
        width = sum(hint.width() for hint in hints) + SPACE_S * max(0, len(hints) - 1)
        return QSize(width, max((hint.height() for hint in hints), default=0))

    def minimumSizeHint(self) -> QSize:
        hints = [_size(widget) for widget in self._widgets]
        return QSize(
            max((hint.width() for hint in hints), default=0), max((hint.height() for hint in hints), default=0)
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
            self._place()
        return super().event(event)

    def _place(self) -> None:
        top = 0
        for widgets, height in self._lines(self.width()):
            left = 0
            for widget in widgets:
                size = _size(widget)
                widget.setGeometry(QRect(QPoint(left, top + (height - size.height()) // 2), size))
                left += size.width() + SPACE_S
            top += height + SPACE_S

    def _lines(self, width: int) -> list[tuple[list[QWidget], int]]:
        """The widgets of each line, and its height."""
        lines: list[tuple[list[QWidget], int]] = []
        left = 0
        for widget in self._widgets:
            size = _size(widget)
            if not lines or left + size.width() > width:
                lines.append(([], 0))
                left = 0
            widgets, height = lines[-1]
            widgets.append(widget)
            lines[-1] = (widgets, max(height, size.height()))
            left += size.width() + SPACE_S
        return lines


def _size(widget: QWidget) -> QSize:
    return widget.sizeHint().expandedTo(widget.minimumSize()).boundedTo(widget.maximumSize())
