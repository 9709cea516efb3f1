"""Messages on their way to channels: delivered in order, tried again with growing waits, also after a restart.

What is guaranteed: each message is delivered at least once, or is given up after `GIVE_UP_S` and said so. It is delivered
exactly once as long as channels answer what they took: outages, refusals and restarts between tries repeat nothing. Only where
the process is killed, or the answer is lost, after a channel took a message and before that was noted, is it sent again, under
the same name (see sending.py), by which the receiver can tell the repeat.

What is due for a channel at the same time goes out as one message. A channel gets at most so many in `CAP_WINDOW_S`; what
comes beyond waits and becomes a digest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Final, Protocol
from uuid import uuid4

from aiconsole.alerts.messages import Told, compose
from aiconsole.alerts.sending import Sent
from aiconsole.domain.alerts import OutboxRow
from aiconsole.domain.backoff import equal_jitter
from aiconsole.domain.errors import ConsoleError

if TYPE_CHECKING:
    from aiconsole.domain.clock import Clock
    from aiconsole.realtime.timers import Timers

FIRST_WAIT_S: Final = 10.0
MOST_WAIT_S: Final = 900.0
GIVE_UP_S: Final = 3 * 86_400.0
CAP_WINDOW_S: Final = 600.0
_STORE_WAIT_S: Final = 30.0
_CLOSING_S: Final = 10.0
_log = logging.getLogger(__name__)

Send = Callable[[str, Told, str], Awaitable[Sent | None]]
"""Channel, message, name of the delivery; None where the channel cannot be used now and nothing was sent."""


class Standing(Protocol):
    @property
    def channel(self) -> str: ...

    @property
    def waiting(self) -> int: ...

    @property
    def due_at(self) -> float | None: ...


class OutboxKeeping(Protocol):
    """Where messages are kept; store/alerts.py is one."""

    async def take(self, channel: str, now: float, batch: str) -> tuple[OutboxRow, ...]: ...

    async def sent(self, batch: str, at: float) -> None: ...

    async def not_sent(self, channel: str, batch: str, due_at: float | None, trouble: str) -> None: ...

    async def sent_since(self, channel: str, since: float) -> tuple[float, ...]: ...

    async def standings(self) -> Sequence[Standing]: ...


class Outbox:
    """See the module.

    Args:
        cap: how many messages a channel gets in `CAP_WINDOW_S`; 0 is no limit.
        ended: told of each batch that was delivered ("") or given up (why).
    """

    def __init__(
        self,
        keeping: OutboxKeeping,
        send: Send,
        clock: Clock,
        timers: Timers,
        random: Random,
        *,
        cap: Callable[[], int] = lambda: 0,
        ended: Callable[[tuple[OutboxRow, ...], str], Awaitable[None]],
    ) -> None:
        self._keeping = keeping
        self._send = send
        self._clock = clock
        self._timers = timers
        self._random = random
        self._cap = cap
        self._ended = ended
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._cancels: dict[str, Callable[[], None]] = {}
        self._closed = False

    async def start(self) -> None:
        """Go on with what waits from before. Raises StoreError."""
        for standing in await self._keeping.standings():
            if standing.waiting:
                self.nudge(standing.channel)

    def nudge(self, channel: str) -> None:
        """Something may be due for a channel."""
        if self._closed:
            return
        cancel = self._cancels.pop(channel, None)
        if cancel is not None:
            cancel()
        task = self._tasks.get(channel)
        if task is not None and not task.done():
            self._again.add(channel)
            return
        self._tasks[channel] = asyncio.ensure_future(self._run(channel))

    async def idle(self) -> None:
        """Wait until nothing is under way; what waits for its time goes on waiting."""
        while busy := [task for task in self._tasks.values() if not task.done()]:
            await asyncio.wait(busy)

    async def aclose(self) -> None:
        """Let what is under way end, for some seconds, and begin nothing more."""
        self._closed = True
        for cancel in self._cancels.values():
            cancel()
        self._cancels.clear()
        busy = [task for task in self._tasks.values() if not task.done()]
        if busy:
            await asyncio.wait(busy, timeout=_CLOSING_S)
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)

    async def _run(self, channel: str) -> None:
        while True:
            self._again.discard(channel)
            try:
                wait_s = await self._deliver(channel)
            except ConsoleError as error:
                _log.warning("Messages to %s wait: %s", channel, error.message)
                wait_s = _STORE_WAIT_S
            if self._closed:
                return
            if channel in self._again or wait_s == 0.0:
                continue
            if wait_s is not None:
                self._cancels[channel] = self._timers.later(wait_s, lambda: self.nudge(channel))
            return

    async def _deliver(self, channel: str) -> float | None:
        """Deliver the next batch; in how many seconds to come again, None where nothing waits."""
        now = self._clock.now()
        room_at = await self._room_at(channel, now)
        if room_at > now:
            return room_at - now if await self._next_due(channel) is not None else None
        rows = await self._keeping.take(channel, now, uuid4().hex)
        if not rows:
            due = await self._next_due(channel)
            return None if due is None else max(0.05, due - now)
        batch = rows[0].batch
        sent = await self._send(channel, compose(rows, now), batch)
        now = self._clock.now()
        if sent is not None and sent.ok:
            await self._keeping.sent(batch, now)
            await self._ended(rows, "")
            return 0.0
        trouble = "The channel cannot be used now." if sent is None else sent.trouble
        if now - rows[0].created_at > GIVE_UP_S:
            await self._keeping.not_sent(channel, batch, None, trouble)
            await self._ended(rows, trouble)
            return 0.0
        wait_s = self._wait_s(max(row.tries for row in rows))
        await self._keeping.not_sent(channel, batch, now + wait_s, trouble)
        return wait_s

    async def _next_due(self, channel: str) -> float | None:
        for standing in await self._keeping.standings():
            if standing.channel == channel and standing.waiting:
                return standing.due_at
        return None

    async def _room_at(self, channel: str, now: float) -> float:
        """When the rate cap lets the next message through."""
        cap = self._cap()
        if cap <= 0:
            return now
        sent = await self._keeping.sent_since(channel, now - CAP_WINDOW_S)
        return now if len(sent) < cap else sent[-cap] + CAP_WINDOW_S

    def _wait_s(self, tries: int) -> float:
        return equal_jitter(max(tries, 1) - 1, self._random, first_s=FIRST_WAIT_S, most_s=MOST_WAIT_S)
