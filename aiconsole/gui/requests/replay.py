"""Sending a request again: to the route it went to or to another candidate, the new figures beside the old ones."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ...domain.chat import ChatRequest
from ...domain.errors import ProviderError
from ...domain.events import RequestFinished
from ...domain.history import RequestRow
from ..chat.models import ModelChoice
from ..figures import count
from ..session import Session
from ..shell import Shell
from ..theme import SPACE_L, SPACE_S, SPACE_XS, set_role
from .cells import DURATION, STATUS, TTFT, cost_words, line_of

_FIGURES = ("Answered by", "Status", "TTFT", "Duration", "Tokens", "Cost", "Attempts")
_GONE = (
    "What was asked is kept in memory only, for a while and never on the disk. Of this request it is not there any more, so it "
    "cannot be sent again."
)
_KEPT = "It goes past the response cache, and may cost money again."


class Replay(QWidget):
    """For one request at a time. ``named(request id)``: the person wants to see the new request."""

    named = Signal(str)

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self._row: RequestRow | None = None
        self._request: ChatRequest | None = None
        self._running: asyncio.Task[None] | None = None
        self._new_id = ""
        self.target = ""
        self._choice = ModelChoice(session, shell)
        self._choice.chosen.connect(self.choose)
        self._said = QLabel()
        self._said.setWordWrap(True)
        set_role(self._said, "caption")
        self.to = QPushButton()
        self.to.setToolTip("Send it to another route or model instead")
        self.to.clicked.connect(lambda: self._choice.ask(self.to, self.to.rect(), self.target))
        self.send = QPushButton("Send again")
        set_role(self.send, "primary")
        self.send.clicked.connect(self.run)
        self.stop = QPushButton("Stop")
        self.stop.setAccessibleName("Stop the replay")
        self.stop.clicked.connect(self._stop)
        self.show_new = QPushButton("Open the new request")
        set_role(self.show_new, "link")
        self.show_new.clicked.connect(lambda: self.named.emit(self._new_id))
        self.figures = _Beside()
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        for button in (self.to, self.send, self.stop):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self.show_new)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_S)
        layout.addWidget(self._said)
        layout.addLayout(row)
        layout.addWidget(self.figures)

    @property
    def busy(self) -> bool:
        """Whether one is under way."""
        return self._running is not None and not self._running.done()

    @property
    def possible(self) -> bool:
        """Whether what was asked is still kept."""
        return self._request is not None

    @property
    def text(self) -> str:
        """What it says."""
        return self._said.text()

    def show_row(self, row: RequestRow) -> None:
        """Be for this request from now on; another's replay is stopped."""
        if self._row is not None and self._row.request_id == row.request_id:
            return
        self._stop()
        self._row = row
        self._request = self._session.engine.inspection.asked(row.request_id)
        self._new_id = ""
        self.figures.clear()
        self.choose(row.route)
        self._said.setText(_KEPT if self.possible else _GONE)
        self._refresh()

    def choose(self, target: str) -> None:
        """Send it there: a route, or ``provider/model``."""
        self.target = target
        same = self._row is not None and target == self._row.route
        self.to.setText(f"To {target}{' (as before)' if same else ''}    ")
        self.to.setAccessibleName(f"To {target}, choose another")

    def run(self) -> None:
        """Send it."""
        if self._request is not None and self._row is not None and not self.busy:
            request = msgspec.structs.replace(self._request, model=self.target, cache="off")
            self._session.acted("request replayed", self.target)
            self._running = self._shell.start(self._send(request, self._row), failed="The request was not sent again")
            self._running.add_done_callback(lambda _: self._ended())
            self._said.setText(f"Asking {self.target}…")
            self._refresh()

    # Inside

    async def _send(self, request: ChatRequest, old: RequestRow) -> None:
        finished: dict[str, RequestFinished] = {}
        engine = self._session.engine
        leave = engine.bus.subscribe(lambda event: finished.__setitem__(event.request_id, event), RequestFinished)
        said = "Answered."
        try:
            trace = await self._ask(request, stream=old.stream)
        except ProviderError as error:
            trace = error.trace.request_id if error.trace is not None else ""
            said = f"{error.message} {error.advice}".strip()
        finally:
            leave()
        self._said.setText(said)
        new = finished.get(trace)
        if new is not None:
            self._new_id = new.request_id
            self.figures.show_rows(old, row_of(new))

    async def _ask(self, request: ChatRequest, *, stream: bool) -> str:
        """Ask, and give the id the router gave the request."""
        engine = self._session.engine
        if not stream:
            result = await engine.complete(request)
        else:
            async with aclosing(engine.stream(request)) as events:
                async for event in events:
                    last = event
            result = last.result  # type: ignore[union-attr]
        return result.trace.request_id if result.trace is not None else ""

    def _stop(self) -> None:
        if self._running is not None:
            self._running.cancel()

    def _ended(self) -> None:
        from shiboken6 import isValid

        if isValid(self):
            if self._running is not None and self._running.cancelled():
                self._said.setText("The replay was stopped.")
            self._refresh()

    def _refresh(self) -> None:
        self.to.setVisible(self.possible)
        self.to.setEnabled(not self.busy)
        self.send.setVisible(self.possible)
        self.send.setEnabled(not self.busy)
        self.stop.setVisible(self.busy)
        self.show_new.setVisible(bool(self._new_id))


