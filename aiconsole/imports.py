"""Imports in a thread, one at a time.

Two threads that import packages which need parts of each other can end in a deadlock, which Python breaks by failing one of
them; and classes of Qt that several threads define at once can end the process.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from threading import Lock
from types import ModuleType

_ONE = Lock()


async def import_apart(name: str) -> ModuleType:
    """Import a module in a thread, after those that are being imported this way. Raises what the import raises."""
    return await asyncio.to_thread(_import, name)


def _import(name: str) -> ModuleType:
    with _ONE:
        return import_module(name)
