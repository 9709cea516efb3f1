"""The result of a run: figures by target, made from the samples. This is also the schema of the JSON output.

A `Report` as JSON is what ``--json`` prints, what is kept as ``run.json`` and what ``--baseline`` reads; ``format`` is raised
when its meaning changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from aiconsole.bench.certificate import Certificate
from aiconsole.bench.health import HealthCheck
from aiconsole.bench.load.driving import within
from aiconsole.bench.measure import DEFINITIONS, Sample
from aiconsole.bench.metrics import METRICS, values
from aiconsole.bench.plan import Plan
from aiconsole.bench.shapes import segments
from aiconsole.bench.statistics import Difference, Interval, Spread, percentile, share_interval, spread

FORMAT: Final = 1
_MOST_VALUES: Final = 5000


class RateLimitMet(msgspec.Struct, frozen=True, omit_defaults=True):
    """A provider refused requests for their rate: how often, when first and last (s from the start), at what level of load,
    and how long it said to wait (s)."""

    count: int
    first_s: float
    last_s: float
    level: float
    retry_after_s: float | None = None
    least_headroom: float | None = None


class Stage(msgspec.Struct, frozen=True, omit_defaults=True):
    """One level of a load: what was wanted and what came. Rates per second, of the requests that ended while the level was held
    or within the run's shortest latency after it."""

    stage: int
    level: float
    requests: int
    errors: int
    achieved_per_s: float
    goodput_per_s: float
    ttft_p95_ms: float | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    kept_up: bool | None = None
    why: str = ""


class Second(msgspec.Struct, frozen=True, omit_defaults=True):
    """A slice of the run, for graphs: ``at_s`` is its middle. Medians and p95 of what ended in it."""

    at_s: float
    requests: int
    errors: int
    ttft_p50_ms: float | None = None
    ttft_p95_ms: float | None = None
    latency_p50_ms: float | None = None


class TargetReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """One target's figures. ``spreads`` by metric (see metrics.py), in its unit; ``prompts`` the same for each prompt of a set
    by its name; ``values`` the single values, for comparisons (at most 5,000 of each, evenly taken).

    ``error_rate`` is a share from 0 to 1; ``cost_usd`` covers the ``priced`` requests, warm-up included. ``knee`` is the
    highest level of a sweep that the target kept up with.
    """

    target: str
    requests: int
    errors: int
    error_rate: Interval | None
    seconds: float
    requests_per_s: float
    tokens_per_s: float
    goodput_per_s: float
    good: int
    cost_usd: float = 0.0
    priced: int = 0
    output_tokens: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    stopped: int = 0
    spreads: dict[str, Spread] = {}
    prompts: dict[str, dict[str, Spread]] = {}
    errors_by_kind: dict[str, int] = {}
    error_examples: dict[str, str] = {}
    rate_limit: RateLimitMet | None = None
    stages: tuple[Stage, ...] = ()
    over_time: tuple[Second, ...] = ()
    values: dict[str, list[float]] = {}
    knee: float | None = None
    trouble: str = ""


class Assertion(msgspec.Struct, frozen=True, omit_defaults=True):
    """One assertion held against one target: ``figure`` with its unit; ``passed`` None where it could not be judged."""

    text: str
    target: str
    passed: bool | None
    figure: str = ""
    words: str = ""


