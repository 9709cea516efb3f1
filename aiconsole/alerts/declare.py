"""What an alert rule is: one condition, whom it concerns, how long it must hold, and how bad that is.

A condition on a figure has a threshold to begin and another to cease, so that a figure that hovers does not raise an alert
again and again; and it needs a least number of calls, so that one failure of two at night says nothing.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from aiconsole.domain.alerts import Severity
from aiconsole.domain.error_groups import ErrorTurn

Metric = Literal["error rate", "p50", "p95", "first token p95", "calls", "failures", "cost", "tokens"]
"""Over a window: the share of calls that failed (0 to 1), percentiles in ms, numbers, USD."""

COUNTS: Final = frozenset({"calls", "failures", "cost", "tokens"})
"""Metrics that are known (0) also where nothing happened."""

BenchMetric = Literal["error rate", "first token p95", "worse figures"]
"""Of a run of the test bench: the share of requests that failed (0 to 1), ms, and how many figures are worse than in the
baseline that the run was compared with."""

By = Literal["provider", "all"]
Of = Literal["attempts", "requests"]

_Positive = Annotated[float, msgspec.Meta(gt=0)]
_Window = Annotated[float, msgspec.Meta(ge=30, le=259_200)]
_Calls = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
_Zero = Annotated[float, msgspec.Meta(ge=0)]
_Share = Annotated[float, msgspec.Meta(gt=0, le=1)]


class _Condition(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Threshold(_Condition, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """A figure over the last ``window_s`` is ``above`` or ``below`` a value, until it is back beyond ``clear`` (by default a
    fifth on the good side). With fewer than ``least`` calls in the window a rate or a percentile is not known."""

    metric: Metric
    above: _Zero | None = None
    below: _Positive | None = None
    clear: _Zero | None = None
    window_s: _Window = 300.0
    least: _Calls = 10

    @property
    def ceases(self) -> float:
        if self.clear is not None:
            return self.clear
        return self.above * 0.8 if self.above is not None else (self.below or 0.0) * 1.2


class Change(_Condition, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """A figure over the last ``window_s`` rose or fell by a share of what it was over the ``before_s`` before: ``rise`` 1 is
    twice as much, ``fall`` 0.5 half. Numbers are compared by the second. It ceases at half of that. Both windows need
    ``least`` calls, but the last one does not where a number falls."""

    metric: Metric
    rise: _Positive | None = None
    fall: _Share | None = None
    window_s: _Window = 600.0
    before_s: _Window = 3600.0
    least: _Calls = 20


class Absence(_Condition, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """Nothing came for ``after_s``, though at least ``least`` calls came in the ``before_s`` before that. Time in which this
    machine slept does not count."""

    after_s: _Window = 900.0
    before_s: _Window = 3600.0
    least: _Calls = 20


class Burn(_Condition, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """The error budget is used up at least ``times`` as fast as it would last, over ``long_s`` and still over ``short_s``.

    ``target`` is the share that must be answered, by default the objective of the settings. Fewer than ``least`` calls or
    ``failures`` failures over ``long_s`` say nothing. Source: Google, The Site
    Reliability Workbook, chapter 5, "Alerting on SLOs", multiwindow multi-burn-rate alerts, and there "Low-Traffic
    Services and Error Budget Alerting".
    """

    times: _Positive = 14.4
    long_s: _Window = 3600.0
    short_s: _Window = 300.0
    target: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None
    least: _Calls = 20
    failures: _Calls = 5


class BreakerOpen(_Condition, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """A circuit breaker has not been closed for ``open_s``, half-open times included. One that a person forced open, or that
    only observes, does not count."""

    open_s: _Zero = 120.0


class Unhealthy(_Condition, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """Looks at a provider's health have all failed for ``down_s``, and at least ``looks`` of them."""

    down_s: _Zero = 300.0
    looks: _Calls = 3


class JobFailed(_Condition, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """A background job failed or timed out ``times`` times in a row; without ``jobs`` any."""

    jobs: tuple[str, ...] = ()
    times: _Calls = 1


class BudgetReached(_Condition, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """``share`` of a budget of the settings is spent."""

    share: _Share = 1.0


class Errors(_Condition, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """``count`` errors of these kinds came within ``within_s`` from one provider, with ``words`` in their text where given. It
    ceases with the provider's next answer, or where none came for ``quiet_s``."""

    kinds: tuple[str, ...]
    words: str = ""
    count: _Calls = 1
    within_s: _Window = 3600.0
    quiet_s: _Window = 3600.0


class Finding(_Condition, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """A background job found an error that is back or comes far more often than usual, or latencies over their objective
    ("slow"). It ceases where the job does not find it again for ``quiet_s``."""

    turns: tuple[ErrorTurn | Literal["slow"], ...]
    quiet_s: _Window = 3600.0


class BenchFigure(_Condition, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """In each of the last ``runs`` scheduled runs of the test bench a figure of one target was ``above`` a value; it ceases
    with a run in which it is at most ``clear`` (by default a fifth less). Runs with fewer than ``least`` requests to the
    target, invalid ones and those that were stopped count for nothing."""

    metric: BenchMetric
    above: _Zero
    clear: _Zero | None = None
    runs: Annotated[int, msgspec.Meta(ge=1, le=20)] = 1
    least: _Calls = 10

    @property
    def ceases(self) -> float:
        return self.above * 0.8 if self.clear is None else self.clear


Condition = (
    Threshold
    | Change
    | Absence
    | Burn
    | BreakerOpen
    | Unhealthy
    | JobFailed
    | BudgetReached
    | Errors
    | Finding
    | BenchFigure
)
CONDITIONS: Final = (
    "threshold",
    "change",
    "absence",
    "burn",
    "breaker",
    "unhealthy",
    "job",
    "budget",
    "errors",
    "finding",
    "bench",
)
"""The fields of a rule that hold its condition; exactly one is given."""

MEASURED: Final = ("threshold", "change", "absence", "burn")
"""Conditions on figures of calls."""


class AlertRule(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """One rule.

    Attributes:
        by: of figures, whether each provider is judged by itself or all together.
        of: of figures, whether attempts (how each provider did) or requests (what the person got) are judged.
        providers: only these, as patterns like ``groq`` or ``g*``; () is all.
        for_s: how long the condition must hold before the alert fires.
        resolve_s: how long it must have ceased before the alert is resolved; doubled each time it fires again within an hour.
        group: alerts of one group about one provider are one alert; "" stays by itself.
    """

    name: str = ""
    about: str = ""
    severity: Severity = "warning"
    enabled: bool = True
    by: By = "provider"
    of: Of = "attempts"
    providers: tuple[str, ...] = ()
    for_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0.0
    resolve_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 120.0
    group: str = ""
    threshold: Threshold | None = None
    change: Change | None = None
    absence: Absence | None = None
    burn: Burn | None = None
    breaker: BreakerOpen | None = None
    unhealthy: Unhealthy | None = None
    job: JobFailed | None = None
    budget: BudgetReached | None = None
    errors: Errors | None = None
    finding: Finding | None = None
    bench: BenchFigure | None = None

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What is given; a rule that can be used has exactly one."""
        given = (getattr(self, name) for name in CONDITIONS)
        return tuple(condition for condition in given if condition is not None)

    @property
    def condition(self) -> Condition:
        """Raises ValueError where there is none."""
        for name in CONDITIONS:
            condition: Condition | None = getattr(self, name)
            if condition is not None:
                return condition
        raise ValueError("a rule without a condition")
