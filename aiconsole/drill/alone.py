"""One scenario on an engine and a simulator of its own; one that compares hedging is run without it and then with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from aiconsole.drill.run import ROUTE, Done, Step, rig, run
from aiconsole.drill.scenarios import Scenario
from aiconsole.drill.summary import Spread


async def alone(
    scenario: Scenario,
    *,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    rules: str | None = None,
    stop: asyncio.Event | None = None,
) -> AsyncGenerator[Step, None]:
    """The steps of a drill from its beginning to its only `Done`. ``settings`` and ``rules`` as in `rig`, ``stop`` as in
    `run`."""
    unhedged: Spread | None = None
    for hedge in (False, True) if scenario.hedge else (None,):
        own = dict(settings or {})
        arm = ""
        if hedge is not None:
            own[f"routing.{ROUTE}.hedge"] = hedge
            arm = "with hedging" if hedge else "without hedging"
        async with (
            rig(scenario, seed=seed, settings=own, rules=rules) as (engine, clock),
            aclosing(run(scenario, engine, seed=seed, clock=clock, stop=stop, arm=arm, unhedged=unhedged)) as steps,
        ):
            async for step in steps:
                if isinstance(step, Done) and hedge is False and step.summary.stopped_s is None:
                    unhedged = step.summary.ttft
                else:
                    yield step
        if stop is not None and stop.is_set():
            return
