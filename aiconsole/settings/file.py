"""The settings file: read with ``tomllib``, changed with ``tomlkit`` so that comments and order stay, replaced at once.

The version before each change is kept beside it as ``settings.toml.bak``. A change reads the file again first, so what an
editor or another console wrote meanwhile is kept. A file with an error is never written over.
"""

from __future__ import annotations

import copy
import re
import threading
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from aiconsole.domain.errors import ConfigError
from aiconsole.home import Home, make_private_folder, write_private
from aiconsole.secrets import REDACTOR, Redactor
from aiconsole.settings.declare import Settings
from aiconsole.settings.read import Problem, find_key, read_settings

_ATTEMPTS = 5


class _Content(NamedTuple):
    """The file as found: ``data`` None where it is not TOML, ``raw`` None where there is no file."""

    raw: bytes | None
    text: str
    data: dict[str, Any] | None
    values: Settings
    problems: tuple[Problem, ...]


class SettingsFile:
    """The settings in use and the file they come from. May be used from any thread; changing blocks (it waits for the disk).

    Extra headers and other secrets found in the file are registered with ``redactor``.
    """

    def __init__(self, path: Path, *, redactor: Redactor = REDACTOR) -> None:
        self.path = path
        self._redactor = redactor
        self._lock = threading.Lock()
        self._content = self._read()

    @classmethod
    def load(cls, home: Home | Path, *, redactor: Redactor = REDACTOR) -> SettingsFile:
        """Read the settings of a home, or of a given file. A missing file is all defaults; a faulty one has ``problems``."""
        return cls(home.settings if isinstance(home, Home) else home, redactor=redactor)

    @property
    def values(self) -> Settings:
        """The settings, with the default for each that is absent or cannot be used."""
        return self._content.values

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What in the file cannot be used."""
        return self._content.problems

    def reload(self) -> Settings:
        """Read the file again."""
        with self._lock:
            self._content = self._read()
            return self._content.values

    def get(self, key: str) -> Any:
        """The present value of a setting, or of a group of them; None where it is unset.

        Raises:
            ConfigError: there is no such setting.
        """
        return _found(self.values, key)

    def default(self, key: str) -> Any:
        """What a setting is while it is not set; raises as `get`."""
        return _found(read_settings({}).values, key)

    def set(self, key: str, value: Any) -> Settings:
        """Set one setting, or a whole group (a mapping or struct, such as one custom provider), and write the file.

        Args:
            key: such as ``providers.groq.base_url``, ``routes.fast`` or ``custom.local``.
            value: of the setting's type; None is the same as ``reset``.

        Raises:
            ConfigError: there is no such setting, the value does not fit, or the file is faulty or cannot be written.
                Nothing was changed.
        """
        return self._change(key, _plain(key, value))

    def reset(self, key: str) -> Settings:
        """Take a setting, or a whole group, out of the file, so that its default holds. Raises as ``set`` does."""
        return self._change(key, None)

    def set_many(self, values: Mapping[str, Any]) -> Settings:
        """Set several settings; None is the same as ``reset``. Raises as ``set`` does, and then none is changed."""
        before = {key: self.get(key) for key in values}
        plain = {key: _plain(key, value) for key, value in values.items()}
        content = self._read()
        for key, value in plain.items():
            path = find_key(key)
            wanted = _changed(content, path, value)
            self._check(path, wanted, content.problems)
            content = content._replace(data=wanted)
        done: list[str] = []
        try:
            for key, value in plain.items():
                self._change(key, value)
                done.append(key)
        except ConfigError:
            for key in reversed(done):
                self._change(key, _plain(key, before[key]))
            raise
        return self.values

    def _change(self, key: str, value: Any) -> Settings:
        path = find_key(key)
        with self._lock:
            for _ in range(_ATTEMPTS):
                content = self._read()
                wanted = _changed(content, path, value)
                self._check(path, wanted, content.problems)
                if not _same(_without_empty(wanted), _without_empty(content.data or {})):
                    text = _edited(content.text, path, value, wanted)
                    if text is None:
                        raise ConfigError(
                            f"{key} cannot be set without disturbing the rest of {self.path.name}.",
                            advice="Change it in an editor; nothing was written.",
                        )
                    if self._read().raw != content.raw:
                        continue
                    self._write(content.raw, text)
                self._content = self._read()
                return self._content.values
        raise ConfigError(f"{self.path.name} keeps being changed by another program.", advice="Try again in a moment.")

    def _check(self, path: tuple[str, ...], wanted: dict[str, Any], before: tuple[Problem, ...]) -> None:
        """Refuse a change after which the reader would complain about this setting, anything in it, or anything new."""
        reading = read_settings(wanted)
        self._register(reading.secrets)
        known = {(problem.path, problem.reason) for problem in before}
        for problem in reading.problems:
            shared = min(len(path), len(problem.path))
            if problem.path[:shared] == path[:shared] or (problem.path, problem.reason) not in known:
                raise ConfigError(f"{problem.key}: {problem.reason}.", advice="Nothing was changed.")

    def _write(self, before: bytes | None, text: str) -> None:
        try:
            make_private_folder(self.path.parent)
            if before is not None:
                write_private(self.path.with_name(self.path.name + ".bak"), before)
            write_private(self.path, text.encode())
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be written: {error.strerror or error}.",
                advice="Check the disk and the file's rights.",
            ) from error

    def _raw(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def _read(self) -> _Content:
        """Read and judge the file; never raises for what is in it."""
        raw: bytes | None = None
        try:
            raw = self._raw()
            text = (raw or b"").decode("utf-8-sig")
            data = tomllib.loads(text)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            problem = Problem("", _fault_line(error, raw or b""), _fault_words(error), "every setting's default")
            return _Content(raw, "", None, read_settings({}).values, (problem,))
        reading = read_settings(data)
        self._register(reading.secrets)
        return _Content(raw, text, data, reading.values, _with_lines(reading.problems, text))

    def _register(self, secrets: tuple[str, ...]) -> None:
        for secret in secrets:
            self._redactor.add(secret)


def _found(values: Settings, key: str) -> Any:
    value: Any = values
    for part in find_key(key):
        value = value.get(part) if isinstance(value, dict) else getattr(value, part, None)
    return value


def _with_lines(problems: tuple[Problem, ...], text: str) -> tuple[Problem, ...]:
    if not problems:
        return ()
    from aiconsole.settings.lines import outline

    known = outline(text)
    placed = [msgspec.structs.replace(problem, line=known.find(problem.path)) for problem in problems]
    return tuple(sorted(placed, key=lambda problem: problem.line or 0))


def _fault_line(error: Exception, raw: bytes) -> int | None:
    """The line of a fault that keeps the whole file from being read."""
    if isinstance(error, UnicodeDecodeError):
        return raw.count(b"\n", 0, error.start) + 1
    if isinstance(error, tomllib.TOMLDecodeError):
        if found := re.search(r"at line (\d+)", str(error)):
            return int(found.group(1))
        return raw.count(b"\n") + 1
    return None


def _fault_words(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "the file is not UTF-8 text"
    if isinstance(error, OSError):
        return f"the file cannot be read ({error.strerror or type(error).__name__})"
    if isinstance(error, RecursionError):
        return "the file is nested too deeply"
    words = str(error).partition(" (at ")[0]
    return f"the file is not valid TOML ({words[:1].lower()}{words[1:]})"


def _plain(key: str, value: Any) -> Any:
    """A value as TOML has it: structs and tuples as tables and lists.

    Raises:
        ConfigError: it is of a kind no setting has.
    """
    try:
        return _with_lists(msgspec.to_builtins(value))
    except TypeError:
        raise ConfigError(f"{key} cannot be set to a {type(value).__name__}.") from None


def _with_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_lists(item) for name, item in value.items()}
    return [_with_lists(item) for item in value] if isinstance(value, list | tuple) else value


def _changed(content: _Content, path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The file's data with the change made."""
    if content.data is None:
        fault = content.problems[0]
        where = f" (line {fault.line})" if fault.line is not None else ""
        raise ConfigError(
            f"The settings file has an error{where}: {fault.reason}.",
            advice="Correct it in an editor, or move it away to start afresh; it was not changed.",
        )
    data = copy.deepcopy(content.data)
    table = data
    for part in path[:-1]:
        if not isinstance(table.setdefault(part, {}), dict):
            raise ConfigError(
                f"{part} should be a table in the settings file.", advice="Correct it in an editor first."
            )
        table = table[part]
    if value is None:
        table.pop(path[-1], None)
    else:
        table[path[-1]] = value
    return data


def _without_empty(table: dict[str, Any]) -> dict[str, Any]:
    """Tables with nothing in them left out, at every depth."""
    kept = {key: _without_empty(value) if isinstance(value, dict) else value for key, value in table.items()}
    return {key: value for key, value in kept.items() if value != {}}


def _same(one: Any, other: Any) -> bool:
    """Equality in which a TOML ``nan`` equals itself."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124


def _edited(text: str, path: tuple[str, ...], value: Any, wanted: dict[str, Any]) -> str | None:
    """The text with the change made, proven by reading it; None where that did not give what was ``wanted``."""
    from tomlkit.exceptions import TOMLKitError

    from aiconsole.settings.edit import edited

    try:
        new = edited(text, path, value)
        return new if _same(_without_empty(tomllib.loads(new)), _without_empty(wanted)) else None
    except (TOMLKitError, tomllib.TOMLDecodeError):
        return None
