"""The window's frame, used by keyboard alone: panels, palette, shortcuts, messages, background work, what is kept."""

from __future__ import annotations

import asyncio

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QLineEdit,
    QListView,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from aiconsole.domain.errors import ConfigError
from aiconsole.gui.commands import Command
from aiconsole.gui.notices import Notice
from aiconsole.gui.palette import Palette
from aiconsole.gui.sheet import ShortcutSheet
from aiconsole.gui.shell import Panel, Shell
from aiconsole.gui.theme import Theme

CTRL = Qt.KeyboardModifier.ControlModifier


class View(QWidget):
    """Two fields, and a memory of what it was opened at."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = QLineEdit(), QLineEdit()
        self.opened: list[object] = []
        layout = QVBoxLayout(self)
        layout.addWidget(self.first)
        layout.addWidget(self.second)

    def open_item(self, argument: object) -> None:
        self.opened.append(argument)


def build(qtbot: QtBot, qapp: QApplication) -> Shell:
    theme = Theme(qapp, "dark")
    theme.apply()
    shell = Shell(theme)
    qtbot.addWidget(shell)
    shell.add_panel(Panel("overview", "Overview", "overview", View))
    shell.add_panel(Panel("chat", "Chat", "chat", View))
    shell.add_panel(Panel("list", "List", "files", QListView))
    with qtbot.waitActive(shell):
        shell.show()
        shell.activateWindow()
    return shell


@pytest.fixture
def shell(qtbot: QtBot, qapp: QApplication) -> Shell:
    return build(qtbot, qapp)


def press(
    qtbot: QtBot, shell: Shell, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    QTest.keyClick(QApplication.focusWidget() or shell, key, modifier)


def palette(shell: Shell) -> Palette:
    found = shell.findChild(Palette)
    assert isinstance(found, Palette)
    return found


def focused() -> QWidget:
    found = QApplication.focusWidget()
    assert found is not None
    return found


def told(shell: Shell) -> list[str]:
    """The messages in view, the newest first."""
    notices = sorted((found for found in shell.findChildren(Notice) if found.isVisible()), key=lambda found: found.y())
    return [notice.accessibleName() for notice in notices]


def test_ctrl_and_a_digit_go_to_a_panel_made_on_its_first_visit(qtbot: QtBot, shell: Shell) -> None:
    assert shell.findChildren(View) == []
    press(qtbot, shell, Qt.Key.Key_2, CTRL)
    assert shell.open_key == "chat"
    (view,) = shell.findChildren(View)
    assert view.isVisible()
    assert view.first.hasFocus()
    assert view.accessibleName() == "Chat"
    with qtbot.waitSignal(shell.panel_opened):
        press(qtbot, shell, Qt.Key.Key_1, CTRL)
    assert shell.open_key == "overview"


def test_a_panel_gets_back_the_focus_it_had(qtbot: QtBot, shell: Shell) -> None:
    view = shell.open("chat")
    assert isinstance(view, View)
    view.second.setFocus()
    shell.open("overview")
    assert not view.second.hasFocus()
    shell.open("chat")
    assert view.second.hasFocus()


def test_a_panel_is_opened_at_something(shell: Shell) -> None:
    view = shell.open("chat", "conversation-7")
    assert isinstance(view, View)
    assert view.opened == ["conversation-7"]
    with pytest.raises(KeyError):
        shell.open("nowhere")
    with pytest.raises(ValueError, match="twice"):
        shell.add_panel(Panel("chat", "Chat", "chat", View))


def test_the_rail_goes_there_and_shows_where_one_is(qtbot: QtBot, shell: Shell) -> None:
    buttons = {button.accessibleName(): button for button in shell.rail.findChildren(QAbstractButton)}
    assert list(buttons) == ["Commands", "Overview", "Chat", "List"]
    QTest.mouseClick(buttons["Chat"], Qt.MouseButton.LeftButton)
    assert shell.open_key == "chat"
    shell.open("overview")
    assert buttons["Overview"].isChecked()
    assert not buttons["Chat"].isChecked()


def test_the_arrows_move_along_the_rail(qtbot: QtBot, shell: Shell) -> None:
    shell.open("overview")
    buttons = {button.accessibleName(): button for button in shell.rail.findChildren(QAbstractButton)}
    buttons["Overview"].setFocus()
    press(qtbot, shell, Qt.Key.Key_Down)
    assert (shell.open_key, buttons["Chat"].hasFocus()) == ("chat", True)
    press(qtbot, shell, Qt.Key.Key_Up)
    assert (shell.open_key, buttons["Overview"].hasFocus()) == ("overview", True)


def test_the_palette_opens_filters_and_runs_by_keyboard(qtbot: QtBot, shell: Shell) -> None:
    ran: list[str] = []
    shell.commands.add(
        Command(key="a", title="New conversation", group="Chat", shortcut="Ctrl+N", run=lambda: ran.append("new")),
        Command(key="b", title="Name the conversation", group="Chat", run=lambda: ran.append("name")),
        Command(key="c", title="Never", group="Chat", run=lambda: ran.append("never"), enabled=lambda: False),
    )
    view = shell.open("chat")
    press(qtbot, shell, Qt.Key.Key_K, CTRL)
    found = palette(shell)
    assert found.isVisible()
    assert found.entry.hasFocus()
    QTest.keyClicks(found.entry, "n conv")
    model = found.results.model()
    assert [model.index(row, 0).data() for row in range(model.rowCount())] == [
        "New conversation",
        "Name the conversation",
    ]
    press(qtbot, shell, Qt.Key.Key_Down)
    press(qtbot, shell, Qt.Key.Key_Return)
    assert ran == ["name"]
    assert not found.isVisible()
    assert view.isAncestorOf(focused())


def test_the_palette_wraps_pages_and_says_when_nothing_answers(qtbot: QtBot, shell: Shell) -> None:
    press(qtbot, shell, Qt.Key.Key_K, CTRL)
    found = palette(shell)
    last = found.results.model().rowCount() - 1
    press(qtbot, shell, Qt.Key.Key_Up)
    assert found.results.currentIndex().row() == last
    press(qtbot, shell, Qt.Key.Key_Tab)
    assert found.results.currentIndex().row() == 0
    press(qtbot, shell, Qt.Key.Key_PageDown)
    assert found.results.currentIndex().row() == min(11, last)
    QTest.keyClicks(found.entry, "zzz")
    assert found.results.isHidden()
    press(qtbot, shell, Qt.Key.Key_Return)
    assert found.isVisible()


def test_escape_ctrl_k_and_a_click_beside_it_close_the_palette(qtbot: QtBot, shell: Shell) -> None:
    view = shell.open("chat")
    assert isinstance(view, View)
    for way in ("escape", "ctrl+k", "click"):
        press(qtbot, shell, Qt.Key.Key_K, CTRL)
        found = palette(shell)
        assert found.isVisible(), way
        if way == "escape":
            press(qtbot, shell, Qt.Key.Key_Escape)
        elif way == "ctrl+k":
            press(qtbot, shell, Qt.Key.Key_K, CTRL)
        else:
            QTest.mouseClick(found, Qt.MouseButton.LeftButton, pos=QPoint(4, 4))
        assert not found.isVisible(), way
        assert view.first.hasFocus(), way


def test_no_shortcut_of_the_window_answers_while_the_palette_is_open(qtbot: QtBot, shell: Shell) -> None:
    ran: list[str] = []
    shell.commands.add(Command(key="s", title="Stop", group="Chat", shortcut="Esc", run=lambda: ran.append("stop")))
    shell.open("chat")
    press(qtbot, shell, Qt.Key.Key_K, CTRL)
    press(qtbot, shell, Qt.Key.Key_1, CTRL)
    press(qtbot, shell, Qt.Key.Key_Escape)
    assert ran == []
    assert shell.open_key == "chat"
    press(qtbot, shell, Qt.Key.Key_Escape)
    assert ran == ["stop"]


def test_a_question_mark_shows_the_shortcuts_but_not_while_one_types(qtbot: QtBot, shell: Shell) -> None:
    view = shell.open("chat")
    assert isinstance(view, View)
    QTest.keyClick(view.first, Qt.Key.Key_Question, Qt.KeyboardModifier.ShiftModifier)
    assert view.first.text() == "?"
    assert shell.findChild(ShortcutSheet) is None
    shell.open("list")
    QTest.keyClick(focused(), Qt.Key.Key_Question, Qt.KeyboardModifier.ShiftModifier)
    sheet = shell.findChild(ShortcutSheet)
    assert isinstance(sheet, ShortcutSheet)
    assert sheet.isVisible()
    QTest.keyClick(focused(), Qt.Key.Key_Question, Qt.KeyboardModifier.ShiftModifier)
    assert not sheet.isVisible()


def test_f1_shows_the_shortcuts_while_one_types_with_those_of_panels_that_were_not_opened_yet(
    qtbot: QtBot, shell: Shell
) -> None:
    shell.commands.add(
        *(
            Command(key=f"long{at}", title=f"{at} word " * 9, group="Chat", shortcut=f"Alt+{at}", run=focused)
            for at in range(9)
        )
    )
    view = shell.open("chat")
    assert isinstance(view, View)
    QTest.keyClick(view.first, Qt.Key.Key_F1)
    sheet = shell.findChild(ShortcutSheet)
    assert isinstance(sheet, ShortcutSheet)
    assert sheet.isVisible()
    assert len(shell.findChildren(View)) == 2
    shell.commands.add(Command(key="late", title="Came late", group="Overview", shortcut="Alt+Z", run=focused))
    qtbot.waitUntil(lambda: "Came late" in {label.text() for label in sheet.findChildren(QLabel)})
    area = sheet.findChild(QScrollArea)
    assert isinstance(area, QScrollArea)
    assert area.horizontalScrollBar().maximum() == 0
    QTest.keyClick(focused(), Qt.Key.Key_F1)
    assert not sheet.isVisible()


def test_messages_cover_nothing_of_a_panel(qtbot: QtBot, shell: Shell) -> None:
    view = shell.open("chat")
    top, before = view.mapTo(shell, QPoint()), view.height()
    for number in range(3):
        shell.notify(f"Deleted {number}.", action="Undo", seconds=0)
    qtbot.waitUntil(lambda: view.height() < before)
    for key in ("overview", "chat"):
        view = shell.open(key)
        place = QRect(view.mapTo(shell, QPoint()), view.size())
        assert place.topLeft() == top
        shown = [found for found in shell.findChildren(Notice) if found.isVisible()]
        assert len(shown) == 3
        for notice in shown:
            assert not place.intersects(QRect(notice.mapTo(shell, QPoint()), notice.size()))
    for notice in shown:
        notice.leave()
    qtbot.waitUntil(lambda: view.height() == before)


def test_a_shortcut_with_a_scope_works_there_alone(qtbot: QtBot, shell: Shell) -> None:
    ran: list[str] = []
    chat, overview = shell.open("chat"), shell.open("overview")
    for key, scope in (("chat", chat), ("overview", overview)):
        shell.commands.add(
            Command(key=key, title=key, group="x", shortcut="Ctrl+J", scope=scope, run=lambda key=key: ran.append(key))  # type: ignore[misc]
        )
    press(qtbot, shell, Qt.Key.Key_J, CTRL)
    shell.open("chat")
    press(qtbot, shell, Qt.Key.Key_J, CTRL)
    assert ran == ["overview", "chat"]
    shell.commands.remove("chat")
    press(qtbot, shell, Qt.Key.Key_J, CTRL)
    assert ran == ["overview", "chat"]


def test_tab_goes_from_the_rail_over_the_strip_into_the_panel(qtbot: QtBot, shell: Shell) -> None:
    shell.open("chat")
    button = next(found for found in shell.rail.findChildren(QAbstractButton) if found.accessibleName() == "Chat")
    button.setFocus()
    order = []
    for _ in range(6):
        order.append(focused().accessibleName() or type(focused()).__name__)
        press(qtbot, shell, Qt.Key.Key_Tab)
    assert order[:5] == ["Chat", "Commands", "Spend –", "Realtime connection: starting", "QLineEdit"]


def test_everything_in_the_frame_has_a_name(shell: Shell) -> None:
    shell.show_palette()
    shell.show_shortcuts()
    shell.notify("Deleted.", action="Undo")
    nameless = [
        widget
        for widget in shell.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not isinstance(widget.parentWidget(), View)
        and not (widget.accessibleName() or (isinstance(widget, QAbstractButton) and widget.text()))
    ]
    assert nameless == []


def test_a_message_offers_its_action_to_mouse_and_keyboard(qtbot: QtBot, shell: Shell) -> None:
    undone: list[str] = []
    view = shell.open("chat")
    assert isinstance(view, View)
    view.second.setFocus()
    shell.notify("Deleted.", action="Undo", run=lambda: undone.append("one"))
    press(qtbot, shell, Qt.Key.Key_F8)
    press(qtbot, shell, Qt.Key.Key_Space)
    assert undone == ["one"]
    assert view.second.hasFocus()
    notice = shell.notify("Deleted.", action="Undo", run=lambda: undone.append("two"))
    QTest.mouseClick(notice.action, Qt.MouseButton.LeftButton)
    assert undone == ["one", "two"]
    assert not notice.isVisible()
    assert view.second.hasFocus()


def test_messages_leave_by_themselves_but_errors_stay(qtbot: QtBot, shell: Shell) -> None:
    shell.notify("Copied.", seconds=0.02)
    shell.notify("groq: the key was refused.", state="crit")
    assert told(shell) == ["groq: the key was refused.", "Copied."]
    qtbot.waitUntil(lambda: told(shell) == ["groq: the key was refused."], timeout=2000)


def test_three_messages_are_kept_and_lie_inside_the_window(qtbot: QtBot, shell: Shell) -> None:
    for number in range(5):
        shell.notify(f"Message {number}. " * 12, seconds=0)
    qtbot.waitUntil(lambda: [said[:9] for said in told(shell)] == ["Message 4", "Message 3", "Message 2"])
    shell.resize(880, 560)
    for notice in (found for found in shell.findChildren(Notice) if found.isVisible()):
        corner = notice.mapTo(shell, notice.rect().bottomRight())
        assert shell.rect().contains(corner)
        assert notice.height() >= notice.minimumSizeHint().height()


def test_the_theme_is_chosen_from_the_palette(qtbot: QtBot, shell: Shell) -> None:
    with qtbot.waitSignal(shell.mode_chosen) as chosen:
        shell.commands.run("theme.light")
    assert chosen.args == ["light"]
    assert shell.theme.tokens.name == "light"
    assert not shell.commands.run("theme.light")


def test_the_geometry_is_given_to_whoever_keeps_it(qtbot: QtBot, qapp: QApplication) -> None:
    theme = Theme(qapp, "dark")
    theme.apply()
    kept: list[str] = []
    first = Shell(theme, keep_geometry=kept.append)
    qtbot.addWidget(first)
    first.resize(1000, 640)
    first.show()
    first.close()
    second = Shell(theme, geometry_text=kept[0])
    qtbot.addWidget(second)
    assert second.height() == 640
    third = Shell(theme, geometry_text="nonsense")
    qtbot.addWidget(third)
    assert third.height() == 800


async def test_background_work_that_fails_is_told_with_what_one_can_do(qtbot: QtBot, qapp: QApplication) -> None:
    shell = build(qtbot, qapp)

    async def fail() -> None:
        raise ConfigError("The disk is full", advice="Free some space.")

    async def crash() -> None:
        raise ZeroDivisionError("by zero")

    await asyncio.wait([shell.start(fail(), failed="The key was not saved"), shell.start(crash())])
    await asyncio.sleep(0)
    said = told(shell)
    assert "The key was not saved. The disk is full. Free some space." in said
    assert "ZeroDivisionError: by zero. The log has the details." in said


async def test_background_work_is_cancelled_at_the_end(qtbot: QtBot, qapp: QApplication) -> None:
    shell = build(qtbot, qapp)
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    shell.start(work())
    await asyncio.sleep(0)
    await shell.finish()
    assert ended == ["cancelled"]
    assert shell.findChildren(Notice) == []
