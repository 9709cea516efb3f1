"""The providers panel by keyboard: the table, tests, faults of the simulation, models, keys, a provider of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.errors import ProviderError
from aiconsole.domain.events import HealthSeen
from aiconsole.domain.messages import Message
from aiconsole.gui.titled import STATE_ROLE
from tests.gui.console import Console, console, has_focus, press, tab_to, type_text, until

_KEY = "sk-canary-0123456789abcdef"
CTRL = Qt.KeyboardModifier.ControlModifier


def cell(panel: object, row: int, title: str) -> str:
    model = panel.model  # type: ignore[attr-defined]
    return str(model.data(model.index(row, model.TITLES.index(title))))


async def test_the_table_tells_state_key_models_and_what_was_seen(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("providers")
        await it.engine.complete(ChatRequest("groq/openai/gpt-oss-120b", (Message.user("Hello"),)))
        await until(lambda: cell(panel, 0, "Models") == "6")
        await until(lambda: cell(panel, 0, "p50").endswith("ms"))

        assert [cell(panel, 0, title) for title in ("Provider", "Health", "Key")] == ["Groq", "healthy", "not needed"]
        assert (cell(panel, 0, "Req/min"), cell(panel, 0, "Errors")) == ("1", "0 %")
        assert cell(panel, 0, "p95").endswith("ms")
        assert cell(panel, 0, "Simulated").startswith("$0.")
        assert cell(panel, 0, "Spend") == "–"
        unknown = ("Limits", "p50", "p95", "Errors", "Req/min", "Spend", "Simulated")
        assert [cell(panel, 1, title) for title in unknown] == ["–"] * 7
        assert cell(panel, 1, "Health") == "not seen"


async def test_a_look_before_this_start_is_told_with_its_age(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        it.engine.live.tell_look(HealthSeen("groq", it.session.clock.now() - 7200, True, 12.0, simulated=True))
        panel = await it.open("providers")
        await until(lambda: cell(panel, 0, "Health") == "healthy 2 h ago")


async def test_enter_opens_a_provider_and_escape_goes_back(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("providers")
        assert has_focus(panel.table)
        press(Qt.Key.Key_Down)
        press(Qt.Key.Key_Return)
        assert panel.detail.name == "cohere"
        assert panel.pages.currentWidget() is panel.detail

        press(Qt.Key.Key_T, CTRL)
        await until(lambda: panel.detail.outcome.text.startswith("It answers, in "))
        press(Qt.Key.Key_Escape)
        assert has_focus(panel.table)
        assert cell(panel, 1, "Last test").endswith("ms")


async def test_a_simulated_outage_fails_the_test_with_advice_and_normal_mends_it(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("providers", "groq")
        faults = panel.detail.faults
        tab_to(faults.chips["Outage"])
        press(Qt.Key.Key_Space)
        assert it.engine.simulator is not None
        assert it.engine.simulator.behaviour("groq").outage == "refuse"

        panel.detail.run_test()
        await until(lambda: panel.detail.outcome.text.startswith("The test failed."))
        assert "try again" in panel.detail.outcome.text.lower()
        row = panel.model.index(0, 1)
        assert (row.data(), row.data(STATE_ROLE)) == ("failing", "crit")

        faults.chips["Normal"].click()
        panel.detail.run_test()
        await until(lambda: panel.detail.outcome.text.startswith("It answers"))
        assert row.data() == "healthy"


async def test_each_knob_of_the_simulation_takes_effect(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("providers", "mistral")
        faults, simulator = panel.detail.faults, it.engine.simulator
        assert simulator is not None
        faults.errors["bad_key"].setValue(100)
        assert simulator.behaviour("mistral").error_rates == {"bad_key": 1.0}
        with pytest.raises(ProviderError, match=r".") as caught:
            await it.engine.complete(ChatRequest("mistral/mistral-small-latest", (Message.user("Hello"),)))
        assert caught.value.kind == "bad key"

        faults.errors["quota"].setValue(50)
        assert "add up to more than 1" in faults.outcome.text
        assert simulator.behaviour("mistral").error_rates == {"bad_key": 1.0}
        faults.chips["Normal"].click()
        faults.requests.setValue(7)
        faults.stream.setCurrentIndex(faults.stream.findData("stall"))
        faults.stream.activated.emit(faults.stream.currentIndex())
        faults.stream_after.setValue(3)
        behaviour = simulator.behaviour("mistral")
        assert behaviour.rate_limit is not None
        assert behaviour.rate_limit.requests_per_minute == 7
        assert behaviour.stream_fault is not None
        assert (behaviour.stream_fault.kind, behaviour.stream_fault.after_tokens) == ("stall", 3)


async def test_models_are_listed_filtered_and_sorted(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await it.open("providers", "groq")
        card = panel.detail.models
        await until(lambda: card.models.rowCount() > 0)
        press(Qt.Key.Key_F, CTRL)
        type_text("gpt-oss")
        assert card.table.model().rowCount() == 2
        card.filter.clear()
        card.table.sortByColumn(2, Qt.SortOrder.AscendingOrder)
        prices = [float(card.table.model().index(row, 2).data()) for row in range(card.table.model().rowCount())]
        assert prices == sorted(prices)


async def test_a_key_is_entered_by_keyboard_kept_for_this_run_and_never_shown(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path, demo=False) as it:
        await until(lambda: it.session.keys_known)
        await it.session.change("providers.groq.base_url", "http://127.0.0.1:9")
        panel = await it.open("providers", "groq#key")
        entry = panel.detail.key
        assert has_focus(entry.field)
        await until(lambda: not entry.keep.isEnabled())
        assert "this run only" in entry._store.text()

        type_text(_KEY)
        assert entry.field.displayText() != _KEY
        press(Qt.Key.Key_Return)
        await until(lambda: panel.detail.outcome.text.startswith("The test failed."))
        assert entry.field.text() == ""
        assert it.engine.keys.source("groq") == "session"
        assert cell(panel, 0, "Key") == "for this run only"
        assert all(_KEY not in text for text in every_text(it))

        entry.remove.click()
        await until(lambda: it.engine.keys.source("groq") is None)
        await until(lambda: cell(panel, 0, "Health") == "no key")


async def test_a_key_from_the_environment_is_read_only(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path, demo=False, environ={"COHERE_API_KEY": _KEY}) as it:
        await until(lambda: it.session.keys_known)
        panel = await it.open("providers", "cohere")
        assert "COHERE_API_KEY" in panel.detail.key._where.text()
        assert panel.detail.key.remove.isHidden()
        assert cell(panel, 1, "Key") == "COHERE_API_KEY"


async def test_a_provider_of_ones_own_is_checked_added_tested_removed_and_brought_back(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path, demo=False) as it:
        await until(lambda: it.session.keys_known)
        panel = await it.open("providers", "#add")
        form = panel.form
        type_text("My Box!")
        assert form.name.text() == "my-box"
        tab_to(form.url)
        type_text("http://10.1.2.3/v1")
        assert not form.add.isEnabled()
        assert "private network" in form.faults()[form.url]
        form.url.clear()
        type_text("http://127.0.0.1:9/v1")
        press(Qt.Key.Key_Return)
        await until(lambda: panel.detail.name == "my-box" and panel.detail.outcome.text)
        assert panel.detail.outcome.text.startswith("The test failed.")
        assert it.engine.settings.custom["my-box"].base_url == "http://127.0.0.1:9/v1"
        assert [cell(panel, 7, title) for title in ("Provider", "Key")] == ["My Box!", "not needed"]

        panel.detail.remove.click()
        await until(lambda: "my-box" not in it.engine.settings.custom)
        await until(lambda: "My Box! was removed." in it.messages())
        notice = next(n for n in it.shell._notices.shown() if n.accessibleName() == "My Box! was removed.")
        notice.action.click()
        await until(lambda: "my-box" in it.engine.settings.custom)


async def test_switching_a_provider_off_shows_everywhere(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path, demo=False) as it:
        await until(lambda: it.session.keys_known)
        panel = await it.open("providers", "gemini")
        panel.detail.enabled.click()
        await until(lambda: not it.engine.settings.providers["gemini"].enabled)
        await until(lambda: cell(panel, 3, "Health") == "off")
        assert not panel.detail.test.isEnabled()


def every_text(it: Console) -> Iterator[str]:
    for line in it.shell.findChildren(QLineEdit):
        yield line.text()
    for widget in QApplication.allWidgets():
        yield from (widget.accessibleName(), widget.toolTip(), str(widget.property("text") or ""))
