"""A card that opens beside what was clicked, inside the window. Escape or a click elsewhere closes it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QFrame, QVBoxLayout, QWidget

from ..theme import SPACE_M, SPACE_S, set_role


class Popover(QFrame):
    """Fill its ``box``; ``open_at`` shows it. ``closed()``."""

    closed = Signal()

    def __init__(self, name: str, width: int) -> None:
        super().__init__()
        self.setAccessibleName(name)
        set_role(self, "popover")
        self._wanted_width = width
        self._before: QWidget | None = None
        self._anchor = QRect()
        self.box = QVBoxLayout(self)
        self.box.setContentsMargins(SPACE_M, SPACE_M, SPACE_M, SPACE_M)
        self.box.setSpacing(SPACE_S)
        self.hide()

    def open_at(self, owner: QWidget, anchor: QRect, focus: QWidget) -> None:
        """Show it beside ``anchor`` (in ``owner``'s coordinates) with the keyboard in ``focus``."""
        window = owner.window()
        if self.parentWidget() is not window:
            self.setParent(window)
        self._before = QApplication.focusWidget()
        self._anchor = QRect(owner.mapTo(window, anchor.topLeft()), anchor.size())
        self.fit()
        self.show()
        self.raise_()
        focus.setFocus(Qt.FocusReason.PopupFocusReason)
        application = QApplication.instance()
        assert application is not None
        application.installEventFilter(self)
        self.fit()

    def fit(self) -> None:
        """Place it again after its content has changed."""
        window = self.parentWidget()
        if window is None:
            return
        room, anchor = window.rect().adjusted(SPACE_S, SPACE_S, -SPACE_S, -SPACE_S), self._anchor
        width = min(self._wanted_width, room.width())
        layout = self.box
        wanted = layout.totalHeightForWidth(width) if layout.hasHeightForWidth() else layout.totalSizeHint().height()
        above, below = anchor.top() - room.top() - SPACE_S, room.bottom() - anchor.bottom() - SPACE_S
        over = wanted > below and above > below
        height = min(wanted, above if over else below)
        y = anchor.top() - SPACE_S - height if over else anchor.bottom() + SPACE_S
        x = max(room.left(), min(anchor.left(), room.right() - width))
        self.setGeometry(x, y, width, height)

    def dismiss(self) -> None:
        """Close it; the keyboard goes back to where it was."""
        if self.isHidden():
            return
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)
        before, self._before = self._before, None
        self.hide()
        if before is not None and before.isVisible():
            before.setFocus(Qt.FocusReason.PopupFocusReason)
        self.closed.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.MouseButtonPress and isinstance(watched, QWidget):
            inside = watched is self or self.isAncestorOf(watched)
            if watched.window() is self.window() and not inside:
                self.dismiss()
        elif event.type() == QEvent.Type.Resize and watched is self.parentWidget():
            self.fit()
        return False

    def event(self, event: QEvent) -> bool:
        """While it is open, keys are for it alone."""
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab stays inside."""
        inside = [
            child
            for child in _chain(self)
            if child.isVisible() and child.isEnabled() and child.focusPolicy() & Qt.FocusPolicy.TabFocus
        ]
        here = QApplication.focusWidget()
        if not inside:
            return False
        at = inside.index(here) + (1 if forward else -1) if here in inside else 0
        inside[at % len(inside)].setFocus(
            Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
        )
        return True


def _chain(root: QWidget) -> list[QWidget]:
    found: list[QWidget] = []
    widget = root.nextInFocusChain()
    while widget is not None and widget is not root:
        if root.isAncestorOf(widget):
            found.append(widget)
        widget = widget.nextInFocusChain()
    return found


def point_rect(owner: QWidget, place: QPoint) -> QRect:
    """A point of the screen as an anchor in ``owner``."""
    return QRect(owner.mapFromGlobal(place), owner.mapFromGlobal(place)).adjusted(0, 0, 1, 4)
