"""The fallback rules: all of them in order with how they stand now, the chosen one as a sentence, Save and Discard."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ...routing.rules import Rule
from ..chat.models import ModelChoice
from ..commands import Command
from ..left_rules import LeftRules, keep_draft
from ..notices import StateGlyph
from ..rule_editing import RuleEditing
from ..session import Session
from ..shell import Shell
from ..table import MarkedCells, Table
from ..theme import SPACE_M, SPACE_S, State, set_role
from ..window_state import RULES_DRAFT
from .rules_draft import RulesDraft
from .rules_model import RulesModel
from .rules_sentence import SentenceEditor

_ROW = 32
_CARD = (180, 380)
_WIDTHS = {0: 170, 2: 150, 3: 90}


class _RulesTable(Table):
    """``switched(row)`` on Space."""

    switched = Signal(int)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and self.currentIndex().isValid():
            self.switched.emit(self.currentIndex().row())
        else:
            super().keyPressEvent(event)


class _Told(QWidget):
    """A glyph and a sentence."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._glyph = StateGlyph(shell.theme, "idle")
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE_S)
        row.addWidget(self._glyph)
        row.addWidget(self.label, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def say(self, state: State, text: str) -> None:
        """Show it; nothing is shown where there is nothing to say."""
        self._glyph.set_state(state)
        if self.label.text() != text:
            self.label.setText(text)
        self.setVisible(bool(text))


class RulesEditor(RuleEditing[Rule]):
    """The fallback rules; a draft of them outlives the window."""

    def __init__(self, session: Session, shell: Shell) -> None:
        draft = RulesDraft(session)
        keep_draft(draft, shell, RULES_DRAFT, LeftRules[Rule])
        self.model = RulesModel(session, draft)
        self._rows = _RulesTable(self.model, "Fallback rules in their order", row_px=_ROW)
        super().__init__(session, shell, draft, self._rows)
        self.models = ModelChoice(session, shell, routes=False)
        self.sentence = SentenceEditor(shell.icons, self.models)
        self.live, self.problem, self.file_problem = _Told(shell), _Told(shell), _Told(shell)
        self.up, self.down = QPushButton("Move up"), QPushButton("Move down")
        self.status = QLabel()
        self.empty = QLabel(
            "No fallback rules. A provider's fault still leads to the next candidate; a rule says what is done beyond that."
        )
        self._card = QFrame()
        self._build()
        self._connect()
        self._add_commands()
        self.setFocusProxy(self.table)
        self.refresh()
        self.table.selectRow(0)

    def tick(self) -> None:
        """What changes by itself: whether a rule holds, and when it last fired."""
        self.model.look()
        self._tell()

    def refresh(self) -> None:
        """Say how things stand now."""
        at = self.at
        self.model.look()
        rules = self.draft.rules
        if rules and self.at < 0:
            self.table.selectRow(min(max(at, 0), len(rules) - 1))
        self.table.setVisible(bool(rules))
        self.empty.setVisible(not rules)
        self._card.setVisible(bool(rules))
        if 0 <= self.at < len(rules):
            self.sentence.show_rule(rules[self.at], self._session.engine.routes())
        self._follow()
        self._tell()

    # What the person does

    def edit_rule(self) -> None:
        """Begin at the name of the chosen rule."""
        self.sentence.focus_name()

    def step(self, by: int) -> None:
        """Move the chosen rule up (-1) or down (1)."""
        if self.at >= 0 and 0 <= self.at + by < len(self.draft.rules):
            self.move_to(self.at, self.at + by)

    def move_to(self, start: int, end: int) -> None:
        """Let the rule at ``start`` stand at ``end``."""
        self.draft.move(start, end)
        self.table.selectRow(end)

    # Inside

    async def _file(self) -> Path:
        found = self._session.engine.rules.in_use
        if not found.own:
            await self._session.set_rules(found.rules)
        return found.path

    async def _read_again(self) -> None:
        await self._session.reload_rules()

    def _choose(self) -> None:
        rules = self.draft.rules
        if 0 <= self.at < len(rules):
            self.sentence.show_rule(rules[self.at], self._session.engine.routes())
        self._follow()
        self._tell()

    def _follow(self) -> None:
        at, many = self.at, len(self.draft.rules)
        for button, on in (
            (self.copy, at >= 0),
            (self.take, at >= 0),
            (self.up, at > 0),
            (self.down, 0 <= at < many - 1),
            (self.discard, self.draft.unsaved and not self._saving),
        ):
            button.setEnabled(on)
        wrong = [problem for problem in self.model.problems if problem.severity == "error"]
        doubts = len(self.model.problems) - len(wrong)
        unsaved = self.draft.unsaved
        self.save.setEnabled(unsaved and not wrong and not self._saving)
        self.save.setText("Save all the same" if doubts and unsaved and not wrong else "Save")
        words = "Unsaved changes" if unsaved else "Saved"
        if wrong:
            lead = "Not to be saved" if unsaved else "To be mended"
            words = f"{lead}: {wrong[0].rule or 'a rule'}, {wrong[0].reason}"
        elif doubts:
            words += f". {doubts} to check: {self.model.problems[0].rule}"
        self.status.setText(words)
        self.status.setToolTip(words)
        set_role(self.status, "caption", "crit" if wrong else "warn" if doubts or unsaved else None)

    def _tell(self) -> None:
        """What stands beside the chosen rule, and what is wrong with the file."""
        at, file = self.at, self.draft.file_problems
        self.file_problem.say("crit", " ".join(f"rules.toml: {problem}" for problem in file))
        if not 0 <= at < len(self.model.lives):
            return
        now = self.model.lives[at]
        problems = self.model.problems_of(self.draft.rules[at])
        worst: State = "crit" if any(problem.severity == "error" for problem in problems) else "warn"
        self.live.say(now.state, "" if worst == "crit" else now.told)
        told = [problem.reason[:1].upper() + problem.reason[1:] for problem in problems]
        self.problem.say(worst, ". ".join(told) + "." if told else "")

    def _build(self) -> None:
        title = QLabel("Fallback rules")
        set_role(title, "title")
        said = QLabel("From first to last; the first that decides where a request goes is followed.")
        set_role(said, "caption")
        set_role(self.empty, "caption")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setWordWrap(True)
        set_role(self._card, "card")
        self._card.setMinimumHeight(_CARD[0])
        self._card.setMaximumHeight(_CARD[1])
        said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        head = self._head(title, said)
        head.insertSpacing(1, SPACE_S)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE_S)
        for button in (self.add, self.copy, self.up, self.down, self.take):
            buttons.addWidget(button)
        buttons.addStretch(1)
        self.table.setItemDelegate(MarkedCells(self._shell.theme, self.table))
        self.table.stretch(1, _WIDTHS)
        self.table.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.table.setDragDropOverwriteMode(False)
        self.table.setMinimumHeight(_ROW * 4)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_M)
        layout.addLayout(head)
        layout.addWidget(self.file_problem)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.empty, 1)
        layout.addLayout(buttons)
        layout.addWidget(self._fill_card(), 1)
        layout.addLayout(self._foot(self.status))

    def _fill_card(self) -> QWidget:
        inside = QWidget()
        down = QVBoxLayout(inside)
        down.setContentsMargins(SPACE_M, SPACE_M, SPACE_M, SPACE_M)
        down.setSpacing(SPACE_S)
        for widget in (self.live, self.problem, self.sentence):
            down.addWidget(widget)
        down.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        around = QVBoxLayout(self._card)
        around.setContentsMargins(1, 1, 1, 1)
        around.addWidget(area)
        return self._card

    def _connect(self) -> None:
        self._session.rules_changed.connect(self.draft.follow)
        self._session.changed.connect(self.refresh)
        self.draft.changed.connect(self.refresh)
        self.model.moved.connect(self.move_to)
        self.sentence.edited.connect(self._edit)
        self.sentence.reshaped.connect(self.order_tabs)
        self._rows.switched.connect(self.draft.switch)
        self.table.opened.connect(lambda _: self.edit_rule())
        self.table.selectionModel().currentChanged.connect(lambda *_: self._choose())
        self._connect_buttons(
            "rules.toml",
            (
                (self.up, partial(self.step, -1), "Move the rule up (Alt+Up)"),
                (self.down, partial(self.step, 1), "Move the rule down (Alt+Down)"),
            ),
        )

    def order_tabs(self) -> None:
        """Let Tab follow the eye: what is above the table, the table, what is done with it, the sentence, and saving."""
        chain = [self.toml, self.reload, self.defaults, self.table, self.add, self.copy, self.up, self.down, self.take]
        for before, after in pairwise([*chain, *self.sentence.controls, self.discard, self.save]):
            QWidget.setTabOrder(before, after)

    def _add_commands(self) -> None:
        for key, title, shortcut, run, scope in (
            ("up", "Move the rule up", "Alt+Up", partial(self.step, -1), self),
            ("down", "Move the rule down", "Alt+Down", partial(self.step, 1), self),
            ("add", "Add a fallback rule", "Ins", self.add_rule, self),
            ("copy", "Duplicate the rule", "Ctrl+D", self.duplicate, self),
            ("delete", "Delete the rule", "Del", self.delete, self.table),
            ("save", "Save the fallback rules", "Ctrl+S", self.keep, self),
            ("discard", "Discard the changes to the rules", "", self.draft.discard, self),
            ("toml", "Edit the fallback rules as TOML", "", self.open_toml, self),
        ):
            self._shell.commands.add(
                Command(key=f"rules.{key}", title=title, group="Routing", shortcut=shortcut, run=run, scope=scope)
            )
