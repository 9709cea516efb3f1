"""The card a click on the heart opens: how the event loop, the event bus and the links to other consoles are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from ..domain.events import HeartChanged, LinkChanged
from .chat.popover import Popover
from .figures import count, latency
from .theme import SPACE_M, SPACE_XS, set_role

if TYPE_CHECKING:
    from ..engine import Engine
    from ..realtime.links.link import LinkStatus
    from .session import Session

_WIDTH: Final = 380


class HeartCard(Popover):
    """``open_for`` shows it. It follows the heartbeat while it is open."""

    def __init__(self, session: Session) -> None:
        super().__init__("Realtime connection", _WIDTH)
        self._session, self._engine = session, session.engine
        self._leave: tuple[Callable[[], None], ...] = ()
        head = QLabel("Realtime connection")
        set_role(head, "head")
        self.box.addWidget(head)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(SPACE_M)
        self._grid.setVerticalSpacing(SPACE_XS)
        self._grid.setColumnStretch(1, 1)
        self.box.addLayout(self._grid)
        self._values: dict[str, QLabel] = {}
        self._copy = QPushButton("Copy")
        self._copy.setAccessibleName("Copy these figures")
        self._copy.clicked.connect(self._copied)
        self._retry = QPushButton("Connect now")
        self._retry.setToolTip("Try every link that is not connected again, without waiting.")
        self._retry.clicked.connect(self._connect)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self._retry)
        buttons.addWidget(self._copy)
        self.box.addLayout(buttons)
        self.closed.connect(self._rest)

    def open_for(self, owner: QWidget, anchor: QRect) -> None:
        """Show it beside ``anchor`` of ``owner``; open already, close it."""
        if self.isVisible():
            self.dismiss()
            return
        self.refresh()
        self._leave = (
            self._engine.heartbeat.on_beat(self.refresh),
            self._engine.bus.coalesced(self.refresh, LinkChanged, HeartChanged),
        )
        self.open_at(owner, anchor, self._copy)

    def refresh(self) -> None:
        """Say how things are now."""
        lines = figures(self._engine, self._session.clock.now())
        if list(lines) != list(self._values):
            self._lay_out(lines)
        for title, text in lines.items():
            self._values[title].setText(text)
            self._values[title].setAccessibleName(f"{title}: {text}")
        waits = any(link.state in ("reconnecting", "failed") for link in self._engine.links.status())
        if self._retry.hasFocus() and not waits:
            self._copy.setFocus()
        self._retry.setVisible(waits)

    def _lay_out(self, lines: dict[str, str]) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        self._values = {}
        for row, title in enumerate(lines):
            name, value = QLabel(title), QLabel()
            set_role(name, "caption")
            for label in (name, value):
                label.setTextFormat(Qt.TextFormat.PlainText)
            value.setWordWrap(True)
            self._grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(value, row, 1)
            self._values[title] = value
        if self.isVisible():
            self.fit()

    def _copied(self) -> None:
        lines = (f"{title}: {text}" for title, text in figures(self._engine, self._session.clock.now()).items())
        QGuiApplication.clipboard().setText("\n".join(lines))

    def _connect(self) -> None:
        self._engine.links.retry()
        self.refresh()

    def _rest(self) -> None:
        for leave in self._leave:
            leave()
        self._leave = ()


def figures(engine: Engine, now: float) -> dict[str, str]:
    """The card's lines at ``now`` (epoch seconds): title and text."""
    pulse, bus = engine.heartbeat.pulse(), engine.bus.stats()
    lines = {
        "Event loop": pulse.state,
        "Beats": f"{count(pulse.beats)}, {count(pulse.late_beats)} of them late",
        "Lag": f"{latency(pulse.lag_ms)} at the last beat, {latency(pulse.worst_ms)} at most in a minute",
        "Events": f"{count(bus.published)} told to {count(bus.listeners)} listeners",
        "Dropped": f"{count(bus.dropped)} in {count(bus.queues)} queues, {count(bus.waiting)} waiting",
        "Faults": f"{count(bus.faults)} in listeners",
    }
    links = engine.links.status()
    if not links:
        lines["Links"] = "None: no other console is linked."
    for link in links:
        lines[f"Link: {link.name}"] = _link_words(link, now)
    for peer in engine.live.state().peers:
        missed = f", {count(peer.missed)} missed" if peer.missed else ""
        lines[f"From {peer.origin}"] = f"{count(peer.events)} events{missed}"
    return lines


def _link_words(link: LinkStatus, now: float) -> str:
    words = [link.state + (f": {link.reason}" if link.reason else "")]
    if link.next_try_at is not None:
        words.append(f"next try in {max(0.0, link.next_try_at - now):.0f} s")
    if link.waiting:
        words.append(f"{count(link.waiting)} events wait")
    if link.reconnects:
        words.append(f"lost or not reached {count(link.reconnects)} times so far")
    return ", ".join(words)
