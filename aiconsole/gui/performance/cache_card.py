"""The response cache's largest entries, with pin, remove and clear."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout

from ..hint import Hint
from ..keys import with_keys
from ..lines import LinesModel, LinesTable
from ..settings.editors import Choice
from ..theme import SPACE_L, SPACE_M, SPACE_S, set_role
from . import told

if TYPE_CHECKING:
    from ...cache.entry import CacheStats, EntryInfo
    from ...cache.keeping import Sort
    from ..session import Session
    from ..shell import Shell

_SHOWN = 50
_THINK_MS = 5000
_SORTS: tuple[tuple[Sort, str], ...] = (
    ("size", "Largest first"),
    ("hits", "Most asked first"),
    ("saved", "Saved most first"),
    ("age", "Oldest first"),
)


class EntriesModel(LinesModel):
    """Entries without content."""

    TITLES = ("Model", "Size", "Hits", "Age", "Saved", "")
    NUMBERS = (1, 2, 3)


class CacheCard(QFrame):
    """``refresh`` reads the cache anew."""

    def __init__(self, session: Session, shell: Shell, told_stats: Callable[[CacheStats], object]) -> None:
        super().__init__()
        set_role(self, "card")
        self._session, self._shell, self._told_stats = session, shell, told_stats
        self._entries: tuple[EntryInfo, ...] = ()
        self._reading = False
        self._words = QLabel()
        self._words.setWordWrap(True)
        set_role(self._words, "caption")
        self.sort = Choice()
        self.sort.setAccessibleName("Order of the answers")
        for sort, words in _SORTS:
            self.sort.addItem(words, sort)
        self.sort.activated.connect(lambda _: self.refresh())
        self.table = LinesTable(EntriesModel(), "Answers in the response cache", shell.theme)
        self.table.stretch(0, {1: 72, 2: 48, 3: 64, 4: 118, 5: 58})
        set_role(self.table, "bare")
        self.table.chosen.connect(lambda _: self._show_buttons())
        self.pin, self.remove, self.clear = QPushButton("Pin"), QPushButton("Remove"), QPushButton("Clear all…")
        self.pin.setToolTip("Keep this answer at any age, whatever the cache's size (P)")
        self.remove.setToolTip(with_keys("Remove this answer, from the file too (Del)"))
        self.clear.setToolTip("Remove every answer, from the file too")
        set_role(self.clear, "quiet")
        self.pin.clicked.connect(self.pin_chosen)
        self.remove.clicked.connect(self.remove_chosen)
        self.clear.clicked.connect(self._clear)
        self.empty = Hint(
            "No answer is kept yet",
            "Answers at temperature 0 are kept here and given again, unless the settings say otherwise.",
            "Settings of the cache",
            lambda: shell.open("settings", "Cache"),
        )
        self._second_thoughts = QTimer(self)
        self._second_thoughts.setSingleShot(True)
        self._second_thoughts.setInterval(_THINK_MS)
        self._second_thoughts.timeout.connect(self._calm)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.empty)
        self._stack.setCurrentWidget(self.empty)
        self._build()
        self._show_buttons()

    def refresh(self) -> None:
        """Read the cache; what is being read already is enough."""
        if not self._reading:
            self._reading = True
            self._shell.start(self._read(), failed="The cache cannot be read")

    def pin_chosen(self) -> None:
        """Pin the chosen answer, or let go of it."""
        entry = self._chosen()
        if entry is not None:
            self._do(self._session.engine.cache.pin(entry.key, not entry.pinned), "The answer was not pinned")

    def remove_chosen(self) -> None:
        """Remove the chosen answer."""
        entry = self._chosen()
        if entry is not None:
            self._session.acted("cached answer removed")
            self._do(self._session.engine.cache.invalidate(key=entry.key), "The answer was not removed")

    # Inside

    def _build(self) -> None:
        title = QLabel("Response cache")
        set_role(title, "head")
        head = QHBoxLayout()
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(self.sort)
        foot = QHBoxLayout()
        foot.setSpacing(SPACE_S)
        for button in (self.pin, self.remove):
            foot.addWidget(button)
        foot.addStretch(1)
        foot.addWidget(self.clear)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_M)
        layout.setSpacing(SPACE_S)
        layout.addLayout(head)
        layout.addWidget(self._words)
        layout.addWidget(self._stack, 1)
        layout.addLayout(foot)

    def _clear(self) -> None:
        """The second press within a few seconds does it."""
        if self.clear.text() == "Clear all…":
            self.clear.setText("Really clear all")
            set_role(self.clear, "danger")
            self._second_thoughts.start()
            return
        self._calm()
        self._session.acted("response cache cleared")
        self._do(self._session.engine.cache.clear(), "The cache was not cleared")

    def _calm(self) -> None:
        self.clear.setText("Clear all…")
        set_role(self.clear, "quiet")

    def _do(self, work: Any, failed: str) -> None:
        async def done() -> None:
            await work
            await self._read()

        self._shell.start(done(), failed=failed)

    async def _read(self) -> None:
        try:
            cache = self._session.engine.cache
            sort: Sort = self.sort.currentData()
            stats = await cache.stats()
            self._entries = await cache.entries(sort, limit=_SHOWN)
        finally:
            self._reading = False
        self.table.show_lines(told.entry_lines(self._entries))
        self._stack.setCurrentIndex(0 if self._entries else 1)
        self._words.setText(told.stats_words(stats))
        self._show_buttons()
        self._told_stats(stats)

    def _chosen(self) -> EntryInfo | None:
        return next((entry for entry in self._entries if entry.key == self.table.key), None)

    def _show_buttons(self) -> None:
        entry = self._chosen()
        self.pin.setEnabled(entry is not None)
        self.remove.setEnabled(entry is not None)
        self.clear.setEnabled(bool(self._entries))
        self.pin.setText("Unpin" if entry is not None and entry.pinned else "Pin")
