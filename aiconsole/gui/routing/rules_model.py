"""The rules as rows: what each does, how it stands now, and when it last fired."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from PySide6.QtCore import Qt

from ...routing.rules import Rule, RuleBook, RuleProblem, describe
from ..session import Session
from ..theme import State
from ..titled import STATE_ROLE, Index, plain
from .movable import MovableTable
from .rules_draft import RulesDraft


class Live(msgspec.Struct, frozen=True):
    """How a rule stands: a state and a word for its row, ``told`` in sentences, and the time of day it last ``fired``."""

    state: State
    word: str
    told: str
    fired: str = "–"


Held = dict[str, list[tuple[str, str]]]
"""The candidates for which a rule holds now, each with the reason, by the rule's name."""


def held_now(book: RuleBook | None) -> Held:
    """What holds now."""
    found: Held = {}
    for candidate, rule, reason in () if book is None else book.holding():
        found.setdefault(rule.name, []).append((candidate, reason))
    return found


def live(book: RuleBook | None, held: Held, rule: Rule, problems: tuple[RuleProblem, ...], *, in_use: bool) -> Live:
    """How one rule stands; ``problems`` are its own."""
    if any(problem.severity == "error" for problem in problems):
        return Live("crit", "cannot be saved", "It cannot be saved as it stands.")
    if not in_use:
        return Live("idle", "not saved", "It is not in use until you save.")
    if not rule.enabled:
        return Live("idle", "off", "It is switched off.")
    firing = None if book is None else book.last_fired(rule.name)
    fired, last = "–", "It has not fired since the console started or the rule was changed."
    if firing is not None:
        fired = time.strftime("%H:%M:%S", time.localtime(firing.at))
        last = f"It last fired at {fired} for {firing.candidate}: {firing.reason}."
    holds = held.get(rule.name, [])
    if holds:
        told = "; ".join(f"{candidate}: {reason}" for candidate, reason in holds)
        who = holds[0][0].partition("/")[0] if len(holds) == 1 else f"{len(holds)} candidates"
        return Live("warn", f"holds for {who}", f"It holds now. {told}.", fired)
    if problems:
        return Live("warn", "to check", last, fired)
    if rule.moment == "after an error":
        return Live("ok", "ready", f"It waits for such an error. {last}", fired)
    return Live("ok", "does not hold", f"It does not hold now. {last}", fired)


class RulesModel(MovableTable):
    """A row a rule of the draft, in order. The box in the first column says whether it is switched on."""

    TITLES = ("Rule", "What it does", "Now", "Last fired")
    MIME = "application/x-aiconsole-rule"

    def __init__(self, session: Session, draft: RulesDraft) -> None:
        super().__init__()
        self._session, self._draft = session, draft
        self._rules: tuple[Rule, ...] = ()
        self.lives: tuple[Live, ...] = ()
        self.problems: tuple[RuleProblem, ...] = ()

    def look(self) -> None:
        """Show the draft, and how its rules stand now."""
        before = (self._rules, self.lives)
        self._rules = self._draft.rules
        self.problems = self._draft.problems()
        book = self._session.engine.gate.rules
        held = held_now(book)
        self.lives = tuple(
            live(book, held, rule, self.problems_of(rule), in_use=self._draft.in_use(rule)) for rule in self._rules
        )
        if len(before[0]) != len(self._rules):
            self.beginResetModel()
            self.endResetModel()
        elif before != (self._rules, self.lives):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rules) - 1, len(self.TITLES) - 1))

    def problems_of(self, rule: Rule) -> tuple[RuleProblem, ...]:
        """What is wrong with one rule."""
        if not rule.name.strip():
            return tuple(problem for problem in self.problems if not problem.rule.strip())
        return tuple(problem for problem in self.problems if problem.rule == rule.name)

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rules)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        rule, now, column = self._rules[index.row()], self.lives[index.row()], index.column()
        sentence = describe(msgspec.structs.replace(rule, enabled=True))
        texts = (rule.name or "without a name", sentence, now.word, now.fired)
        if role == Qt.ItemDataRole.DisplayRole:
            return texts[column]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            on = "" if column else f", switched {'on' if rule.enabled else 'off'}"
            return f"{self.TITLES[column]}: {texts[column]}{on}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain((rule.about or rule.name, sentence, now.told, now.told)[column])
        if role == Qt.ItemDataRole.CheckStateRole and column == 0:
            return Qt.CheckState.Checked if rule.enabled else Qt.CheckState.Unchecked
        return now.state if role == STATE_ROLE and column == 2 else None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.CheckStateRole:
            return False
        self._draft.switch(index.row())
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        if index.isValid() and index.column() == 0:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags
