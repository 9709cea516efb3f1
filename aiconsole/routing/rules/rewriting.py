"""A changed set of rules put into the text they came from, so that comments, and tables that cannot be read, stay."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from aiconsole.routing.rules.declare import Rule
from aiconsole.routing.rules.reading import read_rules, write_rules
from aiconsole.settings.lines import outline


class _Block(NamedTuple):
    """One table of the text with the comment lines right above it."""

    name: str
    comment: str
    body: str


def rewrite_rules(text: str, rules: Sequence[Rule]) -> str | None:
    """``text`` with these rules instead of its own.

    A rule that did not change keeps its text; one that did keeps the comment above it. Tables that cannot be read stay behind
    the table they followed. None where that cannot be done, as where a rule's table stands in pieces.
    """
    before = read_rules(text)
    if any(not problem.rule for problem in before.problems):
        return None
    head, blocks = _parted(text)
    if len({block.name for block in blocks}) < len(blocks):
        return None
    old = {rule.name: rule for rule in before.rules}
    found = {block.name: block for block in blocks}
    after = _unread(blocks, {*old, *(rule.name for rule in rules)})
    pieces = [head, *after.get("", ())]
    for rule in rules:
        block = found.get(rule.name)
        if block is not None and old.get(rule.name) == rule:
            pieces.append(block.comment + block.body)
        else:
            pieces.append((block.comment if block is not None else "") + write_rules((rule,)))
        pieces += after.pop(rule.name, ())
    gone = [piece for name, left in after.items() if name for piece in left]
    made = "\n\n".join(piece.strip("\n") for piece in (*pieces, *gone) if piece.strip()) + "\n"
    again = read_rules(made)
    named = {rule.name for rule in rules}
    same = {problem.rule for problem in again.problems} == {problem.rule for problem in before.problems} - named
    return made if again.rules == tuple(rules) and same else None


def _unread(blocks: Sequence[_Block], known: set[str]) -> dict[str, list[str]]:
    """The blocks that are no known rule, by the rule they follow ("" for those at the top)."""
    after: dict[str, list[str]] = {}
    last = ""
    for block in blocks:
        if block.name in known:
            last = block.name
        else:
            after.setdefault(last, []).append(block.comment + block.body)
    return after


def _parted(text: str) -> tuple[str, list[_Block]]:
    """What stands before the first table, and the tables in order."""
    lines = text.splitlines(keepends=True)
    sections = [section for section in outline(text).sections if section.path]
    tables = [(name, next(group).first - 1) for name, group in groupby(sections, key=lambda section: section.path[0])]
    starts = []
    for _, header in tables:
        start = header
        while start and lines[start - 1].startswith("#"):
            start -= 1
        starts.append(start)
    ends = [*starts[1:], len(lines)]
    blocks = [
        _Block(name, "".join(lines[start:header]), "".join(lines[header:end]))
        for (name, header), start, end in zip(tables, starts, ends, strict=True)
    ]
    return "".join(lines[: starts[0]] if starts else lines), blocks
