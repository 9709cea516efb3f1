"""Short hands for the tests of OpenAI-shaped dialects: chunks and answers as bytes, and reading a stream of them."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from aiconsole.domain.chat import ChatRequest, StreamEvent
from aiconsole.domain.errors import Unsupported
from aiconsole.domain.messages import Message
from aiconsole.providers.base import Answer, Dialect, ErrorReply
from aiconsole.providers.custom import CustomOpenAIDialect
from aiconsole.providers.support import Refusals

DONE = b"[DONE]"


def custom() -> CustomOpenAIDialect:
    return CustomOpenAIDialect("house", "House", "http://127.0.0.1:8000/v1")


def chunk(finish: str | None = None, *, top: dict[str, Any] | None = None, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({"id": "c1", "model": "m1", "choices": [choice], **(top or {})}).encode()


def whole(finish: str | None = "stop", *, top: dict[str, Any] | None = None, **message: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return json.dumps({"id": "c1", "model": "m1", "choices": [choice], **(top or {})}).encode()


def read(dialect: Dialect, *events: bytes | tuple[str, bytes]) -> tuple[list[StreamEvent], Answer]:
    """What a stream of these events shows, and the answer it ends in."""
    reader = dialect.reader()
    shown: list[StreamEvent] = []
    for event in events:
        name, data = event if isinstance(event, tuple) else ("message", event)
        shown.extend(reader.feed(name, data))
    return shown, reader.finish()


def refuse(words: str) -> NoReturn:
    raise Unsupported(words)


def body(dialect: Dialect, *messages: Message, stream: bool = False, **fields: Any) -> Any:
    """The body of a call as JSON data; what cannot be sent raises `Unsupported`."""
    request = ChatRequest("m1", messages or (Message.user("Hi"),), **fields)
    return json.loads(json.dumps(dialect.chat(request, stream=stream, refuse=refuse).body))


def sent_back(dialect: Dialect, answer: Answer, model: str = "m1") -> Any:
    """The message an answer becomes on the next turn."""
    request = ChatRequest(model, (Message("assistant", answer.content),))
    return json.loads(json.dumps(dialect.chat(request, stream=False, refuse=refuse).body))["messages"][0]


def dropping(dialect: Dialect, request: ChatRequest) -> tuple[Any, list[str]]:
    """The body where what cannot be sent is dropped, and the warnings."""
    refusals = Refusals("drop")
    return dialect.chat(request, stream=False, refuse=refusals).body, refusals.warnings


def reply(status: int, found: Any, headers: dict[str, str] | None = None, now: float = 1000.0) -> ErrorReply:
    return ErrorReply(status, headers or {}, found if isinstance(found, bytes) else json.dumps(found).encode(), now)
