"""The figures of a drill, from records written by hand."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from aiconsole.domain.chat import ChatResult, Usage
from aiconsole.domain.messages import TextPart
from aiconsole.domain.models import Prices
from aiconsole.domain.trace import Outcome
from aiconsole.drill.record import Change, Record, Sample, Try
from aiconsole.drill.run import judged
from aiconsole.drill.scenarios import CEREBRAS, GROQ, OPENROUTER, SCENARIOS, Fault, Limits, Scenario
from aiconsole.drill.summary import Summary, summarise
from aiconsole.providers.reading import SKIPPED

OUTAGE = Scenario("outage", "An outage.", (Fault("groq", "outage", 10.0, 20.0),), Limits(availability=1.0))
KEY = GROQ


def attempt(
    candidate: str, at_s: float, outcome: Outcome = "answered", *, sent_ms: float = 0.0, ms: float = 100.0
) -> Try:
    return Try(candidate, at_s, sent_ms, ms, outcome, None if outcome == "answered" else "server fault")


def sample(number: int, at_s: float, *tries: Try, total_ms: float = 100.0, ttft_ms: float | None = 50.0) -> Sample:
    answered = next((one.candidate.partition("/")[0] for one in tries if one.outcome == "answered"), None)
    return Sample(
        number,
        at_s,
        "failed" if answered is None else "complete",
        total_ms,
        ttft_ms,
        answered_by=answered,
        error_kind=None if answered else "all candidates failed",
        tries=tries,
        usage=Usage(10, 60),
        cost_usd=0.001 if answered else None,
    )


def summary_of(
    scenario: Scenario, samples: Iterable[Sample], changes: Iterable[Change] = (), reached: int = 0
) -> Summary:
    return summarise(scenario, Record(tuple(samples), tuple(changes), reached), seed=0)


def test_an_outage_is_told_as_it_was() -> None:
    samples = [sample(number, float(number), attempt(GROQ, float(number))) for number in range(10)]
    failed = attempt(GROQ, 10.0, "failed", ms=2.0)
    again = attempt(GROQ, 10.1, "failed", sent_ms=100.0, ms=2.0)
    samples.append(sample(10, 10.0, failed, again, attempt(CEREBRAS, 10.11, sent_ms=110.0)))
    samples += [
        sample(number, float(number), attempt(CEREBRAS, float(number), sent_ms=0.5)) for number in range(11, 22)
    ]
    samples.append(sample(22, 22.0, attempt(GROQ, 22.0, ms=250.0)))
    changes = [
        Change(KEY, 10.2, "closed", "open"),
        Change(KEY, 21.9, "open", "half-open"),
        Change(KEY, 22.3, "half-open", "closed"),
    ]
    summary = summary_of(OUTAGE, samples, changes, reached=5)
    assert (summary.requests, summary.availability, summary.failed) == (23, 1.0, {})
    assert (summary.calls, summary.health_checks, summary.late_waits) == (2, 3, 0)
    assert summary.avoided_after_s == 1.0
    assert summary.serves_again_s == pytest.approx(2.25)
    assert (summary.switches, summary.most_attempts) == (1, 3)
    assert summary.attempts == pytest.approx(25 / 23)
    assert (summary.failover_ms, summary.skip_ms) == (108.0, 0.5)
    assert (summary.openings, summary.closings, summary.reopenings) == ({KEY: 1}, {KEY: 1}, {})
    assert (summary.to_open, summary.trials) == (0, 1)
    assert summary.passed


def test_a_call_past_an_open_breaker_is_found_and_trials_are_not_taken_for_one() -> None:
    changes = [
        Change(KEY, 11.0, "closed", "open"),
        Change(KEY, 15.0, "open", "half-open"),
        Change(KEY, 15.001, "half-open", "open"),
        Change("cerebras", 11.0, "closed", "open"),
    ]
    tries = [
        attempt(GROQ, 10.9995, "failed"),
        attempt(GROQ, 13.0, "failed"),
        attempt(GROQ, 15.0002, "failed"),
        attempt(CEREBRAS, 13.0, "failed"),
        attempt(OPENROUTER, 13.0),
    ]
    summary = summary_of(OUTAGE, [sample(0, 10.9, *tries)], changes)
    assert (summary.to_open, summary.trials) == (2, 1)
    assert not summary.passed


def test_the_first_ten_requests_of_a_fault_may_wait_and_no_later_one() -> None:
    def slow(number: int) -> Sample:
        return sample(number, 10.0 + number / 10, attempt(GROQ, 10.0, "failed", ms=2_000.0), attempt(CEREBRAS, 12.0))

    assert summary_of(OUTAGE, map(slow, range(10))).late_waits == 0
    assert summary_of(OUTAGE, map(slow, range(12))).late_waits == 2


def test_lost_and_spoilt_answers_are_failures() -> None:
    good = sample(0, 0.0, attempt(GROQ, 0.0))
    lost = sample(1, 1.0, attempt(GROQ, 1.0, "failed"))
    spoilt = [msgspec.structs.replace(good, outcome=outcome) for outcome in ("truncated", "garbled")]
    summary = summary_of(OUTAGE, [good, lost, *spoilt])
    assert (summary.availability, summary.truncated, summary.garbled) == (0.25, 1, 1)
    assert summary.failed == {"all candidates failed": 1}
    assert [check.passed for check in summary.checks] == [False, False, True, False]


def test_the_ideal_is_that_of_as_many_attempts_as_were_made() -> None:
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == "errors-20")
    tries = (attempt(GROQ, 0.0, "failed"), attempt(GROQ, 0.0, "failed"), attempt(CEREBRAS, 0.0))
    summary = summary_of(scenario, [sample(0, 0.0, *tries), sample(1, 1.0, attempt(GROQ, 1.0))])
    assert summary.ideal == pytest.approx(1 - 0.2**3)
    assert summary.calls == 0


def test_what_repeated_parts_cost_is_told() -> None:
    plain = sample(0, 0.0, attempt(GROQ, 0.0))
    seam = sample(1, 1.0, attempt(GROQ, 1.0, "cut"), attempt(CEREBRAS, 1.1))
    seam = msgspec.structs.replace(seam, continued=1, cost_usd=0.005)
    record = Record((plain, seam), prices={"cerebras": Prices(prompt=10.0, completion=20.0)}, hedging_usd=0.5)
    assert summarise(OUTAGE, record, 0).extra_usd == pytest.approx(0.5 + 0.005 - (10 * 10 + 60 * 20) / 1e6)


@pytest.mark.parametrize(
    ("shown", "told", "outcome"),
    [
        ("one two three", "one two three", "complete"),
        ("one two", "one two", "truncated"),
        ("", "", "truncated"),
        ("one two three", "one two", "truncated"),
        ("one two two three", "one two two three", "garbled"),
        ("one three", "one three", "garbled"),
        ("one two two three", "one two three", "garbled"),
    ],
)
def test_an_answer_is_complete_only_if_what_was_shown_and_what_is_kept_are_the_text(
    shown: str, told: str, outcome: str
) -> None:
    result = ChatResult("groq", "m", (TextPart(told),), "stop")
    assert judged(shown, result, "one two three") == outcome


@pytest.mark.parametrize(
    ("text", "warnings", "outcome"),
    [
        ("one three", (SKIPPED,), "noted"),
        ("one two", (SKIPPED,), "noted"),
        ("one two", (), "truncated"),
        ("one three", (), "garbled"),
        ("one two tree two", (SKIPPED,), "garbled"),
        ("one two threw", (SKIPPED,), "garbled"),
    ],
)
def test_only_one_missing_piece_that_is_told_of_is_noted(text: str, warnings: tuple[str, ...], outcome: str) -> None:
    result = ChatResult("groq", "m", (TextPart(text),), "stop", warnings=warnings)
    assert judged(text, result, "one two three") == outcome


def test_a_stream_that_just_ends_is_a_truncated_answer() -> None:
    assert judged("one two three", None, "one two three") == "truncated"
    cut_short = ChatResult("groq", "m", (TextPart("one two three"),), "length")
    assert judged("one two three", cut_short, "one two three") == "truncated"
