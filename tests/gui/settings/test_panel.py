"""The settings panel: found by words, changed by keyboard, checked while typed, reset, problems of the file shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from aiconsole.gui.settings.model import (
    all_entries,
    common_entries,
    default_words,
    fault,
    found,
    parse,
    provider_entries,
    text_of,
)
from aiconsole.settings import AlertChannel, CustomProvider, Settings, describe
from tests.gui.console import console, has_focus, press, tab_to, type_text, until

CTRL = Qt.KeyboardModifier.ControlModifier


async def test_a_setting_is_searched_changed_and_reset_by_keyboard(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("settings")
        press(Qt.Key.Key_F, CTRL)
        type_text("wait key store")
        await until(lambda: [list(group.fields) for group in panel._shown] == [["keys.backend_timeout_s"]])
        field = panel._shown[0].fields["keys.backend_timeout_s"]
        await until(field.editor.isVisible)
        tab_to(field.editor.control)
        field.editor.control.selectAll()
        type_text("0")
        assert field.note.text() == "Must be a number from 1 to 600 (s)."
        press(Qt.Key.Key_Return)
        assert it.engine.settings.keys.backend_timeout_s == 30
        press(Qt.Key.Key_Escape)
        assert field.editor.control.text() == "30"
        field.editor.control.selectAll()
        type_text("45")
        press(Qt.Key.Key_Return)
        await until(lambda: it.engine.settings.keys.backend_timeout_s == 45)
        assert "backend_timeout_s = 45" in (tmp_path / "settings.toml").read_text(encoding="utf-8")

        await until(field.reset.isVisible)
        tab_to(field.reset)
        press(Qt.Key.Key_Space)
        await until(lambda: it.engine.settings.keys.backend_timeout_s == 30)
        await until(lambda: field.editor.control.text() == "30")
        assert not field.reset.isVisible()


async def test_simulated_providers_are_shown_as_they_are_in_force_and_by_whom(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path, demo=True) as it:
        panel = await it.open("settings", "demo")
        field = panel._shown[0].fields["demo"]
        assert field.editor.control.isChecked()
        assert field.note.text() == "On for this run, by --demo on the command line. The setting is off."
        press(Qt.Key.Key_Space)
        await until(lambda: not it.engine.demo)
        await until(lambda: field.note.text().startswith("Off for this run,"))
        assert not field.editor.control.isChecked()
        assert not (tmp_path / "settings.toml").exists()


async def test_the_setting_switches_to_simulated_providers_at_once(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path, demo=None) as it:
        await until(lambda: it.session.keys_known)
        panel = await it.open("settings", "demo")
        field = panel._shown[0].fields["demo"]
        assert not field.editor.control.isChecked()
        assert field.note.text() == "Default: off"
        press(Qt.Key.Key_Space)
        await until(lambda: it.engine.demo and it.engine.settings.demo)
        await until(field.reset.isVisible)
        tab_to(field.reset)
        press(Qt.Key.Key_Space)
        await until(lambda: not it.engine.demo and not it.engine.settings.demo)
        await until(lambda: field.note.text() == "Default: off")


async def test_a_switch_of_the_theme_is_live(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("settings", "appearance.theme")
        choice = panel._shown[0].fields["appearance.theme"].editor.control
        assert has_focus(choice)
        choice.setCurrentIndex(choice.findData("light"))
        choice.activated.emit(choice.currentIndex())
        await until(lambda: it.shell.theme.tokens.name == "light")


async def test_what_the_file_refuses_is_said_at_the_setting(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[chat\n", encoding="utf-8")
    async with console(qapp, tmp_path) as it:
        panel = await it.open("settings", "Chat")
        words = [label.text() for label in panel.findChildren(QLabel)]
        assert any(text.startswith("Line 1: the file is not valid TOML") for text in words)
        field = panel._shown[0].fields["chat.model"]
        field.editor.setFocus()
        type_text("groq/x")
        press(Qt.Key.Key_Return)
        await until(lambda: "The settings file has an error" in field.note.text())
        assert (tmp_path / "settings.toml").read_text(encoding="utf-8") == "[chat\n"


async def test_longer_text_is_kept_when_the_focus_leaves(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        await it.open("settings", "chat.system")
        type_text("Be brief.")
        press(Qt.Key.Key_Tab)
        await until(lambda: it.engine.settings.chat.system == "Be brief.")


def test_every_setting_has_a_title_a_meaning_and_a_default_in_words() -> None:
    settings = Settings(custom={"x": CustomProvider(base_url="https://a.b")}, alert_channels={"team": AlertChannel()})
    entries = [entry for group in all_entries(settings, {"groq": "Groq"}).values() for entry in group]
    assert {entry.key.partition(".")[0] for entry in entries} == {info.key.partition(".")[0] for info in describe()}
    for entry in entries:
        assert entry.title
        assert entry.info.meaning
        assert default_words(entry)
        assert "<" not in entry.key
    assert {entry.key for entry in found(entries, "proxy common")} >= {"providers.groq.proxy"}
    for group in ("Groq", "x", "Routes"):
        assert any(entry.group == group for entry in entries)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("headers", "X-Title: Console\n\nReferer: https://a.b/c", {"X-Title": "Console", "Referer": "https://a.b/c"}),
        ("models", " a \n\nb", ("a", "b")),
        ("total_timeout_s", "1,5", 1.5),
        ("proxy", "  ", None),
    ],
)
def test_text_becomes_a_value_and_back(name: str, text: str, value: object) -> None:
    entry = next(entry for entry in provider_entries("groq", "Groq", custom=False) if entry.name == name)
    assert parse(entry, text) == value
    assert parse(entry, text_of(entry, value)) == value


def test_routes_are_written_as_what_differs_from_the_ready_made_ones() -> None:
    entry = next(entry for entry in common_entries() if entry.key == "routes")
    ready = text_of(entry, entry.default)
    assert parse(entry, ready) == {}
    assert parse(entry, "fast = groq/a, cerebras/b") == {
        "fast": ("groq/a", "cerebras/b"),
        "gpt-oss-120b": (),
        "gpt-oss-20b": (),
    }
    with pytest.raises(ValueError, match="line 1 must be written"):
        parse(entry, "fast")
    assert fault("routes", {"fast": ("nonsense",)}) == "fast: each candidate is written provider/model"
    assert "key store" in fault("providers.groq.headers", {"Authorization": "Bearer x"})
