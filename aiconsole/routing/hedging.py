"""Asking a second candidate when the first stays silent for longer than it usually does; whoever speaks first is heard.

Off by default. It is Dean and Barroso's hedged request ("The Tail at Scale", CACM 2013): the second request goes out at the
95th percentile of the first one's time to the first token, so that about one in twenty calls is doubled, and a budget sees to
it that it stays so when a provider slows down for all calls.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Final, Literal

from aiconsole.domain.chat import Finished, ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ProviderError
from aiconsole.domain.events import Hedged

Runner = Literal["first", "second"]
Stream = AsyncGenerator[StreamEvent, None]
_SPEAKS: Final = frozenset({TextDelta, ReasoningDelta, ToolCallDelta, Finished})


def hedge_delay_s(own_p95_ms: float | None, other_p50_ms: float | None, *, trigger_ms: float) -> float | None:
    """How long to wait for the first token before the other candidate is asked, in s; None where it would not help.

    It helps where the first one's slow calls take longer than ``trigger_ms`` and the other one's usual call together. Without
    history of both (None) nothing is known and nobody is asked twice.
    """
    if own_p95_ms is None or other_p50_ms is None or own_p95_ms <= trigger_ms + other_p50_ms:
        return None
    return own_p95_ms / 1000


class HedgeBudget:
    """Caps the share of calls that are hedged: after any number of calls at most ``share`` of them plus ``burst``.

    Credit not used is kept up to ``burst``, so that a quiet hour does not pay for a storm of hedges.
    """

    __slots__ = ("_burst", "_credit", "_share", "calls", "extra_usd", "hedges", "unknown_costs")

    def __init__(self, share: float = 0.05, burst: float = 2.0) -> None:
        self._share = share
        self._burst = burst
        self._credit = min(1.0, burst)
        self.calls = 0
        self.hedges = 0
        self.extra_usd = 0.0
        self.unknown_costs = 0

    def call(self) -> None:
        """Note a call that might be hedged."""
        self.calls += 1
        self._credit = min(self._burst, self._credit + self._share)

    def take(self) -> bool:
        """Whether one more hedge may be sent; it is counted."""
        if self._credit < 1.0:
            return False
        self._credit -= 1.0
        self.hedges += 1
        return True

    def cost(self, usd: float | None) -> None:
        """Note what a loser's call cost by estimate in USD, None where its price is not known."""
        if usd is None:
            self.unknown_costs += 1
        else:
            self.extra_usd += usd


class Race:
    """One call to one candidate, and after ``delay_s`` of silence the same to a second one.

    `events` gives the winner's events only, from its first one on. The loser is cancelled and closed before they are given. A
    candidate that fails before its first token leaves the race to the other; when both failed the first one's error is
    raised. If the first fails before the second was asked, nobody else is asked: that is the router's work.

    Args:
        first: the first candidate's stream, not begun.
        second: opens the second one's, or returns None where it may not be asked after all (budget, breaker).

    Attributes:
        winner: who gave the first token; None before, or where nobody did.
        asked_second: whether the second candidate was asked.
        waited_ms: how long the first one had been silent then.
        errors: who failed before its first token, and how.
    """

    def __init__(self, first: Stream, second: Callable[[], Stream | None], *, delay_s: float, clock: Clock) -> None:
        self._open_second = second
        self._delay_s = delay_s
        self._clock = clock
        self._streams: dict[Runner, Stream] = {"first": first}
        self._tasks: dict[Runner, asyncio.Task[StreamEvent | None]] = {}
        self._held: dict[Runner, list[StreamEvent]] = {"first": [], "second": []}
        self.winner: Runner | None = None
        self.asked_second = False
        self.waited_ms = 0.0
        self.errors: dict[Runner, ProviderError] = {}

    async def events(self) -> Stream:
        """The race. Closing or cancelling it closes both streams."""
        try:
            winner = await self._run()
            if winner is None:
                raise self.errors.get("first") or self.errors["second"]
            await self._close("second" if winner == "first" else "first")
            for event in self._held[winner]:
                yield event
            async for event in self._streams[winner]:
                yield event
        finally:
            for runner in tuple(self._streams):
                await self._close(runner)

    def report(self, first: str, second: str, *, route: str = "", extra_usd: float | None = None) -> Hedged | None:
        """What came of it, as an event; None where the second candidate was not asked. Names are ``provider/model``."""
        if not self.asked_second:
            return None
        winner = "" if self.winner is None else first if self.winner == "first" else second
        return Hedged(first, second, self.waited_ms, winner, self._clock.now(), route, extra_usd)

    async def _run(self) -> Runner | None:
        """Until somebody speaks; None when all who were asked have failed."""
        began = self._clock.monotonic()
        self._listen("first")
        may_ask = True
        while self._tasks:
            left = max(0.0, self._delay_s - (self._clock.monotonic() - began)) if may_ask else None
            done, _ = await asyncio.wait(self._tasks.values(), timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                may_ask = False
                self._ask_second((self._clock.monotonic() - began) * 1000)
            for runner in tuple(self._tasks):
                if self._tasks[runner] in done and self._heard(runner):
                    self.winner = runner
                    return runner
        return None

    def _ask_second(self, waited_ms: float) -> None:
        stream = self._open_second()
        if stream is not None:
            self.asked_second, self.waited_ms = True, waited_ms
            self._streams["second"] = stream
            self._listen("second")

    def _listen(self, runner: Runner) -> None:
        self._tasks[runner] = asyncio.ensure_future(_next(self._streams[runner]))

    def _heard(self, runner: Runner) -> bool:
        """Take what a stream gave; True where that decides the race."""
        task = self._tasks.pop(runner)
        try:
            event = task.result()
        except ProviderError as error:
            self.errors[runner] = error
            return False
        if event is None:
            return True
        self._held[runner].append(event)
        if type(event) in _SPEAKS:
            return True
        self._listen(runner)
        return False

    async def _close(self, runner: Runner) -> None:
        task = self._tasks.get(runner)
        if task is not None:
            if not task.cancelling():
                task.cancel()
            await asyncio.wait((task,))
            self._tasks.pop(runner, None)
            if not task.cancelled() and isinstance(failed := task.exception(), ProviderError):
                self.errors[runner] = failed
        stream = self._streams.pop(runner, None) if runner != self.winner else self._streams.get(runner)
        if stream is not None:
            with contextlib.suppress(ProviderError):
                await stream.aclose()


async def _next(stream: Stream) -> StreamEvent | None:
    return await anext(stream, None)
