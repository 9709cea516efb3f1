"""The simulator on its own, for ``aiconsole simulate``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from aiconsole.simulator.behaviour import Behaviour, lifelike
from aiconsole.simulator.server import Simulator


async def serve(
    port: int = 0,
    seed: int = 0,
    *,
    fast: bool = False,
    behaviours: Mapping[str, Behaviour] | None = None,
    say: Callable[[str], object],
    stop: asyncio.Event | None = None,
) -> None:
    """Run the simulator until ``stop`` is set or the task is cancelled, telling through ``say`` where each provider is.

    Args:
        port: 0 takes a free one.
        fast: answer as fast as the connection takes it, instead of at a lifelike pace.
        behaviours: for single providers, in place of those.

    Raises:
        OSError: the port is taken.
    """
    chosen = {**({} if fast else lifelike()), **(behaviours or {})}
    async with Simulator.start(seed=seed, port=port, behaviours=chosen) as simulator:
        say(f"Simulated providers (no real provider is asked) at {simulator.url}, seed {seed}:")
        width = max(map(len, simulator.names))
        for name in simulator.names:
            say(f"  {name:<{width}}  {simulator.base_url(name)}")
        say(f"Faults and pace: GET or PUT {simulator.url}/_control/PROVIDER as JSON.")
        say("Any key works unless it begins with “wrong”.")
        await (stop or asyncio.Event()).wait()
