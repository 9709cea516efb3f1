"""Short hands for the tests of Gemini's dialect: bodies, chunks, answers and refusals."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from aiconsole.domain.chat import ChatRequest
from aiconsole.domain.errors import (
    ProviderError,
)
from aiconsole.domain.messages import (
    Message,
)
from aiconsole.providers.base import Answer, ErrorReply
from aiconsole.providers.gemini import GeminiDialect
from aiconsole.providers.support import Refusals

GEMINI = GeminiDialect()
PNG = b"\x89PNG\r\n\x1a\n0000"
FLASH_25, FLASH_3 = "gemini-2.5-flash", "gemini-3-flash-preview"


def body(*messages: Message, model: str = FLASH_25, **fields: Any) -> Any:
    """The body of a call as JSON data; what cannot be sent raises `Unsupported`."""
    request = ChatRequest(model, messages or (Message.user("Hi"),), **fields)
    return json.loads(msgspec.json.encode(GEMINI.chat(request, stream=False, refuse=Refusals("refuse")).body))


def dropping(*messages: Message, model: str = FLASH_25, **fields: Any) -> tuple[Any, list[str]]:
    """The body where what cannot be sent is dropped, and the warnings."""
    refusals = Refusals("drop")
    request = ChatRequest(model, messages or (Message.user("Hi"),), **fields)
    return GEMINI.chat(request, stream=False, refuse=refusals).body, refusals.warnings


def parts_of(*parts: Any, model: str = FLASH_25) -> Any:
    return body(Message("assistant", parts), model=model)["contents"][0]["parts"]


def chunk(*parts: dict[str, Any], finish: str | None = None, **rest: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "m1", "responseId": "r1", **rest}


def answer(*parts: dict[str, Any], finish: str = "STOP", **rest: Any) -> Answer:
    return GEMINI.answer(json.dumps(chunk(*parts, finish=finish, **rest)).encode())


def read(*chunks: Any) -> tuple[list[Any], Answer]:
    """What a stream of these chunks shows, and the answer it ends in."""
    reader = GEMINI.reader()
    shown: list[Any] = []
    for data in chunks:
        shown += reader.feed("message", json.dumps(data).encode())
    return shown, reader.finish()


def error(status: int, found: Any, headers: dict[str, str] | None = None) -> ProviderError:
    data = found if isinstance(found, bytes) else json.dumps(found).encode()
    return GEMINI.error(ErrorReply(status, headers or {}, data, 1000.0))


def refusal(status: int, state: str, message: str, *details: dict[str, Any]) -> ProviderError:
    return error(status, {"error": {"code": status, "status": state, "message": message, "details": list(details)}})
