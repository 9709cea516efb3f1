"""A conversation as its consumer sees it: events, branches, failures, and what is sent back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aiconsole.domain.chat import (
    ChatResult,
    Failed,
    Finished,
    Reasoning,
    ReasoningDelta,
    Started,
    TextDelta,
    Warned,
)
from aiconsole.domain.conversations import ChatParams, TurnAdded, TurnEnded
from aiconsole.domain.errors import AllFailed, ConfigError, ConsoleError, Overloaded, RateLimited, StoreError
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
from tests.chat.scripts import Scripted, answer, chatting, collect, ended, said, texts

LIMITED = RateLimited(
    "slow down", provider="groq", model="m", status=429, code="rate", request_id="r", retry_after=2.5, raw=b"{}"
)


async def test_a_question_its_answer_and_the_next_question(tmp_path: Path) -> None:
    script = answer("Four", ".")
    router = Scripted(script, answer("Five."))
    async with chatting(tmp_path, router, default_model=lambda: "groq/m") as chat:
        conversation = await chat.create()
        events = await collect(chat.send(conversation.id, "  \nTwo and two?\nExactly."))
        question, reply = events[0], events[1]
        assert isinstance(question, TurnAdded)
        assert isinstance(reply, TurnAdded)
        assert (question.turn.message, question.turn.state) == (
            Message("user", "  \nTwo and two?\nExactly."),
            "complete",
        )
        assert (reply.turn.state, reply.turn.parent_id) == ("streaming", question.turn.id)
        given = [step for step in script if step is not None]
        assert [id(event) for event in events[2:-1]] == [id(step) for step in given]
        assert isinstance(events[-1], TurnEnded)
        turn = events[-1].turn
        assert (turn.state, turn.message.content) == ("complete", (TextPart("Four."),))
        assert turn.meta is not None
        assert (turn.meta.provider, turn.meta.model, turn.meta.finish_reason, turn.meta.request_id) == (
            "groq",
            "m-1",
            "stop",
            "r-1",
        )
        shown = await chat.open(conversation.id)
        assert shown.turns == (question.turn, turn)
        assert shown.conversation.title == "Two and two?"
        await collect(chat.send(conversation.id, "And one?"))
        assert texts((await chat.open(conversation.id)).turns) == [
            "  \nTwo and two?\nExactly.",
            "Four.",
            "And one?",
            "Five.",
        ]
    assert said(router.requests[1])[1:] == [("assistant", "Four."), ("user", "And one?")]
    assert router.requests[1].model == "groq/m"
    async with chatting(tmp_path, router) as chat:
        assert (await chat.open(conversation.id)).turns[:2] == shown.turns


async def test_the_request_carries_what_the_conversation_says(tmp_path: Path) -> None:
    router = Scripted(answer("ok"))
    params = ChatParams(0.3, 0.8, 99, ("X",), 5, Reasoning("low"), "drop")
    async with chatting(tmp_path, router, default_model=lambda: "default") as chat:
        conversation = await chat.create(model="groq/m", system="Be brief.", params=params)
        content = (TextPart("see"), ImagePart(b"x", media_type="image/png"), DocumentPart(b"y", name="y.pdf"))
        await collect(chat.send(conversation.id, content))
        request = router.requests[0]
        assert request.model == "groq/m"
        assert request.messages == (Message("system", "Be brief."), Message("user", content))
        assert (request.temperature, request.top_p, request.max_tokens, request.stop) == (0.3, 0.8, 99, ("X",))
        assert (request.seed, request.reasoning, request.on_unsupported, request.origin) == (
            5,
            Reasoning("low"),
            "drop",
            "chat",
        )
        await chat.update(conversation.id, model="", system="", params=ChatParams())
        await collect(chat.send(conversation.id, "more"))
        assert router.requests[1].model == "default"
        assert router.requests[1].messages[0] == Message("user", content)
        assert router.requests[1].temperature is None


async def test_thoughts_signatures_and_native_blocks_go_back_whole(tmp_path: Path) -> None:
    parts = (
        ReasoningPart("hm", "sig"),
        NativePart("anthropic", {"type": "x"}),
        TextPart("so"),
        ToolCallPart("1", "f", "{}"),
    )
    router = Scripted(answer("so", content=parts), answer("done"))
    async with chatting(tmp_path, router) as chat:
        conversation = await chat.create()
        await collect(chat.send(conversation.id, "why"))
        results = (ToolResultPart("1", "42", "f"),)
        await collect(chat.send(conversation.id, results))
        assert router.requests[1].messages == (
            Message("user", "why"),
            Message("assistant", parts),
            Message("tool", results),
        )


async def test_a_failure_is_an_ending_that_keeps_what_came_and_is_not_sent_back(tmp_path: Path) -> None:
    router = Scripted([Started("groq", "m"), Warned("dropped seed"), TextDelta("Half an "), LIMITED], answer("Whole."))
    async with chatting(tmp_path, router) as chat:
        conversation = await chat.create()
        turn = await ended(chat.send(conversation.id, "Why?"))
        assert (turn.state, turn.message.text) == ("failed", "Half an ")
        assert turn.error is not None
        assert (turn.error.kind, turn.error.message, turn.error.advice) == ("rate limit", "slow down", LIMITED.advice)
        assert (turn.error.status, turn.error.code, turn.error.request_id, turn.error.retry_after) == (
            429,
            "rate",
            "r",
            2.5,
        )
        assert turn.meta is not None
        assert (turn.meta.provider, turn.meta.warnings) == ("groq", ("dropped seed",))
        again = await ended(chat.regenerate(conversation.id, turn.id))
        assert again.siblings == (turn.id, again.id)
        assert said(router.requests[1]) == [("user", "Why?")]
        await chat.switch(conversation.id, turn.id)
        await ended(chat.send(conversation.id, "So?"))
        assert said(router.requests[2]) == [("user", "Why?"), ("user", "So?")]


async def test_each_candidates_failure_is_kept(tmp_path: Path) -> None:
    second = Overloaded("busy", provider="cerebras", model="m")
    router = Scripted(
        [
            Started("groq", "m"),
            Failed("groq", "m", LIMITED),
            Started("cerebras", "m", 2),
            AllFailed.of([LIMITED, second]),
        ]
    )
    async with chatting(tmp_path, router) as chat:
        conversation = await chat.create()
        events = await collect(chat.send(conversation.id, "Why?"))
        assert any(isinstance(event, Failed) for event in events)
        error = (await chat.open(conversation.id)).turns[-1].error
        assert error is not None
        assert [(attempt.provider, attempt.kind) for attempt in error.attempts] == [
            ("groq", "rate limit"),
            ("cerebras", "overloaded"),
        ]


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        ([ConfigError("No model is called x.", advice="Choose one.")], "not sent", "No model is called x."),
        ([Started("groq", "m"), TextDelta("a")], "malformed answer", "ended before"),
        ([], "malformed answer", "ended before"),
        ([Started("groq", "m"), ZeroDivisionError("oops")], "internal", "oops"),
    ],
)
async def test_whatever_goes_wrong_is_an_ending(tmp_path: Path, script, kind: str, words: str) -> None:
    async with chatting(tmp_path, Scripted(script)) as chat:
        conversation = await chat.create()
        turn = await ended(chat.send(conversation.id, "Why?"))
        assert turn.state == "failed"
        assert turn.error is not None
        assert (turn.error.kind, words in turn.error.message, bool(turn.error.advice)) == (kind, True, True)
        assert (await chat.open(conversation.id)).turns[-1] == turn


async def test_what_follows_a_result_cannot_undo_it(tmp_path: Path) -> None:
    router = Scripted([*answer("Good."), LIMITED])
    async with chatting(tmp_path, router) as chat:
        conversation = await chat.create()
        turn = await ended(chat.send(conversation.id, "Why?"))
        assert (turn.state, turn.message.text, turn.error) == ("complete", "Good.", None)


async def test_empty_answers_are_not_sent_back(tmp_path: Path) -> None:
    router = Scripted(answer("", content=()), answer("", content=(TextPart(""),)), answer("end"))
    async with chatting(tmp_path, router) as chat:
        conversation = await chat.create()
        for word in ("a", "b", "c"):
            await collect(chat.send(conversation.id, word))
        assert said(router.requests[2]) == [("user", "a"), ("user", "b"), ("user", "c")]


async def test_an_edited_question_is_a_branch_of_its_own(tmp_path: Path) -> None:
    router = Scripted(answer("1"), answer("2"), answer("3"), answer("4"))
    async with chatting(tmp_path, router) as chat:
        conversation = await chat.create()
        await collect(chat.send(conversation.id, "one"))
        await collect(chat.send(conversation.id, "two"))
        first, _, second, _ = (await chat.open(conversation.id)).turns
        events = await collect(chat.resend(conversation.id, second.id, "zwei"))
        assert isinstance(events[0], TurnAdded)
        assert events[0].turn.siblings == (second.id, events[0].turn.id)
        assert said(router.requests[2]) == [("user", "one"), ("assistant", "1"), ("user", "zwei")]
        await collect(chat.resend(conversation.id, first.id, "eins"))
        assert said(router.requests[3]) == [("user", "eins")]
        assert texts((await chat.open(conversation.id)).turns) == ["eins", "4"]
        assert texts((await chat.switch(conversation.id, first.id)).turns) == ["one", "1", "zwei", "3"]
        assert texts((await chat.switch(conversation.id, second.id)).turns) == ["one", "1", "two", "2"]
        assert (await chat.open(conversation.id)).conversation.title == "one"


async def test_a_question_left_without_an_answer_can_be_answered(tmp_path: Path) -> None:
    router = Scripted(answer("1"), answer("2"))
    async with chatting(tmp_path, router) as chat:
        conversation = await chat.create()
        await collect(chat.send(conversation.id, "one"))
        question, reply = (await chat.open(conversation.id)).turns
        turn = await ended(chat.regenerate(conversation.id, question.id))
        assert turn.siblings == (reply.id, turn.id)
        assert said(router.requests[1]) == [("user", "one")]


async def test_what_cannot_be_sent_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    async with chatting(tmp_path, Scripted(answer("ok"))) as chat:
        conversation = await chat.create()
        for events in (
            chat.send(conversation.id, ""),
            chat.send(conversation.id, ()),
            chat.send("nowhere", "hello"),
            chat.regenerate(conversation.id, "nothing"),
            chat.resend(conversation.id, "nothing", "hello"),
        ):
            with pytest.raises(ConfigError):
                await anext(events)
        assert (await chat.open(conversation.id)).turns == ()


async def test_one_conversation_goes_on_while_another_is_asked(tmp_path: Path) -> None:
    gate = asyncio.Event()
    router = Scripted(answer("slow ", "answer", after=[gate.wait]), answer("quick"))
    async with chatting(tmp_path, router) as chat:
        slow, quick = await chat.create(), await chat.create()
        came = asyncio.Event()
        running = asyncio.create_task(
            collect(chat.send(slow.id, "a"), lambda event: came.set() if event == TextDelta("answer") else None)
        )
        await came.wait()
        shown = (await chat.open(slow.id)).turns[-1]
        assert (shown.state, shown.message.text) == ("streaming", "slow answer")
        assert chat.running(slow.id)
        with pytest.raises(ConsoleError, match="still being answered"):
            await anext(chat.send(slow.id, "impatient"))
        assert (await ended(chat.send(quick.id, "b"))).message.text == "quick"
        assert [hit.conversation.id for hit in await chat.list()] == [quick.id, slow.id]
        reply = (await chat.open(slow.id)).turns[-1]
        assert (await ended(chat.regenerate(slow.id, reply.id))).message.text == "quick"
        assert (await chat.switch(slow.id, reply.id)).turns[-1].state == "streaming"
        gate.set()
        assert (await running)[-1].turn.state == "complete"
        assert not chat.running(slow.id)
        assert [hit.conversation.id for hit in await chat.list("slow")] == [slow.id]


async def test_a_stopped_answer_goes_back_as_its_text_alone(tmp_path: Path) -> None:
    router = Scripted(
        [Started("groq", "m"), ReasoningDelta("half a thou"), TextDelta("Half"), asyncio.Event().wait], answer("ok")
    )
    async with chatting(tmp_path, router) as chat:
        conversation = await chat.create()
        await collect(
            chat.send(conversation.id, "a"),
            lambda event: chat.stop(conversation.id) if event == TextDelta("Half") else None,
        )
        stopped = (await chat.open(conversation.id)).turns[-1]
        assert stopped.message.content == (ReasoningPart("half a thou"), TextPart("Half"))
        await collect(chat.send(conversation.id, "b"))
        assert router.requests[1].messages[1] == Message("assistant", "Half")


async def test_rename_delete_and_restore(tmp_path: Path) -> None:
    async with chatting(tmp_path, Scripted(answer("ok"))) as chat:
        conversation = await chat.create()
        assert (await chat.rename(conversation.id, "  My title ")).title == "My title"
        await collect(chat.send(conversation.id, "words"))
        assert (await chat.open(conversation.id)).conversation.title == "My title"
        await chat.delete(conversation.id)
        assert await chat.list() == ()
        with pytest.raises(ConfigError):
            await anext(chat.send(conversation.id, "more"))
        await chat.restore(conversation.id)
        assert [hit.conversation.title for hit in await chat.list("words")] == ["My title"]


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("short", "short"),
        ("\n\n  second\tline \nthird", "second line"),
        ("x" * 61, "x" * 59 + "…"),
        ("word " * 20, "word " * 10 + "word…"),
        ((DocumentPart(b"", name="report.pdf"),), "report.pdf"),
        ((ImagePart(b"x"),), ""),
    ],
)
async def test_a_title_comes_from_what_was_said_first(tmp_path: Path, content, title: str) -> None:
    async with chatting(tmp_path, Scripted(answer("ok"))) as chat:
        conversation = await chat.create()
        await collect(chat.send(conversation.id, content))
        found = (await chat.open(conversation.id)).conversation.title
        assert found == title
        assert len(found) <= 60


async def test_a_result_that_differs_from_what_streamed_is_what_is_kept(tmp_path: Path) -> None:
    whole = (ReasoningPart("all of it", "signature"), TextPart("Final."))
    async with chatting(tmp_path, Scripted(answer("Fin", "al.", content=whole))) as chat:
        conversation = await chat.create()
        turn = await ended(chat.send(conversation.id, "a"))
        assert turn.message == Message("assistant", whole)


async def test_simulated_answers_say_so(tmp_path: Path) -> None:
    result = Finished(ChatResult("groq", "m", (TextPart("x"),), simulated=True))
    router = Scripted([result], [Started("groq", "m", simulated=True), LIMITED])
    async with chatting(tmp_path, router) as chat:
        conversation = await chat.create()
        for _ in range(2):
            turn = await ended(chat.send(conversation.id, "a"))
            assert turn.meta is not None
            assert turn.meta.simulated


async def test_nothing_is_asked_where_the_question_cannot_be_kept(tmp_path: Path) -> None:
    router = Scripted(answer("ok"))
    async with chatting(tmp_path, router) as chat:
        conversation = await chat.create()
        chat._store._store._opened.database.execute_sql("PRAGMA query_only = 1")
        with pytest.raises(StoreError):
            await anext(chat.send(conversation.id, "a"))
    assert router.requests == []
