"""The providers as rows of a table: how each stands now, and how it did in the last hour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from PySide6.QtCore import QObject, Qt

from ...domain.history import Figures
from ...domain.models import ProviderState
from ...realtime.state import ProviderLive
from ..breakers import lines, wait
from ..figures import UNKNOWN, count, latency, money, share
from ..session import Checkup, Session, Standing
from ..theme import State
from ..titled import BAR_ROLE, NAME_ROLE, RIGHT, SORT_ROLE, STATE_ROLE, Index, TitledTable, plain
from .standing import Headroom, breaker, clock_words, headroom, health, score_words, seen

if TYPE_CHECKING:
    from collections.abc import Sequence


class Row(msgspec.Struct, frozen=True):
    """All that the table says of one provider. ``hour`` are the figures of its attempts in the last hour, None without any."""

    state: ProviderState
    health: Standing
    breaker: Standing
    score: int | None
    score_words: str
    limits: tuple[Headroom, ...]
    now: float
    live: ProviderLive
    hour: Figures | None
    key: str
    models: int | None
    checkup: Checkup | None
    testing: bool

    @property
    def tightest(self) -> Headroom | None:
        """The limit of which least is left."""
        return min(self.limits, key=lambda limit: limit.left, default=None)

    @property
    def per_minute(self) -> int | None:
        """Attempts within the last minute, None where there was none in the last hour either."""
        return self.live.attempts_per_min if self.hour is not None or self.live.attempts_per_min else None

    @property
    def spent(self) -> float | None:
        """USD spent today at the real provider, None where nothing is known of that."""
        if self.live.spend_usd:
            return self.live.spend_usd
        asked = not self.state.simulated and self.hour is not None and self.hour.uncosted < self.hour.answered
        return 0.0 if asked else None


def key_words(state: ProviderState) -> str:
    """Where a provider's key comes from, in a few words."""
    if state.simulated:
        return "not needed"
    words = {"keyring": "in the key store", "environment": state.key_variable or "", "session": "for this run only"}
    if state.key_source is not None:
        return words[state.key_source]
    return "none" if state.key_needed else "not needed"


def test_words(row: Row) -> tuple[State | None, str]:
    """The last test in a few words, with its state."""
    if row.testing:
        return None, "testing…"
    if row.checkup is None:
        return None, "not yet"
    result = row.checkup.result
    return ("ok", latency(result.latency_ms)) if result.ok else ("crit", result.error_kind or "failed")


def _limit_words(row: Row) -> str:
    limit = row.tightest
    if limit is None:
        return UNKNOWN
    left = "none left" if limit.left == 0 else share(limit.left)
    return left if limit.resets_at is None else f"{left}, {wait(limit.resets_at - row.now)}"


def _limit_tip(row: Row) -> str:
    if not row.limits:
        return "No rate limits were told by this provider yet."
    return "\n".join(
        f"{limit.name}: {limit.words}" + (f" ({clock_words(limit.resets_at)})" if limit.resets_at else "")
        for limit in sorted(row.limits, key=lambda limit: limit.left)
    )


def _error_tip(row: Row) -> str:
    hour, live = row.hour, row.live
    said = ["Nothing was asked in the last hour."]
    if hour is not None:
        said = [f"Last hour: {count(hour.failures)} of {count(hour.answered + hour.failures)} failed."]
        if hour.refusals:
            said.append(f"{count(hour.refusals)} were refused by fault of the request.")
    if live.error_rate is not None:
        said.append(f"Last five minutes: {share(live.error_rate)}.")
    if live.last_error_at is not None:
        said.append(f"Last at {clock_words(live.last_error_at)}: {live.last_error_kind}.")
    return "\n".join(said)


class Column(NamedTuple):
    """``order`` is what it is sorted by, None where that is not known; without it, its words."""

    title: str
    text: Callable[[Row], str]
    order: Callable[[Row], float | None] | None = None
    tip: Callable[[Row], str] | None = None
    state: Callable[[Row], State | None] | None = None
    about: str = ""


