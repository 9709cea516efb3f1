"""The simulator in a process of its own: ``python -m aiconsole.bench.reference``.

It is the reference of the calibration, whose send times are known, and what a demo is measured against, so that neither the
load disturbs the window nor the window the figures. The first line of its standard input is JSON with each provider's
`Behaviour`, the first of its output JSON with its address and each provider's base URL. It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec

from aiconsole.bench.calibration import BEHAVIOUR
from aiconsole.bench.child import APART, command
from aiconsole.bench.load.loop import make_loop, steady
from aiconsole.simulator import NAMES, Behaviour, Simulator

MODULE = "aiconsole.bench.reference"


class Address(msgspec.Struct, frozen=True):
    """Where the reference listens: its own address, and the base URL of each provider."""

    control: str
    base_urls: dict[str, str]


@asynccontextmanager
async def reference(behaviours: Mapping[str, Behaviour] | None = None) -> AsyncIterator[Address]:
    """A simulator in a process of its own as long as the block runs.

    Args:
        behaviours: by provider; by default all answer as the calibration wants it.

    Raises:
        OSError: it cannot be started.
        msgspec.DecodeError: it ended before it told where it is.
    """
    process = await asyncio.to_thread(_start)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(msgspec.json.encode(behaviours or dict.fromkeys(NAMES, BEHAVIOUR)) + b"\n")
        process.stdin.flush()
        yield msgspec.json.decode(await asyncio.to_thread(process.stdout.readline), type=Address)
    finally:
        process.stdin.close()
        process.stdout.close()
        process.terminate()
        await asyncio.to_thread(process.wait)


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  (our own module)
        command(MODULE), stdin=subprocess.PIPE, stdout=subprocess.PIPE, **APART
    )


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    behaviours = msgspec.json.decode(_line(), type=dict[str, Behaviour])

    def listen() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=listen, name="end", daemon=True).start()
    async with Simulator.start(behaviours=behaviours) as simulator:
        address = Address(simulator.url, {name: simulator.base_url(name) for name in simulator.names})
        sys.stdout.write(msgspec.json.encode(address).decode() + "\n")
        sys.stdout.flush()
        steady()
        await over.wait()


def _line() -> bytes:
    """One line, read past Python's buffer as the rest will be."""
    line = b""
    while not line.endswith(b"\n") and (read := os.read(sys.stdin.fileno(), 1)):
        line += read
    return line


def main() -> int:
    """Serve until standard input ends."""
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(_serve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
