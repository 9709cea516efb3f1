"""What a run tells while it goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from aiconsole.bench.certificate import Calibration
from aiconsole.bench.health import HealthCheck
from aiconsole.bench.load.order import Calibrated, Ended, Judged, Measured, Phase, Ticked, Told
from aiconsole.bench.measure import Sample
from aiconsole.bench.plan import Plan
from aiconsole.bench.prediction import Prediction
from aiconsole.bench.report import Report
from aiconsole.domain.percentiles import RELATIVE_ERROR, Histogram

_WINDOW_S: Final = 5.0
_GAMMA: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)


class Planned(msgspec.Struct, frozen=True, tag="planned"):
    """First: the plan with its targets' models found, what it will cost, and the id it is kept under."""

    id: str
    plan: Plan
    prediction: Prediction


class Checked(msgspec.Struct, frozen=True, tag="checked"):
    """One health check is done; ``done`` of ``of`` checks."""

    check: HealthCheck
    done: int
    of: int


class LiveTarget(msgspec.Struct, frozen=True, omit_defaults=True):
    """One target so far; the warm-up is left out. Percentiles are within 2 %. ``per_s`` and ``tokens_per_s`` are of
    the last 5 s.

    ``distribution`` is the latency (from scheduled) as (upper end of the bucket in ms, requests), ascending.
    """

    target: str
    ended: int = 0
    errors: int = 0
    per_s: float = 0.0
    tokens_per_s: float = 0.0
    ttft_p50_ms: float | None = None
    ttft_p95_ms: float | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    usd: float = 0.0
    rate_limited: int = 0
    last_error: str = ""
    distribution: tuple[tuple[float, int], ...] = ()


class Dot(msgspec.Struct, frozen=True, gc=False):
    """One request for the graph over time: when it ended (s from the start), its TTFT and latency in ms."""

    target: str
    at_s: float
    ok: bool
    ttft_ms: float | None
    latency_ms: float | None


class Progress(msgspec.Struct, frozen=True, tag="progress", omit_defaults=True):
    """How a run stands, about four times a second. ``share`` (0 to 1) is how far it is, None where nobody knows.

    ``dots`` are the requests that ended since the last `Progress`. ``level`` is that of the newest request.
    """

    phase: Phase
    at_s: float
    in_flight: int
    sent: int
    ended: int
    errors: int
    usd: float
    per_s: float
    level: float
    stage: int
    share: float | None
    targets: tuple[LiveTarget, ...]
    dots: tuple[Dot, ...] = ()
    calibration: Calibration | None = None
    judged: tuple[Judged, ...] = ()


class Over(msgspec.Struct, frozen=True, tag="over"):
    """Last: the report."""

    report: Report


Happening = Planned | Checked | Progress | Over


class _Tally:
    """One target while it is measured."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.ended = self.errors = self.rate_limited = 0
        self.usd = 0.0
        self.last_error = ""
        self.ttft, self.latency = Histogram(), Histogram()
        self.recent: deque[tuple[float, int]] = deque()

    def add(self, sample: Sample) -> None:
        self.usd += sample.cost_usd or 0.0
        if not sample.counted:
            return
        self.ended += 1
        self.recent.append((sample.ended_s, sample.output_tokens or 0))
        if not sample.ok:
            self.errors += 1
            self.rate_limited += sample.error_kind == "rate limit"
            self.last_error = sample.error
            return
        if sample.ttft_ms is not None:
            self.ttft.add(sample.ttft_ms)
        if sample.latency_ms is not None:
            self.latency.add(sample.latency_ms)

    def live(self, at_s: float) -> LiveTarget:
        while self.recent and self.recent[0][0] < at_s - _WINDOW_S:
            self.recent.popleft()
        span = max(0.5, min(_WINDOW_S, at_s))
        ttft_p50, ttft_p95 = self.ttft.quantiles((0.5, 0.95))
        latency_p50, latency_p95 = self.latency.quantiles((0.5, 0.95))
        return LiveTarget(
            target=self.target,
            ended=self.ended,
            errors=self.errors,
            per_s=round(len(self.recent) / span, 3),
            tokens_per_s=round(sum(tokens for _, tokens in self.recent) / span, 1),
            ttft_p50_ms=ttft_p50,
            ttft_p95_ms=ttft_p95,
            latency_p50_ms=latency_p50,
            latency_p95_ms=latency_p95,
            usd=self.usd,
            rate_limited=self.rate_limited,
            last_error=self.last_error,
            distribution=tuple((_GAMMA**index, count) for index, count in sorted(self.latency.buckets.items())),
        )


class Watch:
    """Turns the load process's messages into `Progress`, and keeps what its end needs.

    Attributes:
        ended: the process's last message, None where it never came.
    """

    def __init__(self, plan: Plan, prediction: Prediction) -> None:
        self.ended: Ended | None = None
        self.calibration: Calibration | None = None
        self.judged: list[Judged] = []
        self._expected = prediction.requests if prediction.exact else None
        self._seconds = prediction.seconds
        self._tallies = {target: _Tally(target) for target in plan.targets}
        self._dots: list[Dot] = []
        self._tick = Ticked(0.0, 0, 0, "calibrating" if plan.calibrate else "warming up")
        self._level = 0.0
        self._stage = 0
        self._ended_all = 0

    def take(self, messages: Sequence[Told]) -> bool:
        """Take messages in; whether the state of the load is among them, so that it is time to look again."""
        ticked = False
        for message in messages:
            if isinstance(message, Measured):
                self._measured(message.sample)
            elif isinstance(message, Ticked):
                self._tick = message
                ticked = True
            elif isinstance(message, Calibrated):
                self.calibration = message.calibration
            elif isinstance(message, Judged):
                self.judged.append(message)
            elif isinstance(message, Ended):
                self.ended = message
        return ticked

    def _measured(self, sample: Sample) -> None:
        self._ended_all += 1
        tally = self._tallies.get(sample.target)
        if tally is None:
            tally = self._tallies[sample.target] = _Tally(sample.target)
        tally.add(sample)
        self._level, self._stage = sample.level, sample.stage
        if sample.counted:
            self._dots.append(
                Dot(sample.target, round(sample.ended_s, 3), sample.ok, sample.ttft_ms, sample.latency_ms)
            )

    def progress(self) -> Progress:
        """How it stands now."""
        tick = self._tick
        targets = tuple(tally.live(tick.at_s) for tally in self._tallies.values())
        dots, self._dots = tuple(self._dots), []
        return Progress(
            phase=tick.phase,
            at_s=tick.at_s,
            in_flight=tick.in_flight,
            sent=tick.sent,
            ended=sum(target.ended for target in targets),
            errors=sum(target.errors for target in targets),
            usd=sum(target.usd for target in targets),
            per_s=round(sum(target.per_s for target in targets), 3),
            level=self._level,
            stage=self._stage,
            share=self._share(),
            targets=targets,
            dots=dots,
            calibration=self.calibration,
            judged=tuple(self.judged),
        )

    def _share(self) -> float | None:
        if self._tick.phase == "calibrating":
            return 0.0
        if self._expected:
            return min(1.0, self._ended_all / self._expected)
        return min(1.0, self._tick.at_s / self._seconds) if self._seconds else None
