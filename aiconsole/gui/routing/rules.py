"""The fallback rules: all of them in order with how they stand now, the chosen one as a sentence, Save and Discard."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QKeyEvent
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
from ..notices import StateGlyph
from ..providers.table import MarkedCells, Table
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_M, SPACE_S, State, set_role
from .rules_draft import RulesDraft
from .rules_kept import keep_draft
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


class RulesEditor(QWidget):
    """What is changed here stays a draft until it is saved, also while another panel is open, and over the window's end."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self._saving = False
        self.draft = RulesDraft(session)
        keep_draft(self.draft, shell)
        self.model = RulesModel(session, self.draft)
        self.table = _RulesTable(self.model, "Fallback rules in their order", row_px=_ROW)
        self.models = ModelChoice(session, shell, routes=False)
        self.sentence = SentenceEditor(shell.icons, self.models)
        self.live, self.problem, self.file_problem = _Told(shell), _Told(shell), _Told(shell)
        self.add, self.copy = QPushButton("Add rule"), QPushButton("Duplicate")
        self.up, self.down = QPushButton("Move up"), QPushButton("Move down")
        self.take = QPushButton("Delete")
        self.toml, self.reload = QPushButton("Edit as TOML"), QPushButton("Reload")
        self.defaults = QPushButton("Defaults")
        self.status = QLabel()
        self.discard, self.save = QPushButton("Discard"), QPushButton("Save")
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

    @property
    def at(self) -> int:
        """The row of the chosen rule, -1 for none."""
        return self.table.currentIndex().row()

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

    def add_rule(self) -> None:
        """Put a new rule behind the chosen one and begin at its name."""
        place = self.at + 1 if self.draft.rules else 0
        self.draft.add(place)
        self.table.selectRow(place)
        self.sentence.focus_name()

    def duplicate(self) -> None:
        """Copy the chosen rule; the copy is switched off at first."""
        if self.at >= 0:
            place = self.at + 1
            self.draft.duplicate(place - 1)
            self.table.selectRow(place)

    def delete(self) -> None:
        """Take the chosen rule out, with a way back."""
        at = self.at
        if at < 0:
            return
        rule = self.draft.remove(at)
        self.table.selectRow(min(at, len(self.draft.rules) - 1))
        self._shell.notify(f"The rule {rule.name} was deleted.", action="Undo", run=partial(self._bring_back, at, rule))

    def step(self, by: int) -> None:
        """Move the chosen rule up (-1) or down (1)."""
        if self.at >= 0 and 0 <= self.at + by < len(self.draft.rules):
            self.move_to(self.at, self.at + by)

    def move_to(self, start: int, end: int) -> None:
        """Let the rule at ``start`` stand at ``end``."""
        self.draft.move(start, end)
        self.table.selectRow(end)

    def keep(self) -> None:
        """Save the draft, if it can be."""
        if self.save.isEnabled():
            self._saving = True
            self._follow()
            self._shell.start(self._keep(), failed="The rules were not saved")

    def open_toml(self) -> None:
        """Open the rules' file in the system's editor and copy its path; without a file, write one first."""
        self._shell.start(self._open_toml(), failed="The rules were not written")

    def read_again(self) -> None:
        """Take up what was changed in the file by hand."""
        self._shell.start(self._session.reload_rules(), failed="The rules were not read")

    # Inside

    async def _keep(self) -> None:
        try:
            await self.draft.save()
            self._shell.notify("The rules are saved and followed from now on.", state="ok", seconds=4)
        finally:
            self._saving = False
            self._follow()

    async def _open_toml(self) -> None:
        found = self._session.engine.rules.in_use
        if not found.own:
            await self._session.set_rules(found.rules)
        QGuiApplication.clipboard().setText(str(found.path))
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(found.path)))
        self._shell.notify(f"Opened; its path is copied: {found.path}. Reload when it is saved.")

    def _bring_back(self, at: int, rule: Rule) -> None:
        self.draft.insert(at, rule)
        self.table.selectRow(at)

    def _edit(self, rule: Rule) -> None:
        if self.at >= 0:
            self.draft.replace(self.at, rule)

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
        set_role(self.save, "primary")
        set_role(self._card, "card")
        self._card.setMinimumHeight(_CARD[0])
        self._card.setMaximumHeight(_CARD[1])
        head = QHBoxLayout()
        head.setSpacing(SPACE_S)
        head.addWidget(title)
        head.addSpacing(SPACE_S)
        head.addWidget(said, 1)
        said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        for button in (self.toml, self.reload, self.defaults):
            set_role(button, "quiet")
            head.addWidget(button)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE_S)
        for button in (self.add, self.copy, self.up, self.down, self.take):
            buttons.addWidget(button)
        buttons.addStretch(1)
        bar = QHBoxLayout()
        bar.setSpacing(SPACE_S)
        bar.addWidget(self.status, 1)
        bar.addWidget(self.discard)
        bar.addWidget(self.save)
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
        layout.addLayout(bar)

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
        self.table.switched.connect(self.draft.switch)
        self.table.opened.connect(lambda _: self.sentence.focus_name())
        self.table.selectionModel().currentChanged.connect(lambda *_: self._choose())
        for button, run in (
            (self.add, self.add_rule),
            (self.copy, self.duplicate),
            (self.up, partial(self.step, -1)),
            (self.down, partial(self.step, 1)),
            (self.take, self.delete),
            (self.toml, self.open_toml),
            (self.reload, self.read_again),
            (self.defaults, self.draft.take_defaults),
            (self.discard, self.draft.discard),
            (self.save, self.keep),
        ):
            button.clicked.connect(lambda _=False, run=run: run())
        for button, tip in (
            (self.add, "Add a rule (Ins)"),
            (self.copy, "Copy the rule (Ctrl+D)"),
            (self.up, "Move the rule up (Alt+Up)"),
            (self.down, "Move the rule down (Alt+Down)"),
            (self.take, "Delete the rule (Del)"),
            (self.toml, "Open rules.toml in an editor, and copy its path"),
            (self.reload, "Read rules.toml again after a change by hand"),
            (self.defaults, "Show the rules that come with the console; Save makes them yours again"),
            (self.save, "Follow these rules from now on (Ctrl+S)"),
            (self.discard, "Go back to the rules in use"),
        ):
            button.setToolTip(tip)

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
