"""What the console keeps on disk: conversations, and what happened. ``Store`` is the one door; ``Recorder`` fills the history
from the event bus, ``History`` asks it."""

from __future__ import annotations

from aiconsole.store.history import FoundRequests, History
from aiconsole.store.notice import StoreNotice
from aiconsole.store.recorder import Recorder
from aiconsole.store.retention import Retention
from aiconsole.store.store import Store

__all__ = ["FoundRequests", "History", "Recorder", "Retention", "Store", "StoreNotice"]
