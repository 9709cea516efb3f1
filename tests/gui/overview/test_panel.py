"""The overview: figures that agree with the attempts, a cursor by keyboard, ranges, hiding, both themes."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from aiconsole.domain.chat import Cost, Timing
from aiconsole.domain.events import AttemptFinished
from tests.gui.console import Console, console, press, tab_to, until

ALT = Qt.KeyboardModifier.AltModifier


def publish(it: Console, age_s: float, ms: float, provider: str = "groq", kind: str | None = None) -> None:
    it.engine.bus.publish(
        AttemptFinished(
            provider,
            "m",
            Timing(it.session.clock.now() - age_s - ms / 1000, ms / 2, ms),
            error_kind=kind,
            cost=Cost(0.01, "price list"),
            simulated=True,
        )
    )


async def test_figures_and_lines_come_from_what_was_seen(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("overview")
        assert panel._stack.currentIndex() == 1
        assert panel.tiles["errors"].text == "Errors: –, nothing was asked"

        for ms in (100, 200, 300, 1000):
            publish(it, 400, ms)
        publish(it, 100, 50, provider="cohere", kind="server fault")
        publish(it, 100, 50, provider="cohere", kind="cancelled")
        panel._told_at = 0.0
        panel.refresh()
        assert panel.tiles["requests"].text.startswith("Requests: 5, ")
        assert panel.tiles["errors"].text == "Errors: 20.0 %, 1 failed"
        assert panel.tiles["latency"].text == "Latency p50: 100 ms, p95 500 ms, time to first token"
        assert panel.tiles["cost"].text == "Cost in this session: $0.06, simulated, nothing was spent"
        assert panel.legend.names() == ["groq", "cohere"]
        assert panel.legend.chips["groq"].text() == "Groq  100 ms"


async def test_range_and_cursor_by_keyboard(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("overview")
        publish(it, 500, 100)
        publish(it, 20, 600)
        panel.refresh()
        press(Qt.Key.Key_1, ALT)
        assert panel.range_s == 300
        assert panel.tiles["requests"].text.startswith("Requests: 1, ")
        press(Qt.Key.Key_3, ALT)
        assert panel.range_s == 3600
        assert panel.tiles["requests"].text.startswith("Requests: 2, ")

        tab_to(panel.chart)
        assert "median 300 ms of 1" in panel.legend.chips["groq"].accessibleName()
        for _ in range(12):
            press(Qt.Key.Key_Left)
        assert "median 50 ms of 1" in panel.legend.chips["groq"].accessibleName()
        assert " to " in panel._at.text()


async def test_a_provider_is_hidden_and_the_theme_switched_without_losing_anything(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("overview")
        publish(it, 20, 600)
        panel.refresh()
        panel.legend.chips["groq"].click()
        assert panel.legend.chips["groq"].text() == "Groq  hidden"
        assert not panel.chart._curves["groq"].line.isVisible()
        it.shell.choose_mode("light")
        color = panel.chart._curves["groq"].line.opts["pen"].color()
        assert color == it.shell.theme.provider_color("groq")
        panel.legend.chips["groq"].click()
        assert panel.chart._curves["groq"].line.isVisible()


async def test_it_rests_while_out_of_view_and_catches_up(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("overview")
        await it.open("settings")
        assert not panel._timer.isActive()
        publish(it, 1, 100)
        await it.open("overview")
        await until(lambda: panel.tiles["requests"].text.startswith("Requests: 1, "))
