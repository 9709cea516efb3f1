"""The sheet of shortcuts (?): every key there is, by subject."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from .commands import Command, Commands
from .overlay import Overlay
from .palette import keys_text
from .theme import SPACE_L, SPACE_M, SPACE_S, SPACE_XL, Theme, set_role

_WIDTH = 720


class ShortcutSheet(Overlay):
    """Covers ``parent`` while open; any of Escape, ? and a click beside it closes it."""

    def __init__(self, parent: QWidget, theme: Theme, commands: Commands) -> None:
        super().__init__(parent, theme, _WIDTH)
        self.setAccessibleName("Shortcuts")
        self._commands = commands
        head = QLabel("Shortcuts")
        set_role(head, "head")
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setAccessibleName("List of shortcuts")
        layout = QVBoxLayout(self.card)
        layout.setContentsMargins(SPACE_XL, SPACE_L, SPACE_L, SPACE_L)
        layout.setSpacing(SPACE_M)
        layout.addWidget(head)
        layout.addWidget(self._area)

    def ask(self) -> None:
        """Open with the keys there are now; open already, close."""
        if self.isVisible():
            self.dismiss()
            return
        self._area.setWidget(_sheet([command for command in self._commands.all() if command.shortcut]))
        self.open(self._area)

    def wanted_height(self, room: int) -> int:
        content = self._area.widget()
        return min((content.sizeHint().height() if content else 0) + 88, room)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.text() == "?":
            self.dismiss()
        else:
            super().keyPressEvent(event)


def _sheet(commands: list[Command]) -> QWidget:
    groups: dict[str, list[Command]] = {}
    for command in commands:
        groups.setdefault(command.group, []).append(command)
    columns: tuple[list[str], list[str]] = ([], [])
    heights = [0, 0]
    for group, members in groups.items():
        at = 0 if heights[0] <= heights[1] else 1
        columns[at].append(group)
        heights[at] += len(members) + 2
    sheet = QWidget()
    across = QHBoxLayout(sheet)
    across.setContentsMargins(0, 0, SPACE_S, 0)
    across.setSpacing(SPACE_XL)
    for column in columns:
        down = QVBoxLayout()
        down.setSpacing(SPACE_L)
        for group in column:
            down.addLayout(_group(group, groups[group]))
        down.addStretch(1)
        across.addLayout(down, 1)
    return sheet


def _group(name: str, commands: list[Command]) -> QGridLayout:
    grid = QGridLayout()
    grid.setVerticalSpacing(SPACE_S)
    grid.setColumnStretch(0, 1)
    head = QLabel(name)
    set_role(head, "caption")
    grid.addWidget(head, 0, 0, 1, 2)
    for row, command in enumerate(commands, start=1):
        keys = QLabel(keys_text(command.shortcut))
        set_role(keys, "keys")
        grid.addWidget(QLabel(command.title), row, 0)
        grid.addWidget(keys, row, 1, Qt.AlignmentFlag.AlignRight)
    return grid
