"""Rate-limit headroom out of ``x-ratelimit-…`` headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from aiconsole.domain.chat import LimitKind, LimitWindow, RateLimit
from aiconsole.providers.wire_hints import parse_reset


class LimitHeader(NamedTuple):
    """Three headers that belong together, ``{limit}`` in their name standing for limit, remaining and reset."""

    pattern: str
    kind: LimitKind
    window: LimitWindow | None


COMMON: Final = (
    LimitHeader("x-ratelimit-{limit}-requests", "requests", None),
    LimitHeader("x-ratelimit-{limit}-tokens", "tokens", None),
)
"""OpenAI's own names (OpenAI docs, "Rate limits in headers"); which window they are for is not said."""


def read_limits(headers: Mapping[str, str], now: float, known: tuple[LimitHeader, ...]) -> tuple[RateLimit, ...]:
    """The limits that the headers tell of; ``now`` in epoch seconds. What is not a number is unknown."""
    found = []
    for pattern, kind, window in known:
        limit = _count(headers.get(pattern.format(limit="limit")))
        remaining = _count(headers.get(pattern.format(limit="remaining")))
        resets_at = parse_reset(headers.get(pattern.format(limit="reset"), ""), now)
        if limit is not None or remaining is not None or resets_at is not None:
            found.append(RateLimit(kind, window, limit, remaining, resets_at))
    return tuple(found)


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return None
