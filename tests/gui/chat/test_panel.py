"""The chat as a new user meets it, by keyboard, on the real engine with simulated providers."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import QMimeData, QObject, QPoint, Qt, QUrl, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton

from aiconsole.domain.messages import ImagePart, TextPart
from aiconsole.gui.chat.message import MessageView
from aiconsole.simulator import Behaviour
from tests.gui.chat.chatting import Chatting, chatting

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def fast(chat: Chatting, **more: object) -> None:
    assert chat.engine.simulator is not None
    for provider in ("groq", "cerebras", "openrouter"):
        chat.engine.simulator.set(provider, Behaviour(ttft_ms=1, tokens_per_s=20_000, jitter=0, **more))  # type: ignore[arg-type]


def slow(chat: Chatting) -> None:
    assert chat.engine.simulator is not None
    chat.engine.simulator.set("groq", Behaviour(ttft_ms=1, tokens_per_s=120, jitter=0))


async def test_a_first_question_is_typed_and_answered(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        fast(chat)
        assert chat.focus() is chat.panel.composer.entry
        assert chat.panel.empty.isVisible()

        text = await chat.ask("What is a breaker?")

        assert "Simulated answer" in text
        assert not chat.panel.empty.isVisible()
        await chat.until(lambda: chat.titles() == ["What is a breaker?"])
        meta = chat.panel.transcript.turns[-1].meta
        assert meta is not None
        assert meta.simulated


async def test_shift_enter_starts_a_line_and_the_setting_swaps_the_keys(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        fast(chat)
        chat.type("one")
        chat.press(Qt.Key.Key_Return, SHIFT)
        chat.type("two")
        assert chat.panel.composer.text == "one\ntwo"

        await chat.panel._session.change("chat.send_key", "ctrl+enter")
        chat.press(Qt.Key.Key_Return)
        assert chat.panel.composer.text == "one\ntwo\n"
        chat.press(Qt.Key.Key_Return, CONTROL)
        await chat.until(lambda: chat.panel.transcript.turns)
        await chat.settled()


async def test_escape_stops_and_what_came_is_kept(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        slow(chat)
        chat.type("Slowly, please")
        chat.press(Qt.Key.Key_Return)
        turns = chat.panel.transcript
        await chat.until(lambda: turns.turns and turns.turns[-1].message.text)
        assert chat.panel.composer.send.text() == "Stop"
        chat.press(Qt.Key.Key_Escape)
        await chat.settled()

        assert turns.turns[-1].state == "stopped"
        assert turns.turns[-1].message.text
        assert chat.panel.composer.send.text() == "Send"


async def test_an_answer_goes_on_while_another_conversation_is_open(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        slow(chat)
        panel = chat.panel
        chat.type("The long one")
        chat.press(Qt.Key.Key_Return)
        await chat.until(lambda: panel.transcript.turns and panel.transcript.turns[-1].message.text)
        first = panel.current
        assert first is not None
        chat.press(Qt.Key.Key_N, CONTROL)
        assert panel.current is None
        assert panel.history.model.is_running(first)
        fast(chat)
        await chat.ask("Another")
        panel.open_item(first)
        await chat.until(lambda: panel.current == first)
        before = len(panel.transcript.turns[-1].message.text)
        assert before > 0
        await chat.until(lambda: len(panel.transcript.turns[-1].message.text) > before)
        panel.stop()
        await chat.settled()


async def test_drafts_stay_with_their_conversation(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        fast(chat)
        panel = chat.panel
        await chat.ask("First")
        first = panel.current
        assert first is not None
        chat.type("half a thought")
        panel.new()
        assert panel.composer.text == ""
        chat.type("something new")
        panel.open_item(first)
        await chat.until(lambda: panel.current == first)
        assert panel.composer.text == "half a thought"
        panel.new()
        assert panel.composer.text == "something new"


async def test_answering_again_and_editing_make_versions(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        fast(chat)
        panel = chat.panel
        await chat.ask("First question")
        first_answer = panel.transcript.turns[-1].id
        panel.do("regenerate", first_answer)
        await chat.until(lambda: panel.transcript.turns[-1].id != first_answer)
        await chat.settled()
        again = panel.transcript.turns[-1]
        assert len(panel.transcript.turns) == 2
        assert again.siblings == (first_answer, again.id)

        panel.do("previous", again.id)
        await chat.until(lambda: panel.transcript.turns[-1].id == first_answer)

        panel.focus_composer()
        chat.press(Qt.Key.Key_Up)
        assert panel.composer.text == "First question"
        panel.composer.entry.selectAll()
        chat.type("Edited question")
        chat.press(Qt.Key.Key_Return)
        await chat.until(lambda: panel.transcript.turns[0].message.text == "Edited question")
        await chat.settled()
        assert len(panel.transcript.turns) == 2
        assert len(panel.transcript.turns[0].siblings) == 2
        panel.do("previous", panel.transcript.turns[0].id)
        await chat.until(lambda: panel.transcript.turns[0].message.text == "First question")


async def test_leaving_an_edit_changes_nothing(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        fast(chat)
        await chat.ask("Question")
        chat.press(Qt.Key.Key_Up)
        assert chat.panel.composer.editing is not None
        chat.press(Qt.Key.Key_Escape)

        assert chat.panel.composer.editing is None
        assert chat.panel.composer.text == ""


async def test_deleting_can_be_undone(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        fast(chat)
        panel = chat.panel
        await chat.ask("Keep me")
        await chat.until(lambda: chat.titles() == ["Keep me"])
        panel.history.list.setFocus()
        chat.press(Qt.Key.Key_Delete)
        await chat.until(lambda: chat.titles() == [])
        assert panel.current is None
        undo = next(button for button in chat.shell.findChildren(QPushButton) if button.text() == "Undo")
        undo.click()
        await chat.until(lambda: chat.titles() == ["Keep me"])


async def test_renaming_in_place(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        fast(chat)
        await chat.ask("Old name")
        await chat.until(lambda: chat.titles() == ["Old name"])
        chat.press(Qt.Key.Key_F2)
        editor = chat.focus()
        assert isinstance(editor, QLineEdit)
        editor.selectAll()
        chat.type("New name")
        chat.press(Qt.Key.Key_Return)
        await chat.until(lambda: chat.titles() == ["New name"])


async def test_searching_finds_words_and_marks_them(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        fast(chat)
        panel = chat.panel
        await chat.ask("About zebras")
        panel.new()
        await chat.ask("About lions")
        panel.history.search.setFocus()
        chat.type("zebra")
        await chat.until(lambda: chat.titles() == ["About zebras"])
        hit = panel.history.model.hits()[0]
        assert [hit.snippet[start:end].lower() for start, end in hit.marks][:1] == ["zebras"]
        chat.press(Qt.Key.Key_Return)
        await chat.until(lambda: panel.current == hit.conversation.id)
        panel.history.search.setFocus()
        chat.type("nothing like it")
        await chat.until(lambda: chat.titles() == [])


async def test_a_model_is_picked_by_a_few_letters(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        panel = chat.panel
        chat.press(Qt.Key.Key_M, CONTROL)
        picker = panel.models.picker
        assert picker.isVisible()
        await chat.until(lambda: picker._model.rowCount() > 20)
        chat.type("cerebras gpt")
        choice = picker._model.choice(picker.list.currentIndex().row())
        assert choice is not None
        assert "context" in choice.facts
        assert "$" in choice.facts
        chat.press(Qt.Key.Key_Return)

        assert not picker.isVisible()
        assert panel.choice()[0] == choice.value
        assert choice.value.startswith("cerebras/")
        assert panel.composer.model.text() == choice.value
        assert chat.focus() is panel.composer.entry
        assert chat.engine.simulator is not None
        chat.engine.simulator.set("cerebras", Behaviour(ttft_ms=1, tokens_per_s=20_000))
        await chat.ask("Hello")
        meta = panel.transcript.turns[-1].meta
        assert meta is not None
        assert meta.provider == "cerebras"


async def test_without_keys_the_picker_says_so_and_leads_to_the_providers(qapp: QApplication, tmp_path: Path) -> None:
    from aiconsole.gui.chat.picker_model import choices

    async with chatting(qapp, tmp_path, demo=True) as chat:
        states = chat.engine.providers()
        import msgspec

        without = [
            msgspec.structs.replace(state, simulated=False, key_source=None, key_needed=True) for state in states
        ]
        rows = choices((), chat.engine.routes(), without, (), {})
        assert {row.trouble for row in rows if row.group == "Routes"} == {"no provider of it can be used"}
        assert any("no key yet" in row.trouble and row.provider == "groq" for row in rows)

        picker = chat.panel.models.picker
        picker.ask(chat.panel.composer, chat.panel._anchor(chat.panel.composer.model), "")
        picker.offer(rows)
        chat.type("anthropic")
        chat.press(Qt.Key.Key_Return)
        assert chat.shell.open_key == "providers"


async def test_parameters_are_kept_and_sent(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        fast(chat)
        panel = chat.panel
        chat.press(Qt.Key.Key_P, CONTROL | SHIFT)
        card = panel.parameters
        assert card.isVisible()
        chat.type("Be brief.")
        chat.press(Qt.Key.Key_Tab)
        chat.type("0.5")
        chat.press(Qt.Key.Key_Tab)
        chat.press(Qt.Key.Key_Tab)
        chat.type("7")
        chat.press(Qt.Key.Key_Return)
        assert not card.isVisible()
        assert panel.composer.parameters.text() == "3"
        await chat.ask("Hello")

        _, system, params = panel.choice()
        assert (system, params.temperature, params.max_tokens) == ("Be brief.", 0.5, 7)
        turn = panel.transcript.turns[-1]
        assert turn.meta is not None
        assert turn.meta.finish_reason == "length"


async def test_a_parameter_that_makes_no_sense_is_said(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        card = chat.panel.parameters
        chat.panel.choose_parameters()
        card.temperature.setFocus()
        chat.type("hot")
        chat.press(Qt.Key.Key_Return)

        assert card.isVisible()
        assert card.trouble.text() == "Temperature is a number from 0 to 2."
        chat.press(Qt.Key.Key_Escape)
        assert not card.isVisible()
        assert chat.panel.choice()[2].temperature is None


async def test_a_failure_stands_in_its_place_and_can_be_tried_again(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        panel = chat.panel
        panel._take_model("groq/openai/gpt-oss-120b")
        assert chat.engine.simulator is not None
        chat.engine.simulator.set("groq", Behaviour(outage="refuse"))
        await chat.ask("Anyone?")
        turn = panel.transcript.turns[-1]
        assert turn.state == "failed"
        assert turn.error is not None
        fast(chat)
        retry = next(button for button in panel.findChildren(QPushButton) if button.text() == "Try again")
        retry.click()
        await chat.until(lambda: panel.transcript.turns[-1].id != turn.id)
        await chat.settled()

        assert panel.transcript.turns[-1].state == "complete"
        assert len(panel.transcript.turns) == 2


async def test_a_route_that_went_on_says_who_failed(qapp: QApplication, tmp_path: Path) -> None:
    from PySide6.QtWidgets import QLabel

    async with chatting(qapp, tmp_path) as chat:
        fast(chat)
        assert chat.engine.simulator is not None
        chat.engine.simulator.set("groq", Behaviour(error_rates={"rate_limit": 1.0}))
        await chat.ask("Hello")

        labels = [label.text() for label in chat.panel.findChildren(QLabel)]
        assert any("groq failed (rate limit), answered by " in text for text in labels)


async def test_files_are_attached_by_paste_and_drop(qapp: QApplication, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("remember this", encoding="utf-8")
    async with chatting(qapp, tmp_path / "home") as chat:
        fast(chat)
        composer = chat.panel.composer
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(notes))])
        composer.entry.insertFromMimeData(mime)
        await chat.until(lambda: composer.files)
        assert isinstance(composer.files[0], TextPart)
        picture = QMimeData()
        image = QImage(20, 20, QImage.Format.Format_RGB32)
        image.fill(Qt.GlobalColor.blue)
        picture.setImageData(image)
        composer.entry.insertFromMimeData(picture)
        await chat.until(lambda: len(composer.files) == 2)
        assert isinstance(composer.files[1], ImagePart)
        assert composer.send.isEnabled()


async def test_a_file_of_no_use_is_refused_with_the_reason(qapp: QApplication, tmp_path: Path) -> None:
    odd = tmp_path / "odd.bin"
    odd.write_bytes(b"\x00\x01\x02")
    async with chatting(qapp, tmp_path / "home") as chat:
        chat.panel.files.read([QUrl.fromLocalFile(str(odd))])
        await chat.until(lambda: chat.shell._notices.shown())

        assert "neither an image, a PDF nor text" in chat.shell._notices.shown()[0].accessibleName()
        assert not chat.panel.composer.files


async def test_finding_goes_through_the_places(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        fast(chat)
        await chat.ask("needle one")
        await chat.ask("needle two")
        chat.press(Qt.Key.Key_F, CONTROL)
        chat.type("needle ")
        assert chat.panel.find_bar.isVisible()
        count = chat.panel.find_bar._count.text()
        chat.press(Qt.Key.Key_Return)
        assert chat.panel.find_bar._count.text() != count
        chat.press(Qt.Key.Key_Escape)
        assert not chat.panel.find_bar.isVisible()
        assert chat.focus() is chat.panel.composer.entry


async def test_a_link_is_shown_before_it_is_opened(qapp: QApplication, tmp_path: Path) -> None:
    from PySide6.QtGui import QDesktopServices

    opened: list[str] = []

    class Browser(QObject):
        @Slot(QUrl)
        def show(self, url: QUrl) -> None:
            opened.append(url.toString())

    browser = Browser()
    QDesktopServices.setUrlHandler("https", browser, "show")
    try:
        async with chatting(qapp, tmp_path) as chat:
            card = chat.panel.link_card
            chat.panel._show_link("https://аpple.com/login", "apple.com", QPoint(600, 300))
            assert card.isVisible()
            assert "xn--pple-43d.com" in card._url.text()
            assert "Cyrillic" in card._caution.text()
            assert chat.focus() is card.copy
            assert not opened
            chat.press(Qt.Key.Key_Space)
            assert QApplication.clipboard().text() == "https://xn--pple-43d.com/login"
            chat.panel._show_link("javascript:alert(1)", "x", QPoint(600, 300))
            assert not card.isVisible()
            chat.panel._show_link("https://example.com/", "x", QPoint(600, 300))
            card.open.click()
            assert opened == ["https://example.com/"]
    finally:
        QDesktopServices.unsetUrlHandler("https")


async def test_it_reopens_where_it_was_left(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        fast(chat)
        text = await chat.ask("Remember")
        conversation = chat.panel.current
    async with chatting(qapp, tmp_path) as chat:
        await chat.until(lambda: chat.titles() == ["Remember"])
        chat.shell.open("chat", conversation)
        await chat.until(lambda: chat.panel.current == conversation)

        assert chat.panel.transcript.turns[-1].message.text == text


async def test_everything_has_a_name_and_tab_reaches_it(qapp: QApplication, tmp_path: Path) -> None:
    from PySide6.QtWidgets import QAbstractButton

    async with chatting(qapp, tmp_path) as chat:
        fast(chat)
        await chat.ask("Hello")
        for button in chat.panel.findChildren(QAbstractButton):
            if button.isVisible():
                assert button.accessibleName() or button.text(), button
        seen = set()
        chat.panel.history.search.setFocus()
        for _ in range(40):
            chat.press(Qt.Key.Key_Tab)
            seen.add(chat.focus())
        composer = chat.panel.composer
        assert {composer.entry, composer.attach, composer.model, composer.parameters} <= seen
        assert any(isinstance(widget, MessageView) for widget in seen)


async def test_closing_the_window_in_the_middle_leaves_nothing_behind(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        slow(chat)
        chat.type("To be cut")
        chat.press(Qt.Key.Key_Return)
        await chat.until(lambda: chat.panel.transcript.turns and chat.panel.transcript.turns[-1].message.text)

    assert {task.get_coro().__name__ for task in asyncio.all_tasks() if task is not asyncio.current_task()} <= {
        "wait_for"
    }
