"""The transcript: what is in view is made, what the reader looks at stays, and a running answer is followed or not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from aiconsole.domain.chat import (
    Continued,
    Cost,
    Failed,
    ReasoningDelta,
    Started,
    TextDelta,
    Timing,
    ToolCallDelta,
    Usage,
)
from aiconsole.domain.conversations import AnswerMeta, Turn, TurnError, TurnState
from aiconsole.domain.errors import RateLimited
from aiconsole.domain.messages import ImagePart, Message, Part, ReasoningPart, TextPart, ToolCallPart
from aiconsole.gui.chat.composer import png
from aiconsole.gui.chat.message import MessageView
from aiconsole.gui.chat.transcript import TranscriptView
from aiconsole.gui.icons import Icons
from aiconsole.gui.theme import Theme

META = AnswerMeta(
    "groq",
    "gpt-oss-120b",
    "stop",
    usage=Usage(prompt=10, completion=41),
    cost=Cost(0.00031, "price list"),
    timing=Timing(0.0, 120.0, 2120.0),
    simulated=True,
)
PARAGRAPHS = "\n\n".join(f"Paragraph {number} with some words in it." for number in range(12))


@pytest.fixture
def view(qtbot: QtBot, qapp: QApplication) -> Iterator[TranscriptView]:
    theme = Theme(qapp, "dark")
    made = TranscriptView(theme, Icons(theme))
    qtbot.addWidget(made)
    made.resize(900, 600)
    made.show()
    yield made
    theme.deleteLater()


def question(key: str, text: str = "Why?", siblings: tuple[str, ...] = ()) -> Turn:
    return Turn(key, "c", None, Message.user(text), 1.7e9, siblings=siblings)


def answer(
    key: str,
    *parts: Part,
    state: TurnState = "complete",
    error: TurnError | None = None,
    meta: AnswerMeta | None = META,
    siblings: tuple[str, ...] = (),
) -> Turn:
    return Turn(
        key, "c", None, Message("assistant", parts), 1.7e9, state=state, error=error, meta=meta, siblings=siblings
    )


def running(key: str = "run") -> Turn:
    return answer(key, state="streaming", meta=None)


def many(count: int) -> list[Turn]:
    return [
        turn
        for number in range(count)
        for turn in (question(f"q{number}", f"Question {number}?"), answer(f"a{number}", TextPart(PARAGRAPHS)))
    ]


def messages(view: TranscriptView) -> list[MessageView]:
    shown = [child for child in view.widget().children() if isinstance(child, MessageView) and not child.isHidden()]
    return sorted(shown, key=lambda child: child.y())


def words(widget: object) -> str:
    assert hasattr(widget, "findChildren")
    labels = [label.text() for label in widget.findChildren(QLabel) if label.isVisible()]
    heads = [button.text() for button in widget.findChildren(QToolButton) if button.isVisible()]
    return "\n".join((*labels, *heads))


def top_of(view: TranscriptView, key: str) -> int:
    """Where a turn begins in what is in view."""
    message = next(message for message in messages(view) if message.turn.id == key)
    return message.mapTo(view.viewport(), QPoint(0, 0)).y()


def test_only_what_is_in_view_has_widgets(view: TranscriptView) -> None:
    view.show_turns(many(250))

    assert len(view.turns) == 500
    assert 0 < len(messages(view)) < 12
    assert messages(view)[-1].turn.id == "a249"


def lines(view: TranscriptView) -> dict[tuple[str, int], int]:
    """Where each block of text that is made stands in what is in view."""
    return {
        (message.turn.id, at): body.mapTo(view.viewport(), QPoint(0, segment.y)).y()
        for message in messages(view)
        for body in message.bodies()
        for at, segment in enumerate(body._column.segments)
        if segment.made
    }


def test_scrolling_up_keeps_each_line_under_the_eye(view: TranscriptView) -> None:
    """Where heights were estimates, making what comes into view must not move what was there."""
    view.show_turns(many(60))
    bar = view.verticalScrollBar()
    for _ in range(150):
        before = {key: y for key, y in lines(view).items() if 0 <= y < 500}
        bar.setValue(bar.value() - 70)
        after = lines(view)
        assert before
        assert {key: after[key] - y for key, y in before.items()} == dict.fromkeys(before, 70)


def test_an_answer_is_followed_at_the_end(view: TranscriptView) -> None:
    view.show_turns(many(5))
    view.begin(running())
    for number in range(60):
        view.append(TextDelta(f"Line {number} of the answer.\n\n"))
        view.flush()

    bar = view.verticalScrollBar()
    assert view.following
    assert bar.value() == bar.maximum()


def test_an_answer_never_moves_what_a_reader_further_up_looks_at(view: TranscriptView) -> None:
    view.show_turns(many(5))
    view.begin(running())
    view.append(TextDelta("It begins.\n\n"))
    view.flush()
    bar = view.verticalScrollBar()
    bar.setValue(bar.value() - 700)
    first = messages(view)[0].turn.id
    before = (bar.value(), top_of(view, first))
    for number in range(60):
        view.append(TextDelta(f"Line {number} of the answer.\n\n"))
        view.flush()

    assert not view.following
    assert (bar.value(), top_of(view, first)) == before


def test_the_way_back_to_the_end_is_offered_and_works(view: TranscriptView, qtbot: QtBot) -> None:
    view.show_turns(many(5))
    button = next(child for child in view.children() if isinstance(child, QPushButton))
    assert not button.isVisible()
    view.verticalScrollBar().setValue(0)
    assert button.isVisible()

    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    assert view.following
    assert view.verticalScrollBar().value() == view.verticalScrollBar().maximum()
    assert not button.isVisible()


def test_deltas_are_shown_once_a_frame(view: TranscriptView, qtbot: QtBot) -> None:
    view.show_turns([question("q")])
    view.begin(running())
    for number in range(100):
        view.append(TextDelta(f"{number} "))
    assert "99" not in view.turns[-1].message.text

    qtbot.waitUntil(lambda: "99" in view.turns[-1].message.text, timeout=2000)


def test_a_flood_is_taken_up_in_portions(view: TranscriptView) -> None:
    view.show_turns([question("q")])
    view.begin(running())
    view.append(TextDelta("word " * 10_000))
    view.flush()

    assert 0 < len(view.turns[-1].message.text) < 10_000


def test_the_end_waits_for_the_text_and_shows_the_footer(view: TranscriptView) -> None:
    text = "word " * 4_000
    view.show_turns([question("q")])
    view.begin(running("a"))
    view.append(Started("groq", "gpt-oss-120b", simulated=True))
    view.append(TextDelta(text))
    view.end(answer("a", TextPart(text)))
    for _ in range(10):
        view.flush()
    view.to_end()

    assert view.turns[-1].state == "complete"
    said = words(messages(view)[-1]).replace("\u2060", "").replace("\xa0", " ")
    for fact in (
        "groq / gpt-oss-120b",
        "simulated",
        "TTFT 120 ms",
        "2120 ms",
        "10 + 41 tokens",
        "20 tokens/s",
        "$0.00031",
    ):
        assert fact in said


def test_who_failed_before_is_said(view: TranscriptView) -> None:
    from aiconsole.gui.chat.progress import Progress

    progress = Progress()
    view.show_turns([question("q")])
    view.begin(running("a"), progress)
    for event in (Failed("groq", "m", RateLimited("slow down")), Started("cerebras", "m"), TextDelta("Hello.")):
        progress.take(event)
        view.append(event)
    view.flush()

    assert "groq failed (rate limit), answered by cerebras" in words(messages(view)[-1])


def test_an_answer_that_starts_anew_elsewhere_replaces_what_was_shown(view: TranscriptView) -> None:
    view.show_turns([question("q")])
    view.begin(running("a"))
    view.append(TextDelta("first try"))
    view.flush()
    view.append(Continued("cerebras", "m", "restart", 9, after="groq/m", error_kind="connection cut"))
    view.append(TextDelta("second try"))
    view.flush()

    assert view.turns[-1].message.text == "second try"
    assert [body.text for body in messages(view)[-1].bodies()] == ["second try"]


def test_thoughts_are_folded_and_unfold(view: TranscriptView, qtbot: QtBot) -> None:
    view.show_turns([question("q"), answer("a", ReasoningPart("I ponder."), TextPart("So."))])
    head = next(button for button in messages(view)[-1].findChildren(QToolButton) if button.text() == "Thoughts")
    before = messages(view)[-1].height()

    qtbot.mouseClick(head, Qt.MouseButton.LeftButton)

    assert messages(view)[-1].height() > before


def test_thinking_shows_while_it_lasts(view: TranscriptView) -> None:
    from aiconsole.gui.chat.progress import Progress

    progress = Progress()
    view.show_turns([question("q")])
    view.begin(running("a"), progress)
    for event in (ReasoningDelta("Hm"), ReasoningDelta(", well")):
        progress.take(event)
        view.append(event)
    view.flush()
    assert "Thinking…" in words(messages(view)[-1])

    progress.take(TextDelta("So."))
    view.append(TextDelta("So."))
    view.flush()
    view.end(answer("a", ReasoningPart("Hm, well"), TextPart("So.")))

    assert "Thought for less than 1 s" in words(messages(view)[-1])


def test_tool_calls_are_cards(view: TranscriptView) -> None:
    view.show_turns([question("q"), answer("a", ToolCallPart("1", "get_weather", '{"city":"Oslo"}'))])
    assert "Calls get_weather" in words(messages(view)[-1])

    view.begin(running("b"))
    view.append(ToolCallDelta(0, "2", "look_up"))
    view.append(ToolCallDelta(0, arguments='{"x":1}'))
    view.flush()

    assert "Calls look_up" in words(messages(view)[-1])


def test_an_error_stands_in_its_place_with_advice_details_and_retry(view: TranscriptView, qtbot: QtBot) -> None:
    error = TurnError(
        "rate limit",
        "Too many requests.",
        "Wait until the limit resets.",
        "groq",
        "m",
        429,
        request_id="req_1",
        retry_after=7.0,
    )
    view.show_turns([question("q"), answer("a", state="failed", error=error, meta=None)])
    message = messages(view)[-1]
    said = words(message)
    assert "Rate limit at groq / m" in said
    assert "Too many requests." in said
    assert "asks to wait 7 s" in said
    assert "req_1" not in said

    buttons = {button.text(): button for button in message.findChildren(QPushButton)}
    buttons["Details"].click()
    assert "req_1" in words(message)
    buttons["Copy details"].click()
    assert "HTTP status: 429" in QApplication.clipboard().text()
    with qtbot.waitSignal(view.wanted) as wish:
        buttons["Try again"].click()
    assert wish.args == ["regenerate", "a"]


def test_versions_can_be_switched(view: TranscriptView, qtbot: QtBot) -> None:
    view.show_turns([question("q", siblings=("p", "q", "r")), answer("a", TextPart("Yes."))])
    message = messages(view)[0]
    assert "2/3" in words(message)

    with qtbot.waitSignal(view.wanted) as wish:
        qtbot.keyClick(message, Qt.Key.Key_Right)
    assert wish.args == ["next", "q"]


def test_messages_are_gone_through_and_used_by_keyboard(view: TranscriptView, qtbot: QtBot) -> None:
    view.show_turns(many(30))
    view.activateWindow()
    view.focus_turn()
    assert messages(view)[-1].hasFocus()

    for _ in range(20):
        focused = QApplication.focusWidget()
        assert isinstance(focused, MessageView)
        qtbot.keyClick(focused, Qt.Key.Key_Up)

    focused = QApplication.focusWidget()
    assert isinstance(focused, MessageView)
    assert focused.turn.id == "a19"
    with qtbot.waitSignal(view.wanted) as wish:
        qtbot.keyClick(focused, Qt.Key.Key_C)
    assert wish.args == ["copy", "a19"]


def test_each_message_speaks(view: TranscriptView) -> None:
    view.show_turns([question("q", "Why so?"), answer("a", TextPart("Because."))])
    first, second = messages(view)

    assert first.accessibleName().startswith("You, ")
    assert first.accessibleDescription() == "Why so?"
    assert second.accessibleName().startswith("Answer from groq, ")
    assert second.accessibleDescription() == "Because."


def test_a_picture_is_shown_small_and_a_file_by_its_name(view: TranscriptView) -> None:
    from PySide6.QtGui import QImage

    image = QImage(640, 400, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    parts: tuple[Part, ...] = (
        TextPart("Look."),
        ImagePart(png(image), media_type="image/png"),
        TextPart("File notes.txt:\n\nmany words"),
    )
    view.show_turns([Turn("q", "c", None, Message("user", parts), 1.7e9)])
    message = messages(view)[0]

    pictures = [label.pixmap().width() for label in message.findChildren(QLabel) if not label.pixmap().isNull()]
    assert 96 in pictures
    assert "notes.txt" in words(message)
    assert "many words" not in words(message)


def test_a_picture_that_is_none_is_only_named(view: TranscriptView) -> None:
    part = ImagePart(b"\x89PNG\r\n\x1a\nbroken", media_type="image/png")
    view.show_turns([Turn("q", "c", None, Message("user", (part,)), 1.7e9)])

    assert "Image, 14 B" in words(messages(view)[0])


def test_what_a_person_writes_is_shown_as_written(view: TranscriptView) -> None:
    view.show_turns([question("q", "# no heading\n\n*stars* <b>")])
    body = messages(view)[0].bodies()[0]
    body.select_all()

    assert body.selected_text == "# no heading\n\n*stars* <b>"


def test_words_are_found_and_brought_into_view(view: TranscriptView) -> None:
    turns = many(40)
    turns[20] = question("q10", "The needle is here.")
    view.show_turns(turns)

    assert view.turns_with("NEEDLE") == [(20, 1)]
    assert view.show_found(20, "needle", 0)
    message = next(message for message in messages(view) if message.turn.id == "q10")
    assert message.bodies()[0].selected_text == "needle"
    assert 0 <= top_of(view, "q10") < view.viewport().height()


def test_another_width_keeps_the_place(view: TranscriptView) -> None:
    view.show_turns(many(40))
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    first = messages(view)[0].turn.id
    view.resize(560, 600)
    view.resize(900, 600)

    assert first in [message.turn.id for message in messages(view)]


def test_a_selection_outlives_scrolling_away(view: TranscriptView) -> None:
    view.show_turns(many(60))
    message = messages(view)[-1]
    message.bodies()[0].select_all()
    view.verticalScrollBar().setValue(0)
    view.to_end()

    assert messages(view)[-1] is message
    assert message.bodies()[0].has_selection
