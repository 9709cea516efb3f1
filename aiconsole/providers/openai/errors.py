"""From error bodies of many shapes to the right error.

Seen in recordings and documentation: ``{"error": {"message", "type", "code", ...}}`` (OpenAI, Groq, OpenRouter), the same
wrapped in a list (Gemini's OpenAI path), flat ``{"object": "error", "message", "type", "code"}`` (Mistral, vLLM, Cerebras),
``{"error": "text"}`` (Ollama), ``{"detail": ...}`` (FastAPI, and Mistral's wrong key), plain text and HTML (proxies).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from aiconsole.domain.errors import (
    BadKey,
    BadRequest,
    ContentRefused,
    ContextTooLong,
    MalformedAnswer,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    UnknownModel,
)
from aiconsole.providers.base import ErrorReply
from aiconsole.providers.classify import error_class
from aiconsole.providers.wire_hints import retry_after, retry_hint

if TYPE_CHECKING:
    from aiconsole.providers.openai.dialect import OpenAIDialect

_MAX_WORDS: Final = 2000
_TITLE: Final = re.compile(r"<title[^>]*>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)

CODES: Final[dict[str, type[ProviderError]]] = {
    "insufficient_quota": QuotaExhausted,
    "rate_limit_exceeded": RateLimited,
    "context_length_exceeded": ContextTooLong,
    "invalid_api_key": BadKey,
    "model_not_found": UnknownModel,
    "exceed_context_size_error": ContextTooLong,
    "content_filter": ContentRefused,
    "content_policy_violation": ContentRefused,
}
"""OpenAI's own codes (OpenAI docs, "Error codes"), which others took over, and llama.cpp's for a full context."""


class Complaint(NamedTuple):
    """What an error body says.

    Attributes:
        message: in words for the person.
        codes: codes and types, the most telling first.
        status: the HTTP status the error claims, None where it claims none.
        wait: seconds to wait as the body tells.
        found: the error object itself, {} where there is none.
        error: the error class, where the dialect knows it for certain.
    """

    message: str
    codes: tuple[str, ...] = ()
    status: int | None = None
    wait: float | None = None
    found: Mapping[str, Any] = {}
    error: type[ProviderError] | None = None


def error_of_reply(dialect: OpenAIDialect, reply: ErrorReply) -> ProviderError:
    """The error for a refusal (status not 2xx)."""
    complaint = dialect.complaint(read_complaint(reply.body))
    error = _error(dialect, complaint, reply.status)
    error.request_id = dialect.request_id(reply.headers)
    wait = retry_after(reply.headers, reply.now)
    error.retry_after = wait if wait is not None else complaint.wait
    return error


def error_in_answer(dialect: OpenAIDialect, found: Any, *, partial: bool = False) -> ProviderError:
    """The error for an error object that came with status 200, inside a stream or as a whole answer."""
    complaint = dialect.complaint(_complaint(found))
    error = _error(dialect, complaint, complaint.status)
    error.retry_after = complaint.wait
    error.partial = partial
    return error


def read_complaint(body: bytes) -> Complaint:
    """Read an error body of any shape; never raises."""
    try:
        return _complaint(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = body[: _MAX_WORDS * 4].decode("utf-8", "replace").strip()
        if text[:1] == "<":
            title = _TITLE.search(text)
            text = f"The answer was an HTML page (“{title.group(1)}”)." if title else "The answer was an HTML page."
        return Complaint(text[:_MAX_WORDS])


def _error(dialect: OpenAIDialect, complaint: Complaint, status: int | None) -> ProviderError:
    kind = _kind(dialect, complaint, status)
    message = complaint.message
    if not message:
        message = (
            f"{dialect.label} answered with status {status} and no explanation."
            if status
            else "An error without words."
        )
    return kind(message, status=status, code=complaint.codes[0] if complaint.codes else None)


def _kind(dialect: OpenAIDialect, complaint: Complaint, status: int | None) -> type[ProviderError]:
    if complaint.error is not None:
        return complaint.error
    if status != 413:
        for code in complaint.codes:
            if (kind := dialect.error_codes.get(code) or CODES.get(code)) is not None:
                return kind
    words = " ".join(complaint.codes)
    if status is not None and status >= 400:
        return error_class(status, complaint.message, words)
    kind = error_class(400, complaint.message, words)
    return error_class(500, complaint.message, words) if kind is BadRequest else kind


def _complaint(data: Any) -> Complaint:
    if isinstance(data, list):
        return _complaint(data[0]) if data else Complaint("")
    if isinstance(data, str):
        return Complaint(data[:_MAX_WORDS])
    if not isinstance(data, dict):
        return Complaint("")
    inner = data.get("error") or data.get("errors")
    if isinstance(inner, list) and inner:
        inner = inner[0]
    if isinstance(inner, str):
        return _from_object({**data, "message": data.get("message") or inner})
    return _from_object(inner if isinstance(inner, dict) else data)


def _from_object(found: dict[str, Any]) -> Complaint:
    message = _words(found.get("message") or found.get("detail") or found.get("msg") or found.get("error_message"))
    codes, status = [], None
    for key in ("code", "type", "status"):
        value = found.get(key)
        if isinstance(value, str) and value and value not in codes:
            codes.append(value)
        elif _is_status(value) and status is None:
            status = value
    for key in ("status_code", "raw_status_code", "http_status"):
        if _is_status(found.get(key)):
            status = found[key]
    codes.sort(key=str.isdigit)
    return Complaint(message[:_MAX_WORDS], tuple(codes), status, retry_hint(message), found)


def _is_status(value: Any) -> bool:
    return type(value) is int and 100 <= value < 600


def _words(value: Any) -> str:
    """Words out of a message that may be text, or FastAPI's list of ``{"loc", "msg"}``."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return _words(value.get("detail") or value.get("message") or value.get("msg") or "")
    if isinstance(value, list):
        said = []
        for item in value:
            words = _words(item)
            place = item.get("loc") if isinstance(item, dict) else None
            where = ".".join(str(step) for step in place) if isinstance(place, list) else ""
            said.append(f"{where}: {words}" if where else words)
        return "; ".join(filter(None, said))
    return ""


def unreadable(dialect: OpenAIDialect, body: bytes, fault: Exception | None = None) -> ProviderError:
    """The error for an answer with status 200 that is not what the dialect promises."""
    shown = body[:200].decode("utf-8", "replace").strip()
    reason = f" ({fault})" if fault is not None else ""
    return MalformedAnswer(f"{dialect.label} answered with something unreadable{reason}: {shown or 'nothing'}")
