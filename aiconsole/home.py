"""Where the console keeps its files, and how a private file is written.

Settings, database and logs live in the platform's own places, or all inside one folder given as ``--home DIR`` or in
``AICONSOLE_HOME``. Folders made here are for their owner only (0700), files written here too (0600). Windows has no such
modes: there a person's own folders, in which these places are, are closed to other people, and a folder named with --home is
as open as the one it is in.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from aiconsole.domain.errors import ConfigError

HOME_VARIABLE = "AICONSOLE_HOME"
_APP = "aiconsole"
_PAUSES_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.2)


class Home(msgspec.Struct, frozen=True):
    """The places of this console's files; ``custom`` is True where all of them are inside one folder the person named."""

    settings: Path
    database: Path
    logs: Path
    custom: bool = False

    @property
    def bench(self) -> Path:
        """The folder of the test bench's kept runs; it is made with the first."""
        return self.database.parent / "bench"

    def ensure(self) -> None:
        """Make the folders that are missing, readable by their owner only; those that exist are left as they are.

        Raises:
            ConfigError: a folder cannot be made or written to.
        """
        for folder in dict.fromkeys((self.settings.parent, self.database.parent, self.logs)):
            make_private_folder(folder)


def find_home(home: Path | str | None, environ: Mapping[str, str]) -> Home:
    """Decide where files live: ``home`` before ``AICONSOLE_HOME`` before the platform's places. Touches no file.

    Args:
        home: the folder given by the person, or None. ``~`` is expanded; a relative path is taken from the present folder.
        environ: the environment; an empty variable counts as unset.

    Raises:
        ConfigError: the given folder has no name, or is a file.
    """
    if home is not None and not str(home).strip():
        raise ConfigError("The home folder given is empty.", advice="Name a folder after --home, or leave it out.")
    given = home if home is not None else environ.get(HOME_VARIABLE, "").strip()
    if given:
        return _custom_home(Path(given))
    import platformdirs

    places = platformdirs.PlatformDirs(_APP, appauthor=False)
    return Home(
        settings=places.user_config_path / "settings.toml",
        database=places.user_data_path / "aiconsole.db",
        logs=places.user_log_path,
    )


def _custom_home(folder: Path) -> Home:
    try:
        folder = Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100  (resolves "..", keeps symbolic links)
    except RuntimeError as error:
        raise ConfigError(f"The home folder {folder} cannot be found: {error}", advice="Give its full path.") from None
    if folder.exists() and not folder.is_dir():
        raise ConfigError(
            f"The home folder {folder} is a file.", advice="Name a folder, or one that does not exist yet."
        )
    return Home(
        settings=folder / "settings.toml",
        database=folder / "aiconsole.db",
        logs=folder / "logs",
        custom=True,
    )


def make_private_folder(folder: Path) -> None:
    """Make ``folder`` and its missing parents with mode 0700.

    Raises:
        ConfigError: it cannot be made, or is not a folder, or cannot be written to.
    """
    missing = [folder, *folder.parents]
    missing = missing[: next((i for i, path in enumerate(missing) if path.exists()), len(missing))]
    try:
        for path in reversed(missing):
            path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"The folder {folder} cannot be made: {error.strerror or error}.",
            advice=f"Check the rights on {missing[-1].parent}, or choose another place with --home.",
        ) from error
    if not folder.is_dir():
        raise ConfigError(
            f"{folder} is not a folder.", advice="Move that file away, or choose another place with --home."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(
            f"The folder {folder} cannot be written to.",
            advice="Check its rights, or choose another place with --home.",
        )


def write_private(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` at once: readers see the old content or the new one, also after a crash.

    The new content goes to a temporary file in the same folder (mode 0600), is flushed to the disk, and then takes the name.
    A symbolic link stays one; what it points to is replaced.

    Raises:
        OSError: nothing was changed.
    """
    import tempfile

    path = Path(os.path.realpath(path))
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        put_in_place(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise
    _flush_folder(path.parent)


def put_in_place(source: Path | str, target: Path | str, *, platform: str = sys.platform) -> None:
    """Rename ``source`` to ``target``, instead of what has that name. Blocks.

    Windows refuses that while another program (a virus scanner, an indexer, an editor) has one of the files open, which is
    mostly over in a moment; so there it is tried again for half a second.

    Raises:
        OSError: it cannot be done.
    """
    for pause_s in (*_PAUSES_S, None) if platform == "win32" else (None,):
        try:
            os.replace(source, target)  # noqa: PTH105  (takes plain names as well)
            return
        except PermissionError:
            if pause_s is None:
                raise
            time.sleep(pause_s)


def _flush_folder(folder: Path) -> None:
    """Flush a rename to the disk where folders can be opened (not on Windows)."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
