"""The window as a whole: engine later than window, strip, palette, faults, what is kept."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from aiconsole.domain.chat import ChatRequest, Cost, Timing
from aiconsole.domain.clock import SystemClock
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.events import AttemptFinished, Notice, RequestFinished, UserActed
from aiconsole.domain.messages import Message
from aiconsole.gui.breakers import turn
from aiconsole.gui.shell import Shell
from aiconsole.gui.slot import Trouble
from aiconsole.gui.strip import StripItem
from aiconsole.gui.theme import Theme
from aiconsole.gui.window import Window
from aiconsole.gui.window_state import WindowState, load_state, save_state
from aiconsole.realtime.links.hub import Hub
from aiconsole.realtime.timers import LoopTimers
from tests.gui.console import Console, console, has_focus, press, shown, type_text, until

CTRL = Qt.KeyboardModifier.ControlModifier


def strip_says(shell: Shell) -> list[str]:
    return [item.accessibleName() for item in shell.strip.findChildren(StripItem)]


def offered(it: Console) -> dict[str, object]:
    return {command.title: command for command in it.shell.commands.available()}


async def test_a_window_without_an_engine_answers_the_keyboard(qtbot: QtBot, qapp: QApplication) -> None:
    shell = Shell(Theme(qapp, "dark"))
    qtbot.addWidget(shell)
    window = Window(shell, state=WindowState(panel="settings"))
    await shown(shell)

    assert shell.open_key == "settings"
    shell.rail.findChildren(QToolButton)[0].setFocus()
    press(Qt.Key.Key_1, CTRL)
    assert shell.open_key == "overview"
    assert window.session is None


async def test_an_engine_that_cannot_open_is_said_in_place_with_another_try(qtbot: QtBot, qapp: QApplication) -> None:
    asked: list[bool] = []
    shell = Shell(Theme(qapp, "dark"))
    qtbot.addWidget(shell)
    window = Window(shell, state=WindowState(panel="providers"), retry=lambda: asked.append(True))
    await shown(shell)

    window.show_trouble(ConfigError("The folder is read-only.", advice="Choose another with --home."))

    trouble = shell.findChild(Trouble)
    assert isinstance(trouble, Trouble)
    assert "The folder is read-only. Choose another with --home." in trouble.accessibleName()
    trouble.again.click()
    assert asked == [True]
    assert not any(found.isVisible() for found in shell.findChildren(Trouble))


async def test_the_strip_tells_of_each_provider_and_of_the_last_minutes(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        await it.engine.complete(ChatRequest("groq/openai/gpt-oss-120b", (Message.user("Hello"),)))
        it.window._feed.refresh()

        said = strip_says(it.shell)
        assert "Groq: closed" in said
        assert "1.0 requests a minute" in said
        assert "0 % errors" in said
        assert any(label.text() == "simulated" and label.isVisible() for label in it.shell.strip.findChildren(QLabel))
        live = it.engine.live.state()
        assert live.real.spend_usd == 0.0
        assert live.simulated.spend_usd > 0.0


async def test_a_provider_that_keeps_failing_is_said_to_fail_until_it_answers(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    def attempt(kind: str | None) -> AttemptFinished:
        now = it.session.clock.now()
        return AttemptFinished("groq", "m", Timing(now, 10.0, 20.0), error_kind=kind, cost=Cost(0.5, "provider"))

    def request(kind: str | None) -> RequestFinished:
        return RequestFinished("r", "m", "groq", "m", Timing(), error_kind=kind, simulated=True)

    async with console(qapp, tmp_path) as it:
        for kind in ("server fault", "cancelled", "bad request", "overloaded"):
            it.engine.bus.publish(attempt(kind))
            it.engine.bus.publish(request(kind))
        it.window._feed.refresh()
        assert "Groq: failing" in strip_says(it.shell)
        assert "100 % errors" in strip_says(it.shell)

        it.engine.bus.publish(attempt(None))
        it.window._feed.refresh()
        assert "Groq: closed" in strip_says(it.shell)
        assert "Spend $0.00" in strip_says(it.shell)  # what real providers cost is not mixed with the simulated
        assert it.engine.live.state().real.spend_usd == 2.5


async def test_everything_is_in_the_palette(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path, demo=None) as it:
        await until(lambda: it.session.keys_known)
        wanted = {
            "Go to Settings", "Use the light theme", "Use simulated providers", "Open Cohere", "Test Groq",
            "Add or change the key for Mistral", "Switch Gemini off",
        }  # fmt: skip
        assert wanted <= set(offered(it))

        it.shell.show_palette()
        type_text("use simulated")
        press(Qt.Key.Key_Return)
        await until(lambda: it.engine.demo and it.engine.settings.demo)
        assert "Use the real providers" in offered(it)
        it.window.switch_demo(False)
        await until(lambda: not it.engine.demo and not it.engine.settings.demo)


async def test_a_test_from_the_palette_tells_its_outcome(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    async with console(qapp, tmp_path) as it:
        it.shell.commands.run(offered(it)["Test Groq"])  # type: ignore[arg-type]
        await until(lambda: any(message.startswith("Groq answers, in ") for message in it.messages()))


async def test_the_palette_switches_providers_and_reads_the_rules_again(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path, demo=None) as it:
        await until(lambda: it.session.keys_known)
        it.shell.commands.run(offered(it)["Switch Gemini off"])  # type: ignore[arg-type]
        await until(lambda: "Switch Gemini on" in offered(it))
        assert "Test Gemini" not in offered(it)

        (tmp_path / "rules.toml").write_text('[first]\nerrors = ["timeout"]\ndo = "fail fast"\n', encoding="utf-8")
        it.shell.commands.run(offered(it)["Reload fallback rules"])  # type: ignore[arg-type]
        await until(lambda: "1 rules from rules.toml are followed." in it.messages())
        assert [rule.name for rule in it.engine.rules.in_use.rules] == ["first"]


async def test_a_theme_chosen_is_kept_and_a_theme_set_is_shown(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        it.shell.choose_mode("light")
        await until(lambda: it.engine.settings.appearance.theme == "light")
        await it.session.change("appearance.theme", "dark")
        assert it.shell.theme.tokens.name == "dark"


async def test_problems_of_the_settings_file_and_notices_are_shown(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    (tmp_path / "settings.toml").write_text('[log]\nlevel = "loud"\n', encoding="utf-8")
    async with console(qapp, tmp_path) as it:
        await until(lambda: any("Line 2, log.level" in message for message in it.messages()))
        it.engine.bus.publish(Notice("The disk is full.", "Make room."))
        assert "The disk is full. Make room." in it.messages()
        assert it.engine.settings.log.level == "info"
        await it.open("settings")
        assert not any("Line 2" in message for message in it.messages())


def test_what_is_kept_of_the_window_survives_and_a_broken_file_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "home" / "window.json"
    state = WindowState("AdnQ", "settings", "light", welcomed=True)
    save_state(path, state)
    assert load_state(path) == state
    path.write_text('{"geometry": 3}', encoding="utf-8")
    assert load_state(path) == WindowState()


async def test_the_heart_beats_and_its_card_tells_how_loop_bus_and_links_are(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    from aiconsole.gui.heart import HeartCard

    async with console(qapp, tmp_path) as it:
        assert "Realtime connection: local" in strip_says(it.shell)
        assert "No other console is linked." in it.shell.strip.heart.toolTip()
        it.shell.strip.heart.setFocus()
        press(Qt.Key.Key_Space)
        card = it.shell.findChild(HeartCard)
        assert isinstance(card, HeartCard)
        said = [label.accessibleName() for label in card.findChildren(QLabel)]
        assert "Event loop: alive" in said
        assert "Links: None: no other console is linked." in said
        press(Qt.Key.Key_Escape)
        assert not card.isVisible()
        assert has_focus(it.shell.strip.heart)


async def test_the_heart_says_when_a_link_cannot_be_made_and_tries_again_when_asked(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    from aiconsole.gui.heart import HeartCard
    from tests.realtime.links.consoles import Road

    async with console(qapp, tmp_path) as it:
        road = Road(Hub(SystemClock(), LoopTimers()))
        road.closed = True
        it.engine.links.add(road)
        await until(lambda: "Realtime connection: reconnecting" in strip_says(it.shell))
        assert "the road is closed" in it.shell.strip.heart.toolTip()
        it.shell.strip.heart.click()
        card = it.shell.findChild(HeartCard)
        assert isinstance(card, HeartCard)
        again = next(found for found in card.findChildren(QPushButton) if found.text() == "Connect now")
        road.closed = False
        again.click()
        await until(lambda: "Realtime connection: connected" in strip_says(it.shell))
        await until(lambda: not again.isVisible())
        await until(
            lambda: any(
                label.accessibleName().startswith("Link: this process: connected")
                for label in card.findChildren(QLabel)
            )
        )


async def test_what_the_person_does_is_told_without_what_they_said(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    async with console(qapp, tmp_path) as it:
        heard: list[UserActed] = []
        it.engine.bus.subscribe(heard.append, UserActed)
        await it.session.change("chat.model", "groq/m")
        await it.session.reset("chat.model")
        await it.session.set_key("groq", "gsk_a-secret-of-mine", "session")
        await it.session.test("groq")
        turn(it.session, it.shell, "groq", "open")
        assert [(event.action, event.subject) for event in heard] == [
            ("setting changed", "chat.model"),
            ("setting reset", "chat.model"),
            ("key set", "groq"),
            ("provider tested", "groq"),
            ("breaker held open", "groq"),
        ]
        newest = it.engine.live.state().user.newest
        assert [event.action for event in newest][-1] == "session started"
    assert heard[-1].action == "session ended"