class _Beside(QWidget):
    """Figures of the old answer and of the new one beside each other."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, SPACE_XS, 0, 0)
        self._grid.setHorizontalSpacing(SPACE_L)
        self._grid.setVerticalSpacing(SPACE_XS)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(2, 1)
        self.hide()

    @property
    def text(self) -> str:
        """What it says, a line a figure."""
        return self.accessibleName()

    def clear(self) -> None:
        """Show nothing."""
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.setAccessibleName("")
        self.hide()

    def show_rows(self, old: RequestRow, new: RequestRow) -> None:
        """Show both."""
        self.clear()
        then, now = _figures(old), _figures(new)
        for column, title in enumerate(("", "Then", "Now")):
            self._add(0, column, title, "strong")
        for row, (title, before, after) in enumerate(zip(_FIGURES, then, now, strict=True), 1):
            for column, words in enumerate((title, before, after)):
                self._add(row, column, words, "caption" if column == 0 else None)
        rows = zip(_FIGURES, then, now, strict=True)
        self.setAccessibleName("\n".join(f"{title}: {before}, now {after}" for title, before, after in rows))
        self.show()

    def _add(self, row: int, column: int, words: str, role: str | None) -> None:
        label = QLabel()
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setText(words)
        label.setWordWrap(column > 0)
        if column > 0:
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        set_role(label, role)
        self._grid.addWidget(label, row, column, Qt.AlignmentFlag.AlignTop)


def row_of(event: RequestFinished) -> RequestRow:
    """A request as the table would show it, before it is written."""
    timing = event.timing
    return RequestRow(
        id=0,
        request_id=event.request_id,
        started_at=timing.started_at,
        finished_at=timing.started_at + timing.duration_ms / 1e3,
        route=event.route,
        provider=event.provider,
        model=event.model,
        origin=event.origin,
        simulated=event.simulated,
        error_kind=event.error_kind,
        error="",
        status=event.status,
        ttft_ms=timing.ttft_ms,
        duration_ms=timing.duration_ms,
        usage=event.usage,
        cost=event.cost,
        cached=event.cached,
        saved_usd=event.saved_usd,
        saved_ms=event.saved_ms,
        attempts=event.attempts,
        stream=event.stream,
    )


def _figures(row: RequestRow) -> tuple[str, ...]:
    words = line_of(row).words
    usage = row.usage
    tokens = f"{count(usage.prompt)} + {count(usage.completion)}"
    who = f"{row.provider} / {row.model}" if row.provider else "nobody"
    return who, words[STATUS], words[TTFT], words[DURATION], tokens, cost_words(row), str(row.attempts)
