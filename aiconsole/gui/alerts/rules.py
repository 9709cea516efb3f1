"""The alert rules: all of them in words, the chosen one as a sentence, when it would have fired, Save and Discard."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QScrollArea, QSplitter, QVBoxLayout, QWidget

from ...alerts.declare import AlertRule
from ...alerts.service import Alerts
from ...alerts.words import describe
from ...domain.errors import ConsoleError
from ..commands import Command
from ..hint import Elided, Hint
from ..left_rules import LeftRules, keep_draft
from ..lines import Cell, Line, LinesModel, LinesTable
from ..outcome import Outcome
from ..rule_editing import RuleEditing
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_M, SPACE_S, State, set_role
from ..window_state import ALERTS_DRAFT
from .draft import AlertDraft
from .sentence import AlertSentence
from .words import SEVERITY, would

_SOON_MS: Final = 500
_SETTLED_MS: Final = 60
"""Building a sentence takes a few frames, so who walks through the table gets the one where they stop."""

_CARD: Final = 290


class _RulesModel(LinesModel):
    TITLES: ClassVar[tuple[str, ...]] = ("Rule", "How bad", "When, in words", "State")


class _RulesTable(LinesTable):
    """``switched()`` on Space."""

    switched = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and self.currentIndex().isValid():
            self.switched.emit()
        else:
            super().keyPressEvent(event)


class RulesView(RuleEditing[AlertRule]):
    """The alert rules, and when the chosen one would have fired."""

    def __init__(self, session: Session, shell: Shell, alerts: Alerts) -> None:
        table = _RulesTable(_RulesModel(), "Alert rules", shell.theme, row_px=28)
        draft = AlertDraft(alerts)
        keep_draft(draft, shell, ALERTS_DRAFT, LeftRules[AlertRule])
        super().__init__(session, shell, draft, table)
        self._alerts = alerts
        self._testing: asyncio.Task[None] | None = None
        self._tried: AlertRule | None = None
        self._rows = table
        table.stretch(2, {0: 180, 1: 100, 3: 120})
        self.sentence = AlertSentence()
        self.reads = QLabel()
        self.test = Outcome(shell)
        self.file_problem = Outcome(shell)
        self.switch = QPushButton("Switch off")
        self.status = Elided()
        self.empty = Hint("No alert rules", "A rule says what is worth telling.", "Add a rule", self.add_rule)
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self._run_test)
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(_SETTLED_MS)
        self._settled.timeout.connect(self._show_rule)
        self._build()
        self._connect()
        self._add_commands()
        self.setFocusProxy(self.table)
        self.refresh()

    def refresh(self) -> None:
        """Say how things stand now."""
        rules, wrong = self.draft.rules, {problem.rule for problem in self.draft.problems()}
        now = {part.rule: alert.state for alert in self._alerts.current() for part in alert.parts if not part.until}
        self._rows.show_lines([Line(at, self._cells(rule, wrong, now)) for at, rule in enumerate(rules)])
        self._split.setVisible(bool(rules))
        self.empty.setVisible(not rules)
        self._show_rule()
        self._follow()

    def open_rule(self, name: str) -> None:
        """Choose a rule by its name."""
        for at, rule in enumerate(self.draft.rules):
            if rule.name == name:
                self.table.selectRow(at)

    # What the person does

    def edit_rule(self) -> None:
        """Begin at the name of the chosen rule."""
        self._show_rule()
        self.sentence.focus_name()

    def switch_rule(self) -> None:
        """Switch the chosen rule on or off."""
        if self.at >= 0:
            self.draft.switch(self.at)

    # Inside

    async def _keep(self) -> None:
        await super()._keep()
        self._session.acted("alert rules changed")

    async def _file(self) -> Path:
        found = self._alerts.rules
        if not found.own:
            await self._alerts.set_rules(found.rules)
        return found.path

    async def _read_again(self) -> None:
        await self._alerts.reload_rules()
        self.draft.follow()

    def _show_rule(self) -> None:
        self._settled.stop()
        rules = self.draft.rules
        if not 0 <= self.at < len(rules):
            return
        rule = rules[self.at]
        names = tuple(state.name for state in self._session.engine.providers())
        self.sentence.show_rule(rule, names)
        self.reads.setText(describe(rule))
        if rule != self._tried:
            self._tried = rule
            self.test.say("idle", "Looking through the last 30 days…")
            self._soon.start()

    def _choose(self) -> None:
        if 0 <= self.at < len(self.draft.rules):
            self.reads.setText(describe(self.draft.rules[self.at]))
        self._settled.start()
        self._follow()

    def _run_test(self) -> None:
        """Look when the rule as it stands would have fired."""
        if self._testing is not None:
            self._testing.cancel()
        rules = self.draft.rules
        if not 0 <= self.at < len(rules) or not self.isVisible():
            self._tried = None
            return
        rule = rules[self.at]
        wrong = [problem.reason for problem in self.draft.problems() if problem.rule == rule.name]
        if wrong:
            self.test.say("crit", f"{wrong[0][:1].upper()}{wrong[0][1:]}.")
            return
        self._testing = self._shell.start(self._test(rule), failed="The rule was not tried on the past")

    async def _test(self, rule: AlertRule) -> None:
        try:
            found = await self._alerts.backtest(rule)
        except ConsoleError as error:
            self.test.say("warn", f"The past cannot be looked through. {error.message}")
            return
        self.test.say(*would(found, self._session.clock.now()))

    def _cells(self, rule: AlertRule, wrong: set[str], now: Mapping[str, str]) -> tuple[Cell, ...]:
        state: State = "ok"
        words = "followed"
        if rule.name in wrong:
            state, words = "crit", "to be mended"
        elif not rule.enabled:
            state, words = "idle", "off"
        elif not self.draft.in_use(rule):
            state, words = "warn", "not saved"
        elif rule.name in now:
            state, words = SEVERITY[rule.severity], now[rule.name]
        told = describe(rule)
        return Cell(rule.name, tip=rule.about), Cell(rule.severity), Cell(told, tip=told), Cell(words, state)

    def _follow(self) -> None:
        at, rules = self.at, self.draft.rules
        chosen = 0 <= at < len(rules)
        for button in (self.copy, self.take, self.switch):
            button.setEnabled(chosen)
        self.switch.setText("Switch on" if chosen and not rules[at].enabled else "Switch off")
        unsaved, wrong = self.draft.unsaved, self.draft.problems()
        self.discard.setEnabled(unsaved and not self._saving)
        self.save.setEnabled(unsaved and not wrong and not self._saving)
        words = "Unsaved changes" if unsaved else "Saved"
        if wrong:
            words = f"Not to be saved: {wrong[0].rule or 'a rule'}, {wrong[0].reason}"
        self.status.setText(words)
        set_role(self.status, "caption", "crit" if wrong else "warn" if unsaved else None)
        problems = self.draft.file_problems
        if problems:
            self.file_problem.say("crit", " ".join(f"alerts.toml: {problem}" for problem in problems))
        else:
            self.file_problem.clear()

    def _build(self) -> None:
        said = QLabel("Each is held against what happens, as soon as it happens.")
        set_role(said, "caption")
        set_role(self.reads, "strong")
        self.reads.setWordWrap(True)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE_S)
        for button in (self.add, self.copy, self.switch, self.take):
            buttons.addWidget(button)
        buttons.addStretch(1)
        upper = QWidget()
        above = QVBoxLayout(upper)
        above.setContentsMargins(0, 0, 0, SPACE_S)
        above.setSpacing(SPACE_S)
        above.addWidget(self.table, 1)
        above.addLayout(buttons)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(1)
        self._split.addWidget(upper)
        self._split.addWidget(self._card())
        self._split.setStretchFactor(0, 1)
        self._split.setStretchFactor(1, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE_M, 0, 0)
        layout.setSpacing(SPACE_S)
        layout.addLayout(self._head(said))
        layout.addWidget(self.file_problem)
        layout.addWidget(self._split, 1)
        layout.addWidget(self.empty, 1)
        layout.addLayout(self._foot(self.status))

    def _card(self) -> QWidget:
        inside = QWidget()
        down = QVBoxLayout(inside)
        down.setContentsMargins(0, SPACE_M, SPACE_S, SPACE_S)
        down.setSpacing(SPACE_M)
        for widget in (self.reads, self.test, self.sentence):
            down.addWidget(widget)
        down.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        area.setMinimumHeight(_CARD)
        return area

    def _connect(self) -> None:
        self.draft.changed.connect(self.refresh)
        self.sentence.edited.connect(self._edit)
        self.sentence.reshaped.connect(self.order_tabs)
        self._rows.switched.connect(self.switch_rule)
        self.table.opened.connect(lambda _: self.edit_rule())
        self._rows.chosen.connect(lambda _: self._choose())
        tip = "Switch the rule on or off (Space in the table)"
        self._connect_buttons("alerts.toml", ((self.switch, self.switch_rule, tip),))

    def order_tabs(self) -> None:
        """Let Tab follow the eye."""
        chain: list[QWidget] = [self.toml, self.reload, self.defaults, self.table, self.add, self.copy, self.switch]
        for before, after in pairwise([*chain, self.take, *self.sentence.controls, self.discard, self.save]):
            QWidget.setTabOrder(before, after)

    def _add_commands(self) -> None:
        for key, title, shortcut, run, scope in (
            ("add", "Add an alert rule", "Ins", self.add_rule, self),
            ("copy", "Duplicate the alert rule", "Ctrl+D", self.duplicate, self),
            ("delete", "Delete the alert rule", "Del", self.delete, self.table),
            ("save", "Save the alert rules", "Ctrl+S", self.keep, self),
            ("discard", "Discard the changes to the alert rules", "", self.draft.discard, self),
            ("toml", "Edit alerts.toml", "", self.open_toml, self),
        ):
            self._shell.commands.add(
                Command(key=f"alerts.rules.{key}", title=title, group="Alerts", shortcut=shortcut, run=run, scope=scope)
            )
