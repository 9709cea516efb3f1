"""What to run, on whom, with what load and until when: the form, with what it will send and cost before it starts."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import cast

import msgspec
from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from ...bench.command import suite_path
from ...bench.health import CHECKS
from ...bench.plan import Kind, Load, Plan, read_suite
from ...domain.errors import ConsoleError, ProviderError
from ..keys import with_keys
from ..notices import StateGlyph
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_L, SPACE_M, SPACE_S, set_role
from .fields import Card, Fields, choice
from .limits_card import LimitsCard, ObjectivesCard
from .load_card import LoadCard
from .presets import PRESETS, SUITES
from .prompts_card import PromptsCard
from .targets import TargetsCard
from .words import KINDS, duration, stops_words

_PATIENCE_MS = 200
_OTHER = "other"
_TWO_COLUMNS_PX = 820


class BenchForm(QWidget):
    """``wanted(plan, baseline)``: the person starts it. ``baseline`` is "" for none.

    It is built from the outside in, within ``parent``: with a style sheet, Qt looks at all that is in a widget each time the
    widget gets another parent.
    """

    wanted = Signal(object, str)

    def __init__(self, session: Session, shell: Shell, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName("New run")
        self._session, self._shell = session, shell
        self._base = Plan()
        self._filling = False
        self._predicting: asyncio.Task[None] | None = None
        self.presets = {preset.key: QPushButton(preset.title) for preset in PRESETS}
        self.what = Card("What")
        self.kind, self.suite = choice(), choice()
        self.targets = TargetsCard(session, shell)
        self.load = LoadCard(shell.theme)
        self.prompts = PromptsCard()
        self.limits = LimitsCard()
        self.objectives = ObjectivesCard()
        self.predicted, self.stops = QLabel("Working out what it will send…"), QLabel()
        self._glyph = StateGlyph(shell.theme, "idle")
        self.go = QPushButton("Start")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PATIENCE_MS)
        self._timer.timeout.connect(self._predict)
        self._build()
        self.setFocusProxy(self.presets[PRESETS[0].key])
        for card in (self.targets, self.load, self.prompts, self.limits, self.objectives):
            card.changed.connect(self._changed)
        session.changed.connect(self._show_states)
        self.show_preset(PRESETS[1].key)

    def show_preset(self, key: str) -> None:
        """Be what answers one of the questions."""
        preset = next(preset for preset in PRESETS if preset.key == key)
        self._show_suite(suite_path(preset.suite))

    def show_plan(self, plan: Plan) -> None:
        """Be this plan."""
        self._filling = True
        self._base = plan
        self.kind.setCurrentIndex(self.kind.findData(plan.kind))
        self.what.about.setText(plan.about or KINDS[plan.kind][1])
        self.load.show_plan(plan.kind, plan.load, plan.repeats, plan.warmup)
        self.prompts.show_plan(plan.prompts, stream=plan.stream, unique=plan.unique)
        self.limits.show_limits(plan.limits)
        self.objectives.show_plan(plan)
        self._show_states()
        self.targets.choose(plan.targets)
        for card in (self.load, self.prompts, self.limits):
            card.setVisible(plan.kind != "health")
        for preset in PRESETS:
            shown = str(suite_path(preset.suite)) == self.suite.currentData()
            self.presets[preset.key].setChecked(shown)
        self._filling = False
        self._changed()

    def plan(self) -> Plan:
        """What is chosen."""
        kind = cast(Kind, self.kind.currentData())
        base = msgspec.structs.replace(
            self._base, kind=kind, targets=self.targets.chosen, asserts=self.objectives.conditions
        )
        if kind == "health":
            return base
        return msgspec.structs.replace(
            base,
            load=self.load.load(self._base.load),
            repeats=self.load.repeats.value(),
            warmup=self.load.warmup.value(),
            prompts=self.prompts.prompts,
            stream=self.prompts.stream.isChecked(),
            unique=self.prompts.unique.isChecked(),
            limits=self.limits.limits,
            objectives=self.objectives.objectives,
        )

    def start(self) -> None:
        """Begin what is chosen."""
        if self.go.isEnabled():
            self.wanted.emit(self.plan(), self.objectives.baseline.currentData() or "")

    async def read_baselines(self) -> None:
        """Offer what can be compared with."""
        history = self._session.engine.bench.history
        pinned, entries = await asyncio.to_thread(history.baselines), await asyncio.to_thread(history.entries)
        self.objectives.show_baselines(pinned, entries)

    def open_suite(self) -> None:
        """Let the person choose a suite's file."""
        dialog = QFileDialog(self, "Open a suite")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter("Suites (*.toml)")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.show_file(Path(name)))
        dialog.open()

    def show_file(self, path: Path) -> None:
        """Be what a suite's file says."""
        self._shell.start(self._show_file(path), failed="The suite was not opened")

    def showEvent(self, event: QShowEvent) -> None:
        """A layout that changed its direction while nobody saw it is not made anew by Qt."""
        super().showEvent(event)
        self._whole.invalidate()
        self._timer.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Two columns where they fit, one below the other where they do not."""
        super().resizeEvent(event)
        side_by_side = self.width() >= _TWO_COLUMNS_PX
        across, down = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        for row in (self._cards, self._presets):
            row.setDirection(across if side_by_side else down)

    # Inside

    def _build(self) -> None:
        for kind, (title, _) in KINDS.items():
            self.kind.addItem(title, kind)
        for title, name in SUITES:
            self.suite.addItem(title, str(suite_path(name)))
        self.suite.addItem("Open a file…", _OTHER)
        what = Fields(2)
        what.add("Suite", self.suite, "A plan to begin with; everything below can be changed.")
        what.add("Kind", self.kind, "Health tries features, a benchmark measures answers, a stress test makes load.")
        self.what.rows.addWidget(what)
        self.suite.activated.connect(self._choose_suite)
        self.kind.activated.connect(self._choose_kind)
        whole = self._whole = self._scrolled()
        self._presets = QHBoxLayout()
        self._presets.setSpacing(SPACE_M)
        whole.addLayout(self._presets)
        self._fill_presets()
        cards = self._cards = QHBoxLayout()
        cards.setSpacing(SPACE_M)
        whole.addLayout(cards)
        columns = ((self.what, self.targets), (self.load, self.prompts, self.limits, self.objectives))
        for column, members in enumerate(columns):
            down = QVBoxLayout()
            down.setSpacing(SPACE_M)
            cards.addLayout(down, 4 if column == 0 else 5)
            for card in members:
                down.addWidget(card)
            down.addStretch(1)
        whole.addStretch(1)
        chain = [*self.presets.values(), self.suite, self.kind, self.targets.all, self.targets.none]
        for before, after in pairwise(chain):
            QWidget.setTabOrder(before, after)

    def _scrolled(self) -> QVBoxLayout:
        """The place of the cards, above the foot."""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_M)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout.addWidget(area, 1)
        layout.addWidget(self._foot())
        inner = QWidget()
        whole = QVBoxLayout(inner)
        whole.setContentsMargins(0, 0, SPACE_S, 0)
        whole.setSpacing(SPACE_M)
        area.setWidget(inner)
        return whole

    def _fill_presets(self) -> None:
        for number, preset in enumerate(PRESETS, 1):
            button = self.presets[preset.key]
            button.setCheckable(True)
            button.setIcon(self._shell.icons.icon(preset.icon))
            button.setIconSize(QSize(18, 18))
            button.setToolTip(with_keys(f"{preset.words} (Alt+{number})"))
            button.setAccessibleDescription(preset.words)
            set_role(button, "choice")
            words = QLabel(preset.words)
            words.setWordWrap(True)
            set_role(words, "caption")
            down = QVBoxLayout()
            down.setSpacing(SPACE_S)
            down.addWidget(button)
            down.addWidget(words, 1, Qt.AlignmentFlag.AlignTop)
            self._presets.addLayout(down, 1)
            button.clicked.connect(partial(self._choose_preset, preset.key))

    def _foot(self) -> QFrame:
        foot = QFrame()
        set_role(foot, "card")
        set_role(self.predicted, "strong")
        set_role(self.stops, "caption")
        for label in (self.predicted, self.stops):
            label.setWordWrap(True)
        self.predicted.setAccessibleName("What it will send and cost")
        set_role(self.go, "primary")
        self.go.setToolTip(with_keys("Start the run (Ctrl+Return)"))
        self.go.clicked.connect(self.start)
        words = QVBoxLayout()
        words.setSpacing(SPACE_S // 2)
        words.addWidget(self.predicted)
        words.addWidget(self.stops)
        across = QHBoxLayout(foot)
        across.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_M)
        across.setSpacing(SPACE_M)
        across.addWidget(self._glyph)
        across.addLayout(words, 1)
        across.addWidget(self.go)
        return foot

    def _choose_preset(self, key: str, *_: object) -> None:
        self.show_preset(key)
        self.presets[key].setChecked(True)

    def _choose_suite(self) -> None:
        chosen = self.suite.currentData()
        if chosen == _OTHER:
            self.open_suite()
        else:
            self._show_suite(Path(chosen))

    def _choose_kind(self) -> None:
        kind = cast(Kind, self.kind.currentData())
        load = Load(level=4) if kind == "stress" else Load()
        self.suite.setCurrentIndex(-1)
        self.show_plan(Plan(kind=kind, load=load, targets=self.targets.chosen))

    def _show_suite(self, path: Path) -> None:
        self.suite.setCurrentIndex(self.suite.findData(str(path)))
        self.show_plan(read_suite(path))

    async def _show_file(self, path: Path) -> None:
        plan = await asyncio.to_thread(read_suite, path)
        at = self.suite.findData(str(path))
        if at < 0:
            at = self.suite.count() - 1
            self.suite.insertItem(at, path.name, str(path))
        self.suite.setCurrentIndex(at)
        self.show_plan(plan)

    def _show_states(self) -> None:
        health = self.kind.currentData() == "health"
        self.targets.show_states(self._session.engine.providers(), health=health)
        if not self._filling:
            self._changed()

    def _changed(self) -> None:
        if not self._filling:
            plan = self.plan()
            self.stops.setText(stops_words(plan.limits, health=plan.kind == "health"))
            self._timer.start()

    def _predict(self) -> None:
        if self._predicting is not None:
            self._predicting.cancel()
        if self.isVisible():
            self._predicting = self._shell.start(self._tell_prediction(self.plan()))

    async def _tell_prediction(self, plan: Plan) -> None:
        if not plan.targets:
            self._say("idle", "Tick at least one provider.", can=False)
            return
        if plan.kind == "health":
            many = len(plan.targets)
            self._say("ok", f"{many * len(CHECKS)} checks at {many} providers; a few hundred tokens each.")
            return
        bench = self._session.engine.bench
        try:
            resolved = await bench.resolve(plan)
            prediction = await bench.predict(resolved)
        except ConsoleError as error:
            whose = f"{error.provider}: " if isinstance(error, ProviderError) and error.provider else ""
            self._say("crit", f"{whose}{error.message} {error.advice}".strip(), can=False)
            return
        took = "" if prediction.seconds is None else f"; {duration(prediction.seconds)} of load"
        over = prediction.usd is not None and plan.limits.usd is not None and prediction.usd > plan.limits.usd
        words = f"{prediction.words.partition('; stops at')[0]}{took}."
        if over:
            words += " The limit of cost ends it before."
        self._say("warn" if over or prediction.unpriced else "ok", f"{words[:1].upper()}{words[1:]}")
        await self.targets.load_models()

    def _say(self, state: str, words: str, *, can: bool = True) -> None:
        self._glyph.set_state(state)  # type: ignore[arg-type]
        self.predicted.setText(words)
        self.go.setEnabled(can)
