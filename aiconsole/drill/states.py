"""The circuit breakers' states over the time of a drill, from their changes."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from typing import Final

from aiconsole.domain.events import BreakerState
from aiconsole.drill.record import Change
from aiconsole.drill.scenarios import provider_of

_SLACK_S: Final = 2e-3
"""Wall and monotonic time are read one after the other, so moments of different events differ by a little."""


class Breakers:
    """The states by key and time."""

    def __init__(self, changes: Iterable[Change]) -> None:
        self._changes = tuple(changes)
        self._by_key: dict[str, list[Change]] = {}
        for change in self._changes:
            self._by_key.setdefault(change.key, []).append(change)

    def count(self, before: BreakerState, after: BreakerState) -> dict[str, int]:
        """How often each breaker made this change."""
        return dict(Counter(change.key for change in self._changes if (change.before, change.after) == (before, after)))

    def worst(self, candidate: str, at_s: float) -> BreakerState:
        """The state that mattered to a call, the graver of its candidate's and its provider's."""
        states = {self._state(key, at_s) for key in (provider_of(candidate), candidate)}
        return next(state for state in _GRAVEST if state in states)

    def _state(self, key: str, at_s: float) -> BreakerState:
        """The state of one breaker; of several within the slack the mildest, so that “open” is said only where it is sure."""
        changes = self._by_key.get(key, [])
        first = bisect_right(changes, at_s - _SLACK_S, key=_when)
        last = bisect_right(changes, at_s + _SLACK_S, key=_when)
        states = {change.after for change in changes[max(0, first - 1) : last]}
        if first == 0:
            states.add("closed")
        return next(state for state in reversed(_GRAVEST) if state in states)


def _when(change: Change) -> float:
    return change.at_s


_GRAVEST: Final[tuple[BreakerState, ...]] = ("open", "forced open", "half-open", "forced closed", "closed")
