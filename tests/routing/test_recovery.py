"""Looking after open breakers: what a health check that cannot even be made means."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from aiconsole.domain.errors import ConfigError
from aiconsole.domain.models import ProbeResult
from aiconsole.routing.breakers import Breakers
from aiconsole.routing.recovery import Recovery
from tests.clocks import FakeClock


async def test_a_provider_that_was_switched_off_meanwhile_is_not_well() -> None:
    clock = FakeClock()
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
    looked = asyncio.Event()

    async def probe(provider: str) -> ProbeResult:
        looked.set()
        raise ConfigError(f"There is no provider {provider} switched on.")

    breakers = Breakers(clock, Random(1), lambda event: recovery.listen(event))
    recovery = Recovery(breakers, probe, every_s=0.001)
    breakers.get("groq").trip("it failed")
    async with asyncio.timeout(10):
        await looked.wait()
        looked.clear()
        await looked.wait()  # it goes on looking, in case it is switched on again
    assert breakers.get("groq").state == "open"
    await recovery.aclose()
    assert not faults
