"""The fallback rules as the person edits them, apart from those in use until they are saved."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QObject, Signal

from ...routing.rules import Rule, RuleProblem, check, default_rules
from ...routing.rules.declare import ErrorRate
from ..session import Session

_NEW = Rule(name="new-rule", do="next candidate", error_rate=ErrorRate(above=0.3, below=0.1))


class RulesDraft(QObject):
    """``rules`` in order; ``to_defaults`` where they are those that come with the console, and saving makes them so.
    ``changed()``: they, or those in use, are others than before."""

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.to_defaults = False
        self._in_use: tuple[Rule, ...] = ()
        self.rules: tuple[Rule, ...] = ()
        self.file_problems: tuple[RuleProblem, ...] = ()
        self.follow()

    @property
    def unsaved(self) -> bool:
        """Whether they differ from those in use."""
        return self.rules != self._in_use or (self.to_defaults and self._session.engine.rules.in_use.own)

    def problems(self) -> tuple[RuleProblem, ...]:
        """What is wrong with them as they stand."""
        return check(self.rules, self._session.engine.routes())

    def in_use(self, rule: Rule) -> bool:
        """Whether this very rule is what requests follow."""
        return rule in self._in_use

    def follow(self) -> None:
        """Other rules are in use: take them, unless the person has changed something."""
        untouched = self.rules == self._in_use
        found = self._session.engine.rules.in_use
        self._in_use = found.rules
        self.file_problems = tuple(
            problem for problem in found.problems if problem.line is not None or not problem.rule
        )
        if untouched:
            self.rules = found.rules
        self.changed.emit()

    def discard(self) -> None:
        """Be the rules in use again."""
        self._set(self._in_use)

    def take_up(self, rules: Sequence[Rule], *, to_defaults: bool) -> None:
        """Be what was left unsaved before."""
        self._set(rules)
        self.to_defaults = to_defaults
        self.changed.emit()

    def take_defaults(self) -> None:
        """Be the rules that come with the console."""
        self.take_up(default_rules(), to_defaults=True)

    async def save(self) -> None:
        """Let requests follow them. Raises ConfigError where they cannot be used or kept; then they stay as they are."""
        wanted = self.rules
        if self.to_defaults and wanted == default_rules():
            await self._session.reset_rules()
        else:
            await self._session.set_rules(wanted)
        self.to_defaults = False
        self.changed.emit()

    def add(self, at: int) -> None:
        """Put a new rule at ``at``."""
        self.insert(at, msgspec.structs.replace(_NEW, name=self._free(_NEW.name)))

    def duplicate(self, at: int) -> None:
        """Put a copy of a rule behind it; switched off, as it would contradict the first or never fire."""
        rule = self.rules[at]
        self.insert(at + 1, msgspec.structs.replace(rule, name=self._free(rule.name), enabled=False))

    def insert(self, at: int, rule: Rule) -> None:
        """Put a rule at ``at``, or at the end."""
        self._set((*self.rules[:at], rule, *self.rules[at:]))

    def remove(self, at: int) -> Rule:
        """Take a rule out."""
        rule = self.rules[at]
        self._set((*self.rules[:at], *self.rules[at + 1 :]))
        return rule

    def replace(self, at: int, rule: Rule) -> None:
        """Let a rule be another."""
        self._set((*self.rules[:at], rule, *self.rules[at + 1 :]))

    def switch(self, at: int) -> None:
        """Switch a rule on or off."""
        rule = self.rules[at]
        self.replace(at, msgspec.structs.replace(rule, enabled=not rule.enabled))

    def move(self, start: int, end: int) -> None:
        """Let the rule at ``start`` stand at ``end``."""
        rules = list(self.rules)
        rules.insert(end, rules.pop(start))
        self._set(rules)

    def _set(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self.to_defaults = False
        self.changed.emit()

    def _free(self, name: str) -> str:
        """``name``, with a number where it is taken."""
        taken = {rule.name for rule in self.rules}
        number = 2
        found = name
        while found in taken:
            found, number = f"{name}-{number}", number + 1
        return found
