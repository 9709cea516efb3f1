"""Breakers, limits and the reliability score of a provider: in the strip, in the table, and on its page."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from aiconsole.domain.chat import ChatRequest, RateLimit
from aiconsole.domain.errors import ProviderError
from aiconsole.domain.messages import Message
from aiconsole.gui.notices import Notice
from aiconsole.gui.strip import StripItem
from aiconsole.simulator import Behaviour
from tests.gui.console import Console, console, press, tab_to, until

MODEL = "groq/openai/gpt-oss-120b"


def cell(panel: object, row: int, title: str) -> str:
    model = panel.model  # type: ignore[attr-defined]
    return str(model.data(model.index(row, model.TITLES.index(title))))


def chips(it: Console) -> list[str]:
    return [item.accessibleName() for item in it.shell.strip.findChildren(StripItem)]


def undo(it: Console, text: str) -> None:
    notice = next(notice for notice in it.shell.findChildren(Notice) if notice.accessibleName() == text)
    assert notice.action.text() == "Undo"
    notice.action.click()


async def test_a_breaker_that_opens_is_seen_at_once_in_strip_table_and_page(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("providers")
        assert "Groq: closed" in chips(it)
        assert cell(panel, 0, "Breaker") == "closed"
        assert cell(panel, 0, "Score") == "–"
        assert it.engine.simulator is not None
        it.engine.simulator.set("groq", Behaviour(outage="refuse"))
        for _ in range(6):
            with pytest.raises(ProviderError):
                await it.engine.complete(ChatRequest(MODEL, (Message.user("Hello"),)))

        await until(lambda: "Groq: open" in chips(it))
        await until(lambda: cell(panel, 0, "Breaker").startswith("open, "))
        assert cell(panel, 0, "Breaker").endswith(" s")
        assert int(cell(panel, 0, "Score")) < 60

        panel.open_item("groq")
        guard = panel.detail.guard
        line = next(line for line in guard.model.lines if line.state == "open")
        assert line.word.endswith("s left")
        assert "in a row" in line.reason
        assert guard.score.text().startswith("Reliability ")


async def test_holding_and_resetting_by_keyboard_can_be_undone(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("providers", "groq")
        guard = panel.detail.guard
        tab_to(guard.holds["open"])
        press(Qt.Key.Key_Space)
        breaker = it.engine.gate.breakers.get("groq")

        def state() -> str:
            return breaker.state

        assert state() == "forced open"
        assert not guard.holds["open"].isEnabled()
        await until(lambda: "Groq: forced open" in chips(it))
        undo(it, "The breaker of groq is held open.")
        assert state() == "closed"

        guard.turn("closed")
        assert state() == "forced closed"
        guard.turn("reset")
        assert state() == "closed"
        undo(it, "The breaker of groq was reset.")
        assert state() == "forced closed"


async def test_one_model_of_two_is_told_apart_from_the_whole(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        await it.open("providers")
        it.engine.gate.breakers.get(MODEL).trip("for the test")
        it.engine.gate.breakers.get("groq/openai/gpt-oss-20b")
        await until(lambda: "Groq: 1 of 2 open" in chips(it))


async def test_limits_show_what_is_left_and_the_wait(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("providers", "groq")
        limits = it.engine.gate.limits
        limits.seen(MODEL, (RateLimit("requests", "minute", 30, 3),))
        panel.detail.guard.refresh()
        bar, words = panel.detail.guard.limits.bars[0]
        assert words.text().startswith("openai/gpt-oss-120b: 3 of 30 requests left this minute, resets in ")
        assert bar.value() == 100
        limits.hold(MODEL, 20, "rate limit reached")
        panel.detail.guard.refresh()
        assert "rate limit reached, asked again in " in panel.detail.guard.limits.bars[1][1].text()
