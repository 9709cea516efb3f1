"""The load process as the console sees it: started, read, stopped, and its unexpected end told.

It is read by a thread, which also keeps each sample in a file as it comes, so that the loop (the window's, perhaps) gets
messages in batches and waits for nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import IO, Final

import msgspec

from aiconsole.bench.child import APART, command
from aiconsole.bench.load.order import Measured, Order, Told
from aiconsole.domain.errors import ConsoleError

MODULE: Final = "aiconsole.bench.load.__main__"
_KILL_AFTER_S: Final = 15.0
_MOST_STDERR: Final = 4000
_decode: Final = msgspec.json.Decoder(Told).decode
_encode: Final = msgspec.json.Encoder().encode

Deliver = Callable[[Sequence[Told]], object]


class LoadProcess:
    """One load process that runs; made by `start`."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        order: Order,
        deliver: Deliver,
        keep: IO[bytes],
        redact: Callable[[str], str],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._process = process
        self._deliver = deliver
        self._keep = keep
        self._redact = redact
        self._waiting: list[Told] = []
        self._lock = threading.Lock()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._stderr = b""
        self._killing: asyncio.TimerHandle | None = None
        self._threads = [
            threading.Thread(target=self._talk, args=(_encode(order) + b"\n",), name="bench order", daemon=True),
            threading.Thread(target=self._read_errors, name="bench errors", daemon=True),
            threading.Thread(target=self._read, name="bench results", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @classmethod
    async def start(cls, order: Order, deliver: Deliver, keep: IO[bytes], redact: Callable[[str], str]) -> LoadProcess:
        """Start one.

        Args:
            order: what it is to do. Its keys go through the pipe only.
            deliver: called in the loop with the messages as they come, several at a time.
            keep: where samples are written, a line of JSON each; closed at the end.
            redact: takes keys out of what the process wrote to its standard error.

        Raises:
            ConsoleError: it cannot be started.
        """
        try:
            process = await asyncio.to_thread(_started)
        except OSError as error:
            keep.close()
            raise ConsoleError(f"The load process cannot be started: {error.strerror}.") from error
        return cls(process, order, deliver, keep, redact)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def stop(self) -> None:
        """Ask it to end at once; what is in flight is broken off. Killed where it does not within 15 s."""
        threading.Thread(target=self._say_stop, name="bench stop", daemon=True).start()
        if self._killing is None:
            self._killing = self._loop.call_later(_KILL_AFTER_S, self._process.kill)

    def kill(self) -> None:
        """End it without asking."""
        self._process.kill()

    async def ended(self) -> int:
        """Wait for its end and for all messages; its exit code."""
        code = await asyncio.shield(self._ended)
        if self._killing is not None:
            self._killing.cancel()
        return code

    @property
    def complaint(self) -> str:
        """The last it wrote to its standard error, keys taken out."""
        lines = self._redact(self._stderr.decode(errors="replace")).strip().splitlines()
        return lines[-1] if lines else ""

    def _talk(self, order: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(order)
            self._process.stdin.flush()

    def _say_stop(self) -> None:
        self._threads[0].join()
        self._talk(b"stop\n")

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._stderr = (self._stderr + line)[-_MOST_STDERR:]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                message = _decode(line)
            except msgspec.DecodeError:
                continue  # the last line of a process that was killed
            if isinstance(message, Measured):
                self._keep.write(_encode(message.sample) + b"\n")
            with self._lock:
                self._waiting.append(message)
                first = len(self._waiting) == 1
            if first:
                self._in_loop(self._hand_over)
        self._threads[1].join()
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()
        self._keep.close()
        self._in_loop(lambda: self._end(code))

    def _in_loop(self, call: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(call)

    def _end(self, code: int) -> None:
        if not self._ended.done():
            self._ended.set_result(code)

    def _hand_over(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, []
        if batch:
            self._deliver(batch)


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  (our own module)
        command(MODULE), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **APART
    )
