"""Job 6, log archive: packs the log files that were set aside when the log grew full, and keeps the archive within bounds.

The log itself starts a new file by size (``aiconsole.logs``), and would soon throw the older ones away. This job takes those,
oldest first: each is moved out of the log's way in one step, packed with gzip into ``archive`` beside it, flushed to the disk,
and only then removed. Files are for their owner only. A file that a killed run left half packed is packed anew.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from aiconsole.domain.clock import Clock
from aiconsole.home import make_private_folder
from aiconsole.jobs.job import Job, Outcome, Run

MAX_FILES: Final = 200
MAX_BYTES: Final = 100_000_000
MAX_AGE_S: Final = 180 * 86400.0

_SET_ASIDE = re.compile(r"\.(\d+)")


class LogArchive:
    """Packs ``NAME.1``, ``NAME.2``… of a folder into its ``archive``.

    Args:
        name: the log file's own name; that file is never touched.
        max_files, max_bytes, max_age_s: what of the archive is kept; the oldest go first.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        clock: Clock,
        *,
        max_files: int = MAX_FILES,
        max_bytes: int = MAX_BYTES,
        max_age_s: float = MAX_AGE_S,
    ) -> None:
        self.folder = folder
        self.archive = folder / "archive"
        self._name = name
        self._clock = clock
        self._bounds = (max_files, max_bytes, max_age_s)

    def job(self) -> Job:
        return Job(
            "logs",
            "Log archive",
            "Packs full log files and removes the oldest when there are too many.",
            "every 1h",
            self.work,
            timeout_s=300,
            retries=2,
            first_in_s=120,
        )

    def work(self, run: Run) -> Outcome:
        """Pack and tidy; blocks."""
        if not self.folder.is_dir():
            return Outcome("Nothing was logged yet.")
        packed = 0
        for source in (*self._left_behind(), *self._set_aside()):
            if run.leaving.is_set():
                break
            target = self._pack(source)
            run.say(f"{source.name}: packed as {target.name}, {target.stat().st_size:,} bytes")
            packed += 1
        removed = self._tidy(run.say)
        return Outcome(f"{packed} files packed, {removed} old ones removed." if packed or removed else "Nothing to do.")

    def _set_aside(self) -> list[Path]:
        """The full files, oldest (highest number) first, each moved out of the log's way as it is taken."""
        found = {
            int(match[1]): path
            for path in self.folder.glob(f"{self._name}.*")
            if (match := _SET_ASIDE.fullmatch(path.name.removeprefix(self._name))) and path.is_file()
        }
        moved = []
        for number in sorted(found, reverse=True):
            make_private_folder(self.archive)
            stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(found[number].stat().st_mtime))
            target = _free_name(self.archive, f"{Path(self._name).stem}-{stamp}", ".log")
            try:
                found[number].replace(target)
            except FileNotFoundError:  # the log itself has just moved it on; the next run finds it
                continue
            moved.append(target)
        return moved

    def _left_behind(self) -> list[Path]:
        """Files that an earlier run moved and did not pack."""
        return sorted(self.archive.glob("*.log")) if self.archive.is_dir() else []

    def _pack(self, source: Path) -> Path:
        target = source.with_name(f"{source.name}.gz")
        half = source.with_name(f"{source.name}.part")
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as raw, source.open("rb") as plain:
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
                shutil.copyfileobj(plain, packed, 1 << 16)
            raw.flush()
            os.fsync(raw.fileno())
        when = source.stat().st_mtime
        os.utime(half, (when, when))
        half.replace(target)
        source.unlink()
        return target

    def _tidy(self, say: Callable[[str], None]) -> int:
        if not self.archive.is_dir():
            return 0
        max_files, max_bytes, max_age_s = self._bounds
        newest = sorted(self.archive.glob("*.log.gz"), key=lambda path: path.stat().st_mtime, reverse=True)
        oldest = self._clock.now() - max_age_s
        size, removed = 0, 0
        for at, path in enumerate(newest):
            status = path.stat()
            size += status.st_size
            if at >= max_files or size > max_bytes or status.st_mtime < oldest:
                path.unlink(missing_ok=True)
                say(f"{path.name}: removed")
                removed += 1
        return removed


def _free_name(folder: Path, stem: str, suffix: str) -> Path:
    """A name in ``folder`` that neither a file nor its packed form has."""
    name, count = f"{stem}{suffix}", 1
    while (folder / name).exists() or (folder / f"{name}.gz").exists():
        count += 1
        name = f"{stem}-{count}{suffix}"
    return folder / name
