"""Fallback rules from TOML and back."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple, get_args

import msgspec

from aiconsole.resources import resource
from aiconsole.routing.rules.declare import ERROR_KINDS, Action, ErrorRate, Floor, Rule, Times
from aiconsole.rule_text import Mistake, RuleProblem, mistake, parted, read_tables

_TARGETS = {"route": "the name of a route", "switch model": "a provider/model"}


class Rules(NamedTuple):
    """What a text holds: the rules that can be used, in order, and what is wrong with the others."""

    rules: tuple[Rule, ...]
    problems: tuple[RuleProblem, ...]


def default_rules() -> tuple[Rule, ...]:
    """The rules that come with the console.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    rules, problems = read_rules(resource("rules.toml").read_text(encoding="utf-8"))
    if problems:
        raise ValueError(f"the rules that come with the console: {problems[0]}")
    return rules


def read_rules(text: str) -> Rules:
    """Rules from TOML, one table each, named by its key; the order is that of the text."""
    return Rules(*read_tables(text, Rule, _told, faults))


def write_rules(rules: Sequence[Rule]) -> str:
    """TOML that reads back as the same rules."""
    import tomlkit

    document = tomlkit.document()
    for rule in rules:
        table = tomlkit.table()
        values = msgspec.to_builtins(msgspec.structs.replace(rule, name=""))
        for key in ("about", *(key for key in values if key != "about")):
            if key in values:
                table.add(key, _item(values[key]))
        document.add(rule.name, table)
    return tomlkit.dumps(document)


def misfit(rule: Rule) -> str:
    """What in a rule that was put together in memory could not be read back from a file, "" where nothing."""
    table = msgspec.to_builtins(rule)
    try:
        msgspec.convert(table, Rule)
    except msgspec.ValidationError as error:
        return _told(str(error), table)[1]
    return ""


def faults(rule: Rule) -> tuple[tuple[str, str], ...]:
    """What in a rule cannot work, whatever the routes are, as (key, reason)."""
    found = [("errors", _unknown_kind(kind)) for kind in rule.errors if kind not in ERROR_KINDS]
    if rule.unconditional:
        found.append(("", "it has no condition, so it would always hold"))
    if rule.do in _TARGETS and not rule.to:
        found.append(("do", f"it needs “to”, {_TARGETS[rule.do]}"))
    if rule.do == "switch model" and rule.to and not all(rule.to.partition("/")):
        found.append(("to", "it must be written provider/model"))
    if rule.to and rule.do not in _TARGETS:
        found.append(("to", f"“{rule.do}” has no target"))
    if rule.do == "wait" and not rule.wait_s:
        found.append(("do", "it needs “wait_s”, how long to wait at most"))
    if rule.do == "wait" and rule.moment != "after an error":
        found.append(("do", "there is nothing to try again unless it names errors or statuses"))
    if rule.cost is not None and rule.moment != "before an attempt":
        found.append(("cost", "an estimate is held against a request before an attempt; it cannot stand here"))
    return (*found, *_wrong_sides(rule))


def _wrong_sides(rule: Rule) -> list[tuple[str, str]]:
    found = []
    for key, figure in zip(("error_rate", "latency", "ttft", "score", "headroom"), rule.figures, strict=True):
        if isinstance(figure, ErrorRate) and figure.leave > figure.above:
            found.append((key, "“below”, where it ceases, must not be more than “above”, where it begins"))
        if isinstance(figure, Times) and figure.leave > figure.above_ms:
            found.append((key, "“below_ms”, where it ceases, must not be more than “above_ms”, where it begins"))
        if isinstance(figure, Floor) and figure.leave < figure.below:
            found.append((key, "“above”, where it ceases, must not be less than “below”, where it begins"))
    return found


def _told(message: str, table: dict[str, Any]) -> Mistake:
    path, reason = parted(message)
    if path and path[-1] == "do" and isinstance(table.get("do"), str):
        actions = list(get_args(Action))
        close = get_close_matches(table["do"], actions, n=1)
        return path, f"“{table['do']}” is no action; it is one of {', '.join(actions)}" + (
            f"; did you mean {close[0]}?" if close else ""
        )
    if "matching regex" in reason:
        reason = "must be a time of day such as 22:00" if path[-1] in ("from", "to") else "is 4xx, 5xx or a status"
        return path, f"{'.'.join(path)} {reason}"
    return mistake(message, Rule.__struct_fields__)


def _unknown_kind(kind: str) -> str:
    close = get_close_matches(kind, sorted(ERROR_KINDS), n=1)
    return f"there is no error “{kind}”" + (f"; did you mean “{close[0]}”?" if close else "")


def _item(value: Any) -> Any:
    """A nested table on one line, as the default rules have it."""
    import tomlkit

    if not isinstance(value, dict):
        return value
    inline = tomlkit.inline_table()
    inline.update(value)
    return inline
