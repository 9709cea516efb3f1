"""The tree of turns: branches, undo, attachments, and what a killed process leaves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from aiconsole.domain.chat import Cost, Reasoning, ReasoningDelta, TextDelta, Timing, ToolCallDelta, Usage
from aiconsole.domain.conversations import AnswerMeta, ChatParams, Conversation, TurnError
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.messages import (
    DocumentPart,
    ImagePart,
    Message,
    NativePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from aiconsole.store.conversations import NewTurn
from aiconsole.store.models import MODELS
from tests.store.places import Clock, conversation, ids, opened, rows, say


async def test_a_conversation_comes_back_as_it_was(tmp_path: Path) -> None:
    params = ChatParams(0.5, 0.9, 100, ("END",), 7, Reasoning("high", 2000, True), "drop")
    wanted = Conversation("c1", "Töpfe", 1.5, 2.5, "groq/m", "Be brief.", params)
    async with opened(tmp_path / "aiconsole.db") as store:
        assert await store.conversations.create(wanted) == wanted
    async with opened(tmp_path / "aiconsole.db") as store:
        assert (await store.conversations.transcript("c1")).conversation == wanted
        changed = await store.conversations.update("c1", title="Pots", model="", params=ChatParams())
        assert changed == msgspec.structs.replace(wanted, title="Pots", model="", params=ChatParams())
        assert [hit.conversation for hit in await store.conversations.list()] == [changed]


async def test_every_kind_of_part_comes_back_as_it_was(tmp_path: Path) -> None:
    image = ImagePart(b"\x89PNG\x00\xff" * 100, media_type="image/png", detail="low")
    extra = {"anthropic": {"cache_control": {"type": "ephemeral"}}}
    said = (
        Message("user", "plain"),
        Message("user", "plain", extra),
        Message("user", ""),
        Message("user", (TextPart("zwölf "), image, TextPart("", extra), TextPart("Töne\0\U0001f600"))),
        Message("user", (ImagePart(url="https://example.org/a.png"), DocumentPart(b"", name="empty.pdf"))),
        Message(
            "assistant",
            (
                ReasoningPart("hm", "sig"),
                ReasoningPart(redacted="zzz"),
                TextPart("so"),
                ToolCallPart("1", "f", '{"a":'),
            ),
        ),
        Message("assistant", (NativePart("anthropic", {"data": [1, None, 2**70, 0.1, {"type": "image"}]}),)),
        Message(
            "tool",
            (
                ToolResultPart("1", (TextPart("inside"), image, NativePart("x", {}))),
                ToolResultPart("2", "t", "f", True),
            ),
        ),
        Message("assistant", ()),
    )
    path = tmp_path / "aiconsole.db"
    async with opened(path) as store:
        await conversation(store)
        await say(store, "c1", None, *((f"t{n}", message.role, message) for n, message in enumerate(said)))
    async with opened(path) as store:
        turns = (await store.conversations.transcript("c1")).turns
    assert tuple(turn.message for turn in turns) == said


async def test_lone_surrogates_are_replaced_everywhere(tmp_path: Path) -> None:
    async with opened(tmp_path / "aiconsole.db") as store:
        await conversation(store, title="a\ud800b")
        content = (TextPart("a\udfffb"), NativePart("x", {"\ud800": ["\ud800"]}))
        await say(store, "c1", None, ("t1", "user", content), ("t2", "user", "\ud83d"))
        found = await store.conversations.transcript("c1")
        assert found.conversation.title == "a\ufffdb"
        assert found.turns[0].message.content == (TextPart("a\ufffdb"), NativePart("x", {"\ufffd": ["\ufffd"]}))
        assert found.turns[1].message.content == "\ufffd"


async def test_the_same_picture_is_stored_once_and_goes_with_its_last_user(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    clock = Clock()
    image = ImagePart(b"pixels" * 1000, media_type="image/png")
    async with opened(path, clock) as store:
        for name in ("c1", "c2"):
            await conversation(store, name)
            await say(store, name, None, (f"{name}.1", "user", (image,)), (f"{name}.2", "user", (image, image)))
        assert await store.read(lambda db: db.execute_sql("SELECT count(*) FROM attachment").fetchone()) == (1,)
        await store.conversations.delete("c1", clock.now())
    clock.time += 1
    async with opened(path, clock) as store:
        assert (await store.conversations.transcript("c2")).turns[1].message.content == (image, image)
        await store.conversations.delete("c2", clock.now())
    assert rows(path, "SELECT count(*) FROM attachment") == [(1,)]
    clock.time += 1
    async with opened(path, clock):
        pass
    assert rows(path, "SELECT count(*) FROM attachment") == [(0,)]


async def test_branches_know_their_siblings_and_can_be_switched(tmp_path: Path) -> None:
    async with opened(tmp_path / "aiconsole.db") as store:
        kept = store.conversations
        await conversation(store)
        await say(store, "c1", None, ("q1", "user", "one"), ("a1", "assistant", "1"))
        await say(store, "c1", "a1", ("q2", "user", "two"), ("a2", "assistant", "2"))
        [again] = await say(store, "c1", "q2", ("a2b", "assistant", "2b"))
        assert again.siblings == ("a2", "a2b")
        assert again.parent_id == "q2"
        edited = await say(store, "c1", None, ("q1b", "user", "uno"), ("a1b", "assistant", "1b"))
        assert [turn.siblings for turn in edited] == [("q1", "q1b"), ("a1b",)]
        assert ids((await kept.transcript("c1")).turns) == ["q1b", "a1b"]
        assert ids((await kept.switch("c1", "q1")).turns) == ["q1", "a1", "q2", "a2b"]
        assert ids((await kept.switch("c1", "a2")).turns) == ["q1", "a1", "q2", "a2"]
        assert ids((await kept.transcript("c1")).turns) == ["q1", "a1", "q2", "a2"]
        assert ids((await kept.transcript("c1", "a1")).turns) == ["q1", "a1"]
        assert (await kept.transcript("c1")).conversation.leaf_id == "a2"
        with pytest.raises(ConfigError):
            await kept.switch("c1", "elsewhere")


async def test_delete_can_be_undone_until_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    clock = Clock()
    async with opened(path, clock) as store:
        kept = store.conversations
        for name in ("c1", "c2"):
            await conversation(store, name)
            await say(store, name, None, (f"{name}.q", "user", f"findable {name}"))
            await kept.delete(name, clock.now())
        assert await kept.list() == ()
        assert await kept.list("findable") == ()
        with pytest.raises(ConfigError):
            await kept.transcript("c1")
        await kept.restore("c1")
        assert [hit.conversation.id for hit in await kept.list("findable")] == ["c1"]
    clock.time += 1
    async with opened(path, clock) as store:
        await store.conversations.restore("c2")
        assert [hit.conversation.id for hit in await store.conversations.list()] == ["c1"]
    assert rows(path, "SELECT id FROM turn") == [("c1.q",)]
    assert rows(path, "SELECT rowid FROM turn_fts WHERE turn_fts MATCH 'findable'") == [(1 << 24 | 1,)]


async def test_a_very_long_conversation_can_be_read_and_purged(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    clock = Clock()
    async with opened(path, clock) as store:
        await conversation(store)
        await say(store, "c1", None, *((f"t{n}", "user", str(n)) for n in range(3000)))
        assert ids((await store.conversations.transcript("c1")).turns) == [f"t{n}" for n in range(3000)]
        await store.conversations.delete("c1", clock.now())
    clock.time += 1
    async with opened(path, clock):
        pass
    assert rows(path, "SELECT count(*) FROM turn") == [(0,)]
    assert rows(path, "PRAGMA foreign_key_check") == []
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


async def test_an_answer_left_streaming_is_interrupted_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    async with opened(path) as store:
        await conversation(store)
        fresh = [NewTurn("q", Message.user("Why?"), "complete"), NewTurn("a", Message("assistant", ()), "streaming")]
        store.conversations.append("c1", None, fresh, now=1.0)
        store.conversations.journal(
            "a", [ReasoningDelta("hm "), ReasoningDelta("hm"), TextDelta("Bec"), TextDelta("ause")]
        )
        store.conversations.journal(
            "a", [TextDelta(" of"), ToolCallDelta(0, "id", "look"), ToolCallDelta(1, "ie", "see", "{")]
        )
        await asyncio.wrap_future(
            store.conversations.journal(
                "a", [ToolCallDelta(0, arguments='{"x"'), ToolCallDelta(1, arguments="}"), TextDelta("!")]
            )
        )
        running = (await store.conversations.transcript("c1")).turns[-1]
        assert running.state == "streaming"
        assert await store.conversations.list("because") == ()
    async with opened(path) as store:
        left = (await store.conversations.transcript("c1")).turns[-1]
        assert [hit.snippet for hit in await store.conversations.list("because")] == ["Because of!"]
    assert left.state == "interrupted"
    assert left.message == running.message
    assert left.message.content == (
        ReasoningPart("hm hm"),
        TextPart("Because of"),
        ToolCallPart("id", "look", '{"x"'),
        ToolCallPart("ie", "see", "{}"),
        TextPart("!"),
    )
    assert rows(path, "SELECT count(*) FROM journal") == [(0,)]


async def test_how_an_answer_ended_comes_back(tmp_path: Path) -> None:
    meta = AnswerMeta(
        "groq", "m", "stop", "eos", Usage(1, 2, 3), Cost(0.01, "provider"), Timing(1.0, 2.0, 3.0), ("w",), "r", True
    )
    error = TurnError(
        "rate limit", "slow down", "wait", "groq", "m", 429, "c", "r", 1.5, (TurnError("timeout", "late"),)
    )
    async with opened(tmp_path / "aiconsole.db") as store:
        await conversation(store)
        fresh = [NewTurn("q", Message.user("Why?"), "complete"), NewTurn("a", Message("assistant", ()), "streaming")]
        _, (_, turn) = await asyncio.wrap_future(store.conversations.append("c1", None, fresh, now=5.0, title="Why?"))
        ended = msgspec.structs.replace(turn, message=Message.assistant("So."), state="failed", meta=meta, error=error)
        await asyncio.wrap_future(store.conversations.finish(ended, 9.0))
        found = await store.conversations.transcript("c1")
        assert found.turns[-1] == ended
        assert (found.conversation.title, found.conversation.updated_at) == ("Why?", 9.0)


async def test_secrets_are_removed_from_everything_written(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    key = "gsk-0123456789abcdef0123456789"
    async with opened(path, redact=lambda text: text.replace(key, "[redacted]")) as store:
        await store.conversations.create(
            Conversation("c1", f"t {key}", system=f"s {key}", params=ChatParams(stop=(key,)))
        )
        content = (TextPart(f"{key} is it"), ReasoningPart(key), NativePart("x", {key: key}), TextPart("end"))
        fresh = [
            NewTurn("q", Message("user", content), "complete"),
            NewTurn("a", Message("assistant", ()), "streaming"),
        ]
        _, (_, turn) = await asyncio.wrap_future(store.conversations.append("c1", None, fresh, now=5.0))
        await asyncio.wrap_future(store.conversations.journal("a", [TextDelta("x " + key[:9]), TextDelta(key[9:])]))
        ended = msgspec.structs.replace(turn, state="failed", error=TurnError("bad key", f"{key} is wrong"))
        await asyncio.wrap_future(store.conversations.finish(ended, 9.0))
        await store.conversations.update("c1", title=key, system=key)
        found = await store.conversations.transcript("c1")
        assert found.turns[0].message.text == "[redacted] is itend"
        assert found.turns[0].message.parts[-1] == TextPart("end")
        for file in tmp_path.iterdir():
            assert key.encode() not in file.read_bytes(), file.name


async def test_models_match_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "aiconsole.db"
    async with opened(path):
        pass
    for model in MODELS:
        columns = {
            name: (bool(null), bool(key))
            for _, name, _, null, _, key in rows(path, f"PRAGMA table_info({model._meta.table_name})")
        }
        fields = {field.column_name: field for field in model._meta.sorted_fields}
        assert set(fields) == set(columns)
        keys = {field.column_name for field in model._meta.get_primary_keys()}
        for name, (not_null, is_key) in columns.items():
            assert (name in keys) == is_key
            assert fields[name].null == (not not_null and not is_key)
