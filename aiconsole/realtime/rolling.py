"""Counts over the last so many seconds, kept by the second, so that adding and reading take the same time for any traffic."""

from __future__ import annotations

from collections import deque


class Rolling:
    """How many requests ended in the last ``seconds``, how many of these say something of the provider, and how many failed.

    Times are monotonic, in seconds. A second counts as a whole: what ended up to one second earlier may still be in.
    """

    __slots__ = ("_seconds", "_span", "failures", "judged", "requests")

    def __init__(self, seconds: int) -> None:
        self._span = seconds
        self._seconds: deque[list[int]] = deque()
        self.requests = self.judged = self.failures = 0

    def add(self, now: float, *, judged: bool, failed: bool) -> None:
        """Count one that ended now."""
        second = int(now)
        if not self._seconds or self._seconds[-1][0] != second:
            self.expire(now)
            self._seconds.append([second, 0, 0, 0])
        kept = self._seconds[-1]
        kept[1] += 1
        kept[2] += judged
        kept[3] += failed
        self.requests += 1
        self.judged += judged
        self.failures += failed

    def expire(self, now: float) -> None:
        """Let go what is too old; to be called before the counts are read."""
        oldest = int(now) - self._span
        while self._seconds and self._seconds[0][0] <= oldest:
            _, requests, judged, failures = self._seconds.popleft()
            self.requests -= requests
            self.judged -= judged
            self.failures -= failures

    def error_rate(self, now: float) -> float | None:
        """The share that failed of those that say something, 0 to 1; None where there were none."""
        self.expire(now)
        return self.failures / self.judged if self.judged else None
