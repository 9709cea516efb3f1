"""How the subcommands print: what they are given to print with, and how they write a moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

Table = Callable[[tuple[str, ...], Sequence[tuple[str, ...]]], object]
"""Prints rows under a head."""

Print = Callable[[Any], object]
"""Prints a line, or a value as JSON."""


def when(at: float | None) -> str:
    """A time (epoch s) in local time; a dash for None."""
    return "-" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
