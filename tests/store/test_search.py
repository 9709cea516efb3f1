"""Full-text search: what a person means by what they type, and that nothing they type is an operator."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from aiconsole.store import Store
from tests.store.places import conversation, opened, say


async def _library(store: Store) -> None:
    texts = {
        "pans": (
            "Cooking",
            "How do I season a cast-iron pan?",
            "Rub it with oil; heat it to 250 °C. crème brûlée later.",
        ),
        "loop": (
            "Python",
            "Why is my asyncio loop blocked?",
            "A call of `time.sleep()` blocks it: use asyncio.sleep.\n\n\tDone.",
        ),
        "trip": (
            "Reise nach Zürich",
            "Wann fährt der Zug?",
            "Um 9:15 Uhr. Ελλάδα, Россия, 日本語の文章です。 C++ => Rust",
        ),
    }
    for at, (name, (title, question, answer)) in enumerate(texts.items(), 1):
        await conversation(store, name, title=title, at=at)
        await say(store, name, None, (f"{name}.q", "user", question), (f"{name}.a", "assistant", answer), at=at)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["trip", "loop", "pans"]),
        ("   \n", ["trip", "loop", "pans"]),
        ("season", ["pans"]),
        ("SEASON", ["pans"]),
        ("sea", ["pans"]),
        ("eason", []),
        ("brulee", ["pans"]),
        ("BRÛLÉE", ["pans"]),
        ("zurich", ["trip"]),
        ("python", ["loop"]),
        ("python blocked", ["loop"]),
        ("season oil", ["pans"]),
        ("season loop", []),
        ('"cast iron"', ["pans"]),
        ('"iron cast"', []),
        ("cast-iron", ["pans"]),
        ('"cast iro"', []),
        ("i", ["loop", "pans"]),
        ("ελλάδα", ["trip"]),
        ("росс", ["trip"]),
        ("日本語", ["trip"]),
        ("文章", ["trip"]),
        ("=>", ["trip"]),
        ("c++ rust", ["trip"]),
        ("%", []),
        ("_", []),
        ("250 °C", ["pans"]),
        ("time.sleep()", ["loop"]),
    ],
)
async def test_finds(tmp_path: Path, query: str, found: list[str]) -> None:
    async with opened(tmp_path / "aiconsole.db") as store:
        await _library(store)
        assert [hit.conversation.id for hit in await store.conversations.list(query)] == found


@pytest.mark.parametrize(
    "query",
    [
        '"', '""', '"""', "'", "*", "**", "a*", "*a", "(", ")", "NEAR(", "NEAR(a b, 2)", "AND", "a AND", "OR OR", "NOT a",
        "a NOT", "text:a", "turn_fts:a", "{text}:a", "^a", "a + b", "-a", "a;b", "'; DROP TABLE turn; --", "\0", "a\0b", "\\",
        "\ud800", "\u200b", "\u0301", "\U0001f600", "\x02\x03", '"a' * 50, "a " * 1000, "x" * 100_000, "日" * 1000,
        "%", "[a]", "NULL", "?", "?1", "@a", "$a", ":a",
    ],
)  # fmt: skip
async def test_nothing_that_is_typed_is_an_operator(tmp_path: Path, query: str) -> None:
    async with opened(tmp_path / "aiconsole.db") as store:
        await _library(store)
        assert isinstance(await store.conversations.list(query), tuple)
        assert len(await store.conversations.list()) == 3


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=some.text(max_size=200), word=some.text(min_size=1, max_size=20))
def test_any_text_can_be_said_and_any_text_searched(
    tmp_path_factory: pytest.TempPathFactory, text: str, word: str
) -> None:
    from aiconsole.domain.conversations import Conversation
    from aiconsole.domain.messages import Message
    from aiconsole.store import turns
    from aiconsole.store.conversations import NewTurn
    from aiconsole.store.database import open_database, transaction
    from aiconsole.store.migrations import MIGRATIONS
    from aiconsole.store.search import search

    _, database, lock, *_ = open_database(tmp_path_factory.mktemp("any") / "a.db", 0.0, MIGRATIONS)
    try:
        with transaction(database):
            turns.create(database, Conversation("c"), str)
            turns.append(
                database, "c", None, [NewTurn("t", Message.user(text), "complete")], now=1.0, title="", redact=str
            )
        for hit in search(database, word, 10):
            assert all(0 <= start <= end <= len(hit.snippet) for start, end in hit.marks)
        database.execute_sql("INSERT INTO turn_fts (turn_fts) VALUES ('integrity-check')")
    finally:
        database.close()
        lock.release()


async def test_the_snippet_is_plain_text_with_places(tmp_path: Path) -> None:
    async with opened(tmp_path / "aiconsole.db") as store:
        await _library(store)
        await conversation(store, "long", title="Long", at=9)
        await say(
            store,
            "long",
            None,
            ("l", "user", "before " * 500 + "the **needle** <b>here</b>\n\n" + "after " * 500),
            at=9,
        )

        async def marked(query: str) -> list[str]:
            [hit] = await store.conversations.list(query)
            assert "\n" not in hit.snippet
            assert len(hit.snippet) < 250
            return [hit.snippet[start:end] for start, end in hit.marks]

        assert await marked("needle her") == ["needle", "here"]
        assert await marked("brulee") == ["brûlée"]
        assert await marked('"cast iron"') == ["cast-iron"]
        assert await marked("日本") == ["日本"]
        assert await marked("blocks python") == ["blocks"]
        [by_title] = await store.conversations.list("reise")
        assert (by_title.snippet, by_title.marks) == ("", ())


async def test_a_renamed_conversation_is_found_by_its_new_name_only(tmp_path: Path) -> None:
    async with opened(tmp_path / "aiconsole.db") as store:
        await conversation(store, title="old name")
        await store.conversations.update("c1", title="new name")
        assert await store.conversations.list("old") == ()
        assert len(await store.conversations.list("new")) == 1
        assert len(await store.conversations.list("new", limit=1)) == 1
