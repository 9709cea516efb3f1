"""Anthropic's errors, refused with a status or sent inside a stream, as ours.

Source: Anthropic docs, "Errors" (types and statuses) and "Rate limits" (``retry-after``); the finer ``details.error_code`` and
the header ``retry-after-ms`` from Anthropic's Python SDK. Only 400, 401 and 404 were recorded; 529 is quoted in public logs.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from aiconsole.domain.errors import (
    BadKey,
    NoPermission,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    TimedOut,
)
from aiconsole.providers.base import ErrorReply
from aiconsole.providers.classify import error_class

_BY_TYPE: Final[dict[str, type[ProviderError]]] = {
    "authentication_error": BadKey,
    "billing_error": QuotaExhausted,
    "permission_error": NoPermission,
    "overloaded_error": Overloaded,
    "timeout_error": TimedOut,
}
_STATUS_BY_TYPE: Final = {
    "invalid_request_error": 400,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
}
_SPEND_LIMIT: Final = re.compile(r"spend_limit|usage limits|regain access", re.IGNORECASE)
"""A spending limit is a 429 with ``error_code`` ``…spend_limit_reached``, or a 400 that tells when access comes back."""


class WireError(msgspec.Struct):
    type: str | None = None
    message: str | None = None
    details: Any = None


class WireErrorBody(msgspec.Struct):
    error: WireError
    request_id: str | None = None


_decode: Final = msgspec.json.Decoder(WireErrorBody).decode


def wire_error(error: WireError, *, status: int | None = None, **facts: Any) -> ProviderError:
    """The error for what Anthropic reports.

    Args:
        error: the ``error`` object.
        status: the HTTP status of a refusal; None where it was 200 and the type has to stand for it.
        facts: further arguments of `ProviderError`.
    """
    kind = error.type or ""
    code = error.details.get("error_code") if isinstance(error.details, dict) else None
    code = code if isinstance(code, str) else error.type
    message = error.message or kind or "Anthropic reported an error without a message."
    found: type[ProviderError] | None = _BY_TYPE.get(kind)
    if found is None:
        found = error_class(status or _STATUS_BY_TYPE.get(kind, 500), message, code or "")
    if found not in (BadKey, NoPermission) and _SPEND_LIMIT.search(f"{code} {message}"):
        found = QuotaExhausted
    return found(message, status=status or 200, code=code, **facts)


def refusal(reply: ErrorReply, *, request_id: str | None, retry_after: float | None) -> ProviderError:
    """The error for a refusal; a body that is no error of Anthropic's (a proxy's page, say) is judged by its status."""
    try:
        body = _decode(reply.body)
    except (ValueError, RecursionError):
        found = error_class(reply.status, reply.body.decode("utf-8", "replace"))
        error = found(f"Anthropic refused with status {reply.status}.", status=reply.status)
        error.request_id = request_id
    else:
        error = wire_error(body.error, status=reply.status, request_id=body.request_id or request_id)
    error.retry_after = retry_after
    return error
