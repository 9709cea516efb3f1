"""The simulator in a process of its own, as a reference whose send times are known: ``python -m aiconsole.bench.reference``.

Its first line of output is JSON with its address and each provider's base URL. It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import sys
import threading

import msgspec

from aiconsole.bench.calibration import BEHAVIOUR
from aiconsole.bench.load.loop import make_loop, steady
from aiconsole.simulator import Simulator


class Address(msgspec.Struct, frozen=True):
    """Where the reference listens: its own address, and the base URL of each provider."""

    control: str
    base_urls: dict[str, str]


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()

    def listen() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=listen, name="end", daemon=True).start()
    async with Simulator.start() as simulator:
        for name in simulator.names:
            simulator.set(name, BEHAVIOUR)
        address = Address(simulator.url, {name: simulator.base_url(name) for name in simulator.names})
        sys.stdout.write(msgspec.json.encode(address).decode() + "\n")
        sys.stdout.flush()
        steady()
        await over.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(_serve())
