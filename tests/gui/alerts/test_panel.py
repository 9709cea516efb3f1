"""The panel of alerts by keyboard, as somebody who opens it the first time and as somebody whom an alert called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from aiconsole.alerts.declare import AlertRule, Errors, JobFailed
from aiconsole.domain.alerts import Alert, AlertLinks, AlertMessage
from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.events import JobChanged
from aiconsole.domain.messages import Message
from aiconsole.gui.alerts.panel import CHANNELS, RULES, AlertsPanel
from aiconsole.gui.notices import Notice
from aiconsole.gui.tray import Tray
from tests.gui.console import Console, console, has_focus, press, tab_to, type_text, until

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


async def opened(it: Console, item: str | None = None) -> AlertsPanel:
    panel = await it.open("alerts", item)
    assert isinstance(panel, AlertsPanel)
    await until(lambda: panel.list is not None and panel.summary.text() != "Starting…")
    return panel


async def fail_job(it: Console) -> None:
    """Let the rule about daily jobs find something."""
    it.engine.bus.publish(JobChanged("backup", "failed", it.session.clock.now(), 7, 20.0, None, "The disk is full."))
    alerts = it.engine.alerts
    assert alerts is not None
    await until(lambda: any(alert.state == "firing" for alert in alerts.current()))


async def test_a_quiet_console_says_so_and_leads_to_its_rules(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it)
        assert panel.list is not None
        assert panel.rules is not None
        assert panel.summary.text().startswith("Nothing is wrong · ")
        assert panel.list.empty.isVisible()
        assert it.shell.strip.alerts.isHidden()
        panel.list.empty.action.click()
        assert panel.tabs.currentWidget() is panel.rules
        assert panel.rules.table.model().rowCount() >= 10
        test = panel.rules.test
        await until(lambda: "30 d" in test.text)


async def test_an_alert_is_on_the_strip_acknowledged_silenced_and_called_over(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        alerts = await it.engine.open_alerts()
        it.window.follow_alerts()
        await fail_job(it)
        strip = it.shell.strip.alerts
        await until(strip.isVisible)
        assert strip.accessibleName() == "1 alert firing"
        await until(lambda: any("The job backup failed" in message for message in it.messages()))

        strip.click()
        panel = await opened(it)
        assert panel.list is not None
        view, detail = panel.list, panel.list.detail
        await until(lambda: view.table.model().rowCount() == 1)
        assert panel.summary.text().startswith("1 firing")
        assert "The disk is full" in detail.title.text()
        view.table.setFocus()
        press(Qt.Key.Key_Return)
        assert has_focus(detail.acknowledge)
        tab_to(detail.note)
        type_text("making room")
        press(Qt.Key.Key_Return, CTRL)
        await until(lambda: view.table.model().index(0, 0).data() == "acknowledged")
        await until(strip.isHidden)
        assert detail.steps.model().index(0, 2).data() == "making room"

        detail.keep_silent(3600.0)
        assert detail.pill.text().startswith("silenced until")
        await until(lambda: view.chips["silenced"].text() == "Silenced  1")
        press(Qt.Key.Key_R, CTRL | SHIFT)
        await until(lambda: view.table.model().index(0, 0).data() == "resolved")
        assert not detail.acknowledge.isVisible()
        assert not alerts.current()

        assert [button.text() for button in detail.buttons] == ["Job", "Rule"]
        detail.buttons[1].click()
        assert panel.rules is not None
        assert panel.tabs.currentWidget() is panel.rules
        assert panel.rules.table.model().index(panel.rules.at, 0).data() == "job-failed"
        detail.buttons[0].click()
        assert it.shell.open_key == "jobs"


async def test_an_alert_leads_to_its_graph_its_requests_and_their_traces(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        await it.engine.complete(ChatRequest("groq/openai/gpt-oss-120b", (Message.user("Hello"),)))
        panel = await opened(it)
        assert panel.list is not None
        now = it.session.clock.now()
        links = AlertLinks("groq", ("no-such-request",))
        began = now - 3600
        alert = Alert(
            "a1",
            "outage:groq",
            "provider-failing",
            "groq",
            "critical",
            "firing",
            "groq fails.",
            began,
            now,
            links=links,
        )
        detail = panel.list.detail
        detail.show_alert(alert, now)
        graph, requests, trace, provider, _ = detail.buttons
        assert [button.text() for button in detail.buttons] == ["Graph", "Requests", "Trace 1", "Groq", "Rule"]

        graph.click()
        overview = await it.open("overview")
        start, end = overview.view
        assert start <= began
        assert now - 30 <= end
        requests.click()
        table = await it.open("requests")
        assert table.wanted.asked == "groq"
        assert began - 930 < table.wanted.start <= began - 900
        trace.click()
        await until(lambda: any("not kept" in message for message in it.messages()))
        provider.click()
        assert it.shell.open_key == "providers"


async def test_a_rule_reads_as_a_sentence_and_tells_when_it_would_have_fired_before_it_is_kept(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it, RULES)
        rules = panel.rules
        assert rules is not None
        await until(lambda: has_focus(rules.table))
        press(Qt.Key.Key_Insert)
        type_text("too-many-failures")
        assert rules.reads.text() == (
            "Warns when the error rate of attempts at any provider is above 30 % over 5 min (of 10 or more), for 1 min, "
            "until it is below 10 %."
        )
        await until(lambda: "would not have fired" in rules.test.text)
        tab_to(_control(panel, "How bad it is"))
        press(Qt.Key.Key_End)
        tab_to(_control(panel, "Figure"))
        press(Qt.Key.Key_End)
        assert "number of tokens of attempts at any provider is above 1,000,000" in rules.reads.text()
        tab_to(_control(panel, "What is watched"))
        for _ in range(6):
            press(Qt.Key.Key_Down)
        assert rules.reads.text() == "Raises a critical alert when a background job fails 3 times in a row, for 1 min."
        await until(lambda: "would not have fired" in rules.test.text)
        press(Qt.Key.Key_S, CTRL)
        alerts = it.engine.alerts
        assert alerts is not None
        wanted = AlertRule(name="too-many-failures", severity="critical", for_s=60.0, job=JobFailed(times=3))
        await until(lambda: wanted in alerts.rules.rules)
        await until(lambda: rules.status.text() == "Saved")


async def test_a_rule_on_scheduled_runs_of_the_bench_is_edited_with_the_limits_of_its_figure(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it, f"{RULES}:bench-errors")
        rules = panel.rules
        assert rules is not None
        assert rules.reads.text() == (
            "Warns when in a scheduled run of the test bench the error rate at any provider is above 5 % (of 20 requests or "
            "more), until a run finds 2 % or less."
        )
        await until(lambda: "How many runs in a row" in {each.accessibleName() for each in rules.sentence.controls})
        tab_to(_control(panel, "Figure"))
        press(Qt.Key.Key_Down)
        assert "is above 2000 ms" in rules.reads.text()
        press(Qt.Key.Key_Down)
        assert "is above 0 (of 20 requests or more), until a run finds 0 or less." in rules.reads.text()
        await until(lambda: "would not have fired" in rules.test.text)
        assert rules.save.isEnabled()


async def test_a_rule_that_cannot_be_is_not_kept_and_deleting_can_be_taken_back(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it, f"{RULES}:job-failed")
        rules = panel.rules
        assert rules is not None
        number = len(rules.draft.rules)
        rules.table.setFocus()
        press(Qt.Key.Key_Delete)
        assert len(rules.draft.rules) == number - 1
        assert rules.status.text() == "Unsaved changes"
        it.shell.commands.run("notice")
        press(Qt.Key.Key_Space)
        assert len(rules.draft.rules) == number
        rules.add_rule()
        rules.sentence.controls[0].selectAll()  # type: ignore[attr-defined]
        type_text("job-failed")
        assert "two rules of this name" in rules.status.text()
        assert not rules.save.isEnabled()
        rules.discard.click()
        assert rules.status.text() == "Saved"


@asynccontextmanager
async def receiver() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A service on this machine that takes everything: its port, and what it got."""
    got: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
        )
        got.append(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], got


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise still imports it
async def test_rules_that_were_not_saved_outlive_the_window_half_written_as_they_are(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it, RULES)
        assert panel.rules is not None
        press(Qt.Key.Key_Insert)
        half = AlertRule(name="", errors=Errors(kinds=()))
        panel.rules.draft.replace(panel.rules.at, half)
        assert panel.rules.draft.problems()
        left = panel.rules.draft.rules
        state = it.window.state("")
    async with console(qapp, tmp_path, state=state) as it:
        told = "Changes to the alert rules that were not saved last time are kept. They are not followed yet."
        await until(lambda: told in it.messages())
        next(one for one in it.shell.findChildren(Notice) if one.accessibleName() == told).do()
        await until(lambda: it.shell.open_key == "alerts")
        panel = await opened(it)
        assert panel.rules is not None
        assert panel.tabs.currentWidget() is panel.rules
        assert panel.rules.draft.rules == left
        assert not panel.rules.save.isEnabled()
        assert it.engine.alerts is not None
        assert half not in it.engine.alerts.rules.rules
        assert panel.rules.discard.isEnabled()
        panel.rules.discard.click()
        assert half not in panel.rules.draft.rules
        assert it.window.state("").memory == {}


