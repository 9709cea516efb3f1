"""Rules as the person edits them, apart from those in use until they are saved."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import msgspec
from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from ..alerts.declare import AlertRule
    from ..routing.rules import Rule
    from ..rule_text import RuleProblem

R = TypeVar("R", "Rule", "AlertRule")


class InUse(NamedTuple, Generic[R]):
    """The rules in use, what is wrong with their file, and whether there is one."""

    rules: tuple[R, ...]
    problems: tuple[RuleProblem, ...]
    own: bool


class RuleDraft(QObject, Generic[R]):
    """``rules`` in order; ``to_defaults`` where they are those that come with the console, and saving makes them so.
    ``changed()``: they, or those in use, are others than before. Subclasses say where the rules are and how they are kept.

    Args:
        new: what a rule is when it is added.
    """

    changed = Signal()

    def __init__(self, new: R) -> None:
        super().__init__()
        self._new: R = new
        self.to_defaults = False
        self._followed: tuple[R, ...] = ()
        self.rules: tuple[R, ...] = ()
        self.file_problems: tuple[RuleProblem, ...] = ()
        self.follow()

    @abstractmethod
    def problems(self) -> tuple[RuleProblem, ...]:
        """What is wrong with them as they stand."""

    @abstractmethod
    def _in_use(self) -> InUse[R]: ...

    @abstractmethod
    def _defaults(self) -> tuple[R, ...]: ...

    @abstractmethod
    async def _keep(self, rules: tuple[R, ...]) -> None: ...

    @abstractmethod
    async def _reset(self) -> None: ...

    @property
    def unsaved(self) -> bool:
        """Whether they differ from those in use."""
        return self.rules != self._followed or (self.to_defaults and self._in_use().own)

    def in_use(self, rule: R) -> bool:
        """Whether this very rule is followed."""
        return rule in self._followed

    def follow(self) -> None:
        """Other rules are in use: take them, unless the person has changed something."""
        untouched = self.rules == self._followed
        found = self._in_use()
        self._followed, self.file_problems = found.rules, found.problems
        if untouched:
            self.rules = found.rules
        self.changed.emit()

    def discard(self) -> None:
        """Be the rules in use again."""
        self._set(self._followed)

    def take_up(self, rules: Sequence[R], *, to_defaults: bool) -> None:
        """Be what was left unsaved before."""
        self._set(rules)
        self.to_defaults = to_defaults
        self.changed.emit()

    def take_defaults(self) -> None:
        """Be the rules that come with the console."""
        self.take_up(self._defaults(), to_defaults=True)

    async def save(self) -> None:
        """Have them followed. Raises ConfigError where they cannot be used or kept; then they stay as they are."""
        wanted = self.rules
        if self.to_defaults and wanted == self._defaults():
            await self._reset()
        else:
            await self._keep(wanted)
        self.to_defaults = False
        self.follow()

    def add(self, at: int) -> None:
        """Put a new rule at ``at``."""
        self.insert(at, msgspec.structs.replace(self._new, name=self._free(self._new.name)))

    def duplicate(self, at: int) -> None:
        """Put a copy of a rule behind it; switched off, as the two would say the same."""
        rule = self.rules[at]
        self.insert(at + 1, msgspec.structs.replace(rule, name=self._free(rule.name), enabled=False))

    def insert(self, at: int, rule: R) -> None:
        """Put a rule at ``at``, or at the end."""
        rules = list(self.rules)
        rules.insert(at, rule)
        self._set(rules)

    def remove(self, at: int) -> R:
        """Take a rule out."""
        rules = list(self.rules)
        rule = rules.pop(at)
        self._set(rules)
        return rule

    def replace(self, at: int, rule: R) -> None:
        """Let a rule be another."""
        rules = list(self.rules)
        rules[at] = rule
        self._set(rules)

    def switch(self, at: int) -> None:
        """Switch a rule on or off."""
        rule = self.rules[at]
        self.replace(at, msgspec.structs.replace(rule, enabled=not rule.enabled))

    def move(self, start: int, end: int) -> None:
        """Let the rule at ``start`` stand at ``end``."""
        rules = list(self.rules)
        rules.insert(end, rules.pop(start))
        self._set(rules)

    def _set(self, rules: Sequence[R]) -> None:
        self.rules = tuple(rules)
        self.to_defaults = False
        self.changed.emit()

    def _free(self, name: str) -> str:
        """``name``, with a number where it is taken."""
        taken = {rule.name for rule in self.rules}
        number, found = 2, name
        while found in taken:
            found, number = f"{name}-{number}", number + 1
        return found
