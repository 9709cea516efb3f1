"""The settings panel: groups at the left, their settings at the right, a search over all, the file's problems above."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ..commands import Command
from ..keys import with_keys
from ..notices import StateGlyph
from ..performance.place import PERFORMANCE, PerformancePlace
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_L, SPACE_M, SPACE_S, set_role
from .field import SettingGroup
from .model import Entry, all_entries, found

_SIDE = 220
_PATIENCE_MS = 120
_MOST = 40
"""Settings shown of a search; more of them help nobody and take long to build."""
_COLUMN = 860


class SettingsPanel(QWidget):
    """All settings. ``open_item(key)`` goes to a setting or to a group of them, ``open_item(PERFORMANCE)`` to how the console
    uses the machine."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self.setAccessibleName("Settings")
        self._session, self._shell = session, shell
        self._groups: dict[str, tuple[Entry, ...]] = {}
        self._shown: list[SettingGroup] = []
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search the settings")
        self.search.setAccessibleName("Search the settings")
        self.search.setClearButtonEnabled(True)
        set_role(self.search, "search")
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_PATIENCE_MS)
        self._patience.timeout.connect(self._show)
        self.search.textChanged.connect(lambda _: self._patience.start())
        self.groups = QListWidget()
        self.groups.setAccessibleName("Groups of settings")
        set_role(self.groups, "nav")
        self.groups.currentRowChanged.connect(self._group_chosen)
        self._problems = QVBoxLayout()
        self._column = QVBoxLayout()
        self._area = QScrollArea()
        self._file = QLabel()
        self._folder = QPushButton("Open the folder")
        self.performance = PerformancePlace(session, shell, self.show_settings)
        self.performance_button = QPushButton("Performance, live")
        self._pages = QStackedWidget()
        self._build()
        self.setFocusProxy(self.search)
        session.changed.connect(self._refresh)
        self._refresh()
        self.groups.setCurrentRow(0)
        shell.commands.add(
            Command(
                key="settings.search",
                title="Search the settings",
                group="Settings",
                shortcut="Ctrl+F",
                run=self._go_search,
                scope=self,
            ),
            Command(
                key="settings.performance",
                title="Show performance in the place of the settings",
                group="Settings",
                shortcut="Alt+P",
                run=self.show_performance,
                scope=self,
                words="pools memory cache profile",
            ),
        )

    def open_item(self, argument: Any) -> None:
        """Go to a group, or to a setting by its key."""
        key = str(argument)
        if key == PERFORMANCE:
            self.show_performance()
            return
        self.show_settings()
        for at, (group, entries) in enumerate(self._groups.items()):
            for entry in entries:
                if key in (group, entry.key):
                    self.search.clear()
                    self.groups.setCurrentRow(at)
                    self._show()
                    if key == entry.key:
                        self._shown[0].fields[key].editor.setFocus(Qt.FocusReason.OtherFocusReason)
                    return

    def show_performance(self) -> None:
        """Show how the console uses the machine, in the place of the settings."""
        self._pages.setCurrentWidget(self.performance)
        self.setFocusProxy(self.performance)
        self.performance.begin()

    def show_settings(self) -> None:
        """Show the settings again."""
        if self._pages.currentWidget() is self.performance:
            self._pages.setCurrentIndex(0)
            self.setFocusProxy(self.search)
            self.performance_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.groups.scheduleDelayedItemsLayout()  # the style sheet's row height is known only now

    # Inside

    def _build(self) -> None:
        side = QFrame()
        side.setFixedWidth(_SIDE)
        set_role(side, "side")
        down = QVBoxLayout(side)
        down.setContentsMargins(SPACE_M, SPACE_M, SPACE_M, SPACE_M)
        down.setSpacing(SPACE_S)
        down.addWidget(self.search)
        down.addWidget(self.groups, 1)
        self.performance_button.setIcon(self._shell.icons.icon("overview"))
        self.performance_button.setToolTip(with_keys("Pools, memory, event loop, frames, cache and profiles (Alt+P)"))
        set_role(self.performance_button, "quiet")
        self.performance_button.clicked.connect(self.show_performance)
        down.addWidget(self.performance_button)
        content = QWidget()
        content.setMaximumWidth(_COLUMN)
        column = QVBoxLayout(content)
        column.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_L)
        column.setSpacing(SPACE_M)
        column.addLayout(self._problems)
        self._column.setSpacing(SPACE_M)
        column.addLayout(self._column)
        column.addWidget(self._file_line())
        column.addStretch(1)
        self._area.setWidgetResizable(True)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        holder = QWidget()
        across = QHBoxLayout(holder)
        across.setContentsMargins(0, 0, 0, 0)
        across.addWidget(content, 1)
        across.addStretch(0)
        self._area.setWidget(holder)
        settings = QWidget()
        layout = QHBoxLayout(settings)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(side)
        layout.addWidget(self._area, 1)
        self._pages.addWidget(settings)
        self._pages.addWidget(self.performance)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._pages)

    def _file_line(self) -> QWidget:
        line = QWidget()
        across = QHBoxLayout(line)
        across.setContentsMargins(0, 0, 0, 0)
        self._file.setText(f"Kept in {_short(self._session.engine.home.settings)}")
        self._file.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._file.setWordWrap(True)
        set_role(self._file, "caption")
        set_role(self._folder, "link")
        self._folder.clicked.connect(self._open_folder)
        across.addWidget(self._file, 1)
        across.addWidget(self._folder)
        return line

    def _open_folder(self) -> None:
        self._session.engine.home.ensure()
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._session.engine.home.settings.parent)))

    def _refresh(self) -> None:
        labels = {state.name: state.label for state in self._session.engine.providers()}
        wanted = all_entries(self._session.engine.settings, labels)
        if list(wanted) != list(self._groups):
            self._groups = wanted
            self._list_groups()
        self._show_problems()

    def _list_groups(self) -> None:
        row = max(0, self.groups.currentRow())
        self.groups.blockSignals(True)
        self.groups.clear()
        for group in self._groups:
            self.groups.addItem(QListWidgetItem(group))
        self.groups.setCurrentRow(min(row, self.groups.count() - 1))
        self.groups.blockSignals(False)
        self._show()

    def _group_chosen(self) -> None:
        if self.search.text():
            self.search.clear()
        else:
            self._show()

    def _show(self) -> None:
        """Show the group chosen, or what the search finds."""
        query = self.search.text().strip()
        if query:
            parts = {group: found(entries, query) for group, entries in self._groups.items()}
        else:
            item = self.groups.currentItem()
            group = item.text() if item is not None else ""
            parts = {group: list(self._groups.get(group, ()))}
        self._patience.stop()
        _empty(self._column)
        self._shown = []
        room = _MOST
        for group, entries in parts.items():
            if entries[:room]:
                self._shown.append(SettingGroup(self._session, self._shell, group, entries[:room]))
                self._column.addWidget(self._shown[-1])
            room = max(0, room - len(entries))
        words = f"No setting has “{query}” in its name or meaning." if not self._shown else ""
        if not room:
            words = "More settings fit. Another word narrows the search."
        if words:
            note = QLabel(words)
            note.setTextFormat(Qt.TextFormat.PlainText)
            set_role(note, "caption")
            self._column.addWidget(note)
        self._order_tabs()
        self._area.verticalScrollBar().setValue(0)

    def _order_tabs(self) -> None:
        """The keyboard goes from the groups through the settings to what is below them."""
        before: QWidget = self.performance_button
        for field in (field for shown in self._shown for field in shown.fields.values()):
            for widget in (field.editor.control, field.reset):
                self.setTabOrder(before, widget)
                before = widget
        self.setTabOrder(before, self._folder)

    def _show_problems(self) -> None:
        _empty(self._problems)
        problems = self._session.engine.setting_problems
        if not problems:
            return
        banner = QFrame()
        set_role(banner, "banner", "warn")
        banner.setAccessibleName("Problems of the settings file")
        across = QHBoxLayout(banner)
        across.setContentsMargins(SPACE_M, SPACE_M, SPACE_M, SPACE_M)
        across.setSpacing(SPACE_M)
        across.addWidget(StateGlyph(self._shell.theme, "warn"), 0, Qt.AlignmentFlag.AlignTop)
        down = QVBoxLayout()
        head = QLabel("Part of the settings file cannot be used. The file was left as it is.")
        head.setWordWrap(True)
        set_role(head, "strong")
        down.addWidget(head)
        for problem in problems:
            words = QLabel(str(problem))
            words.setTextFormat(Qt.TextFormat.PlainText)
            words.setWordWrap(True)
            words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            down.addWidget(words)
        across.addLayout(down, 1)
        self._problems.addWidget(banner)

    def _go_search(self) -> None:
        self.show_settings()
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()


def _empty(layout: QVBoxLayout) -> None:
    while layout.count():
        item = layout.takeAt(0)
        widget = item.widget() if item is not None else None
        if widget is not None:
            widget.hide()
            widget.deleteLater()


def _short(path: Path) -> str:
    """A path with the person's own folder as ~."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)
