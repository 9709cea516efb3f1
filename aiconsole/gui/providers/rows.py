"""The providers as rows of a table, and one provider's models as rows of another."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from html import escape
from typing import Any, Final

import msgspec
from PySide6.QtCore import QObject, Qt

from ...domain.models import ModelInfo, ProviderState
from ...realtime.activity import Sample, Summary, summary
from ..breakers import lines, whole
from ..figures import UNKNOWN, count, latency, share
from ..session import Checkup, Session, Standing
from ..theme import State
from ..titled import RIGHT, Index, TitledTable

NAME_ROLE: Final = Qt.ItemDataRole.UserRole
STATE_ROLE: Final = Qt.ItemDataRole.UserRole + 1
SORT_ROLE: Final = Qt.ItemDataRole.UserRole + 2
_SEEN_S: Final = 3600.0


class Row(msgspec.Struct, frozen=True):
    """All that the table says of one provider."""

    state: ProviderState
    standing: Standing
    breaker: Standing
    score: int
    key: str
    models: int | None
    checkup: Checkup | None
    testing: bool
    seen: Summary


def plain(text: str) -> str:
    """A tooltip that shows ``text`` letter by letter, whatever a provider put into it."""
    return f"<p style='white-space:pre-wrap'>{escape(text)}</p>" if text else ""


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


class ProvidersModel(TitledTable):
    """A row a provider, in the engine's order."""

    TITLES = (
        "Provider",
        "State",
        "Breaker",
        "Score",
        "Key",
        "Base URL",
        "Models",
        "Last test",
        "Requests",
        "p50",
        "Errors",
    )
    NUMBERS = (3, 6, 8, 9, 10)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.rows: list[Row] = []
        self.refresh()

    def refresh(self) -> None:
        """Read everything again, and say what changed."""
        session = self._session
        by_provider: dict[str, list[Sample]] = defaultdict(list)
        for sample in session.activity.samples(_SEEN_S):
            by_provider[sample.provider].append(sample)
        rows = [
            Row(
                state,
                session.standing(state),
                *self._guarded(state.name),
                key_words(state),
                len(session.models[state.name]) if state.name in session.models else None,
                session.tests.get(state.name),
                state.name in session.testing,
                summary(by_provider[state.name]),
            )
            for state in session.engine.providers()
        ]
        if [row.state.name for row in rows] != [row.state.name for row in self.rows]:
            self.beginResetModel()
            self.rows = rows
            self.endResetModel()
            return
        for at, (new, old) in enumerate(zip(rows, self.rows, strict=True)):
            if new != old:
                self.rows[at] = new
                self.dataChanged.emit(self.index(at, 0), self.index(at, len(self.TITLES) - 1))

    def refresh_guarded(self) -> None:
        """Say what became of breakers and scores; cheap enough for every second."""
        for at, row in enumerate(self.rows):
            breaker, score = self._guarded(row.state.name)
            if (breaker, score) != (row.breaker, row.score):
                self.rows[at] = msgspec.structs.replace(row, breaker=breaker, score=score)
                self.dataChanged.emit(self.index(at, 2), self.index(at, 3))

    def _guarded(self, name: str) -> tuple[Standing, int]:
        gate = self._session.engine.gate
        score = gate.reliability.score(name, gate.limits.headroom(name))
        return whole(lines(self._session.engine, name)), round(score.value)

    def rowCount(self, _parent: Index | None = None) -> int:
        return len(self.rows)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            if section == 3:
                return "Reliability from 0 to 100; about 70 means that little is known yet"
            if section >= 8:
                return "As this window has seen in the last hour; percentiles are exact over its attempts"
        return super().headerData(section, orientation, role)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.rows[index.row()]
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in self.NUMBERS:
            return RIGHT
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(row, column)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self.TITLES[column]}: {self._text(row, column)}"
        if role == NAME_ROLE:
            return row.state.name
        if role == STATE_ROLE:
            return {1: row.standing.state, 2: row.breaker.state, 7: test_words(row)[0]}.get(column)
        return None

    @staticmethod
    def _text(row: Row, column: int) -> str:
        return (
            row.state.label,
            row.standing.word,
            row.breaker.word,
            str(row.score),
            row.key,
            row.state.base_url,
            count(row.models),
            test_words(row)[1],
            count(row.seen.requests),
            latency(row.seen.p50_ms),
            share(row.seen.error_rate),
        )[column]

    @staticmethod
    def _tip(row: Row, column: int) -> str | None:
        if column == 1:
            return plain(row.standing.reason) or None
        if column == 2:
            return plain(row.breaker.reason) or None
        if column == 7 and row.checkup is not None:
            at = time.strftime("%X", time.localtime(row.checkup.at))
            return plain(f"{at}: {row.checkup.result.detail}")
        return row.state.base_url if column == 5 else None


class ModelsModel(TitledTable):
    """A row a model: id, context, prices in USD a million tokens."""

    TITLES = ("Model", "Context", "Input $/M", "Output $/M", "Notes")
    NUMBERS = (1, 2, 3)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.models: Sequence[ModelInfo] = ()

    def show(self, models: Sequence[ModelInfo]) -> None:
        """Show these instead."""
        if models == self.models:
            return
        self.beginResetModel()
        self.models = models
        self.endResetModel()

    def rowCount(self, _parent: Index | None = None) -> int:
        return len(self.models)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        model, column = self.models[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return _model_text(model, column)
        if role == SORT_ROLE:
            return _model_order(model, column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in self.NUMBERS:
            return RIGHT
        if role == Qt.ItemDataRole.ToolTipRole and column == 0:
            return plain("\n".join(dict.fromkeys(filter(None, (model.id, model.name)))))
        return None


def _model_text(model: ModelInfo, column: int) -> str:
    prices = model.prices
    if column == 0:
        return model.id
    if column == 1:
        return count(model.context_tokens)
    if column in (2, 3):
        price = None if prices is None else (prices.prompt, prices.completion)[column - 2]
        return UNKNOWN if price is None else f"{price:,.2f}" if price >= 0.1 or price == 0 else f"{price:.2g}"
    notes = ["no chat"] if not model.chat else []
    if model.deprecated:
        notes.append("deprecated")
    return ", ".join(notes)


def _model_order(model: ModelInfo, column: int) -> str | float:
    """Unknown figures come first when ascending, so that they stand at the end of the dearest or longest."""
    prices = model.prices
    if column == 1:
        return -1.0 if model.context_tokens is None else float(model.context_tokens)
    if column in (2, 3):
        price = None if prices is None else (prices.prompt, prices.completion)[column - 2]
        return -1.0 if price is None else price
    return model.id.lower() if column == 0 else _model_text(model, column)
