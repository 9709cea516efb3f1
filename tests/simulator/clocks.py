"""Time that only moves when told to, or when somebody sleeps."""

from __future__ import annotations

import asyncio


class FakeClock:
    """A ``Clock`` with a ``sleep`` that moves it at once; ``slept`` lists the waits in seconds."""

    def __init__(self) -> None:
        self.time = 1_000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return 1_750_000_000.0 + self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)
