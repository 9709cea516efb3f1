"""The sheet of shortcuts (?): every key there is, by subject."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from .commands import Command, Commands
from .keys import keys_text, with_keys
from .overlay import Overlay
from .theme import SPACE_L, SPACE_M, SPACE_S, SPACE_XL, Theme, set_role

_WIDTH = 1080
_COLUMN = 300
_SOON_MS = 50


class ShortcutSheet(Overlay):
    """Covers ``parent`` while open; any of Escape, ?, F1 and a click beside it closes it. What comes while it is open is
    listed too. ``groups`` are named in their order before any others."""

    def __init__(self, parent: QWidget, theme: Theme, commands: Commands, groups: Sequence[str] = ()) -> None:
        super().__init__(parent, theme, _WIDTH)
        self.setAccessibleName("Shortcuts")
        self._commands, self._groups = commands, tuple(groups)
        head = QLabel("Shortcuts")
        set_role(head, "head")
        hint = QLabel(with_keys("? shows them, F1 also while you type. Ctrl+K finds everything else by its name."))
        set_role(hint, "caption")
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self._list)
        commands.listen(self._on_command)
        self._area.setAccessibleName("List of shortcuts")
        layout = QVBoxLayout(self.card)
        layout.setContentsMargins(SPACE_XL, SPACE_L, SPACE_L, SPACE_L)
        layout.setSpacing(SPACE_M)
        across = QHBoxLayout()
        across.setSpacing(SPACE_M)
        across.addWidget(head)
        across.addWidget(hint)
        across.addStretch(1)
        layout.addLayout(across)
        layout.addWidget(self._area)

    def ask(self) -> None:
        """Open with the keys there are now; open already, close."""
        if self.isVisible():
            self.dismiss()
            return
        self._list()
        self.open(self._area)

    def wanted_height(self, room: int) -> int:
        content = self._area.widget()
        return min((content.sizeHint().height() if content else 0) + 88, room)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.text() == "?" or event.key() == Qt.Key.Key_F1:
            self.dismiss()
        else:
            super().keyPressEvent(event)

    def _on_command(self, command: Command, _came: bool) -> None:
        if command.shortcut and self.isVisible():
            self._soon.start()

    def _list(self) -> None:
        groups: dict[str, list[Command]] = {name: [] for name in self._groups}
        for command in self._commands.all():
            if command.shortcut:
                groups.setdefault(command.group, []).append(command)
        at = self._area.verticalScrollBar().value()
        columns = max(1, min((self.room() - 4 * SPACE_XL) // _COLUMN, 3))
        self._area.setWidget(_sheet({name: members for name, members in groups.items() if members}, columns))
        self._area.verticalScrollBar().setValue(at)
        self.fit()


def _sheet(groups: dict[str, list[Command]], count: int) -> QWidget:
    """The groups in ``count`` columns, read down and then across, none much longer than the others."""
    whole = sum(len(members) + 2 for members in groups.values())
    columns: list[list[str]] = [[] for _ in range(count)]
    before = 0
    for name, members in groups.items():
        size = len(members) + 2
        columns[min(int((before + size / 2) * count / whole), count - 1)].append(name)
        before += size
    sheet = QWidget()
    across = QHBoxLayout(sheet)
    across.setContentsMargins(0, 0, SPACE_S, 0)
    across.setSpacing(SPACE_XL)
    for column in columns:
        down = QVBoxLayout()
        down.setSpacing(SPACE_L)
        for name in column:
            down.addLayout(_group(name, groups[name]))
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
        title = QLabel(command.title)
        title.setWordWrap(True)
        grid.addWidget(title, row, 0)
        grid.addWidget(keys, row, 1, Qt.AlignmentFlag.AlignRight)
    return grid
