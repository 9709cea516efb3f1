"""The figures of a drill, reckoned from what it saw, and whether they keep within what the scenario is held to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Final

import msgspec

from aiconsole.domain.chat import Usage
from aiconsole.domain.models import Prices
from aiconsole.domain.percentiles import percentile
from aiconsole.drill.record import Record, Sample, Try
from aiconsole.drill.scenarios import Fault, Limits, Scenario, provider_of
from aiconsole.drill.states import Breakers

FIRST_CALLS: Final = 10
"""So many requests of a fault may still wait on the faulty provider."""
LOST_MS: Final = 250.0
"""More than this lost at the faulty provider is a wait."""
SETTLING_CALLS: Final = 20
"""So many requests may pass before a slow candidate has to be left alone."""


class Spread(msgspec.Struct, frozen=True):
    """Exact percentiles by nearest rank, in ms; None where there was no sample."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


class Check(msgspec.Struct, frozen=True):
    """One figure held against its limit. ``figure`` None: nothing of the kind was seen."""

    about: str
    figure: float | None
    limit: float
    passed: bool
    unit: str = ""


class Summary(msgspec.Struct, frozen=True):
    """What a drill came to. As JSON it is an object with these fields.

    Attributes:
        scenario, about, seed: what was run.
        requests: how many were asked.
        availability: the share that ended complete and with exactly the text expected, 0 to 1; ``noted`` ones are among them.
        ideal: where failures are random, 1 - product of the failure rates over the most attempts that one request made at
            each candidate; else None.
        noted: answers that lack what one unreadable event held, which their warnings say.
        truncated, garbled: answers reported as success that were only a beginning, or had text repeated, missing or other.
        failed: errors the asker got, by kind.
        ttft, total: ms from asking to the first text seen and to the end, of the complete answers.
        attempts, most_attempts: per request, the mean and the most.
        switches: changes from one candidate to another within a request.
        seams: streams that broke off and were gone on with.
        to_open: attempts sent while the candidate's or its provider's breaker was open; must be none.
        trials: attempts sent to a half-open breaker.
        openings, closings, reopenings: of breakers, by key; a reopening is a half-open trial that failed.
        avoided_after_s: from the preferred provider's first fault to the first request that did not ask it, None if none.
            This and the next figures look at faults that strike every request.
        calls: attempts at it during its faults; ``health_checks`` the further requests it received then.
        late_waits: requests after the first 10 of the fault that lost more than 250 ms at it, half-open trials included.
        serves_again_s: from the end of its last fault until it had answered again, None if it did not.
        failover_ms: from a request's first failure before any text until what answered was sent, p95.
        skip_ms: from asking to the first attempt, where that was not at the preferred candidate, p95.
        gap_ms: the longest silence in an answer after its first text.
        healthy_p95_ms, settled_p95_ms: of the whole answer before the first fault, and from the 20th request on during it.
        extra_usd: what failed attempts, repeated parts and hedges cost over one undisturbed answer each; by estimate.
        unpriced: failed attempts that may have been billed, at a price unknown.
        hedges: requests that were asked of a second candidate as well.
        unhedged: the first token's percentiles of the same run without hedging, where the scenario compares.
        stopped_s: when the drill was ended early, in s from its beginning; then only what must never be is checked.
        checks: each figure the scenario is held to. ``passed``: all of them.
    """

    scenario: str
    about: str
    seed: int
    requests: int
    availability: float
    ideal: float | None
    truncated: int
    garbled: int
    failed: Mapping[str, int]
    ttft: Spread
    total: Spread
    attempts: float
    most_attempts: int
    switches: int
    seams: int
    to_open: int
    trials: int
    openings: Mapping[str, int]
    closings: Mapping[str, int]
    reopenings: Mapping[str, int]
    avoided_after_s: float | None
    calls: int
    health_checks: int
    late_waits: int
    serves_again_s: float | None
    failover_ms: float | None
    skip_ms: float | None
    gap_ms: float
    healthy_p95_ms: float | None
    settled_p95_ms: float | None
    extra_usd: float
    unpriced: int
    noted: int = 0
    hedges: int = 0
    unhedged: Spread | None = None
    stopped_s: float | None = None
    checks: tuple[Check, ...] = ()
    passed: bool = True


