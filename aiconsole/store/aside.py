"""Names of files beside the database, and moving one out of the way with its journals. Nothing is ever deleted here."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from aiconsole.domain.errors import StoreError

SIDES: Final = ("", "-wal", "-shm", "-journal")
"""What SQLite appends to a database's name for its own files, the database itself first."""


def beside(path: Path, side: str) -> Path:
    return path.with_name(path.name + side)


def has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def set_aside(path: Path, word: str, now: float) -> Path | None:
    """Move ``path`` and what lies beside it away, to a name with ``word`` and the time (epoch s); None where nothing is."""
    name = stamped(path, word, now)
    moved = False
    for side in SIDES:
        source = beside(path, side)
        if source.exists():
            source.rename(beside(name, side))
            moved = True
    return name if moved else None


def stamped(path: Path, word: str, now: float) -> Path:
    """A name beside ``path`` that does not exist yet."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    for suffix in ("", *(f"-{count}" for count in range(2, 1000))):
        name = path.with_name(f"{path.stem}.{word}-{stamp}{suffix}{path.suffix}")
        if not any(beside(name, side).exists() for side in SIDES):
            return name
    raise StoreError(f"There are too many files like {path.stem}.{word}-{stamp}.", passing=False)
