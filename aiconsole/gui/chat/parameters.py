"""A conversation's own system prompt and parameters. What is left empty is the provider's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
from PySide6.QtCore import QRect, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLineEdit, QPlainTextEdit, QPushButton, QWidget

from ...domain.chat import Effort, Reasoning
from ...domain.conversations import ChatParams
from ..theme import SPACE_S, set_role
from .kit import label
from .popover import Popover

_WIDTH = 420
_EFFORTS: tuple[Effort | None, ...] = (None, "none", "minimal", "low", "medium", "high", "xhigh", "max")
_STOP_BREAK = "\\n"


def changed_count(system: str, params: ChatParams) -> int:
    """How many of them differ from the provider's own."""
    own = ChatParams()
    changed = [field for field in params.__struct_fields__ if getattr(params, field) != getattr(own, field)]
    return len(changed) + (1 if system.strip() else 0)


class ParametersCard(Popover):
    """``saved(system, params)`` when it closes and something was changed."""

    saved = Signal(str, object)

    def __init__(self) -> None:
        super().__init__("Parameters", _WIDTH)
        self._params_before = ChatParams()
        self._system_before = ""
        self.box.addWidget(label("Parameters of this conversation", "head"))
        self.system = QPlainTextEdit()
        self.system.setTabChangesFocus(True)
        self.system.setFixedHeight(92)
        self.system.setAccessibleName("System prompt")
        self.system.setPlaceholderText("How it should answer. Empty: nothing is said.")
        self.box.addWidget(label("System prompt", "caption"))
        self.box.addWidget(self.system)
        self.temperature = self._field("Temperature", "0 to 2")
        self.top_p = self._field("top_p", "0 to 1")
        self.max_tokens = self._field("Most tokens", "of the answer")
        self.stop = self._field("Stop at", "words apart by commas, \\n for a line's end")
        self.seed = self._field("Seed", "a whole number")
        self.effort = QComboBox()
        self.effort.setAccessibleName("Reasoning effort")
        self.effort.addItems(["the model's own", *(str(effort) for effort in _EFFORTS[1:])])
        form = QFormLayout()
        form.setHorizontalSpacing(SPACE_S * 2)
        form.setVerticalSpacing(SPACE_S)
        for name, field in (
            ("Temperature", self.temperature),
            ("top_p", self.top_p),
            ("Most tokens", self.max_tokens),
            ("Stop at", self.stop),
            ("Seed", self.seed),
            ("Reasoning effort", self.effort),
        ):
            form.addRow(name, field)
        self.box.addLayout(form)
        self.trouble = label("", "caption", "crit")
        self.trouble.setWordWrap(True)
        self.trouble.hide()
        self.box.addWidget(self.trouble)
        self.box.addLayout(self._buttons())
        self.closed.connect(self._save)

    def _field(self, name: str, hint: str) -> QLineEdit:
        field = QLineEdit()
        field.setAccessibleName(f"{name}, {hint}")
        field.setPlaceholderText(f"the provider's own ({hint})" if len(hint) < 20 else hint)
        field.textChanged.connect(self._check)
        field.returnPressed.connect(self._done)
        return field

    def _buttons(self) -> QHBoxLayout:
        clear = QPushButton("Clear all")
        set_role(clear, "quiet")
        clear.clicked.connect(lambda: self._fill("", ChatParams()))
        done = QPushButton("Done")
        set_role(done, "primary")
        done.clicked.connect(self._done)
        row = QHBoxLayout()
        row.addWidget(clear)
        row.addStretch(1)
        row.addWidget(done)
        return row

    def ask(self, owner: QWidget, anchor: QRect, system: str, params: ChatParams) -> None:
        """Open it with what holds now."""
        self._system_before, self._params_before = system, params
        self._fill(system, params)
        self.open_at(owner, anchor, self.system)

    def _fill(self, system: str, params: ChatParams) -> None:
        self.system.setPlainText(system)
        self.temperature.setText(_text(params.temperature))
        self.top_p.setText(_text(params.top_p))
        self.max_tokens.setText(_text(params.max_tokens))
        self.stop.setText(", ".join(word.replace("\n", _STOP_BREAK) for word in params.stop))
        self.seed.setText(_text(params.seed))
        effort = params.reasoning.effort if params.reasoning is not None else None
        self.effort.setCurrentIndex(_EFFORTS.index(effort))
        self._check()

    def _checks(self) -> tuple[tuple[QLineEdit, str, Callable[[str], Any]], ...]:
        return (
            (self.temperature, "Temperature is a number from 0 to 2.", lambda text: _number(text, 0, 2)),
            (self.top_p, "top_p is a number from 0 to 1.", lambda text: _number(text, 0, 1)),
            (self.max_tokens, "The most tokens is a whole number from 1.", lambda text: _whole(text, 1)),
            (self.seed, "The seed is a whole number.", lambda text: _whole(text, -(2**63))),
        )

    def _check(self) -> bool:
        """Mark what cannot be taken; True where all can."""
        wrong = []
        for field, sentence, read in self._checks():
            try:
                read(field.text())
                set_role(field, None)
            except ValueError:
                set_role(field, None, "crit")
                wrong.append(sentence)
        self.trouble.setText(" ".join(wrong))
        self.trouble.setVisible(bool(wrong))
        if self.isVisible():
            self.fit()
        return not wrong

    def _done(self) -> None:
        if self._check():
            self.dismiss()

    def _save(self) -> None:
        """Keep what can be taken; a field that cannot keeps its value from before."""
        values = {}
        fields = ("temperature", "top_p", "max_tokens", "seed")
        for name, (field, _, read) in zip(fields, self._checks(), strict=True):
            try:
                values[name] = read(field.text())
            except ValueError:
                values[name] = getattr(self._params_before, name)
        stop = tuple(word for part in self.stop.text().split(",") if (word := part.strip().replace(_STOP_BREAK, "\n")))
        effort = _EFFORTS[self.effort.currentIndex()]
        before = self._params_before.reasoning or Reasoning()
        reasoning = msgspec.structs.replace(before, effort=effort)
        params = msgspec.structs.replace(
            self._params_before, stop=stop, reasoning=reasoning if reasoning != Reasoning() else None, **values
        )
        system = self.system.toPlainText().strip()
        if params != self._params_before or system != self._system_before:
            self.saved.emit(system, params)


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _number(text: str, least: float, most: float) -> float | None:
    if not text.strip():
        return None
    value = float(text.strip().replace(",", "."))
    if not math.isfinite(value) or not least <= value <= most:
        raise ValueError(text)
    return value


def _whole(text: str, least: int) -> int | None:
    if not text.strip():
        return None
    value = int(text.strip())
    if not least <= value < 2**63:
        raise ValueError(text)
    return value
