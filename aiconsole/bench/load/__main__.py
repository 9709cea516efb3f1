"""The load process: order in, messages out, through its standard streams."""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
from collections.abc import Iterator
from typing import Final

import msgspec

from aiconsole.bench.load.loop import make_loop
from aiconsole.bench.load.order import Told
from aiconsole.bench.load.run import Run, decoded

_BAD_ORDER: Final = 2
_GONE: Final = 3


class Pipe:
    """Standard output, written by a thread of its own, so that a reader who is slow does not hold up the load."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._encode = msgspec.json.Encoder().encode
        self._thread = threading.Thread(target=self._write, name="pipe", daemon=True)
        self._thread.start()

    def tell(self, message: Told) -> None:
        """Send a message; never waits."""
        self._lines.put(self._encode(message) + b"\n")

    def close(self) -> None:
        """Send what is left."""
        self._lines.put(None)
        self._thread.join(10)

    def _write(self) -> None:
        descriptor = sys.stdout.fileno()
        while (line := self._lines.get()) is not None:
            view = memoryview(line)
            try:
                while view:
                    view = view[os.write(descriptor, view) :]
            except OSError:
                os._exit(_GONE)


def _lines(descriptor: int) -> Iterator[bytes]:
    """Lines read past Python's buffer, whose lock a waiting thread would hold while the interpreter shuts down."""
    rest = b""
    while read := os.read(descriptor, 65_536):
        *whole, rest = (rest + read).split(b"\n")
        yield from whole


def main() -> int:
    """Read the order, carry it out, and return the exit code."""
    lines = _lines(sys.stdin.fileno())
    try:
        order = decoded(next(lines, b""))
    except msgspec.DecodeError as error:
        sys.stderr.write(f"The order cannot be read: {error}\n")
        return _BAD_ORDER
    pipe = Pipe()
    with asyncio.Runner(loop_factory=make_loop) as runner:
        run = Run(order, pipe.tell)
        loop = runner.get_loop()

        def listen() -> None:
            why = "Stopped by hand." if next(lines, b"") else "The console that ordered the run is gone."
            loop.call_soon_threadsafe(run.stop, why)

        threading.Thread(target=listen, name="stop", daemon=True).start()
        runner.run(run.go())
    pipe.close()
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
