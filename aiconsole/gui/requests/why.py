"""Why a request went where it went, as the chat tells it under an answer: tables of Markdown that are as tall as they need."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ...domain.trace import DecisionTrace
from ..chat.kit import Kit
from ..chat.why import story, told
from ..shell import Shell
from ..theme import SPACE_S, set_role


class Why(QWidget):
    """A head with a button that copies, and the story below or why there is none."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._trace: DecisionTrace | None = None
        title = QLabel("Why it went there")
        set_role(title, "head")
        self.copy = QPushButton("Copy")
        self.copy.setAccessibleName("Copy why")
        set_role(self.copy, "quiet")
        self.copy.clicked.connect(self._copy)
        self._story = _Story(shell)
        self._none = QLabel()
        self._none.setTextFormat(Qt.TextFormat.PlainText)
        self._none.setWordWrap(True)
        set_role(self._none, "caption")
        across = QHBoxLayout()
        across.addWidget(title)
        across.addStretch(1)
        across.addWidget(self.copy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_S)
        layout.addLayout(across)
        layout.addWidget(self._story)
        layout.addWidget(self._none)

    @property
    def text(self) -> str:
        """The story in sentences, or why there is none."""
        return self._none.text() if self._trace is None else told(self._trace)

    def show_trace(self, trace: DecisionTrace | None, otherwise: str) -> None:
        """Tell this way; where there is none, say ``otherwise``."""
        self._trace = trace
        self._none.setText(otherwise)
        for widget in (self._story, self.copy):
            widget.setVisible(trace is not None)
        self._none.setVisible(trace is None)
        if trace is not None:
            self._story.show_trace(trace)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text)


class _Story(QWidget):
    """Give it room in width; its height follows."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._kit = Kit(shell.theme, shell.icons, self)
        self.view = self._kit.markdown()
        self.view.setParent(self)
        self.view.stale.connect(self._settle)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        shell.theme.changed.connect(self._restyle)

    def show_trace(self, trace: DecisionTrace) -> None:
        """Tell this way."""
        self.view.set_text(story(trace))
        self.view.setAccessibleName(told(trace))
        self._settle()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._settle()

    def event(self, event: QEvent) -> bool:
        handled = super().event(event)
        if event.type() == QEvent.Type.Show:
            self._settle()
        return handled

    def _settle(self) -> None:
        width = self.width()
        if width < 50:
            return
        view = self.view
        view.set_content_width(width)
        for _ in range(3):
            if not view.realise(0, view.content_height):
                break
        view.settle()
        view.setGeometry(0, 0, width, view.content_height)
        if self.height() != view.content_height:
            self.setFixedHeight(max(1, view.content_height))

    def _restyle(self) -> None:
        self._kit.renew()
        self.view.use_style(self._kit.style_)
        self._settle()
