"""The overview: figures that agree with the store, live points, zoom and cursor by keyboard and mouse, feed, objectives."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from aiconsole.domain.chat import Cost, Timing
from aiconsole.domain.errors import StoreError
from aiconsole.domain.events import AttemptFinished, BreakerChanged, RequestFinished, Switched, UserActed
from aiconsole.gui.overview.chart import Chart, Pick
from aiconsole.gui.overview.panel import OverviewPanel
from aiconsole.gui.requests.panel import RequestsPanel
from tests.gui.console import Console, console, press, tab_to, until

ALT = Qt.KeyboardModifier.AltModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def publish(
    it: Console, age_s: float, ms: float, provider: str = "groq", kind: str | None = None, *, simulated: bool = True
) -> None:
    """A request with its one attempt, as the router tells them."""
    timing = Timing(it.session.clock.now() - age_s - ms / 1000, ms / 2, ms)
    cost = None if kind else Cost(0.01, "price list")
    it.engine.bus.publish(AttemptFinished(provider, "m", timing, error_kind=kind, cost=cost, simulated=simulated))
    it.engine.bus.publish(
        RequestFinished(
            f"r-{age_s}-{ms}", "fast", provider, "m", timing, cost=cost, error_kind=kind, simulated=simulated
        )
    )


async def overview(it: Console) -> OverviewPanel:
    """The panel, once it has figures."""
    panel = await it.open("overview")
    assert isinstance(panel, OverviewPanel)
    await until(lambda: panel._stands is not None)
    return panel


async def test_tiles_say_no_data_and_then_what_the_store_tells(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await overview(it)
        assert panel.parts._stack.currentIndex() == 1
        assert panel.tiles["availability"].text == "Availability, last 15 min, no data, objective 99.9 %"
        assert "no data" in panel.objectives.parts["cache hits"].accessibleName()

        await it.engine.open_store()
        for ms in (100, 200, 300, 1000):
            publish(it, 400, ms)
        publish(it, 1000, 50)
        publish(it, 100, 50, "cohere", "server fault")
        publish(it, 100, 50, "cohere", "cancelled")
        await it.engine._kept_history.flush()
        panel.go_back()
        await until(lambda: "80 %" in panel.tiles["availability"].text)
        assert panel.tiles["availability"].text.endswith("80 %, budget overspent, ▼ 20 pts")
        assert panel.tiles["p95"].text.startswith("Latency p95, last 15 min, 99")
        assert panel.tiles["errors"].text.startswith("Error rate, last 15 min, 20.0 %, 1 of 5 attempts")
        assert panel.tiles["spend"].text.startswith("Spend, today, UTC, $0.05, cache saved $0.00")
        assert "overspent" in panel.objectives.parts["error rate"].accessibleName()
        assert list(panel.legend.chips) == ["groq", "cohere"]

        panel.parts.real.click()
        await until(lambda: "no data" in panel.tiles["availability"].text)
        assert panel.parts._stack.currentIndex() == 1


async def test_an_attempt_is_drawn_before_the_disk_has_it_and_figures_outlive_the_window(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await overview(it)
        publish(it, 0.0, 120.0)
        await until(lambda: "groq" in panel.chart._graph.lines, 2.0)
        assert panel.parts._stack.currentIndex() == 0
        await it.engine.open_store()
    async with console(qapp, tmp_path) as it:
        panel = await overview(it)
        await until(lambda: "groq" in panel.chart._graph.lines)
        assert it.session.activity.revision == 0
        await until(lambda: "$0.01" in panel.tiles["spend"].text)
        assert panel.tiles["p95"].text.startswith("Latency p95, last 15 min, 12")


async def test_cursor_zoom_and_requests_by_keyboard(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await overview(it)
        await it.engine.open_store()
        publish(it, 500, 100)
        publish(it, 20, 600, "cohere")
        await it.engine._kept_history.flush()
        press(Qt.Key.Key_2, ALT)
        assert panel.range_s == 3600
        await until(lambda: {"groq", "cohere"} <= set(panel.chart._graph.lines))
        press(Qt.Key.Key_1, ALT)
        await until(lambda: panel.chart._graph.step == 30)

        tab_to(panel.chart)
        told = panel.chart.told
        assert told is not None and "Cohere p50 6" in told.words
        for _ in range(16):
            press(Qt.Key.Key_Left)
        told = panel.chart.told
        assert told is not None and "Groq p50 " in told.words
        whole = panel.chart.view
        press(Qt.Key.Key_Plus)
        start, end = panel.chart.view
        assert end - start == pytest.approx(900 / 1.25)
        assert panel.parts.back.isVisible() and " – " in panel.parts.back.text()
        press(Qt.Key.Key_Left, SHIFT)
        assert panel.chart.view[0] < start
        press(Qt.Key.Key_Down)
        assert panel.chart.selected == "groq"
        press(Qt.Key.Key_0)
        assert panel.chart.view[1] - panel.chart.view[0] == whole[1] - whole[0]
        press(Qt.Key.Key_Return)
        await until(lambda: it.shell.open_key == "requests")
        await until(lambda: it.shell.findChild(RequestsPanel) is not None)
        requests = it.shell.findChild(RequestsPanel)
        assert requests is not None
        await until(lambda: requests.wanted.asked == "groq")
        assert requests.wanted.start is not None and requests.wanted.end is not None
        assert requests.wanted.start <= it.session.clock.now() - 500 <= requests.wanted.end


async def test_mouse_drags_a_zoom_turns_the_wheel_and_picks_a_point(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await overview(it)
        publish(it, 0.0, 100)
        await until(lambda: "groq" in panel.chart._graph.lines)
        chart = panel.chart
        left = Qt.MouseButton.LeftButton
        places = chart._picture().places
        middle = int((places.left + places.right) / 2)
        QTest.mousePress(chart, left, pos=QPoint(middle, 60))
        QTest.mouseMove(chart, QPoint(middle + 100, 60))
        QTest.mouseRelease(chart, left, pos=QPoint(middle + 100, 60))
        start, end = chart.view
        assert end - start == pytest.approx(900 * 100 / (places.right - places.left), rel=0.05)
        turn(chart, QPointF(middle, 60), -120)
        assert chart.view[1] - chart.view[0] == pytest.approx((end - start) * 1.25, rel=0.01)
        QTest.mouseDClick(chart, left, pos=QPoint(middle, 60))
        assert chart.view[1] - chart.view[0] == pytest.approx(900)

        picked: list[Pick] = []
        chart.picked.disconnect()
        chart.picked.connect(picked.append)
        point = chart._picture().transforms["latency"].map(chart._shapes.medians["groq"].points[-1])
        QTest.mouseClick(chart, left, pos=point.toPoint())
        bar = chart._picture().transforms["cost"].mapRect(chart._shapes.cost["groq"][-1])
        QTest.mouseClick(chart, left, pos=bar.center().toPoint())
        assert [(pick.provider, pick.plot) for pick in picked] == [("groq", "latency"), ("groq", "cost")]
        assert picked[0].end - picked[0].start == 30


def turn(chart: Chart, at: QPointF, angle: int) -> None:
    none = Qt.MouseButton.NoButton
    event = QWheelEvent(
        at, QPointF(chart.mapToGlobal(at.toPoint())), QPoint(), QPoint(0, angle), none,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(chart, event)


async def test_the_feed_tells_keeps_its_place_and_opens(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        it.shell.resize(1280, 800)
        panel = await overview(it)
        feed, now = panel.feed, it.session.clock.now()
        assert any(entry.words == "session started" for entry in feed.model.entries)
        for number in range(40):
            it.engine.bus.publish(UserActed(f"action {number}", now))
        await until(lambda: feed.model.entries[0].words == "action 39")
        bar = feed.view.verticalScrollBar()
        bar.setValue(440)
        top = feed.view.indexAt(QPoint(5, 5)).data()
        it.engine.bus.publish(BreakerChanged("groq/m", "closed", "open", "5 failures in a row", now))
        await until(lambda: feed.model.entries[0].kind == "breakers")
        assert feed.view.indexAt(QPoint(5, 5)).data() == top
        assert [span.state for span in panel.chart._graph.states("groq", now - 1, now + 1)] == ["open"]
        assert panel.parts._stack.currentIndex() == 0

        feed.kinds.setCurrentIndex(feed.kinds.findData("breakers"))
        feed.kinds.activated.emit(feed.kinds.currentIndex())
        assert [entry.subject for entry in feed.model.entries] == ["groq/m"]
        it.engine.bus.publish(Switched("groq/m", "cohere/m", "open", now))
        feed.view.setFocus()
        feed.view.setCurrentIndex(feed.model.index(0))
        press(Qt.Key.Key_Return)
        await until(lambda: it.shell.open_key == "providers")


async def test_it_rests_while_out_of_view_catches_up_and_switches_theme(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await overview(it)
        await it.open("settings")
        assert not panel._axis.isActive()
        assert panel._leave is None
        publish(it, 1, 100)
        it.engine.bus.publish(BreakerChanged("groq/m", "closed", "open", "unseen", it.session.clock.now()))
        await it.open("overview")
        await until(lambda: "groq" in panel.chart._graph.lines)
        assert panel.feed.model.entries[0].words == "breaker open: unseen"
        panel.legend.chips["groq"].click()
        assert not panel.chart._shapes.providers
        it.shell.choose_mode("light")
        assert panel.chart._picture().picture.toImage().pixelColor(5, 5) == it.shell.theme.color("surface")
        panel.legend.chips["groq"].click()
        assert panel.chart._shapes.providers == ("groq",)


async def test_an_objective_is_a_setting_that_takes_effect(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        panel = await overview(it)
        await it.session.change("objectives.availability", 0.5)
        await until(lambda: "objective 50 %" in panel.tiles["availability"].text)
        panel.objectives.parts["availability"].click()
        await until(lambda: it.shell.open_key == "settings")


async def test_a_store_that_cannot_be_read_is_said_and_live_points_go_on(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console(qapp, tmp_path) as it:

        async def fail() -> None:
            raise StoreError("The disk does not answer.", advice="Look at it.")

        works = it.engine.history._store
        monkeypatch.setattr(it.engine.history, "_store", fail)
        panel = await it.open("overview")
        await until(lambda: panel.parts._trouble.isVisible())
        assert panel.parts._trouble.text() == "The disk does not answer. Look at it."
        publish(it, 0.0, 100)
        await until(lambda: "groq" in panel.chart._graph.lines)
        assert not it.messages()
        monkeypatch.setattr(it.engine.history, "_store", works)
        panel.source._again.setInterval(0)
        panel.source._again.start()
        await until(lambda: not panel.parts._trouble.isVisible())
