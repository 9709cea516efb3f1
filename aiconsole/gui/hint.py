"""Small pieces of a panel: what stands where there is nothing yet, words that are cut where the room ends, and room around."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from .theme import SPACE_M, SPACE_S, set_role


class Hint(QWidget):
    """A head, a sentence, and a button where there is something to do. ``say`` changes the words."""

    def __init__(self, title: str, words: str, action: str = "", run: Callable[[], object] | None = None) -> None:
        super().__init__()
        self._title, self._words = QLabel(title), QLabel(words)
        set_role(self._title, "head")
        set_role(self._words, "caption")
        self.action = QPushButton(action)
        if run is not None:
            self.action.clicked.connect(lambda _=False: run())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_M, SPACE_M, SPACE_M, SPACE_M)
        layout.setSpacing(SPACE_S)
        layout.addStretch(2)
        for label in (self._title, self._words):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            label.setWordWrap(True)
            layout.addWidget(label)
        layout.addWidget(self.action, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)
        self.action.setVisible(bool(action))
        if action:
            self.setFocusProxy(self.action)

    def say(self, title: str, words: str) -> None:
        """Say something else."""
        self._title.setText(title)
        self._words.setText(words)


class Elided(QLabel):
    """One line that ends in dots where the room does; the whole is its tooltip."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setToolTip(text)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


def apart(widget: QWidget, *, left: int = 0, top: int = 0, right: int = 0, bottom: int = 0) -> QWidget:
    """``widget`` with so many px around it, such as off a splitter's handle."""
    made = QWidget()
    layout = QVBoxLayout(made)
    layout.setContentsMargins(left, top, right, bottom)
    layout.addWidget(widget)
    return made
