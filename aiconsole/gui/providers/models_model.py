"""One provider's models as rows of a table: what each can take and costs, and how it did in a range of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QObject, Qt

from ...domain.history import Figures
from ...domain.models import ModelInfo
from ..figures import UNKNOWN, count, latency, share
from ..titled import RIGHT, SORT_ROLE, Index, TitledTable, plain


class ModelsModel(TitledTable):
    """A row a model: id, context, prices in USD a million tokens, and the figures of its attempts."""

    TITLES = ("Model", "Context", "In $/M", "Out $/M", "p50", "p95", "Errors")
    NUMBERS = (1, 2, 3, 4, 5, 6)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.models: Sequence[ModelInfo] = ()
        self._did: Mapping[str, Figures] = {}
        self._range = ""

    def show(self, models: Sequence[ModelInfo]) -> None:
        """Show these instead."""
        if models == self.models:
            return
        self.beginResetModel()
        self.models = models
        self.endResetModel()

    def show_figures(self, did: Mapping[str, Figures], words: str) -> None:
        """Tell what each model did, by its id, in the range that ``words`` names."""
        self._did, self._range = did, words
        if self.models:
            self.dataChanged.emit(self.index(0, 4), self.index(len(self.models) - 1, 6))

    def rowCount(self, _parent: Index | None = None) -> int:
        return len(self.models)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole and section >= 4:
            return f"Of all its attempts in the {self._range}; – where there was none" if self._range else None
        return super().headerData(section, orientation, role)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        model, column = self.models[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(model, column)
        if role == SORT_ROLE:
            return self._order(model, column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in self.NUMBERS:
            return RIGHT
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self.TITLES[column]}: {self._text(model, column)}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(model, column)
        return None

    def _text(self, model: ModelInfo, column: int) -> str:
        if column == 0:
            return " · ".join([model.id, *_notes(model)])
        if column == 1:
            return _tokens(model.context_tokens)
        if column in (2, 3):
            price = _price(model, column)
            return UNKNOWN if price is None else f"{price:,.2f}" if price >= 0.1 or price == 0 else f"{price:.2g}"
        value = self._figure(model, column)
        return share(value) if column == 6 else latency(value)

    def _order(self, model: ModelInfo, column: int) -> str | float | None:
        if column == 0:
            return model.id.lower()
        if column == 1:
            return model.context_tokens
        return _price(model, column) if column in (2, 3) else self._figure(model, column)

    def _figure(self, model: ModelInfo, column: int) -> float | None:
        did = self._did.get(model.id)
        return None if did is None else (did.p50_ms, did.p95_ms, did.error_rate)[column - 4]

    def _tip(self, model: ModelInfo, column: int) -> str | None:
        if column == 0:
            return plain("\n".join(dict.fromkeys(filter(None, (model.id, model.name, *_notes(model))))))
        if column == 1 and model.context_tokens is not None:
            return f"{count(model.context_tokens)} tokens"
        did = self._did.get(model.id)
        if column >= 4 and did is not None:
            return plain(f"{count(did.count)} attempts, {count(did.failures)} failed, in the {self._range}")
        return None


def _tokens(number: int | None) -> str:
    """So many tokens in three digits or so."""
    if number is None:
        return UNKNOWN
    return (
        f"{number / 1e6:.3g}M" if number >= 1_000_000 else f"{number // 1000}k" if number >= 10_000 else count(number)
    )


def _price(model: ModelInfo, column: int) -> float | None:
    prices = model.prices
    return None if prices is None else (prices.prompt, prices.completion)[column - 2]


def _notes(model: ModelInfo) -> list[str]:
    return (["no chat"] if not model.chat else []) + (["deprecated"] if model.deprecated else [])
