"""A plot of curves: what the cursor tells, and what the keyboard zooms to."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from aiconsole.gui.bench.axes import linear, logarithmic
from aiconsole.gui.bench.curves import Curves, Drawn, Series
from aiconsole.gui.theme import Theme


@pytest.fixture
def curves(qtbot: QtBot, qapp: QApplication) -> Curves:
    made = Curves(Theme(qapp, "dark"), "Latency over the run")
    qtbot.addWidget(made)
    made.resize(600, 300)
    made.show()
    return made


def over_time() -> Drawn:
    points = [(0.0, 100.0), (5.0, 200.0), (10.0, 300.0)]
    series = (Series("groq", "groq", points, [(5.0, 150.0, 250.0)]), Series("cohere", "cohere", [(5.0, 400.0)]))
    return Drawn(
        series, linear([10.0], 5), linear([400.0], 4), lambda x: f"{x:g} s", lambda y: f"{y:g} ms", marked=True
    )


def test_the_arrows_move_a_cursor_that_tells_each_curve_at_or_before_it(curves: Curves, qtbot: QtBot) -> None:
    curves.draw(over_time())
    said: list[str] = []
    curves.pointed.connect(said.append)
    qtbot.keyClick(curves, Qt.Key.Key_End)
    assert said[-1] == "10 s: groq 300 ms, cohere 400 ms"
    qtbot.keyClick(curves, Qt.Key.Key_Home)
    assert said[-1] == "0 s: groq 100 ms"


def test_plus_zooms_around_the_cursor_and_0_shows_all_again(curves: Curves, qtbot: QtBot) -> None:
    curves.draw(over_time())
    assert curves.view == pytest.approx((0.0, 10.0))
    qtbot.keyClick(curves, Qt.Key.Key_End)
    qtbot.keyClick(curves, Qt.Key.Key_Plus)
    assert curves.view == pytest.approx((10.0 - 10.0 / 1.5, 10.0))
    curves.draw(over_time())
    assert curves.view == pytest.approx((10.0 - 10.0 / 1.5, 10.0))
    qtbot.keyClick(curves, Qt.Key.Key_0)
    assert curves.view == pytest.approx((0.0, 10.0))


def test_a_logarithmic_axis_is_told_in_its_own_unit(curves: Curves) -> None:
    shares = Series("groq", "groq", [(100.0, 50.0), (1000.0, 100.0)])
    curves.draw(Drawn((shares,), logarithmic([100.0, 1000.0], 8), linear([100.0], 4), lambda x: f"{x:.0f}", str))
    assert curves.view == pytest.approx((100.0, 1000.0))
    assert curves.told_at(0.5) == "316: groq 50.0"