def summarise(
    scenario: Scenario, record: Record, seed: int, *, unhedged: Spread | None = None, stopped_s: float | None = None
) -> Summary:
    """The figures of a drill and their checks. ``unhedged`` and ``stopped_s`` as in `Summary`."""
    samples = record.samples
    outcomes = Counter(sample.outcome for sample in samples)
    complete = [sample for sample in samples if sample.outcome == "complete"]
    tries = [attempt for sample in samples for attempt in sample.tries]
    breakers = Breakers(record.changes)
    states = Counter(breakers.worst(attempt.candidate, attempt.at_s) for attempt in tries)
    outage = _Outage(scenario, samples)
    summary = Summary(
        scenario.name,
        scenario.about,
        seed,
        requests=len(samples),
        availability=(len(complete) + outcomes["noted"]) / len(samples) if samples else 0.0,
        ideal=_ideal(scenario, samples),
        truncated=outcomes["truncated"],
        garbled=outcomes["garbled"],
        failed=Counter(sample.error_kind or "" for sample in samples if sample.outcome == "failed"),
        ttft=_spread(sample.ttft_ms for sample in complete if sample.ttft_ms is not None),
        total=_spread(sample.total_ms for sample in complete),
        attempts=len(tries) / len(samples) if samples else 0.0,
        most_attempts=max((len(sample.tries) for sample in samples), default=0),
        switches=sum(
            one.candidate != other.candidate
            for sample in samples
            for one, other in zip(sample.tries, sample.tries[1:], strict=False)
        ),
        seams=sum(sample.continued for sample in samples),
        to_open=states["open"],
        trials=states["half-open"],
        openings=breakers.count("closed", "open"),
        closings=breakers.count("half-open", "closed"),
        reopenings=breakers.count("half-open", "open"),
        avoided_after_s=outage.avoided_after_s,
        calls=len(outage.calls),
        health_checks=max(0, record.reached - len(outage.calls)),
        late_waits=outage.late_waits,
        serves_again_s=outage.serves_again_s,
        failover_ms=percentile(sorted(_failovers(complete)), 0.95),
        skip_ms=percentile(sorted(_skips(scenario, complete)), 0.95),
        gap_ms=max((sample.gap_ms for sample in complete), default=0.0),
        healthy_p95_ms=outage.healthy_p95_ms,
        settled_p95_ms=outage.settled_p95_ms,
        extra_usd=_extra_usd(record) + record.hedging_usd,
        unpriced=sum(attempt.error_kind in _BILLABLE and attempt.cost_usd is None for attempt in tries),
        noted=outcomes["noted"],
        hedges=record.hedges,
        unhedged=unhedged,
        stopped_s=stopped_s,
    )
    checks = tuple(_checks(scenario, summary, samples))
    return msgspec.structs.replace(summary, checks=checks, passed=all(check.passed for check in checks))


_BILLABLE: Final = frozenset({"timeout", "connection cut", "malformed answer", "cancelled"})


