"""A whole console for tests: the real window on a real engine, in a home of its own, without a real key store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import delete

from aiconsole.engine import Engine
from aiconsole.gui.notices import Notice
from aiconsole.gui.session import Session
from aiconsole.gui.shell import Shell
from aiconsole.gui.slot import PanelSlot
from aiconsole.gui.theme import Theme
from aiconsole.gui.window import Window
from aiconsole.gui.window_state import WindowState

NO_KEY_STORE = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


class Console(NamedTuple):
    window: Window
    shell: Shell
    engine: Engine
    session: Session

    async def open(self, key: str, argument: object = None) -> Any:
        """The panel ``key``, once it is there."""
        slot = self.shell.open(key, argument)
        assert isinstance(slot, PanelSlot)
        await until(lambda: slot.content is not None)
        return slot.content

    def messages(self) -> list[str]:
        """The messages in view."""
        return [notice.accessibleName() for notice in self.shell.findChildren(Notice) if notice.isVisible()]


@asynccontextmanager
async def console(
    qapp: QApplication,
    home: Path,
    *,
    demo: bool | None = True,
    environ: dict[str, str] | None = None,
    state: WindowState | None = None,
) -> AsyncIterator[Console]:
    """An open window with its engine."""
    theme = Theme(qapp, "dark")
    theme.apply()
    shell = Shell(theme)
    window = Window(shell, state=state or WindowState(welcomed=True), keep_demo=demo is None)
    await shown(shell)
    try:
        async with Engine.open(home=home, demo=demo, environ={**NO_KEY_STORE, **(environ or {})}) as engine:
            window.connect_engine(engine)
            assert window.session is not None
            yield Console(window, shell, engine, window.session)
            await shell.finish()
            window.disconnect_engine()
    finally:
        shell.close()
        await asyncio.sleep(0)
        delete(shell)


async def shown(shell: Shell) -> None:
    """Show the window and wait until it has the keyboard."""
    shell.show()
    shell.activateWindow()
    await until(shell.isActiveWindow)


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for ``condition`` while the window lives on."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def has_focus(widget: QWidget) -> bool:
    """Whether the keyboard is at ``widget``."""
    return QApplication.focusWidget() is widget


def press(key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key where the focus is."""
    focused = QApplication.focusWidget()
    assert focused is not None
    QTest.keyClick(focused, key, modifier)


def type_text(text: str) -> None:
    """Type where the focus is."""
    focused = QApplication.focusWidget()
    assert focused is not None
    QTest.keyClicks(focused, text)


def tab_to(widget: QWidget, most: int = 60) -> None:
    """Go to ``widget`` with Tab alone."""
    for _ in range(most):
        if QApplication.focusWidget() is widget:
            return
        press(Qt.Key.Key_Tab)
    raise AssertionError(f"Tab does not reach {widget.accessibleName() or widget}")
