"""How figures are written everywhere in the window: with their unit, and a dash where a figure is unknown."""

from __future__ import annotations

import math

UNKNOWN = "–"


def money(usd: float | None) -> str:
    """US dollars: cents from one cent on, below it two significant digits."""
    if usd is None:
        return UNKNOWN
    size = abs(usd)
    if size >= 1000:
        return f"${usd:,.0f}"
    if size == 0 or size >= 0.01:
        return f"${usd:.2f}"
    digits = 1 - math.floor(math.log10(size))
    return f"${usd:.{digits}f}"


def latency(ms: float | None) -> str:
    """Milliseconds below 10 s, then seconds, then minutes."""
    if ms is None:
        return UNKNOWN
    if ms < 10:
        return f"{ms:.1f} ms"
    if ms < 10_000:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.1f} s" if ms < 120_000 else f"{ms / 60_000:.1f} min"


def share(part: float | None) -> str:
    """A share of 0 to 1 in per cent."""
    if part is None:
        return UNKNOWN
    percent = part * 100
    return f"{percent:.1f} %" if 0 < percent < 99.95 else f"{percent:.0f} %"


def rate(per_minute: float | None) -> str:
    """Events per minute, without the unit."""
    if per_minute is None:
        return UNKNOWN
    return f"{per_minute:.1f}" if per_minute < 100 else f"{per_minute:,.0f}"


def count(number: int | None) -> str:
    """A whole number with its thousands apart."""
    return UNKNOWN if number is None else f"{number:,}"
