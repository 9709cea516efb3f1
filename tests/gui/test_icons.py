"""Every icon has its glyph in the font, takes the theme's colour, and follows its switch."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon
from PySide6.QtWidgets import QApplication

from aiconsole.gui.icons import ICONS, Icons
from aiconsole.gui.theme import DARK, LIGHT, Theme


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp, "dark")


def strongest(icon: QIcon, state: QIcon.State = QIcon.State.Off, mode: QIcon.Mode = QIcon.Mode.Normal) -> QColor:
    """The colour of the least transparent pixel."""
    image = icon.pixmap(QSize(48, 48), 1.0, mode, state).toImage()
    pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return max(pixels, key=lambda pixel: pixel.alpha())


@pytest.mark.parametrize("name", ICONS)
def test_each_name_has_a_glyph(theme: Theme, name: str) -> None:
    assert strongest(Icons(theme).icon(name)).alpha() > 200


def test_an_unknown_name_is_refused(theme: Theme) -> None:
    with pytest.raises(KeyError):
        Icons(theme).icon("unknown")


def test_colours_are_the_themes_also_after_a_switch(theme: Theme) -> None:
    theme.apply()
    icon = Icons(theme).icon("delete", color="crit", on="accent")

    def near(found: QColor, wanted: str) -> bool:
        other = QColor(wanted)
        return max(abs(found.red() - other.red()), abs(found.green() - other.green())) < 12

    assert near(strongest(icon), DARK.crit)
    assert near(strongest(icon, QIcon.State.On), DARK.accent)
    assert near(strongest(icon, mode=QIcon.Mode.Disabled), DARK.idle)
    theme.set_mode("light")
    assert near(strongest(icon), LIGHT.crit)
