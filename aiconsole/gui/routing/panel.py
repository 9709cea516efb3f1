"""The routing panel: the routes, the one that is chosen, and what the routing did lately."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ...settings.checks import check_route
from ..commands import Command
from ..drill.page import DRILL, DrillPage
from ..keys import with_keys
from ..session import Session
from ..shell import Shell
from ..table import MarkedCells, Table
from ..theme import SPACE_L, SPACE_M, SPACE_S, set_role
from .editor import RouteEditor
from .model import HappeningsModel
from .rules import RulesEditor

_SIDE = 220
_EVERY_MS = 1000
_ROW = 32


RULES = "#rules"


class RoutingPanel(QWidget):
    """``open_item(name)`` opens a route, ``open_item(RULES)`` the fallback rules, ``open_item(DRILL)`` the drill."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self.setAccessibleName("Routing")
        self._session, self._shell = session, shell
        self._seen_revision = -1
        self.routes = QListWidget()
        self.routes.setAccessibleName("Routes")
        set_role(self.routes, "nav")
        self.new = QLineEdit()
        self.new.setPlaceholderText("New route, by its name")
        self.new.setAccessibleName("Name of a new route")
        self.new.returnPressed.connect(self._create)
        self._trouble = QLabel()
        self._trouble.setWordWrap(True)
        set_role(self._trouble, "caption", "crit")
        self._trouble.hide()
        self.new.textChanged.connect(self._trouble.hide)
        self.editor = RouteEditor(session, shell)
        self.editor.removed.connect(self._remove)
        self.empty = _empty(self.new.setFocus)
        self.happenings = HappeningsModel()
        self.log = Table(self.happenings, "Recent switches", row_px=_ROW)
        self._quiet = QLabel("Nothing yet: when a request goes to another candidate than the first, it says here why.")
        set_role(self._quiet, "caption")
        self._split = QSplitter()
        self.rules = RulesEditor(session, shell)
        self.rules_button = QPushButton("Fallback rules")
        self.drill = DrillPage(session, shell)
        self.drill_button = QPushButton("Drill")
        self._pages = QStackedWidget()
        self._build()
        self._order_tabs()
        self.setFocusProxy(self.routes)
        self.routes.currentTextChanged.connect(self._show)
        self.routes.itemClicked.connect(lambda item: self._show(item.text()))
        self.routes.itemActivated.connect(lambda item: self._show(item.text()))
        self.rules_button.clicked.connect(self.show_rules)
        self.drill_button.clicked.connect(self.show_drill)
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self.tick)
        session.changed.connect(self.refresh)
        self._add_commands()
        self.refresh()

    def open_item(self, argument: Any) -> None:
        """Open a route by its name, or the rules, or the drill."""
        if argument == DRILL:
            self.show_drill()
            return
        if argument == RULES:
            self.show_rules()
            return
        for at in range(self.routes.count()):
            if self.routes.item(at).text() == str(argument):
                self.routes.setCurrentRow(at)
                self._show(str(argument))
                self.editor.table.setFocus()

    def show_rules(self) -> None:
        """Show the fallback rules in the place of the route."""
        self._pages.setCurrentIndex(1)
        self.rules_button.setChecked(True)
        self.drill_button.setChecked(False)
        self.routes.clearSelection()
        self.rules.tick()
        self.rules.table.setFocus()

    def show_drill(self) -> None:
        """Show the drill in the place of the route, for that route."""
        self._pages.setCurrentWidget(self.drill)
        self.rules_button.setChecked(False)
        self.drill_button.setChecked(True)
        self.routes.clearSelection()
        self.drill.begin(self.editor.name)

    def refresh(self) -> None:
        """Say how things stand now."""
        names = [name for name, candidates in self._session.engine.routes().items() if candidates]
        shown = [self.routes.item(at).text() for at in range(self.routes.count())]
        if names != shown:
            chosen = self.editor.name
            self.routes.blockSignals(True)
            self.routes.clear()
            self.routes.addItems(names)
            self.routes.setCurrentRow(names.index(chosen) if chosen in names else 0)
            self.routes.blockSignals(False)
            if names and chosen not in names:
                self.editor.show_route(names[0])
        self._split.setVisible(bool(names))
        self.empty.setVisible(not names)
        self.editor.refresh()

    def tick(self) -> None:
        """What changes by itself: breakers, scores, and what has happened."""
        if self._pages.currentIndex() == 1:
            self.rules.tick()
            return
        self.editor.refresh()
        kept = self._session.happenings
        if kept.revision != self._seen_revision:
            self._seen_revision = kept.revision
            self.happenings.show(kept.newest_first())
        self.log.setVisible(bool(self.happenings.rows))
        self._quiet.setVisible(not self.happenings.rows)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.routes.scheduleDelayedItemsLayout()  # the style sheet's row height is known only now
        self._timer.start()
        self.tick()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    # Inside

    def _build(self) -> None:
        side = QFrame()
        side.setFixedWidth(_SIDE)
        set_role(side, "side")
        down = QVBoxLayout(side)
        down.setContentsMargins(SPACE_M, SPACE_M, SPACE_M, SPACE_M)
        down.setSpacing(SPACE_S)
        head = QLabel("Routes")
        set_role(head, "head")
        for widget in (head, self.new, self._trouble):
            down.addWidget(widget)
        down.addWidget(self.routes, 1)
        self.rules_button.setCheckable(True)
        self.rules_button.setToolTip("What is done when a provider fails, slows down or costs too much")
        set_role(self.rules_button, "quiet")
        self.drill_button.setCheckable(True)
        self.drill_button.setToolTip(
            with_keys("Put simulated providers under faults and watch a route cope (Ctrl+Shift+D)")
        )
        set_role(self.drill_button, "quiet")
        down.addWidget(self.rules_button)
        down.addWidget(self.drill_button)
        split = self._split
        split.setOrientation(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(1)
        split.addWidget(self.editor)
        split.addWidget(self._build_log())
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        routes = QWidget()
        main = QVBoxLayout(routes)
        main.setContentsMargins(0, 0, 0, 0)
        main.addWidget(self.empty, 1)
        main.addWidget(split, 1)
        self._pages.addWidget(routes)
        self._pages.addWidget(self.rules)
        self._pages.addWidget(self.drill)
        self._pages.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_L)
        across = QHBoxLayout(self)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(0)
        across.addWidget(side)
        across.addWidget(self._pages, 1)

    def _build_log(self) -> QWidget:
        """What the routing did lately, or that it did nothing."""
        self.log.setItemDelegate(MarkedCells(self._shell.theme, self.log))
        self.log.stretch(4, {0: 110, 1: 110, 2: 120})
        self.log.horizontalHeader().setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
        lately = QWidget()
        below = QVBoxLayout(lately)
        below.setContentsMargins(0, SPACE_S, 0, 0)
        below.setSpacing(SPACE_S)
        title = QLabel("Recent switches")
        set_role(title, "head")
        for widget in (title, self._quiet):
            below.addWidget(widget)
        below.addWidget(self.log, 1)
        below.addStretch(0)
        return lately

    def _order_tabs(self) -> None:
        editor, options = self.editor, self.editor.options
        chain = [
            self.new,
            self.routes,
            self.rules_button,
            self.drill_button,
            editor.remove,
            options.strategy,
            options.mid_stream,
            options.hedge,
            options.all,
        ]
        chain += [editor.table, editor.add, editor.up, editor.down, editor.take, *editor.holds.values(), self.log]
        chain.append(self.rules.toml)
        for before, after in pairwise(chain):
            QWidget.setTabOrder(before, after)
        self.rules.order_tabs()

    def _add_commands(self) -> None:
        editor = self.editor
        for key, title, shortcut, run, scope in (
            ("up", "Move the candidate up", "Alt+Up", partial(editor.step, -1), editor),
            ("down", "Move the candidate down", "Alt+Down", partial(editor.step, 1), editor),
            ("add", "Add a candidate", "Ins", editor.ask_candidate, editor),
            ("take", "Take the candidate out", "Del", editor.take_out, editor.table),
            ("open", "Hold the candidate's breaker open", "", partial(editor.hold, "open"), self),
            ("closed", "Hold the candidate's breaker closed", "", partial(editor.hold, "closed"), self),
            ("reset", "Reset the candidate's breaker", "", partial(editor.hold, "reset"), self),
            ("new", "New route", "Ctrl+Shift+N", self.new.setFocus, self),
            ("drill", "Go to the drill", "Ctrl+Shift+D", self.show_drill, self),
        ):
            self._shell.commands.add(
                Command(key=f"routing.{key}", title=title, group="Routing", shortcut=shortcut, run=run, scope=scope)
            )

    def _show(self, name: str) -> None:
        """Show a route in the place of the rules."""
        if name:
            self._pages.setCurrentIndex(0)
            self.rules_button.setChecked(False)
            self.drill_button.setChecked(False)
            self.editor.show_route(name)

    def _create(self) -> None:
        """A new route begins with what a new conversation would ask."""
        name, routes = self.new.text().strip(), self._session.engine.routes()
        try:
            check_route(name, ())
        except ValueError as error:
            self._say(f"This name cannot be used: {error}.")
            return
        if routes.get(name):
            self.open_item(name)
            self.new.clear()
            return
        self._shell.start(self._keep_new(name), failed="The route was not made")

    async def _keep_new(self, name: str) -> None:
        engine = self._session.engine
        first = next((info for info in await engine.models() if info.chat), None)
        if first is None:
            self._say("No provider offers a model yet, so a route would have no candidate. Add a key first.")
            return
        await self._session.change(f"routes.{name}", [f"{first.provider}/{first.id}"])
        self.new.clear()
        self.open_item(name)

    def _remove(self, name: str, candidates: tuple[str, ...]) -> None:
        self._shell.start(self._drop(name, candidates), failed="The route was not removed")

    async def _drop(self, name: str, candidates: tuple[str, ...]) -> None:
        """An empty list takes away a ready-made one as well."""
        await self._session.change(f"routes.{name}", [])
        self._shell.notify(
            f"The route {name} was removed.",
            action="Undo",
            run=lambda: self._shell.start(
                self._session.change(f"routes.{name}", list(candidates)), failed="It was not brought back"
            ),
        )

    def _say(self, text: str) -> None:
        self._trouble.setText(text)
        self._trouble.show()


def _empty(begin: Callable[[], object]) -> QWidget:
    """What stands in a route's place before there is one."""
    made = QWidget()
    title, said = (
        QLabel("No routes yet"),
        QLabel("A route asks several providers in turn, so that one of them answers."),
    )
    set_role(title, "title")
    set_role(said, "caption")
    button = QPushButton("Name a route")
    set_role(button, "primary")
    button.clicked.connect(begin)
    layout = QVBoxLayout(made)
    layout.setSpacing(SPACE_M)
    layout.addStretch(2)
    for widget in (title, said, button):
        layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
    layout.addStretch(3)
    return made
