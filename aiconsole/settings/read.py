"""From a parsed TOML table to settings: each value on its own, so that one mistake costs one default and no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from aiconsole.domain.errors import ConfigError
from aiconsole.settings import checks
from aiconsole.settings.declare import Settings
from aiconsole.settings.describe import Field, fields_of

Path = tuple[str, ...]


class Problem(msgspec.Struct, frozen=True):
    """Something in the settings file that cannot be used: where, why, and what is used instead.

    ``key`` is empty for a fault of the file as a whole; ``line`` counts from 1 and is None where there is no such line;
    ``default`` is written as in the file, or empty where nothing takes its place.
    """

    key: str
    line: int | None
    reason: str
    default: str = ""
    path: Path = ()

    def __str__(self) -> str:
        place = f"Line {self.line}" if self.line is not None else "In the file"
        subject = f", {self.key}" if self.key else ""
        instead = f"; {self.default} is used instead" if self.default else ""
        return f"{place}{subject}: {self.reason}{instead}."


class Reading(NamedTuple):
    """What a table holds: ``secrets`` are texts in it that are to be kept out of logs and exports."""

    values: Settings
    problems: tuple[Problem, ...]
    secrets: tuple[str, ...]


def read_settings(table: Mapping[str, Any]) -> Reading:
    """Settings from a parsed file, with the default for everything that is absent or cannot be used."""
    reader = _Reader()
    values = reader.group(Settings, table, ())
    assert values is not None  # nothing at the top is required
    return Reading(values, tuple(reader.problems), tuple(reader.secrets))


def _length_of_name(parts: Sequence[str], fields: Mapping[str, Field]) -> int:
    """How many of ``parts`` are the name of a group: up to the first that is one of its fields, else one."""
    return next((at for at, part in enumerate(parts) if at and part in fields), 1)


def find_key(key: str) -> Path:
    """A setting's key, such as ``providers.groq.base_url``, taken apart by the declaration (a route may hold a dot).

    Raises:
        ConfigError: there is no such setting.
    """
    parts = key.split(".")
    path: list[str] = []
    struct: type[msgspec.Struct] = Settings
    while parts:
        fields = fields_of(struct)
        field = fields.get(parts[0])
        if field is None:
            raise ConfigError(f"There is no setting {key}{_did_you_mean(parts[0], fields)}.")
        path.append(parts.pop(0))
        if field.kind == "value" and parts:
            raise ConfigError(f"There is no setting {key}; {'.'.join(path)} is a single value.")
        if field.kind == "table" and parts:
            path.append(".".join(parts))
            break
        if field.kind == "groups" and parts:
            many = _length_of_name(parts, fields_of(field.type))
            path.append(".".join(parts[:many]))
            del parts[:many]
        struct = field.type if field.kind in ("group", "groups") else struct
    return tuple(path)


class _Reader:
    """Walks the declaration and the file's table together, and collects what is wrong."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.secrets: list[str] = []

    def group(self, struct: type[msgspec.Struct], table: Any, path: Path) -> Any:
        """An instance of ``struct``; None where something required is missing."""
        if not isinstance(table, Mapping):
            self._report(path, f"must be a table, written [{'.'.join(path)}]", "")
            return None
        fields = fields_of(struct)
        for name, value in table.items():
            if name not in fields:
                self._unknown((*path, name), value, fields)
        values: dict[str, Any] = {}
        complete = True
        for name, field in fields.items():
            if name in table:
                taken = self._field(field, table[name], (*path, name))
                if taken is not None:
                    values[name] = taken
            elif field.required:
                self._report((*path, name), "is missing; nothing around it can be used without it", "")
            complete = complete and (not field.required or name in values)
        return struct(**values) if complete else None

    def _field(self, field: Field, value: Any, path: Path) -> Any:
        """The field's value, or None for its default."""
        if field.kind == "group":
            return self.group(field.type, value, path)
        if field.kind == "value":
            return self._value(field, value, path)
        if not isinstance(value, Mapping):
            self._report(path, f"must be a table, written [{'.'.join(path)}]", "")
            return None
        entries = dict(field.default)
        for name, item in value.items():
            taken = self._entry(field, name, item, (*path, name))
            if taken is not None:
                entries[name] = taken
        return {name: item for name, item in entries.items() if item != ()}

    def _entry(self, field: Field, name: str, item: Any, path: Path) -> Any:
        if field.name == "headers" and isinstance(item, str):
            self.secrets += checks.secrets_of_header(name, item)
        taken = self.group(field.type, item, path) if field.kind == "groups" else self._value(field, item, path)
        if taken is None or field.entry is None:
            return taken
        try:
            field.entry(name, taken)
        except ValueError as error:
            self._report(path, str(error), _written(field.default.get(name), required=True))
            return None
        return taken

    def _value(self, field: Field, value: Any, path: Path) -> Any:
        if isinstance(value, str) and "://" in value:
            self.secrets += checks.secrets_of_url(value)
        default = field.default.get(path[-1]) if field.kind == "table" else field.default
        try:
            taken = msgspec.convert(value, field.type)
        except msgspec.ValidationError:
            self._report(path, f"must be {field.info.expectation}", _written(default, field.required))
            return None
        try:
            if field.check is not None and taken is not None:
                for text in (taken,) if isinstance(taken, str) else taken:
                    field.check(text)
        except ValueError as error:
            self._report(path, str(error), _written(default, field.required))
            return None
        return taken

    def _unknown(self, path: Path, value: Any, fields: Mapping[str, Field]) -> None:
        reason = f"there is no such setting{_did_you_mean(path[-1], fields)}"
        if checks.looks_like_key(path[-1]):
            reason = f"there is no such setting; {checks.KEY_STORE_ADVICE}"
            if isinstance(value, str):
                self.secrets.append(value)
        self._report(path, reason, "")

    def _report(self, path: Path, reason: str, default: str) -> None:
        self.problems.append(Problem(".".join(path), None, reason, default, path))


def _did_you_mean(name: str, known: Mapping[str, Any]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _written(value: Any, required: bool) -> str:
    """A default as the file would have it; empty where there is none."""
    if value is None:
        return "" if required else "no value"
    return msgspec.json.encode(value).decode()
