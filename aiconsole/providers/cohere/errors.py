"""Cohere's errors, refused with a status or reported at the end of an answer, as ours.

Source: Cohere docs, "Errors" (statuses and their messages: 402, 429, 498 for a deny-listed token, 499) and Cohere's Python SDK
(status 501). Only 400, 401, 404 and a failed tool generation inside a stream were recorded. The body is ``{"id", "message"}``,
with ``error_type`` at times; ``id`` names the request.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from aiconsole.domain.errors import (
    BadRequest,
    ConnectionCut,
    ContentRefused,
    ContextTooLong,
    MalformedAnswer,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    TimedOut,
)
from aiconsole.providers.base import ErrorReply
from aiconsole.providers.classify import error_class
from aiconsole.providers.wire_hints import retry_after, retry_hint

_BY_STATUS: Final[dict[int, type[ProviderError]]] = {498: ContentRefused, 499: ConnectionCut, 501: BadRequest}
_A_MONTH: Final = re.compile(r"/ ?month|per month|monthly", re.IGNORECASE)
_OUTPUT_LIMIT: Final = re.compile(r"max[_ ]tokens must be", re.IGNORECASE)


class WireError(msgspec.Struct):
    id: str | None = None
    message: str | None = None
    error_type: str | None = None


_decode: Final = msgspec.json.Decoder(WireError).decode


def refusal(reply: ErrorReply, *, request_id: str | None) -> ProviderError:
    """The error for a refusal; a body that is no error of Cohere's (a proxy's page, say) is judged by its status."""
    try:
        body = _decode(reply.body)
    except (ValueError, RecursionError):
        body = WireError()
    message = body.message or ""
    code = body.error_type or ""
    found = _class(reply.status, message or reply.body[:10_000].decode("utf-8", "replace"), code)
    wait = retry_after(reply.headers, reply.now)
    return found(
        message or f"Cohere refused with status {reply.status}.",
        status=reply.status,
        code=body.error_type,
        request_id=body.id or request_id,
        retry_after=retry_hint(message) if wait is None and found is RateLimited else wait,
    )


def failure(reason: str | None, message: str | None, error_type: str | None, *, partial: bool) -> ProviderError:
    """The error for an answer that ended in failure, although its status was 200 (and is told so).

    Args:
        reason: the finish reason, ``ERROR`` or ``TIMEOUT``.
        message, error_type: what the end of the answer says beside it.
    """
    words = message or "Cohere's answer ended in an error without a message."
    found: type[ProviderError]
    if error_type == "INVALID_TOOL_GENERATION":
        found = MalformedAnswer
    elif error_type == "TOO_MANY_TOKENS":
        found = ContextTooLong
    elif reason == "TIMEOUT":
        found = TimedOut
    else:
        found = error_class(500, words, error_type or "")
    return found(words, status=200, code=error_type or reason, partial=partial)


def _class(status: int, message: str, code: str) -> type[ProviderError]:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status == 429:
        return QuotaExhausted if _A_MONTH.search(message) else RateLimited
    if status in (400, 422) and _OUTPUT_LIMIT.search(message):
        return BadRequest
    found = error_class(status, message, code)
    return BadRequest if found is ContentRefused and status in (400, 422) and "safety_mode" in message else found
