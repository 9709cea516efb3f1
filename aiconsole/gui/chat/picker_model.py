"""What can be asked: routes, models by provider, what was used last, and why a provider offers none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from ...domain.models import ModelInfo, ProviderState
from ..commands import match
from . import words

_Index = QModelIndex | QPersistentModelIndex


class Choice(msgspec.Struct, frozen=True):
    """A row. ``value`` is what a conversation's model becomes; of a provider without models it is "" and ``provider`` is
    where the trouble can be mended. ``facts`` stand at the right, ``trouble`` in their place where it cannot be used."""

    value: str
    title: str
    group: str
    provider: str = ""
    facts: str = ""
    trouble: str = ""
    detail: str = ""


def choices(
    models: Sequence[ModelInfo],
    routes: Mapping[str, tuple[str, ...]],
    providers: Sequence[ProviderState],
    recent: Sequence[str],
    failures: Mapping[str, str],
) -> list[Choice]:
    """All rows: the used ones first, then routes, then models in the providers' order."""
    states = {state.name: state for state in providers}
    rows: list[Choice] = []
    usable = {name for name, state in states.items() if state.usable}
    for name, candidates in routes.items():
        able = [entry for entry in candidates if entry.partition("/")[0] in usable]
        chain = " → ".join(entry.partition("/")[0] for entry in candidates)
        trouble = "" if able else "no provider of it can be used"
        rows.append(Choice(name, name, "Routes", "", chain, trouble, "Route: " + ", then ".join(candidates)))
    for state in providers:
        own = [info for info in models if info.provider == state.name and info.chat]
        rows += [_of_model(info, state) for info in own]
        if not own:
            rows.append(Choice("", state.label, state.label, state.name, "", _why(state, failures)))
    by_value = {row.value: row for row in rows if row.value}
    used = [msgspec.structs.replace(by_value[value], group="Recent") for value in recent if value in by_value]
    return [*used, *rows]


def _of_model(info: ModelInfo, state: ProviderState) -> Choice:
    facts = words.model_facts(info)
    key = "" if state.usable else "no key"
    where = (
        f"key from the {state.key_source}" if state.key_source else "simulated" if state.simulated else "no key needed"
    )
    value = f"{info.provider}/{info.id}"
    return Choice(value, info.id, state.label, info.provider, facts, key, f"{value}, {where}")


def _why(state: ProviderState, failures: Mapping[str, str]) -> str:
    if not state.enabled:
        return "switched off"
    if state.trouble:
        return state.trouble
    if state.key_needed and state.key_source is None and not state.simulated:
        return "no key yet: add one under Providers"
    return failures.get(state.name, "lists no models")


class PickerModel(QAbstractListModel):
    """Rows are a group's name or a choice."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._all: list[Choice] = []
        self.rows: list[str | Choice] = []

    def set_choices(self, rows: list[Choice], query: str) -> None:
        """Offer these, as far as they answer ``query``."""
        self._all = rows
        self.filter(query)

    def filter(self, query: str) -> None:
        """Show what answers ``query``, best first; everything by group where it is empty."""
        rows: list[str | Choice] = []
        if query.strip():
            found: dict[str, tuple[float, Choice]] = {}
            for choice in self._all:
                hit = match(query, f"{choice.provider} {choice.title}".strip())
                key = choice.value or choice.title
                if hit is not None and key not in found:
                    found[key] = (hit.score - (5 if choice.trouble else 0), choice)
            rows += [choice for _, choice in sorted(found.values(), key=lambda pair: -pair[0])]
        else:
            group = ""
            for choice in self._all:
                if choice.group != group:
                    group = choice.group
                    rows.append(group)
                rows.append(choice)
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def choice(self, row: int) -> Choice | None:
        found = self.rows[row] if 0 <= row < len(self.rows) else None
        return found if isinstance(found, Choice) else None

    def rowCount(self, _parent: _Index | None = None) -> int:
        return len(self.rows)

    def flags(self, index: _Index) -> Qt.ItemFlag:
        if self.choice(index.row()) is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        choice = self.choice(index.row())
        if choice is None:
            return self.rows[index.row()] if role == Qt.ItemDataRole.DisplayRole else None
        if role == Qt.ItemDataRole.DisplayRole:
            return choice.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return choice.detail
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(filter(None, (choice.title, choice.group, choice.facts, choice.trouble)))
        return None
