"""The panel of jobs by keyboard, as somebody who opens it the first time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import QAbstractItemModel, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.error_groups import ErrorSeen
from aiconsole.domain.messages import Message
from aiconsole.gui.jobs.backups import Backups
from aiconsole.gui.jobs.errors import Errors
from aiconsole.gui.jobs.panel import JobsPanel
from aiconsole.gui.lines import LinesModel
from aiconsole.jobs.job import Job, Outcome, Run
from aiconsole.jobs_setup import Jobs
from aiconsole.simulator import Behaviour
from tests.gui.console import Console, console, has_focus, press, tab_to, type_text, until

CTRL = Qt.KeyboardModifier.ControlModifier


async def opened(it: Console, item: str | None = None) -> JobsPanel:
    await it.engine.open_jobs(by_itself=False)
    panel = await it.open("jobs", item)
    assert isinstance(panel, JobsPanel)
    await until(lambda: panel.detail is not None)
    return panel


def cell(panel: JobsPanel, row: int, column: int) -> str:
    return str(panel.table.model().index(row, column).data())


async def test_all_nine_stand_there_with_a_countdown_and_run_by_key(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it)
        detail = panel.detail
        assert detail is not None
        assert panel.table.model().rowCount() == 10
        assert (cell(panel, 0, 0), cell(panel, 0, 1), cell(panel, 0, 2)) == (
            "Provider health",
            "waiting",
            "not run yet",
        )
        assert cell(panel, 0, 5).startswith("in ")
        assert cell(panel, 0, 6) == "every 5 min"
        assert panel.summary.text().startswith("None has run yet")
        assert detail.runs.empty.isVisible()

        assert has_focus(panel.table)
        press(Qt.Key.Key_R, CTRL)
        await until(lambda: cell(panel, 0, 2).endswith("none is unwell."))
        await until(lambda: "groq: well" in detail.runs.output.toPlainText())
        assert detail.runs.table.model().index(0, 1).data() == "by hand"
        await until(lambda: detail.year.accessibleName().endswith("1 run on 1 day, none failed."))


async def test_a_run_that_found_something_bad_is_no_green_dot(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        assert it.engine.simulator is not None
        it.engine.simulator.set("groq", Behaviour(outage="refuse"))
        panel = await opened(it)
        detail = panel.detail
        assert detail is not None
        press(Qt.Key.Key_R, CTRL)
        await until(lambda: cell(panel, 0, 2).startswith("needs a look: 7 of 7 providers asked; not well: groq"))
        assert _state(panel.table.model(), 0, 2) == "warn"
        await until(lambda: detail.runs.table.model().index(0, 2).data() == "needs a look")
        assert _state(detail.runs.table.model(), 0, 2) == "warn"
        assert panel.summary.text().startswith("Needs a look: Provider health · ")
        it.engine.simulator.set("groq", Behaviour())
        press(Qt.Key.Key_R, CTRL)
        await until(lambda: cell(panel, 0, 2).endswith("none is unwell."))
        assert panel.summary.text().startswith("All well · ")
        assert _state(panel.table.model(), 0, 2) == "ok"


def _state(model: QAbstractItemModel, row: int, column: int) -> str | None:
    assert isinstance(model, LinesModel)
    return model.lines[row].cells[column].state


async def test_a_run_is_followed_live_and_cancelled(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it, "logs")
        detail, jobs = panel.detail, panel.jobs
        assert detail is not None
        assert jobs is not None
        told = _replace_work(jobs, "logs")
        press(Qt.Key.Key_R, CTRL)
        await until(lambda: cell(panel, 7, 1) == "running")
        await until(lambda: detail.runs.output.toPlainText() == "first line")
        told.set()
        await until(lambda: detail.runs.output.toPlainText() == "first line\nsecond line")
        assert cell(panel, 7, 5) == "–"
        assert detail.cancel.isEnabled()
        assert not detail.run.isEnabled()
        press(Qt.Key.Key_Period, CTRL)
        await until(lambda: detail.runs.table.model().index(0, 2).data() == "cancelled")
        await until(lambda: cell(panel, 7, 2) == "cancelled: It was cancelled.")
        assert detail.run.isEnabled()


async def test_a_job_is_paused_and_resumed_and_says_so(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it, "cache")
        press(Qt.Key.Key_P, CTRL)
        await until(lambda: cell(panel, 3, 1) == "paused")
        assert cell(panel, 3, 5) == "–"
        assert panel.detail is not None
        assert panel.detail.pause.text() == "Resume"
        await until(lambda: any("paused" in message for message in it.messages()))
        press(Qt.Key.Key_P, CTRL)
        await until(lambda: cell(panel, 3, 1) == "waiting")


async def test_a_schedule_tells_its_next_times_while_it_is_typed_and_is_kept(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it, "logs")
        assert panel.detail is not None
        plan = panel.detail.plan
        press(Qt.Key.Key_E, CTRL)
        assert has_focus(plan.text)
        type_text("weekly su")
        assert plan.told.text().startswith("Not a schedule yet")
        assert not plan.save.isEnabled()
        type_text("n 03:00")
        assert plan.told.text().startswith("Sundays at 03:00: Sun ")
        assert plan.told.text().count("Sun ") == 3
        press(Qt.Key.Key_Return)
        await until(lambda: it.engine.settings.jobs["logs"].schedule == "weekly sun 03:00")
        await until(lambda: _ticked(panel, 7, 6) == "Sundays at 03:00")
        assert plan.default.isEnabled()
        plan.default.click()
        await until(lambda: _ticked(panel, 7, 6) == "every hour")
        tab_to(plan.enabled)
        press(Qt.Key.Key_Space)
        await until(lambda: _ticked(panel, 7, 1) == "off")


async def test_nothing_wakes_the_console_while_the_panel_is_hidden(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it)
        assert panel._timer.isActive()
        assert panel._timer.interval() >= 1000
        it.shell.open("chat")
        assert not panel._timer.isActive()


async def test_errors_are_grouped_called_done_and_lead_to_their_request(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        jobs = await it.engine.open_jobs(by_itself=False)
        await it.engine.complete(ChatRequest("groq/openai/gpt-oss-120b", (Message.user("Hello"),)))
        now = it.session.clock.now()
        seen = ErrorSeen(
            "f1", "provider", "overloaded", "Try again in ‹n› s", now - 60, now, 12, "groq", "gpt", 503, "r1"
        )
        await jobs.errors.take_in((seen,), now)
        panel = await opened(it, "errors")
        assert panel.detail is not None
        view = panel.detail.findings
        assert isinstance(view, Errors)
        await until(lambda: view.table.model().rowCount() == 1)
        assert [view.table.model().index(0, at).data() for at in (1, 2, 3)] == ["open", "12", "groq/gpt"]
        await until(lambda: "12 in all" in view.bars.accessibleName())
        view.table.setFocus()
        press(Qt.Key.Key_Delete)
        await until(lambda: view.table.model().index(0, 1).data() == "done")
        assert not view.resolve.isEnabled()
        view.open.click()
        assert it.shell.open_key == "requests"


async def test_a_backup_says_what_it_would_change_before_it_is_put_in_place(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        await it.session.change("chat.model", "groq/openai/gpt-oss-120b")
        panel = await opened(it, "backup#run")
        assert panel.detail is not None
        view = panel.detail.findings
        assert isinstance(view, Backups)
        await until(lambda: view.table.model().rowCount() == 1)
        panel.detail.tabs.setCurrentWidget(view)
        view.restore.click()
        await until(lambda: any("nothing would change" in message for message in it.messages()))
        await it.session.change("chat.model", "mistral/mistral-small-latest")

        view.restore.click()
        await until(lambda: view.question is not None and view.question.isVisible())
        question = view.question
        assert question is not None
        assert has_focus(question.cancel)
        assert '- model = "mistral/mistral-small-latest"' in question.details.toPlainText()
        assert '+ model = "groq/openai/gpt-oss-120b"' in question.details.toPlainText()
        press(Qt.Key.Key_Escape)
        assert it.engine.settings.chat.model == "mistral/mistral-small-latest"

        view.restore.click()
        await until(question.isVisible)
        tab_to(question.do)
        press(Qt.Key.Key_Space)
        await until(lambda: it.engine.settings.chat.model == "groq/openai/gpt-oss-120b")
        await until(lambda: view.table.model().rowCount() == 2)


async def test_the_palette_runs_a_job_from_anywhere(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        jobs = await it.engine.open_jobs(by_itself=False)
        command = next(each for each in it.shell.commands.available() if each.key == "job.system.run")
        it.shell.commands.run(command)
        await until(lambda: jobs.scheduler.view("system").last is not None)
        await until(lambda: jobs.scheduler.view("system").state == "waiting")
        assert it.shell.open_key == "jobs"


def _ticked(panel: JobsPanel, row: int, column: int) -> str:
    panel.tick()
    return cell(panel, row, column)


def _replace_work(jobs: Jobs, name: str) -> asyncio.Event:
    """Let a job say a line, wait, say another one, and go on until it is cancelled."""
    import msgspec

    told = asyncio.Event()

    async def work(run: Run) -> Outcome:
        run.say("first line")
        await told.wait()
        run.say("second line")
        await asyncio.Event().wait()
        return Outcome()

    entry = jobs.scheduler._entries[name]
    changed: Job = msgspec.structs.replace(entry.job, work=work)
    entry.job = changed
    return told
