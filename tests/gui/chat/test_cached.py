"""An answer from the response cache says so in its footer, also when it comes back, and a fresh one is a key away."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolButton

from aiconsole.domain.chat import Cached, Cost, Timing
from aiconsole.domain.conversations import AnswerMeta, Turn
from aiconsole.domain.messages import Message
from aiconsole.gui.chat import words
from aiconsole.gui.chat.message import MessageView
from aiconsole.gui.chat.parts import Foot
from aiconsole.simulator import Behaviour
from tests.gui.chat.chatting import Chatting, chatting


def last(chat: Chatting) -> MessageView:
    view = chat.panel.transcript._entries[-1].view
    assert view is not None
    return view


def test_the_footer_says_age_savings_and_likeness() -> None:
    cached = Cached("ab", age_s=720.0, saved_usd=0.004, saved_ms=1800.0, similarity=0.97)
    meta = AnswerMeta("groq", "m", "stop", timing=Timing(0.0, 1.0, 2.0), cost=Cost(0.0, "price list"), cached=cached)
    turn = Turn("a", "c", None, Message.assistant("x"), 0.0, meta=meta)

    assert words.footer(turn) == (
        "groq / m · cached, 12 min old, to a question 97% alike, saved $0.0040 and 1.8 s · TTFT 1.0 ms · 2.0 ms · $0.00"
    )


async def ask_twice(chat: Chatting) -> None:
    """Two conversations begin with one question; the second answer is a kept one."""
    assert chat.engine.simulator is not None
    for name in ("groq", "cerebras", "openrouter"):
        chat.engine.simulator.set(name, Behaviour(ttft_ms=1, tokens_per_s=20_000))
    await chat.engine.change("cache.mode", "any temperature")
    await chat.ask("[[tokens=5]] Same question?")
    chat.panel.new()
    await chat.ask("[[tokens=5]] Same question?")


async def test_a_kept_answer_says_so_again_after_a_reload_and_r_asks_for_a_fresh_one(
    qapp: QApplication, tmp_path: Path
) -> None:
    async with chatting(qapp, tmp_path) as chat:
        await ask_twice(chat)

        await chat.until(lambda: last(chat).findChild(QToolButton, "regenerate"))
        meta = chat.panel.transcript.turns[-1].meta
        assert meta is not None
        assert meta.cached is not None
        kept = chat.panel.current
        assert kept is not None
        chat.panel.new()
        chat.panel.open_item(kept)
        await chat.until(lambda: len(chat.panel.transcript.turns) == 2 and chat.panel.transcript._entries[-1].view)
        foot = last(chat).findChild(Foot)
        assert foot is not None
        assert " · cached, 0 s old, saved " in foot._facts.text()
        fresh = foot.findChild(QToolButton, "regenerate")
        assert fresh is not None
        assert (fresh.text(), fresh.accessibleName()) == ("refresh", "Ask for a fresh answer")

        before = chat.panel.transcript.turns[-1].id
        chat.panel.transcript.focus_turn()
        chat.press(Qt.Key.Key_R)
        await chat.until(lambda: chat.panel.transcript.turns[-1].id != before)
        await chat.settled()
        meta = chat.panel.transcript.turns[-1].meta
        assert meta is not None
        assert meta.cached is None


async def test_the_message_input_has_the_keyboard_after_a_click_on_refresh_or_answer_again(
    qapp: QApplication, tmp_path: Path
) -> None:
    async with chatting(qapp, tmp_path) as chat:
        await ask_twice(chat)
        for words in ("refresh", ""):
            await chat.until(lambda: last(chat).findChild(QToolButton, "regenerate"))
            again = last(chat).findChild(QToolButton, "regenerate")
            assert again is not None
            assert again.text() == words
            before = chat.panel.transcript.turns[-1].id
            again.setFocus(Qt.FocusReason.MouseFocusReason)
            QTest.mouseClick(again, Qt.MouseButton.LeftButton)
            await chat.until(lambda before=before: chat.panel.transcript.turns[-1].id != before)  # type: ignore[misc]
            await chat.settled()
            assert chat.focus() is chat.panel.composer.entry
