"""Lets asyncio's connections end in peace on Windows.

There asyncio's loops, and the window's, use transports that call ``shutdown`` on a socket before they close it. Where the other
side has reset the connection that fails, so the transport tells the log of an exception, never closes its socket and stays
among its server's connections, for whose end a server waits (CPython, Lib/asyncio/proactor_events.py,
``_ProactorBasePipeTransport._call_connection_lost``, as it is in 3.11 to 3.13). A ``shutdown`` also sends an orderly end ahead
of the reset that a lingering time of 0 asks for.
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from typing import Any, Final

_FIELDS: Final = 4 if sys.platform == "win32" else 8
"""Bytes of ``struct linger``: two shorts, elsewhere two ints."""


class _Ending:
    """A socket in the hands of a transport that ends."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def shutdown(self, how: int) -> None:
        with suppress(OSError):
            linger = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _FIELDS)
            on, seconds = linger[: _FIELDS // 2], linger[_FIELDS // 2 :]
            if not any(on) or any(seconds):
                self._sock.shutdown(how)


def mend(*, platform: str = sys.platform) -> None:
    """Make it so from now on, in this process; does nothing on other systems, nor a second time."""
    if platform != "win32":
        return
    from asyncio import proactor_events

    transports: Any = proactor_events._ProactorBasePipeTransport
    lost = transports._call_connection_lost
    if hasattr(lost, "mended"):
        return

    def call_connection_lost(self: Any, error: Exception | None) -> None:
        if isinstance(self._sock, socket.socket):
            self._sock = _Ending(self._sock)
        lost(self, error)

    call_connection_lost.mended = True  # type: ignore[attr-defined]
    transports._call_connection_lost = call_connection_lost
