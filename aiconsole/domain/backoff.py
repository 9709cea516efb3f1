"""How long to wait before something is tried again."""

from __future__ import annotations

from random import Random


def equal_jitter(tries: int, random: Random, *, first_s: float, most_s: float) -> float:
    """Seconds to wait after ``tries`` (0 or more) that failed before this one: each doubles the longest wait, from ``first_s``
    up to ``most_s``, and the wait is drawn between half of that and all of it, so that many who failed together do not come
    back all at once.

    Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
    """
    longest = min(most_s, first_s * 2.0 ** min(tries, 60))
    return longest * (0.5 + 0.5 * random.random())