class _Outage:
    """How the preferred provider was treated while it was faulty. All figures are empty where it never was."""

    def __init__(self, scenario: Scenario, samples: Sequence[Sample]) -> None:
        self._provider = scenario.preferred
        self._faults = [fault for fault in scenario.faults if fault.provider == self._provider and fault.total]
        self._samples = samples
        self._during = [sample for sample in samples if self._faulty(sample.at_s)]
        self.calls = [attempt for sample in samples for attempt in self._asked(sample) if self._faulty(attempt.at_s)]

    def _faulty(self, at_s: float) -> bool:
        return any(fault.from_s <= at_s < fault.to_s for fault in self._faults)

    def _asked(self, sample: Sample) -> list[Try]:
        return [attempt for attempt in sample.tries if provider_of(attempt.candidate) == self._provider]

    @property
    def avoided_after_s(self) -> float | None:
        first = next((sample.at_s for sample in self._during if not self._asked(sample)), None)
        return None if first is None else first - self._first.from_s

    @property
    def late_waits(self) -> int:
        late = self._during[FIRST_CALLS:]
        lost_ms = (sum(attempt.duration_ms for attempt in self._asked(sample)) for sample in late)
        return sum(lost > LOST_MS for lost in lost_ms)

    @property
    def serves_again_s(self) -> float | None:
        if not self._faults:
            return None
        end_s = max(fault.to_s for fault in self._faults)
        answers = (
            attempt.at_s + attempt.duration_ms / 1000
            for sample in self._samples
            for attempt in self._asked(sample)
            if attempt.outcome == "answered" and attempt.at_s >= end_s
        )
        first = min(answers, default=None)
        return None if first is None else first - end_s

    @property
    def healthy_p95_ms(self) -> float | None:
        begin_s = self._first.from_s if self._faults else float("inf")
        return percentile(sorted(sample.total_ms for sample in self._samples if sample.at_s < begin_s), 0.95)

    @property
    def settled_p95_ms(self) -> float | None:
        return percentile(sorted(sample.total_ms for sample in self._during[SETTLING_CALLS:]), 0.95)

    @property
    def _first(self) -> Fault:
        return min(self._faults, key=lambda fault: fault.from_s)


def _spread(values: Iterable[float]) -> Spread:
    kept = sorted(values)
    return Spread(percentile(kept, 0.5), percentile(kept, 0.95), percentile(kept, 0.99))


def _ideal(scenario: Scenario, samples: Sequence[Sample]) -> float | None:
    """See `Summary.ideal`; None unless each candidate fails at a random share all the time."""
    rates = {
        fault.provider: sum(fault.behaviour.get("error_rates", {}).values())
        for fault in scenario.faults
        if fault.kind == "errors"
    }
    if set(rates) != set(map(provider_of, scenario.candidates)):
        return None
    most: Counter[str] = Counter()
    for sample in samples:
        most |= Counter(provider_of(attempt.candidate) for attempt in sample.tries)
    every: float = prod(rate ** most[provider] for provider, rate in rates.items())
    return 1.0 - every


def _failovers(samples: Iterable[Sample]) -> Iterable[float]:
    """Per request, ms from its first failure to the sending of the attempt that answered, where nothing was shown before."""
    for sample in samples:
        if sample.continued or not sample.tries:
            continue
        first, last = sample.tries[0], sample.tries[-1]
        if first.outcome == "failed" and last.outcome == "answered" and last.candidate != first.candidate:
            yield last.sent_ms - (first.sent_ms + first.duration_ms)


def _skips(scenario: Scenario, samples: Iterable[Sample]) -> Iterable[float]:
    preferred = scenario.candidates[0]
    for sample in samples:
        if sample.tries and sample.tries[0].candidate != preferred:
            yield sample.tries[0].sent_ms


def _extra_usd(record: Record) -> float:
    """What was paid beyond one undisturbed answer by whoever answered; where one was cheaper in parts, that counts 0."""
    undisturbed = [sample for sample in record.samples if sample.outcome == "complete" and not sample.continued]
    usual: dict[str, float] = {}
    for name in {sample.answered_by for sample in record.samples if sample.answered_by is not None}:
        paid = [sample.cost_usd for sample in undisturbed if sample.answered_by == name and sample.cost_usd is not None]
        once = (
            min(paid) if paid else _listed_usd(record.prices.get(name), undisturbed[0].usage) if undisturbed else None
        )
        if once is not None:
            usual[name] = once
    extra = 0.0
    for sample in record.samples:
        extra += sum(attempt.cost_usd or 0.0 for attempt in sample.tries if attempt.outcome != "answered")
        if sample.continued and sample.cost_usd is not None and sample.answered_by in usual:
            extra += max(0.0, sample.cost_usd - usual[sample.answered_by])
    return extra


