"""Equal requests under way at the same time share one call.

The call runs in a task of its own and belongs to all who wait for it: whoever leaves, also the one that began it, leaves it to
the others, and with the last the call is cancelled. An error is everybody's: the router has asked whom it could by then, and
a crowd of followers that tried again would fall on a provider in trouble at once. A whole answer is also taken from an equal
stream under way, but a stream never waits for a whole answer: its first token would be late.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, Final

from aiconsole.domain.chat import ChatResult, Finished, StreamEvent
from aiconsole.domain.errors import ConsoleError, ProviderError
from aiconsole.domain.trace import DecisionTrace, Traced

Untold = Callable[[str], None]
"""Called with the kind of an error ("cancelled" among them) where a request ends without an answer and not as the call does."""

Way = Callable[[], DecisionTrace]
_AHEAD: Final = 1000
"""Events that a stream may be read ahead of the quickest of its readers."""


class SharedCall:
    """One call for a whole answer. ``done`` is called, with this, when nobody may join it any more: it has ended, and nobody
    has the answer yet, or all have left. May be called twice."""

    def __init__(self, call: Coroutine[Any, Any, ChatResult], done: Callable[[SharedCall], object]) -> None:
        self._done = done
        self.task = asyncio.ensure_future(call)
        self.task.add_done_callback(lambda _: done(self))
        self._waiting = 0
        self._taken = False

    async def result(self, untold: Untold) -> tuple[ChatResult, bool]:
        """The answer, and whether the caller is the first to get it.

        Raises: what the call raises; all but the first get a copy.
        """
        self._waiting += 1
        try:
            result = await asyncio.shield(self.task)
        except ConsoleError as error:
            self._waiting -= 1
            if self._take():
                raise
            untold(error.kind if isinstance(error, ProviderError) else "error")
            raise copy.copy(error) from None
        except BaseException:
            self._waiting -= 1
            if self._waiting:
                untold("cancelled")
            else:
                self._done(self)
                await _stop(self.task)
            raise
        self._waiting -= 1
        return result, self._take()

    def _take(self) -> bool:
        first, self._taken = not self._taken, True
        return first


class SharedStream:
    """One stream for all its readers; who comes later gets what was there before at once.

    Args:
        source: makes the stream, and tells the way of its call.
        done: as for `SharedCall`.
    """

    def __init__(
        self, source: Callable[[Traced], AsyncGenerator[StreamEvent, None]], done: Callable[[SharedStream], object]
    ) -> None:
        self._events: list[StreamEvent] = []
        self._error: BaseException | None = None
        self._over = False
        self._readers = 0
        self._front = 0
        self._taken = False
        self._done = done
        self._wakers: list[asyncio.Future[None]] = []
        self._room: asyncio.Future[None] | None = None
        self._way: Way | None = None
        self._followers: list[Traced] = []
        self.task = asyncio.ensure_future(self._pump(source(self.traced)))

    def follow(self, traced: Traced | None) -> None:
        """Have ``traced`` given what tells the way of the call, as soon as that is there."""
        if traced is None:
            return
        if self._way is not None:
            traced(self._way)
        else:
            self._followers.append(traced)

    def traced(self, way: Way) -> None:
        """The call's way can be told from now on."""
        self._way = way
        for follower in self._followers:
            follower(way)

    def take(self) -> bool:
        """Whether the caller is the first to take the end of the stream."""
        first, self._taken = not self._taken, True
        return first

    async def read(self, untold: Untold) -> AsyncGenerator[StreamEvent, None]:
        """The stream from its beginning. Raises what it raises; all but the first get a copy."""
        at = 0
        given = False
        events = self._events
        self._readers += 1
        try:
            while True:
                while at < len(events):
                    event = events[at]
                    at += 1
                    self._front = max(self._front, at)
                    given = type(event) is Finished
                    yield event
                if self._room is not None and not self._room.done():
                    self._room.set_result(None)
                if self._over:
                    break
                waker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._wakers.append(waker)
                await waker
        except BaseException:
            if not given and (self._readers > 1 or self._taken):
                untold("cancelled")
            raise
        finally:
            self._readers -= 1
            if not self._readers:
                self._done(self)
                await _stop(self.task)
        if self._error is not None:
            if self.take():
                raise self._error
            untold(self._error.kind if isinstance(self._error, ProviderError) else "error")
            raise copy.copy(self._error)

    async def _pump(self, source: AsyncGenerator[StreamEvent, None]) -> None:
        try:
            async with aclosing(source):
                async for event in source:
                    self._events.append(event)
                    if self._wakers:
                        self._wake()
                    if len(self._events) - self._front > _AHEAD:
                        self._room = asyncio.get_running_loop().create_future()
                        await self._room
                        self._room = None
        except BaseException as error:
            self._error = error
            if not isinstance(error, Exception):
                raise
        finally:
            self._over = True
            self._done(self)
            self._wake()

    def _wake(self) -> None:
        wakers, self._wakers = self._wakers, []
        for waker in wakers:
            if not waker.done():
                waker.set_result(None)


async def _stop(task: asyncio.Future[Any]) -> None:
    """End a task that nobody waits for any more, and wait until it has."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
