"""Where the overview's parts are, and the controls above them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ..settings.editors import Choice
from ..shell import Shell
from ..theme import SPACE_L, SPACE_M, SPACE_S, SPACE_XS, set_role
from .graph import Metric

if TYPE_CHECKING:
    from .panel import OverviewPanel

_MEASURES: Final[tuple[tuple[Metric, str], ...]] = (("duration", "Whole answer"), ("ttft", "Time to first token"))
_FEED_PX: Final = 300


class Parts:
    """Lays out ``panel``.

    Attributes:
        ranges: the chips of the ranges, in their order; ``back`` leaves a zoom.
        real, pretended: the filter that keeps real and simulated ones apart.
        measure: which latency is shown.
    """

    def __init__(self, panel: OverviewPanel, shell: Shell, ranges: list[str]) -> None:
        self._shell = shell
        self.ranges = [_chip(words, f"The last {words}") for words in ranges]
        self.back = _chip("", "Leave the zoom", checkable=False)
        self.back.hide()
        self.real = _chip("Real", "Show real requests")
        self.pretended = _chip("Simulated", "Show simulated requests")
        self._pill = QLabel("simulated")
        set_role(self._pill, "pill", "warn")
        self.measure = Choice()
        self.measure.setAccessibleName("Latency shown")
        for metric, words in _MEASURES:
            self.measure.addItem(words, metric)
        self._trouble = QLabel()
        self._trouble.setWordWrap(True)
        set_role(self._trouble, "caption", "crit")
        self._trouble.hide()
        self._stack = QStackedWidget()
        self._group, self._kinds = QButtonGroup(panel), QButtonGroup(panel)
        for chip in self.ranges:
            self._group.addButton(chip)
        for chip in (self.real, self.pretended):
            self._kinds.addButton(chip)
        tiles = QHBoxLayout()
        tiles.setSpacing(SPACE_M)
        for tile in panel.tiles.values():
            tiles.addWidget(tile, 1)
        below = QHBoxLayout()
        below.setSpacing(SPACE_M)
        below.addWidget(self._graph_card(panel), 1)
        panel.feed.setFixedWidth(_FEED_PX)
        below.addWidget(panel.feed)
        layout = QVBoxLayout(panel)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_L)
        layout.setSpacing(SPACE_S)
        layout.addLayout(self._top())
        layout.addLayout(tiles)
        layout.addWidget(panel.objectives)
        layout.addLayout(below, 1)

    def show_view(self, at: int, words: str, *, free: bool, simulated: bool) -> None:
        """Say which range is in view, -1 for a zoom, and whose."""
        self._group.setExclusive(False)
        for place, chip in enumerate(self.ranges):
            chip.setChecked(place == at)
        self._group.setExclusive(True)
        self.back.setVisible(free)
        self.back.setText(f"{words}  ×")
        self.back.setAccessibleName(f"Leave the zoom of {words}")
        (self.pretended if simulated else self.real).setChecked(True)
        self._pill.setVisible(simulated)

    def show_something(self, something: bool) -> None:
        """Show the graph, or that there is nothing to draw."""
        self._stack.setCurrentIndex(0 if something else 1)

    def show_trouble(self, words: str) -> None:
        """Say why figures are missing, "" where none are."""
        self._trouble.setText(words)
        self._trouble.setVisible(bool(words))

    def _top(self) -> QHBoxLayout:
        title = QLabel("Overview")
        set_role(title, "title")
        top = QHBoxLayout()
        top.setSpacing(SPACE_S)
        top.addWidget(title)
        top.addWidget(self._pill)
        top.addStretch(1)
        for chip in (self.back, *self.ranges):
            top.addWidget(chip)
        top.addSpacing(SPACE_S)
        top.addWidget(self.real)
        top.addWidget(self.pretended)
        return top

    def _graph_card(self, panel: OverviewPanel) -> QFrame:
        card = QFrame()
        set_role(card, "card")
        top = QHBoxLayout()
        top.setSpacing(SPACE_S)
        top.addWidget(panel.legend, 1)
        top.addWidget(self.measure)
        graph = QWidget()
        down = QVBoxLayout(graph)
        down.setContentsMargins(0, 0, 0, 0)
        down.setSpacing(SPACE_XS)
        down.addLayout(top)
        down.addWidget(panel.chart, 1)
        self._stack.addWidget(graph)
        self._stack.addWidget(self._nothing())
        layout = QVBoxLayout(card)
        layout.setContentsMargins(SPACE_M, SPACE_S, SPACE_M, SPACE_S)
        layout.setSpacing(SPACE_XS)
        layout.addWidget(self._trouble)
        layout.addWidget(self._stack, 1)
        return card

    def _nothing(self) -> QWidget:
        page = QWidget()
        words = QLabel(
            "Nothing was asked in this range. Latency, errors, requests and cost are drawn here as they come."
        )
        set_role(words, "caption")
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(words)
        across.addStretch(1)
        below = QHBoxLayout()
        below.addStretch(1)
        if any(command.key == "panel.chat" for command in self._shell.commands.all()):
            chat = QPushButton("Start a chat")
            chat.clicked.connect(partial(self._shell.commands.run, "panel.chat"))
            below.addWidget(chat)
        below.addStretch(1)
        layout = QVBoxLayout(page)
        layout.setSpacing(SPACE_XS)
        layout.addStretch(1)
        layout.addLayout(across)
        layout.addLayout(below)
        layout.addStretch(1)
        return page


def _chip(words: str, name: str, *, checkable: bool = True) -> QPushButton:
    chip = QPushButton(words)
    chip.setCheckable(checkable)
    chip.setAccessibleName(name)
    set_role(chip, "chip")
    return chip
