"""The panel of requests: a table of all that were made, filtered and sorted by the database, and a page for each."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any, Final

import msgspec
from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ...domain.errors import ConsoleError
from ...domain.history import RequestRow, Sort
from ...store import request_names
from ..figures import count
from ..keys import with_keys
from ..session import Session
from ..shell import Shell
from ..slot import Trouble
from ..theme import SPACE_L, SPACE_M, SPACE_S, set_role
from .arrivals import MOST, Arrivals
from .cells import as_text
from .empty import Empty
from .exporting import Exporting
from .filters import Filters
from .model import PAGE, Found, RequestsModel
from .offers import panel_commands
from .page import RequestPage
from .table import RequestsTable
from .wanted import Wanted

KEY: Final = "requests"
COPIED: Final = 10_000
_NAMED_AGAIN_S: Final = 0.7


class RequestsPanel(QWidget):
    """``open_item``: a `Wanted` filters the table by it, a request's id opens that request's page."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self.found: Found | None = None
        self._searching: asyncio.Task[None] | None = None
        self._pending: tuple[RequestRow, ...] = ()
        self._open_row = -1
        self._demo = session.engine.demo
        self.model = RequestsModel(shell.start, self)
        self.table = RequestsTable(self.model, shell.theme)
        self.filters = Filters(shell.icons)
        self.exporting = Exporting(shell)
        self.page = RequestPage(session, shell)
        self.arrivals = Arrivals(session, shell)
        self.new = QPushButton()
        self.summary = QLabel()
        self._simulated = QLabel("simulated")
        self.export = QPushButton("Export…")
        self.empty = Empty()
        self._body = QStackedWidget()
        self._trouble: Trouble | None = None
        self.pages = QStackedWidget()
        self._build()
        self._connect()
        shell.commands.add(*panel_commands(self))
        self.filters.show_wanted(shell.recall(KEY, Wanted) or Wanted())
        self.reload()

    @property
    def wanted(self) -> Wanted:
        """What is filtered and sorted by."""
        return self.filters.wanted

    def open_item(self, argument: Any) -> None:
        """Show what another panel asks for; see the class."""
        if isinstance(argument, Wanted):
            self.filters.show_wanted(argument)
            self._keep()
            self.show_table()
            self.reload()
        elif isinstance(argument, str) and argument:
            self._shell.start(self._open_named(argument), failed="The request cannot be opened")

    def show_table(self) -> None:
        """Go back to the table."""
        self.pages.setCurrentIndex(0)
        self.setFocusProxy(self.table)
        self.table.setFocus()
        self.arrivals.look()

    def leave(self) -> None:
        """Leave the page, or let go of the chosen rows."""
        if self.pages.currentIndex() == 1:
            self.show_table()
        else:
            self.table.clearSelection()
            self.table.setCurrentIndex(QModelIndex())
            self._follow()

    def reload(self) -> None:
        """Search anew; the rows in view stay until the new ones are found."""
        if self._searching is not None:
            self._searching.cancel()
        self._searching = self._shell.start(self._search(self.wanted), failed="The requests cannot be read")

    def open_row(self, at: int) -> None:
        """Open the page of a row."""
        line = self.model.line(at)
        self._point_at(at)
        if line is not None:
            self._open_page(line.row)

    def take_new(self) -> None:
        """Put what came meanwhile into the table and go to its top."""
        self.table.scrollToTop()
        if self.wanted.newest_first and self._pending and len(self._pending) < MOST:
            self._prepend()
        else:
            self.reload()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.arrivals.wake()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.arrivals.rest()

    # Inside

    def _build(self) -> None:
        title = QLabel("Requests")
        set_role(title, "title")
        set_role(self._simulated, "pill", "warn")
        self._simulated.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._simulated.setToolTip("These requests were answered by the simulator on this computer.")
        set_role(self.summary, "caption")
        self.summary.setAccessibleName("Found")
        set_role(self.new, "primary")
        self.new.setIcon(self._shell.icons.icon("up", "on_accent"))
        self.new.hide()
        self.export.setToolTip(with_keys("Write what was found to a file, as CSV or JSON (Ctrl+S)"))
        self.export.setAccessibleName("Export what was found")
        top = QHBoxLayout()
        top.setSpacing(SPACE_S)
        for widget in (title, self._simulated):
            top.addWidget(widget)
        top.addSpacing(SPACE_S)
        top.addWidget(self.summary)
        top.addStretch(1)
        top.addWidget(self.new)
        top.addWidget(self.export)
        self._body.addWidget(self.table)
        self._body.addWidget(self.empty)
        first = QWidget()
        layout = QVBoxLayout(first)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_L)
        layout.setSpacing(SPACE_M)
        layout.addLayout(top)
        layout.addWidget(self.filters)
        layout.addWidget(self.exporting)
        layout.addWidget(self._body, 1)
        self.pages.addWidget(first)
        self.pages.addWidget(self.page)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.pages)
        self.setFocusProxy(self.table)

    def _connect(self) -> None:
        self.table.opened.connect(self.open_row)
        self.table.sorted_by.connect(self.sort)
        self.table.copied.connect(self.copy_rows)
        self.table.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.filters.changed.connect(self._filter_changed)
        self.filters.table_wanted.connect(self.table.setFocus)
        self.model.failed.connect(self._show_trouble)
        self.new.clicked.connect(self.take_new)
        self.export.clicked.connect(self.ask_export)
        self.empty.chat.clicked.connect(partial(self._shell.open, "chat"))
        self.empty.clear.clicked.connect(self.filters.clear)
        self.empty.all.clicked.connect(self._all_times)
        self.page.left.connect(self.show_table)
        self.page.stepped.connect(self.step)
        self.page.named.connect(self.open_item)
        self.arrivals.came.connect(self._came)
        self._session.changed.connect(self._demo_changed)

    # Searching

    async def _search(self, wanted: Wanted) -> None:
        engine, now = self._session.engine, self._session.clock.now()
        demo = engine.demo
        asked = wanted.filter(now, demo)
        saying = asyncio.get_running_loop().call_later(0.15, self.summary.setText, "Searching…")
        try:
            found = await engine.history.requests(asked, wanted.sort, descending=wanted.descending)
            first = await found.page(0, PAGE) if found.count else ()
            names = await engine.history.ask(request_names.read)
        except ConsoleError as error:
            self._show_trouble(error)
            return
        finally:
            saying.cancel()
        self.found = found
        self.model.show(found, first)
        self._point_at(-1)
        self.table.scrollToTop()
        self.table.show_order(wanted.sort, wanted.descending)
        self.filters.show_choices(names, demo)
        self._simulated.setVisible(asked.simulated)
        newest = first[0] if first and wanted.newest_first else None
        self._pending = ()
        self.arrivals.watch(asked, newest, now if found.count else 0.0)
        self._tell(wanted, asked.simulated)

    def _tell(self, wanted: Wanted, simulated: bool) -> None:
        """Say how many there are, or in the table's place that there are none and what then."""
        found = self.found
        assert found is not None
        rows = self.model.rowCount()
        words = f"{count(rows)} {'request' if rows == 1 else 'requests'}"
        self.summary.setText(f"The first {words} of more" if found.capped else words)
        self.export.setEnabled(rows > 0)
        self.new.hide()
        if rows == 0:
            self.empty.show_reason(wanted, simulated=simulated)
        self._show_body(self.table if rows else self.empty)

    def _show_body(self, widget: QWidget) -> None:
        if self._trouble is not None and widget is not self._trouble:
            self._body.removeWidget(self._trouble)
            self._trouble.deleteLater()
            self._trouble = None
        focused = QApplication.focusWidget()
        had_focus = focused is not None and self._body.isAncestorOf(focused)
        self._body.setCurrentWidget(widget)
        self.setFocusProxy(widget if self.pages.currentIndex() == 0 else self.page)
        if had_focus and self.isVisible() and self.pages.currentIndex() == 0:
            widget.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_trouble(self, error: object) -> None:
        assert isinstance(error, BaseException)
        self.summary.setText("")
        self.export.setEnabled(False)
        trouble = Trouble(self._shell.theme, "The requests cannot be read.", error, self.reload)
        self._body.addWidget(trouble)
        self._show_body(trouble)
        self._trouble = trouble

    def _filter_changed(self) -> None:
        self._keep()
        self.reload()

    def _keep(self) -> None:
        self._shell.remember(KEY, self.wanted)

    def _all_times(self) -> None:
        self.narrow(last_s=None, start=None, end=None)

    def narrow(self, **fields: Any) -> None:
        """Filter or sort by these fields of `Wanted` as well."""
        self.filters.show_wanted(msgspec.structs.replace(self.wanted, **fields))
        self._filter_changed()

    def sort(self, sort: Sort, descending: bool) -> None:
        """Put the rows in another order."""
        self.narrow(sort=sort, descending=descending)

    def sort_again(self, sort: Sort) -> None:
        """Sort by this, or the other way round where that is so already."""
        self.sort(sort, not self.wanted.descending if self.wanted.sort == sort else True)

    def _demo_changed(self) -> None:
        if self._session.engine.demo != self._demo:
            self._demo = self._session.engine.demo
            if self.wanted.simulated is None:
                self.reload()

    # What comes

    def _came(self, number: int, rows: tuple[RequestRow, ...]) -> None:
        self._pending = rows
        if number == 0:
            self.new.hide()
        elif self.found is not None and self.model.rowCount() == 0:
            self.reload()
        elif self._follows():
            self.take_new()
        else:
            self.new.setText(f"{count(number)} new")
            self.new.setAccessibleName(f"Show {count(number)} new requests")
            self.new.setToolTip(with_keys("Go to the top with what came meanwhile (Ctrl+Home)"))
            self.new.show()

    def _follows(self) -> bool:
        """Whether what comes can enter at the top without moving what is looked at."""
        free = not self.table.selectionModel().hasSelection()
        return self.wanted.newest_first and self.table.at_top and free and self.pages.currentIndex() == 0

    def _prepend(self) -> None:
        rows, self._pending = self._pending, ()
        self.model.prepend(rows)
        if self._open_row >= 0:
            self._open_row += len(rows)
        if not self.table.selectionModel().hasSelection():
            top = self.model.index(0, 0)
            self.table.selectionModel().setCurrentIndex(top, QItemSelectionModel.SelectionFlag.NoUpdate)
        if self.table.at_top:
            self.table.scrollToTop()
        asked = self.wanted.filter(self._session.clock.now(), self._session.engine.demo)
        self.arrivals.watch(asked, rows[0], rows[0].finished_at)
        self._tell(self.wanted, asked.simulated)

    def _scrolled(self, value: int) -> None:
        if value == 0 and self._pending:
            QTimer.singleShot(0, self, self._follow)

    def _follow(self) -> None:
        if self._pending and self._follows():
            self.take_new()

    # Rows

    def copy_rows(self) -> None:
        """Put the chosen rows into the clipboard, as a table."""
        rows = self.table.chosen(COPIED + 1)
        if rows:
            self._shell.start(self._copy(rows), failed="The requests were not copied")

    async def _copy(self, rows: list[int]) -> None:
        lines = await self.model.lines(rows[:COPIED])
        QGuiApplication.clipboard().setText(as_text(lines))
        if len(rows) > COPIED:
            self._shell.notify(f"Copied the first {count(COPIED)} requests; export them to have all.", state="warn")
        else:
            self._shell.notify(
                f"Copied {count(len(lines))} {'request' if len(lines) == 1 else 'requests'}.", state="ok"
            )

    def ask_export(self) -> None:
        """Let the person choose a file for what was found."""
        if self.found is not None and self.found.count:
            self.exporting.ask(self, self.found)

    # Pages

    def _open_page(self, row: RequestRow) -> None:
        self.page.show_row(row)
        self.pages.setCurrentIndex(1)
        self.setFocusProxy(self.page)
        self.page.setFocus()

    def step(self, by: int) -> None:
        """Open the request above or below in the table."""
        at = self._open_row + by
        if self._open_row >= 0 and 0 <= at < self.model.rowCount():
            self._open_row = at
            self.table.selectRow(at)
            self._shell.start(self._open_at(at))

    async def _open_at(self, at: int) -> None:
        with suppress(ConsoleError):
            for line in await self.model.lines([at]):
                if at == self._open_row:
                    self.page.show_row(line.row)

    async def _open_named(self, request_id: str) -> None:
        """One that has just ended may not be written yet; then it is looked for once more."""
        past = await self._session.engine.history.request_named(request_id)
        if past is None:
            await asyncio.sleep(_NAMED_AGAIN_S)
            past = await self._session.engine.history.request_named(request_id)
        if past is None:
            self._shell.notify("That request is not kept, or not any more.", state="warn")
            return
        self._point_at(-1)
        self._open_page(past.row)

    def _point_at(self, at: int) -> None:
        """The page's request is in this row; -1 where that is not known."""
        self._open_row = at
        self.page.before.setEnabled(at >= 0)
        self.page.after.setEnabled(at >= 0)
