"""A chat panel in a real shell on a real engine with simulated providers, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from aiconsole.engine import Engine
from aiconsole.gui.chat import make
from aiconsole.gui.chat.panel import ChatPanel
from aiconsole.gui.session import Session
from aiconsole.gui.shell import Panel, Shell
from aiconsole.gui.theme import Theme


class Chatting:
    """``panel`` in ``shell`` on ``engine``; types and waits like a person."""

    def __init__(self, engine: Engine, shell: Shell, panel: ChatPanel) -> None:
        self.engine, self.shell, self.panel = engine, shell, panel

    async def until(self, true: Callable[[], object], seconds: float = 20.0) -> None:
        """Wait until it holds."""
        end = asyncio.get_running_loop().time() + seconds
        while not true():
            assert asyncio.get_running_loop().time() < end, "it never came true"
            await asyncio.sleep(0.01)

    def focus(self) -> QWidget:
        widget = QApplication.focusWidget()
        assert widget is not None
        return widget

    def type(self, text: str) -> None:
        QTest.keyClicks(self.focus(), text)

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.focus(), key, modifier)

    async def ask(self, text: str) -> str:
        """Ask by keyboard and wait for the answer's end; gives its text."""
        before = len(self.panel.transcript.turns)
        self.panel.focus_composer()
        self.type(text)
        self.press(Qt.Key.Key_Return)
        await self.until(lambda: len(self.panel.transcript.turns) > before)
        await self.settled()
        return self.panel.transcript.turns[-1].message.text

    async def settled(self) -> None:
        """Wait until nothing is being answered in the open conversation and all of it is shown."""
        panel = self.panel
        await self.until(
            lambda: (
                not panel.answering.running(panel.current or "")
                and all(turn.state != "streaming" for turn in panel.transcript.turns)
            )
        )

    def titles(self) -> list[str]:
        return [hit.conversation.title for hit in self.panel.history.model.hits()]


@asynccontextmanager
async def chatting(qapp: QApplication, home: Path, *, demo: bool = True) -> AsyncIterator[Chatting]:
    theme = Theme(qapp, "dark")
    async with Engine.open(home=home, demo=demo, environ={}) as engine:
        shell = Shell(theme)
        session = Session(engine)
        made: list[ChatPanel] = []

        def build() -> QWidget:
            panel = make(session, shell)
            assert isinstance(panel, ChatPanel)
            made.append(panel)
            return panel

        shell.add_panel(Panel("chat", "Chat", "chat", build))
        shell.add_panel(Panel("providers", "Providers", "providers", QWidget))
        shell.resize(1280, 800)
        shell.show()
        shell.activateWindow()
        shell.open("chat")
        try:
            chat = Chatting(engine, shell, made[0])
            await chat.until(lambda: QApplication.focusWidget() is not None)
            yield chat
        finally:
            await shell.finish()
            session.leave()
            shell.close()
            shell.deleteLater()
            theme.deleteLater()
            await asyncio.sleep(0)
