"""What to drill: a fault at one provider of a route, or a ready scenario, and how fast the time goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from ...drill.apart import OwnDrill, Plan
from ...drill.run import ROUTE
from ...drill.scenarios import SCENARIOS, FaultKind, Scenario, drillable, provider_of
from ...settings import Settings
from ...settings.declare import Fallback, RouteOptions
from ..controls import DecimalBox, NumberBox
from ..settings.editors import Choice
from ..theme import SPACE_S, SPACE_XS, set_role

_FAULTS: Final[Mapping[FaultKind, str]] = {
    "outage": "Outage (503)",
    "slow-down": "Slow-down (10 times)",
    "rate limits": "429 storm",
    "cut": "Cut streams",
    "garbage": "Garbage in streams",
    "torn": "One torn event a stream",
    "stall": "Stalled streams",
    "reset": "Connections reset",
    "silence": "Silence",
    "errors": "20 % errors at random",
    "tail": "Heavy tail of the first token",
}
_PACES: Final = ((1.0, "Real time"), (0.1, "10 × faster"), (0.0, "No waiting"))
_WIDE: Final = 660
"""Narrower than so many px, the choices stand in two lines."""
_AROUND_S: Final = 30.0
"""What a drill of one's own lasts beyond its fault."""


class DrillForm(QWidget):
    """``changed()`` when something else is chosen."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._routes: Mapping[str, tuple[str, ...]] = {}
        self._cells: list[tuple[QLabel, QWidget, int]] = []
        self._columns = 0
        self.what = _choice("Fault or scenario")
        for kind, words in _FAULTS.items():
            self.what.addItem(words, kind)
        self.what.insertSeparator(self.what.count())
        for scenario in SCENARIOS:
            self.what.addItem(f"Scenario: {scenario.name}", scenario)
        self.route = _choice("Route")
        self.provider = _choice("Provider")
        self.lasts = NumberBox()
        self.lasts.setRange(5, 300)
        self.lasts.setValue(30)
        self.lasts.setSuffix(" s")
        self.lasts.setAccessibleName("How long the fault lasts")
        self.rate = DecimalBox()
        self.rate.setRange(0.2, 20.0)
        self.rate.setDecimals(1)
        self.rate.setValue(2.0)
        self.rate.setSuffix(" /s")
        self.rate.setAccessibleName("Requests a second")
        self.pace = _choice("Pace")
        for scale, pace in _PACES:
            self.pace.addItem(pace, scale)
        self.pace.setCurrentIndex(1)
        self._build()
        self.setFocusProxy(self.what)
        self.what.activated.connect(self._follow)
        self.route.activated.connect(self._show_candidates)
        for choice in (self.provider, self.pace):
            choice.activated.connect(self.changed)
        for box in (self.lasts, self.rate):
            box.valueChanged.connect(self.changed)

    def show_routes(self, routes: Mapping[str, tuple[str, ...]], chosen: str = "") -> None:
        """Offer these routes, as far as their models are simulated; ``chosen`` is preselected."""
        kept = chosen or self.route.currentText()
        self._routes = {name: found for name, candidates in routes.items() if (found := drillable(candidates))}
        self.route.clear()
        self.route.addItems(list(self._routes))
        self.route.setCurrentIndex(max(0, self.route.findText(kept)))
        self._show_candidates()
        self._follow()

    def plan(self, settings: Settings, rules: str | None) -> Plan | None:
        """What is chosen, on the person's own settings and rules; None where there is no route for it."""
        chosen: FaultKind | Scenario = self.what.currentData()
        scale: float = self.pace.currentData()
        if isinstance(chosen, Scenario):
            return Plan(chosen.name, scale=scale)
        route = self.route.currentText()
        if route not in self._routes:
            return None
        own = OwnDrill(
            chosen, self._routes[route], self.provider.currentText(), self.lasts.value(), round(self.rate.value(), 1)
        )
        return Plan(own, scale=scale, settings=settings_for(settings, route), rules=rules)

    def about(self) -> str:
        """In words what will be done, and how long it takes."""
        chosen, scale = self.what.currentData(), self.pace.currentData()
        if isinstance(chosen, str):
            whole_s = self.lasts.value() + _AROUND_S
            said = f"10 s all well, {self.lasts.value()} s of the fault, 20 s to recover, by this route's settings and rules."
        else:
            whole_s = chosen.duration_s * (2 if chosen.hedge else 1)
            said = chosen.about
        if scale == 1:
            return f"{said} In real time: {whole_s:.0f} s."
        if scale:
            return (
                f"{said} Waiting takes a tenth of its time: {whole_s:.0f} s pass in about {whole_s * scale + 1:.0f} s."
            )
        return f"{said} Waiting is skipped: {whole_s:.0f} s pass in a few. Times shown are the drill's own."

    # Inside

    def _build(self) -> None:
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(SPACE_S)
        self._grid.setVerticalSpacing(SPACE_XS)
        for title, control, stretch in (
            ("Fault or scenario", self.what, 3),
            ("Route", self.route, 2),
            ("At provider", self.provider, 2),
            ("Lasts", self.lasts, 1),
            ("Requests", self.rate, 1),
            ("Time", self.pace, 2),
        ):
            label = QLabel(title)
            set_role(label, "caption")
            label.setBuddy(control)
            self._cells.append((label, control, stretch))
        self._place(len(self._cells))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place(len(self._cells) if self.width() >= _WIDE else len(self._cells) // 2)

    def _place(self, columns: int) -> None:
        """Put the choices into one line, or into two where there is little room."""
        if columns == self._columns:
            return
        self._columns = columns
        for at, (label, control, stretch) in enumerate(self._cells):
            row, column = divmod(at, columns)
            self._grid.addWidget(label, 2 * row, column)
            self._grid.addWidget(control, 2 * row + 1, column)
            self._grid.setColumnStretch(at, 0 if at >= columns else stretch)

    def _show_candidates(self) -> None:
        before = self.provider.currentText()
        names = dict.fromkeys(map(provider_of, self._routes.get(self.route.currentText(), ())))
        self.provider.clear()
        self.provider.addItems(list(names))
        self.provider.setCurrentIndex(max(0, self.provider.findText(before)))
        self.changed.emit()

    def _follow(self) -> None:
        own = isinstance(self.what.currentData(), str)
        for control in (self.route, self.provider, self.lasts, self.rate):
            control.setEnabled(own)
        self.changed.emit()


def settings_for(settings: Settings, route: str) -> dict[str, Any]:
    """What the person set otherwise than by default about falling back and about this route, for the drill's own engine."""
    options = settings.routing.get(route, RouteOptions())
    pairs = {f"fallback.{name}": value for name, value in _set(settings.fallback, Fallback())}
    pairs |= {f"routing.{ROUTE}.{name}": value for name, value in _set(options, RouteOptions()) if "usd" not in name}
    return pairs


def _set(values: msgspec.Struct, defaults: msgspec.Struct) -> list[tuple[str, Any]]:
    names = (name for name in values.__struct_fields__ if getattr(values, name) != getattr(defaults, name))
    return [(name, msgspec.to_builtins(getattr(values, name))) for name in names]


def _choice(name: str) -> Choice:
    choice = Choice()
    choice.setAccessibleName(name)
    choice.setMinimumContentsLength(6)
    choice.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return choice
