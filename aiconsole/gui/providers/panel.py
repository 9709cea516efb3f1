"""The providers panel: the table of all, a page for one or for adding one, and what was spent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from ...domain.errors import ConsoleError
from ..commands import Command
from ..session import Session
from ..shell import Shell
from ..table import MarkedCells, Table
from ..theme import SPACE_L, SPACE_M, SPACE_S, set_role
from ..titled import Sorted
from .asking import Asking
from .custom import CustomForm
from .detail import Detail
from .rows import COLUMNS, WIDTHS, ProvidersModel, hidden
from .spend import SpendPage

if TYPE_CHECKING:
    from ...realtime.state import LiveState

SPEND: Final = "#spend"
_HOUR_S: Final = 3600.0
_HZ: Final = 4.0
_AGE_MS: Final = 60_000
_WIDE: Final = 1500


class ProvidersPanel(QWidget):
    """``open_item(name)`` opens a provider's page; ``name#key`` puts the keyboard into its key field, "#add" opens the form
    for a new one, `SPEND` what was spent.

    Nothing runs while nothing changes and nothing is in view, but that the last hour moves on once a minute while it has
    figures or a limit waits to be whole again.
    """

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self.setAccessibleName("Providers")
        self._session, self._shell = session, shell
        self._seen_revision = -1
        self._asked_demo = session.engine.demo
        self._leave: Callable[[], None] | None = None
        self.model = ProvidersModel(session, self)
        self.order = Sorted(self.model, self)
        self.table = Table(self.order, "Providers")
        self._dress_table()
        self._summary = QLabel()
        set_role(self._summary, "caption")
        self._trouble = QLabel()
        self._trouble.setWordWrap(True)
        set_role(self._trouble, "caption", "crit")
        self._trouble.hide()
        self.test_all = QPushButton("Test all")
        self.test_all.clicked.connect(self.run_all)
        self.to_spend = QPushButton("Spend")
        self.to_spend.clicked.connect(self.open_spend)
        self.add = QPushButton("Add provider…")
        self.add.clicked.connect(self.open_form)
        self.demo = QPushButton()
        self.demo.clicked.connect(self._switch_demo)
        self.detail = Detail(session, shell)
        self.detail.left.connect(self.show_table)
        self.form: CustomForm | None = None
        self.spend: SpendPage | None = None
        self.pages = QStackedWidget()
        self.pages.addWidget(self._table_page())
        self.pages.addWidget(self.detail)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.pages)
        self.setFocusProxy(self.table)
        self.hour = Asking(shell, self._ask_hour, self._tell_trouble, self)
        self._age = QTimer(self)
        self._age.setSingleShot(True)
        self._age.setInterval(_AGE_MS)
        self._age.timeout.connect(self._grow_older)
        session.changed.connect(self.refresh)
        session.tested.connect(self.refresh)
        session.models_changed.connect(self.refresh)
        self._add_commands()
        self.table.selectRow(0)
        self.refresh()

    def open_item(self, argument: Any) -> None:
        """Open a page; see the class."""
        name, _, part = str(argument).partition("#")
        if part == "add":
            self.open_form()
            return
        if argument == SPEND:
            self.open_spend()
            return
        if self._session.provider(name) is None:
            return
        for at in range(self.order.rowCount()):
            if self._name_at(at) == name:
                self.table.selectRow(at)
        self.detail.show_provider(name)
        self._show(self.detail)
        (self.detail.key if part == "key" else self.detail.test).setFocus()

    def show_table(self) -> None:
        """Go back to the table."""
        self.pages.setCurrentIndex(0)
        self.setFocusProxy(self.table)
        self.table.setFocus()

    def open_form(self) -> None:
        """Open the form for a provider of the person's own."""
        if self._session.engine.demo:
            self._shell.notify(
                "While the providers are simulated there are no others. Switch to the real ones to add one.",
                state="warn",
            )
            return
        if self.form is None:
            self.form = CustomForm(self._session, self._shell)
            self.form.left.connect(self.show_table)
            self.form.added.connect(self._added)
            self.pages.addWidget(self.form)
        self.form.start_afresh()
        self._show(self.form)
        self.form.label.setFocus()

    def open_spend(self) -> None:
        """Show what was spent, on whom and on which route."""
        if self.spend is None:
            self.spend = SpendPage(self._session, self._shell)
            self.spend.left.connect(self.show_table)
            self.pages.addWidget(self.spend)
        self._show(self.spend)
        self.spend.setFocus()

    def run_all(self) -> None:
        """Test every provider that can be used."""
        names = [state.name for state in self._session.engine.providers() if state.usable]
        if names:
            self._shell.start(self._test(names), failed="The providers could not be tested")
        else:
            self._shell.notify("No provider can be tested yet: none has a key.", state="warn")

    def sort(self, column: int) -> None:
        """Sort by a column: falling where it holds figures, and the other way round the second time."""
        header = self.table.horizontalHeader()
        same = header.sortIndicatorSection() == column
        falling = header.sortIndicatorOrder() == Qt.SortOrder.AscendingOrder if same else column in self.model.NUMBERS
        self.table.sortByColumn(column, Qt.SortOrder.DescendingOrder if falling else Qt.SortOrder.AscendingOrder)

    def refresh(self, *_: object) -> None:
        """Say how things stand now."""
        self.model.refresh()
        usable = sum(row.state.usable for row in self.model.rows)
        simulated = self._session.engine.demo
        self.demo.setText("Use the real providers" if simulated else "Use simulated providers")
        self.add.setVisible(not simulated)
        self._summary.setText(
            "All are simulated on this computer; nothing reaches a real provider."
            if simulated
            else f"{usable} of {len(self.model.rows)} can be used"
        )
        self._hide_columns()
        if simulated != self._asked_demo and self.isVisible():
            self.hour.now()
        self._age_later()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._leave is None:
            self._leave = self._session.engine.live.watch(self._on_live, hz=_HZ)
        self.refresh()
        self.hour.now()
        self._list_models()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._leave is not None:
            self._leave()
            self._leave = None
        self.hour.rest()
        self._age.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._hide_columns()

    # Inside

    def _dress_table(self) -> None:
        self.table.setItemDelegate(MarkedCells(self._shell.theme, self.table))
        self.table.setSortingEnabled(True)
        self.table.horizontalHeader().setSortIndicatorClearable(True)
        self.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.table.set_widths(WIDTHS)
        self.table.opened.connect(self._open_row)

    def _show(self, page: QWidget) -> None:
        self.pages.setCurrentWidget(page)
        self.setFocusProxy(page)

    def _table_page(self) -> QWidget:
        page = QWidget()
        head = QLabel("Providers")
        set_role(head, "title")
        top = QHBoxLayout()
        top.setSpacing(SPACE_S)
        top.addWidget(head)
        top.addSpacing(SPACE_S)
        top.addWidget(self._summary)
        top.addStretch(1)
        for button in (self.demo, self.to_spend, self.test_all, self.add):
            top.addWidget(button)
        hint = QLabel("Enter opens a provider: its graph, key, breakers, limits and models. A click on a title sorts.")
        set_role(hint, "caption")
        layout = QVBoxLayout(page)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_L)
        layout.setSpacing(SPACE_M)
        layout.addLayout(top)
        layout.addWidget(self._trouble)
        layout.addWidget(self.table, 1)
        layout.addWidget(hint)
        return page

    def _add_commands(self) -> None:
        group = "Providers"
        made: list[tuple[str, str, str, Callable[[], object], QWidget]] = [
            ("test_all", "Test all providers", "", self.run_all, self),
            ("test", "Test this provider", "Ctrl+T", self._test_here, self),
            ("filter", "Filter the models", "Ctrl+F", self.detail.find_models, self.detail),
            *(
                (f"range.{at}", title, keys, run, self.detail)
                for at, (title, keys, run) in enumerate(self.detail.ranges())
            ),
            *(
                (f"sort.{at}", f"Sort the providers by {column.title}", "", partial(self.sort, at), self)
                for at, column in enumerate(COLUMNS)
            ),
        ]
        for key, title, shortcut, run, scope in made:
            self._shell.commands.add(
                Command(key=f"providers.{key}", title=title, group=group, shortcut=shortcut, run=run, scope=scope)
            )
        self._shell.commands.add(
            Command(
                key="providers.back",
                title="Back to all providers",
                group=group,
                shortcut="Esc",
                run=self.show_table,
                scope=self,
                enabled=lambda: self.pages.currentIndex() > 0,
            )
        )

    def _name_at(self, row: int) -> str:
        return self.model.rows[self.order.mapToSource(self.order.index(row, 0)).row()].state.name

    def _hide_columns(self) -> None:
        gone = hidden(self.model.rows, wide=self.width() >= _WIDE)
        for at in range(len(COLUMNS)):
            if self.table.isColumnHidden(at) != (at in gone):
                self.table.setColumnHidden(at, at in gone)

    def _on_live(self, _state: LiveState) -> None:
        self.model.refresh()
        self._hide_columns()
        self._age_later()
        revision = self._session.activity.revision
        if revision != self._seen_revision:
            self._seen_revision = revision
            self.hour.soon()
        if self.detail.isVisible():
            self.detail.refresh_live()

    async def _ask_hour(self) -> None:
        now, engine = self._session.clock.now(), self._session.engine
        self._asked_demo = engine.demo
        self.model.show_hour(await engine.history.totals(now - _HOUR_S, now + 1, simulated=engine.demo))
        self._age_later()

    def _tell_trouble(self, error: ConsoleError | None) -> None:
        self._trouble.setText("" if error is None else f"{error.message} {error.advice}".strip())
        self._trouble.setVisible(error is not None)

    def _age_later(self) -> None:
        waits = any(row.hour is not None or (row.tightest and row.tightest.resets_at) for row in self.model.rows)
        if waits and self.isVisible() and not self._age.isActive():
            self._age.start()

    def _grow_older(self) -> None:
        self.hour.now()
        if self.detail.isVisible():
            self.detail.refresh_live()

    def _switch_demo(self) -> None:
        self._shell.start(self._session.set_demo(not self._session.engine.demo), failed="The switch was not kept")

    def _list_models(self) -> None:
        names = [
            state.name
            for state in self._session.engine.providers()
            if state.usable and state.name not in self._session.models and state.name not in self._session.model_faults
        ]
        for name in names:
            self._shell.start(self._session.load_models(name))

    async def _test(self, names: list[str]) -> None:
        await asyncio.gather(*(self._session.test(name) for name in names))

    def _test_here(self) -> None:
        if self.pages.currentWidget() is self.detail:
            self.detail.run_test()
        elif self.table.currentIndex().isValid():
            self._shell.start(self._test([self._name_at(self.table.currentIndex().row())]))

    def _open_row(self, at: int) -> None:
        self.open_item(self._name_at(at))

    def _added(self, name: str) -> None:
        own = self._session.engine.settings.custom.get(name)
        self.open_item(f"{name}#key" if own is not None and own.key_needed else name)
        if own is not None and not own.key_needed:
            self.detail.run_test()
