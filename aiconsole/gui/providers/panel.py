"""The providers panel: the table of all, and a page for one or for adding one."""

from __future__ import annotations

import asyncio
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from ..commands import Command
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_L, SPACE_M, SPACE_S, set_role
from .custom import CustomForm
from .detail import Detail
from .rows import ProvidersModel
from .table import MarkedCells, Table

_EVERY_MS = 1000
_WIDTHS = {0: 130, 1: 110, 2: 130, 3: 64, 4: 130, 6: 72, 7: 110, 8: 88, 9: 84, 10: 72}


class ProvidersPanel(QWidget):
    """``open_item(name)`` opens a provider's page; ``name#key`` puts the keyboard into its key field, "#add" opens the form
    for a new one."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self.setAccessibleName("Providers")
        self._session, self._shell = session, shell
        self._seen_revision = -1
        self.model = ProvidersModel(session, self)
        self.table = Table(self.model, "Providers")
        self.table.setItemDelegate(MarkedCells(shell.theme, self.table))
        self.table.stretch(5, _WIDTHS)
        self.table.opened.connect(self._open_row)
        self._summary = QLabel()
        set_role(self._summary, "caption")
        self.test_all = QPushButton("Test all")
        self.test_all.clicked.connect(self.run_all)
        self.add = QPushButton("Add provider…")
        self.add.clicked.connect(self.open_form)
        self.demo = QPushButton()
        self.demo.clicked.connect(self._switch_demo)
        self.detail = Detail(session, shell)
        self.detail.left.connect(self.show_table)
        self.form: CustomForm | None = None
        self.pages = QStackedWidget()
        self.pages.addWidget(self._table_page())
        self.pages.addWidget(self.detail)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.pages)
        self.setFocusProxy(self.table)
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._tick)
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
        if self._session.provider(name) is None:
            return
        for at, row in enumerate(self.model.rows):
            if row.state.name == name:
                self.table.selectRow(at)
        self.detail.show_provider(name)
        self.pages.setCurrentWidget(self.detail)
        self.setFocusProxy(self.detail)
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
        self.pages.setCurrentWidget(self.form)
        self.setFocusProxy(self.form)
        self.form.label.setFocus()

    def run_all(self) -> None:
        """Test every provider that can be used."""
        names = [state.name for state in self._session.engine.providers() if state.usable]
        if names:
            self._shell.start(self._test(names), failed="The providers could not be tested")
        else:
            self._shell.notify("No provider can be tested yet: none has a key.", state="warn")

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

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()
        self._tick()
        self._list_models()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    # Inside

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
        top.addWidget(self.demo)
        top.addWidget(self.test_all)
        top.addWidget(self.add)
        hint = QLabel("Enter opens a provider: its key, connection, test and models.")
        set_role(hint, "caption")
        layout = QVBoxLayout(page)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_L)
        layout.setSpacing(SPACE_M)
        layout.addLayout(top)
        layout.addWidget(self.table, 1)
        layout.addWidget(hint)
        return page

    def _add_commands(self) -> None:
        group = "Providers"
        self._shell.commands.add(
            Command(key="providers.test_all", title="Test all providers", group=group, run=self.run_all, scope=self),
            Command(
                key="providers.test",
                title="Test this provider",
                group=group,
                shortcut="Ctrl+T",
                run=self._test_here,
                scope=self,
            ),
            Command(
                key="providers.back",
                title="Back to all providers",
                group=group,
                shortcut="Esc",
                run=self.show_table,
                scope=self,
                enabled=lambda: self.pages.currentIndex() > 0,
            ),
            Command(
                key="providers.filter",
                title="Filter the models",
                group=group,
                shortcut="Ctrl+F",
                run=self.detail.models.filter.setFocus,
                scope=self.detail,
            ),
        )

    def _tick(self) -> None:
        revision = self._session.activity.revision
        if revision != self._seen_revision:
            self._seen_revision = revision
            self.model.refresh()
            if self.detail.isVisible():
                self.detail.refresh_seen()
        else:
            self.model.refresh_guarded()
        if self.detail.isVisible():
            self.detail.guard.refresh()

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
            self._shell.start(self._test([self.model.rows[self.table.currentIndex().row()].state.name]))

    def _open_row(self, at: int) -> None:
        self.open_item(self.model.rows[at].state.name)

    def _added(self, name: str) -> None:
        own = self._session.engine.settings.custom.get(name)
        self.open_item(f"{name}#key" if own is not None and own.key_needed else name)
        if own is not None and not own.key_needed:
            self.detail.run_test()
