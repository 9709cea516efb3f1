"""Messages inside the window that ask for nothing: "Deleted. Undo". They leave by themselves unless they are errors.

They stand below the panel in a room of their own, as some stay for as long as something runs: no place over a panel is
without controls, and below it the panel's own head stays where it is when they come and go.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QEnterEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from .icons import Icons, paint_state
from .theme import SPACE_M, SPACE_S, SPACE_XS, State, Theme, set_role

_KEPT = 3
_WIDTH = 800
_SECONDS = 8.0


class StateGlyph(QWidget):
    """The glyph of a state as a small widget; give the word beside it."""

    def __init__(self, theme: Theme, state: State, side: int = 10) -> None:
        super().__init__()
        self._theme, self._state, self._side = theme, state, side
        self.setFixedSize(side, side)
        theme.changed.connect(self.update)

    def set_state(self, state: State) -> None:
        """Show another state."""
        self._state = state
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        paint_state(QPainter(self), self.rect().toRectF(), self._state, self._theme.color(self._state))


class Notice(QFrame):
    """One message; waits longer while the mouse is over it or the focus in it. A click does not take the keyboard there.
    ``leaving()``: it goes, with the keyboard still in it."""

    leaving = Signal()

    def __init__(
        self,
        theme: Theme,
        icons: Icons,
        text: str,
        state: State,
        action: str,
        run: Callable[[], object] | None,
        seconds: float,
    ) -> None:
        super().__init__()
        self.setObjectName("notice")
        self.setAccessibleName(text)
        set_role(self, None, state)
        self._run = run
        label = self._label = QLabel(text)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE_M, SPACE_XS, SPACE_S, SPACE_XS)
        layout.setSpacing(SPACE_S)
        layout.addWidget(StateGlyph(theme, state))
        layout.addWidget(label, 1)
        self.action = QPushButton(action)
        self.action.clicked.connect(self.do)
        layout.addWidget(self.action)
        self.action.setVisible(bool(action))
        self.dismiss = QToolButton()
        self.dismiss.setIcon(icons.icon("close"))
        self.dismiss.setIconSize(QSize(14, 14))
        self.dismiss.setAccessibleName("Dismiss the message")
        self.dismiss.setToolTip("Dismiss")
        self.dismiss.clicked.connect(self.leave)
        layout.addWidget(self.dismiss)
        for button in (self.action, self.dismiss):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(round(seconds * 1000))
        self._timer.timeout.connect(self._expire)
        if seconds > 0:
            self._timer.start()

    def say(self, text: str) -> None:
        """Say something else in its place, such as how far the work is by now."""
        self._label.setText(text)
        self.setAccessibleName(text)

    def do(self) -> None:
        """Run the action and leave."""
        self.leave()
        if self._run is not None:
            self._run()

    def leave(self) -> None:
        """Go now."""
        self._timer.stop()
        if self._has_keyboard():
            self.leaving.emit()
        self.hide()
        self.deleteLater()

    def enterEvent(self, event: QEnterEvent) -> None:
        self._timer.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        if self._timer.interval() > 0 and self.isVisible():
            self._timer.start()
        super().leaveEvent(event)

    def _expire(self) -> None:
        if self._has_keyboard():
            self._timer.start()
        else:
            self.leave()

    def _has_keyboard(self) -> bool:
        return self.action.hasFocus() or self.dismiss.hasFocus()


class Notices(QWidget):
    """A column of messages, the newest first, at most three; it takes no room without any. ``left()``: the one that had
    the keyboard goes."""

    left = Signal()

    def __init__(self, theme: Theme, icons: Icons) -> None:
        super().__init__()
        self._theme, self._icons = theme, icons
        self._kept: list[Notice] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(SPACE_M, SPACE_S, SPACE_M, SPACE_S)
        self._layout.setSpacing(SPACE_XS)
        self.hide()

    def tell(
        self,
        text: str,
        *,
        state: State = "idle",
        action: str = "",
        run: Callable[[], object] | None = None,
        seconds: float | None = None,
    ) -> Notice:
        """Show ``text``; ``run`` is what the button ``action`` does. ``seconds`` 0 keeps it until dismissed, which is
        what errors (``state`` crit) do by default."""
        wait = (0.0 if state == "crit" else _SECONDS) if seconds is None else seconds
        notice = Notice(self._theme, self._icons, text, state, action, run, wait)
        notice.installEventFilter(self)
        notice.leaving.connect(self.left)
        self._layout.insertWidget(0, notice)
        self._kept.insert(0, notice)
        notice.show()
        self.show()
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(notice, text))
        for old in self.shown()[_KEPT:]:
            old.leave()
        return notice

    def shown(self) -> list[Notice]:
        """The messages in view, the newest first."""
        return [notice for notice in self._kept if not notice.isHidden()]

    def focus(self) -> None:
        """Put the keyboard into the newest message."""
        for notice in self.shown()[:1]:
            (notice.action if notice.action.isVisible() else notice.dismiss).setFocus(
                Qt.FocusReason.ShortcutFocusReason
            )

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lines of a length that is read at a glance, in the middle."""
        super().resizeEvent(event)
        beside = max(SPACE_M, (self.width() - _WIDTH) // 2)
        self._layout.setContentsMargins(beside, SPACE_S, beside, SPACE_S)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(watched, Notice) and event.type() == QEvent.Type.Hide and watched.isHidden():
            self._kept = self.shown()
            self.setVisible(bool(self._kept))
        return super().eventFilter(watched, event)
