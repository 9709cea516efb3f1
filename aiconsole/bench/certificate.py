"""Whether a run's figures can be believed: how much the generator of the load itself was late, busy and wrong.

A run whose generator was the limit is invalid, not slow. Allowed is an error of 2 ms or 5 % of the median TTFT (of the median
E2E where nothing was streamed), whichever is more, at p99 of every figure that goes straight into a latency.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

MOST_CPU: Final = 0.9
LEAST_ERROR_MS: Final = 2.0
ERROR_SHARE: Final = 0.05


class Gauged(msgspec.Struct, frozen=True, omit_defaults=True):
    """The generator during a run.

    Attributes:
        timer_p99_ms, timer_max_ms: how late a timer of 10 ms fired, which is also how late an answer may be noticed.
        dispatch_p99_ms, dispatch_max_ms: from when a request was due to when it was sent.
        cpu_mean, cpu_peak: CPU time of the process / time, over all and in its busiest second (1 is a whole core).
        timers, dispatches: how many of each were seen.
    """

    timer_p99_ms: float = 0.0
    timer_max_ms: float = 0.0
    dispatch_p99_ms: float = 0.0
    dispatch_max_ms: float = 0.0
    cpu_mean: float = 0.0
    cpu_peak: float = 0.0
    timers: int = 0
    dispatches: int = 0


class Calibration(msgspec.Struct, frozen=True, omit_defaults=True):
    """The generator against a simulator whose send times are known, at the rate and shape of the run.

    Attributes:
        ttft_p50_ms, ttft_p99_ms, ttft_max_ms: from when the simulator sent the first token to when it was noted here.
        request_p99_ms: from when a request was sent here to when the simulator began to answer it.
        e2e_mean, e2e_p99: difference between E2E as measured here and as the simulator took it, as a share of it.
        dispatch_p99_ms: as in `Gauged`.
        level: requests/s, or requests in flight. tokens_per_s: of each stream.
    """

    requests: int = 0
    failed: int = 0
    seconds: float = 0.0
    level: float = 0.0
    tokens_per_s: float = 0.0
    ttft_p50_ms: float = 0.0
    ttft_p99_ms: float = 0.0
    ttft_max_ms: float = 0.0
    request_p99_ms: float = 0.0
    e2e_mean: float = 0.0
    e2e_p99: float = 0.0
    dispatch_p99_ms: float = 0.0
    cpu_mean: float = 0.0


class Test(msgspec.Struct, frozen=True):
    """One condition of the certificate: ``figure`` must be at most ``limit``."""

    about: str
    figure: float
    limit: float
    unit: str

    @property
    def passed(self) -> bool:
        return self.figure <= self.limit


Verdict = Literal["valid", "invalid", "unproven"]


class Certificate(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run's certificate. ``unproven``: nothing speaks against the run, but it was not calibrated."""

    verdict: Verdict
    gauged: Gauged = Gauged()
    calibration: Calibration | None = None
    tests: tuple[Test, ...] = ()
    words: str = ""


def certify(gauged: Gauged, calibration: Calibration | None, *, typical_ms: float | None, wanted: bool) -> Certificate:
    """Judge a run.

    Args:
        typical_ms: the median of the figure that errors are held against (TTFT, or E2E where nothing was streamed).
        wanted: whether a calibration was part of the plan.
    """
    allowed = max(LEAST_ERROR_MS, ERROR_SHARE * (typical_ms or 0.0))
    tests = [
        Test("requests sent later than due, p99", gauged.dispatch_p99_ms, allowed, "ms"),
        Test("timers fired late, p99", gauged.timer_p99_ms, allowed, "ms"),
        Test("CPU of the generator", gauged.cpu_mean, MOST_CPU, "of a core"),
    ]
    if calibration is not None and calibration.requests:
        tests.append(Test("first token noted late in the calibration, p99", calibration.ttft_p99_ms, allowed, "ms"))
    tests = [Test(test.about, round(test.figure, 3), round(test.limit, 3), test.unit) for test in tests]
    failed = [test for test in tests if not test.passed]
    if failed:
        told = "; ".join(f"{test.about}: {test.figure:.3g} {test.unit} (at most {test.limit:.3g})" for test in failed)
        words = f"The generator was the limit, so the figures say nothing about the provider: {told}."
        return Certificate("invalid", gauged, calibration, tuple(tests), words)
    if calibration is None or not calibration.requests:
        why = "The calibration did not come about." if wanted else "The calibration was left out."
        return Certificate("unproven", gauged, calibration, tuple(tests), why)
    words = (
        f"The generator was not the limit: in the calibration a first token was noted {calibration.ttft_p99_ms:.2g} ms late "
        f"at p99, requests were sent {gauged.dispatch_p99_ms:.2g} ms late at p99, CPU {gauged.cpu_mean:.0%} of a core."
    )
    return Certificate("valid", gauged, calibration, tuple(tests), words)
