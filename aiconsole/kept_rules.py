"""A file of rules beside the settings: the rules in use, and the text they are kept in.

Without the file the rules that come with the console hold. The version before each change is kept beside it as ``.bak``. What
an editor wrote meanwhile, or what cannot be read, is never written over.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Generic, TypeVar

from aiconsole.domain.errors import ConfigError
from aiconsole.home import make_private_folder, write_private
from aiconsole.resources import resource
from aiconsole.rule_text import RuleProblem

R = TypeVar("R")


class KeptRules(ABC, Generic[R]):
    """Reads and writes the rules. May be used from any thread; all but the attributes waits for the disk.

    Args:
        path: where the file is or will be; a resource of its name has the rules that come with the console.

    Attributes:
        rules: those in use.
        problems: what in the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rules: tuple[R, ...] = ()
        self.problems: tuple[RuleProblem, ...] = ()
        self._raw: bytes | None = None
        self._lock = threading.Lock()
        self.reload()
        if self._unreadable:
            self.rules = self._shipped()

    @property
    def own(self) -> bool:
        """Whether there is a file."""
        return self._raw is not None

    def reload(self) -> None:
        """Read the file again. One that is not TOML leaves the rules in use as they are, and says so in ``problems``."""
        with self._lock:
            try:
                self._raw = self._on_disk()
                text = "" if self._raw is None else self._raw.decode("utf-8-sig")
            except OSError as error:
                self.problems = (RuleProblem("", f"{self.path.name} cannot be read: {error.strerror or error}"),)
                return
            except UnicodeDecodeError:
                self.problems = (RuleProblem("", "this is not text in UTF-8"),)
                return
            if self._raw is None:
                self.rules, self.problems = self._shipped(), ()
                return
            rules, self.problems = self._read(text)
            if not self._unreadable:
                self.rules = rules

    def reset(self) -> None:
        """Use the rules that come with the console; the file is kept as ``.bak``.

        Raises:
            ConfigError: it cannot be moved. Nothing was changed.
        """
        with self._lock:
            try:
                if self._on_disk() is not None:
                    self.path.replace(self._backup)
            except OSError as error:
                raise self._unwritten(error) from error
            self._raw, self.rules, self.problems = None, self._shipped(), ()

    @abstractmethod
    def _read(self, text: str) -> tuple[tuple[R, ...], tuple[RuleProblem, ...]]:
        """The rules in a text that can be used, and what is wrong with the others."""

    @abstractmethod
    def _shipped(self) -> tuple[R, ...]:
        """The rules that come with the console."""

    @abstractmethod
    def _text(self, before: str, rules: Sequence[R]) -> str:
        """The text to write: as far as possible the present one.

        Raises:
            ConfigError: something would be lost.
        """

    def _keep(self, rules: Sequence[R]) -> None:
        """Keep these rules, which were checked, and use them from now on.

        Raises:
            ConfigError: the file was changed by somebody else, is not TOML, or cannot be written. Nothing was changed.
        """
        with self._lock:
            try:
                now = self._on_disk()
            except OSError as error:
                raise self._unwritten(error) from error
            if now != self._raw:
                raise ConfigError(
                    f"{self.path.name} was changed by another program since it was read.",
                    advice="Reload it first; nothing was written.",
                )
            if self._unreadable:
                raise ConfigError(
                    f"{self.path.name} cannot be read, so it is not written over.",
                    advice="Mend it in an editor and reload, or go back to the defaults, which keeps it as a copy.",
                )
            before = resource(self.path.name).read_bytes() if self._raw is None else self._raw
            self._write(self._text(before.decode("utf-8-sig").replace("\r\n", "\n"), rules))
            self.rules = tuple(rules)

    def _write(self, text: str) -> None:
        try:
            make_private_folder(self.path.parent)
            if self._raw is not None:
                write_private(self._backup, self._raw)
            raw = text.encode()
            write_private(self.path, raw)
        except OSError as error:
            raise self._unwritten(error) from error
        self._raw = raw
        self.problems = self._read(text)[1]

    @property
    def _unreadable(self) -> bool:
        return any(not problem.rule for problem in self.problems)

    @property
    def _backup(self) -> Path:
        return self.path.with_name(f"{self.path.name}.bak")

    def _on_disk(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def _unwritten(self, error: OSError) -> ConfigError:
        return ConfigError(
            f"{self.path} cannot be written: {error.strerror or error}.",
            advice="Check the disk and the file's rights; nothing was changed.",
        )
