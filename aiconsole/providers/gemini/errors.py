"""Gemini's refusals as the right errors.

The body is a google.rpc.Status under ``error`` (AIP-193): ``code``, ``status``, ``message`` and ``details`` such as
ErrorInfo (a ``reason``), QuotaFailure (which quota) and RetryInfo (how long to wait). A stream asked for without ``alt=sse``
and the OpenAI-compatible path wrap it in an array of one. Facts are from the recorded traffic, the Gemini API's guides
"Troubleshooting" and "Rate limits", and google/rpc/error_details.proto. Gemini sends neither rate-limit headers nor
``retry-after``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from aiconsole.domain.errors import (
    BadKey,
    ConnectionCut,
    ContentRefused,
    NoPermission,
    ProviderError,
    QuotaExhausted,
    RateLimited,
)
from aiconsole.providers.base import ErrorReply
from aiconsole.providers.classify import error_class
from aiconsole.providers.wire_hints import retry_after, retry_delay, retry_hint

_KEY_REASONS: Final = frozenset(
    {
        "API_KEY_INVALID",
        "API_KEY_EXPIRED",
        "CREDENTIALS_MISSING",
        "ACCESS_TOKEN_EXPIRED",
        "ACCESS_TOKEN_TYPE_UNSUPPORTED",
    }
)
_PERMISSION_REASONS: Final = frozenset(
    {
        "API_KEY_SERVICE_BLOCKED",
        "API_KEY_HTTP_REFERRER_BLOCKED",
        "API_KEY_IP_ADDRESS_BLOCKED",
        "API_KEY_ANDROID_APP_BLOCKED",
        "API_KEY_IOS_APP_BLOCKED",
        "SERVICE_DISABLED",
        "CONSUMER_INVALID",
        "CONSUMER_SUSPENDED",
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    }
)
_KEY_WORDS: Final = re.compile(r"unregistered callers|reported as leaked|api key (expired|not found)", re.IGNORECASE)
_DAILY: Final = re.compile(r"per ?day", re.IGNORECASE)
_SPENT: Final = re.compile(r"credits? (are|is|have been) (depleted|exhausted)|spend(ing)? cap", re.IGNORECASE)
_NONE_GRANTED: Final = re.compile(r"limit: 0\b")

_DAILY_ADVICE: Final = (
    "Gemini's daily quotas reset at midnight Pacific time; wait, raise the quota or enable billing in Google AI Studio, or use"
    " another provider."
)


def error_of(reply: ErrorReply) -> ProviderError:
    """The error for a reply that is not 2xx."""
    found = _error_object(reply.body)
    if found is None:
        words = reply.body[:500].decode("utf-8", "replace").strip() or f"Gemini answered with status {reply.status}."
        found = {"message": words}
    wait = retry_after(reply.headers, reply.now)
    return _error(found, reply.status, wait)


def error_in_answer(found: object) -> ProviderError:
    """The error for an ``error`` that arrived inside an answer with status 200."""
    details = found if isinstance(found, Mapping) else {"message": str(found)}
    code = details.get("code")
    return _error(details, code if isinstance(code, int) and 400 <= code < 600 else 500, None)


def _error_object(body: bytes) -> Mapping[str, Any] | None:
    try:
        data = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(data, list) and data:
        data = data[0]
    found = data.get("error") if isinstance(data, dict) else None
    if isinstance(found, dict):
        return found
    return {"message": found} if isinstance(found, str) and found else None


def _error(found: Mapping[str, Any], status: int, wait: float | None) -> ProviderError:
    message, state = _text(found.get("message")), _text(found.get("status"))
    details = [item for item in _list(found.get("details")) if isinstance(item, dict)]
    reason = next((text for item in details if (text := _text(item.get("reason")))), "")
    code = reason or state or None
    kind, advice = _kind(status, message, state, reason, _violations(details))
    if kind is QuotaExhausted:
        wait = None
    elif wait is None:
        wait = retry_delay({"error": found})
        wait = retry_hint(message) if wait is None else wait
    message = message or f"Gemini answered with status {status}{f' ({code})' if code else ''}."
    return kind(message, status=status, code=code, retry_after=wait, advice=advice)


def _kind(
    status: int, message: str, state: str, reason: str, violations: list[Mapping[str, Any]]
) -> tuple[type[ProviderError], str | None]:
    if status == 429:
        return _exhausted(message, violations)
    if reason in _KEY_REASONS or state == "UNAUTHENTICATED" or (status in (400, 403) and _KEY_WORDS.search(message)):
        return BadKey, None
    if reason == "BILLING_DISABLED":
        return QuotaExhausted, None
    if reason in _PERMISSION_REASONS:
        return NoPermission, None
    if state == "FAILED_PRECONDITION" and "location" in message.lower():
        return NoPermission, "Google does not serve this place; use another provider."
    if status == 499:
        return ConnectionCut, None
    found = error_class(status, message, state)
    if found is ContentRefused and status == 403:
        return NoPermission, None
    return found, None


def _exhausted(message: str, violations: list[Mapping[str, Any]]) -> tuple[type[ProviderError], str | None]:
    """A 429 by the quota that failed. Google's sentence "You exceeded your current quota, please check your plan and billing
    details" and a RetryInfo of some seconds come for a minute's quota and a day's alike, so the ``quotaId`` decides: one of a
    day (``...PerDay...``), or of which nothing is granted (``limit: 0``, the free tier of a paid model), will not be back in
    seconds, and is `QuotaExhausted` without a time; all else is `RateLimited`."""
    granted = [_text(violation.get("quotaValue")) for violation in violations]
    if "0" in granted or _NONE_GRANTED.search(message):
        return QuotaExhausted, "This key's tier grants nothing of this model; enable billing or choose another model."
    ids = " ".join(_text(violation.get("quotaId")) for violation in violations)
    if _DAILY.search(ids or message):
        return QuotaExhausted, _DAILY_ADVICE
    return (QuotaExhausted if _SPENT.search(message) else RateLimited), None


def _violations(details: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
    return [item for detail in details for item in _list(detail.get("violations")) if isinstance(item, dict)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
