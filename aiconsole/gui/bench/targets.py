"""On whom: the usable providers, each with the model that is asked."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QCheckBox, QGridLayout, QHBoxLayout, QPushButton, QWidget

from ...domain.models import ProviderState
from ..session import Session
from ..settings.editors import Choice
from ..shell import Shell
from ..swatch import Swatch
from ..theme import SPACE_S, SPACE_XS, set_role
from .fields import Card, choice
from .words import provider_of

_CHEAPEST = "cheapest chat model"


class TargetsCard(Card):
    """Ticked providers with their models."""

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__("On whom")
        self._session, self._shell = session, shell
        self.ticks: dict[str, QCheckBox] = {}
        self.models: dict[str, Choice] = {}
        self._swatches: dict[str, Swatch] = {}
        self._choosing = True
        self._wanted: dict[str, str] = {}
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(SPACE_S)
        self._grid.setVerticalSpacing(SPACE_XS)
        self._grid.setColumnStretch(2, 1)
        self.all, self.none = QPushButton("All"), QPushButton("None")
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        for button, on in ((self.all, True), (self.none, False)):
            set_role(button, "chip")
            button.setAccessibleName(f"{button.text()} of the providers")
            button.clicked.connect(lambda _=False, on=on: self.tick_all(on))
            row.addWidget(button)
        row.addStretch(1)
        self.rows.addLayout(row)
        self.rows.addLayout(self._grid)
        session.models_changed.connect(self._fill)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The targets as a plan has them."""
        found = []
        for name, tick in self.ticks.items():
            if tick.isChecked():
                model = self.models[name].currentData() if self._choosing else ""
                found.append(f"{name}/{model}" if model else name)
        return tuple(found)

    def show_states(self, states: Sequence[ProviderState], *, health: bool) -> None:
        """Offer these providers; for a health check also those without a key, since that is what is to be found out."""
        self._choosing = not health
        offered = [state for state in states if state.usable or (health and state.enabled)]
        names = [state.name for state in offered]
        if names != list(self.ticks):
            kept = {name: tick.isChecked() for name, tick in self.ticks.items()}
            self._clear()
            for row, state in enumerate(offered):
                self._add(row, state, kept.get(state.name, state.usable))
        for model in self.models.values():
            model.setEnabled(self._choosing)
        self.about.setText(
            "No provider can be asked yet: add a key under Providers, or switch to the simulated ones."
            if not names
            else "All at the same time, each with all of the load."
            if not health
            else "Each by its cheapest chat model; what needs another one takes it."
        )

    def choose(self, targets: Sequence[str]) -> None:
        """Tick these targets; none of them is all that are usable."""
        by_provider = {provider_of(target): target.partition("/")[2] for target in targets}
        usable = {state.name for state in self._session.engine.providers() if state.usable}
        for name, tick in self.ticks.items():
            tick.setChecked(name in by_provider if targets else name in usable)
            if model := by_provider.get(name):
                self._wanted[name] = model
                self._fill(name)

    def tick_all(self, on: bool) -> None:
        """Tick every provider, or none."""
        for tick in self.ticks.values():
            tick.setChecked(on)

    async def load_models(self) -> None:
        """Get the lists of models of whom is ticked, where they are not known."""
        for name, tick in list(self.ticks.items()):
            if tick.isChecked() and name not in self._session.models and name not in self._session.model_faults:
                await self._session.load_models(name)

    def _clear(self) -> None:
        for widget in (*self._swatches.values(), *self.ticks.values(), *self.models.values()):
            widget.hide()
            widget.deleteLater()
        self._swatches, self.ticks, self.models = {}, {}, {}

    def _add(self, row: int, state: ProviderState, ticked: bool) -> None:
        tick, model = QCheckBox(state.label), choice()
        swatch = self._swatches[state.name] = Swatch(self._shell.theme, state.name)
        tick.setChecked(ticked)
        model.setAccessibleName(f"Model of {state.label}")
        self.ticks[state.name], self.models[state.name] = tick, model
        self._grid.addWidget(swatch, row, 0)
        self._grid.addWidget(tick, row, 1)
        self._grid.addWidget(model, row, 2)
        self._fill(state.name)
        tick.toggled.connect(self.changed)
        model.activated.connect(self.changed)
        self._order()

    def _fill(self, name: str) -> None:
        """List a provider's models."""
        box = self.models.get(name)
        if box is None:
            return
        wanted = self._wanted.get(name) or box.currentData() or ""
        box.clear()
        box.addItem(_CHEAPEST, "")
        known = [model.id for model in self._session.models.get(name, ()) if model.chat and not model.deprecated]
        for model in dict.fromkeys([*known, *([wanted] if wanted else [])]):
            box.addItem(model, model)
        box.setCurrentIndex(max(0, box.findData(wanted)))

    def _order(self) -> None:
        before: QWidget = self.none
        for name, tick in self.ticks.items():
            for widget in (tick, self.models[name]):
                QWidget.setTabOrder(before, widget)
                before = widget
