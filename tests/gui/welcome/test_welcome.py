"""The welcome: there on a first start only, gone as soon as a way was taken, never in the way."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from aiconsole.gui.welcome.view import Welcome
from aiconsole.gui.window_state import WindowState
from tests.gui.console import Console, console, has_focus, press, tab_to, type_text, until

NEW = WindowState(panel="providers")


def welcome(it: Console) -> Welcome | None:
    return next((view for view in it.shell.findChildren(Welcome) if view.isVisible()), None)


async def test_one_key_press_leads_to_simulated_providers_for_good(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path, demo=None, state=NEW) as it:
        await until(lambda: welcome(it))
        view = welcome(it)
        assert view is not None
        assert has_focus(view.demo)
        press(Qt.Key.Key_Space)
        await until(lambda: it.engine.settings.demo and it.engine.demo)
        assert welcome(it) is None
        assert it.window.state("").welcomed
    async with console(qapp, tmp_path, demo=None, state=NEW) as it:
        await until(lambda: it.session.keys_known)
        assert it.engine.demo
        assert welcome(it) is None


async def test_a_key_entered_there_is_kept_tested_and_ends_it(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('[providers.cohere]\nbase_url = "http://127.0.0.1:9"\n', encoding="utf-8")
    async with console(qapp, tmp_path, demo=None, state=NEW) as it:
        await until(lambda: welcome(it))
        view = welcome(it)
        assert view is not None
        view.provider.setCurrentIndex(view.provider.findData("cohere"))
        tab_to(view.key.field)
        type_text("co-0123456789abcdef")
        press(Qt.Key.Key_Return)
        await until(lambda: welcome(it) is None)
        assert it.engine.keys.source("cohere") == "session"
        await until(lambda: any("is kept, but the test failed" in message for message in it.messages()))


async def test_it_is_not_in_the_way_and_can_be_left(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path, demo=None, state=NEW) as it:
        await until(lambda: welcome(it))
        await it.open("settings")
        assert welcome(it) is None
        await it.open("providers")
        view = welcome(it)
        assert view is not None
        tab_to(view.skip)
        press(Qt.Key.Key_Space)
        assert welcome(it) is None
        assert it.window.state("").welcomed


async def test_it_is_not_shown_where_a_key_is(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    environ = {"GROQ_API_KEY": "gsk-0123456789abcdef"}
    async with console(qapp, tmp_path, demo=None, state=NEW, environ=environ) as it:
        await until(lambda: it.session.keys_known)
        await it.open("providers")
        assert welcome(it) is None