def _listed_usd(prices: Prices | None, usage: Usage) -> float | None:
    if prices is None or prices.prompt is None or prices.completion is None:
        return None
    return ((usage.prompt or 0) * prices.prompt + (usage.completion or 0) * prices.completion) / 1e6


def _checks(scenario: Scenario, summary: Summary, samples: Sequence[Sample]) -> Iterable[Check]:
    limits = scenario.limits
    yield _at_most("truncated answers reported as success", summary.truncated, 0)
    yield _at_most("answers with repeated or missing text", summary.garbled, 0)
    yield _at_most("attempts sent to an open breaker", summary.to_open, 0)
    if summary.stopped_s is not None:
        return
    if limits.availability is not None:
        share = summary.availability
        yield Check("availability", share, limits.availability, share >= limits.availability)
    key = scenario.candidates[0]
    openings = _of_provider(summary.openings, scenario.preferred)
    ratio = None
    if summary.healthy_p95_ms and summary.settled_p95_ms is not None:
        ratio = summary.settled_p95_ms / summary.healthy_p95_ms
    for about, figure, limit, unit in (
        ("failure to fallback's sending, p95", summary.failover_ms, limits.failover_ms, "ms"),
        ("asking to sending past an open breaker, p95", summary.skip_ms, limits.skip_ms, "ms"),
        ("longest silence in an answer", summary.gap_ms, limits.gap_ms, "ms"),
        (f"calls that reached {scenario.preferred} while faulty", summary.calls, limits.calls, ""),
        (f"openings of the breaker of {key}", openings, limits.openings, ""),
        (f"{scenario.preferred} serves again after", summary.serves_again_s, limits.serves_again_s, "s"),
        (f"later requests that wait on {scenario.preferred}", summary.late_waits, limits.late_waits, ""),
        ("settled p95 over healthy p95", ratio, limits.settled, "times"),
    ):
        if limit is not None:
            yield _at_most(about, figure, limit, unit)
    if limits.openings is not None:
        closings = _of_provider(summary.closings, scenario.preferred)
        passed = closings == openings
        yield Check(f"closings of the breaker of {key}, as many as openings", closings, openings, passed)
    yield from _hedging_checks(limits, summary)
    if limits.fails_in_ms is not None:
        everyone = frozenset(map(provider_of, scenario.candidates))
        plain = sum(sample.outcome == "failed" and sample.named >= everyone for sample in samples)
        share = plain / len(samples) if samples else 0.0
        yield Check("requests that fail with one error naming all candidates", share, 1.0, share == 1.0)
        slowest = percentile(sorted(sample.total_ms for sample in samples), 0.99)
        yield _at_most("asking to the error, p99", slowest, limits.fails_in_ms, "ms")


def _hedging_checks(limits: Limits, summary: Summary) -> Iterable[Check]:
    if limits.hedge_share is not None:
        yield _at_most("share of requests asked twice", summary.hedges / summary.requests, limits.hedge_share)
    without = summary.unhedged or Spread()
    for name, figure, before, limit in (
        ("p95", summary.ttft.p95, without.p95, limits.hedged_p95),
        ("p99", summary.ttft.p99, without.p99, limits.hedged_p99),
    ):
        if limit is not None:
            ratio = figure / before if figure is not None and before else None
            yield _at_most(f"{name} of the first token with hedging over that without", ratio, limit, "times")


def _of_provider(counts: Mapping[str, int], provider: str) -> int:
    """The most of any one breaker of a provider."""
    return max((count for key, count in counts.items() if provider_of(key) == provider), default=0)


def _at_most(about: str, figure: float | None, limit: float, unit: str = "") -> Check:
    return Check(about, figure, limit, figure is not None and figure <= limit, unit)
