"""Figures of the calls in a window of time, exactly: what the rules' thresholds are held against."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from aiconsole.domain.clock import Clock
from aiconsole.domain.percentiles import percentile as at_share

_KEPT: Final = 512
_LONGEST_S: Final = 3_600.0
_SAME_S: Final = 0.05


class Figures(Protocol):
    """What a rule may ask of a candidate's recent past; each with the number of calls it rests on."""

    def error_rate(self, key: str, window_s: float) -> tuple[float, int]: ...

    def latency_ms(self, key: str, percentile: int, window_s: float) -> tuple[float, int]: ...

    def ttft_ms(self, key: str, percentile: int, window_s: float) -> tuple[float, int]: ...

    def score(self, key: str) -> float | None: ...

    def headroom(self, key: str) -> float | None: ...


_Call = tuple[float, bool, float | None, float | None]
"""When it ended (monotonic), whether it failed, its duration and its TTFT in ms."""


class _Past:
    """One candidate's calls, oldest first; what was asked of them last, as several rules ask for the same."""

    __slots__ = ("answers", "answers_at", "calls")

    def __init__(self) -> None:
        self.calls: deque[_Call] = deque(maxlen=_KEPT)
        self.answers: dict[tuple[int, int, float], tuple[float, int]] = {}
        self.answers_at = 0.0


class Measures:
    """Keeps each candidate's last 512 calls, for at most an hour.

    Args:
        score, headroom: where these come from; None where they are not known.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        score: Callable[[str], float | None] = lambda key: None,
        headroom: Callable[[str], float | None] = lambda key: None,
    ) -> None:
        self._clock = clock
        self._pasts: dict[str, _Past] = {}
        self.score = score
        self.headroom = headroom

    def seen(self, key: str, *, failed: bool, duration_ms: float | None = None, ttft_ms: float | None = None) -> None:
        """Note how a call ended, unless its end says nothing of the provider (cancelled, the caller's own fault, a 429).

        Times None where they say nothing (a call that failed).
        """
        past = self._pasts.get(key)
        if past is None:
            past = self._pasts[key] = _Past()
        past.calls.append((self._clock.monotonic(), failed, duration_ms, ttft_ms))
        if past.answers:
            past.answers.clear()

    def error_rate(self, key: str, window_s: float) -> tuple[float, int]:
        """The share of failed calls in the last ``window_s``, and their number."""
        return self._answer(key, 1, 0, window_s)

    def latency_ms(self, key: str, percentile: int, window_s: float) -> tuple[float, int]:
        """A percentile (nearest rank) of whole calls' durations in ms, and the number of calls."""
        return self._answer(key, 2, percentile, window_s)

    def ttft_ms(self, key: str, percentile: int, window_s: float) -> tuple[float, int]:
        """A percentile (nearest rank) of the times to the first token in ms, and the number of calls."""
        return self._answer(key, 3, percentile, window_s)

    def forget(self, key: str) -> None:
        """Forget the calls of a candidate, or of a provider's candidates."""
        for name in [name for name in self._pasts if name == key or name.partition("/")[0] == key]:
            del self._pasts[name]

    def _answer(self, key: str, column: int, percentile: int, window_s: float) -> tuple[float, int]:
        past = self._pasts.get(key)
        if past is None:
            return 0.0, 0
        now = self._clock.monotonic()
        if now - past.answers_at > _SAME_S:
            past.answers.clear()
            past.answers_at = now
            while past.calls and past.calls[0][0] < now - _LONGEST_S:
                past.calls.popleft()
        asked = (column, percentile, window_s)
        answer = past.answers.get(asked)
        if answer is None:
            values = _within(past.calls, now - window_s, column)
            answer = _share(values) if column == 1 else _percentile(values, percentile / 100)
            past.answers[asked] = answer
        return answer


def _within(calls: deque[_Call], since: float, column: int) -> list[Any]:
    """One column of the calls from then on, newest first."""
    values = []
    for call in reversed(calls):
        if call[0] < since:
            break
        values.append(call[column])
    return values


def _share(values: list[bool]) -> tuple[float, int]:
    return (sum(values) / len(values) if values else 0.0), len(values)


def _percentile(values: list[float | None], share: float) -> tuple[float, int]:
    known = sorted(value for value in values if value is not None)
    return at_share(known, share) or 0.0, len(known)
