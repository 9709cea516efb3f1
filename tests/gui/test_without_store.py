"""The window while the database cannot be opened: chat and all else work, and the panels of the past say why they do not."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from aiconsole.domain.events import UserActed
from aiconsole.gui.chat.panel import ChatPanel
from aiconsole.store import Store
from tests.gui.console import console, until
from tests.store.happened import NOON
from tests.store.places import Clock, conversation, rows


def _texts(widget: QWidget) -> str:
    """What can be read in it."""
    return " ".join(label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget))


def _says(widget: QWidget, words: str) -> bool:
    return words in _texts(widget)


async def test_a_database_that_another_console_holds(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "aiconsole.db", Clock()) as taken:
        await conversation(taken, title="Not ours")
        async with console(qapp, tmp_path) as it:
            assert it.engine.home.database == tmp_path / "aiconsole.db"
            chat = await it.open("chat")
            assert isinstance(chat, ChatPanel)
            chat.focus_composer()
            asked = QApplication.focusWidget()
            assert asked is not None
            QTest.keyClicks(asked, "Are you there? [[tokens=3]]")
            QTest.keyClick(asked, Qt.Key.Key_Return)
            await until(lambda: len(chat.transcript.turns) == 2 and chat.transcript.turns[-1].state == "complete")
            assert chat.transcript.turns[-1].message.text
            await until(
                lambda: any(
                    "Conversations are kept only until this console is closed" in words for words in it.messages()
                )
            )
            await until(lambda: any("has aiconsole.db open" in words for words in it.messages()))
            for key in ("overview", "requests"):
                panel = await it.open(key)
                await until(partial(_says, panel, "has aiconsole.db open"))
                assert "--home" in _texts(panel)
        assert [hit.conversation.title for hit in await taken.conversations.list()] == ["Not ours"]


async def test_a_full_disk_stands_in_the_strip_until_there_is_room(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        store = await it.engine.open_store()
        unsaved = it.shell.strip._unsaved
        assert not unsaved.isVisible()
        await store.write(lambda database: database.pragma("max_page_count", database.pragma("page_count")))
        for number in range(3000):
            it.engine.bus.publish(UserActed(f"act {number}", NOON + number))
        await until(unsaved.isVisible)
        said = unsaved.accessibleName()
        assert said.startswith("Not saved. The disk with the console's database is full. Make room")
        assert "3,000 events wait in memory" in said
        await until(lambda: any("database is full" in words for words in it.messages()))
        assert not it.shell.strip.grab().isNull()
        await store.write(lambda database: database.pragma("max_page_count", 1_000_000))
        await until(lambda: not unsaved.isVisible())
        await until(lambda: any("written again" in words for words in it.messages()))
    assert rows(tmp_path / "aiconsole.db", "SELECT count(*) FROM user_activity WHERE action LIKE 'act %'") == [(3000,)]
