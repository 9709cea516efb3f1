"""The look by its numbers: contrast, provider colours for every kind of sight, roles, and the switch while running."""

from __future__ import annotations

import re
from itertools import combinations
from string import Template

import msgspec
import pytest
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QApplication,
    QLabel,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QTableWidget,
    QTreeWidget,
)
from pytestqt.qtbot import QtBot

from aiconsole.gui.theme import (
    CUSTOM_COLORS,
    DARK,
    DARK_LIFT,
    FIGURE_PX,
    LIGHT,
    PROVIDER_COLORS,
    Theme,
    Tokens,
    contrast,
    font,
    mix,
    readable,
    set_role,
    style_sheet,
)
from aiconsole.resources import resource

from .color_vision import SIGHTS, distance, seen

THEMES = pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=["dark", "light"])


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    made = Theme(qapp, "dark")
    made.apply()
    return made


@pytest.mark.parametrize(("first", "second", "ratio"), [("#000000", "#FFFFFF", 21.0), ("#777777", "#FFFFFF", 4.48)])
def test_contrast_is_that_of_wcag(first: str, second: str, ratio: float) -> None:
    assert contrast(first, second) == pytest.approx(ratio, abs=0.01)


@THEMES
@pytest.mark.parametrize("ground", ["bg", "surface", "raised", "hover", "accent_soft"])
@pytest.mark.parametrize("text", ["text", "muted"])
def test_text_is_readable(tokens: Tokens, ground: str, text: str) -> None:
    assert contrast(getattr(tokens, text), getattr(tokens, ground)) >= 4.5


@THEMES
@pytest.mark.parametrize("state", ["ok", "warn", "crit", "idle", "accent"])
def test_words_in_a_colour_are_readable_and_glyphs_visible(tokens: Tokens, state: str) -> None:
    for ground in ("bg", "surface", "raised", f"{state}_soft"):
        assert contrast(getattr(tokens, f"{state}_text"), getattr(tokens, ground)) >= 4.5
    for ground in ("bg", "surface", "raised"):
        assert contrast(getattr(tokens, state), getattr(tokens, ground)) >= 3


@THEMES
def test_words_on_filled_buttons_are_readable(tokens: Tokens) -> None:
    assert contrast(tokens.on_accent, tokens.accent) >= 4.5
    assert contrast(tokens.on_crit, tokens.crit) >= 4.5


@THEMES
def test_every_token_is_a_colour(tokens: Tokens) -> None:
    for name, value in msgspec.structs.asdict(tokens).items():
        assert name == "name" or re.fullmatch(r"#[0-9A-F]{6}", value), name


def test_readable_gives_way_to_the_text_only_as_far_as_needed() -> None:
    assert readable("#1F6FEB", "#000000", ["#FFFFFF"]) == "#1F6FEB"
    assert contrast(readable("#FFFF00", "#000000", ["#FFFFFF"]), "#FFFFFF") >= 4.5
    assert readable("#777777", "#777777", ["#777777"]) == "#777777"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_colour_distance_is_that_of_its_paper(
    first: tuple[float, float, float], second: tuple[float, float, float], expected: float
) -> None:
    """Pairs 1, 17, 31 and 34 of the paper's table of test data."""
    assert distance(first, second) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("lift", [0.0, DARK_LIFT], ids=["light", "dark"])
def test_provider_colours_differ_for_every_kind_of_sight(sight: str, lift: float) -> None:
    """Each two of the fixed ones by at least 7 but groq and anthropic, which protanopia leaves 3.1 apart (a difference of 1
    to 2 is just seen), and each custom one from all others by at least 7.5."""
    fixed = {name: seen(mix(color, "#FFFFFF", lift), sight) for name, color in PROVIDER_COLORS.items()}
    custom = [seen(mix(color, "#FFFFFF", lift), sight) for color in CUSTOM_COLORS]
    for first, second in combinations(fixed, 2):
        closest = 3.0 if {first, second} == {"groq", "anthropic"} else 7.0
        assert distance(fixed[first], fixed[second]) >= closest, (first, second)
    for at, color in enumerate(custom):
        for other in (*fixed.values(), *custom[:at]):
            assert distance(color, other) >= 7.5, CUSTOM_COLORS[at]


