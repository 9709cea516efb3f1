"""The performance page: memory, event loop, frames and cache as tiles; all figures, the pools and the cache in tables."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from ..commands import Command
from ..lines import LinesModel, LinesTable
from ..overview.tiles import Tile
from ..theme import SPACE_L, SPACE_M, SPACE_S, set_role
from . import told
from .cache_card import CacheCard
from .profile_bar import ProfileBar

if TYPE_CHECKING:
    from ...cache.entry import CacheStats
    from ...optimizer.service import Optimizer
    from ..session import Session
    from ..shell import Shell

_EVERY_MS: Final = 1000
_ROW: Final = 26
_MOST_POOLS: Final = 14
_TIPS: Final = {
    "loop_lag_ms": "How late the event loop's heart beat came: so long it was held up.",
    "frame_ms": "The longest that painting the window took in the last second.",
}


class MeasuresModel(LinesModel):
    """The console's own figures."""

    TITLES = ("Figure", "Now", "Worst, 5 min", "Limit", "State")
    NUMBERS = (1, 2, 3)


class PoolsModel(LinesModel):
    """Connections, threads, files."""

    TITLES = ("Pool", "In use", "Idle", "Waiting / late", "Held by")
    NUMBERS = (1, 2, 3)


class PerformancePage(QWidget):
    """Live, while it is in view. ``left()``: back to the settings."""

    left = Signal()

    def __init__(self, session: Session, shell: Shell, optimizer: Optimizer) -> None:
        super().__init__()
        self.setAccessibleName("Performance")
        self._session, self._shell, self._optimizer = session, shell, optimizer
        self._stats: CacheStats | None = None
        self.tiles = {
            "memory": Tile(shell.theme, "Memory"),
            "loop_lag_ms": Tile(shell.theme, "Event loop lag"),
            "frame_ms": Tile(shell.theme, "Frame time"),
            "hits": Tile(shell.theme, "Cache hit rate"),
        }
        self.profiles = ProfileBar(session, shell, optimizer)
        self.measures = LinesTable(MeasuresModel(), "The console's own figures", shell.theme, _ROW)
        self.measures.stretch(0, {1: 78, 2: 116, 3: 84, 4: 108})
        self.pools = LinesTable(PoolsModel(), "Pools", shell.theme, _ROW)
        self.pools.stretch(4, {0: 190, 1: 120, 2: 52, 3: 112})
        for table in (self.measures, self.pools):
            table.setSelectionMode(LinesTable.SelectionMode.NoSelection)
            set_role(table, "bare")
        self.cache = CacheCard(session, shell, self._told_stats)
        self._memory = QLabel()
        self.back, self.relieve = QPushButton("Settings"), QPushButton("Give memory back")
        self._build()
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self.refresh)
        self.setFocusProxy(self.profiles)
        self._add_commands()
        bar, preview = self.profiles, self.profiles.preview
        order = (bar.choice, preview.name, preview.confirm, preview.cancel, bar.undo, bar.save)
        for before, after in pairwise(order):
            self.setTabOrder(before, after)

    def refresh(self) -> None:
        """Show what there is now."""
        picture = self._optimizer.picture()
        readings = {reading.measure.key: reading for reading in picture.readings}
        self.tiles["memory"].show_told(told.memory(picture))
        for key, tip in _TIPS.items():
            self.tiles[key].show_told(told.measure(readings.get(key), tip))
        self.tiles["hits"].show_told(told.hits(picture.hit_rates, self._stats))
        self.measures.show_lines(told.measure_lines(picture.readings))
        pools = told.pool_lines(picture.pools)
        self.pools.show_lines(pools)
        _fit(self.measures, len(picture.readings))
        _fit(self.pools, min(len(pools), _MOST_POOLS))
        self._memory.setText("\n".join(told.memory_words(picture)))
        self.cache.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._shell.start(self.profiles.load(), failed="The profiles cannot be read")
        self.refresh()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    # Inside

    def _escape(self) -> None:
        """Leave the question first, then the page."""
        if self.profiles.preview.isVisible():
            self.profiles.preview.cancel.click()
            self.profiles.setFocus()
        else:
            self.left.emit()

    def _told_stats(self, stats: CacheStats) -> None:
        self._stats = stats

    def _build(self) -> None:
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_L)
        layout.setSpacing(SPACE_M)
        layout.addLayout(self._top())
        layout.addWidget(self.profiles.preview)
        tiles = QHBoxLayout()
        tiles.setSpacing(SPACE_M)
        for tile in self.tiles.values():
            tiles.addWidget(tile, 1)
        layout.addLayout(tiles)
        left, right = QVBoxLayout(), QVBoxLayout()
        for column in (left, right):
            column.setSpacing(SPACE_M)
        left.addWidget(_card("Figures", self.measures))
        left.addWidget(_card("Pools", self.pools))
        left.addStretch(1)
        right.addWidget(self._memory_card())
        right.addWidget(self.cache, 1)
        across = QHBoxLayout()
        across.setSpacing(SPACE_M)
        across.addLayout(left, 1)
        across.addLayout(right, 1)
        layout.addLayout(across, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(content)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)

    def _top(self) -> QHBoxLayout:
        self.back.setIcon(self._shell.icons.icon("back"))
        self.back.setToolTip("Back to the settings (Esc)")
        set_role(self.back, "quiet")
        self.back.clicked.connect(self.left)
        title = QLabel("Performance")
        set_role(title, "title")
        top = QHBoxLayout()
        top.setSpacing(SPACE_S)
        top.addWidget(self.back)
        top.addWidget(title)
        top.addStretch(1)
        top.addWidget(self.profiles)
        return top

    def _memory_card(self) -> QFrame:
        self._memory.setWordWrap(True)
        self._memory.setTextFormat(Qt.TextFormat.PlainText)
        self._memory.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        set_role(self._memory, "caption")
        self.relieve.setToolTip("Shrink the caches now and collect memory at the next quiet moment")
        self.relieve.clicked.connect(self._optimizer.relieve)
        return _card("Memory", self._memory, self.relieve)

    def _add_commands(self) -> None:
        for key, title, keys, run, scope in (
            ("back", "Back to the settings", "Esc", self._escape, self),
            ("relieve", "Give memory back", "Alt+M", self._optimizer.relieve, self),
            ("undo", "Undo the switch of profiles", "Alt+Z", self.profiles.undo_switch, self),
            ("pin", "Pin the answer in the cache, or let go of it", "P", self.cache.pin_chosen, self.cache.table),
            ("remove", "Remove the answer from the cache", "Del", self.cache.remove_chosen, self.cache.table),
        ):
            self._shell.commands.remove(f"performance.{key}")
            self._shell.commands.add(
                Command(key=f"performance.{key}", title=title, group="Performance", shortcut=keys, run=run, scope=scope)
            )


def _fit(table: LinesTable, rows: int) -> None:
    """Make a table as high as its rows, so that nothing scrolls inside the page."""
    height = table.horizontalHeader().sizeHint().height() + rows * _ROW + 2 * table.frameWidth() + 2
    if table.height() != height or table.minimumHeight() != height:
        table.setFixedHeight(height)


def _card(title: str, content: QWidget, action: QWidget | None = None) -> QFrame:
    card = QFrame()
    set_role(card, "card")
    words = QLabel(title)
    set_role(words, "head")
    head = QHBoxLayout()
    head.addWidget(words)
    head.addStretch(1)
    if action is not None:
        head.addWidget(action)
    layout = QVBoxLayout(card)
    layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_M)
    layout.setSpacing(SPACE_S)
    layout.addLayout(head)
    layout.addWidget(content, 1)
    return card
