"""An event loop whose timers are right to a tenth of a millisecond.

``epoll`` waits whole milliseconds, rounded up, so asyncio's timers are up to 1 ms late on Linux, which is as much as is to be
measured. ``select`` takes microseconds; asked about epoll's own descriptor it waits for the same events. kqueue (macOS) is
exact by itself; Windows' loop is used as it is, and the certificate shows what its timers did. Source: CPython's
Lib/selectors.py (``EpollSelector.select`` rounds with ``math.ceil(timeout * 1e3)``).
"""

from __future__ import annotations

import asyncio
import gc
import select
import selectors
import sys
from contextlib import suppress
from typing import Any, Final

_MOST_FD: Final = 1024
_FILES: Final = (16_384, 10_240, 4096)
"""How many files a process would like to have open. macOS tells of no limit and yet refuses more than ``OPEN_MAX``, 10,240
(its manual page of setrlimit(2)); without the others the 256 that it begins with would stay."""


def make_loop() -> asyncio.AbstractEventLoop:
    """The most exact loop this system has."""
    if not sys.platform.startswith("linux"):
        return asyncio.new_event_loop()
    selector = FineSelector()
    return asyncio.SelectorEventLoop(selector if selector.fileno() < _MOST_FD else None)


if sys.platform.startswith("linux"):

    class FineSelector(selectors.EpollSelector):
        """`selectors.EpollSelector` with microseconds."""

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, Any]]:
            if timeout is not None and timeout > 0:
                select.select([self.fileno()], (), (), timeout)
                timeout = 0
            return super().select(timeout)

else:  # pragma: no cover
    FineSelector = selectors.DefaultSelector


def steady() -> None:
    """Make this process fit for measuring: no long garbage collections, and as many sockets as the system allows."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 10_000)
    sys.setswitchinterval(0.0005)
    _take_files()


def _take_files() -> None:
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        for most in _FILES:
            wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
            if soft == resource.RLIM_INFINITY or soft >= wanted:
                return
            with suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
                return
