"""One provider's breakers as rows of a table, and its limits and score in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import Qt

from ...domain.chat import RateLimit
from ..breakers import Line, wait
from ..figures import count, share
from ..theme import State
from ..titled import Index, TitledTable
from .rows import NAME_ROLE, STATE_ROLE, plain

if TYPE_CHECKING:
    from ...engine import Engine
    from ...routing.limits import LimitView
    from ...routing.reliability import Score


class BreakersModel(TitledTable):
    """A row a breaker: of the provider as a whole first, then of its models."""

    TITLES = ("Breaker of", "State", "Reason")

    def __init__(self) -> None:
        super().__init__()
        self.lines: tuple[Line, ...] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Be these rows."""
        before, self.lines = self.lines, tuple(lines)
        if [line.key for line in before] != [line.key for line in self.lines]:
            self.beginResetModel()
            self.endResetModel()
        elif before != self.lines:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.lines) - 1, len(self.TITLES) - 1))

    def rowCount(self, _parent: Index | None = None) -> int:
        return len(self.lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        line, column = self.lines[index.row()], index.column()
        texts = (line.key.partition("/")[2] or "the whole provider", line.word, line.reason)
        if role == Qt.ItemDataRole.DisplayRole:
            return texts[column]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self.TITLES[column]}: {texts[column]}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain(texts[column]) or None
        if role == NAME_ROLE:
            return line.key.partition("/")[0]
        return line.glyph if role == STATE_ROLE and column == 1 else None


class Headroom(msgspec.Struct, frozen=True):
    """One limit: its name, what is left in words, and as a share of 0 to 1 with its state."""

    name: str
    words: str
    left: float
    state: State


def headroom(engine: Engine, provider: str, now: float) -> tuple[Headroom, ...]:
    """The limits known of a provider and its models; ``now`` in epoch seconds."""
    found: list[Headroom] = []
    for view in engine.gate.limits.snapshot():
        if view.key.partition("/")[0] == provider:
            found += _of_key(view, now)
    return tuple(found)


def _of_key(view: LimitView, now: float) -> list[Headroom]:
    whose = view.key.partition("/")[2] or "whole provider"
    found = [_of_limit(whose, limit, now) for limit in view.limits if limit.limit and limit.remaining is not None]
    if view.held_until is not None and view.held_until > now:
        found.append(Headroom(whose, f"{view.held_reason}, asked again in {wait(view.held_until - now)}", 0.0, "crit"))
    return found


def _of_limit(whose: str, limit: RateLimit, now: float) -> Headroom:
    left = min(1.0, max(0.0, (limit.remaining or 0) / (limit.limit or 1)))
    words = f"{count(limit.remaining)} of {count(limit.limit)} {limit.kind}"
    words += f" left this {limit.window}" if limit.window else " left"
    if left < 1 and limit.resets_at is not None and limit.resets_at > now:
        words += f", resets in {wait(limit.resets_at - now)}"
    return Headroom(whose, words, left, "ok" if left >= 0.3 else "warn" if left >= 0.1 else "crit")


def score_words(score: Score) -> str:
    """The parts that a reliability score is made of."""
    if score.samples < 0.5:
        return "nothing was seen of it yet; 70 means “not known”"
    parts = (
        ("success", score.success),
        ("last minute", score.recency),
        ("speed against its own usual", score.latency),
        ("limits", score.limits),
        ("confidence", score.confidence),
    )
    return " · ".join(f"{name} {share(part)}" for name, part in parts)
