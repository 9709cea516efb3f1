"""The simulated faults of one provider as controls: ready-made situations, and each knob on its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import msgspec
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ...simulator import Behaviour, RateLimits, StreamFault, lifelike
from ...simulator.behaviour import FaultKind
from ..controls import DecimalBox, NumberBox
from ..outcome import Outcome
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_M, SPACE_S, SPACE_XS, set_role

_OUTAGES = ((None, "None"), ("refuse", "Resets"), ("hang", "Silent"))
_STREAM_FAULTS = (
    (None, "Nothing"),
    ("stall", "Going silent"),
    ("cut", "Being cut"),
    ("malformed", "Turning malformed"),
    ("torn", "Losing one event"),
    ("error", "An error inside"),
)
_LETTERS, _NARROW = 6, 96
_SLOW = ((1.0, "As usual"), (2.0, "2 times slower"), (5.0, "5 times slower"), (20.0, "20 times slower"))


def situations(normal: Behaviour) -> dict[str, Behaviour]:
    """Ready-made behaviours by their names, made from the usual one."""
    change = partial(msgspec.structs.replace, normal)
    return {
        "Normal": normal,
        "Outage": change(outage="refuse"),
        "Silent": change(outage="hang"),
        "Slow": change(slow=5.0),
        "One in three fails": change(error_rates={"server_fault": 0.2, "overloaded": 0.13}),
        "Rate limit": change(rate_limit=RateLimits(requests_per_minute=5)),
        "Streams break": change(stream_fault=StreamFault("cut", 0.5, 20)),
    }


def fault_words(kind: str) -> str:
    """An error kind as a title."""
    return kind.replace("_", " ").capitalize()


class Faults(QWidget):
    """For one simulated provider; each change holds from the next request on."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session = session
        self._name = ""
        self._showing = False
        self.chips: dict[str, QPushButton] = {}
        self.outage = _choice("Outage", _OUTAGES)
        self.slow = _choice("Slow-down", _SLOW)
        self.ttft = _number("Time to first token", 60_000, " ms", "at once")
        self.pace = _number("Tokens a second", 10_000, " /s", "no pace")
        self.requests = _number("Requests a minute", 100_000, " /min", "no limit")
        self.tokens = _number("Tokens a minute", 10_000_000, " /min", "no limit")
        self.stream = _choice("Fault inside streams", _STREAM_FAULTS)
        self.stream_share = _share("Share of streams with the fault")
        self.stream_after = _number("Tokens before the fault", 100_000, " tokens", "at once")
        self.errors = {kind: _share(f"Share of {fault_words(kind)} errors") for kind in get_args(FaultKind)}
        self.outcome = Outcome(shell)
        self._build()
        for box in (self.ttft, self.pace, self.requests, self.tokens, self.stream_after):
            box.valueChanged.connect(self._apply)
        for share in (self.stream_share, *self.errors.values()):
            share.valueChanged.connect(self._apply)
        for choice in (self.outage, self.slow, self.stream):
            choice.activated.connect(self._apply)
        self.setFocusProxy(self.chips["Normal"])

    def show_provider(self, name: str) -> None:
        """Be for this provider from now on."""
        self._name = name
        self.outcome.clear()
        self.refresh()

    def refresh(self) -> None:
        """Show how it behaves now."""
        simulator = self._session.engine.simulator
        if simulator is None or self._name not in simulator.names:
            return
        behaviour = simulator.behaviour(self._name)
        ready = situations(lifelike().get(self._name, Behaviour()))
        for words, chip in self.chips.items():
            chip.setChecked(ready[words] == behaviour)
        self._showing = True
        _choose(self.outage, behaviour.outage)
        _choose(self.slow, behaviour.slow)
        self.ttft.setValue(round(behaviour.ttft_ms))
        self.pace.setValue(round(behaviour.tokens_per_s or 0))
        limits = behaviour.rate_limit or RateLimits()
        self.requests.setValue(limits.requests_per_minute or 0)
        self.tokens.setValue(limits.tokens_per_minute or 0)
        fault = behaviour.stream_fault
        _choose(self.stream, fault.kind if fault is not None else None)
        self.stream_share.setValue((fault.rate if fault is not None else 1.0) * 100)
        self.stream_after.setValue(fault.after_tokens if fault is not None else 5)
        for kind, box in self.errors.items():
            box.setValue(behaviour.error_rates.get(kind, 0.0) * 100)
        self._showing = False
        self.stream_share.setEnabled(fault is not None)
        self.stream_after.setEnabled(fault is not None)

    def behaviour(self) -> Behaviour:
        """What the controls say."""
        kind = self.stream.currentData()
        limits = RateLimits(self.requests.value() or None, self.tokens.value() or None)
        simulator = self._session.engine.simulator
        assert simulator is not None
        return msgspec.structs.replace(
            simulator.behaviour(self._name),
            ttft_ms=float(self.ttft.value()),
            tokens_per_s=float(self.pace.value()) or None,
            slow=self.slow.currentData(),
            outage=self.outage.currentData(),
            error_rates={name: box.value() / 100 for name, box in self.errors.items() if box.value()},
            rate_limit=limits if limits != RateLimits() else None,
            stream_fault=(
                StreamFault(kind, self.stream_share.value() / 100, self.stream_after.value()) if kind else None
            ),
        )

    # Inside

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_S)
        words = QLabel(
            "What this provider's simulation does from the next request on. Nothing here reaches a real provider."
        )
        words.setWordWrap(True)
        set_role(words, "caption")
        layout.addWidget(words)
        layout.addLayout(self._chip_rows())
        layout.addLayout(
            _grid(
                ("Outage", self.outage, "Slow-down", self.slow),
                ("First token after", self.ttft, "Tokens", self.pace),
                ("Request limit", self.requests, "Token limit", self.tokens),
                ("Streams break by", self.stream, "After", self.stream_after),
                ("In", self.stream_share, "", None),
            )
        )
        head = QLabel("Share of requests that fail")
        set_role(head, "strong")
        layout.addWidget(head)
        kinds = list(self.errors.items())
        rows = [kinds[at : at + 2] for at in range(0, len(kinds), 2)]
        layout.addLayout(_grid(*((fault_words(a), box_a, fault_words(b), box_b) for (a, box_a), (b, box_b) in rows)))
        layout.addWidget(self.outcome)

    def _chip_rows(self) -> QVBoxLayout:
        rows = QVBoxLayout()
        rows.setSpacing(SPACE_XS)
        names = list(situations(Behaviour()))
        for part in (names[:4], names[4:]):
            across = QHBoxLayout()
            across.setSpacing(SPACE_XS)
            for name in part:
                chip = QPushButton(name)
                chip.setCheckable(True)
                set_role(chip, "chip")
                chip.clicked.connect(partial(self._take, name))
                self.chips[name] = chip
                across.addWidget(chip)
            across.addStretch(1)
            rows.addLayout(across)
        return rows

    def _take(self, situation: str) -> None:
        self._set(lambda: situations(lifelike().get(self._name, Behaviour()))[situation])

    def _apply(self, *_: object) -> None:
        if not self._showing:
            self._set(self.behaviour)

    def _set(self, wanted: Callable[[], Behaviour]) -> None:
        simulator = self._session.engine.simulator
        if simulator is None:
            return
        try:
            simulator.set(self._name, wanted())
        except msgspec.ValidationError as error:
            reason = str(error).partition(" - at")[0]
            self.outcome.say("crit", f"This was not taken: {reason[:1].lower()}{reason[1:]}.")
            return
        self.outcome.clear()
        self.refresh()


