"""Asking what: the prompts of the suite, or one of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from PySide6.QtWidgets import QCheckBox, QHBoxLayout

from ...bench.plan import DEFAULT_TEXT, Prompt
from ..settings.editors import Lines
from ..theme import SPACE_M
from .fields import Card, Fields, choice, whole

_SIZES: Final = (
    ("Short question, short answer", Prompt("short", "Name three rivers of Europe.", 0, 48)),
    ("Short question, middling answer", Prompt("short", DEFAULT_TEXT, 0, 128)),
    ("Short question, long answer", Prompt("long answer", "Write an essay of 600 words about bridges.", 0, 700)),
    ("Long question, short answer", Prompt("long question", "Summarise the text above in one sentence.", 2500, 64)),
)


class PromptsCard(Card):
    """The prompts, and how they are asked."""

    def __init__(self) -> None:
        super().__init__("Asking what")
        self._of_suite: tuple[Prompt, ...] = ()
        self.which, self.max_tokens = choice(), whole(128, 1, 32_000)
        self.text = Lines()
        self.text.setPlaceholderText("Your own prompt")
        self.text.setAccessibleName("Prompt of your own")
        self.text.setFixedHeight(self.text.fontMetrics().lineSpacing() * 3 + 18)
        self.stream = QCheckBox("Stream")
        self.stream.setToolTip("Ask for streams; without, only whole times are measured")
        self.unique = QCheckBox("Keep caches out")
        self.unique.setToolTip("Begin each prompt with words of its own, so that no cache of the provider answers")
        fields = Fields()
        fields.add("Prompts", self.which, "A set from the suite, one of the shipped ones, or your own.", 3)
        fields.add("Most tokens", self.max_tokens, "The limit of output tokens of each answer; cost follows it.")
        self._fields = fields
        ticks = QHBoxLayout()
        ticks.setSpacing(SPACE_M)
        ticks.addWidget(self.stream)
        ticks.addWidget(self.unique)
        ticks.addStretch(1)
        for widget in (fields, self.text):
            self.rows.addWidget(widget)
        self.rows.addLayout(ticks)
        self.which.activated.connect(self._follow)
        self.max_tokens.valueChanged.connect(self.changed)
        self.text.textChanged.connect(self.changed)
        for tick in (self.stream, self.unique):
            tick.toggled.connect(self.changed)
        self.show_plan((Prompt(),), stream=True, unique=True)

    def show_plan(self, prompts: Sequence[Prompt], *, stream: bool, unique: bool) -> None:
        """Be these."""
        self._of_suite = tuple(prompts)
        self.which.clear()
        many = f"The suite's {len(prompts)} prompts" if len(prompts) > 1 else "The suite's prompt"
        self.which.addItem(many, "suite")
        for words, prompt in _SIZES:
            self.which.addItem(words, prompt)
        self.which.addItem("Your own", "own")
        self.stream.setChecked(stream)
        self.unique.setChecked(unique)
        self._follow()

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """What is asked."""
        which = self.which.currentData()
        if which == "suite":
            return self._of_suite
        if which == "own":
            return (Prompt("own", self.text.toPlainText().strip() or DEFAULT_TEXT, 0, self.max_tokens.value()),)
        return (msgspec.structs.replace(which, max_tokens=self.max_tokens.value()),)

    def _follow(self) -> None:
        which = self.which.currentData()
        if isinstance(which, Prompt):
            self.max_tokens.setValue(which.max_tokens)
        self.text.setVisible(which == "own")
        self._fields.show_only({self.which} if which == "suite" else {self.which, self.max_tokens})
        prompts = self.prompts
        if len(prompts) > 1:
            self.about.setText(f"{', '.join(prompt.name for prompt in prompts)}, in a mixed order.")
        else:
            before = f"{prompts[0].words:,} words of filler, then: " if prompts[0].words else ""
            self.about.setText(f"{before}“{prompts[0].text}”" if which != "own" else "")
        self.about.setVisible(which != "own")
        self.changed.emit()
