"""Answers to like questions: only the last message may differ, always marked, never where it is switched off."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from aiconsole import Message
from aiconsole.cache.meaning import Meaning, find_embedder
from aiconsole.domain.chat import Finished
from tests.cache.console import asking, console, read
from tests.clocks import FakeClock

SETTINGS = "[cache]\nsimilar = true\nsimilarity = 0.9\n"


class Words:
    """Embeds a text as the counts of a few words in it."""

    def __init__(self, name: str = "words") -> None:
        self.name = name
        self.asked = 0
        self.broken = False

    async def embed(self, text: str) -> Sequence[float]:
        self.asked += 1
        if self.broken:
            raise RuntimeError("no model")
        return [0.01, *(text.lower().count(word) for word in ("capital", "france", "spain", "weather"))]


async def test_a_like_question_gets_the_kept_answer_marked_with_its_likeness(tmp_path: Path) -> None:
    async with console(tmp_path, SETTINGS) as here:
        here.engine.cache.use_embedder(Words())
        first = await here.engine.complete(asking("What is the capital of France?"))
        alike = await here.engine.complete(asking("The capital of France, what is it?"))
        assert here.calls == 1
        other = await here.engine.complete(asking("What is the capital of Spain?"))
        again = (await read(here.engine, asking("France has which capital?")))[-1]
        fresh = await here.engine.complete(asking("The capital of France, what is it?", cache="fresh"))
        assert here.calls == 3
        stats = await here.engine.cache.stats()
    assert alike.cached is not None
    assert alike.cached.similarity == pytest.approx(1.0)
    assert alike.text == first.text
    assert other.cached is None
    assert fresh.cached is None
    assert isinstance(again, Finished)
    assert again.result.cached is not None
    assert again.result.cached.similarity is not None
    assert stats.similar == 2


async def test_all_but_the_last_message_must_be_the_same(tmp_path: Path) -> None:
    question, like = "capital of France", "France: capital"
    async with console(tmp_path, SETTINGS) as here:
        here.engine.cache.use_embedder(Words())
        await here.engine.complete(asking(question))
        for other in (
            asking(like, max_tokens=500),
            asking(like, model="groq/openai/gpt-oss-20b"),
            asking(messages=(Message.system("Be brief."), Message.user(like))),
            asking(messages=(Message.user(question), Message.assistant("Paris."), Message.user(like))),
        ):
            assert (await here.engine.complete(other)).cached is None
        assert (await here.engine.complete(asking(like))).cached is not None


async def test_it_is_off_unless_switched_on(tmp_path: Path) -> None:
    async with console(tmp_path) as here:
        words = Words()
        here.engine.cache.use_embedder(words)
        await here.engine.complete(asking("capital of France"))
        assert (await here.engine.complete(asking("France: capital"))).cached is None
        assert words.asked == 0


async def test_questions_outlast_a_start_but_not_a_change_of_the_embedder_or_their_answers(tmp_path: Path) -> None:
    clock = FakeClock()
    async with console(tmp_path, SETTINGS, clock=clock) as here:
        here.engine.cache.use_embedder(Words())
        await here.engine.complete(asking("capital of France"))
    async with console(tmp_path, clock=clock) as here:
        here.engine.cache.use_embedder(Words())
        assert (await here.engine.complete(asking("France: capital"))).cached is not None
    async with console(tmp_path, clock=clock) as here:
        here.engine.cache.use_embedder(Words("another"))
        assert (await here.engine.complete(asking("France, capital"))).cached is None
        clock.advance(90_000)
        assert (await here.engine.complete(asking("capital: France"))).cached is None
        await here.engine.cache.clear()
        assert (await here.engine.complete(asking("capital - France"))).cached is None


async def test_without_an_embedder_or_with_a_broken_one_requests_are_answered_all_the_same(tmp_path: Path) -> None:
    async with console(tmp_path, SETTINGS) as here:
        here.engine.cache.use_embedder(None)
        assert (await here.engine.complete(asking("capital of France"))).text
    async with console(tmp_path) as here:
        words = Words()
        here.engine.cache.use_embedder(words)
        words.broken = True
        assert (await here.engine.complete(asking("capital of Spain"))).text
        assert (await here.engine.complete(asking("capital of Spain"))).cached is not None
        assert words.asked == 1


async def test_more_questions_than_it_remembers_drop_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiconsole.cache.meaning._MOST", 3)
    meaning = Meaning(lambda name: Words(), FakeClock())
    for number, text in enumerate(("capital", "france", "spain", "weather")):
        place = await meaning.place(asking(text), lambda: b"g" * 32)
        assert place is not None
        meaning.add(bytes([number]), place)
    assert len(meaning) == 3
    oldest = await meaning.place(asking("capital"), lambda: b"g" * 32)
    newest = await meaning.place(asking("weather"), lambda: b"g" * 32)
    assert oldest is not None
    assert newest is not None
    assert meaning.nearest(oldest, 0.9) is None
    assert meaning.nearest(newest, 0.9) == (bytes([3]), pytest.approx(1.0))


def test_an_embedder_is_found_as_a_plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "words_plugin-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: words-plugin\nVersion: 1\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        "[aiconsole.embedders]\nwords = words_plugin:Plugged\nbad = words_plugin:No\n", encoding="utf-8"
    )
    (tmp_path / "words_plugin.py").write_text("class Plugged:\n    name = 'plugged'\n", encoding="utf-8")
    assert find_embedder("words") is None
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    found = find_embedder("words")
    assert found is not None
    assert found.name == "plugged"
    assert find_embedder("") is None, "there are two, and none is named"
    assert find_embedder("bad") is None
    sys.modules.pop("words_plugin")
