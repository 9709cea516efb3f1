"""The test bench by keyboard, as a new user: asked, watched, left, stopped, read, compared, pinned, exported; on the demo."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QScrollArea
from pytestqt.qtbot import QtBot

from aiconsole.bench.plan import Limits, Load, Plan, Prompt
from aiconsole.bench.report import Report
from aiconsole.gui.bench.curves import Curves
from aiconsole.gui.bench.panel import BenchPanel
from aiconsole.gui.lines import LinesTable
from aiconsole.gui.notices import Notice
from aiconsole.simulator import NAMES, Behaviour
from tests.gui.console import Console, console, has_focus, press, tab_to, type_text, until

CTRL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier
QUICK = Behaviour(ttft_ms=15, tokens_per_s=2000)
SHORT = (Prompt("six", "[[tokens=6]]", max_tokens=32),)
BENCH = Plan(name="Six tokens", targets=("groq",), prompts=SHORT, repeats=8, warmup=0, calibrate=False)


def quicken(it: Console) -> None:
    assert it.engine.simulator is not None
    for name in NAMES:
        it.engine.simulator.set(name, QUICK)


async def opened(it: Console) -> BenchPanel:
    quicken(it)
    panel = await it.open("bench")
    assert isinstance(panel, BenchPanel)
    await until(lambda: has_focus(panel.form.presets["#up"]))
    return panel


async def measured(panel: BenchPanel, plan: Plan) -> Report:
    panel.start(plan)
    await until(lambda: not panel.watch.running, 20)
    report = panel.watch.seen.report
    assert report is not None
    await until(lambda: report.id in [entry.id for entry in panel.runs.entries])
    return report


def written(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


async def test_a_new_user_asks_whether_all_are_up_and_reads_which_is_not(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it)
        assert it.engine.simulator is not None
        it.engine.simulator.set("mistral", Behaviour(error_rates={"bad_key": 1}))
        press(Qt.Key.Key_Space)
        assert panel.form.presets["#up"].isChecked()
        assert not panel.form.load.isVisible()
        await until(lambda: panel.form.predicted.text().startswith("49 checks at 7 providers"))
        press(Qt.Key.Key_Return, CTRL)
        assert panel.watch.running
        await until(lambda: panel.finished.isVisible(), 20)
        assert panel.finished.said.text() == "1 of 49 checks failed."
        matrix, reasons = panel.finished.health.content.matrix, panel.finished.health.content.reasons
        assert has_focus(matrix)
        assert matrix.model().rowCount() == 7
        first = [reasons.model().index(0, column).data() for column in (0, 1, 2)]
        assert first == ["mistral", "key", "fail"]
        assert "key" in reasons.model().index(0, 5).data().lower()
        await until(lambda: len(panel.runs.entries) == 1)
        press(Qt.Key.Key_R, CTRL)
        assert panel.form.isVisible()
        assert panel.form.plan().kind == "health"


async def test_the_palette_asks_whether_all_providers_are_up(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        quicken(it)
        await it.open("settings")
        press(Qt.Key.Key_K, CTRL)
        await until(lambda: "QLineEdit" in type(QApplication.focusWidget()).__name__)
        type_text("is it up all")
        press(Qt.Key.Key_Return)
        panel = await it.open("bench")
        await until(lambda: panel.watch.seen.report is not None, 20)
        assert {check.provider for check in panel.watch.seen.report.health} == set(NAMES)


async def test_the_form_says_what_it_will_send_and_cost_and_where_it_stops(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it)
        form = panel.form
        press(Qt.Key.Key_2, ALT)
        await until(lambda: form.predicted.text().startswith("154 requests; at most $"))
        tab_to(form.targets.none)
        press(Qt.Key.Key_Space)
        await until(lambda: form.predicted.text() == "Tick at least one provider.")
        assert not form.go.isEnabled()
        tab_to(form.targets.ticks["groq"])
        press(Qt.Key.Key_Space)
        tab_to(form.load.repeats)
        form.load.repeats.setValue(5)
        await until(lambda: form.predicted.text().startswith("7 requests; at most $"))
        assert form.stops.text().startswith("Stops by itself at $0.25, 10 failed requests, 5 min or 2,000 in flight")
        form.limits.usd.show_value(None)
        assert form.plan().limits.usd is None
        tab_to(form.load.shape)
        assert form.load.shape.currentData() == "closed"
        press(Qt.Key.Key_Down)
        assert has_focus(form.load.shape)
        assert (form.plan().load.shape, form.load.repeats.isVisible()) == ("constant", False)
        form.objectives.asserts.setPlainText("ttft_p95 < 1 fortnight")
        assert "has the wrong unit" in form.objectives.about.text()
        press(Qt.Key.Key_3, ALT)
        assert (form.plan().kind, form.plan().load.shape) == ("stress", "sweep")
        assert "ends at the one it does not keep up with" in form.load.about.text()


async def test_what_is_not_looked_at_is_not_made(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it)
        assert not panel.findChildren(Curves)
        assert not panel.findChildren(LinesTable)
        await measured(panel, BENCH)
        await until(panel.finished.isVisible)
        names = {table.accessibleName() for table in panel.finished.findChildren(LinesTable)}
        assert names == {"Figures by target"}
        tab_to(panel.finished.tabs.tabBar())
        press(Qt.Key.Key_Right)
        assert has_focus(panel.finished.tabs.tabBar())
        press(Qt.Key.Key_Tab)
        assert has_focus(panel.finished.spread.content.target)
        assert panel.finished.spread.content.spreads.model().rowCount() > 0


async def test_a_benchmark_is_read_compared_pinned_exported_and_deleted(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it)
        earlier = await measured(panel, BENCH)
        assert it.engine.simulator is not None
        it.engine.simulator.set("groq", Behaviour(ttft_ms=90, tokens_per_s=2000))
        report = await measured(panel, msgspec.structs.replace(BENCH, asserts=("ttft_p50 < 50 ms",)))
        finished = panel.finished
        await until(lambda: finished.report is not None and finished.report.id == report.id)
        assert finished.pill.text() in ("unproven", "invalid")
        figures = finished.figures.content.figures.model()
        assert figures.index(0, 3).data().split("\n")[1].count("–") == 1
        assert "first piece" in figures.headerData(3, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
        assert finished.asserts.content.asserts.model().index(0, 2).data() == "does not hold"
        await until(lambda: finished.compare.content.table.model().rowCount() == 9)
        verdicts = {line.key[1]: line.cells[6].text for line in finished.compare.content.model.lines}  # type: ignore[index]
        assert verdicts["ttft_p50"] == "worse"
        await until(lambda: finished.past.content.said.text() == "2 runs")
        assert "groq" in finished.past.content.plot.curves.told_at(0.5)
        tab_to(finished.tabs.tabBar())
        press(Qt.Key.Key_Right)
        assert finished.asserts.isVisible()

        press(Qt.Key.Key_B, CTRL)
        type_text("today")
        press(Qt.Key.Key_Return)
        await until(lambda: any(entry.baselines == ("today",) for entry in panel.runs.entries))
        for form, word in (
            ("html", "<svg"),
            ("junit", "<testsuite"),
            ("json", '"ttft"'),
            ("csv", "groq"),
            ("markdown", "|"),
        ):
            target = tmp_path / f"out.{form}"
            finished.doings.export_to(form, target)  # type: ignore[arg-type]
            await until(partial(written, target))
            assert word in target.read_text(encoding="utf-8")

        press(Qt.Key.Key_L, CTRL)
        assert has_focus(panel.runs)
        press(Qt.Key.Key_Down)
        await until(lambda: finished.report is not None and finished.report.id == earlier.id)
        assert has_focus(panel.runs)
        finished.doings.ask_delete()
        press(Qt.Key.Key_Backtab)
        press(Qt.Key.Key_Space)
        await until(lambda: [entry.id for entry in panel.runs.entries] == [report.id])
        await until(panel.form.isVisible)


async def test_a_run_goes_on_when_it_is_left_says_how_far_it_is_and_keeps_what_there_is_when_stopped(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    plan = Plan(
        "stress", "Long", targets=("groq", "cohere"), prompts=SHORT, warmup=0, calibrate=False,
        load=Load("constant", level=20, seconds=60), limits=Limits(usd=2.0),
    )  # fmt: skip
    async with console(qapp, tmp_path) as it:
        panel = await opened(it)
        panel.start(plan)
        await until(lambda: len(panel.watch.seen.first_tokens) > 10, 20)
        assert has_focus(panel.live.stop)
        assert panel.live.table.model().rowCount() == 2
        assert panel.live.spread.curves.drawn.series
        assert panel.live.tiles["usd"].text.endswith("stops at $2.00")
        it.shell.open("settings")
        await until(lambda: any(text.startswith("The test bench goes on. Long:") for text in it.messages()))
        next(one for one in it.shell.findChildren(Notice) if "goes on" in one.accessibleName()).do()
        await until(lambda: any(text.startswith("Long has ended.") for text in it.messages()))
        next(one for one in it.shell.findChildren(Notice) if "has ended" in one.accessibleName()).do()
        await until(panel.finished.isVisible)
        report = panel.finished.report
        assert report is not None
        assert report.partial
        assert report.targets[0].requests > 3
        assert panel.finished.stopped.text().startswith("Ended early:")


async def test_a_window_made_narrow_elsewhere_cuts_nothing_off_the_form(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        it.shell.resize(1280, 800)
        panel = await opened(it)
        await until(lambda: panel.form.predicted.text().startswith("154 requests"))
        await it.open("settings")
        it.shell.resize(880, 560)
        await until(lambda: it.shell.width() == 880)
        qapp.processEvents()
        await it.open("bench")
        qapp.processEvents()
        inner = panel.form.targets.parentWidget()
        assert inner is not None
        for card in (panel.form.targets, panel.form.load, panel.form.presets["#up"]):
            assert card.geometry().right() < inner.width()


async def test_a_narrow_window_cuts_nothing_off_the_form(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await opened(it)
        for width in (900, 1280):
            it.shell.resize(width, 600)
            await until(lambda width=width: it.shell.width() == width)  # type: ignore[misc]
            qapp.processEvents()
            (area,) = (
                found for found in panel.form.findChildren(QScrollArea) if found.isAncestorOf(panel.form.targets)
            )
            inner = area.widget()
            assert inner is not None
            assert inner.minimumSizeHint().width() <= area.viewport().width()
