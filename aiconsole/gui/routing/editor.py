"""One route: how it picks, and its candidates in order, moved by drag and by keyboard."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from PySide6.QtCore import QRect, Signal
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QHeaderView, QLabel, QPushButton, QVBoxLayout, QWidget

from ...settings.declare import RouteOptions
from ..breakers import Hold, turn
from ..chat.models import ModelChoice
from ..keys import keys_text
from ..session import Session
from ..shell import Shell
from ..table import MarkedCells, Table
from ..theme import SPACE_M, SPACE_S, set_role
from .model import CandidatesModel
from .options import Options

_WIDTHS = {1: 150, 2: 64, 3: 88, 4: 88}


class RouteEditor(QWidget):
    """Shows one route at a time. ``removed(name, candidates)``: the person took it away."""

    removed = Signal(str, object)

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self.name = ""
        self._writing = asyncio.Lock()
        self._pending = 0
        self._title = QLabel()
        set_role(self._title, "title")
        self.options = Options()
        self.options.chosen.connect(self._choose)
        self.options.more.connect(lambda: shell.open("settings", f"routing.{self.name}.weights"))
        self.model = CandidatesModel(session)
        self.model.moved.connect(self.move_to)
        self.table = Table(self.model, "Candidates in their order")
        self.table.setItemDelegate(MarkedCells(shell.theme, self.table))
        self.table.stretch(0, _WIDTHS)
        self.table.horizontalHeader().setSectionResizeMode(5, QHeaderView.ResizeMode.Stretch)
        self.table.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.table.setDragDropOverwriteMode(False)
        self.table.opened.connect(lambda at: shell.open("providers", self.model.rows[at].name.partition("/")[0]))
        self.picker = ModelChoice(session, shell, routes=False)
        self.picker.chosen.connect(self.add_candidate)
        self.add = QPushButton("Add candidate…")
        self.up, self.down = QPushButton("Move up"), QPushButton("Move down")
        self.take = QPushButton("Take out")
        self.holds: dict[Hold, QPushButton] = {
            "open": QPushButton("Hold open"),
            "closed": QPushButton("Hold closed"),
            "reset": QPushButton("Reset"),
        }
        self.remove = QPushButton("Remove route")
        self._build()
        self.setFocusProxy(self.table)
        self.table.selectionModel().currentChanged.connect(lambda *_: self._follow())

    def show_route(self, name: str) -> None:
        """Be for this route from now on."""
        self.name = name
        self.refresh()
        self.table.selectRow(0)

    def refresh(self) -> None:
        """Say how things stand now; while changes are being kept, the order is the person's."""
        settings = self._session.engine.settings
        if self._pending or self.name not in settings.routes:
            self.model.show(self.model.names)
            return
        at = self.table.currentIndex().row()
        self._title.setText(self.name)
        self.options.show_options(settings.routing.get(self.name, RouteOptions()), settings.fallback.mid_stream)
        self.model.show(settings.routes[self.name])
        if not self.table.currentIndex().isValid() and self.model.rows:
            self.table.selectRow(min(max(at, 0), len(self.model.rows) - 1))
        self._follow()

    # What the person does

    def step(self, by: int) -> None:
        """Move the chosen candidate up (-1) or down (1)."""
        at = self.table.currentIndex().row()
        if at >= 0 and 0 <= at + by < len(self.model.rows):
            self.move_to(at, at + by)

    def move_to(self, start: int, end: int) -> None:
        """Let the candidate at ``start`` stand at ``end``."""
        names = list(self.model.names)
        names.insert(end, names.pop(start))
        self._set(names, end)

    def add_candidate(self, name: str) -> None:
        """Put a candidate at the end, unless it is there already."""
        names = self.model.names
        if name in names:
            self.table.selectRow(names.index(name))
        else:
            self._set((*names, name), len(names))

    def take_out(self) -> None:
        """Take the chosen candidate out, with a way back; the last one takes the route with it."""
        at, names = self.table.currentIndex().row(), self.model.names
        if not 0 <= at < len(names):
            return
        if len(names) == 1:
            self.remove.click()
            return
        self._set((*names[:at], *names[at + 1 :]), min(at, len(names) - 2))
        route = self.name
        self._shell.notify(
            f"{names[at]} was taken out of {route}.", action="Undo", run=lambda: self._write(f"routes.{route}", names)
        )

    def ask_candidate(self) -> None:
        """Open the picker."""
        self.picker.ask(self.add, QRect(0, 0, self.add.width(), self.add.height()), "")

    def hold(self, how: Hold) -> None:
        """Hold or reset the breaker of the chosen candidate."""
        at = self.table.currentIndex().row()
        if 0 <= at < len(self.model.rows):
            turn(self._session, self._shell, self.model.rows[at].breaker.key, how)

    # Inside

    def _build(self) -> None:
        self.add.clicked.connect(self.ask_candidate)
        self.up.clicked.connect(lambda: self.step(-1))
        self.down.clicked.connect(lambda: self.step(1))
        self.take.clicked.connect(self.take_out)
        for how, button in self.holds.items():
            button.clicked.connect(lambda _=False, how=how: self.hold(how))
        for button, keys in ((self.add, "Ins"), (self.up, "Alt+Up"), (self.down, "Alt+Down"), (self.take, "Del")):
            button.setToolTip(f"{button.text().rstrip('…')} ({keys_text(keys)})")
        set_role(self.remove, "danger")
        self.remove.clicked.connect(lambda: self.removed.emit(self.name, self.model.names))
        head = QHBoxLayout()
        head.setSpacing(SPACE_S)
        head.addWidget(self._title)
        head.addStretch(1)
        head.addWidget(self.remove)
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        for button in (self.add, self.up, self.down, self.take):
            row.addWidget(button)
        row.addStretch(1)
        row.addSpacing(SPACE_M)
        for button in self.holds.values():
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_M)
        layout.addLayout(head)
        layout.addWidget(self.options)
        layout.addWidget(self.table, 1)
        layout.addLayout(row)

    def _follow(self) -> None:
        at, many = self.table.currentIndex().row(), len(self.model.rows)
        chosen = 0 <= at < many
        self.up.setEnabled(chosen and at > 0)
        self.down.setEnabled(chosen and at < many - 1)
        self.take.setEnabled(chosen)
        state = self.model.rows[at].breaker.state if chosen else ""
        for how, button in self.holds.items():
            button.setEnabled(chosen and state != f"forced {how}")
            button.setAccessibleName(f"{button.text()}: breaker of {self.model.rows[at].breaker.key}" if chosen else "")

    def _choose(self, field: str, value: object) -> None:
        key = f"routing.{self.name}.{field}"
        if value is None:
            self._shell.start(self._session.reset(key), failed="The option was not kept")
        else:
            self._write(key, value)

    def _set(self, names: Sequence[str], chosen: int) -> None:
        self.model.show(names)
        self.table.selectRow(chosen)
        self._follow()
        self._write(f"routes.{self.name}", tuple(names))

    def _write(self, key: str, value: object) -> None:
        self._pending += 1
        self._shell.start(self._keep(key, value), failed="The route was not changed")

    async def _keep(self, key: str, value: object) -> None:
        """One after another, so that the last change made is the one that stays."""
        try:
            async with self._writing:
                await self._session.change(key, list(value) if isinstance(value, tuple) else value)
        finally:
            self._pending -= 1
            self.refresh()
