"""Job 9, configuration backup: settings, rules and what else is configuration, in one private zip file each time it changed.

Keys are never in it: they are not in these files, and what a person wrote into an extra header that may be secret is left out
by ``clean``; the manifest then says so, and restoring says what to enter again. Each backup is proved right after it was
written: it is restored into a scratch home, compared byte for byte, and read by the console's own readers (``check``).
"""

from __future__ import annotations

import difflib
import hashlib
import io
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConfigError
from aiconsole.home import make_private_folder, write_private
from aiconsole.jobs.job import Job, JobFailed, Outcome, Run

KEEP: Final = 30
KEEP_ALWAYS: Final = 3
MAX_AGE_S: Final = 365 * 86400.0
MAX_FILE: Final = 5_000_000
"""Bytes of one configuration file; a larger one is no configuration, and is neither kept nor restored."""

_MANIFEST: Final = "manifest.json"
_FORMAT: Final = 1


class BackedUp(msgspec.Struct, frozen=True):
    """A file in a backup. ``cleaned``: something secret was left out of it."""

    name: str
    sha256: str
    size: int
    cleaned: bool = False


class Manifest(msgspec.Struct, frozen=True):
    """What a backup says of itself; ``created_at`` in epoch seconds."""

    format: int
    created_at: float
    version: str
    files: tuple[BackedUp, ...]
    reason: str = ""


class Backup(msgspec.Struct, frozen=True):
    """A backup as a list shows it; ``name`` is what `ConfigBackup.restore` takes. ``problem`` says why it cannot be used."""

    name: str
    created_at: float
    files: tuple[BackedUp, ...] = ()
    reason: str = ""
    problem: str = ""


class Change(msgspec.Struct, frozen=True):
    """What restoring would do to one file, with the lines that would go (``-``) and come (``+``)."""

    name: str
    how: Literal["changed", "removed", "brought back"]
    lines: tuple[str, ...] = ()


