"""A panel of a service that has to be opened first: its head, and why it cannot be opened where it cannot."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ..domain.errors import ConsoleError
from .notices import StateGlyph
from .session import Session
from .shell import Shell
from .slot import Trouble
from .theme import SPACE_L, SPACE_M, SPACE_S, State, set_role

S = TypeVar("S")


class ServicePanel(QWidget, Generic[S]):
    """What it is asked to open before the service is open is opened then.

    Args:
        idle: what is said above the reason where the service cannot be opened.
        every_ms: how often `tick` is called while the panel is in view.
    """

    def __init__(self, session: Session, shell: Shell, title: str, idle: str, every_ms: int) -> None:
        super().__init__()
        self.setAccessibleName(title)
        self._session, self._shell, self._idle = session, shell, idle
        self._wanted: list[Any] = []
        self._glyph = StateGlyph(shell.theme, "idle")
        self.summary = QLabel("Starting…")
        self._trouble: Trouble | None = None
        self._whole = QVBoxLayout(self)
        self._whole.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_L)
        self._whole.setSpacing(SPACE_S)
        self._whole.addLayout(self._head(title))
        self._timer = QTimer(self)
        self._timer.setInterval(every_ms)
        self._timer.timeout.connect(self.tick)

    def begin(self) -> None:
        """Open the service, or say why it cannot be."""
        self._shell.start(self._begin())

    @abstractmethod
    def open_item(self, argument: Any) -> None:
        """Show what another panel asks for."""

    @abstractmethod
    def tick(self) -> None:
        """Say what time alone has changed."""

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    # Inside

    @abstractmethod
    async def _open(self) -> S:
        """Open the service. Raises ConsoleError where it cannot be."""

    @abstractmethod
    async def _show(self, service: S) -> None:
        """It is open."""

    async def _begin(self) -> None:
        if self._trouble is not None:
            self._trouble.hide()
        try:
            service = await self._open()
        except ConsoleError as error:
            self._show_trouble(error)
            return
        await self._show(service)
        wanted, self._wanted = self._wanted, []
        for item in wanted:
            self.open_item(item)

    def _say(self, state: State, words: str) -> None:
        """How things stand, in the head."""
        self._glyph.set_state(state)
        self.summary.setText(words)

    def _show_trouble(self, error: ConsoleError) -> None:
        if self._trouble is not None:
            self._whole.removeWidget(self._trouble)
            self._trouble.deleteLater()
        self._say("crit", "not running")
        self._trouble = Trouble(self._shell.theme, self._idle, error, self.begin)
        self._whole.insertWidget(1, self._trouble)
        self.setFocusProxy(self._trouble)

    def _head(self, title: str) -> QHBoxLayout:
        words = QLabel(title)
        set_role(words, "title")
        set_role(self.summary, "caption")
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        row.addWidget(words)
        row.addSpacing(SPACE_S)
        row.addWidget(self._glyph)
        row.addWidget(self.summary, 1)
        return row
