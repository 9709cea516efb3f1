"""What the console keeps on disk: conversations now, everything else later. ``Store`` is the one door."""

from __future__ import annotations

from aiconsole.store.database import StoreNotice
from aiconsole.store.store import Store

__all__ = ["Store", "StoreNotice"]
