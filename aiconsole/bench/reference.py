"""The simulator in a process of its own, as a reference whose send times are known: ``python -m aiconsole.bench.reference``.

Its first line of output is JSON with its address and each provider's base URL. It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from aiconsole.bench.calibration import BEHAVIOUR
from aiconsole.bench.child import command
from aiconsole.bench.load.loop import make_loop, steady

MODULE = "aiconsole.bench.reference"


class Address(msgspec.Struct, frozen=True):
    """Where the reference listens: its own address, and the base URL of each provider."""

    control: str
    base_urls: dict[str, str]


@asynccontextmanager
async def reference() -> AsyncIterator[Address]:
    """A reference simulator as long as the block runs.

    Raises:
        OSError: it cannot be started.
        msgspec.DecodeError: it ended before it told where it is.
    """
    process = await asyncio.to_thread(_start)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield msgspec.json.decode(await asyncio.to_thread(process.stdout.readline), type=Address)
    finally:
        process.stdin.close()
        process.stdout.close()
        process.terminate()
        process.wait()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(command(MODULE), stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  (our own module)


async def _serve() -> None:
    from aiconsole.simulator import Simulator

    loop = asyncio.get_running_loop()
    over = asyncio.Event()

    def listen() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
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


def main() -> int:
    """Serve until standard input ends."""
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(_serve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
