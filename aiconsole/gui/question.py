"""The one thing that is modal: a question whose answer can lose data. It says what will change before anything does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from .overlay import Overlay
from .theme import SPACE_L, SPACE_M, SPACE_S, SPACE_XL, Theme, set_role

_WIDTH = 640
_LINES = (3, 14)


class Question(Overlay):
    """Asks over ``parent``. Escape and Cancel leave everything as it is, and Cancel has the keyboard at first."""

    def __init__(self, parent: QWidget, theme: Theme) -> None:
        super().__init__(parent, theme, _WIDTH)
        self._run: Callable[[], object] | None = None
        self._title, self._words = QLabel(), QLabel()
        set_role(self._title, "head")
        self._words.setWordWrap(True)
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setTabChangesFocus(True)
        self.details.setAccessibleName("What will change")
        self.details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        set_role(self.details, "code")
        self.cancel, self.do = QPushButton("Cancel"), QPushButton()
        set_role(self.do, "danger")
        self.cancel.clicked.connect(self.dismiss)
        self.do.clicked.connect(self._done)
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        row.addStretch(1)
        row.addWidget(self.do)
        row.addWidget(self.cancel)
        layout = QVBoxLayout(self.card)
        layout.setContentsMargins(SPACE_XL, SPACE_L, SPACE_XL, SPACE_L)
        layout.setSpacing(SPACE_M)
        for widget in (self._title, self._words, self.details):
            layout.addWidget(widget)
        layout.addLayout(row)

    def ask(self, title: str, words: str, details: Sequence[str], action: str, run: Callable[[], object]) -> None:
        """Ask; ``run`` is called where the person presses ``action``."""
        self._run = run
        self._title.setText(title)
        self._words.setText(words)
        self._words.setMinimumHeight(self._words.heightForWidth(_WIDTH - 2 * SPACE_XL))
        self.details.setPlainText("\n".join(details))
        self.details.setVisible(bool(details))
        rows = min(max(len(details), _LINES[0]), _LINES[1])
        self.details.setFixedHeight(self.details.fontMetrics().lineSpacing() * rows + 28)
        self.do.setText(action)
        self.setAccessibleName(title)
        self.setAccessibleDescription(words)
        self.open(self.cancel)
        self.fit()

    def dismiss(self) -> None:
        self._run = None
        super().dismiss()

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes round inside, until the card is about to go."""
        if self._run is None:
            return super().focusNextPrevChild(forward)
        chain: list[QWidget] = [self.details, self.do, self.cancel]
        shown = [widget for widget in chain if widget.isVisible()]
        here = QApplication.focusWidget()
        at = shown.index(here) if here in shown else -1
        shown[(at + (1 if forward else -1)) % len(shown)].setFocus(Qt.FocusReason.TabFocusReason)
        return True

    def _done(self) -> None:
        run = self._run
        self.dismiss()
        if run is not None:
            run()
