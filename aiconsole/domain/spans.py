"""Stretches of time in words."""

from __future__ import annotations


def span(seconds: float) -> str:
    """A stretch of time: “90 s”, “5 min”, “7 min 45 s”, “6 h”, “3 d”."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and (seconds % size == 0 or seconds >= 10 * size):
            return f"{seconds / size:.0f} {unit}"
    if seconds < 120:
        return f"{seconds:g} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"
