"""The status strip: what it says, what a click does, and how it gives way where the window is narrow."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMenu
from pytestqt.qtbot import QtBot

from aiconsole.gui.icons import Icons
from aiconsole.gui.strip import ChipState, Strip, StripItem
from aiconsole.gui.theme import State, Theme

SEVEN: list[tuple[str, State, str]] = [
    ("groq", "ok", "closed"),
    ("cohere", "warn", "half-open"),
    ("mistral", "ok", "closed"),
    ("gemini", "ok", "closed"),
    ("cerebras", "crit", "open"),
    ("openrouter", "ok", "closed"),
    ("anthropic", "idle", "no key"),
]


def states(*more: tuple[str, State, str]) -> list[ChipState]:
    return [ChipState(name, name, state, word) for name, state, word in (*SEVEN, *more)]


@pytest.fixture
def strip(qtbot: QtBot, qapp: QApplication) -> Strip:
    theme = Theme(qapp, "dark")
    theme.apply()
    made = Strip(theme, Icons(theme))
    qtbot.addWidget(made)
    made.resize(1204, 40)
    made.show()
    return made


def visible(strip: Strip) -> list[StripItem]:
    return [item for item in strip.findChildren(StripItem) if item.isVisible()]


def item(strip: Strip, beginning: str) -> StripItem:
    return next(found for found in strip.findChildren(StripItem) if found.accessibleName().startswith(beginning))


def test_chips_say_provider_and_state_and_open_the_provider(qtbot: QtBot, strip: Strip) -> None:
    strip.set_providers(states())
    with qtbot.waitSignal(strip.provider_clicked) as clicked:
        QTest.mouseClick(item(strip, "cohere: half-open"), Qt.MouseButton.LeftButton)
    assert clicked.args == ["cohere"]


def test_figures_carry_their_units_and_cost_and_heart_can_be_clicked(qtbot: QtBot, strip: Strip) -> None:
    strip.set_figures(12.44, 0.003, 0.42)
    strip.set_heart("ok", "live")
    assert item(strip, "12.4 requests a minute").isVisible()
    assert item(strip, "0.3 % errors").isVisible()
    with qtbot.waitSignal(strip.cost_clicked):
        item(strip, "Spend $0.42").click()
    with qtbot.waitSignal(strip.heart_clicked):
        item(strip, "Realtime connection: live").click()
    strip.set_figures(None, None, None)
    assert item(strip, "Spend –").isVisible()


def test_all_seven_fit_beside_the_rail_of_a_1280_px_window(strip: Strip) -> None:
    strip.set_providers(states())
    strip.set_figures(12.4, 0.003, 0.42)
    strip.set_heart("ok", "live")
    shown = [found.accessibleName().split(":")[0] for found in visible(strip)]
    assert [name for name, _, _ in SEVEN if name not in shown] == []
    assert not [found for found in visible(strip) if found.accessibleName().startswith("More")]


@pytest.mark.parametrize("width", [1204, 804])
def test_what_does_not_fit_waits_behind_a_chip_and_trouble_stays(qtbot: QtBot, strip: Strip, width: int) -> None:
    customs: list[tuple[str, State, str]] = [(f"a-long-custom-name-{n}", "ok", "closed") for n in range(9)]
    strip.set_providers(states(*customs))
    strip.set_figures(12.4, 0.003, 0.42)
    strip.set_simulated(True)
    strip.resize(width, 40)
    more = item(strip, "More providers")
    assert more.isVisible()
    assert item(strip, "cerebras: open").isVisible()
    assert item(strip, "cohere: half-open").isVisible()
    shown = sorted(visible(strip), key=lambda found: found.mapTo(strip, found.rect().topLeft()).x())
    edges = [(found.mapTo(strip, found.rect().topLeft()).x(), found.width()) for found in shown]
    assert all(left + size <= following for (left, size), (following, _) in pairwise(edges))
    assert edges[-1][0] + edges[-1][1] <= width

    more.click()
    menu = strip.findChild(QMenu)
    assert isinstance(menu, QMenu)
    hidden = [action.text() for action in menu.actions()]
    assert "a-long-custom-name-8: closed" in hidden
    with qtbot.waitSignal(strip.provider_clicked) as clicked:
        menu.actions()[-1].trigger()
    menu.close()
    assert clicked.args == ["a-long-custom-name-8"]


def test_a_provider_that_goes_leaves_no_chip(strip: Strip) -> None:
    strip.set_providers(states())
    strip.set_providers(states()[:2])
    assert [found.accessibleName() for found in visible(strip)][:2] == ["groq: closed", "cohere: half-open"]
    assert not any(found.accessibleName().startswith("gemini") for found in visible(strip))


def test_simulated_is_said_while_it_is(strip: Strip) -> None:
    label = next(found for found in strip.findChildren(QLabel) if found.text() == "simulated")
    assert not label.isVisible()
    strip.set_simulated(True)
    assert label.isVisible()


def test_states_differ_in_shape_not_only_in_colour(qapp: QApplication) -> None:
    from PySide6.QtCore import QRectF
    from PySide6.QtGui import QColor, QImage, QPainter

    from aiconsole.gui.icons import paint_state

    pictures = set()
    names: tuple[State, ...] = ("ok", "warn", "crit", "idle")
    for state in names:
        image = QImage(20, 20, QImage.Format.Format_ARGB32)
        image.fill(0)
        painter = QPainter(image)
        paint_state(painter, QRectF(0, 0, 20, 20), state, QColor("#FFFFFF"))
        painter.end()
        pictures.add(bytes(image.constBits()))
    assert len(pictures) == 4
