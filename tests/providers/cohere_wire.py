"""Short hands for the tests of Cohere's dialect: requests and events as JSON data, and reading a stream of them."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from aiconsole.domain.chat import ChatRequest, StreamEvent
from aiconsole.domain.errors import ProviderError, Unsupported
from aiconsole.domain.messages import Message
from aiconsole.providers.base import Answer, ErrorReply
from aiconsole.providers.cohere import CohereDialect

DIALECT = CohereDialect()
PLAN = {"cohere": {"type": "tool_plan"}}
PNG = b"\x89PNG\r\n\x1a\n"


def refuse(words: str) -> NoReturn:
    raise Unsupported(words)


def body(*messages: Message, stream: bool = False, **settings: Any) -> dict[str, Any]:
    request = ChatRequest("command-x", messages or (Message.user("Hi"),), **settings)
    return dict(json.loads(json.dumps(DIALECT.chat(request, stream=stream, refuse=refuse).body)))


def dropping(*messages: Message, **settings: Any) -> tuple[dict[str, Any], list[str]]:
    words: list[str] = []
    request = ChatRequest("command-x", messages or (Message.user("Hi"),), **settings)
    return DIALECT.chat(request, stream=False, refuse=words.append).body, words


def read(*events: tuple[str, Any]) -> tuple[list[StreamEvent], Answer]:
    reader = DIALECT.reader()
    shown = [one for name, data in events for one in reader.feed(name, json.dumps({"type": name, **data}).encode())]
    return shown, reader.finish()


START: tuple[str, Any] = ("message-start", {"id": "a1", "delta": {"message": {"role": "assistant", "content": []}}})


def event(kind: str, index: int | None = None, **message: Any) -> tuple[str, Any]:
    return kind, {"delta": {"message": message}} | ({} if index is None else {"index": index})


def end(reason: str | None = "COMPLETE", **delta: Any) -> tuple[str, Any]:
    return "message-end", {"delta": {"finish_reason": reason, **delta}}


def refusal(status: int, found: Any, headers: dict[str, str] | None = None) -> ProviderError:
    sent = found if isinstance(found, bytes) else json.dumps(found).encode()
    return DIALECT.error(ErrorReply(status, headers or {}, sent, 0.0))
