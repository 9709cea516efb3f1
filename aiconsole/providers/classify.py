"""From a refusal's status, code and words to the right error class: what all dialects have in common.

A dialect first looks at the codes only it uses, then asks `error_class`. The phrases are those seen in the recorded
traffic and in the providers' error documentation; wording is only consulted where the status alone cannot tell.
"""

from __future__ import annotations

import re

from aiconsole.domain.errors import (
    BadKey,
    BadRequest,
    ContentRefused,
    ContextTooLong,
    NoPermission,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    ServerFault,
    TimedOut,
    UnknownModel,
)

_CONTEXT = re.compile(
    r"context[ _-]?(length|window|limit)|prompt is too long|too many (input )?tokens|maximum context|TOO_MANY_TOKENS"
    r"|input (token count|is too long)|exceeds? the (model'?s )?(maximum|max) (context|input|prompt)|reduce the length",
    re.IGNORECASE,
)
_QUOTA = re.compile(
    r"insufficient[ _](quota|credit|balance|fund)|credit balance|(out of|requires? more) credits?|billing (hard )?limit"
    r"|payment[ _]required"
    r"|exceeded your current quota|(monthly|trial).{0,40}(limit|quota)|spend(ing)? (limit|cap)|no credits",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"content[ _-]?(policy|filter|moderation)|safety|flagged|moderation|prohibited|content management policy",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"(invalid|incorrect|missing|no|bad|expired)[ _](api|auth)[ _-]?(key|token)|api[ _-]?key.{0,20}(not valid|invalid)",
    re.IGNORECASE,
)
_MODEL = re.compile(
    r"model.{0,120}(not found|does not exist|not exist|is not supported|decommissioned|deprecated|no longer available"
    r"|was removed"
    r"|is not a valid)|(unknown|invalid|no such|not a valid)[ _]model|not found.{0,40}model"
    r"|no endpoints found for",
    re.IGNORECASE,
)


def error_class(status: int, message: str, code: str = "") -> type[ProviderError]:
    """The error class for a refusal.

    Args:
        status: HTTP status, or the status an error inside a stream claims for itself.
        message: the provider's words.
        code: the provider's own error code or type, "" where it gives none.
    """
    words = f"{code} {message}"
    if status == 401:
        return BadKey
    if status == 402:
        return QuotaExhausted
    if status == 403:
        return _forbidden(words)
    if status == 404:
        return UnknownModel if "model" in words.lower() else BadRequest
    if status == 408:
        return TimedOut
    if status == 413:
        return ContextTooLong if _CONTEXT.search(words) or "token" in words.lower() else BadRequest
    if status == 429:
        return QuotaExhausted if _QUOTA.search(words) else RateLimited
    if status in (503, 529):
        return Overloaded
    if status == 504:
        return TimedOut
    if status >= 500:
        return Overloaded if "overloaded" in words.lower() else ServerFault
    return _bad_request(words)


def _forbidden(words: str) -> type[ProviderError]:
    if _REFUSED.search(words):
        return ContentRefused
    return BadKey if _KEY.search(words) else NoPermission


def _bad_request(words: str) -> type[ProviderError]:
    if _CONTEXT.search(words):
        return ContextTooLong
    if _KEY.search(words):
        return BadKey
    if _MODEL.search(words):
        return UnknownModel
    if _QUOTA.search(words):
        return QuotaExhausted
    if _REFUSED.search(words):
        return ContentRefused
    return BadRequest
