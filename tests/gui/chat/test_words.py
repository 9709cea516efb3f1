"""What the chat says in words."""

from __future__ import annotations

import datetime

import msgspec
import pytest

from aiconsole.domain.chat import Cost, Timing, Usage
from aiconsole.domain.conversations import AnswerMeta, Turn, TurnError
from aiconsole.domain.messages import Message, TextPart
from aiconsole.domain.models import ModelInfo, Prices
from aiconsole.gui.chat import words


def at(*parts: int) -> float:
    return datetime.datetime(*parts).astimezone().timestamp()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ((2026, 3, 12, 0, 1), "Today"),
        ((2026, 3, 11, 23, 59), "Yesterday"),
        ((2026, 3, 7, 12, 0), "Saturday"),
        ((2026, 2, 1, 12, 0), "1 February"),
        ((2025, 12, 31, 12, 0), "31 December 2025"),
    ],
)
def test_days_are_called_as_people_call_them(then: tuple[int, ...], said: str) -> None:
    assert words.day(at(*then), at(2026, 3, 12, 9, 0)) == said


def test_a_footer_says_what_is_known_and_no_more() -> None:
    meta = AnswerMeta("groq", "m", "length", usage=Usage(prompt=3), timing=Timing(0.0, None, 900.0))
    turn = Turn("a", "c", None, Message.assistant("x"), 0.0, meta=meta)

    assert words.footer(turn) == "groq / m · 900 ms · cost unknown · cut at the token limit"
    stopped = msgspec.structs.replace(turn, state="stopped")
    assert words.footer(stopped) == "groq / m · 900 ms · cut at the token limit · stopped by you"
    assert words.unbroken("9 tokens/s · $0.01") == "9\xa0tokens\u2060/\u2060s · $0.01"


def test_tokens_per_second_start_with_the_first_token() -> None:
    meta = AnswerMeta(
        "groq", "m", usage=Usage(completion=101), timing=Timing(0.0, 500.0, 1500.0), cost=Cost(0.0, "provider")
    )

    assert words.tokens_per_s(meta) == pytest.approx(100.0)


def test_failed_attempts_are_told_once_each() -> None:
    cut = TurnError("connection cut", "It broke.", provider="groq", model="m")
    whole = TurnError(
        "all candidates failed",
        "long",
        attempts=(cut, cut, TurnError("overloaded", "Busy.", provider="cerebras", model="m")),
    )

    assert words.error_message(whole) == "groq / m: connection cut, 2 times. It broke.\ncerebras / m: overloaded. Busy."
    assert "Busy." in words.error_details(whole)


def test_a_model_says_its_context_and_prices() -> None:
    info = ModelInfo("groq", "m", context_tokens=131072, prices=Prices(0.15, 0.6))

    assert words.model_facts(info) == "131k context  ·  $0.15 in, $0.60 out / M tokens"
    assert words.model_facts(ModelInfo("groq", "m")) == ""


def test_an_attached_file_is_known_by_its_head() -> None:
    assert words.attached_name(TextPart("File a b.txt:\n\nx")) == "a b.txt"
    assert words.attached_name(TextPart("File it under x\n")) is None
