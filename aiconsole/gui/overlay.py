"""A card over the whole window that takes the keyboard while it is open and gives it back when it closes."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QFrame, QWidget

from .theme import SPACE_L, Theme, set_role

_TOP = 72


class Overlay(QWidget):
    """Covers ``parent``; ``card`` is what one sees. Escape or a click beside the card closes it. ``closed()``."""

    closed = Signal()

    def __init__(self, parent: QWidget, theme: Theme, width: int) -> None:
        super().__init__(parent)
        self._parent, self._theme = parent, theme
        self._width = width
        self._focus_before: QWidget | None = None
        self.card = QFrame(self)
        set_role(self.card, "popover")
        parent.installEventFilter(self)
        self.hide()

    def open(self, focus: QWidget) -> None:
        """Show it and put the keyboard into ``focus``."""
        if not self.isVisible():
            self._focus_before = QApplication.focusWidget()
        self._place()
        self.show()
        self.raise_()
        focus.setFocus(Qt.FocusReason.PopupFocusReason)

    def dismiss(self) -> None:
        """Close it; the focus goes back to where it was."""
        if not self.isVisible():
            return
        before, self._focus_before = self._focus_before, None
        self.hide()
        if before is not None and before.isVisible():
            before.setFocus(Qt.FocusReason.PopupFocusReason)
        self.closed.emit()

    def wanted_height(self, room: int) -> int:
        """The card's height in px where ``room`` is what there is."""
        return min(self.card.sizeHint().height(), room)

    def room(self) -> int:
        """How wide the place is that it covers, in px."""
        return self._parent.width()

    def fit(self) -> None:
        """Place the card again after its content changed."""
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)

    def event(self, event: QEvent) -> bool:
        """While it is open, keys are for it alone: no shortcut of the window answers them."""
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab stays inside."""
        here = QApplication.focusWidget()
        moved = super().focusNextPrevChild(forward)
        reached = QApplication.focusWidget()
        if reached is not None and not self.isAncestorOf(reached) and here is not None:
            here.setFocus(Qt.FocusReason.TabFocusReason)
        return moved

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self.card.geometry().contains(event.position().toPoint()):
            self.dismiss()

    def paintEvent(self, _event: QPaintEvent) -> None:
        veil = QColor("#000000")
        veil.setAlpha(120 if self._theme.tokens.name == "dark" else 56)
        QPainter(self).fillRect(self.rect(), veil)

    def _place(self) -> None:
        self.setGeometry(self._parent.rect())
        width = min(self._width, self.width() - 2 * SPACE_L)
        top = min(_TOP, max(SPACE_L, self.height() // 10))
        height = self.wanted_height(self.height() - top - SPACE_L)
        self.card.setGeometry((self.width() - width) // 2, top, width, height)
