"""How long one candidate takes, of one kind of time: to the first token of a stream, or to the end of a whole answer.

The two kinds are never mixed and never divided by tokens: an answer's length says nothing about its provider.
"""

from __future__ import annotations

from math import exp, log
from typing import Final

import msgspec

from aiconsole.domain.percentiles import Histogram

_FALL_S: Final = 10.0
_IDLE_S: Final = 60.0
_TURN_AT: Final = 200
_TURN_S: Final = 3_600.0
_TURN_LEAST: Final = 20
_BASELINE_S: Final = 21_600.0
_LOG_2: Final = log(2.0)


class Percentiles(msgspec.Struct, frozen=True, gc=False):
    """Percentiles in ms over the last samples (200 to 400 in a busy hour, fewer else), within 2 % of the true ones."""

    p50_ms: float
    p95_ms: float
    samples: int


_FRESH_BELOW: Final = 40
_FAR_SLOWER: Final = log(3.0)
_STREAK: Final = 4
_FRESH_EVERY: Final = 10


class Latency:
    """The times of one kind at one candidate, in ms; moments are monotonic seconds.

    - **Peak EWMA**: a longer time counts at once, a shorter one by 1 - exp(-dt / 10 s), where dt is the time since the
      last sample. While nothing is sent it falls by exp(-t / 60 s) toward the median, so that a candidate left alone after
      one slow answer is tried again. Source: Finagle's balancer ``p2c_peak_ewma`` (Finagle User's Guide, "Clients").
    - **Percentiles** over two histograms that take turns after 200 samples, or after an hour with at least 20; read anew
      with each of the first 40 samples and then with every tenth.
    - **Baseline**: the usual time, a mean of logarithms with a time constant of 6 h, in which a sample counts at most as
      twice or half the baseline, so that a brown-out does not soon become the usual.
    """

    __slots__ = ("_at", "_baseline", "_before", "_now", "_peak", "_percentiles", "_streak", "_turned_at", "_weight")

    def __init__(self) -> None:
        self._peak = 0.0
        self._at = 0.0
        self._baseline = 0.0
        self._weight = 0.0
        self._before = Histogram()
        self._now = Histogram()
        self._turned_at: float | None = None
        self._percentiles: Percentiles | None = None
        self._streak = 0

    @property
    def histograms(self) -> tuple[Histogram, Histogram]:
        return self._before, self._now

    def add(self, ms: float, at: float) -> float:
        """Take the time of an answer; returns log(time / baseline), 0 for the first."""
        ms = max(ms, 0.01)
        self._turn(at)
        self._now.add(ms)
        count = self._now.count
        if not count % _FRESH_EVERY or (count < _FRESH_BELOW and not self._before.count):
            self._percentiles = None
        if self._peak == 0.0 or ms >= self._peak:
            self._peak = ms
        else:
            kept = exp(-max(at - self._at, 0.0) / _FALL_S)
            self._peak = self._peak * kept + ms * (1.0 - kept)
        ratio = self._compare(log(ms), max(at - self._at, 0.0))
        self._streak = self._streak + 1 if ratio > _FAR_SLOWER else 0
        self._at = max(self._at, at)
        return ratio

    def waited(self, ms: float, at: float) -> None:
        """Take a time after which there was still no answer: it can only show the candidate slower."""
        if ms > (self.peak_ms(at) or 0.0):
            self._peak = ms
            self._at = max(self._at, at)

    def peak_ms(self, at: float) -> float | None:
        """The peak EWMA at a moment; None where nothing is known, or only a wait without an answer two minutes ago."""
        peak = self._peak
        percentiles = self._percentiles or self.percentiles()
        if percentiles is None:
            return peak if peak and at - self._at < 2 * _IDLE_S else None
        usual = percentiles.p50_ms
        if peak <= usual:
            return peak
        idle_s = at - self._at
        return usual + (peak - usual) * exp(-idle_s / _IDLE_S) if idle_s > 0.0 else peak

    def browned_out(self, at: float) -> bool:
        """Whether the last answers, four or more in a row, took more than three times the usual. A minute after the last of
        them it is not said any more, so that one more answer is asked for and tells how it is now."""
        return self._streak >= _STREAK and at - self._at < _IDLE_S

    def percentiles(self) -> Percentiles | None:
        """None where there was no answer yet."""
        if self._percentiles is None:
            both = Histogram.merged((self._before, self._now)) if self._before.count else self._now
            p50, p95 = both.quantiles((0.5, 0.95))
            if p50 is not None and p95 is not None:
                self._percentiles = Percentiles(p50, p95, both.count)
        return self._percentiles

    def _turn(self, at: float) -> None:
        if self._turned_at is None:
            self._turned_at = at
        count = self._now.count
        if count >= _TURN_AT or (count >= _TURN_LEAST and at - self._turned_at > _TURN_S):
            self._before, self._now = self._now, Histogram()
            self._turned_at = at

    def _compare(self, value: float, passed_s: float) -> float:
        if self._weight == 0.0:
            self._baseline, self._weight = value, 1.0
            return 0.0
        ratio = value - self._baseline
        self._weight = self._weight * exp(-passed_s / _BASELINE_S) + 1.0
        self._baseline += min(max(ratio, -_LOG_2), _LOG_2) / self._weight
        return ratio
