"""A route's candidates as rows that can be put in another order, and what the routing did lately."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from PySide6.QtCore import Qt

from ...realtime.happenings import Happening, What
from ..breakers import Line, line
from ..figures import count, latency, share
from ..providers.standing import seen
from ..session import Session
from ..theme import State
from ..titled import NAME_ROLE, RIGHT, STATE_ROLE, Index, TitledTable, plain
from .movable import MovableTable

_WHAT: Final[dict[What, tuple[State, str]]] = {
    "switch": ("warn", "switched"),
    "continued": ("warn", "continued"),
    "rule": ("idle", "rule"),
    "hedge": ("idle", "hedged"),
}


class Candidate(msgspec.Struct, frozen=True):
    """How a candidate stands now; None is unknown, ``trouble`` set where it cannot be asked at all."""

    name: str
    breaker: Line
    score: int | None
    ttft_ms: float | None
    headroom: float | None
    trouble: str = ""


def candidate(session: Session, name: str) -> Candidate:
    """Look at one candidate (``provider/model``); where its provider's breaker is not closed, that is the one shown."""
    gate, provider = session.engine.gate, name.partition("/")[0]
    whole = line(session.engine, provider)
    breaker = line(session.engine, name) if whole.glyph == "ok" else whole
    headroom = gate.limits.headroom(name)
    state = session.provider(provider)
    trouble = "" if state is not None and state.usable else "there is no such provider"
    if state is not None and not state.usable:
        standing = session.standing(state)
        trouble = standing.reason or standing.word
    known = any(view.key in (name, provider) and (view.limits or view.held_until) for view in gate.limits.snapshot())
    score = gate.reliability.score(name, headroom)
    times = gate.reliability.ttft(name)
    return Candidate(
        name,
        breaker,
        round(score.value) if seen(score) else None,
        None if times is None else times.p50_ms,
        headroom if known else None,
        trouble,
    )


class CandidatesModel(MovableTable):
    """A row a candidate, in the route's order."""

    MIME = "application/x-aiconsole-candidate"
    TITLES = ("Candidate", "Breaker", "Score", "TTFT p50", "Headroom", "Note")
    NUMBERS = (2, 3, 4)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.rows: tuple[Candidate, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(row.name for row in self.rows)

    def show(self, names: Sequence[str]) -> None:
        """Be these candidates."""
        before, self.rows = self.rows, tuple(candidate(self._session, name) for name in names)
        if [row.name for row in before] != list(names):
            self.beginResetModel()
            self.endResetModel()
        elif before != self.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, len(self.TITLES) - 1))

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self.rows[index.row()], index.column()
        texts = (
            row.name,
            "not asked" if row.trouble else row.breaker.word,
            count(row.score),
            latency(row.ttft_ms),
            share(row.headroom),
            row.trouble or row.breaker.reason,
        )
        if role == Qt.ItemDataRole.DisplayRole:
            return texts[column]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self.TITLES[column]}: {texts[column]}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain(texts[column]) or None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if column in self.NUMBERS else None
        if role == NAME_ROLE:
            return row.name.partition("/")[0]
        if role == STATE_ROLE and column == 1:
            return "idle" if row.trouble else row.breaker.glyph
        return None


class HappeningsModel(TitledTable):
    """A row a happening, the newest first."""

    TITLES = ("Time", "What", "Route", "Between", "Reason")

    def __init__(self) -> None:
        super().__init__()
        self.rows: tuple[Happening, ...] = ()

    def show(self, rows: Sequence[Happening]) -> None:
        """Be these rows."""
        self.beginResetModel()
        self.rows = tuple(rows)
        self.endResetModel()

    def rowCount(self, _parent: Index | None = None) -> int:
        return len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self.rows[index.row()], index.column()
        state, word = _WHAT[row.what]
        moment = time.localtime(row.at)
        texts = (time.strftime("%H:%M:%S", moment), word, row.route, row.subject, row.reason)
        if role == Qt.ItemDataRole.DisplayRole:
            return texts[column]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self.TITLES[column]}: {texts[column]}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain(texts[column] if column else time.strftime("%c", moment)) or None
        if role == NAME_ROLE:
            return row.subject.partition("/")[0]
        return state if role == STATE_ROLE and column == 1 else None
