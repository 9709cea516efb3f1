"""One process a database: an advisory lock on a file beside it, which the system releases however the process ends.

The same file remembers, once a database was made, that there is one: an empty or missing database is then a loss and not a
first start. It also remembers that the database gave cause for doubt, so that the next start looks at all of it. Where the
file system knows no locks (some network shares) the console goes on without.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

from aiconsole.domain.errors import ConfigError

_FAR = 1 << 30
_DOUBT = b"and found it damaged\n"
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""Binary, as Windows would else write each line's end as two bytes, and the file is cut to the length of the text."""

_TAKEN = {errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN, errno.EDEADLK}


class FileLock:
    """Holds the lock from construction to ``release``.

    Raises:
        ConfigError: another process holds it; the message names that process.
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, _FLAGS, 0o600)
        try:
            _lock(self._file)
        except OSError as error:
            owner = _first_number(self._read())
            os.close(self._file)
            if error.errno not in _TAKEN:
                raise
            raise ConfigError(
                f"Another AI Console{f' (process {owner})' if owner else ''} has {path.with_suffix('').name} open.",
                advice="Use that window, or close it first; to run a second console give it a folder of its own with --home.",
            ) from None
        before = self._read()
        self.had_database = bool(before)
        self.doubtful = before.endswith(_DOUBT)

    def _read(self) -> bytes:
        os.lseek(self._file, 0, os.SEEK_SET)
        return os.read(self._file, 200)

    def mark(self, *, doubtful: bool = False) -> None:
        """Remember that the database exists now, which process has it, and whether it seemed damaged."""
        text = f"{os.getpid()} has the database beside this file open, or was the last to\n".encode()
        text += _DOUBT if doubtful else b""
        os.lseek(self._file, 0, os.SEEK_SET)
        os.write(self._file, text)
        os.ftruncate(self._file, len(text))

    def release(self) -> None:
        _unlock(self._file)
        os.close(self._file)


def _first_number(text: bytes) -> str:
    word = text.split(b" ", 1)[0]
    return word.decode() if word.isdigit() else ""


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        """Lock a byte far behind the text, as Windows' locks keep others from reading what is locked."""
        os.lseek(file, _FAR, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

    def _unlock(file: int) -> None:
        """At once; after a mere close Windows takes its time (its documentation of LockFile), and the next start would fail."""
        os.lseek(file, _FAR, os.SEEK_SET)
        with suppress(OSError):
            msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}:
                raise

    def _unlock(file: int) -> None:
        """Closing does it."""
