"""What has been seen of a run that goes on, ready to be drawn. No Qt."""

from __future__ import annotations

from bisect import insort
from math import ceil

from ...bench.health import HealthCheck
from ...bench.plan import Plan
from ...bench.progress import Checked, Happening, Over, Planned, Progress
from ...bench.report import Report
from ..overview.scale import round_up
from .words import provider_of


class Seen:
    """Takes the happenings of one run.

    Attributes:
        first_tokens: (s from the start, ms, provider) of each answer.
        failed_at: the times of requests that failed.
        rates: (s from the start, requests/s) at each look.
        checks: of a health run, as they came; ``checks_of`` how many there will be.
    """

    def __init__(self) -> None:
        self.planned: Planned | None = None
        self.progress: Progress | None = None
        self.report: Report | None = None
        self.first_tokens: list[tuple[float, float, str]] = []
        self.failed_at: list[float] = []
        self.rates: list[tuple[float, float]] = []
        self.checks: list[HealthCheck] = []
        self.checks_of = 0
        self._ordered_ms: list[float] = []

    @property
    def plan(self) -> Plan | None:
        return None if self.planned is None else self.planned.plan

    @property
    def now_s(self) -> float:
        return 0.0 if self.progress is None else self.progress.at_s

    @property
    def duration_s(self) -> float:
        """The length of the time axis: the run's where that is known, else what there is so far, rounded up so that it rarely
        changes."""
        expected = self.planned.prediction.seconds if self.planned is not None else None
        return max(expected or 0.0, round_up(max(self.now_s, 5.0)) if self.now_s > (expected or 0.0) else 0.0)

    @property
    def share(self) -> float | None:
        """How far it is, 0 to 1; None where nobody knows."""
        if self.checks_of:
            return len(self.checks) / self.checks_of
        return None if self.progress is None else self.progress.share

    def first_token_ms(self, share: float) -> float | None:
        """A percentile of the time to the first token so far, by nearest rank; 0 is the least and 1 the most."""
        ordered = self._ordered_ms
        return ordered[max(1, ceil(share * len(ordered))) - 1] if ordered else None

    def add(self, happening: Happening) -> None:
        """Take in what happened."""
        if isinstance(happening, Planned):
            self.planned = happening
        elif isinstance(happening, Checked):
            self.checks.append(happening.check)
            self.checks_of = happening.of
        elif isinstance(happening, Progress):
            self._progress(happening)
        elif isinstance(happening, Over):
            self.report = happening.report

    def _progress(self, progress: Progress) -> None:
        self.progress = progress
        self.rates.append((progress.at_s, progress.per_s))
        for dot in progress.dots:
            if not dot.ok:
                self.failed_at.append(dot.at_s)
            elif (ms := dot.ttft_ms if dot.ttft_ms is not None else dot.latency_ms) is not None:
                insort(self._ordered_ms, ms)
                self.first_tokens.append((dot.at_s, ms, provider_of(dot.target)))
