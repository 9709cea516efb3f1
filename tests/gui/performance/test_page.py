"""The performance page in the real window, by keyboard."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from aiconsole import ChatRequest, Message
from aiconsole.gui.performance.page import PerformancePage
from aiconsole.gui.settings.panel import SettingsPanel
from aiconsole.optimizer.footprint import Feet
from aiconsole.optimizer.profiles import OWN
from aiconsole.simulator import Behaviour
from tests.gui.console import Console, console, has_focus, press, tab_to, type_text, until


async def opened(at: Console) -> tuple[SettingsPanel, PerformancePage]:
    panel: SettingsPanel = await at.open("settings")
    panel.groups.setFocus()
    press(Qt.Key.Key_P, Qt.KeyboardModifier.AltModifier)
    await until(lambda: panel.performance.page is not None and panel.performance.page.isVisible())
    page = panel.performance.page
    assert page is not None
    await until(lambda: page.profiles.choice.count())
    return panel, page


async def ask(at: Console, text: str) -> None:
    request = ChatRequest("groq/openai/gpt-oss-120b", (Message.user(f"[[tokens=5]] {text}"),), temperature=0.0)
    await at.engine.complete(request)


async def test_it_shows_pools_memory_and_the_cache_and_goes_back_by_escape(qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as at:
        assert at.engine.simulator is not None
        at.engine.simulator.set("groq", Behaviour(ttft_ms=1, tokens_per_s=50_000))
        panel, page = await opened(at)
        assert page.cache.empty.isVisibleTo(page.cache)
        assert not page.cache.clear.isEnabled()
        assert "no data" in page.tiles["hits"].text

        for text in ("one", "two", "two", "two"):
            await ask(at, text)
        optimizer = await at.engine.open_optimizer()
        at.window.watch_frames(optimizer)
        at.shell.repaint()
        page.update()
        await asyncio.sleep(0.05)
        optimizer.look(Feet())
        page.refresh()
        await until(lambda: len(page.cache._entries) == 2)
        page.refresh()
        assert "MB" in page.tiles["memory"].text
        assert "50.0 %" in page.tiles["hits"].text
        assert "worst of 5 min" in page.tiles["frame_ms"].text
        pools = [line.cells[0].text for line in page.pools._lines.lines]
        assert "groq" in pools
        assert "files and sockets" in pools
        assert "response cache" in page._memory.text()

        press(Qt.Key.Key_Escape)
        assert not page.isVisible()
        assert has_focus(panel.performance_button)


async def test_an_answer_is_pinned_and_removed_and_the_cache_cleared_by_keyboard(
    qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as at:
        assert at.engine.simulator is not None
        at.engine.simulator.set("groq", Behaviour(ttft_ms=1, tokens_per_s=50_000))
        for text in ("one", "two", "three"):
            await ask(at, text)
        _, page = await opened(at)
        await until(lambda: len(page.cache._entries) == 3)
        tab_to(page.cache.table)
        press(Qt.Key.Key_P)
        await until(lambda: any(entry.pinned for entry in page.cache._entries))
        assert page.cache.pin.text() == "Unpin"
        press(Qt.Key.Key_Down)
        press(Qt.Key.Key_Delete)
        await until(lambda: len(page.cache._entries) == 2)
        tab_to(page.cache.clear)
        press(Qt.Key.Key_Space)
        assert page.cache.clear.text() == "Really clear all"
        assert len(page.cache._entries) == 2
        press(Qt.Key.Key_Space)
        await until(lambda: page.cache.empty.isVisibleTo(page.cache))
        assert (await at.engine.cache.stats()).entries == 0


async def test_a_switch_of_profiles_is_shown_first_made_and_undone_by_keyboard(
    qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as at:
        _, page = await opened(at)
        bar = page.profiles
        assert has_focus(bar.choice)
        while bar.choice.currentData() != "battery saver":
            press(Qt.Key.Key_Down)
        await until(lambda: bar.preview.isVisible() and "battery" in bar.preview.accessibleName())
        assert "Performance, warm up" in bar.preview.text
        assert at.engine.settings.performance.warm_up
        assert has_focus(bar.choice)
        press(Qt.Key.Key_Tab)
        assert has_focus(bar.preview.confirm)
        press(Qt.Key.Key_Space)
        await until(lambda: not at.engine.settings.performance.warm_up)
        await until(lambda: any("In use: battery saver." in message for message in at.messages()))
        await until(lambda: bar.undo.isVisible())

        tab_to(bar.undo)
        press(Qt.Key.Key_Space)
        await until(lambda: at.engine.settings.performance.warm_up)
        await until(lambda: bar.choice.currentData() == OWN)

        tab_to(bar.save)
        press(Qt.Key.Key_Space)
        assert has_focus(bar.preview.name)
        type_text("evening")
        press(Qt.Key.Key_Return)
        await until(lambda: bar.choice.findData("evening") > 0)
        press(Qt.Key.Key_Escape)
