"""The rail at the left: an icon and a word for each panel, and the way into the command palette."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QToolButton, QVBoxLayout, QWidget

from .icons import Icons
from .keys import keys_text, with_keys
from .theme import SPACE_XS, set_role


class Rail(QFrame):
    """``chosen(key)`` says where the person wants to go, ``commands_wanted`` that they want the palette."""

    chosen = Signal(str)
    commands_wanted = Signal()

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rail")
        self.setAccessibleName("Panels")
        self._icons = icons
        self._buttons: dict[str, QToolButton] = {}
        self._group = QButtonGroup(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_XS, SPACE_XS, SPACE_XS, SPACE_XS)
        layout.setSpacing(SPACE_XS)
        self._panels = QVBoxLayout()
        self._panels.setSpacing(SPACE_XS)
        layout.addLayout(self._panels)
        layout.addStretch(1)
        self._commands = self._button(keys_text("Ctrl+K"), "commands", with_keys("Commands (Ctrl+K)"))
        self._commands.setAccessibleName("Commands")
        self._commands.clicked.connect(self.commands_wanted)
        layout.addWidget(self._commands)

    def add(self, key: str, title: str, icon: str, shortcut: str) -> None:
        """Show a panel as the last one. ``icon`` is a name of ``icons.ICONS``."""
        button = self._button(title, icon, f"{title} ({keys_text(shortcut)})" if shortcut else title)
        button.setCheckable(True)
        button.clicked.connect(lambda: self.chosen.emit(key))
        self._group.addButton(button)
        self._panels.addWidget(button)
        self.setTabOrder([self._commands, *self._buttons.values()][-1], button)
        self.setTabOrder(button, self._commands)
        self._buttons[key] = button

    def mark(self, key: str) -> None:
        """Show ``key`` as the open panel; Tab reaches it, the arrows go on from there."""
        self._buttons[key].setChecked(True)
        for name, button in self._buttons.items():
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus if name == key else Qt.FocusPolicy.NoFocus)

    def _button(self, title: str, icon: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(title)
        button.setIcon(self._icons.icon(icon))
        button.setIconSize(QSize(22, 22))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setToolTip(tip)
        button.setAccessibleName(title)
        set_role(button, "rail")
        return button
