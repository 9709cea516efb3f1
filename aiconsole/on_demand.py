"""Services that are made when they are first asked for, so that a start pays for none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from aiconsole.imports import import_apart

T = TypeVar("T")


class OnDemand(Generic[T]):
    """One such service.

    Args:
        module: what has to be imported for it, in a thread as that takes a while.

    Attributes:
        now: the service once it has been made, else None.
    """

    def __init__(self, module: str) -> None:
        self.now: T | None = None
        self._module = module
        self._making = asyncio.Lock()

    async def get(self, make: Callable[[], Awaitable[T]]) -> T:
        """The service. ``make`` is called where there is none; if it fails, that is raised and a later call tries again."""
        async with self._making:
            if self.now is None:
                await import_apart(self._module)
                self.now = await make()
            return self.now
