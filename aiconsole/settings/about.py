"""What is told of a setting beside its type and default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec


def about(
    meaning: str,
    *,
    unit: str = "",
    check: Callable[[str], None] | None = None,
    entry: Callable[[str, Any], None] | None = None,
    ge: float | None = None,
    le: float | None = None,
) -> msgspec.Meta:
    """What a field is for. ``check`` is applied to a text, or to each text of a list; ``entry`` to each name and value of a
    table of names. Both raise ``ValueError`` with the reason."""
    return msgspec.Meta(description=meaning, ge=ge, le=le, extra={"unit": unit, "check": check, "entry": entry})
