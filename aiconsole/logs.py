"""The log file: ``aiconsole.log`` in the home's log folder, written by a thread of its own, with no key in it.

Messages of the console from the chosen level on, and other libraries' warnings and errors, are formatted and redacted where
they arise and put into a queue; a daemon thread writes them, so a slow disk never holds up the event loop. Uncaught exceptions
of the main thread, of other threads and of destructors go there too, and to stderr, redacted in both; those of asyncio come
through its own logger. Nothing is made on disk before the first line.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import re
import sys
import threading
import time
import traceback
from pathlib import Path
from types import TracebackType

from aiconsole.domain.errors import ConfigError
from aiconsole.home import make_private_folder
from aiconsole.secrets import REDACTED, REDACTOR, Redactor

FILE_NAME = "aiconsole.log"
MAX_BYTES = 2_000_000
KEEP = 3
"""The file is renamed to ``aiconsole.log.1`` when it would grow beyond ``MAX_BYTES``; ``KEEP`` such files are kept."""

MAX_WAITING = 10_000
"""Lines that may wait for the disk; beyond that they are dropped and counted in the log."""

_CLOSING_S = 2.0
_OWN = "aiconsole"
_HEADER = re.compile(
    r"""((?:authorization|api[-_]?key|cookie)['"]?\s*[:=,]\s*(?:b(?=['"]))?['"]?)"""
    r"""(?:(?:bearer|basic|token|digest)\s+)?[^\s'",;]+""",
    re.IGNORECASE,
)
_QUERY = re.compile(r"""([?&](?:key|api_?key|token|access_token)=)[^&\s'"]+""", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def cleaned(text: str, redactor: Redactor = REDACTOR) -> str:
    """``text`` without registered secrets, without what stands after the name of a header or query field that carries a
    key (this also catches keys too short to be searched for), and without control characters a terminal would obey."""
    text = redactor.redact(text)
    text = _HEADER.sub(rf"\1{REDACTED}", text)
    text = _QUERY.sub(rf"\1{REDACTED}", text)
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


class RedactingFilter(logging.Filter):
    """Cleans a record in place: its message with its arguments, its traceback, its stack. For any handler; handlers asked
    later see the clean record as well."""

    def __init__(self, redactor: Redactor = REDACTOR) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, cleaned."""
        try:
            message = record.getMessage()
        except Exception as error:
            message = f"{record.msg!s} (its arguments do not fit: {type(error).__name__})"
        record.msg, record.args = cleaned(message, self._redactor), None
        if record.exc_info and not record.exc_text:
            record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip()
        record.exc_info = None
        if record.exc_text:
            record.exc_text = cleaned(record.exc_text, self._redactor)
        if record.stack_info:
            record.stack_info = cleaned(record.stack_info, self._redactor)
        return True


def install(folder: Path, *, level: str = "info", redactor: Redactor = REDACTOR) -> LogFile:
    """Send the log to ``folder`` and take over uncaught exceptions, until the result is closed.

    Args:
        folder: where the file goes; made when the first line is written.
        level: the least serious of the console's own messages to keep: debug, info, warning or error.
    """
    return LogFile(folder / FILE_NAME, level, redactor)


class LogFile:
    """The log in use; ``path`` is its file."""

    def __init__(self, path: Path, level: str, redactor: Redactor = REDACTOR) -> None:
        self.path = path
        self._redactor = redactor
        self._logger = logging.getLogger(_OWN)
        self._level_before = self._logger.level
        self._handler = _QueueHandler(path, redactor)
        logging.getLogger().addHandler(self._handler)
        self.set_level(level)
        self._hooks_before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
        sys.excepthook, threading.excepthook, sys.unraisablehook = self._main, self._thread, self._unraisable

    def set_level(self, level: str) -> None:
        """The least serious of the console's own messages to keep from now on."""
        self._logger.setLevel(level.upper())

    def flush(self) -> bool:
        """Wait until what was logged so far is in the file, at most 2 s; False where it is not."""
        return self._handler.drain()

    def close(self) -> None:
        """Write what is waiting, and give the hooks back. May be called twice."""
        if self._handler.closing:
            return
        logging.getLogger().removeHandler(self._handler)
        self._logger.setLevel(self._level_before)
        sys.excepthook, threading.excepthook, sys.unraisablehook = self._hooks_before
        self._handler.close()

    def _main(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._hooks_before[0](kind, error, trace)
            return
        self._uncaught("Uncaught exception", error)

    def _thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            name = args.thread.name if args.thread is not None else "unknown"
            self._uncaught(f"Uncaught exception in thread {name}", args.exc_value)

    def _unraisable(self, args: sys.UnraisableHookArgs) -> None:
        if args.exc_value is not None:
            self._uncaught(args.err_msg or "Exception ignored in a destructor or callback", args.exc_value)

    def _uncaught(self, what: str, error: BaseException) -> None:
        self._logger.critical(what, exc_info=error)
        if sys.stderr is not None:
            text = "".join(traceback.format_exception(error))
            with contextlib.suppress(OSError, ValueError):  # stderr may be closed
                sys.stderr.write(cleaned(f"{what}\n{text}", self._redactor))


class _LineFormatter(logging.Formatter):
    """UTC time in ISO form, level, logger and message; further lines are indented, so that none can pose as an entry."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", "\n    ") + "\n"


class _QueueHandler(logging.Handler):
    """Hands finished lines to the writer's thread."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        super().__init__()
        self.closing = False
        self.setFormatter(_LineFormatter())
        self.addFilter(RedactingFilter(redactor))
        self._lines: queue.SimpleQueue[str | threading.Event | None] = queue.SimpleQueue()
        self._dropped = 0
        self._file = _RotatingFile(path)
        self._thread = threading.Thread(target=self._run, name="aiconsole-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        if self._lines.qsize() >= MAX_WAITING:
            self._dropped += 1
            return
        dropped, self._dropped = self._dropped, 0
        if dropped:
            self._lines.put(f"    ({dropped} lines were dropped: the disk was too slow)\n")
        self._lines.put(self.format(record))

    def drain(self) -> bool:
        done = threading.Event()
        self._lines.put(done)
        return done.wait(_CLOSING_S) if self._thread.is_alive() else False

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            self._lines.put(None)
            self._thread.join(_CLOSING_S)
        super().close()

    def _run(self) -> None:
        while (item := self._lines.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
            else:
                self._file.write(item)
        self._file.close()


class _RotatingFile:
    """Appends to a file for its owner only (0600), and starts a new one when it is full. Never raises: a log that cannot be
    written must not stop the console; how many lines were lost is said when writing works again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._lost = 0

    def write(self, line: str) -> None:
        data = line.encode("utf-8", "backslashreplace")
        if self._lost:
            data = f"    ({self._lost} lines were lost: the file could not be written)\n".encode() + data
        try:
            os.write(self._opened(len(data)), data)
            self._lost = 0
        except (OSError, ConfigError):
            self._lost += 1
            self.close()

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _opened(self, coming: int) -> int:
        """The open file, with room for ``coming`` bytes."""
        if self._descriptor is None:
            make_private_folder(self._path.parent)
            self._descriptor = self._open()
        if 0 < os.fstat(self._descriptor).st_size > MAX_BYTES - coming:
            mine = os.fstat(self._descriptor).st_ino
            self.close()
            with contextlib.suppress(OSError):  # on Windows a file that another console has open keeps its name
                if self._path.stat().st_ino == mine:  # else another console has done it already
                    self._rotate()
            self._descriptor = self._open()
        return self._descriptor

    def _open(self) -> int:
        binary: int = getattr(os, "O_BINARY", 0)  # else Windows makes two bytes of each line's end
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | binary, 0o600)

    def _rotate(self) -> None:
        names = [self._path, *(self._path.with_name(f"{self._path.name}.{number}") for number in range(1, KEEP + 1))]
        for newer, older in zip(reversed(names[:-1]), reversed(names[1:]), strict=True):
            if newer.exists():
                newer.replace(older)
