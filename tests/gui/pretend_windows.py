"""The window's loop as it is on Windows, on any system: ``python -m tests.gui.pretend_windows PROGRAM [ARGUMENT ...]``.

There qasync puts its loop over asyncio's proactor loop, whose transports begin operations and are told of their ends, instead
of being told when a socket is ready. Here these operations are carried out in threads, and their ends told by a Qt signal as
qasync tells those of Windows' completion port; loop and transports are asyncio's own. PROGRAM is "talk" or "window".
"""

from __future__ import annotations

import asyncio
import select
import socket
import struct
import sys
import threading
from asyncio.proactor_events import BaseProactorEventLoop
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import qasync
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication

from aiconsole import proactor

Future = asyncio.Future[Any]


class Ends(QObject):
    told = Signal(object)


class Proactor:
    def __init__(self) -> None:
        self._begun: set[Future] = set()
        self._ends = Ends()
        self._ends.told.connect(self._end)

    def set_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def recv(self, sock: Any, size: int, flags: int = 0) -> Future:
        return self._begin(lambda: sock.recv(size, flags), read=sock)

    def recv_into(self, sock: Any, buffer: Any, flags: int = 0) -> Future:
        return self._begin(lambda: sock.recv_into(buffer, 0, flags), read=sock)

    def send(self, sock: Any, data: Any, flags: int = 0) -> Future:
        kept = bytes(data)
        return self._begin(lambda: sock.send(kept, flags), write=sock)

    def accept(self, listener: Any) -> Future:
        def accepted() -> Any:
            sock, address = listener.accept()
            sock.setblocking(False)
            return sock, address

        return self._begin(accepted, read=listener)

    def connect(self, sock: Any, address: Any) -> Future:
        sock.connect_ex(address)

        def connected() -> None:
            if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(code, "The connection was refused")

        return self._begin(connected, write=sock)

    def close(self) -> None:
        for future in list(self._begun):
            future.cancel()

    def _stop_serving(self, _listener: Any) -> None: ...

    def _begin(self, operation: Callable[[], Any], *, read: Any = None, write: Any = None) -> Future:
        future = self._loop.create_future()
        self._begun.add(future)
        future.add_done_callback(self._begun.discard)
        threading.Thread(target=self._carry_out, args=(future, operation, read, write), daemon=True).start()
        return future

    def _carry_out(self, future: Future, operation: Callable[[], Any], read: Any, write: Any) -> None:
        while not future.done():
            try:
                if any(select.select([read] if read else [], [write] if write else [], [], 0.02)):
                    end = (future, operation(), None)
                    break
            except BlockingIOError:
                continue
            except (OSError, ValueError) as error:  # ValueError: closed meanwhile
                end = (future, None, error if isinstance(error, OSError) else ConnectionAbortedError())
                break
        else:
            return
        with suppress(RuntimeError):  # the application is gone
            self._ends.told.emit(end)

    def _end(self, end: tuple[Future, Any, OSError | None]) -> None:
        future, value, error = end
        if future.done():
            return
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


class PretendLoop(BaseProactorEventLoop):
    def __init__(self) -> None:
        super().__init__(Proactor())

    def _before_run_forever(self) -> None: ...

    def _after_run_forever(self) -> None: ...


async def talk() -> None:
    """Streams that end in order, that are given up, and that are reset from either side; then the server's own end."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while line := await reader.readline():
                if line == b"reset\n":
                    reset(writer)
                    return
                writer.write(line)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def ask(last: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(10):
            writer.write(b"%d\n" % number)
            assert await reader.readline() == b"%d\n" % number
        if last == "theirs":
            writer.write(b"reset\n")
            with suppress(ConnectionError):
                assert await reader.read() == b"", "an orderly end"
                print("no reset")
        elif last == "mine":
            reset(writer)
        elif last == "silence":
            with suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await reader.read(1)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    await asyncio.gather(*(ask(last) for last in ("order", "theirs", "mine", "silence")))
    async with asyncio.timeout(5):
        while left(server):
            await asyncio.sleep(0)
    server.close()
    await server.wait_closed()
    print("ended")


def left(server: Any) -> int:
    """How many connections a server still counts; by another name since Python 3.13."""
    return getattr(server, "_active_count", 0) or len(getattr(server, "_clients", ()))


def reset(writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


def main() -> int:
    qasync.QEventLoop = type("QIOCPEventLoop", (qasync._QEventLoop, PretendLoop), {})
    proactor.mend(platform="win32")
    if sys.argv[1] == "window":
        from aiconsole.app import main as window

        return window(sys.argv[2:])
    from aiconsole.gui.loop import WindowLoop

    application = QApplication([])
    with asyncio.Runner(loop_factory=lambda: WindowLoop(application)) as runner:
        assert isinstance(runner.get_loop(), BaseProactorEventLoop)
        runner.run(talk())
    return 0


if __name__ == "__main__":
    sys.exit(main())