def _choice(name: str, options: tuple[tuple[Any, str], ...]) -> QComboBox:
    from ..settings.editors import Choice

    box = Choice()
    box.setAccessibleName(name)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(_LETTERS)
    for value, words in options:
        box.addItem(words, value)
    return box


def _choose(box: QComboBox, value: Any) -> None:
    at = box.findData(value)
    if at < 0:
        box.addItem(f"{value:g} times slower" if isinstance(value, float) else str(value), value)
        at = box.count() - 1
    box.setCurrentIndex(at)


def _number(name: str, most: int, suffix: str, zero: str = "") -> NumberBox:
    box = NumberBox()
    box.setAccessibleName(name)
    box.setRange(0, most)
    box.setSpecialValueText(zero)
    box.setMinimumWidth(_NARROW)
    box.setSuffix(suffix)
    box.setGroupSeparatorShown(True)
    box.setKeyboardTracking(False)
    return box


def _share(name: str) -> DecimalBox:
    box = DecimalBox()
    box.setAccessibleName(name)
    box.setRange(0, 100)
    box.setDecimals(1)
    box.setSpecialValueText("none")
    box.setMinimumWidth(_NARROW)
    box.setSuffix(" %")
    box.setSingleStep(5)
    box.setKeyboardTracking(False)
    return box


def _grid(*rows: tuple[str, QWidget, str, QWidget | None]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(SPACE_S)
    grid.setVerticalSpacing(SPACE_S)
    for at, (left, left_box, right, right_box) in enumerate(rows):
        for column, words, box in ((0, left, left_box), (2, right, right_box)):
            if box is None:
                continue
            label = QLabel(words)
            label.setBuddy(box)
            set_role(label, "caption")
            grid.addWidget(label, at, column)
            grid.addWidget(box, at, column + 1)
    grid.setColumnStretch(1, 1)
    grid.setColumnStretch(3, 1)
    grid.setColumnMinimumWidth(2, SPACE_M)
    return grid
