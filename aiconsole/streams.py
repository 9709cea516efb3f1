"""The process's standard streams, fit for any text on any system.

A console shows all of Unicode everywhere. A pipe or a file however gets the code page of the system on Windows (cp1252 in
the west), in which most of the world's letters cannot be written: there it is UTF-8, as on other systems, unless
``PYTHONIOENCODING`` says otherwise. What an encoding so chosen does not know is replaced, never an error. Sources: Python's
documentation of ``sys.stdout`` and of ``PYTHONIOENCODING``.
"""

from __future__ import annotations

import errno
import io
import locale
import os
import sys
from collections.abc import Mapping
from typing import TextIO

_BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


def prepare(environ: Mapping[str, str], *, platform: str = sys.platform) -> None:
    """Let standard output and standard error take any text. They may be missing, as for a program without a console."""
    chosen = environ.get("PYTHONIOENCODING", "").partition(":")[0]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            if platform == "win32" and not chosen and not stream.isatty():
                stream.reconfigure(encoding="utf-8")
            if stream.errors == "strict":
                stream.reconfigure(errors="replace")


def read_text(stream: TextIO) -> str:
    """All of a stream, `decoded`; its lines end as they do in Python."""
    binary = getattr(stream, "buffer", None)
    if binary is None:
        return stream.read()
    return decoded(binary.read()).replace("\r\n", "\n")


def decoded(data: bytes) -> str:
    """What another program wrote: UTF-8, or UTF-16 with its mark as Windows PowerShell 5 writes with ``>``, else in the
    system's own encoding."""
    named = next((encoding for mark, encoding in _BOMS.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(named)
    except UnicodeDecodeError:
        return data.decode(locale.getencoding(), "replace")


def reader_left(error: OSError, *, platform: str = sys.platform) -> bool:
    """Whether a write failed because nobody reads any more: Windows calls that an invalid argument (see CPython's
    ``subprocess.Popen._stdin_write``)."""
    if isinstance(error, BrokenPipeError):
        return True
    return platform == "win32" and error.errno == errno.EINVAL and error.filename is None


def drop_output() -> None:
    """Let what is still to be written to standard output go nowhere, so that the end of the process does not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
