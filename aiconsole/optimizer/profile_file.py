"""``profiles.toml`` beside the settings: the person's own profiles, which one is in use, and what it has covered."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from aiconsole.domain.errors import ConfigError
from aiconsole.home import Home, make_private_folder, write_private
from aiconsole.optimizer.profiles import Kept

_HEAD = """# Profiles of the console's settings: `aiconsole profile`, or Performance in the window.
# Under [profiles.NAME] stand a profile's settings, such as "cache.mode" = "off". The rest is the console's own note.

"""


class ProfileFile:
    """Reads and writes it; both block."""

    def __init__(self, home: Home) -> None:
        self.path: Path = home.settings.with_name("profiles.toml")

    def read(self) -> Kept:
        """What is remembered; nothing where there is no file.

        Raises:
            ConfigError: it cannot be read.
        """
        try:
            return msgspec.convert(tomllib.loads(self.path.read_text("utf-8-sig")), Kept)
        except FileNotFoundError:
            return Kept()
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise ConfigError(
                f"{self.path.name} cannot be read: {error}.", advice="Mend it in an editor, or move it away."
            ) from error

    def write(self, kept: Kept) -> None:
        """Replace it at once.

        Raises:
            ConfigError: it cannot be written; the one before is still there.
        """
        import tomlkit

        try:
            make_private_folder(self.path.parent)
            write_private(self.path, (_HEAD + tomlkit.dumps(msgspec.to_builtins(kept))).encode())
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be written: {error.strerror or error}.",
                advice="Check the disk and the file's rights.",
            ) from error
