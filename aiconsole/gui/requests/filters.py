"""The filter above the table: search, range, real or simulated, a menu for the rest, and a chip for each that holds."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

import msgspec
from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLineEdit, QMenu, QPushButton, QVBoxLayout, QWidget

from ...domain.history import RequestNames
from ..flow import Flow
from ..icons import Icons
from ..keys import with_keys
from ..theme import SPACE_S, set_role
from .wanted import ORIGINS, RANGES, Wanted, error_kinds

_TYPING_MS: Final = 250


class Filters(QWidget):
    """``wanted`` is what is filtered by; ``changed()`` when the person changed it.

    ``search`` gets the keyboard with Ctrl+F, ``more`` with Ctrl+L. Down or Return in the search goes to the table
    (``table_wanted()``).
    """

    changed = Signal()
    table_wanted = Signal()

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self.wanted = Wanted()
        self._icons = icons
        self._names: tuple[RequestNames, ...] = ()
        self._demo = False
        self.search = QLineEdit()
        set_role(self.search, "search")
        self.search.setPlaceholderText("Provider, model, route, error or request id")
        self.search.setAccessibleName("Search requests")
        self.search.setToolTip(with_keys("Search in names and errors, or by the beginning of a request's id (Ctrl+F)"))
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(220)
        self.search.installEventFilter(self)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING_MS)
        self._typing.timeout.connect(self._take_text)
        self.search.textEdited.connect(lambda _: self._typing.start())
        self.ranges: dict[float | None, QPushButton] = {}
        self._group = QButtonGroup(self)
        self.real = _chip("Real", "Requests to real providers")
        self.simulated = _chip("Simulated", "Requests that the simulator answered; never mixed with real ones")
        kinds = QButtonGroup(self)
        for button, on in ((self.real, False), (self.simulated, True)):
            kinds.addButton(button)
            button.clicked.connect(partial(self._set, simulated=on))
        self.more = QPushButton("Filter    ")
        self.more.setAccessibleName("Add a filter")
        self.more.setToolTip(with_keys("Filter by provider, model, route, status, error, origin or cache (Ctrl+L)"))
        self.menu = QMenu(self.more)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.more.setMenu(self.menu)
        self.chips = Flow()
        self._chips = QHBoxLayout()
        self._build()
        self.show_wanted(self.wanted)

    def show_wanted(self, wanted: Wanted) -> None:
        """Show what is filtered by."""
        self.wanted = wanted
        self._typing.stop()
        if self.search.text() != wanted.text:
            self.search.setText(wanted.text)
        chip = self.ranges.get(wanted.last_s) if wanted.start is None else None
        if chip is not None:
            chip.setChecked(True)
        elif (checked := self._group.checkedButton()) is not None:
            self._group.setExclusive(False)
            checked.setChecked(False)
            self._group.setExclusive(True)
        _reach_by_tab(tuple(self.ranges.values()))
        self._show_kind()
        self._show_chips()

    def show_choices(self, names: tuple[RequestNames, ...], demo: bool) -> None:
        """What there is to choose from, and whether the simulator is in use."""
        self._names, self._demo = names, demo
        self._show_kind()

    def open_menu(self) -> None:
        """Open the menu of filters below its button."""
        self.menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    def clear(self) -> None:
        """Filter by nothing but range and real or simulated."""
        self._apply(self.wanted.cleared())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        pressed = watched is self.search and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress
        if pressed and event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):  # type: ignore[attr-defined]
            self._typing.stop()
            self._take_text()
            self.table_wanted.emit()
            return True
        return super().eventFilter(watched, event)

    # Inside

    def _build(self) -> None:
        across = QHBoxLayout()
        across.setSpacing(SPACE_S)
        across.addWidget(self.search, 1)
        for last_s, words in RANGES:
            chip = _chip(words, "All that is kept" if last_s is None else f"The last {words}")
            chip.clicked.connect(partial(self._set, last_s=last_s, start=None, end=None))
            self._group.addButton(chip)
            self.ranges[last_s] = chip
            across.addWidget(chip)
        across.addSpacing(SPACE_S)
        for button in (self.real, self.simulated):
            across.addWidget(button)
        across.addSpacing(SPACE_S)
        across.addWidget(self.more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_S)
        layout.addLayout(across)
        layout.addLayout(self._chips)

    def _show_kind(self) -> None:
        simulated = self._demo if self.wanted.simulated is None else self.wanted.simulated
        (self.simulated if simulated else self.real).setChecked(True)
        _reach_by_tab((self.real, self.simulated))

    def _show_chips(self) -> None:
        """A chip each; the keyboard stays in the row when one is removed."""
        had = self.chips.isAncestorOf(self.focusWidget()) if self.focusWidget() is not None else False
        self._chips.removeWidget(self.chips)
        self.chips.hide()
        self.chips.deleteLater()
        self.chips = Flow()
        said = self.wanted.chips()
        for field, words in said:
            chip = _chip(words, f"Remove the filter “{words}”", checkable=False)
            chip.setIcon(self._icons.icon("close"))
            chip.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
            chip.setObjectName(field)
            chip.clicked.connect(partial(self._remove, field))
            self.chips.add(chip)
        if len(said) > 1:
            clear = _chip("Clear all", "Remove all filters", checkable=False)
            set_role(clear, "link")
            clear.clicked.connect(self.clear)
            self.chips.add(clear)
        self._chips.addWidget(self.chips)
        self.chips.setVisible(bool(said))
        if had:
            first = next(iter(self.chips.findChildren(QPushButton)), self.more)
            first.setFocus(Qt.FocusReason.OtherFocusReason)

    def _remove(self, field: str) -> None:
        self._apply(msgspec.structs.replace(self.wanted.without(field), text=self.search.text()))

    def _set(self, *_: object, **fields: Any) -> None:
        self._apply(msgspec.structs.replace(self.wanted, text=self.search.text(), **fields))

    def _take_text(self) -> None:
        if self.search.text() != self.wanted.text:
            self._set()

    def _apply(self, wanted: Wanted) -> None:
        self.show_wanted(wanted)
        self.changed.emit()

    def _fill_menu(self) -> None:
        """All there is to choose from now; what holds is checked, and chosen again it is removed."""
        menu, wanted = self.menu, self.wanted
        menu.clear()
        status = menu.addMenu("Status")
        self._offer(status, "failed", [(False, "Answered"), (True, "Not answered")])
        errors = menu.addMenu("Error")
        self._offer(errors, "error_kind", [(kind, kind) for kind in error_kinds()])
        simulated = self._demo if wanted.simulated is None else wanted.simulated
        names = [entry for entry in self._names if entry.simulated == simulated]
        for field, title in (("provider", "Provider"), ("model", "Model"), ("route", "Route")):
            found = sorted({getattr(entry, field) for entry in names} - {""})
            self._offer(menu.addMenu(title), field, [(name, name) for name in found])
        self._offer(menu.addMenu("Origin"), "origin", ORIGINS.items())
        self._offer(menu.addMenu("Cache"), "cached", [(True, "From the cache"), (False, "Not from the cache")])
        menu.addSeparator()
        clear = menu.addAction("Clear all filters")
        clear.setEnabled(wanted.narrowed)
        clear.triggered.connect(self.clear)

    def _offer(self, menu: QMenu, field: str, choices: Iterable[tuple[Any, str]]) -> None:
        now = getattr(self.wanted, field)
        for value, words in choices:
            action = menu.addAction(words.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(value == now)
            other = getattr(Wanted(), field) if value == now else value
            action.triggered.connect(partial(self._set, **{field: other}))
        if menu.isEmpty():
            menu.addAction("None were seen yet").setEnabled(False)


def _reach_by_tab(chips: tuple[QPushButton, ...]) -> None:
    """Let Tab go to the checked one, or else to the first; the arrows go on from there."""
    target = next((chip for chip in chips if chip.isChecked()), chips[0])
    for chip in chips:
        chip.setFocusPolicy(Qt.FocusPolicy.StrongFocus if chip is target else Qt.FocusPolicy.ClickFocus)


def _chip(words: str, name: str, *, checkable: bool = True) -> QPushButton:
    made = QPushButton(words)
    made.setCheckable(checkable)
    made.setAccessibleName(name)
    made.setToolTip(name)
    set_role(made, "chip")
    return made
