"""The table of providers: the last hour out of the history, what is live, sorting, and the columns that there is room for."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from aiconsole.domain.chat import RateLimit
from aiconsole.domain.events import HealthSeen
from aiconsole.gui.providers.panel import ProvidersPanel
from aiconsole.gui.providers.rows import COLUMNS
from aiconsole.gui.titled import BAR_ROLE, STATE_ROLE
from tests.gui.console import console, press, type_text, until
from tests.gui.providers.history import write_hour


def at(title: str) -> int:
    return [column.title for column in COLUMNS].index(title)


def column(panel: ProvidersPanel, title: str) -> list[str]:
    """The words of a column, as sorted."""
    return [panel.order.index(row, at(title)).data() for row in range(panel.order.rowCount())]


def ms(words: str) -> float:
    number, unit = words.split()
    return float(number) * {"ms": 1, "s": 1000}[unit]


async def test_the_last_hour_of_an_earlier_run_is_told_and_sorted_with_the_unknown_last(
    qapp: QApplication, tmp_path: Path
) -> None:
    await write_hour(tmp_path)
    async with console(qapp, tmp_path) as it:
        panel = await it.open("providers")
        await until(lambda: column(panel, "p50")[0] != "–")
        for title in ("p50", "p95", "Errors"):
            assert column(panel, title)[5] != "–"
        assert float(column(panel, "Errors")[5].split()[0]) > 5
        assert set(column(panel, "Spend")) == {"–"}

        press(Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
        type_text("Sort the providers by p95")
        press(Qt.Key.Key_Return)
        falling = [ms(words) for words in column(panel, "p95") if words != "–"]
        assert falling == sorted(falling, reverse=True)
        panel.sort(at("p95"))
        rising = column(panel, "p95")
        assert [ms(words) for words in rising if words != "–"] == sorted(falling)

        it.engine.gate.limits.seen("groq/openai/gpt-oss-120b", (RateLimit("requests", "minute", 30, 3),))
        panel.refresh()
        panel.sort(at("Limits"))
        assert column(panel, "Provider")[0] != "Groq" or column(panel, "Limits")[1] == "–"
        assert column(panel, "Limits").count("–") == 6
        assert column(panel, "Limits")[-1] == "–"


async def test_limits_and_health_are_told_live_with_what_is_behind_them(qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("providers")
        it.engine.gate.limits.seen("groq/openai/gpt-oss-120b", (RateLimit("requests", "minute", 30, 3),))
        now = it.session.clock.now()
        it.engine.bus.publish(HealthSeen("groq", now, False, None, "timeout"))
        it.engine.bus.publish(HealthSeen("cohere", now, True, 80.0))
        await until(lambda: column(panel, "Health")[:2] == ["failing", "healthy"])
        limits = panel.order.index(0, at("Limits"))
        assert limits.data().startswith("10.0 %, ")
        assert limits.data(BAR_ROLE) == (0.1, "warn")
        assert "3 of 30 requests left this minute" in limits.data(Qt.ItemDataRole.ToolTipRole)
        assert panel.order.index(0, at("Health")).data(STATE_ROLE) == "crit"
        assert "timeout" in panel.order.index(0, at("Health")).data(Qt.ItemDataRole.ToolTipRole)
        score = panel.order.index(0, at("Score"))
        assert "nothing was seen" in score.data(Qt.ItemDataRole.ToolTipRole)


async def test_nothing_runs_while_it_is_out_of_view(qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("providers")
        watching = len(it.engine.live._watchers)
        await it.open("settings")
        assert len(it.engine.live._watchers) == watching - 1
        assert not panel._age.isActive()


async def test_a_narrow_window_keeps_what_matters_and_a_wide_one_shows_all(qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("providers")
        it.shell.resize(1280, 800)
        await until(lambda: panel.table.isColumnHidden(at("Base URL")))
        kept = ("Health", "Breaker", "Score", "Limits", "p50", "p95", "Errors", "Req/min", "Spend", "Key")
        header = panel.table.horizontalHeader()
        for title in kept:
            assert not panel.table.isColumnHidden(at(title))
            end = header.sectionViewportPosition(at(title)) + header.sectionSize(at(title))
            assert end <= panel.table.viewport().width()
        it.shell.resize(1920, 1080)
        await until(lambda: not panel.table.isColumnHidden(at("Base URL")))
