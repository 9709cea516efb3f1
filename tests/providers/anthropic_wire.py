"""Short hands for the tests of Anthropic's dialect: requests and events as JSON data, and reading a stream of them."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from aiconsole.domain.chat import ChatRequest, StreamEvent
from aiconsole.domain.errors import ProviderError, Unsupported
from aiconsole.domain.messages import Message
from aiconsole.providers.anthropic import AnthropicDialect
from aiconsole.providers.base import Answer, ErrorReply

DIALECT = AnthropicDialect()
OLD, MIDDLE, NEW = "claude-sonnet-4-5", "claude-opus-4-6", "claude-opus-4-8"
PNG = b"\x89PNG\r\n\x1a\n"


def refuse(words: str) -> NoReturn:
    raise Unsupported(words)


def body(*messages: Message, model: str = OLD, stream: bool = False, **settings: Any) -> dict[str, Any]:
    request = ChatRequest(model, messages or (Message.user("Hi"),), **settings)
    sent = DIALECT.chat(request, stream=stream, refuse=refuse).body
    return dict(json.loads(json.dumps(sent)))


def dropping(*messages: Message, model: str = OLD, **settings: Any) -> tuple[dict[str, Any], list[str]]:
    words: list[str] = []
    request = ChatRequest(model, messages or (Message.user("Hi"),), **settings)
    return DIALECT.chat(request, stream=False, refuse=words.append).body, words


def content(*messages: Message, **settings: Any) -> Any:
    return body(*messages, **settings)["messages"][-1]["content"]


def read(*events: tuple[str, Any]) -> tuple[list[StreamEvent], Answer]:
    reader = DIALECT.reader()
    shown = [shown for name, data in events for shown in reader.feed(name, json.dumps({"type": name, **data}).encode())]
    return shown, reader.finish()


def start(**message: Any) -> tuple[str, Any]:
    return "message_start", {"message": {"id": "msg_1", "model": "claude-x", "content": [], **message}}


def block(index: int, **content_block: Any) -> tuple[str, Any]:
    return "content_block_start", {"index": index, "content_block": content_block}


def delta(index: int, kind: str, **fields: Any) -> tuple[str, Any]:
    return "content_block_delta", {"index": index, "delta": {"type": kind, **fields}}


def end(reason: str | None = "end_turn", **usage: int) -> tuple[str, Any]:
    return "message_delta", {"delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}


STOP: tuple[str, Any] = ("message_stop", {})


def refusal(status: int, error: Any, headers: dict[str, str] | None = None, now: float = 0.0) -> ProviderError:
    sent = error if isinstance(error, bytes) else json.dumps({"type": "error", "error": error}).encode()
    return DIALECT.error(ErrorReply(status, headers or {}, sent, now))
