"""From attempts to what a graph shows: medians a slice of time, with gaps where nothing was asked. No Qt."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from ...realtime.activity import Metric, Sample, percentile

SLICES = 90
"""How many slices a range has."""


class Slice(msgspec.Struct, frozen=True):
    """One provider's attempts in one slice: ``at`` its middle (epoch s), latency of successes in ms."""

    at: float
    median_ms: float | None
    most_ms: float | None
    successes: int
    failures: int


class Line(msgspec.Struct, frozen=True):
    """What is drawn of one provider. ``ys`` holds a NaN where the line breaks; ``lone`` are the indices of points with no
    neighbour, which a line alone would not show; ``failed`` the times of slices with failures."""

    xs: list[float]
    ys: list[float]
    lone: list[int]
    failed: list[float]


class Series:
    """Slices of the last ``range_s`` seconds, by provider. They stand at fixed times, so that points do not wander from one
    drawing to the next; only slices that got new attempts are judged again."""

    def __init__(self, range_s: float, metric: Metric) -> None:
        self.range_s = range_s
        self.metric = metric
        self.slice_s = range_s / SLICES
        self._samples: dict[str, dict[int, list[Sample]]] = {}
        self._slices: dict[str, dict[int, Slice]] = {}

    @property
    def providers(self) -> tuple[str, ...]:
        """Who has slices, in the order they came."""
        return tuple(self._samples)

    def number(self, at: float) -> int:
        """The slice that holds the time ``at``, in epoch seconds."""
        return math.floor(at / self.slice_s)

    def add(self, samples: Iterable[Sample]) -> None:
        """Take in further attempts."""
        for sample in samples:
            number = self.number(sample.at)
            self._samples.setdefault(sample.provider, {}).setdefault(number, []).append(sample)
            self._slices.setdefault(sample.provider, {}).pop(number, None)

    def forget_before(self, now: float) -> None:
        """Let go of what is older than the range."""
        first = self.number(now - self.range_s)
        for provider, parts in list(self._samples.items()):
            for number in [number for number in parts if number < first]:
                del parts[number]
                self._slices[provider].pop(number, None)
            if not parts:
                del self._samples[provider], self._slices[provider]

    def slice_at(self, provider: str, number: int) -> Slice | None:
        """What a provider did in a slice; None where nothing."""
        return self._judged(provider, number) if number in self._samples.get(provider, {}) else None

    def last(self, provider: str) -> Slice | None:
        """A provider's newest slice with a success."""
        for number in sorted(self._samples.get(provider, {}), reverse=True):
            found = self._judged(provider, number)
            if found.median_ms is not None:
                return found
        return None

    def newest(self) -> int | None:
        """The newest slice of all."""
        return max((number for parts in self._samples.values() for number in parts), default=None)

    def line(self, provider: str) -> Line:
        """What to draw of a provider."""
        parts = [(number, self._judged(provider, number)) for number in sorted(self._samples.get(provider, {}))]
        shown = [(number, part.at, part.median_ms) for number, part in parts if part.median_ms is not None]
        line = Line([], [], [], [part.at for _, part in parts if part.failures])
        for at, (number, middle, median_ms) in enumerate(shown):
            after = at > 0 and shown[at - 1][0] == number - 1
            before = at + 1 < len(shown) and shown[at + 1][0] == number + 1
            if line.xs and not after:
                line.xs.append(middle)
                line.ys.append(math.nan)
            if not after and not before:
                line.lone.append(len(line.xs))
            line.xs.append(middle)
            line.ys.append(median_ms)
        return line

    def _judged(self, provider: str, number: int) -> Slice:
        known = self._slices[provider].get(number)
        if known is None:
            known = self._slices[provider][number] = self._judge(number, self._samples[provider][number])
        return known

    def _judge(self, number: int, samples: list[Sample]) -> Slice:
        values = sorted(
            value for sample in samples if sample.error_kind is None and (value := sample.ms(self.metric)) is not None
        )
        return Slice(
            at=(number + 0.5) * self.slice_s,
            median_ms=percentile(values, 0.5),
            most_ms=values[-1] if values else None,
            successes=len(values),
            failures=sum(sample.failed for sample in samples),
        )
