"""What this process has seen of its providers: every finished attempt of the last hour.

Percentiles are exact: the nearest-rank value over the attempts kept. Attempts that the caller left are kept out of rates and
percentiles; so are, of error rates, errors that are the caller's own (a bad request says nothing about its provider).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import CALLERS_KINDS
from aiconsole.domain.events import AttemptFinished, Event
from aiconsole.domain.percentiles import percentile

KEEP_S: Final = 3600.0
MOST: Final = 10_000
"""Attempts kept; where more than these come within the hour, the oldest go first and `Activity.since` tells from when on
it is complete."""


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One attempt. ``at`` is when it ended, in epoch seconds; ``ttft_ms`` None where no token came; ``error_kind`` None where
    it succeeded."""

    at: float
    provider: str
    model: str
    ttft_ms: float | None
    duration_ms: float
    error_kind: str | None
    cost_usd: float | None
    simulated: bool


class Summary(msgspec.Struct, frozen=True):
    """Figures over some of the attempts; None is unknown. ``cost_usd`` is the sum of the known costs, ``uncosted`` how many
    successes have none."""

    requests: int = 0
    failures: int = 0
    error_rate: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    cost_usd: float = 0.0
    uncosted: int = 0


def summary(samples: Sequence[Sample]) -> Summary:
    """Figures over ``samples``; latency is that of successes."""
    requests = succeeded = failures = uncosted = 0
    cost, latencies = 0.0, []
    for sample in samples:
        kind = sample.error_kind
        if kind == "cancelled":
            continue
        requests += 1
        if sample.cost_usd is not None:
            cost += sample.cost_usd
        if kind is not None:
            failures += kind not in CALLERS_KINDS
            continue
        succeeded += 1
        uncosted += sample.cost_usd is None
        latencies.append(sample.duration_ms)
    latencies.sort()
    judged = failures + succeeded
    return Summary(
        requests=requests,
        failures=failures,
        error_rate=failures / judged if judged else None,
        p50_ms=percentile(latencies, 0.50),
        p95_ms=percentile(latencies, 0.95),
        cost_usd=cost,
        uncosted=uncosted,
    )


class Activity:
    """Listens to the bus (``bus.subscribe(activity.add)``).

    Attributes:
        revision: grows with each attempt, so that who draws can tell whether there is anything new.
        started_at: when it began to listen, in epoch seconds.
    """

    def __init__(self, clock: Clock, *, keep_s: float = KEEP_S, most: int = MOST) -> None:
        self._clock = clock
        self._keep_s = keep_s
        self._samples: deque[Sample] = deque(maxlen=most)
        self._dropped_until = 0.0
        self.revision = 0
        self.started_at = clock.now()

    def add(self, event: Event) -> None:
        """Keep an attempt; other events are none of its business."""
        if not isinstance(event, AttemptFinished):
            return
        sample = Sample(
            event.timing.started_at + event.timing.duration_ms / 1000,
            event.provider,
            event.model,
            event.timing.ttft_ms,
            event.timing.duration_ms,
            event.error_kind,
            None if event.cost is None else event.cost.usd,
            event.simulated,
        )
        if len(self._samples) == self._samples.maxlen:
            self._dropped_until = self._samples[0].at
        self._samples.append(sample)
        self.revision += 1

    def since(self) -> float:
        """From when on every attempt is kept, in epoch seconds."""
        return max(self.started_at, self._dropped_until, self._clock.now() - self._keep_s)

    def samples(self, last_s: float, provider: str | None = None) -> list[Sample]:
        """The attempts that ended within the last ``last_s`` seconds, in the order they ended, of one provider or all."""
        found = [sample for sample in self._newest(last_s) if provider is None or sample.provider == provider]
        found.reverse()
        return found

    def after(self, revision: int) -> list[Sample]:
        """The attempts that came after ``revision``, in the order they ended; those no longer kept are left out."""
        new = min(self.revision - revision, len(self._samples))
        return [self._samples[at] for at in range(-new, 0)]

    def _newest(self, last_s: float) -> Iterator[Sample]:
        now = self._clock.now()
        while self._samples and self._samples[0].at < now - self._keep_s:
            self._samples.popleft()
        for sample in reversed(self._samples):
            if sample.at < now - last_s:
                break
            yield sample
