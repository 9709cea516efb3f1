"""What the parts of a message share: the look, the icons, the highlighter, and small builders of controls."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QSize, Qt
from PySide6.QtWidgets import QLabel, QToolButton, QWidget

from ..icons import Icons
from ..keys import keys_text
from ..markdown.highlight import Highlighter
from ..markdown.style import Style
from ..markdown.view import MarkdownView
from ..theme import State, Theme, set_role


class Kit(QObject):
    """One of these for a transcript; ``renew`` after the theme has changed."""

    def __init__(self, theme: Theme, icons: Icons, parent: QObject) -> None:
        super().__init__(parent)
        self.theme, self.icons = theme, icons
        self.style_ = Style(theme)
        self.highlighter = Highlighter(self)

    def renew(self) -> None:
        """Make the formats anew from the theme's tokens."""
        self.style_ = Style(self.theme)

    def markdown(self, *, plain: bool = False) -> MarkdownView:
        """An empty view of Markdown, or of text as it is."""
        return MarkdownView(self.theme, self.icons, self.style_, self.highlighter, plain=plain)

    def tool(self, icon: str, name: str, run: Callable[[], object], *, keys: str = "", text: str = "") -> QToolButton:
        """A quiet button; ``keys`` is told in the tooltip."""
        return tool(self.icons, icon, name, run, keys=keys, text=text)


def tool(
    icons: Icons, icon: str, name: str, run: Callable[[], object], *, keys: str = "", text: str = ""
) -> QToolButton:
    """A quiet button with an icon, a name for the reader, and a word where ``text`` is given."""
    button = QToolButton()
    button.setIcon(icons.icon(icon))
    button.setIconSize(QSize(16, 16))
    button.setAccessibleName(name)
    button.setToolTip(f"{name} ({keys_text(keys)})" if keys else name)
    if text:
        button.setText(text)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.clicked.connect(lambda: run())
    return button


def label(text: str, role: str | None = None, state: State | None = None, parent: QWidget | None = None) -> QLabel:
    """A line of words in a role; text from outside never becomes HTML."""
    made = QLabel(parent)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    set_role(made, role, state)
    return made
