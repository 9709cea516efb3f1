"""Calls of the last days, counted as they come: what rules on figures are judged by while the console runs.

Ten-second buckets reach back over an hour, five-minute ones over three days and a little. Only buckets in which something
happened are kept, so an idle console keeps few. Windows are to the bucket.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from aiconsole.alerts.declare import Metric
from aiconsole.domain.history import CallSums
from aiconsole.domain.percentiles import Histogram

FINE_S: Final = 10.0
COARSE_S: Final = 300.0
FINE_REACH_S: Final = 2 * 3600.0 + 600.0
COARSE_REACH_S: Final = 6 * 86_400.0
_SHARES: Final[dict[Metric, float]] = {"p50": 0.5, "p95": 0.95, "first token p95": 0.95}


class Sums:
    """What happened in a stretch of time."""

    __slots__ = ("answered", "at", "failures", "firsts", "times", "tokens", "usd")

    def __init__(self, at: float = 0.0) -> None:
        self.at = at
        self.answered = 0
        self.failures = 0
        self.usd = 0.0
        self.tokens = 0
        self.times: Histogram | None = None
        self.firsts: Histogram | None = None

    @property
    def judged(self) -> int:
        """Answers and failures; the callers' own errors and what was left count for nothing."""
        return self.answered + self.failures

    def add(self, other: Sums) -> None:
        """Take in another stretch, without its times."""
        self.answered += other.answered
        self.failures += other.failures
        self.usd += other.usd
        self.tokens += other.tokens


class Calls:
    """The calls of one provider, or of all."""

    __slots__ = ("_coarse", "_fine", "last_at")

    def __init__(self) -> None:
        self._fine: deque[Sums] = deque()
        self._coarse: deque[Sums] = deque()
        self.last_at: float | None = None

    def count(
        self,
        at: float,
        *,
        failed: bool,
        duration_ms: float,
        ttft_ms: float | None = None,
        usd: float = 0.0,
        tokens: int = 0,
    ) -> None:
        """Count a call that ended at ``at``."""
        fine = _bucket(self._fine, at, FINE_S, FINE_REACH_S)
        for bucket in (fine, _bucket(self._coarse, at, COARSE_S, COARSE_REACH_S)):
            bucket.failures += failed
            bucket.answered += not failed
            bucket.usd += usd
            bucket.tokens += tokens
        if not failed:
            fine.times = _add(fine.times, duration_ms)
            if ttft_ms is not None:
                fine.firsts = _add(fine.firsts, ttft_ms)
        self.last_at = at if self.last_at is None else max(at, self.last_at)

    def seed(self, sums: Iterable[CallSums], *, fine: bool) -> None:
        """Take in what was counted before the console was started, in order of time; nothing that was counted here since."""
        buckets, step = (self._fine, FINE_S) if fine else (self._coarse, COARSE_S)
        before: list[Sums] = []
        first = buckets[0].at if buckets else float("inf")
        for each in sums:
            if each.at >= first or not (each.answered or each.failures):
                continue
            bucket = Sums(each.at)
            bucket.answered, bucket.failures = each.answered, each.failures
            bucket.usd, bucket.tokens = each.usd, each.tokens
            before.append(bucket)
            self.last_at = max(self.last_at or 0.0, each.at + step)
        buckets.extendleft(reversed(before))

    def over(self, since: float, until: float) -> Sums:
        """The sums from ``since`` to ``until``, to the bucket."""
        fine = until - since <= 3600.0
        total = Sums(since)
        step = FINE_S if fine else COARSE_S
        for bucket in reversed(self._fine if fine else self._coarse):
            if bucket.at + step <= since:
                break
            if bucket.at < until:
                total.add(bucket)
        return total

    def figure(self, metric: Metric, since: float, until: float) -> tuple[float | None, int]:
        """A metric from ``since`` to ``until``, None where it is not known, and how many calls it rests on."""
        share = _SHARES.get(metric)
        if share is not None:
            return self._percentile(metric, share, since, until)
        return metric_of(metric, self.over(since, until))

    def _percentile(self, metric: Metric, share: float, since: float, until: float) -> tuple[float | None, int]:
        parts: list[Histogram] = []
        for bucket in reversed(self._fine):
            if bucket.at + FINE_S <= since:
                break
            times = bucket.firsts if metric == "first token p95" else bucket.times
            if times is not None and bucket.at < until:
                parts.append(times)
        merged = Histogram.merged(parts)
        return merged.quantile(share), merged.count


def metric_of(metric: Metric, sums: Sums) -> tuple[float | None, int]:
    """A metric that is no percentile, from sums."""
    if metric == "error rate":
        return (sums.failures / sums.judged if sums.judged else None), sums.judged
    value = {"calls": sums.judged, "failures": sums.failures, "cost": sums.usd, "tokens": sums.tokens}[metric]
    return float(value), sums.judged


def _bucket(buckets: deque[Sums], at: float, step: float, reach: float) -> Sums:
    """The bucket of ``at``, made where it is missing; one that came late is counted in the last."""
    start = at // step * step
    if not buckets or buckets[-1].at < start:
        buckets.append(Sums(start))
        while buckets[0].at < start - reach:
            buckets.popleft()
    return buckets[-1]


def _add(histogram: Histogram | None, value: float) -> Histogram:
    histogram = histogram or Histogram()
    histogram.add(value)
    return histogram