async def test_a_channel_is_made_tested_and_never_shows_its_address(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with receiver() as (port, got), console(qapp, tmp_path) as it:
        panel = await opened(it, CHANNELS)
        channels = panel.channels
        assert channels is not None
        await until(lambda: has_focus(channels.new))
        assert channels.empty.isVisible()
        type_text("not.this")
        press(Qt.Key.Key_Return)
        assert channels.fault.isVisible()
        channels.new.clear()
        type_text("phone")
        press(Qt.Key.Key_Return)
        entry = channels.entry
        await until(lambda: has_focus(entry.address))
        assert channels.table.model().index(0, 1).data() == "no address"
        entry.once.setChecked(True)
        type_text("nonsense://x")
        press(Qt.Key.Key_Return)
        await until(lambda: entry.outcome.text.startswith("The address was not kept."))
        entry.address.clear()
        type_text(f"json://127.0.0.1:{port}/very-secret-token")
        assert entry.address.displayText().strip("●•") == ""
        press(Qt.Key.Key_Return)
        await until(lambda: channels.table.model().index(0, 1).data() == "ready")
        assert entry.address.text() == ""
        assert channels.table.model().index(0, 2).data() == "json://…"

        press(Qt.Key.Key_T, CTRL)
        await until(lambda: entry.outcome.text.startswith("The service took the test"))
        assert b"arrive here" in got[0]
        entry.remove.click()
        await until(channels.empty.isVisible)
        assert "phone" not in it.engine.settings.alert_channels


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise still imports it
async def test_messages_that_cannot_be_delivered_wait_in_view(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with receiver() as (port, _):
        dead = port
    async with console(qapp, tmp_path) as it:
        alerts = await it.engine.open_alerts()
        await it.session.change("alert_channels.phone.enabled", True)
        await it.session.change("alerts.tell_simulated", True)
        await alerts.keep_address("phone", f"json://127.0.0.1:{dead}/", "session")
        await fail_job(it)
        panel = await opened(it)
        panel.tabs.setCurrentIndex(3)
        messages = panel.messages
        assert messages is not None
        await until(lambda: messages.table.model().rowCount() == 1)
        assert messages.told.text() == "1 waiting · 0 delivered · 0 late · 0 given up"
        assert messages.table.model().index(0, 2).data() == "waiting"
        assert "The disk is full" in messages.body.toPlainText()


async def test_a_message_is_shown_in_the_window_and_heard_only_where_that_is_wanted(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        heard: list[bool] = []
        tray = Tray(it.shell, beep=lambda: heard.append(True))
        tray.show(AlertMessage("a1", "firing", "critical", "Critical: groq fails", "…"))
        assert it.messages() == ["Critical: groq fails"]
        assert not heard
        tray.show(AlertMessage("a2", "firing", "warning", "Warning: mistral is slow", "…", sound=True))
        assert heard == [True]
        it.shell.commands.run("notice")
        press(Qt.Key.Key_Space)
        assert it.shell.open_key == "alerts"
        tray.leave()


def _control(panel: AlertsPanel, name: str) -> QWidget:
    assert panel.rules is not None
    return next(each for each in panel.rules.sentence.controls if each.accessibleName() == name)
