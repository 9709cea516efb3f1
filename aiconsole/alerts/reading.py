"""Alert rules from TOML and back.

Changed rules are put into the text they came from, so that comments, the rules that did not change, and tables that cannot be
read stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from aiconsole.alerts.declare import CONDITIONS, MEASURED, AlertRule, Change, Threshold
from aiconsole.resources import resource
from aiconsole.rule_text import Mistake, RuleProblem, mistake, read_tables

FILE = "alerts.toml"


class Read(NamedTuple):
    """What a text holds: the rules that can be used, in order, and what is wrong with the others."""

    rules: tuple[AlertRule, ...]
    problems: tuple[RuleProblem, ...]


def default_rules() -> tuple[AlertRule, ...]:
    """The rules that come with the console.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    rules, problems = read_rules(resource(FILE).read_text(encoding="utf-8"))
    if problems:
        raise ValueError(f"the alert rules that come with the console: {problems[0]}")
    return rules


def read_rules(text: str) -> Read:
    """Rules from TOML, one table each, named by its key; the order is that of the text."""
    return Read(*read_tables(text, AlertRule, _told, _faults))


def check(rules: Sequence[AlertRule]) -> tuple[RuleProblem, ...]:
    """What in rules that were put together in memory cannot be used."""
    found = []
    for rule in rules:
        if not rule.name.strip():
            found.append(RuleProblem("", "a rule needs a name"))
        table = msgspec.to_builtins(rule)
        try:
            msgspec.convert(table, AlertRule)
        except msgspec.ValidationError as error:
            found.append(RuleProblem(rule.name, _told(str(error), table)[1]))
            continue
        found += [RuleProblem(rule.name, reason) for _, reason in _faults(rule)]
    names = [rule.name for rule in rules]
    twice = (name for name in dict.fromkeys(names) if names.count(name) > 1)
    return (*found, *(RuleProblem(name, "there are two rules of this name") for name in twice))


def write_rules(text: str, rules: Sequence[AlertRule]) -> str:
    """``text`` with these rules instead of its own; a rule that did not change keeps its text, one that did the comment above.

    Raises:
        ValueError: the text cannot be changed so that it reads back as these rules.
    """
    import tomlkit

    before = {rule.name: rule for rule in read_rules(text).rules}
    document = tomlkit.parse(text)
    for name in before:
        if name not in {rule.name for rule in rules}:
            del document[name]
    for rule in rules:
        if before.get(rule.name) == rule:
            continue
        values = msgspec.to_builtins(msgspec.structs.replace(rule, name=""))
        if rule.name in document and isinstance(document[rule.name], dict):
            _update(document[rule.name], values)
        else:
            table = tomlkit.table()
            _update(table, values)
            document[rule.name] = table
            table.trivia.indent = "\n" if len(document) > 1 else ""
    made = tomlkit.dumps(document)
    if sorted(read_rules(made).rules, key=_name) != sorted(rules, key=_name):
        raise ValueError("the rules cannot be put into this text")
    return made


def _name(rule: AlertRule) -> str:
    return rule.name


def _update(table: Any, values: dict[str, Any]) -> None:
    """Make a table hold these values, touching only what differs."""
    import tomlkit

    for key in [key for key in table if key not in values]:
        del table[key]
    for key in ("about", *(key for key in values if key != "about")):
        if key not in values or (key in table and table[key] == values[key]):
            continue
        value = values[key]
        if isinstance(value, dict):
            inline = tomlkit.inline_table()
            inline.update(value)
            value = inline
        table[key] = value


def _faults(rule: AlertRule) -> list[tuple[str, str]]:
    """What cannot work, as (key, reason)."""
    if len(rule.conditions) != 1:
        return [("", f"it needs exactly one condition, one of {', '.join(CONDITIONS)}")]
    condition = rule.condition
    found: list[tuple[str, str]] = []
    if rule.providers and rule.by == "all" and any(getattr(rule, name) is not None for name in MEASURED):
        found.append(("providers", "it judges all providers together, so it cannot name some"))
    if isinstance(condition, Threshold):
        if (condition.above is None) == (condition.below is None):
            found.append(("threshold", "it needs either “above” or “below”"))
        elif condition.above is not None and condition.ceases > condition.above:
            found.append(("threshold", "“clear”, where it ceases, must not be more than “above”, where it begins"))
        elif condition.below is not None and condition.ceases < condition.below:
            found.append(("threshold", "“clear”, where it ceases, must not be less than “below”, where it begins"))
    if isinstance(condition, Change) and (condition.rise is None) == (condition.fall is None):
        found.append(("change", "it needs either “rise” or “fall”"))
    if rule.burn is not None and rule.burn.short_s >= rule.burn.long_s:
        found.append(("burn", "“short_s” must be less than “long_s”"))
    if rule.bench is not None and rule.bench.ceases > rule.bench.above:
        found.append(("bench", "“clear”, where it ceases, must not be more than “above”, where it begins"))
    if rule.errors is not None and not rule.errors.kinds:
        found.append(("errors", "it needs “kinds”, the kinds of errors"))
    return found


def _told(message: str, _: dict[str, Any]) -> Mistake:
    return mistake(message, AlertRule.__struct_fields__)