class ConfigBackup:
    """Keeps backups in ``folder`` of the files ``names`` in ``home``.

    Args:
        version: the console's.
        clean: takes what is secret out of a file's bytes.
        check: reads the configuration in a given folder and raises ConfigError where it cannot be used.
        keep, max_age_s: how many backups are kept, and how long; the last `KEEP_ALWAYS` stay however old.
    """

    def __init__(
        self,
        home: Path,
        names: Sequence[str],
        folder: Path,
        clock: Clock,
        *,
        version: str,
        clean: Callable[[bytes], bytes] = lambda data: data,
        check: Callable[[Path], object] = lambda folder: None,
        keep: int = KEEP,
        max_age_s: float = MAX_AGE_S,
    ) -> None:
        self.folder = folder
        self._home = home
        self._names = tuple(names)
        self._clock = clock
        self._version = version
        self._clean = clean
        self._check = check
        self._keep = keep
        self._max_age_s = max_age_s

    def job(self) -> Job:
        return Job(
            "backup",
            "Configuration backup",
            "Keeps settings, rules and providers of your own, without keys, and proves that they can be restored.",
            "daily 12:40",
            self.work,
            timeout_s=120,
            retries=3,
        )

    def work(self, run: Run) -> Outcome:
        """Back up where something changed, prove the newest, remove the oldest; blocks.

        Raises:
            JobFailed: the backup does not restore to what was backed up.
            OSError: the disk does not let us.
        """
        files = self._present()
        if not files:
            return Outcome("There is no configuration file yet; everything is at its default.")
        newest = next((backup for backup in self.backups() if not backup.problem), None)
        if newest is not None and _digests(newest.files) == _digests(
            _described(name, *file) for name, file in files.items()
        ):
            self._prove(newest.name, files)
            words = f"Unchanged since {newest.name}, which restores well."
        else:
            name = self._write(files, "")
            run.say(f"{name}: {', '.join(files)}")
            self._prove(name, files)
            words = f"Kept as {name}; restoring it was tried and gives the same."
        removed = self._tidy()
        run.say(f"{removed} old ones removed" if removed else "none is old enough to be removed")
        return Outcome(words)

    def backups(self) -> tuple[Backup, ...]:
        """All there are, newest first; blocks."""
        if not self.folder.is_dir():
            return ()
        found = [self._look(path) for path in self.folder.glob("config-*.zip")]
        return tuple(sorted(found, key=lambda backup: (backup.created_at, backup.name), reverse=True))

    def changes(self, name: str) -> tuple[Change, ...]:
        """What `restore` would change, secrets left out; blocks. Raises ConfigError as `restore` does for a damaged one."""
        _, files = self._read(name)
        present = {found: data for found, (data, _) in self._present().items()}
        told = []
        for file in self._names:
            before, after = present.get(file), files.get(file)
            if before == after:
                continue
            how: Literal["changed", "removed", "brought back"] = "changed"
            if before is None or after is None:
                how = "brought back" if before is None else "removed"
            told.append(Change(file, how, _difference(before or b"", after or b"")))
        return tuple(told)

    def restore(self, name: str) -> tuple[str, ...]:
        """Put a backup's files in place of the present ones, which are backed up first; blocks.

        Returns: what the person should know, such as which file needs a secret entered again.

        Raises:
            ConfigError: there is no such backup, it is damaged, or it cannot be used; nothing was changed.
            OSError: the disk does not let us.
        """
        manifest, files = self._read(name)
        with tempfile.TemporaryDirectory(prefix="aiconsole-restore-") as scratch:
            self._put(Path(scratch), files)
            self._check(Path(scratch))
        told = []
        if present := self._present():
            told.append(f"What was there before is kept as {self._write(present, f'before restoring {name}')}.")
        self._put(self._home, files)
        for gone in set(present) - set(files):
            (self._home / gone).unlink(missing_ok=True)
        cleaned = [file.name for file in manifest.files if file.cleaned]
        if cleaned:
            told.append(f"Secret header values were left out of {', '.join(cleaned)}; enter them again.")
        return tuple(told)

    def _present(self) -> dict[str, tuple[bytes, bool]]:
        """The files there are: what is kept of each, and whether something was left out."""
        found = {}
        for name in self._names:
            try:
                raw = (self._home / name).read_bytes()
            except FileNotFoundError:
                continue
            if len(raw) > MAX_FILE:
                raise JobFailed(f"{name} has {len(raw):,} bytes, too many for a configuration file.")
            kept = self._clean(raw)
            found[name] = (kept, kept != raw)
        return found

    def _write(self, files: dict[str, tuple[bytes, bool]], reason: str) -> str:
        make_private_folder(self.folder)
        now = self._clock.now()
        manifest = Manifest(
            _FORMAT, now, self._version, tuple(_described(name, *file) for name, file in files.items()), reason
        )
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
            for name, (data, _) in files.items():
                archive.writestr(name, data)
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
        name, count = f"config-{stamp}.zip", 1
        while (self.folder / name).exists():
            count += 1
            name = f"config-{stamp}-{count}.zip"
        write_private(self.folder / name, packed.getvalue())
        return name

    def _prove(self, name: str, files: dict[str, tuple[bytes, bool]]) -> None:
        """Restore a backup into a scratch home and compare."""
        try:
            _, restored = self._read(name)
            with tempfile.TemporaryDirectory(prefix="aiconsole-proof-") as scratch:
                self._put(Path(scratch), restored)
                self._check(Path(scratch))
                same = {found: (Path(scratch) / found).read_bytes() for found in restored}
        except ConfigError as error:
            raise JobFailed(f"{name} was written but does not restore: {error.message}") from error
        if same != {found: data for found, (data, _) in files.items()}:
            raise JobFailed(f"{name} was written but restores to something else.")

    def _put(self, home: Path, files: dict[str, bytes]) -> None:
        make_private_folder(home)
        for name, data in files.items():
            write_private(home / name, data)

    def _look(self, path: Path) -> Backup:
        try:
            manifest, _ = self._read(path.name)
        except ConfigError as error:
            return Backup(path.name, path.stat().st_mtime, problem=error.message)
        return Backup(path.name, manifest.created_at, manifest.files, manifest.reason)

    def _read(self, name: str) -> tuple[Manifest, dict[str, bytes]]:
        """A backup's files, proved by their digests. Only names this console keeps are taken out of it, and nothing that is
        larger than a configuration is."""
        path = self.folder / name
        if Path(name).name != name or not path.is_file():
            raise ConfigError(f"There is no backup called “{name}”.", advice="See `aiconsole jobs backups`.")
        try:
            with zipfile.ZipFile(path) as archive:
                manifest = msgspec.json.decode(_taken(archive, _MANIFEST), type=Manifest)
                files = {file.name: _taken(archive, file.name) for file in manifest.files if file.name in self._names}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, msgspec.MsgspecError, NotImplementedError) as error:
            raise ConfigError(f"{name} is damaged: {error}.", advice="Choose another backup.") from error
        if manifest.format > _FORMAT:
            raise ConfigError(
                f"{name} was written by a newer console.", advice="Install that one, or choose another backup."
            )
        for file in manifest.files:
            if file.name in files and hashlib.sha256(files[file.name]).hexdigest() != file.sha256:
                raise ConfigError(
                    f"{name} is damaged: {file.name} is not what was kept.", advice="Choose another backup."
                )
        return manifest, files

    def _tidy(self) -> int:
        oldest = self._clock.now() - self._max_age_s
        removed = 0
        for at, backup in enumerate(self.backups()):
            if at >= self._keep or (at >= KEEP_ALWAYS and backup.created_at < oldest):
                (self.folder / backup.name).unlink(missing_ok=True)
                removed += 1
        return removed


def _described(name: str, data: bytes, cleaned: bool) -> BackedUp:
    return BackedUp(name, hashlib.sha256(data).hexdigest(), len(data), cleaned)


def _difference(before: bytes, after: bytes) -> tuple[str, ...]:
    old, new = (data.decode("utf-8", "replace").splitlines() for data in (before, after))
    lines = difflib.unified_diff(old, new, n=0, lineterm="")
    return tuple(line for line in lines if not line.startswith(("---", "+++", "@@")))


def _digests(files: Iterable[BackedUp]) -> dict[str, str]:
    return {file.name: file.sha256 for file in files}


def _taken(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise ValueError(f"{name} is too large")
    return data
