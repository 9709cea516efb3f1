"""The drill in the window by keyboard: chosen, watched, left, stopped; copied and exported; nothing of the person's touched."""

from __future__ import annotations

from pathlib import Path

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from aiconsole.domain.events import AttemptFinished, BreakerChanged, Event, RequestFinished
from aiconsole.drill.apart import OwnDrill
from aiconsole.drill.summary import Summary
from aiconsole.gui.drill.form import settings_for
from aiconsole.gui.drill.view import DrillView
from aiconsole.gui.notices import Notice
from tests.gui.console import Console, console, has_focus, press, tab_to, until

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ROUTE = "gpt-oss-120b"


async def opened(it: Console) -> DrillView:
    panel = await it.open("routing", ROUTE)
    press(Qt.Key.Key_D, CTRL | SHIFT)
    await until(lambda: panel.drill.view is not None and has_focus(panel.drill.view.form.what))
    view = panel.drill.view
    assert isinstance(view, DrillView)
    return view


async def test_a_drill_by_keyboard_on_real_providers_touches_nothing_of_the_persons(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    async with console(qapp, home, demo=False) as it:
        view = await opened(it)
        heard: list[Event] = []
        it.engine.bus.subscribe(heard.append)
        assert (view.form.route.currentText(), view.form.provider.currentText()) == (ROUTE, "groq")
        press(Qt.Key.Key_Down)
        press(Qt.Key.Key_Down)
        assert view.form.what.currentText() == "429 storm"
        tab_to(view.form.lasts)
        view.form.lasts.setValue(10)
        view.form.rate.setValue(1)
        tab_to(view.form.pace)
        press(Qt.Key.Key_Down)
        assert view.form.pace.currentText() == "No waiting"
        press(Qt.Key.Key_Return, CTRL)
        await until(lambda: view.watch.running)
        assert view.go.text() == "Stop"
        assert has_focus(view.go)
        await until(lambda: not view.watch.running)
        summary = view.outcome.summary
        assert summary is not None
        assert (summary.scenario, summary.requests, summary.availability) == ("rate limits at groq", 40, 1.0)
        assert view.watch.seen.by.total() == 40
        assert view.outcome.isVisible()

        tab_to(view.timeline)
        press(Qt.Key.Key_Home)
        press(Qt.Key.Key_Right)
        assert view._at.text().startswith("At 1 s: first token")
        tab_to(view.outcome.table)
        press(Qt.Key.Key_C, CTRL | SHIFT)
        assert "Availability: 100.00 %" in QGuiApplication.clipboard().text()
        target = tmp_path / "drill.json"
        view.outcome.export_to(target)
        await until(target.is_file)
        assert msgspec.json.decode(target.read_bytes(), type=Summary).requests == 40

        assert it.engine.simulator is None
        assert not list(it.engine.gate.breakers)
        assert it.session.activity.revision == 0
        assert not [event for event in heard if isinstance(event, AttemptFinished | RequestFinished | BreakerChanged)]
        assert not list(home.rglob("breakers.json"))


async def test_a_drill_goes_on_when_it_is_left_says_how_far_it_is_and_can_be_stopped(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        view = await opened(it)
        view.form.pace.setCurrentIndex(0)
        press(Qt.Key.Key_Return, CTRL)
        await until(lambda: view.watch.seen.answered > 1)
        it.shell.open("settings")
        await until(lambda: any(text.startswith("The drill goes on: outage at groq") for text in it.messages()))
        assert view.watch.running
        next(one for one in it.shell.findChildren(Notice) if "goes on" in one.accessibleName()).do()
        await until(lambda: not view.watch.running)
        await until(lambda: any("The drill has ended. Stopped after" in text for text in it.messages()))
        assert view.outcome.summary is not None
        assert view.outcome.summary.stopped_s is not None
        next(one for one in it.shell.findChildren(Notice) if "has ended" in one.accessibleName()).do()
        await until(view.isVisible)
        assert view.outcome.isVisible()


async def test_a_drill_of_a_route_has_the_persons_settings_and_only_models_that_are_simulated(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        await it.session.change("routes.mine", ["groq/openai/gpt-oss-20b", "groq/unheard-of"])
        await it.session.change("routing.mine.strategy", "lowest latency")
        await it.session.change("fallback.stall_s", 3.0)
        view = await opened(it)
        view.begin("mine")
        plan = view.form.plan(it.engine.settings, None)
        assert plan is not None
        assert plan.drill == OwnDrill("outage", ("groq/openai/gpt-oss-20b",), "groq", 30, 2.0)
        assert plan.settings == {"fallback.stall_s": 3.0, "routing.drill.strategy": "lowest latency"}
        assert settings_for(it.engine.settings, ROUTE) == {"fallback.stall_s": 3.0}
        view.form.what.setCurrentIndex(view.form.what.findText("Scenario: recovery"))
        view.form.what.activated.emit(0)
        assert not view.form.provider.isEnabled()
        chosen = view.form.plan(it.engine.settings, None)
        assert chosen is not None
        assert chosen.drill == "recovery"
