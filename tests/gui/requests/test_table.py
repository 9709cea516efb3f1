"""The table of requests by keyboard: live rows, search, filters that stay, order, many rows, what cannot be read."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from aiconsole.domain.chat import ChatRequest, Cost, Usage
from aiconsole.domain.messages import Message
from aiconsole.domain.trace import Attempt
from aiconsole.gui.requests import Wanted
from aiconsole.gui.requests.model import PAGE
from aiconsole.gui.slot import Trouble
from tests.gui.console import console, has_focus, press, tab_to, type_text, until
from tests.gui.requests.seen import Seen, fill, happen, kept, seen
from tests.store.happened import trace

CTRL = Qt.KeyboardModifier.ControlModifier


def chips(it: Seen) -> list[str]:
    return [chip.text() for chip in it.panel.filters.chips.findChildren(QPushButton)]


async def test_a_new_user_sees_what_will_be_here_and_then_the_first_request(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        press(Qt.Key.Key_3, CTRL)
        panel = await it.open("requests")
        await until(lambda: panel.empty.isVisible())
        assert panel.empty.title.text() == "No simulated request in this range"
        assert has_focus(panel.empty.chat)

        await it.engine.complete(ChatRequest("groq/openai/gpt-oss-120b", (Message.user("Hello"),)))
        await until(lambda: panel.model.rowCount() == 1)
        await until(lambda: has_focus(panel.table))
        press(Qt.Key.Key_Down)
        press(Qt.Key.Key_Return)
        assert panel.pages.currentWidget() is panel.page
        assert panel.page.row.provider == "groq"
        press(Qt.Key.Key_Escape)
        assert has_focus(panel.table)


async def test_rows_tell_status_figures_and_more_on_hover(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with seen(qapp, tmp_path) as it:
        busy = Attempt("groq/oss", 1, 0.0, 40.0, "failed", error_kind="overloaded", error="come back later", status=503)
        happen(it.it.engine, "a", 4, cost=Cost(0.0123, "provider"), usage=Usage(1200, 34))
        happen(it.it.engine, "b", 3, error_kind="overloaded", status=503, cost=None, usage=Usage(), trace=trace(busy))
        happen(it.it.engine, "c", 2, error_kind="cancelled", attempts=2)
        happen(it.it.engine, "d", 1, cached=True, saved_usd=0.02, attempts=0)
        await it.written()
        await it.shows("d", "c", "b", "a")
        assert it.column("Status") == ["from cache", "stopped", "overloaded", "answered"]
        assert it.column("Cost") == ["$0.00", "$0.0010", "–", "$0.01"]
        assert it.column("Tokens")[3] == "1,234"
        assert it.column("Attempts") == ["0", "2", "1", "1"]
        tips = [it.panel.model.index(2, column).data(Qt.ItemDataRole.ToolTipRole) for column in (0, 4)]
        assert time.strftime("%Y") in tips[0]
        assert "come back later" in tips[1]
        assert it.panel.summary.text() == "4 requests"


async def test_what_comes_enters_at_the_top_and_moves_nothing_that_is_read(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with seen(qapp, tmp_path) as it:
        for number in range(80):
            happen(it.it.engine, f"run-{number}", 90 - number)
        await it.written()
        assert it.panel.model.rowCount() == 80
        happen(it.it.engine, "new-1", 1)
        await until(lambda: it.ids()[0] == "new-1")

        it.panel.table.setFocus()
        it.panel.table.verticalScrollBar().setValue(30)
        top = it.panel.table.rowAt(0)
        there = it.panel.model.line(top)
        happen(it.it.engine, "new-2", 0.5)
        happen(it.it.engine, "new-3", 0.4)
        await until(lambda: it.panel.new.text() == "2 new")
        assert it.panel.model.line(it.panel.table.rowAt(0)) is there

        press(Qt.Key.Key_Home, CTRL)
        await until(lambda: it.ids()[:3] == ["new-3", "new-2", "new-1"])
        assert it.panel.new.isHidden()
        assert it.panel.table.at_top


async def test_a_chosen_row_stays_until_the_person_lets_go_of_it(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with seen(qapp, tmp_path) as it:
        happen(it.it.engine, "old", 2)
        await it.written()
        assert has_focus(it.panel.table)
        press(Qt.Key.Key_Down)
        happen(it.it.engine, "new", 1)
        await until(lambda: it.panel.new.text() == "1 new")
        assert it.ids() == ["old"]
        press(Qt.Key.Key_Escape)
        await it.shows("new", "old")


async def test_search_and_filters_by_keyboard_stay_over_the_end_of_the_window(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with seen(qapp, tmp_path) as it:
        happen(it.it.engine, "a", 3, provider="mistral", model="small")
        happen(it.it.engine, "b", 2, error_kind="timeout")
        happen(it.it.engine, "c", 1)
        await it.written()
        press(Qt.Key.Key_F, CTRL)
        press(Qt.Key.Key_Tab)
        assert has_focus(it.panel.filters.ranges[86_400.0]), "Tab goes to the range in use"
        press(Qt.Key.Key_Tab)
        assert has_focus(it.panel.filters.simulated)
        press(Qt.Key.Key_F, CTRL)
        type_text("mis")
        await it.shows("a")
        press(Qt.Key.Key_Down)
        await until(lambda: has_focus(it.panel.table))

        press(Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
        await it.shows("c", "b", "a")
        menu = it.panel.filters.menu
        menu.aboutToShow.emit()
        errors = next(action.menu() for action in menu.actions() if action.text() == "Error")
        next(action for action in errors.actions() if action.text() == "timeout").trigger()
        await it.shows("b")
        it.panel.filters._set(provider="groq")
        assert chips(it) == ["Provider: groq", "Error: timeout", "Clear all"]
        state = kept(it.it)

    async with seen(qapp, tmp_path, state=state) as it:
        await it.shows("b")
        assert chips(it) == ["Provider: groq", "Error: timeout", "Clear all"]
        chip = it.panel.filters.chips.findChild(QPushButton, "error_kind")
        assert chip is not None
        tab_to(chip)
        press(Qt.Key.Key_Space)
        await it.shows("c", "b")
        assert chips(it) == ["Provider: groq"]
        assert has_focus(it.panel.filters.chips.findChildren(QPushButton)[0])


async def test_a_point_of_a_graph_opens_the_requests_behind_it(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with seen(qapp, tmp_path) as it:
        first = Attempt("mistral/small", 1, 0.0, 40.0, "failed", error_kind="overloaded", error="busy")
        for name, ago in (("before", 400), ("in", 200), ("other", 190), ("after", 20)):
            way = trace(first, Attempt("groq/oss", 2, 41.0, 400.0, "answered"), request_id=name)
            happen(it.it.engine, name, ago, trace=None if name == "other" else way, attempts=2)
        await it.written()
        now = time.time()
        it.it.shell.open("chat")
        it.it.shell.open("requests", Wanted(start=now - 300, end=now - 100, asked="mistral"))
        await it.shows("in")
        assert chips(it)[1:] == ["Asked: mistral", "Clear all"]
        assert not any(chip.isChecked() for chip in it.panel.filters.ranges.values())
        it.it.shell.open("requests", "after")
        await until(lambda: it.panel.pages.currentWidget() is it.panel.page)
        assert it.panel.page.row is not None and it.panel.page.row.request_id == "after"
        it.it.shell.open("requests", "nobody")
        await until(lambda: "That request is not kept, or not any more." in it.it.messages())


async def test_titles_and_commands_sort_in_the_database(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with seen(qapp, tmp_path) as it:
        for name, took in (("a", 300.0), ("b", 900.0), ("c", 100.0)):
            happen(it.it.engine, name, took_ms=took)
        await it.written()
        header = it.panel.table.horizontalHeader()
        header.sectionClicked.emit(6)
        await it.shows("b", "a", "c")
        header.sectionClicked.emit(6)
        await it.shows("c", "a", "b")
        assert header.sortIndicatorSection() == 6
        header.sectionClicked.emit(1)
        assert header.sortIndicatorSection() == 6
        it.it.shell.commands.run("requests.sort.duration")
        await it.shows("b", "a", "c")
        happen(it.it.engine, "d", -1)
        await until(lambda: it.panel.new.text() == "1 new")
        assert it.ids() == ["b", "a", "c"]


async def test_simulated_and_real_ones_are_never_mixed(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with seen(qapp, tmp_path) as it:
        happen(it.it.engine, "dream", 2)
        happen(it.it.engine, "true", 1, simulated=False)
        await it.written()
        await it.shows("dream")
        assert it.panel._simulated.isVisible()
        it.panel.filters.real.click()
        await it.shows("true")
        assert not it.panel._simulated.isVisible()


async def test_chosen_rows_are_copied_as_a_table(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with seen(qapp, tmp_path) as it:
        for number in range(3):
            happen(it.it.engine, f"run-{number}", 5 - number)
        await it.written()
        assert has_focus(it.panel.table)
        press(Qt.Key.Key_Down)
        press(Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
        press(Qt.Key.Key_C, CTRL)
        await until(lambda: "Copied 2 requests." in it.it.messages())
        lines = QGuiApplication.clipboard().text().split("\n")
        assert [line.split("\t")[1] for line in lines] == ["Request", "run-2", "run-1"]
        assert lines[1].split("\t")[3:6] == ["groq", "oss", "answered"]


async def test_two_hundred_thousand_rows_come_page_by_page_from_the_stores_thread(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    rows = 200_000
    await fill(tmp_path, rows)
    async with seen(qapp, tmp_path, Wanted(last_s=None, cached=False)) as it:
        model, table, history = it.panel.model, it.panel.table, it.it.engine.history
        await until(lambda: model.rowCount() == rows)
        thread = await history.ask(lambda database: threading.current_thread(), tables=True)
        assert thread is not threading.main_thread()
        bar = table.verticalScrollBar()
        for part in (0.5, 1.0, 0.25, 0.0):
            bar.setValue(round(bar.maximum() * part))
            table.viewport().repaint()
            top = table.rowAt(0)
            if part:
                assert model.line(top) is None, "a row that is not here is not waited for"
            await until(lambda top=top: model.line(top) is not None)  # type: ignore[misc]
            line = model.line(top)
            assert line is not None
            assert line.row.request_id == f"run-{rows - 1 - top}"
            assert line.row.duration_ms == rows - 1 - top
        assert len(model._pages) <= 60


async def test_a_drag_over_everything_fetches_only_where_it_ends(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    rows = 20_000
    await fill(tmp_path, rows)
    async with seen(qapp, tmp_path, Wanted(last_s=None, cached=False)) as it:
        model, table = it.panel.model, it.panel.table
        await until(lambda: model.rowCount() == rows)
        came: list[None] = []
        model.paged.connect(lambda: came.append(None))
        bar = table.verticalScrollBar()
        for step in range(100):
            bar.setValue(bar.maximum() * step // 100)
            table.viewport().repaint()
        await until(lambda: model.line(table.rowAt(0)) is not None)
        await asyncio.sleep(0)
        assert len(came) <= 6
        assert rows // PAGE == 200


async def test_a_database_that_cannot_be_opened_is_said_and_tried_again(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        it.engine.home.ensure()
        blocked = it.engine.home.database
        blocked.mkdir()
        panel = await it.open("requests")
        await until(lambda: panel.findChild(Trouble) is not None)
        trouble = panel.findChild(Trouble)
        assert trouble.accessibleName().startswith("The requests cannot be read.")
        assert (await it.engine.complete(ChatRequest("groq/openai/gpt-oss-120b", (Message.user("Hi"),)))).text

        blocked.rmdir()
        trouble.again.click()
        await until(lambda: panel.empty.isVisible())
