"""The alert rules as the person edits them, apart from those in use until they are saved."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QObject, Signal

from ...alerts.declare import AlertRule, Threshold
from ...alerts.reading import check, default_rules
from ...alerts.service import Alerts
from ...rule_text import RuleProblem

_NEW = AlertRule(name="new-rule", threshold=Threshold(metric="error rate", above=0.3, clear=0.1), for_s=60.0)


class AlertDraft(QObject):
    """``rules`` in order. ``changed()``: they, or those in use, are others than before."""

    changed = Signal()

    def __init__(self, alerts: Alerts) -> None:
        super().__init__()
        self._alerts = alerts
        self._to_defaults = False
        self._in_use: tuple[AlertRule, ...] = ()
        self.rules: tuple[AlertRule, ...] = ()
        self.file_problems: tuple[RuleProblem, ...] = ()
        self.follow()

    @property
    def unsaved(self) -> bool:
        """Whether they differ from those in use."""
        return self.rules != self._in_use or (self._to_defaults and self._alerts.rules.own)

    def problems(self) -> tuple[RuleProblem, ...]:
        """What is wrong with them as they stand."""
        return check(self.rules)

    def in_use(self, rule: AlertRule) -> bool:
        """Whether this very rule is followed."""
        return rule in self._in_use

    def follow(self) -> None:
        """Take the rules in use, unless the person has changed something."""
        untouched = self.rules == self._in_use
        found = self._alerts.rules
        self._in_use, self.file_problems = found.rules, found.problems
        if untouched:
            self.rules = found.rules
        self.changed.emit()

    def discard(self) -> None:
        """Be the rules in use again."""
        self._set(self._in_use)

    def take_defaults(self) -> None:
        """Be the rules that come with the console."""
        self._set(default_rules())
        self._to_defaults = True
        self.changed.emit()

    async def save(self) -> None:
        """Have them followed. Raises ConfigError where they cannot be used or kept; then they stay as they are."""
        wanted = self.rules
        if self._to_defaults and wanted == default_rules():
            await self._alerts.reset_rules()
        else:
            await self._alerts.set_rules(wanted)
        self._to_defaults = False
        self._in_use = self._alerts.rules.rules
        self.follow()

    def add(self, at: int) -> None:
        """Put a new rule at ``at``."""
        self.insert(at, msgspec.structs.replace(_NEW, name=self._free(_NEW.name)))

    def duplicate(self, at: int) -> None:
        """Put a copy of a rule behind it, switched off, as it would tell everything twice."""
        rule = self.rules[at]
        self.insert(at + 1, msgspec.structs.replace(rule, name=self._free(rule.name), enabled=False))

    def insert(self, at: int, rule: AlertRule) -> None:
        """Put a rule at ``at``, or at the end."""
        self._set((*self.rules[:at], rule, *self.rules[at:]))

    def remove(self, at: int) -> AlertRule:
        """Take a rule out."""
        rule = self.rules[at]
        self._set((*self.rules[:at], *self.rules[at + 1 :]))
        return rule

    def replace(self, at: int, rule: AlertRule) -> None:
        """Let a rule be another."""
        self._set((*self.rules[:at], rule, *self.rules[at + 1 :]))

    def switch(self, at: int) -> None:
        """Switch a rule on or off."""
        rule = self.rules[at]
        self.replace(at, msgspec.structs.replace(rule, enabled=not rule.enabled))

    def _set(self, rules: Sequence[AlertRule]) -> None:
        self.rules = tuple(rules)
        self._to_defaults = False
        self.changed.emit()

    def _free(self, name: str) -> str:
        """``name``, with a number where it is taken."""
        taken = {rule.name for rule in self.rules}
        number, found = 2, name
        while found in taken:
            found, number = f"{name}-{number}", number + 1
        return found
