"""What was spent: reached from the strip, told by day, provider and route, limited, opened and exported."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from aiconsole.domain.analysis import Forecast
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.history import Spend
from aiconsole.gui.providers.spend import SpendPage, forecast_told
from aiconsole.gui.providers.spend_model import DAY_S, rows_of, write_csv
from tests.gui.console import Console, console, has_focus, press, tab_to, until
from tests.gui.providers.history import write_hour

DAY = 20_000 * DAY_S


async def opened(it: Console) -> SpendPage:
    it.shell.strip.cost_clicked.emit()
    panel = await it.open("providers")
    await until(lambda: panel.spend is not None and panel.spend.isVisible())
    page: SpendPage = panel.spend
    return page


async def test_the_strip_leads_to_spend_by_day_and_its_requests(qapp: QApplication, tmp_path: Path) -> None:
    await write_hour(tmp_path)
    async with console(qapp, tmp_path) as it:
        await it.session.change("spending.day_usd", 5.0)
        page = await opened(it)
        await until(lambda: page.model.rowCount() > 0)
        await until(lambda: has_focus(page.bars))
        assert page.tiles["This month"].text.startswith("This month, UTC, $")
        assert "no data" in page.tiles["Forecast for the month"].text
        assert page.limits.bars[0][1].text().startswith("Day: ")
        costs = [row.usd for row in page.model.rows]
        assert costs == sorted(costs, reverse=True)
        assert sum(row.part or 0 for row in page.model.rows) == pytest.approx(1.0)

        press(Qt.Key.Key_End)
        assert ": $" in page._day.text()
        press(Qt.Key.Key_Home)
        assert page._day.text().endswith("nothing was spent")
        tab_to(page.table)
        press(Qt.Key.Key_Return)
        await until(lambda: it.shell.open_key == "requests")
        requests = await it.open("requests")
        first = page.model.rows[0]
        assert (requests.wanted.provider, requests.wanted.route) == (first.provider, first.route)
        await until(lambda: requests.found is not None and requests.found.count == first.requests)


def test_the_forecast_is_never_below_what_was_spent_since_it_was_made() -> None:
    made = Forecast("2026-11", 0.0, 2.0, 1.0, 3.0)
    told = forecast_told(made, 2.5)
    assert told.figure == "$2.50"
    assert told.note.startswith("$2.50 to $3.00")
    assert forecast_told(made, 0.5).figure == "$2.00"


async def test_what_is_shown_is_exported_and_escape_goes_back(qapp: QApplication, tmp_path: Path) -> None:
    await write_hour(tmp_path / "home")
    async with console(qapp, tmp_path / "home") as it:
        page = await opened(it)
        await until(page.export.isEnabled)
        page.write(tmp_path / "spend.csv")
        await until(lambda: any("are in spend.csv" in words for words in it.messages()))
        lines = list(csv.DictReader((tmp_path / "spend.csv").read_text(encoding="utf-8").splitlines()))
        assert sum(float(line["usd"]) for line in lines) == pytest.approx(sum(one.usd for one in page.shown))
        assert {line["simulated"] for line in lines} == {"true"}

        press(Qt.Key.Key_Escape)
        panel = await it.open("providers")
        assert has_focus(panel.table)


async def test_real_and_simulated_spend_are_never_mixed(qapp: QApplication, tmp_path: Path) -> None:
    await write_hour(tmp_path)
    async with console(qapp, tmp_path) as it:
        page = await opened(it)
        await until(lambda: page.model.rowCount() > 0)
        page.real.click()
        assert page.model.rowCount() == 0
        assert page._stack.currentIndex() == 1
        assert page.tiles["Today"].text.startswith("Today, no data")
        page.pretended.click()
        await until(lambda: page.model.rowCount() > 0)


def test_rows_tell_today_apart_and_a_file_has_no_formulas(tmp_path: Path) -> None:
    spent = [
        Spend(DAY - DAY_S, "groq", "=fast", 3.0, 10, 1),
        Spend(DAY, "groq", "=fast", 1.0, 5, 0),
        Spend(DAY - DAY_S, "cohere", "slow", 4.0, 2, 0),
    ]
    rows = rows_of(spent, DAY)
    assert [(row.provider, row.today, row.usd, row.part, row.requests, row.uncosted) for row in rows] == [
        ("cohere", None, 4.0, 0.5, 2, 0),
        ("groq", 1.0, 4.0, 0.5, 15, 1),
    ]
    path = tmp_path / "spend.csv"
    assert write_csv(path, spent, simulated=False) == 3
    assert path.read_text(encoding="utf-8").splitlines()[1].split(",")[2] == "'=fast"
    with pytest.raises(ConfigError):
        write_csv(tmp_path / "missing" / "spend.csv", spent, simulated=False)


async def test_nothing_spent_says_what_will_be_here_and_keeps_the_keyboard(qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        page = await opened(it)
        await until(lambda: has_focus(page.back))
        assert page.limits.isVisible()
        assert not page.table.isVisible()
        assert not page.export.isEnabled()
        press(Qt.Key.Key_Escape)
        panel = await it.open("providers")
        assert has_focus(panel.table)
