"""Rules as TOML, one table each: read so that a mistake costs the one rule it is in and is named with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import Any, Final, Literal, TypeVar

import msgspec

from aiconsole.settings.lines import Outline, outline

_AT: Final = re.compile(r" - at `\$\.?([^`]*)`$")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.+)`")

R = TypeVar("R", bound=msgspec.Struct)
Mistake = tuple[tuple[str, ...], str]
"""The keys that lead to it, and what it is."""


class RuleProblem(msgspec.Struct, frozen=True):
    """Something wrong with a rule; ``rule`` "" where the file is wrong. ``line`` counts from 1, None where the rule does not
    come from a file.

    ``severity`` "error": the rule cannot be used; "warning": it can, but does not do what it seems to.
    """

    rule: str
    reason: str
    severity: Literal["error", "warning"] = "error"
    line: int | None = None

    def __str__(self) -> str:
        place = f"Line {self.line}" if self.line is not None else "In the rules"
        return f"{place}, {self.rule}: {self.reason}." if self.rule else f"{place}: {self.reason}."


def read_tables(
    text: str,
    kind: type[R],
    told: Callable[[str, dict[str, Any]], Mistake],
    faults: Callable[[R], Iterable[tuple[str, str]]],
) -> tuple[tuple[R, ...], tuple[RuleProblem, ...]]:
    """The rules in ``text`` that can be used, in its order, and what is wrong with the others.

    Args:
        kind: what a table becomes; its ``name`` is the table's key.
        told: what msgspec says of a table, in our words.
        faults: what in a rule cannot work, as (key, reason).
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        return (), (RuleProblem("", f"this is not TOML: {error}", line=int(found[1]) if found else None),)
    lines = outline(text)
    rules: list[R] = []
    problems: list[RuleProblem] = []
    for name, table in tables.items():
        rule = _rule(name, table, lines, kind, told, faults)
        if isinstance(rule, RuleProblem):
            problems.append(rule)
        else:
            rules.append(rule)
    return tuple(rules), tuple(problems)


def mistake(message: str, known: Sequence[str]) -> Mistake:
    """What msgspec says of a table, in our words; ``known`` are the keys a rule may have."""
    path, reason = parted(message)
    unknown = _UNKNOWN.match(reason)
    if unknown:
        close = () if path else get_close_matches(unknown[1], known, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return (*path, unknown[1]), f"there is nothing called {unknown[1]}{hint}"
    if reason.startswith("Object missing required field"):
        return path, f"{reason.partition('`')[2].rstrip('`')} is missing"
    where = ".".join(path)
    return path, f"{where}: {reason[:1].lower()}{reason[1:]}".replace("`", "") if where else reason


def parted(message: str) -> Mistake:
    """A message of msgspec as where the mistake is and what it is, in its own words."""
    at = _AT.search(message)
    return tuple(part.partition("[")[0] for part in (at[1] if at else "").split(".") if part), _AT.sub("", message)


def _rule(
    name: str,
    table: Any,
    lines: Outline,
    kind: type[R],
    told: Callable[[str, dict[str, Any]], Mistake],
    faults: Callable[[R], Iterable[tuple[str, str]]],
) -> R | RuleProblem:
    if not isinstance(table, dict):
        return RuleProblem(name, f"a rule is a table, written [{name}]", line=lines.find((name,)))
    if "name" in table:
        return RuleProblem(name, "a rule's name is that of its table", line=lines.find((name, "name")))
    try:
        rule = msgspec.convert({**table, "name": name}, kind)
    except msgspec.ValidationError as error:
        path, reason = told(str(error), table)
        return RuleProblem(name, reason, line=lines.find((name, *path)))
    for key, reason in faults(rule):
        return RuleProblem(name, reason, line=lines.find((name, key)))
    return rule
