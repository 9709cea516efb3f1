"""What is kept of one request beside its row: the headers of its answer, its conversation, and the names there are."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from aiconsole.domain.conversations import AnswerMeta
from aiconsole.domain.history import RequestFilter, RequestNames, RequestRow
from aiconsole.domain.messages import Message
from aiconsole.domain.trace import Attempt
from aiconsole.store import request_names, request_page
from aiconsole.store.conversations import NewTurn
from tests.store.happened import NOON, Past, past, request, trace
from tests.store.places import conversation

ANSWERED = Attempt("groq/oss", 1, 0.0, 500.0, "answered", 60.0)


async def _row(it: Past, name: str = "run-1") -> RequestRow:
    found = await it.history.requests(RequestFilter(0, NOON, text=name))
    return (await found.page(0))[0]


async def test_headers_are_kept_without_secrets_and_go_with_the_trace(tmp_path: Path) -> None:
    def redact(text: str) -> str:
        return text.replace("canary-key", "•••")

    async with past(tmp_path / "aiconsole.db", redact=redact) as it:
        headers = {"x-request-id": "req_1", "server": "cloudflare", "x-echo": "canary-key", "x-odd": "ü\ud800"}
        it.recorder.listen(request(trace=trace(ANSWERED), headers=headers))
        it.recorder.listen(request(name="run-2", trace=trace(ANSWERED, request_id="run-2")))
        await it.recorder.flush()

        kept = await it.history.request((await _row(it)).id)
        assert kept is not None
        assert kept.headers == {"x-request-id": "req_1", "server": "cloudflare", "x-echo": "•••", "x-odd": "ü\ufffd"}
        assert kept.trace == trace(ANSWERED)
        without = await it.history.request((await _row(it, "run-2")).id)
        assert without is not None
        assert without.headers is None


async def test_the_conversation_of_a_request_is_found_unless_it_was_deleted(tmp_path: Path) -> None:
    async with past(tmp_path / "aiconsole.db") as it:
        await conversation(it.store, "talk")
        turns = [NewTurn("q", Message.user("Hello"), "complete"), NewTurn("a", Message("assistant", ""), "streaming")]
        added = it.store.conversations.append("talk", None, turns, now=NOON - 1.4)
        answer = (await asyncio.wrap_future(added))[1][-1]
        meta = AnswerMeta("groq", "oss", trace=trace(ANSWERED))
        ended = msgspec.structs.replace(answer, message=Message("assistant", "Hi"), state="complete", meta=meta)
        await asyncio.wrap_future(it.store.conversations.finish(ended, NOON))
        it.recorder.listen(request(trace=trace(ANSWERED)))
        it.recorder.listen(request(name="other"))
        await it.recorder.flush()
        row, other = await _row(it), await _row(it, "other")
        assert await it.history.ask(lambda database: request_page.conversation(database, row)) == "talk"
        assert await it.history.ask(lambda database: request_page.conversation(database, other)) is None
        await it.store.conversations.delete("talk", now=NOON)
        assert await it.history.ask(lambda database: request_page.conversation(database, row)) is None


async def test_the_names_there_are(tmp_path: Path) -> None:
    async with past(tmp_path / "aiconsole.db") as it:
        it.recorder.listen(request())
        it.recorder.listen(request(provider="cohere", model="command", origin="bench", simulated=True))
        await it.recorder.flush()
        assert await it.history.ask(request_names.read) == (
            RequestNames("cohere", "command", "fast", "bench", True),
            RequestNames("groq", "oss", "fast", "chat", False),
        )