_GRAVITY: Final[dict[State, float]] = {"ok": 0.0, "idle": 1.0, "warn": 2.0, "crit": 3.0}
_HOUR: Final = "Of all attempts in the last hour, within 1 %; – where there was none"
COLUMNS: Final = (
    Column("Provider", lambda row: row.state.label, tip=lambda row: row.state.base_url),
    Column(
        "Health",
        lambda row: row.health.word,
        lambda row: _GRAVITY[row.health.state],
        lambda row: row.health.reason,
        lambda row: row.health.state,
        "What its last requests and looks at its health came to",
    ),
    Column(
        "Breaker",
        lambda row: row.breaker.word,
        lambda row: _GRAVITY[row.breaker.state],
        lambda row: row.breaker.reason,
        lambda row: row.breaker.state,
        "Whether requests are kept away from it, and for how long",
    ),
    Column(
        "Score",
        lambda row: count(row.score),
        lambda row: None if row.score is None else float(row.score),
        lambda row: row.score_words,
        about="Reliability from 0 to 100; one of which nothing was seen yet counts as 70",
    ),
    Column(
        "Limits",
        _limit_words,
        lambda row: None if row.tightest is None else row.tightest.left,
        _limit_tip,
        about="What is left of the tightest rate limit it told, and the time until it is whole again; – where it told none",
    ),
    Column(
        "p50",
        lambda row: latency(row.hour.p50_ms if row.hour else None),
        lambda row: row.hour.p50_ms if row.hour else None,
        about=_HOUR,
    ),
    Column(
        "p95",
        lambda row: latency(row.hour.p95_ms if row.hour else None),
        lambda row: row.hour.p95_ms if row.hour else None,
        about=_HOUR,
    ),
    Column(
        "Errors",
        lambda row: share(row.hour.error_rate if row.hour else None),
        lambda row: row.hour.error_rate if row.hour else None,
        _error_tip,
        about=_HOUR,
    ),
    Column(
        "Req/min",
        lambda row: count(row.per_minute),
        lambda row: row.per_minute,
        lambda row: f"{count(row.hour.count)} in the last hour" if row.hour else "",
        about="Attempts that ended within the last minute",
    ),
    Column(
        "Spend",
        lambda row: money(row.spent),
        lambda row: row.spent,
        about="Spent at the real provider since midnight UTC, as far as costs are known",
    ),
    Column(
        "Simulated",
        lambda row: money(row.live.simulated_usd or None),
        lambda row: row.live.simulated_usd or None,
        about="What today's simulated answers would have cost",
    ),
    Column("Key", lambda row: row.key),
    Column("Models", lambda row: count(row.models), lambda row: row.models),
    Column(
        "Last test",
        lambda row: test_words(row)[1],
        lambda row: row.checkup.result.latency_ms if row.checkup else None,
        lambda row: f"{clock_words(row.checkup.at)}: {row.checkup.result.detail}" if row.checkup else "",
        lambda row: test_words(row)[0],
    ),
    Column("Base URL", lambda row: row.state.base_url, tip=lambda row: row.state.base_url),
)
_AT: Final = {column.title: at for at, column in enumerate(COLUMNS)}


class ProvidersModel(TitledTable):
    """A row a provider, in the engine's order."""

    TITLES = tuple(column.title for column in COLUMNS)
    NUMBERS = tuple(
        _AT[title] for title in ("Score", "p50", "p95", "Errors", "Req/min", "Spend", "Simulated", "Models")
    )

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._hour: Mapping[tuple[str, str], Figures] = {}
        self.rows: list[Row] = []
        self.refresh()

    def show_hour(self, hour: Mapping[tuple[str, str], Figures]) -> None:
        """Tell these figures of the last hour, by provider and ""."""
        self._hour = hour
        self.refresh()

    def refresh(self) -> None:
        """Read everything again, and say what changed."""
        rows = [self._row(state) for state in self._session.engine.providers()]
        if [row.state.name for row in rows] != [row.state.name for row in self.rows]:
            self.beginResetModel()
            self.rows = rows
            self.endResetModel()
            return
        for at, (new, old) in enumerate(zip(rows, self.rows, strict=True)):
            if new != old:
                self.rows[at] = new
                self.dataChanged.emit(self.index(at, 0), self.index(at, len(self.TITLES) - 1))

    def _row(self, state: ProviderState) -> Row:
        session, name = self._session, state.name
        gate, live = session.engine.gate, session.engine.live.provider(name)
        score = gate.reliability.score(name, gate.limits.headroom(name))
        now = session.clock.now()
        return Row(
            state,
            health(session, state, live),
            self._breaker(state),
            round(score.value) if seen(score) else None,
            score_words(score),
            headroom(session.engine, name, now),
            round(now),
            live,
            self._hour.get((name, "")),
            key_words(state),
            len(session.models[name]) if name in session.models else None,
            session.tests.get(name),
            name in session.testing,
        )

    def _breaker(self, state: ProviderState) -> Standing:
        """Its breakers together; a closed one says nothing of a provider that cannot be asked."""
        together = breaker(lines(self._session.engine, state.name))
        return together if state.usable or together.state != "ok" else Standing("idle", "not asked")

    def rowCount(self, _parent: Index | None = None) -> int:
        return len(self.rows)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return COLUMNS[section].about or None
        return super().headerData(section, orientation, role)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self.rows[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() in self.NUMBERS:
            return RIGHT
        if role == Qt.ItemDataRole.ToolTipRole:
            return (plain(column.tip(row)) if column.tip is not None else "") or None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{column.title}: {column.text(row)}"
        if role == NAME_ROLE:
            return row.state.name
        if role == STATE_ROLE:
            return None if column.state is None else column.state(row)
        if role == SORT_ROLE:
            return column.text(row).lower() if column.order is None else column.order(row)
        if role == BAR_ROLE and column.title == "Limits" and row.tightest is not None:
            return row.tightest.left, row.tightest.state
        return None


def hidden(rows: Sequence[Row], *, wide: bool) -> frozenset[int]:
    """The columns for which there is no room, or nothing to tell."""
    gone = set() if wide else {_AT["Models"], _AT["Last test"], _AT["Base URL"]}
    if not any(row.live.simulated_usd or row.state.simulated for row in rows):
        gone.add(_AT["Simulated"])
    return frozenset(gone)


WIDTHS: Final = {
    _AT[title]: width
    for title, width in (
        ("Provider", 118),
        ("Health", 98),
        ("Breaker", 146),
        ("Score", 58),
        ("Limits", 156),
        ("p50", 82),
        ("p95", 82),
        ("Errors", 72),
        ("Req/min", 78),
        ("Spend", 84),
        ("Simulated", 94),
        ("Key", 98),
        ("Models", 72),
        ("Last test", 120),
        ("Base URL", 200),
    )
}
"""The width of each column in px; the last in view takes what is left."""
