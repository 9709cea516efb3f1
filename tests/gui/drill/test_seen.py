"""What is kept of a drill's steps for its picture, and how its figures are told."""

from __future__ import annotations

import msgspec

from aiconsole.drill.record import Change, Record, Sample, Try
from aiconsole.drill.run import Answered, Asked, Began, BreakerTurned, Done, FaultChanged
from aiconsole.drill.scenarios import CEREBRAS, GROQ, Fault, Limits, Scenario
from aiconsole.drill.summary import Spread, summarise
from aiconsole.gui.drill.figures import rows, text, verdict
from aiconsole.gui.drill.seen import Seen, Span

FAULT = Fault("groq", "outage", 2.0, 6.0)
SCENARIO = Scenario("outage", "An outage.", (FAULT,), Limits(availability=0.9), (GROQ, CEREBRAS), duration_s=10.0)
GOOD = Sample(0, 1.0, "complete", 200.0, 80.0, answered_by="groq", tries=(Try(GROQ, 1.0, 0.0, 200.0, "answered"),))
LOST = Sample(1, 3.0, "failed", 100.0, error_kind="all candidates failed", tries=(Try(GROQ, 3.0, 0.0, 1.0, "failed"),))


def seen_of(*steps: object) -> Seen:
    seen = Seen()
    seen.add(Began("outage", 20, 10.0, SCENARIO.candidates))
    for step in steps:
        seen.add(step)  # type: ignore[arg-type]
    return seen


def test_requests_and_who_answered_them_are_counted() -> None:
    seen = seen_of(Asked(0, 1.0), Asked(1, 3.0), Answered(GOOD, 1), Answered(LOST, 2))
    assert (seen.asked, seen.answered, seen.good, seen.availability) == (2, 2, 1, 0.5)
    assert (seen.by, seen.first_tokens, seen.failed_at) == ({"groq": 1}, [(1.0, 80.0, "groq")], [3.0])
    assert seen.now_s == 3.1
    assert seen.first_token_ms(0.95) == 80.0
    seen.add(Began("outage", 20, 10.0, SCENARIO.candidates, "with hedging"))
    assert (seen.asked, seen.availability) == (0, None)


def test_breakers_are_spans_and_the_providers_own_counts_for_its_models() -> None:
    def turned(key: str, at_s: float, before: str, after: str) -> BreakerTurned:
        return BreakerTurned(msgspec.convert({"key": key, "at_s": at_s, "before": before, "after": after}, Change))

    seen = seen_of(
        FaultChanged(FAULT, True, 2.0),
        turned(GROQ, 3.0, "closed", "open"),
        turned("groq", 4.0, "closed", "open"),
        turned(GROQ, 5.0, "open", "half-open"),
        turned("groq", 6.0, "open", "closed"),
        FaultChanged(FAULT, False, 6.0),
        turned(GROQ, 7.0, "half-open", "closed"),
        Asked(9, 8.0),
    )
    states = [("closed", 0.0, 3.0), ("open", 3.0, 6.0), ("half-open", 6.0, 7.0), ("closed", 7.0, 8.0)]
    assert [(span.what, span.from_s, span.to_s) for span in seen.spans(GROQ)] == states
    assert seen.spans(CEREBRAS) == [Span("closed", 0.0, 8.0)]
    assert seen.faults == {"groq": [Span("outage", 2.0, 6.0)]}
    assert seen.told_at(3.5) == "At 4 s: fault groq: outage; groq open; cerebras closed"


def test_the_figures_are_told_with_their_limits() -> None:
    summary = summarise(SCENARIO, Record((GOOD, LOST)), 3, unhedged=Spread(80.0, 400.0, 900.0))
    assert verdict(summary)[0] == "crit"
    assert "availability" in verdict(summary)[1]
    found = {row.title: row for row in rows(summary)}
    assert found["First token p50 / p95 / p99"].note == "without hedging 80 ms / 400 ms / 900 ms; 0 % asked twice"
    assert [row.state for row in rows(summary) if row.state is not None] == ["ok", "ok", "ok", "crit"]
    assert "Requests to an open breaker: 0 (0 half-open trials apart)" in text(summary)
    stopped = summarise(SCENARIO, Record((GOOD,)), 3, stopped_s=4.2)
    assert verdict(stopped) == (
        "idle",
        "Stopped after 4 s: until then 1 of 1 requests were answered, complete and correct.",
    )
    seen = seen_of(Done(stopped))
    assert seen.summary is stopped
