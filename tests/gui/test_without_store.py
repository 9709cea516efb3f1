"""The window while the database cannot be opened: chat and all else work, and the panels of the past say why they do not."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from aiconsole.gui.chat.panel import ChatPanel
from aiconsole.store import Store
from tests.gui.console import console, until
from tests.store.places import Clock, conversation


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
            assert any("Conversations are kept only until this console is closed" in words for words in it.messages())
            assert any("has aiconsole.db open" in words for words in it.messages())
            for key in ("overview", "requests"):
                panel = await it.open(key)
                await until(partial(_says, panel, "has aiconsole.db open"))
                assert "--home" in _texts(panel)
        assert [hit.conversation.title for hit in await taken.conversations.list()] == ["Not ours"]
