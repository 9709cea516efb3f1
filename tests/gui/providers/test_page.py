"""A provider's page: its past by range, models, errors and looks at its health, and the way to the requests behind them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from aiconsole.domain.errors import CALLERS_KINDS
from aiconsole.gui.requests.panel import RequestsPanel
from tests.gui.console import Console, console, press, tab_to, until
from tests.gui.providers.history import write_hour

ALT = Qt.KeyboardModifier.AltModifier


async def requests(it: Console) -> RequestsPanel:
    await until(lambda: it.shell.open_key == "requests")
    panel: RequestsPanel = await it.open("requests")
    await until(lambda: panel.found is not None)
    return panel


async def test_the_past_of_a_provider_by_range_model_error_and_health(qapp: QApplication, tmp_path: Path) -> None:
    await write_hour(tmp_path)
    async with console(qapp, tmp_path) as it:
        panel = await it.open("providers", "openrouter")
        detail = panel.detail
        await until(lambda: detail.graph.figures.text())
        told = detail.graph.figures.text()
        assert told.startswith("p50 ")
        assert "attempts" in told
        assert [span.healthy for span in detail.graph.lane.spans] == [True, False, True]
        assert detail.graph.lane.accessibleName().endswith("the last in 120 ms")
        await until(lambda: any(detail.graph.source.graph.lines.get("openrouter", ())))

        await until(lambda: detail.models.models.rowCount() > 0)
        model = detail.models.models
        of = next(row for row in range(model.rowCount()) if model.index(row, 0).data() == "openai/gpt-oss-120b")
        assert model.index(of, 4).data().endswith("ms")
        assert model.index(of, 6).data().endswith("%")
        other = next(row for row in range(model.rowCount()) if row != of)
        assert [model.index(other, place).data() for place in (4, 5, 6)] == ["–"] * 3

        press(Qt.Key.Key_2, ALT)
        assert detail.graph.range_s == 86_400.0
        await until(lambda: detail.graph.words == "last 24 h")


async def test_a_kind_of_error_opens_just_those_requests(qapp: QApplication, tmp_path: Path) -> None:
    await write_hour(tmp_path)
    async with console(qapp, tmp_path) as it:
        panel = await it.open("providers", "openrouter")
        errors = panel.detail.errors
        await until(lambda: errors.model.rowCount() > 0)
        row = errors.model.rows[0]
        assert row.kind not in CALLERS_KINDS
        tab_to(panel.detail.to_models)
        press(Qt.Key.Key_Right)
        assert errors.isVisible()
        tab_to(errors.table)
        press(Qt.Key.Key_Return)
        found = await requests(it)
        await until(lambda: found.found is not None and found.found.count == row.count)
        assert found.wanted.error_kind == row.kind
        assert found.wanted.provider == "openrouter"


async def test_without_a_past_it_says_what_will_be_here(qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("providers", "groq")
        detail = panel.detail
        await until(lambda: "grouped here" in detail.errors._nothing.text())
        assert detail.graph.figures.text() == ""
        await until(lambda: detail.graph._stack.currentIndex() == 1)
        assert detail.graph.lane.accessibleName() == "Health checks: none in this range"


async def test_spending_limits_that_concern_it_are_told_with_what_is_used(qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        await it.session.change("spending.day_usd", 5.0)
        await it.session.change("providers.groq.month_usd", 20.0)
        await it.session.change("providers.cohere.day_usd", 1.0)
        panel = await it.open("providers", "groq")
        told = [words.text() for _, words in panel.detail.guard.spending.bars]
        assert len(told) == 2
        assert any(words.startswith("Day: $0.00 of $5.00 used, resets in ") for words in told)
        assert any(words.startswith("Month, groq: $0.00 of $20.00 used, resets in ") for words in told)
