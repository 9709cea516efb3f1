"""One rule as a sentence that is edited: whom it concerns, when it holds, what is done then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import msgspec
from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QMenu, QPushButton, QVBoxLayout, QWidget

from ...routing.rules import Action, Rule
from ...routing.rules.declare import ASIDE
from ..chat.models import ModelChoice
from ..icons import Icons
from ..settings.editors import Choice
from ..theme import SPACE_S, SPACE_XS, set_role
from .rules_conditions import NEW, TITLES, ConditionLine, Number, Ticks, present

_ACTIONS: dict[Action, str] = {
    "next candidate": "go on with the next candidate",
    "route": "go over to the route",
    "switch model": "ask another model instead:",
    "wait": "wait, then try it again, up to",
    "open breaker": "open its circuit breaker",
    "notify": "tell me",
    "fail fast": "give up at once",
}
_NAME, _TARGET = 180, 220
_OPEN_S = 300.0
_WAIT_S = 5.0


class SentenceEditor(QWidget):
    """``edited(rule)``: the person changed something. ``controls`` in the order of the sentence, made anew where it gets
    another shape: ``reshaped()``."""

    edited = Signal(object)
    reshaped = Signal()

    def __init__(self, icons: Icons, models: ModelChoice) -> None:
        super().__init__()
        self._icons, self._models = icons, models
        self._routes: Mapping[str, Sequence[str]] = {}
        self._rule: Rule | None = None
        self._lines: QWidget | None = None
        self.controls: list[QWidget] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        models.chosen.connect(lambda name: self._change(anew=True, to=name))

    def show_rule(self, rule: Rule, routes: Mapping[str, Sequence[str]]) -> None:
        """Show a rule, unless it is what the person has just made of it."""
        if rule != self._rule or routes != self._routes:
            self._rule, self._routes = rule, dict(routes)
            self._build()

    def focus_name(self) -> None:
        """Begin at the name, all of it chosen."""
        name = cast(QLineEdit, self.controls[0])
        name.setFocus(Qt.FocusReason.ShortcutFocusReason)
        name.selectAll()

    # Inside

    def _change(self, *, anew: bool = False, **changes: Any) -> None:
        if self._rule is None:
            return
        self._rule = msgspec.structs.replace(self._rule, **changes)
        if anew:
            self._build()
        self.edited.emit(self._rule)

    def _build(self) -> None:
        rule = self._rule
        assert rule is not None
        before, lines = self._lines, QWidget()
        self._lines, self.controls = lines, []
        self._down = QVBoxLayout(lines)
        self._down.setContentsMargins(0, 0, 0, 0)
        self._down.setSpacing(SPACE_S)
        self._build_head(rule)
        self._build_scope(rule)
        self._build_conditions(rule)
        self._build_action(rule)
        self._build_rest(rule)
        if before is not None:
            self._layout.removeWidget(before)
            before.hide()
            before.deleteLater()
        self._layout.addWidget(lines)
        lines.show()
        self.reshaped.emit()

    def _row(self, *parts: str | QWidget) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        for part in parts:
            if isinstance(part, str):
                row.addWidget(QLabel(part))
            else:
                row.addWidget(part)
                self.controls.append(part)
        self._down.addLayout(row)
        return row

    def _text(self, name: str, field: str, value: str, hint: str, width: int = 0) -> QLineEdit:
        line = QLineEdit(value)
        line.setAccessibleName(name)
        line.setPlaceholderText(hint)
        if width:
            line.setFixedWidth(width)
        line.textEdited.connect(lambda text: self._change(**{field: text}))
        return line

    def _build_head(self, rule: Rule) -> None:
        name = self._text("Name of the rule", "name", rule.name, "Name", _NAME)
        about = self._text("What the rule is for", "about", rule.about, "What it is for, in a sentence")
        self._row(name, about).setStretch(1, 1)

    def _build_scope(self, rule: Rule) -> None:
        routes = Ticks("Routes", list(self._routes), rule.routes, "any route")
        routes.chosen.connect(lambda chosen: self._change(routes=chosen))
        candidates = QLineEdit(", ".join(rule.candidates))
        candidates.setAccessibleName(
            "Candidates: provider/model or a pattern such as groq/*, with commas; empty for any"
        )
        candidates.setPlaceholderText("any candidate, or such as groq/*")
        candidates.textEdited.connect(lambda text: self._change(candidates=_listed(text)))
        self._row("For", candidates, "of", routes).setStretch(1, 1)

    def _build_conditions(self, rule: Rule) -> None:
        fields = present(rule)
        for at, field in enumerate(fields):
            line = ConditionLine(field, rule, self._icons, "and" if at else "when", removable=len(fields) > 1)
            line.edited.connect(lambda field, value: self._change(**{field: value}))
            line.removed.connect(self._take_out)
            self._down.addWidget(line)
            self.controls += line.controls
        add = QPushButton("Add a condition    ")
        set_role(add, "quiet")
        menu = QMenu(add)
        for field, title in TITLES.items():
            if field not in fields:
                menu.addAction(title, partial(self._add_condition, field))
        add.setMenu(menu)
        add.setEnabled(not menu.isEmpty())
        self._row(add).addStretch(1)

    def _add_condition(self, field: str) -> None:
        self._change(anew=True, **{field: NEW[field]})
        assert self._lines is not None
        line = next(line for line in self._lines.findChildren(ConditionLine) if line.field == field)
        line.controls[0].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _take_out(self, field: str) -> None:
        self._change(anew=True, **{field: () if field in ("errors", "statuses") else None})
        self.controls[-1].setFocus(Qt.FocusReason.OtherFocusReason)

    def _build_action(self, rule: Rule) -> None:
        action = Choice()
        action.setAccessibleName("What is done then")
        for value, words in _ACTIONS.items():
            action.addItem(words, value)
        if not (rule.errors or rule.statuses):
            action.setItemText(0, "leave that candidate for last")
        action.setCurrentIndex(action.findData(rule.do))
        action.activated.connect(lambda at: self._choose(action.itemData(at)))
        target = self._target(rule)
        row = self._row("then", action, *([target] if target is not None else []))
        if rule.do == "open breaker":
            row.addWidget(QLabel("before it is tested again" if rule.open_s else ""))
        row.addStretch(0 if rule.do == "notify" else 1)

    def _target(self, rule: Rule) -> QWidget | None:
        """What the action needs besides."""
        if rule.do == "route":
            box = Choice()
            box.setAccessibleName("The route to go over to")
            for name in dict.fromkeys((*self._routes, *([rule.to] if rule.to else []))):
                box.addItem(name, name)
            box.setCurrentIndex(box.findData(rule.to))
            box.activated.connect(lambda at: self._change(to=box.itemData(at)))
            return box
        if rule.do == "switch model":
            button = QPushButton(rule.to or "Choose a model…")
            button.setAccessibleName(f"The model to ask instead: {rule.to or 'none yet'}")
            button.setMinimumWidth(_TARGET)
            anchor = partial(QRect, 0, 0)
            button.clicked.connect(
                lambda: self._models.ask(button, anchor(button.width(), button.height()), button.text())
            )
            return button
        if rule.do == "notify":
            return self._text("What to say", "message", rule.message, "What happened and to whom is said anyway")
        if rule.do == "wait":
            wait = Number("Longest wait", " s", 0.1, 120, rule.wait_s, 1)
            wait.given.connect(lambda value: self._change(wait_s=value))
            return wait
        if rule.do == "open breaker":
            hold = Number("How long it is asked no more", " s", 0, 86_400, rule.open_s or 0)
            hold.setSpecialValueText("as usual")
            hold.given.connect(lambda value: self._change(open_s=value or None))
            return hold
        return None

    def _choose(self, do: Action) -> None:
        """Another action, with what it needs and without what only the last one needed."""
        rule = self._rule
        if rule is None or do == rule.do:
            return
        to = next(iter(self._routes), "") if do == "route" else ""
        waits = rule.wait_s or _WAIT_S
        self._change(
            anew=True,
            do=do,
            to=to,
            wait_s=waits if do == "wait" else 0.0,
            open_s=rule.open_s or _OPEN_S if do == "open breaker" else None,
            message=rule.message if do == "notify" else "",
        )
        at = next(at for at, control in enumerate(self.controls) if control.accessibleName() == "What is done then")
        self.controls[at].setFocus(Qt.FocusReason.OtherFocusReason)

    def _build_rest(self, rule: Rule) -> None:
        again = Number("Least time between changes", " s", 0, 86_400, rule.min_between_s)
        again.given.connect(lambda value: self._change(min_between_s=value))
        self._down.addSpacing(SPACE_XS)
        if not rule.measured and rule.do not in ASIDE and rule.cost is None:
            return
        if rule.moment == "after an error" and rule.do in ASIDE:
            words = ("and do so again after", "at the earliest")
        else:
            words = ("Once it begins or ceases to hold for a candidate, it stays so for at least", "")
        self._row(words[0], again, words[1]).addStretch(1)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
