"""What a test of the window leaves behind is taken away, so that no later test pays for it or sees it.

A theme belongs to the application and every change of a style sheet goes to every widget there is: a hundred forgotten
pop-ups make each next window a second slower.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication
from shiboken6 import createdByPython, delete, isValid

from aiconsole.gui.theme import Theme


@pytest.fixture(autouse=True)
def nothing_left_on_the_screen() -> Iterator[None]:
    """Delete the windows, pop-ups and themes that are still there after a test; Qt's own helpers go with what needs them."""
    yield
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        return
    for left in (*application.topLevelWidgets(), *application.findChildren(Theme)):
        if isValid(left) and createdByPython(left):
            delete(left)