class Report(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A whole run. ``started_at`` in epoch seconds. ``stopped`` says what ended it early, "" where nothing did; ``partial`` is
    True where that was neither a limit of the plan nor its end, ``broken`` where the load process died, ``scheduled`` where a
    background job began it."""

    format: int = FORMAT
    id: str
    plan: Plan
    started_at: float
    seconds: float = 0.0
    stopped: str = ""
    partial: bool = False
    broken: bool = False
    simulated: bool = False
    scheduled: bool = False
    console: str = ""
    machine: str = ""
    certificate: Certificate = Certificate("unproven")
    targets: tuple[TargetReport, ...] = ()
    health: tuple[HealthCheck, ...] = ()
    assertions: tuple[Assertion, ...] = ()
    comparison: tuple[Difference, ...] = ()
    compared_with: str = ""
    predicted_usd: float | None = None
    definitions: dict[str, str] = msgspec.field(default_factory=DEFINITIONS.copy)

    @property
    def passed(self) -> bool:
        """Whether no assertion failed and no health check did."""
        return all_passed(self.assertions, self.health)

    def target(self, name: str) -> TargetReport | None:
        """One target's figures, by ``provider/model`` or the provider's name alone."""
        for found in self.targets:
            if found.target == name:
                return found
        return next((found for found in self.targets if found.target.partition("/")[0] == name), None)


def all_passed(assertions: Iterable[Assertion], health: Iterable[HealthCheck]) -> bool:
    """Whether nothing was found wrong; what could not be judged is not wrong."""
    return all(found.passed is not False for found in assertions) and all(check.result != "fail" for check in health)


def target_report(
    target: str, samples: Sequence[Sample], plan: Plan, judged: Mapping[float, tuple[bool, str]] | None = None
) -> TargetReport:
    """One target's figures from its samples.

    Args:
        samples: this target's, in any order.
        judged: of a sweep, by level: whether the target kept up, and why not.
    """
    samples = sorted(samples, key=lambda sample: sample.ended_s)
    counted = [sample for sample in samples if sample.counted]
    failed = [sample for sample in counted if not sample.ok]
    good = sum(within(sample, plan.objectives) for sample in counted)
    seconds = _seconds(counted)
    tokens = sum(sample.output_tokens or 0 for sample in counted)
    kinds = Counter(sample.error_kind or "" for sample in failed)
    kept = {name: values(counted, name) for name in METRICS}
    kept_up = [level for level, (good_level, _) in (judged or {}).items() if good_level]
    return TargetReport(
        target=target,
        requests=len(counted),
        errors=len(failed),
        error_rate=share_interval(len(failed), len(counted)),
        seconds=round(seconds, 3),
        requests_per_s=_per(len(counted), seconds),
        tokens_per_s=_per(tokens, seconds),
        goodput_per_s=_per(good, seconds),
        good=good,
        cost_usd=sum(sample.cost_usd or 0.0 for sample in samples),
        priced=sum(sample.cost_usd is not None for sample in samples),
        output_tokens=tokens,
        prompt_tokens=sum(sample.prompt_tokens or 0 for sample in counted),
        cached_tokens=sum(sample.cached_tokens or 0 for sample in counted),
        stopped=sum(sample.error_kind == "stopped" for sample in samples),
        spreads={name: found for name, figures in kept.items() if (found := spread(figures)) is not None},
        prompts=_by_prompt(counted),
        errors_by_kind=dict(kinds.most_common()),
        error_examples={sample.error_kind or "": sample.error for sample in reversed(failed)},
        rate_limit=_rate_limit(counted),
        stages=_stages(counted, plan, judged or {}),
        over_time=_over_time(counted),
        values={name: _thinned(figures) for name, figures in kept.items() if figures},
        knee=max(kept_up, default=None),
        trouble=_trouble(counted, failed),
    )


def _seconds(counted: Sequence[Sample]) -> float:
    """From the first request sent to the last one ended."""
    if not counted:
        return 0.0
    return max(sample.ended_s for sample in counted) - min(sample.sent_s for sample in counted)


def _per(count: float, seconds: float) -> float:
    return round(count / seconds, 4) if seconds > 0 else 0.0


def _by_prompt(counted: Sequence[Sample]) -> dict[str, dict[str, Spread]]:
    """The spreads of each prompt, where there is more than one."""
    names = list(dict.fromkeys(sample.prompt for sample in counted))
    if len(names) < 2:
        return {}
    groups = {name: [sample for sample in counted if sample.prompt == name] for name in sorted(names)}
    return {
        name: {metric: found for metric in METRICS if (found := spread(values(group, metric))) is not None}
        for name, group in groups.items()
    }


def _thinned(figures: Sequence[float]) -> list[float]:
    step = max(1.0, len(figures) / _MOST_VALUES)
    return [round(figures[int(index * step)], 3) for index in range(min(len(figures), _MOST_VALUES))]


def _rate_limit(counted: Sequence[Sample]) -> RateLimitMet | None:
    met = sorted((sample for sample in counted if sample.error_kind == "rate limit"), key=lambda found: found.ended_s)
    if not met:
        return None
    waits = [sample.retry_after_s for sample in met if sample.retry_after_s is not None]
    rooms = [sample.headroom for sample in counted if sample.headroom is not None]
    return RateLimitMet(
        count=len(met),
        first_s=round(met[0].ended_s, 3),
        last_s=round(met[-1].ended_s, 3),
        level=met[0].level,
        retry_after_s=max(waits, default=None),
        least_headroom=min(rooms, default=None),
    )


def _stages(counted: Sequence[Sample], plan: Plan, judged: Mapping[float, tuple[bool, str]]) -> tuple[Stage, ...]:
    """The levels of the load, where it has several."""
    numbers = sorted({sample.stage for sample in counted})
    if len(numbers) < 2 and plan.load.shape != "sweep":
        return ()
    parts = segments(plan.load)
    soonest_s = min((found / 1000 for found in values(counted, "latency")), default=0.0)
    found = []
    for number in numbers:
        group = [sample for sample in counted if sample.stage == number]
        seconds = plan.load.seconds if plan.load.shape == "sweep" or number >= len(parts) else parts[number].seconds
        ttft, latency = sorted(values(group, "ttft")), sorted(values(group, "latency"))
        until_s = min(sample.scheduled_s for sample in group) + seconds + soonest_s
        ended = [sample for sample in group if sample.ended_s <= until_s]
        level = group[0].level
        kept_up, why = next((told for at, told in judged.items() if abs(at - level) < 1e-3 * max(1, level)), (None, ""))
        found.append(
            Stage(
                stage=number,
                level=level,
                requests=len(group),
                errors=sum(not sample.ok for sample in group),
                achieved_per_s=_per(len(ended), seconds),
                goodput_per_s=_per(sum(within(sample, plan.objectives) for sample in ended), seconds),
                ttft_p95_ms=_at(ttft, 0.95),
                latency_p50_ms=_at(latency, 0.5),
                latency_p95_ms=_at(latency, 0.95),
                kept_up=kept_up,
                why=why,
            )
        )
    return tuple(found)


def _over_time(counted: Sequence[Sample], slices: int = 60) -> tuple[Second, ...]:
    if not counted:
        return ()
    begin = min(sample.ended_s for sample in counted)
    end = max(sample.ended_s for sample in counted)
    width = max(1.0, (end - begin) / slices)
    groups: dict[int, list[Sample]] = {}
    for sample in counted:
        groups.setdefault(int((sample.ended_s - begin) / width), []).append(sample)
    found = []
    for index, group in sorted(groups.items()):
        ttft, latency = sorted(values(group, "ttft")), sorted(values(group, "latency"))
        found.append(
            Second(
                at_s=round(begin + (index + 0.5) * width, 3),
                requests=len(group),
                errors=sum(not sample.ok for sample in group),
                ttft_p50_ms=_at(ttft, 0.5),
                ttft_p95_ms=_at(ttft, 0.95),
                latency_p50_ms=_at(latency, 0.5),
            )
        )
    return tuple(found)


def _at(ordered: Sequence[float], share: float) -> float | None:
    return round(percentile(ordered, share), 3) if ordered else None


def _trouble(counted: Sequence[Sample], failed: Sequence[Sample]) -> str:
    """Why a target could not be measured at all, in words; "" where at least one request was answered."""
    if not counted:
        return "No request ended."
    if len(failed) < len(counted):
        return ""
    kind, count = Counter(sample.error_kind for sample in failed).most_common(1)[0]
    example = next(sample.error for sample in failed if sample.error_kind == kind)
    return f"No request was answered; {count} of {len(counted)} failed with “{kind}”: {example}"


def typical_ms(samples: Iterable[Sample]) -> float | None:
    """The median that the certificate's errors are held against: of TTFT, or of E2E where nothing was streamed."""
    found = [sample for sample in samples if sample.counted and sample.ok]
    for figures in (sorted(values(found, "ttft")), sorted(values(found, "e2e"))):
        if figures:
            return _at(figures, 0.5)
    return None
