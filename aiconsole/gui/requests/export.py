"""Rows written to a file as CSV or JSON, page by page in a thread, whole or not at all.

What is written is what the table knows: no content, no key. A cell of CSV whose text a spreadsheet would take for a formula
gets an apostrophe in front (OWASP, "CSV Injection").
"""

from __future__ import annotations

import asyncio
import csv
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import IO, Any, Final, Literal

import msgspec

from ...domain.errors import ConfigError
from ...domain.history import RequestRow
from ...home import put_in_place
from .model import Found

Format = Literal["csv", "json"]
PAGE: Final = 1000
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
FIELDS: Final = (
    "request_id",
    "started_utc",
    "finished_utc",
    "route",
    "provider",
    "model",
    "origin",
    "simulated",
    "outcome",
    "error",
    "status",
    "ttft_ms",
    "duration_ms",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_written_tokens",
    "reasoning_tokens",
    "cost_usd",
    "cost_source",
    "cached",
    "saved_usd",
    "saved_ms",
    "attempts",
    "stream",
)


def values(row: RequestRow) -> tuple[Any, ...]:
    """A request as `FIELDS`."""
    usage = row.usage
    return (
        row.request_id,
        _utc(row.started_at),
        _utc(row.finished_at),
        row.route,
        row.provider,
        row.model,
        row.origin,
        row.simulated,
        row.error_kind or "answered",
        row.error,
        row.status,
        row.ttft_ms,
        row.duration_ms,
        usage.prompt,
        usage.completion,
        usage.cached,
        usage.cache_written,
        usage.reasoning,
        None if row.cost is None else row.cost.usd,
        None if row.cost is None else row.cost.source,
        row.cached,
        row.saved_usd,
        row.saved_ms,
        row.attempts,
        row.stream,
    )


async def export(found: Found, path: Path, form: Format, told: Callable[[int, int], object]) -> int:
    """Write all of ``found`` to ``path``; ``told(written, of)`` after each page. How many rows there are in it.

    Cancelled or failed, it leaves what was at ``path`` as it was.

    Raises:
        ConfigError: the file cannot be written.
        StoreError: the rows cannot be read.
    """
    part = path.with_name(f"{path.name}.part")
    writer = _Writer(part, form)
    done = 0
    try:
        await asyncio.to_thread(writer.begin)
        for offset in range(0, found.count, PAGE):
            rows = await found.page(offset, PAGE)
            await asyncio.to_thread(writer.write, rows)
            done += len(rows)
            told(min(offset + PAGE, found.count), found.count)
        await asyncio.to_thread(writer.end, path)
    except OSError as error:
        raise ConfigError(
            f"{path.name} cannot be written: {error.strerror}.", advice="Choose another place."
        ) from error
    finally:
        await asyncio.shield(asyncio.to_thread(writer.drop))
    return done


class _Writer:
    """One file. Its methods run in threads; `drop` waits for a `write` whose caller was cancelled."""

    def __init__(self, path: Path, form: Format) -> None:
        self._path, self._form = path, form
        self._file: IO[str] | None = None
        self._first = True
        self._lock = Lock()

    def begin(self) -> None:
        self._file = self._path.open("w", encoding="utf-8", newline="" if self._form == "csv" else "\n")
        if self._form == "csv":
            csv.writer(self._file).writerow(FIELDS)

    def write(self, rows: Sequence[RequestRow]) -> None:
        with self._lock:
            file = self._file
            assert file is not None
            if self._form == "csv":
                csv.writer(file).writerows([[cell(value) for value in values(row)] for row in rows])
                return
            for row in rows:
                file.write("[\n" if self._first else ",\n")
                file.write(msgspec.json.encode(dict(zip(FIELDS, values(row), strict=True))).decode())
                self._first = False

    def end(self, path: Path) -> None:
        file = self._file
        assert file is not None
        if self._form == "json":
            file.write("[]\n" if self._first else "\n]\n")
        file.flush()
        os.fsync(file.fileno())
        file.close()
        put_in_place(self._path, path)

    def drop(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cell(value: Any) -> Any:
    """A value as a cell of CSV; see the module for texts like formulas."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value
