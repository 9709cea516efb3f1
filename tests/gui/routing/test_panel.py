"""The routing panel by keyboard: order, candidates, options, breakers, and what happened lately."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.messages import Message
from aiconsole.gui.notices import Notice
from aiconsole.gui.routing.panel import RoutingPanel
from aiconsole.settings.declare import RouteOptions
from aiconsole.simulator import Behaviour
from tests.gui.console import Console, console, press, tab_to, type_text, until

ALT = Qt.KeyboardModifier.AltModifier
CTRL = Qt.KeyboardModifier.ControlModifier
ROUTE = "gpt-oss-120b"
GROQ, CEREBRAS, OPENROUTER = "groq/openai/gpt-oss-120b", "cerebras/gpt-oss-120b", "openrouter/openai/gpt-oss-120b"


async def opened(it: Console) -> RoutingPanel:
    panel = await it.open("routing", ROUTE)
    assert isinstance(panel, RoutingPanel)
    panel.editor.table.setFocus()
    return panel


def undo(it: Console, text: str) -> None:
    next(notice for notice in it.shell.findChildren(Notice) if notice.accessibleName() == text).action.click()


async def test_the_order_is_changed_with_alt_and_the_arrows_and_kept(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it)
        assert panel.editor.model.names == (GROQ, CEREBRAS, OPENROUTER)
        press(Qt.Key.Key_Down, ALT)
        press(Qt.Key.Key_Down, ALT)
        assert panel.editor.model.names == (CEREBRAS, OPENROUTER, GROQ)
        await until(lambda: it.engine.routes()[ROUTE] == (CEREBRAS, OPENROUTER, GROQ))
        press(Qt.Key.Key_Up, ALT)
        await until(lambda: it.engine.routes()[ROUTE] == (CEREBRAS, GROQ, OPENROUTER))
        assert panel.editor.table.currentIndex().row() == 1


async def test_a_row_dropped_before_another_stands_there(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        model = (await opened(it)).editor.model
        data = model.mimeData([model.index(2, 0)])
        nowhere = model.index(-1, -1)
        assert not model.dropMimeData(data, Qt.DropAction.MoveAction, 0, 0, nowhere)
        assert model.names == (OPENROUTER, GROQ, CEREBRAS)
        await until(lambda: it.engine.routes()[ROUTE] == (OPENROUTER, GROQ, CEREBRAS))


async def test_a_candidate_is_taken_out_brought_back_and_another_added(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it)
        press(Qt.Key.Key_Delete)
        await until(lambda: it.engine.routes()[ROUTE] == (CEREBRAS, OPENROUTER))
        undo(it, f"{GROQ} was taken out of {ROUTE}.")
        await until(lambda: panel.editor.model.names == (GROQ, CEREBRAS, OPENROUTER))

        press(Qt.Key.Key_Insert)
        await until(lambda: panel.editor.picker.picker.isVisible())
        type_text("mistral-small")
        rows = panel.editor.picker.picker.list
        await until(lambda: str(rows.currentIndex().data()).startswith("mistral-small"))
        press(Qt.Key.Key_Return)
        await until(lambda: len(it.engine.routes()[ROUTE]) == 4)
        assert it.engine.routes()[ROUTE][3].startswith("mistral/")


async def test_strategy_break_off_and_hedging_are_kept(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it)
        options = panel.editor.options

        def kept() -> RouteOptions:
            return it.engine.settings.routing.get(ROUTE, RouteOptions())

        options.strategy.setFocus()
        press(Qt.Key.Key_End)
        await until(lambda: kept().strategy == "blend")
        tab_to(options.mid_stream)
        press(Qt.Key.Key_End)
        await until(lambda: kept().mid_stream == "off")
        press(Qt.Key.Key_Home)
        await until(lambda: kept().mid_stream is None)
        tab_to(options.hedge)
        press(Qt.Key.Key_Space)
        await until(lambda: kept().hedge)


async def test_breakers_are_live_and_a_switch_says_why(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it)
        assert panel._quiet.isVisible()
        assert it.engine.simulator is not None
        it.engine.simulator.set("groq", Behaviour(error_rates={"overloaded": 1.0}, retry_after_s=None))
        await it.engine.complete(ChatRequest(ROUTE, (Message.user("Hello"),)))
        await until(lambda: panel.happenings.rows)
        row = panel.happenings.rows[-1]
        assert (row.what, row.route, row.subject) == ("switch", ROUTE, f"{GROQ} → {CEREBRAS}")
        assert panel.log.isVisible()

        panel.editor.holds["open"].click()
        assert it.engine.gate.breakers.get(GROQ).state == "forced open"
        assert panel.editor.model.rows[0].breaker.word == "forced open"
        undo(it, f"The breaker of {GROQ} is held open.")
        assert panel.editor.model.rows[0].breaker.word == "closed"


async def test_a_route_is_made_removed_and_brought_back(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it)
        panel.new.setFocus()
        type_text("Not/this")
        press(Qt.Key.Key_Return)
        assert panel._trouble.isVisible()
        panel.new.clear()
        type_text("fast")
        press(Qt.Key.Key_Return)
        await until(lambda: panel.editor.name == "fast")
        assert len(panel.editor.model.names) == 1
        panel.editor.remove.click()
        await until(lambda: panel.editor.name != "fast")
        undo(it, "The route fast was removed.")
        await until(lambda: it.engine.routes().get("fast"))


async def test_a_route_whose_name_has_a_dot_keeps_its_options(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        await it.session.change("routes.llama-3.1", [GROQ, CEREBRAS])
        panel = await it.open("routing", "llama-3.1")
        panel.editor.options.hedge.click()
        await until(lambda: it.engine.settings.routing.get("llama-3.1", RouteOptions()).hedge)
        assert panel.editor.name == "llama-3.1"
