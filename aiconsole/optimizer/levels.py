"""Whether a figure is over its limit, without flapping: it must be so for a while before that is believed."""

from __future__ import annotations

from typing import Final

CALM: Final = 0.8
"""The share of the limit at or below which a figure that was over it is well again."""


class Level:
    """One figure's state: ``over`` after it was above the limit for the hold time without a break, and no longer after it was
    at or under `CALM` of the limit for as long. In between, whatever it is stays."""

    __slots__ = ("_since", "over")

    def __init__(self) -> None:
        self.over = False
        self._since: float | None = None

    def update(self, figure: float | None, limit: float, hold_s: float, now: float) -> bool:
        """Take a figure at ``now`` (monotonic s); whether ``over`` has changed. None counts as nothing to complain of."""
        leaving = (figure is None or figure <= limit * CALM) if self.over else (figure is not None and figure > limit)
        if not leaving:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        if now - self._since < hold_s:
            return False
        self.over = not self.over
        self._since = None
        return True