def test_provider_colours_are_the_stated_ones(theme: Theme) -> None:
    theme.set_mode("light")
    assert theme.provider_color("groq").name().upper() == "#EE7733"
    theme.name_custom(["mine", "yours"])
    assert theme.provider_color("yours").name().upper() == CUSTOM_COLORS[1]
    theme.set_mode("dark")
    assert theme.provider_color("groq").name().upper() == mix("#EE7733", "#FFFFFF", DARK_LIFT)


def test_the_style_sheet_knows_only_tokens(qapp: QApplication) -> None:
    text = resource("style.qss").read_text(encoding="utf-8")
    assert not re.search(r"#[0-9A-Fa-f]{3,6}\b", re.sub(r"/\*.*?\*/", "", text, flags=re.S)), (
        "a colour beside the tokens"
    )
    for tokens in (DARK, LIGHT):
        made = style_sheet(Template(text), tokens)
        assert "$" not in made
        for glyph in re.findall(r"url\(glyphs:([^)]+)\)", made):
            assert (resource("glyphs") / glyph).is_file()


def test_a_switch_reaches_palette_style_sheet_and_listeners(qtbot: QtBot, qapp: QApplication, theme: Theme) -> None:
    assert qapp.palette().color(QPalette.ColorRole.Window).name().upper() == DARK.bg
    with qtbot.waitSignal(theme.changed):
        theme.set_mode("light")
    assert theme.tokens is LIGHT
    assert qapp.palette().color(QPalette.ColorRole.Window).name().upper() == LIGHT.bg
    assert LIGHT.accent in qapp.styleSheet()
    with qtbot.assertNotEmitted(theme.changed):
        theme.set_mode("light")


def test_the_system_is_followed_until_the_person_chose(qapp: QApplication, theme: Theme) -> None:
    theme.set_mode("system")
    assert theme.mode == "system"
    assert theme.tokens in (DARK, LIGHT)


def test_roles_give_widgets_their_look_even_later(qtbot: QtBot, theme: Theme) -> None:
    label = QLabel("12.4")
    qtbot.addWidget(label)
    label.show()
    plain = label.fontInfo().pixelSize()
    set_role(label, "figure")
    assert label.fontInfo().pixelSize() == FIGURE_PX
    set_role(label, None, "crit")
    assert label.fontInfo().pixelSize() == plain
    assert label.palette().color(label.foregroundRole()).name().upper() == theme.tokens.crit_text


def test_buttons_keep_their_size_when_focused(qtbot: QtBot, theme: Theme) -> None:
    """The focus ring is 2 px where the border is 1: the padding has to give way."""
    for role in (None, "primary", "danger", "quiet", "chip", "link"):
        button = QPushButton("Send")
        set_role(button, role)
        qtbot.addWidget(button)
        with qtbot.waitActive(button):
            button.show()
            button.activateWindow()
        button.clearFocus()
        before = button.sizeHint()
        button.setFocus()
        assert button.hasFocus()
        assert button.sizeHint() == before, role


def test_digits_are_tabular(qtbot: QtBot, theme: Theme) -> None:
    label = QLabel()
    set_role(label, "figure")
    label.setFont(font())
    qtbot.addWidget(label)
    label.show()
    metrics = label.fontMetrics()
    assert len({metrics.horizontalAdvance(digit * 4) for digit in "0123456789"}) == 1


@pytest.mark.parametrize("role", [None, "bare", "nav"])
@pytest.mark.parametrize("kind", [QListWidget, QTableWidget, QTreeWidget, QPlainTextEdit])
def test_what_scrolls_keeps_its_room_when_focused(
    qtbot: QtBot, theme: Theme, kind: type[QAbstractScrollArea], role: str | None
) -> None:
    view = kind()
    set_role(view, role)
    qtbot.addWidget(view)
    with qtbot.waitActive(view):
        view.show()
        view.activateWindow()
    view.clearFocus()
    before = view.viewport().geometry()
    view.setFocus()
    assert view.hasFocus()
    set_role(view, role, "warn")
    assert view.viewport().geometry() == before
