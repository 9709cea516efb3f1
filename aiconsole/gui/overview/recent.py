"""What this window saw itself, in buckets, so that a graph shows an attempt at once and does not wait for the disk."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterable

from ...domain.errors import CALLERS_KINDS
from ...domain.history import Figures
from ...domain.percentiles import percentile
from ...realtime.activity import Sample


class _Cell:
    """The attempts of one provider in one bucket; counted as the store counts them, with exact percentiles."""

    __slots__ = (
        "answered",
        "cancelled",
        "cost_usd",
        "count",
        "failures",
        "figures",
        "firsts",
        "refusals",
        "times",
        "uncosted",
    )

    def __init__(self) -> None:
        self.count = self.answered = self.failures = self.refusals = self.cancelled = self.uncosted = 0
        self.cost_usd = 0.0
        self.times: list[float] = []
        self.firsts: list[float] = []
        self.figures: Figures | None = None

    def add(self, sample: Sample) -> None:
        self.figures = None
        self.count += 1
        self.cost_usd += sample.cost_usd or 0.0
        kind = sample.error_kind
        if kind is None:
            self.answered += 1
            self.uncosted += sample.cost_usd is None
            insort(self.times, sample.duration_ms)
            if sample.ttft_ms is not None:
                insort(self.firsts, sample.ttft_ms)
        elif kind == "cancelled":
            self.cancelled += 1
        elif kind in CALLERS_KINDS:
            self.refusals += 1
        else:
            self.failures += 1

    def told(self) -> Figures:
        if self.figures is None:
            times, judged = self.times, self.answered + self.failures
            self.figures = Figures(
                count=self.count,
                answered=self.answered,
                failures=self.failures,
                refusals=self.refusals,
                cancelled=self.cancelled,
                error_rate=self.failures / judged if judged else None,
                p50_ms=percentile(times, 0.5),
                p95_ms=percentile(times, 0.95),
                p99_ms=percentile(times, 0.99),
                low_ms=times[0] if times else None,
                high_ms=times[-1] if times else None,
                mean_ms=sum(times) / len(times) if times else None,
                ttft_p50_ms=percentile(self.firsts, 0.5),
                ttft_p95_ms=percentile(self.firsts, 0.95),
                cost_usd=self.cost_usd,
                uncosted=self.uncosted,
            )
        return self.figures


class Recent:
    """Attempts in buckets of ``step`` s, either the simulated or the real ones."""

    def __init__(self, step: int, *, simulated: bool) -> None:
        self.step = step
        self.simulated = simulated
        self._cells: dict[str, dict[int, _Cell]] = {}

    def add(self, samples: Iterable[Sample]) -> bool:
        """Count further attempts; whether there was one that counts."""
        some = False
        for sample in samples:
            if sample.simulated == self.simulated:
                start = math.floor(sample.at / self.step) * self.step
                cells = self._cells.setdefault(sample.provider, {})
                cell = cells.get(start)
                if cell is None:
                    cell = cells[start] = _Cell()
                cell.add(sample)
                some = True
        return some

    def forget_before(self, at: float) -> None:
        """Let go of buckets that begin before ``at`` (epoch s)."""
        for cells in self._cells.values():
            for start in [start for start in cells if start < at]:
                del cells[start]

    def buckets(self) -> dict[str, dict[int, Figures]]:
        """The figures by provider and the bucket's beginning (epoch s)."""
        return {name: {start: cell.told() for start, cell in cells.items()} for name, cells in self._cells.items()}
