"""When to come back, as providers write it: durations, Retry-After, reset times and hints in prose.

Pure functions; ``now`` is passed in as epoch seconds. Anything that is not a sensible time (negative, NaN, infinite,
garbage) is None. A huge time is returned as it is: it is for the caller to refuse to wait, not for this module to shorten it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_UNIT_S: Final = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3,
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hrs": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0,
}  # fmt: skip
_NUMBER: Final = r"(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})"
_UNITS: Final = "(?:" + "|".join(sorted(_UNIT_S, key=len, reverse=True)) + ")"
_SPAN: Final = rf"(?:{_NUMBER}\s*{_UNITS}(?![a-zµ])[\s,]*(?:and\s+)?)+"
_STEP: Final = re.compile(rf"({_NUMBER})\s*({_UNITS})(?![a-zµ])", re.IGNORECASE)
_WHOLE: Final = re.compile(rf"(?:{_NUMBER}\s*{_UNITS}\s*)+", re.IGNORECASE)
_PLAIN: Final = re.compile(rf"{_NUMBER}(?:e[+-]?\d{{1,3}})?", re.IGNORECASE)
_PROSE: Final = re.compile(
    r"(?:try(?:ing)? again|retry(?:ing)?(?: again)?|wait|available again|resets?)\s+"
    rf"(?:in\s+|after\s+|for\s+|at least\s+)*({_SPAN})",
    re.IGNORECASE,
)
_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d{1,9})?\s*([Zz]|[+-]\d\d:\d\d)"
)  # RFC 3339, section 5.6
_EPOCH_FROM: Final = 1_000_000_000
_EPOCH_MS_FROM: Final = 100_000_000_000


def parse_duration(text: str) -> float | None:
    """Seconds of a duration with units, such as ``1s``, ``6m0s``, ``20ms``, ``2m59.5s``, ``1h2m3s`` (Go's notation, which
    Groq, OpenAI and Google use); None for anything else, a number without unit among it."""
    text = text.strip()
    if len(text) > 200 or _WHOLE.fullmatch(text) is None:
        return None
    return _sensible(_seconds(text))


def parse_number(text: str) -> float | None:
    """A plain non-negative number."""
    text = text.strip()
    return _sensible(float(text)) if _PLAIN.fullmatch(text) else None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by ``retry-after-ms`` (OpenAI's and Azure's addition), else ``retry-after``: seconds, which may have a
    fraction, or an HTTP date (RFC 9110, section 10.2.3). A date in the past is 0.

    Args:
        headers: by lower-case name.
    """
    milliseconds = parse_number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    seconds = parse_number(value)
    if seconds is None:
        seconds = parse_duration(value)
    if seconds is not None:
        return seconds
    at = _http_date(value)
    if at is None:
        at = parse_timestamp(value)
    return None if at is None else max(0.0, at - now)


def parse_timestamp(text: str) -> float | None:
    """Epoch seconds of an RFC 3339 time, as Anthropic's ``anthropic-ratelimit-*-reset`` headers have it; None for others."""
    match = _RFC3339.fullmatch(text.strip())
    if match is None:
        return None
    day, time, fraction, zone = match.groups()
    try:
        whole = datetime.fromisoformat(f"{day}T{time}{'+00:00' if zone in 'Zz' else zone}").timestamp()
    except (ValueError, OverflowError):
        return None
    return whole + float(fraction or 0)


def parse_reset(text: str, now: float) -> float | None:
    """Epoch seconds at which a limit resets, from any form seen in rate-limit headers: a duration with units, an RFC 3339
    time, an epoch time in seconds or milliseconds (OpenRouter's ``x-ratelimit-reset``), or plain seconds from now."""
    text = text.strip()
    at = parse_timestamp(text)
    if at is not None:
        return at
    number = parse_number(text)
    if number is not None:
        if number >= _EPOCH_MS_FROM:
            return number / 1000
        return number if number >= _EPOCH_FROM else now + number
    duration = parse_duration(text)
    return None if duration is None else now + duration


def retry_delay(body: object) -> float | None:
    """Seconds of Google's RetryInfo in a parsed error body: ``{"error": {"details": [{"@type": ".../google.rpc.RetryInfo",
    "retryDelay": "48s"}]}}`` (google/rpc/error_details.proto), also where the body is a list with that object."""
    if isinstance(body, list):
        return next((wait for item in body if (wait := retry_delay(item)) is not None), None)
    error = body.get("error") if isinstance(body, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and (wait := parse_duration(delay)) is not None:
            return wait
    return None


def retry_hint(message: str) -> float | None:
    """Seconds named in an error's prose, such as "Please try again in 7.66s" (Groq, OpenAI) or "Please retry in 32.1s."
    (Gemini)."""
    match = _PROSE.search(message[:10_000])
    return None if match is None else _sensible(_seconds(match[1]))


def _seconds(text: str) -> float:
    return sum(float(number) * _UNIT_S[unit.lower()] for number, unit in _STEP.findall(text))


def _sensible(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _http_date(text: str) -> float | None:
    try:
        when = parsedate_to_datetime(text)
        return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
