"""One request's page: its figures, what went wrong, its timings as a waterfall, why it went where it went, its headers, and
sending it again."""

from __future__ import annotations

import asyncio
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...domain.errors import ConsoleError
from ...domain.history import PastRequest, RequestRow
from ...secrets import REDACTOR
from ..figures import UNKNOWN, latency, money
from ..keys import with_keys
from ..outcome import Outcome, card
from ..session import Session
from ..shell import Shell
from ..slot import words_of
from ..swatch import Swatch
from ..theme import SPACE_L, SPACE_M, SPACE_S, SPACE_XS, set_role
from . import curl
from .cells import cost_words, full_time, line_of, standing, tokens_words
from .pairs import Pairs
from .replay import Replay
from .wanted import ORIGINS, advice_for
from .waterfall import Waterfall
from .why import Why

_TILES = ("Time to first token", "Duration", "Tokens", "Cost", "Attempts")


class RequestPage(QWidget):
    """Shows one request at a time. ``left()``: the person wants the table again; ``stepped(by)``: the request before or
    after; ``named(request id)``: another one."""

    left = Signal()
    stepped = Signal(int)
    named = Signal(str)

    def __init__(self, session: Session, shell: Shell) -> None:
        super().__init__()
        self._session, self._shell = session, shell
        self.row: RequestRow | None = None
        self._loading: asyncio.Task[None] | None = None
        self._conversation = ""
        self.back = self._icon("back", "Back to all requests", "All requests (Esc)", self.left.emit)
        self.before = self._icon(
            "up", "The request above", with_keys("The request above (Alt+Up)"), partial(self.stepped.emit, -1)
        )
        self.after = self._icon(
            "down", "The request below", with_keys("The request below (Alt+Down)"), partial(self.stepped.emit, 1)
        )
        self._swatch = Swatch(shell.theme)
        self._title = QLabel()
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._title.setMinimumWidth(80)
        set_role(self._title, "title")
        self._pill = QLabel()
        set_role(self._pill, "pill", "idle")
        self._simulated = QLabel("simulated")
        set_role(self._simulated, "pill", "warn")
        for pill in (self._pill, self._simulated):
            pill.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._when = QLabel()
        self._when.setTextFormat(Qt.TextFormat.PlainText)
        set_role(self._when, "caption")
        self.chat = QPushButton("Open conversation")
        self.chat.clicked.connect(lambda: shell.open("chat", self._conversation))
        self.copy_curl = QPushButton("Copy as curl")
        self.copy_curl.setToolTip("The call to the provider that answered, without its key")
        self.copy_curl.clicked.connect(self._copy_curl)
        self.again = QPushButton("Replay")
        self.again.setToolTip(with_keys("Send it again (Ctrl+R)"))
        self.again.clicked.connect(self.go_to_replay)
        self.tiles = {title: _Tile(title) for title in _TILES}
        self.outcome = Outcome(shell)
        self.waterfall = Waterfall(shell.theme)
        self.why = Why(shell)
        self.facts = Pairs("Facts")
        self.sent = Pairs("Headers sent", mono=True)
        self.received = Pairs("Headers received", mono=True)
        self._no_headers = QLabel()
        self._no_headers.setWordWrap(True)
        set_role(self._no_headers, "caption")
        self.replay = Replay(session, shell)
        self.replay.named.connect(self.named)
        self._scroll = QScrollArea()
        self._build()
        self.setFocusProxy(self.back)

    def show_row(self, row: RequestRow) -> None:
        """Be for this request from now on."""
        if self.row is None or self.row.id != row.id:
            self._scroll.verticalScrollBar().setValue(0)
        self.row = row
        self._conversation = ""
        self._show_head(row)
        self._show_facts(row)
        self._show_error(row)
        self.replay.show_row(row)
        self.chat.hide()
        self.copy_curl.setVisible(self.replay.possible and bool(row.provider))
        if self._loading is not None:
            self._loading.cancel()
        self._loading = self._shell.start(self._load(row), failed="The request cannot be read")

    def go_to_replay(self) -> None:
        """Bring the replay into view, the keyboard where it begins."""
        self._scroll.ensureWidgetVisible(self.replay)
        (self.replay.send if self.replay.possible else self.chat if self.chat.isVisible() else self.again).setFocus()

    # Inside

    def _build(self) -> None:
        head = QFrame()
        set_role(head, "toolbar")
        across = QHBoxLayout(head)
        across.setContentsMargins(SPACE_M, SPACE_S, SPACE_L, SPACE_S)
        across.setSpacing(SPACE_S)
        for widget in (self.back, self._swatch, self._title, self._pill, self._simulated, self._when):
            across.addWidget(widget)
        across.addStretch(1)
        for button in (self.before, self.after, self.chat, self.copy_curl, self.again):
            across.addWidget(button)
        content = QWidget()
        down = QVBoxLayout(content)
        down.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_L)
        down.setSpacing(SPACE_M)
        tiles = QHBoxLayout()
        tiles.setSpacing(SPACE_M)
        for tile in self.tiles.values():
            tiles.addWidget(tile, 1)
        down.addLayout(tiles)
        down.addWidget(self.outcome)
        columns = QHBoxLayout()
        columns.setSpacing(SPACE_M)
        columns.addLayout(self._left_column(), 3)
        columns.addLayout(self._right_column(), 2)
        down.addLayout(columns)
        down.addStretch(1)
        self._scroll.setWidget(content)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._scroll.setAccessibleName("Request")
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_XS)
        layout.addWidget(head)
        layout.addWidget(self._scroll, 1)

    def _left_column(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(SPACE_M)
        column.addWidget(card("Timings", self.waterfall))
        column.addWidget(card("", self.why))
        column.addStretch(1)
        return column

    def _right_column(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(SPACE_M)
        column.addWidget(card("Request", self.facts))
        column.addWidget(card("Replay", self.replay))
        received, sent = _caption("Received with the last answer"), _caption("Sent, keys and your own headers hidden")
        column.addWidget(card("Headers", received, self.received, self._no_headers, sent, self.sent))
        column.addStretch(1)
        return column

    def _icon(self, icon: str, name: str, tip: str, run: object) -> QToolButton:
        made = QToolButton()
        made.setIcon(self._shell.icons.icon(icon))
        made.setIconSize(QSize(18, 18))
        made.setAccessibleName(name)
        made.setToolTip(tip)
        made.clicked.connect(lambda: run())  # type: ignore[operator]
        return made

    def _show_head(self, row: RequestRow) -> None:
        line = line_of(row)
        self._swatch.show_provider(row.provider)
        self._swatch.setVisible(bool(row.provider))
        self._title.setText(f"{row.provider} / {row.model}" if row.provider else row.route)
        self._title.setToolTip(self._title.text())
        state, words = standing(row)
        self._pill.setText(words)
        set_role(self._pill, "pill", state)
        self._simulated.setVisible(row.simulated)
        self._when.setText(line.words[0])
        self._when.setToolTip(full_time(row.started_at))
        usage = row.usage
        self.tiles["Time to first token"].show_figure(
            latency(row.ttft_ms), "streamed" if row.stream else "not streamed"
        )
        self.tiles["Duration"].show_figure(latency(row.duration_ms), _speed(row))
        total = usage.total
        parts = f"{usage.prompt or 0:,} in + {usage.completion or 0:,} out" if total is not None else "not known"
        self.tiles["Tokens"].show_figure(UNKNOWN if total is None else f"{total:,}", parts)
        self.tiles["Cost"].show_figure(cost_words(row), _cost_source(row))
        self.tiles["Attempts"].show_figure(
            str(row.attempts), "see timings" if row.attempts > 1 else "no retry, no fallback"
        )

    def _show_facts(self, row: RequestRow) -> None:
        facts = [
            ("Asked for", row.route),
            (
                "Answered by" if row.error_kind is None else "Asked last",
                f"{row.provider} / {row.model}".strip(" /") or "nobody",
            ),
            ("Started", full_time(row.started_at)),
            ("Ended", full_time(row.finished_at)),
            ("Origin", ORIGINS.get(row.origin, row.origin) + (", simulated on this computer" if row.simulated else "")),
            ("HTTP status", "" if row.status is None else str(row.status)),
            ("Tokens", tokens_words(row)),
            ("Cost", f"{cost_words(row)}, {_cost_source(row)}"),
            ("Cache", _cache_words(row)),
            ("Request id", row.request_id),
        ]
        self.facts.show_pairs([(name, value) for name, value in facts if value])

    def _show_error(self, row: RequestRow) -> None:
        if row.error_kind is None:
            self.outcome.clear()
        elif row.error_kind == "cancelled":
            self.outcome.say(
                "idle", "It was stopped before the answer was whole, by who asked or by the console's end."
            )
        else:
            facts = (
                ("error", row.error_kind),
                ("provider", row.provider),
                ("model", row.model),
                ("status", row.status),
            )
            details = "\n".join(f"{name}: {value}" for name, value in (*facts, ("request", row.request_id)) if value)
            kind = row.error_kind[:1].upper() + row.error_kind[1:]
            said = f"{kind} at {row.provider}." if row.provider else f"{kind}."
            state = standing(row)[0]
            self.outcome.say(state, " ".join(filter(None, (said, row.error, advice_for(row.error_kind)))), details)

    async def _load(self, row: RequestRow) -> None:
        engine = self._session.engine
        try:
            past = await engine.history.request(row.id)
            conversation = await self._find_conversation(row)
            sent = await engine.inspection.sent_headers(row.provider)
        except ConsoleError as error:
            self.outcome.say("crit", " ".join(("The rest of this request cannot be read.", *words_of(error))))
            return
        if self.row is not row:
            return
        self._show_past(row, past)
        self.sent.show_pairs([(name, value) for name, value in sent.items()])
        self._conversation = conversation or ""
        self.chat.setVisible(bool(conversation))

    async def _find_conversation(self, row: RequestRow) -> str | None:
        if row.origin != "chat":
            return None
        from ...store import request_page

        return await self._session.engine.history.ask(lambda database: request_page.conversation(database, row))

    def _show_past(self, row: RequestRow, past: PastRequest | None) -> None:
        attempts = past.attempts if past is not None else ()
        self.waterfall.show_attempts(attempts, row.duration_ms)
        trace = past.trace if past is not None else None
        gone = "How it was decided is not kept any more. Settings, History say how long that is."
        cached = "The answer came from the response cache, so no provider was chosen."
        self.why.show_trace(trace, cached if row.cached else gone)
        headers = past.headers if past is not None else None
        self.received.setVisible(bool(headers))
        self._no_headers.setVisible(not headers)
        self.received.show_pairs([(name, REDACTOR.redact(value)) for name, value in (headers or {}).items()])
        self._no_headers.setText("None are kept: no answer came, or it was long ago.")

    def _copy_curl(self) -> None:
        if self.row is not None:
            self._shell.start(self._copy_call(self.row), failed="It cannot be copied")

    async def _copy_call(self, row: RequestRow) -> None:
        engine = self._session.engine
        request = engine.inspection.asked(row.request_id)
        if request is None:
            self._shell.notify("What was asked is not in memory any more, so there is nothing to copy.", state="warn")
            return
        written = await engine.inspection.written(request, row.provider, row.model, stream=row.stream)
        state = self._session.provider(row.provider)
        variable = (state.key_variable if state is not None else None) or "API_KEY"
        QGuiApplication.clipboard().setText(curl.command(written, variable))
        self._shell.notify(f"Copied. The key is not in it; it is read from {variable}.", state="ok")


class _Tile(QFrame):
    """One figure with what it is and what stands behind it."""

    def __init__(self, title: str) -> None:
        super().__init__()
        set_role(self, "tile")
        self._title, self._figure, self._more = _caption(title), QLabel("–"), _caption(" ")
        set_role(self._figure, "figure")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_M, SPACE_L, SPACE_M)
        layout.setSpacing(SPACE_XS)
        for label in (self._title, self._figure, self._more):
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            layout.addWidget(label)

    def show_figure(self, figure: str, more: str) -> None:
        self._figure.setText(figure)
        self._more.setText(more or " ")
        self.setAccessibleName(f"{self._title.text()}: {figure}, {more}")


def _caption(text: str) -> QLabel:
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    set_role(made, "caption")
    return made


def _speed(row: RequestRow) -> str:
    tokens = row.usage.completion
    seconds = (row.duration_ms - (row.ttft_ms or 0.0)) / 1000
    if row.cached or row.error_kind is not None or not tokens or seconds <= 0 or row.ttft_ms is None:
        return " "
    return f"{tokens / seconds:,.0f} tokens/s after the first"


def _cost_source(row: RequestRow) -> str:
    if row.cached:
        return "nothing was asked"
    if row.cost is None:
        return "not known"
    return ("simulated, " if row.simulated else "") + f"by the {row.cost.source}"


def _cache_words(row: RequestRow) -> str:
    if not row.cached:
        return "not from the cache"
    saved = [
        words
        for words, known in ((money(row.saved_usd), row.saved_usd), (latency(row.saved_ms), row.saved_ms))
        if known
    ]
    return "from the cache" + (f", saved {' and '.join(saved)}" if saved else "")
