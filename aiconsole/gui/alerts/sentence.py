"""One alert rule as a sentence that is edited: how bad, when, for how long."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from ...alerts.declare import AlertRule
from ...domain.alerts import Severity
from ..flow import Flow
from ..routing.rules_conditions import Figure, Number, Ticks, together
from ..settings.editors import Choice
from ..theme import SPACE_S
from .parts import KINDS, NEW, Part, Pick, Ruled, Several, Side, Text, holding, kind_of, parts_of

_SEVERITIES: Final[dict[Severity, str]] = {
    "info": "Note",
    "warning": "Warn",
    "critical": "Raise a critical alert",
}
_NAME, _WORDS = 180, 160


class AlertSentence(QWidget):
    """``edited(rule)``: the person changed something. ``controls`` in the order of the sentence, made anew where it gets
    another shape: ``reshaped()``."""

    edited = Signal(object)
    reshaped = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._rule: AlertRule | None = None
        self._providers: tuple[str, ...] = ()
        self._lines: QWidget | None = None
        self.controls: list[QWidget] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    def show_rule(self, rule: AlertRule, providers: tuple[str, ...]) -> None:
        """Show a rule, unless it is what the person has just made of it."""
        if rule != self._rule or providers != self._providers:
            self._rule, self._providers = rule, providers
            self._build()

    def focus_name(self) -> None:
        """Begin at the name, all of it chosen."""
        name = cast(QLineEdit, self.controls[0])
        name.setFocus(Qt.FocusReason.ShortcutFocusReason)
        name.selectAll()

    # Inside

    def _build(self) -> None:
        rule = self._rule
        assert rule is not None
        before, lines = self._lines, QWidget()
        self._lines, self.controls = lines, []
        down = QVBoxLayout(lines)
        down.setContentsMargins(0, 0, 0, 0)
        down.setSpacing(SPACE_S)
        down.addLayout(self._head(rule))
        begins = (Pick("severity", "How bad it is", _SEVERITIES, ruled=True), "when")
        down.addWidget(self._flow(rule, (*begins, *parts_of(rule, self._providers)), kind_after=2))
        down.addWidget(self._flow(rule, holding(rule)))
        if before is not None:
            self._layout.removeWidget(before)
            before.hide()
            before.deleteLater()
        self._layout.addWidget(lines)
        lines.show()
        self.reshaped.emit()

    def _head(self, rule: AlertRule) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        for name, field, value, hint, width in (
            ("Name of the rule", "name", rule.name, "Name", _NAME),
            ("What the rule is for", "about", rule.about, "What it is for, in a sentence", 0),
            ("Group: alerts of one group about one provider are one", "group", rule.group, "none", _WORDS),
        ):
            line = QLineEdit(value)
            line.setAccessibleName(name)
            line.setToolTip(name)
            line.setPlaceholderText(hint)
            if width:
                line.setFixedWidth(width)
            line.textEdited.connect(lambda text, field=field: self._change(**{field: text}))
            self.controls.append(line)
            if field == "group":
                row.addWidget(QLabel("in the group"))
            row.addWidget(line, 0 if width else 1)
        return row

    def _flow(self, rule: AlertRule, parts: tuple[Part, ...], kind_after: int = -1) -> Flow:
        """The parts as words and controls; a figure stays with the words that lead to it."""
        flow, words = Flow(), ""
        for at, part in enumerate(parts):
            if at == kind_after:
                flow.add(together(words, self._kind(rule)))
                words = ""
            if isinstance(part, str):
                if words:
                    flow.add(QLabel(words))
                words = part
                continue
            flow.add(together(words, self._control(rule, part)))
            words = ""
        if kind_after == len(parts):
            flow.add(together(words, self._kind(rule)))
            words = ""
        if words:
            flow.add(QLabel(words))
        return flow

    def _kind(self, rule: AlertRule) -> QWidget:
        return self._choice("What is watched", KINDS, kind_of(rule), self._choose_kind)

    def _control(self, rule: AlertRule, part: Part) -> QWidget:
        kind = kind_of(rule)
        condition = getattr(rule, kind) if kind else None
        if isinstance(part, Pick):
            holder: Any = rule if part.ruled else condition
            value = getattr(holder, part.field)
            return self._choice(part.name, part.options, value, lambda chosen: self._pick(part, chosen))
        if isinstance(part, Side):
            taken = next(field for field in part.options if getattr(condition, field) is not None)
            return self._choice(part.name, part.options, taken, self._turn)
        if isinstance(part, Several):
            holder = rule if part.ruled else condition
            ticks = Ticks(part.name, part.options, getattr(holder, part.field), part.none)
            ticks.chosen.connect(lambda chosen: self._set(part.field, chosen, ruled=part.ruled))
            self.controls.append(ticks)
            return ticks
        if isinstance(part, Text):
            line = QLineEdit(getattr(condition, part.field))
            line.setAccessibleName(part.name)
            line.setPlaceholderText(part.hint)
            line.setFixedWidth(_WORDS)
            line.textEdited.connect(lambda text: self._set(part.field, text))
            self.controls.append(line)
            return line
        ruled = isinstance(part, Ruled)
        figure = part.figure if isinstance(part, Ruled) else cast(Figure, part)
        return self._number(rule if ruled else condition, figure, ruled=ruled)

    def _number(self, holder: Any, figure: Figure, *, ruled: bool) -> QWidget:
        value = getattr(holder, figure.field)
        shown = (holder.ceases if figure.leave and value is None else value) * figure.factor
        low, high = min(figure.low, shown), max(figure.high, shown)
        decimals = figure.decimals or (0 if abs(shown - round(shown)) < 1e-6 else 2)
        name = figure.name[:1].upper() + figure.name[1:]
        box = Number(name, figure.unit, low, high, shown, decimals)
        whole = isinstance(value, int)
        box.given.connect(
            lambda given: self._set(
                figure.field,
                round(given / figure.factor) if whole else round(given / figure.factor, 6),
                ruled=ruled,
            )
        )
        self.controls.append(box)
        return box

    def _choice(self, name: str, options: Any, value: Any, chosen: Any) -> QWidget:
        box = Choice()
        box.setAccessibleName(name)
        for option, words in options.items():
            box.addItem(words, option)
        box.setCurrentIndex(box.findData(value))
        box.activated.connect(lambda at: chosen(box.itemData(at)))
        self.controls.append(box)
        return box

    # What the person does

    def _change(self, *, anew: str = "", **changes: Any) -> None:
        if self._rule is None:
            return
        self._rule = msgspec.structs.replace(self._rule, **changes)
        if anew:
            self._build()
            for control in self.controls:
                if control.accessibleName() == anew:
                    control.setFocus(Qt.FocusReason.OtherFocusReason)
        self.edited.emit(self._rule)

    def _set(self, field: str, value: Any, *, ruled: bool = False, anew: str = "") -> None:
        if self._rule is None:
            return
        if ruled:
            self._change(anew=anew, **{field: value})
            return
        kind = kind_of(self._rule)
        self._change(anew=anew, **{kind: msgspec.structs.replace(getattr(self._rule, kind), **{field: value})})

    def _pick(self, part: Pick, chosen: Any) -> None:
        """A choice that changes what else is in the sentence makes it anew."""
        if part.field == "metric":
            self._change_metric(chosen, part.name)
        elif part.field == "by":
            self._change(anew=part.name, by=chosen, providers=())
        else:
            self._set(part.field, chosen, ruled=part.ruled)

    def _change_metric(self, metric: Any, name: str) -> None:
        """Another figure has another unit, so its limit begins anew."""
        assert self._rule is not None
        kind = kind_of(self._rule)
        condition = getattr(self._rule, kind)
        changes: dict[str, Any] = {"metric": metric}
        if kind == "threshold":
            limit = _LIMITS[metric]
            changes |= {"above": limit, "below": None, "clear": None}
        elif kind == "bench":
            changes |= {"above": _BENCH_LIMITS[metric], "clear": None}
        self._change(anew=name, **{kind: msgspec.structs.replace(condition, **changes)})

    def _turn(self, side: str) -> None:
        """Let the figure be on the other side."""
        assert self._rule is not None
        kind = kind_of(self._rule)
        condition = getattr(self._rule, kind)
        if kind == "threshold":
            value = condition.above if condition.above is not None else condition.below
            changes = {"above": None, "below": None, "clear": None, side: value or 1.0}
            name = "On which side"
        else:
            share = condition.rise if condition.rise is not None else condition.fall
            changes = {"rise": None, "fall": None, side: min(share, 1.0) if side == "fall" else share}
            name = "In which direction"
        self._change(anew=name, **{kind: msgspec.structs.replace(condition, **changes)})

    def _choose_kind(self, kind: str) -> None:
        """Watch something else; what only the last condition needed goes with it."""
        if self._rule is None or kind == kind_of(self._rule):
            return
        rest = dict.fromkeys(KINDS)
        self._change(anew="What is watched", **{**rest, kind: NEW[kind]})


_LIMITS: Final[dict[str, float]] = {
    "error rate": 0.3,
    "p50": 5_000.0,
    "p95": 10_000.0,
    "first token p95": 5_000.0,
    "calls": 1_000.0,
    "failures": 20.0,
    "cost": 1.0,
    "tokens": 1_000_000.0,
}
_BENCH_LIMITS: Final[dict[str, float]] = {"error rate": 0.05, "first token p95": 2_000.0, "worse figures": 0.0}
