"""A bounded queue of events for a listener that takes its time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType

from aiconsole.domain.events import Event


class EventQueue:
    """Made by `Bus.queue`; for one reader, who takes all that waits at once::

        with bus.queue(BreakerChanged, size=500) as queue:
            async for batch in queue:
                ...

    ``dropped`` counts the events that had to go, the oldest first, because ``size`` waited already.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError("a queue holds at least one event")
        self.size = size
        self.dropped = 0
        self.on_close: Callable[[], None] = lambda: None
        self._waiting: deque[Event] = deque(maxlen=size)
        self._reader: asyncio.Future[None] | None = None
        self._closed = False

    def put(self, event: Event) -> None:
        """Let ``event`` wait; never waits itself."""
        waiting = self._waiting
        if len(waiting) == self.size:
            self.dropped += 1
        waiting.append(event)
        if self._reader is not None:
            self._wake()

    def take(self) -> list[Event]:
        """All that waits, the oldest first; may be empty."""
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def close(self) -> None:
        """Collect no more. The reader gets what still waits, then its loop ends."""
        if not self._closed:
            self._closed = True
            self.on_close()
            self._wake()

    def __len__(self) -> int:
        return len(self._waiting)

    def __enter__(self) -> EventQueue:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> EventQueue:
        return self

    async def __anext__(self) -> list[Event]:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self.take()

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)
