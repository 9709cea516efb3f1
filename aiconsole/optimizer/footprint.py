"""What the process takes of the machine: resident memory, Python's blocks, open files and sockets.

By psutil (BSD licence, maintained since 2009, wheels for Linux, macOS and Windows), which the console has for its system
health job anyway: each platform tells resident memory otherwise, and only on Linux by reading a file.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any, Final

import msgspec

_MB: Final = 1e6
_HANDLES_WINDOWS: Final = 10_000


class Footprint(msgspec.Struct, frozen=True):
    """``rss_mb`` is resident memory, ``blocks`` how many blocks of memory Python's objects have, ``handles`` how many files and
    sockets are open (on Windows: handles), of at most ``most_handles``."""

    rss_mb: float
    blocks: int
    handles: int
    most_handles: int | None


class Feet:
    """Takes the footprint of this process. Made in a thread: importing psutil takes some 15 ms."""

    def __init__(self) -> None:
        import psutil

        self._process: Any = psutil.Process()
        self._most = _most_handles()
        self._trim = _malloc_trim()

    def rss_mb(self) -> float:
        """Resident memory in MB; some 30 microseconds on Linux."""
        return float(self._process.memory_info().rss) / _MB

    def footprint(self) -> Footprint:
        """All of it."""
        handles = self._process.num_handles() if sys.platform == "win32" else self._process.num_fds()
        return Footprint(self.rss_mb(), sys.getallocatedblocks(), handles, self._most)

    def trim(self) -> None:
        """Have glibc give free memory back to the system (malloc_trim(3)); nothing elsewhere. Blocks: for a thread."""
        if self._trim is not None:
            self._trim(0)


def _most_handles() -> int | None:
    if sys.platform == "win32":
        return _HANDLES_WINDOWS
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if 0 < soft < 1 << 30 else None


def _malloc_trim() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return getattr(ctypes.CDLL(None), "malloc_trim", None)
    except OSError:
        return None
