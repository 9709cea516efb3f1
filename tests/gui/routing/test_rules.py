"""The fallback rules by keyboard: found, read as a sentence, changed, pointed out, saved, discarded, and seen at work."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.messages import Message
from aiconsole.gui.notices import Notice
from aiconsole.gui.routing.panel import RoutingPanel
from aiconsole.gui.routing.rules import RulesEditor
from aiconsole.gui.routing.rules_conditions import Ticks
from aiconsole.routing.rules import Rule, default_rules
from aiconsole.routing.rules.declare import Hours
from aiconsole.simulator import Behaviour
from tests.gui.console import Console, console, has_focus, press, tab_to, type_text, until

ALT = Qt.KeyboardModifier.AltModifier
CTRL = Qt.KeyboardModifier.ControlModifier
ROUTE = "gpt-oss-120b"
NAMES = [rule.name for rule in default_rules()]


async def opened(it: Console) -> RulesEditor:
    panel = await it.open("routing", "#rules")
    assert isinstance(panel, RoutingPanel)
    await until(panel.rules.isVisible)
    panel.rules.table.setFocus()
    return panel.rules


def command(words: str) -> None:
    press(Qt.Key.Key_K, CTRL)
    type_text(words)
    press(Qt.Key.Key_Return)


def control(rules: RulesEditor, name: str) -> QWidget:
    return next(widget for widget in rules.sentence.controls if widget.accessibleName().startswith(name))


def names(rules: RulesEditor) -> list[str]:
    return [rule.name for rule in rules.draft.rules]


def choose(rules: RulesEditor, name: str) -> None:
    rules.table.selectRow(names(rules).index(name))


def undo(it: Console, text: str) -> None:
    next(notice for notice in it.shell.findChildren(Notice) if notice.accessibleName() == text).action.click()


async def test_a_new_user_makes_a_rule_with_the_keyboard_alone_and_it_is_followed(
    qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        command("edit fallback rules")
        await until(lambda: it.shell.open_key == "routing")
        panel = await it.open("routing")
        rules: RulesEditor = panel.rules
        await until(lambda: has_focus(rules.table))
        assert names(rules) == NAMES

        press(Qt.Key.Key_Insert)
        assert has_focus(rules.sentence.controls[0])
        type_text("mine")
        tab_to(control(rules, "Candidates"))
        type_text("groq/*")
        tab_to(control(rules, "Error rate, begins at"))
        QApplication.focusWidget().selectAll()  # type: ignore[union-attr]
        type_text("35")
        tab_to(control(rules, "Error rate, ceases below"))
        press(Qt.Key.Key_Up)
        tab_to(control(rules, "What is done then"))
        for _ in range(4):
            press(Qt.Key.Key_Down)
        assert rules.draft.rules[1].do == "open breaker"
        tab_to(control(rules, "How long it is asked no more"))
        press(Qt.Key.Key_Up)
        assert rules.live.label.text() == "It is not in use until you save."
        assert it.engine.rules.in_use.rules == default_rules()
        press(Qt.Key.Key_S, CTRL)
        await until(lambda: it.engine.rules.in_use.own)
        made = it.engine.rules.in_use.rules[1]
        assert made.name == "mine"
        assert made.candidates == ("groq/*",)
        assert made.error_rate is not None
        assert (made.error_rate.above, made.error_rate.leave) == (0.35, 0.11)
        assert (made.do, made.open_s) == ("open breaker", 310)
        await until(lambda: rules.status.text() == "Saved")
        assert not rules.save.isEnabled()
        assert rules.model.data(rules.model.index(1, 1)).startswith("When the error rate of groq/* is 35 % or more")


async def test_rules_are_moved_switched_copied_deleted_and_brought_back(qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        rules = await opened(it)
        choose(rules, "failing")
        press(Qt.Key.Key_Up, ALT)
        assert names(rules)[:2] == ["failing", "nearly-at-the-limit"]
        press(Qt.Key.Key_Space)
        assert not rules.draft.rules[0].enabled
        press(Qt.Key.Key_D, CTRL)
        assert names(rules)[:2] == ["failing", "failing-2"]
        press(Qt.Key.Key_Delete)
        assert "failing-2" not in names(rules)
        undo(it, "The rule failing-2 was deleted.")
        assert names(rules)[1] == "failing-2"
        nowhere = rules.model.index(-1, -1)
        data = rules.model.mimeData([rules.model.index(0, 0)])
        rules.model.dropMimeData(data, Qt.DropAction.MoveAction, len(NAMES) + 1, 0, nowhere)
        assert names(rules)[-1] == "failing"

        await it.open("providers")
        again = await opened(it)
        assert again is rules
        assert rules.draft.unsaved
        assert it.engine.rules.in_use.rules == default_rules()
        rules.discard.click()
        assert names(rules) == NAMES
        assert not rules.draft.unsaved
        assert not rules.discard.isEnabled()


async def test_a_contradiction_is_pointed_out_while_it_is_made_and_not_saved(
    qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        rules = await opened(it)
        choose(rules, "refused")
        press(Qt.Key.Key_D, CTRL)
        press(Qt.Key.Key_Space)
        assert "it can never fire: refused" in rules.problem.label.text().replace("It", "it")
        assert rules.save.text() == "Save all the same"
        tab_to(control(rules, "What is done then"))
        press(Qt.Key.Key_Home)
        assert rules.problem.label.text().startswith("It contradicts refused")
        assert not rules.save.isEnabled()
        assert "Not to be saved: refused-2" in rules.status.text()
        assert rules.model.lives[-1].word == "cannot be saved"
        press(Qt.Key.Key_S, CTRL)
        assert it.engine.rules.in_use.rules == default_rules()
        control(rules, "Name").setFocus()
        press(Qt.Key.Key_A, CTRL)
        press(Qt.Key.Key_Delete)
        assert "A rule needs a name" in rules.problem.label.text()


async def test_conditions_are_added_from_a_list_and_taken_out(qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        rules = await opened(it)
        choose(rules, "too-long")
        rules.sentence._add_condition("hours")
        assert has_focus(control(rules, "From"))
        press(Qt.Key.Key_Up)
        assert rules.draft.rules[rules.at].hours == Hours(start="23:00", end="06:00")
        rules.sentence._add_condition("statuses")
        statuses = control(rules, "Statuses")
        statuses.setFocus()
        press(Qt.Key.Key_A, CTRL)
        type_text("413, 9xx")
        assert "4xx, 5xx or a status" in rules.problem.label.text()
        for _ in range(5):
            press(Qt.Key.Key_Backspace)
        assert rules.draft.rules[rules.at].statuses == (413,)
        tab_to(control(rules, "Take out the condition: Time of day"))
        press(Qt.Key.Key_Space)
        assert rules.draft.rules[rules.at].hours is None
        assert rules.draft.rules[rules.at].errors == ("context too long",)


async def test_several_routes_are_ticked_in_a_list_that_stays_open(qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        rules = await opened(it)
        choose(rules, "failing")
        routes = control(rules, "Routes: any route")
        assert isinstance(routes, Ticks)
        menu = routes.menu()
        menu.popup(QPoint(0, 0))
        for key in (Qt.Key.Key_Down, Qt.Key.Key_Space, Qt.Key.Key_Down, Qt.Key.Key_Return):
            QTest.keyClick(menu, key)
        assert menu.isVisible()
        assert rules.draft.rules[rules.at].routes == (ROUTE, "gpt-oss-20b")
        QTest.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(menu.actions()[0]).center())
        assert menu.isVisible()
        menu.close()
        assert rules.draft.rules[rules.at].routes == ("gpt-oss-20b",)
        assert routes.accessibleName() == "Routes: gpt-oss-20b"


async def test_an_action_asks_for_what_it_needs(qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        rules = await opened(it)
        choose(rules, "too-long")
        action = control(rules, "What is done then")
        action.setFocus()
        press(Qt.Key.Key_Down)
        rule = rules.draft.rules[rules.at]
        assert (rule.do, rule.to) == ("route", ROUTE)
        tab_to(control(rules, "The route to go over to"))
        press(Qt.Key.Key_Down)
        assert rules.draft.rules[rules.at].to == "gpt-oss-20b"
        control(rules, "What is done then").setFocus()
        press(Qt.Key.Key_Down)
        assert "needs “to”" in rules.problem.label.text()
        tab_to(control(rules, "The model to ask instead"))
        press(Qt.Key.Key_Space)
        await until(rules.models.picker.isVisible)
        type_text("mistral-small")
        await until(lambda: str(rules.models.picker.list.currentIndex().data()).startswith("mistral-small"))
        press(Qt.Key.Key_Return)
        assert rules.draft.rules[rules.at].to.startswith("mistral/mistral-small")
        assert not rules.problem.isVisible()


async def test_a_rule_says_whether_it_holds_and_when_it_last_fired(qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        rules = await opened(it)
        choose(rules, "failing")
        assert rules.live.label.text().startswith("It does not hold now. It has not fired")
        assert it.engine.simulator is not None
        it.engine.simulator.set("groq", Behaviour(error_rates={"overloaded": 1.0}, retry_after_s=None))
        await it.engine.change("fallback.breaker_failures", 0)
        for _ in range(10):
            await it.engine.complete(ChatRequest(ROUTE, (Message.user("[[tokens=1]]"),)))
        rules.tick()
        live = rules.model.lives[rules.at]
        assert live.word == "holds for groq"
        assert live.fired != "–"
        assert rules.live.label.text().startswith(f"It holds now. groq/openai/{ROUTE}: 100 % of ")
        press(Qt.Key.Key_Space)
        assert rules.live.label.text() == "It is not in use until you save."


async def test_the_file_is_edited_by_hand_and_reloaded_from_the_palette(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_at: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened_at.append(url.toLocalFile()))
    async with console(qapp, tmp_path) as it:
        rules = await opened(it)
        path = tmp_path / "rules.toml"
        rules.toml.click()
        await until(lambda: opened_at)
        assert Path(opened_at[0]) == path
        assert QGuiApplication.clipboard().text() == str(path)
        assert path.is_file()

        path.write_text('[only]\nerrors = ["timeout"]\ndo = "notify"\n[odd]\ndo = "dance"\n', encoding="utf-8")
        await it.open("providers")
        command("reload fallback rules")
        await until(lambda: names(rules) == ["only"])
        await until(lambda: any("odd" in message for message in it.messages()))
        await opened(it)
        assert "Line 5, odd" in rules.file_problem.label.text()

        press(Qt.Key.Key_Space)  # an unsaved change outlives a reload
        path.write_text("[only", encoding="utf-8")
        rules.reload.click()
        await until(lambda: "not TOML" in rules.file_problem.label.text())
        assert rules.draft.unsaved
        press(Qt.Key.Key_S, CTRL)
        await until(lambda: any("not written over" in message for message in it.messages()))
        assert path.read_text(encoding="utf-8") == "[only"

        rules.defaults.click()
        assert names(rules) == NAMES
        press(Qt.Key.Key_S, CTRL)
        await until(lambda: not it.engine.rules.in_use.own)
        assert it.engine.rules.in_use.rules == default_rules()
        await until(lambda: not rules.draft.unsaved)
        assert not rules.file_problem.isVisible()


async def test_no_rules_say_what_would_be_here(qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        rules = await opened(it)
        for _ in NAMES:
            rules.take.click()
        assert rules.empty.isVisible()
        assert rules.add.isEnabled()
        rules.keep()
        await until(lambda: it.engine.rules.in_use.rules == ())
        rules.add.click()
        assert rules.draft.rules == (
            Rule(name="new-rule", do="next candidate", error_rate=rules.draft.rules[0].error_rate),
        )


async def test_changes_that_were_not_saved_outlive_the_window_and_are_told_at_the_next_start(
    qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        rules = await opened(it)
        press(Qt.Key.Key_Insert)
        assert "new-rule" in names(rules)
        state = it.window.state("")
    async with console(qapp, tmp_path, state=state) as it:
        told = "Changes to the fallback rules that were not saved last time are kept. They are not followed yet."
        await until(lambda: told in it.messages())
        undo(it, told)
        await until(lambda: it.shell.open_key == "routing")
        rules = await opened(it)
        assert "new-rule" in names(rules)
        assert rules.status.text() != "Saved"
        assert "new-rule" not in [rule.name for rule in it.engine.rules.in_use.rules]
        rules.draft.discard()
        assert it.window.state("").memory == {}
