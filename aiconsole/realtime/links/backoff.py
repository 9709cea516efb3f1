"""How long to wait before the next try."""

from __future__ import annotations

from random import Random
from typing import Final

from aiconsole.domain.backoff import equal_jitter

FIRST_S: Final = 0.5
LONGEST_S: Final = 60.0


class Backoff:
    """Each try doubles the longest wait, up to ``longest_s``; the wait itself is drawn between half of that and all of it, so
    that consoles which lost the same meeting place do not come back all at once."""

    def __init__(self, random: Random, *, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        self._random = random
        self._first_s = first_s
        self._longest_s = longest_s
        self._tries = 0

    def next_s(self) -> float:
        """Seconds to wait now."""
        wait_s = equal_jitter(self._tries, self._random, first_s=self._first_s, most_s=self._longest_s)
        self._tries += 1
        return wait_s

    def reset(self) -> None:
        """All is well again."""
        self._tries = 0
