"""What the store has to tell the person."""

from __future__ import annotations

import msgspec


class StoreNotice(msgspec.Struct, frozen=True):
    """Something about the store that the person should see: what happened, and what they can do."""

    message: str
    advice: str = ""
