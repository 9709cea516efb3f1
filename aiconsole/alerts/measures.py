"""Calls of the last days, counted as they come: what rules on figures are judged by while the console runs.

Ten-second buckets reach back a quarter of an hour, minutes over two hours, five minutes over six days; a window is read from
the finest that reach over it, and is to the bucket. Only buckets in which something happened are kept, so an idle console
keeps few. The coarsest have no percentiles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from aiconsole.alerts.declare import Metric
from aiconsole.domain.history import CallSums
from aiconsole.domain.percentiles import Histogram

FINE_S: Final = 10.0
MINUTE_S: Final = 60.0
COARSE_S: Final = 300.0
TIERS: Final = ((FINE_S, 900.0), (MINUTE_S, 7200.0), (COARSE_S, 6 * 86_400.0))
"""Length of a bucket and how far back they reach, in s."""

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

    __slots__ = ("_tiers", "last_at")

    def __init__(self) -> None:
        self._tiers: tuple[deque[Sums], ...] = tuple(deque() for _ in TIERS)
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
        for buckets, (step, reach) in zip(self._tiers, TIERS, strict=True):
            bucket = _bucket(buckets, at, step, reach)
            bucket.failures += failed
            bucket.answered += not failed
            bucket.usd += usd
            bucket.tokens += tokens
            if not failed and step < COARSE_S:
                bucket.times = _add(bucket.times, duration_ms)
                if ttft_ms is not None:
                    bucket.firsts = _add(bucket.firsts, ttft_ms)
        self.last_at = at if self.last_at is None else max(at, self.last_at)

    def seed(self, sums: Iterable[CallSums], step: float) -> None:
        """Take in what was counted before the console was started, in buckets of ``step`` s and in order of time; nothing that
        was counted here since."""
        buckets = next(kept for kept, (length, _) in zip(self._tiers, TIERS, strict=True) if length == step)
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
        total = Sums(since)
        for bucket in self._within(since, until):
            total.add(bucket)
        return total

    def figure(self, metric: Metric, since: float, until: float) -> tuple[float | None, int]:
        """A metric from ``since`` to ``until``, None where it is not known, and how many calls it rests on."""
        share = _SHARES.get(metric)
        if share is not None:
            return self._percentile(metric, share, since, until)
        return metric_of(metric, self.over(since, until))

    def _percentile(self, metric: Metric, share: float, since: float, until: float) -> tuple[float | None, int]:
        first = metric == "first token p95"
        parts = (bucket.firsts if first else bucket.times for bucket in self._within(since, until))
        merged = Histogram.merged(part for part in parts if part is not None)
        return merged.quantile(share), merged.count

    def _within(self, since: float, until: float) -> Iterator[Sums]:
        """The buckets of that time, latest first, of the finest tier that reaches back so far from the latest call."""
        last = until if self.last_at is None else max(until, self.last_at)
        for buckets, (step, reach) in zip(self._tiers, TIERS, strict=True):
            if last - since <= reach:
                for bucket in reversed(buckets):
                    if bucket.at + step <= since:
                        return
                    if bucket.at < until:
                        yield bucket
                return


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
