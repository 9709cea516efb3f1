"""When the pieces of an answer are due: time to the first token, tokens per second, jitter and slow-down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiconsole.domain.clock import Clock
from aiconsole.simulator.behaviour import Behaviour
from aiconsole.simulator.dice import Dice

Sleep = Callable[[float], Awaitable[object]]
_MOST_TAIL: Final = 100.0


class Pace:
    """The schedule of one answer, from the moment it is made; all waiting goes through ``sleep`` (seconds)."""

    def __init__(self, behaviour: Behaviour, dice: Dice, clock: Clock, sleep: Sleep) -> None:
        self._jitter = behaviour.jitter
        self._dice = dice
        self._clock = clock
        self._sleep = sleep
        speed = behaviour.tokens_per_s or 0.0
        self._gap = behaviour.slow / speed if speed else 0.0
        self.paced = behaviour.paced
        self._due = clock.monotonic() + self._first_s(behaviour) if self.paced else 0.0

    def _first_s(self, behaviour: Behaviour) -> float:
        seconds = self._varied(behaviour.ttft_ms / 1_000 * behaviour.slow)
        return seconds * min(_MOST_TAIL, (1 - self._dice.share()) ** -behaviour.tail) if behaviour.tail else seconds

    def _varied(self, seconds: float) -> float:
        return seconds * (1 + self._jitter * (2 * self._dice.share() - 1)) if self._jitter and seconds else seconds

    def add(self, tokens: int) -> None:
        """Make the next piece due ``tokens`` tokens later."""
        if self._gap and tokens:
            self._due += self._varied(self._gap * tokens)

    @property
    def wait(self) -> float:
        """Seconds until the next piece is due; at most 0 when it is."""
        return self._due - self._clock.monotonic() if self.paced else 0.0

    async def reach(self) -> None:
        """Wait until the next piece is due."""
        seconds = self.wait
        if seconds > 0:
            await self._sleep(seconds)
