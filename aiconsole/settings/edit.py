"""Changing one key in the text of a TOML file, with everything else left as the person wrote it.

``tomlkit`` changes values in place. It counts a comment above ``[table]`` to the table before, so what is added or removed as
whole lines goes by the outline of the text instead: then each comment stays with what follows it.
"""

from __future__ import annotations

import tomllib
from collections.abc import MutableMapping
from typing import Any

import tomlkit
from tomlkit.items import InlineTable, Item

from aiconsole.settings.lines import outline

_HEADING = "# AI Console. What is not set here has its default; see Settings in the console for what there is.\n\n"
Path = tuple[str, ...]


def edited(text: str, path: Path, value: Any) -> str:
    """``text`` with ``path`` set to ``value``, or taken out where ``value`` is None (with the tables it leaves empty)."""
    crlf = "\r\n" in text
    text = text.replace("\r\n", "\n") or _HEADING
    if not text.endswith("\n"):
        text += "\n"
    new = _without(text, path) if value is None else _with(text, path, value)
    return new.replace("\n", "\r\n") if crlf else new


def _with(text: str, path: Path, value: Any) -> str:
    document = tomlkit.parse(text)
    around = _existing(document, path[:-1])
    table, name = around[-1], path[len(around) - 1]
    whole = len(around) == len(path)
    present = table.get(name) if whole else None
    if isinstance(table, InlineTable):
        table[name] = _nested(path[len(around) :], value)
        return document.as_string()
    if isinstance(present, MutableMapping) and not isinstance(present, InlineTable) and isinstance(value, dict):
        return _with_table(text, path, present, value)
    if present is not None:
        table[name] = value
        return document.as_string()
    for added in (_with_line(text, path, value), _with_section(text, path, value)):
        if added is not None and _is_toml(added):
            return added
    table[name] = _nested(path[len(around) :], value)
    return document.as_string()


def _with_table(text: str, path: Path, present: MutableMapping[str, Any], value: dict[str, Any]) -> str:
    """A table's keys made those of ``value``, each on its own."""
    for name in present:
        if name not in value:
            text = _without(text, (*path, name))
    for name, item in value.items():
        if present.get(name) != item:
            text = _with(text, (*path, name), item)
    return text


def _with_line(text: str, path: Path, value: Any) -> str | None:
    """A new key put under the last one of its section, where it has a section and needs none of its own."""
    if isinstance(value, dict):
        return None
    lines = _lines(text)
    section = next((section for section in outline(text).sections if section.path == path[:-1]), None)
    if section is None:
        return None
    new = tomlkit.dumps({path[-1]: value})
    if section.last:
        return "".join([*lines[: section.last], new, *lines[section.last :]])
    heading = next((number for number, line in enumerate(lines) if not line.startswith("#")), 0)
    heading = heading + 1 if lines and not lines[heading].strip() else 0
    return "".join([*lines[:heading], new, *(["\n"] if lines[heading:] else []), *lines[heading:]])


def _with_section(text: str, path: Path, value: Any) -> str | None:
    """A new section at the end."""
    if len(path) == 1 and not isinstance(value, dict):
        return None
    document = tomlkit.document()
    table: MutableMapping[str, Any] = document
    tables_above = len(path) - (not isinstance(value, dict))
    for depth, part in enumerate(path[:-1], start=1):
        table[part] = tomlkit.table(is_super_table=depth < tables_above)
        table = table[part]
    table[path[-1]] = value
    return text + ("" if text.endswith("\n\n") else "\n") + document.as_string()


def _without(text: str, path: Path) -> str:
    sections = [section for section in outline(text).sections if section.path and section.path[: len(path)] == path]
    lines = _lines(text)
    for section in reversed(sections):
        last = section.last
        if section.first > 1 and not lines[section.first - 2].strip() and not "".join(lines[last : last + 1]).strip():
            last += 1
        del lines[section.first - 1 : last]
    document = tomlkit.parse("".join(lines))
    tables = _existing(document, path[:-1])
    if len(tables) == len(path):
        tables[-1].pop(path[-1], None)
    text = document.as_string()
    table = tables[-1]
    if 1 < len(tables) == len(path) and not table and isinstance(table, Item) and "#" not in table.as_string():
        return _without(text, path[:-1])
    return text


def _lines(text: str) -> list[str]:
    """The lines with their ends; only a line feed ends one in TOML, unlike in ``splitlines``."""
    return [line + "\n" for line in text.split("\n")[:-1]]


def _existing(document: MutableMapping[str, Any], path: Path) -> list[MutableMapping[str, Any]]:
    """The document and those tables along ``path`` that exist."""
    tables = [document]
    for part in path:
        table = tables[-1].get(part)
        if not isinstance(table, MutableMapping):
            break
        tables.append(table)
    return tables


def _nested(path: Path, value: Any) -> Any:
    for part in reversed(path):
        value = {part: value}
    return value


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True
