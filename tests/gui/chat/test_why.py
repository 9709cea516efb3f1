"""“Why” under an answer: who was considered, what was tried, and what came of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QToolButton

from aiconsole.domain.conversations import AnswerMeta
from aiconsole.domain.trace import Attempt, Choice, DecisionTrace, Fired, Note, Skip
from aiconsole.gui.chat.message import MessageView
from aiconsole.gui.chat.why import story, told
from aiconsole.simulator import Behaviour
from tests.gui.chat.chatting import Chatting, chatting

ROUTE = ("groq", "cerebras", "openrouter")


def behave(chat: Chatting, **faults: Behaviour) -> None:
    assert chat.engine.simulator is not None
    for name in ROUTE:
        chat.engine.simulator.set(name, faults.get(name, Behaviour(ttft_ms=1, tokens_per_s=20_000)))


def last(chat: Chatting) -> MessageView:
    view = chat.panel.transcript._entries[-1].view
    assert view is not None
    return view


async def test_w_folds_out_the_way_of_an_answer_that_went_to_the_second(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        behave(chat, groq=Behaviour(error_rates={"server_fault": 1.0}))
        await chat.ask("Who answers?")
        view = last(chat)
        fold = view._why
        assert fold is not None
        assert not fold.isVisible()

        chat.panel.transcript.focus_turn()
        chat.press(Qt.Key.Key_W)
        assert fold.isVisible()
        await chat.until(lambda: fold.height() > 100)
        assert fold.body is not None
        text = fold.body.text
        assert "server fault" in text
        assert "Left out" not in text
        fold.copy.click()
        copied = QGuiApplication.clipboard().text()
        assert copied.startswith("Asked for gpt-oss-120b, by priority.\n1. groq/openai/gpt-oss-120b: ")
        assert "cerebras/gpt-oss-120b answered, after" in copied

        chat.press(Qt.Key.Key_W)
        assert not fold.isVisible()


async def test_the_footers_button_opens_it_and_it_comes_back_with_the_conversation(
    qapp: QApplication, tmp_path: Path
) -> None:
    async with chatting(qapp, tmp_path) as chat:
        behave(chat)
        await chat.ask("Kept?")
        kept = chat.panel.current
        chat.panel.new()
        assert kept is not None
        chat.panel.open_item(kept)
        await chat.until(lambda: len(chat.panel.transcript.turns) == 2 and chat.panel.transcript._entries[-1].view)
        view = last(chat)
        button = view.findChild(QToolButton, "why")
        assert button is not None
        assert button.accessibleName() == "Why this answer"
        button.click()
        assert view._why is not None
        assert view._why.isVisible()


async def test_a_failed_answer_tells_why_nobody_answered(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        down = Behaviour(outage="refuse")
        behave(chat, groq=down, cerebras=down, openrouter=down)
        await chat.ask("Anybody?")
        turn = chat.panel.transcript.turns[-1]
        assert turn.state == "failed"
        assert turn.meta is not None
        assert turn.meta.trace is not None
        assert {attempt.candidate.partition("/")[0] for attempt in turn.meta.trace.attempts} == set(ROUTE)
        chat.panel.transcript.focus_turn()
        chat.press(Qt.Key.Key_W)
        fold = last(chat)._why
        assert fold is not None
        assert fold.isVisible()
        assert fold.head.text() == "Why nobody answered"


async def test_the_palette_opens_why_of_the_last_answer_and_a_stopped_one_has_it_too(
    qapp: QApplication, tmp_path: Path
) -> None:
    async with chatting(qapp, tmp_path) as chat:
        behave(chat, groq=Behaviour(ttft_ms=1, tokens_per_s=10))
        assert not chat.shell.commands.run("chat.why")
        chat.panel.focus_composer()
        chat.type("[[tokens=400]]")
        chat.press(Qt.Key.Key_Return)
        await chat.until(lambda: chat.panel.transcript.turns and chat.panel.transcript.turns[-1].state == "streaming")
        await chat.until(lambda: chat.panel.answering.running(chat.panel.current or ""))
        await chat.until(lambda: last(chat)._answer is not None)
        chat.panel.stop()
        await chat.settled()
        chat.shell.open("providers")
        chat.press(Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
        chat.type("decision trace")
        chat.press(Qt.Key.Key_Return)
        fold = last(chat)._why
        assert fold is not None
        assert fold.isVisible()
        assert chat.shell.open_key == "chat"
        assert fold.head.text() == "The way until it was stopped"
        chat.shell.commands.run("chat.why")
        assert fold.isVisible()


async def test_an_answer_stopped_before_its_first_token_tells_who_was_asked(qapp: QApplication, tmp_path: Path) -> None:
    async with chatting(qapp, tmp_path) as chat:
        behave(chat, groq=Behaviour(error_rates={"server_fault": 1.0}), cerebras=Behaviour(ttft_ms=60_000))
        chat.panel.focus_composer()
        chat.type("Slow?")
        chat.press(Qt.Key.Key_Return)
        await chat.until(lambda: chat.engine.gate.in_flight("cerebras/gpt-oss-120b"))
        chat.panel.stop()
        await chat.settled()
        assert chat.shell.commands.run("chat.why")
        fold = last(chat)._why
        assert fold is not None
        assert fold.isVisible()
        assert fold.body is not None
        assert fold.body.text.count("cerebras") == 2  # ranked, and asked
        assert "cancelled" in fold.body.text


def test_a_story_shows_foreign_text_letter_by_letter() -> None:
    trace = DecisionTrace(
        "r",
        "fast",
        "most reliable",
        0.0,
        1200.0,
        "b/two",
        (Choice("a/one", 0.9, "score | 90"), Choice("b/two", 0.5, "score 50")),
        (Skip("c/three", "no key"),),
        (
            Attempt("a/one", 1, 0.0, 40.0, "failed", None, "server fault", "<img src=x>\nboom", 502, None, "the next"),
            Attempt("b/two", 2, 41.0, 1100.0, "answered", 300.0, cost_usd=0.0004),
        ),
        (Fired("Slow", "next candidate", 12.0),),
        (Note("waited 1 s", 5.0),),
    )
    text = story(trace)
    assert r"score \| 90" in text
    assert r"\<img src\=x\> boom" in text
    assert text.index("waited 1 s") < text.index("next candidate", text.index("What happened"))
    assert told(trace).splitlines()[-1] == "b/two answered, after 1.2 s in all."


def test_answers_kept_before_there_was_a_trace_still_load() -> None:
    meta = msgspec.json.decode(b'{"provider":"groq","model":"m","usage":{},"timing":{}}', type=AnswerMeta)
    assert meta.trace is None
