"""A panel's place in the window until its engine is there: that it is starting, or why it cannot, then the panel."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..domain.errors import ConsoleError
from .notices import StateGlyph
from .shell import OpensItems
from .theme import SPACE_L, SPACE_M, SPACE_S, Theme, set_role

_SILENT_MS = 500


def words_of(error: BaseException) -> tuple[str, str]:
    """What happened and what can be done, of any exception."""
    if isinstance(error, ConsoleError):
        return error.message, error.advice
    return f"{type(error).__name__}: {error}", "This is a fault of the console itself; the log has the details."


class Trouble(QFrame):
    """What keeps a panel from being shown, with a way to try again."""

    def __init__(self, theme: Theme, what: str, error: BaseException, retry: Callable[[], object]) -> None:
        super().__init__()
        set_role(self, "banner", "crit")
        message, advice = words_of(error)
        head = QLabel(what)
        set_role(head, "strong")
        said = QLabel(" ".join(filter(None, (message, advice))))
        said.setWordWrap(True)
        said.setTextFormat(Qt.TextFormat.PlainText)
        said.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.again = QPushButton("Try again")
        self.again.clicked.connect(retry)
        words = QVBoxLayout()
        words.setSpacing(SPACE_S)
        words.addWidget(head)
        words.addWidget(said)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE_M, SPACE_M, SPACE_M, SPACE_M)
        layout.setSpacing(SPACE_M)
        layout.addWidget(StateGlyph(theme, "crit"), 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(words, 1)
        layout.addWidget(self.again, 0, Qt.AlignmentFlag.AlignTop)
        self.setFocusProxy(self.again)
        self.setAccessibleName(f"{what} {said.text()}")


class PanelSlot(QWidget):
    """Holds one panel. What it is asked to open before the panel is there is opened then."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._waiting: list[Any] = []
        self._content: QWidget | None = None
        self._cover: QWidget | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._starting = QLabel()
        self._starting.setAccessibleName("Starting")
        self._starting.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._starting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        set_role(self._starting, "caption")
        self._layout.addWidget(self._starting)
        self.setFocusProxy(self._starting)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.timeout.connect(partial(self._starting.setText, "Starting…"))
        self._patience.start(_SILENT_MS)

    @property
    def content(self) -> QWidget | None:
        """What is shown in it, None while it waits."""
        return self._content

    def wait(self) -> None:
        """Show that the panel is being made."""
        self._replace(None)
        self._patience.start(_SILENT_MS)

    def fill(self, panel: QWidget) -> None:
        """Show the panel from now on."""
        self._replace(panel)
        waiting, self._waiting = self._waiting, []
        for argument in waiting:
            self.open_item(argument)

    def show_trouble(self, what: str, error: BaseException, retry: Callable[[], object]) -> None:
        """Say what keeps the panel from being shown."""
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_L)
        trouble = Trouble(self._theme, what, error, retry)
        layout.addWidget(trouble)
        layout.addStretch(1)
        page.setFocusProxy(trouble)
        self._replace(page)

    def open_item(self, argument: Any) -> None:
        """Open the panel at something, as soon as it can."""
        if self._content is None:
            self._waiting.append(argument)
        elif isinstance(self._content, OpensItems):
            self._content.open_item(argument)

    def cover(self, view: QWidget) -> None:
        """Show ``view`` in the panel's place until ``uncover``."""
        self.uncover()
        self._cover = view
        (self._content or self._starting).hide()
        self._layout.addWidget(view)
        self.setFocusProxy(view)
        if self.isVisible():
            view.setFocus(Qt.FocusReason.OtherFocusReason)

    def uncover(self) -> None:
        """Show the panel again."""
        cover, self._cover = self._cover, None
        if cover is None:
            return
        self._layout.removeWidget(cover)
        cover.hide()
        cover.deleteLater()
        shown = self._content or self._starting
        self.setFocusProxy(shown)
        shown.show()
        if self.isVisible():
            shown.setFocus(Qt.FocusReason.OtherFocusReason)

    def _replace(self, content: QWidget | None) -> None:
        self._patience.stop()
        self._starting.setText("")
        focused = QApplication.focusWidget()
        had_focus = focused is None or focused is self or self.isAncestorOf(focused)
        if self._content is not None:
            self._layout.removeWidget(self._content)
            self._content.hide()
            self._content.deleteLater()
        self._content = content
        if self._cover is None:
            self.setFocusProxy(content or self._starting)
        self._starting.setVisible(content is None and self._cover is None)
        if content is None:
            return
        self._layout.addWidget(content)
        content.setVisible(self._cover is None)
        if self._cover is None and had_focus and self.isVisible():
            content.setFocus(Qt.FocusReason.OtherFocusReason)
