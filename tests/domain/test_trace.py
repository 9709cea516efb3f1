from __future__ import annotations

import msgspec
import pytest

from aiconsole.domain.trace import Choice, DecisionTrace, TraceBuilder


@pytest.fixture
def trace() -> DecisionTrace:
    building = TraceBuilder("r1", "fast", "lowest latency", 1_750_000_000.0, began=100.0)
    building.ranked((Choice("groq/llama", 1.0, ("latency", 210.0, 0)), Choice("mistral/small", 0.5, "420 ms", "late")))
    building.skipped("cohere/command", "its context of 4,096 tokens is too small for about 9,000")
    building.attempted(
        "groq/llama",
        100.001,
        100.021,
        "failed",
        error_kind="overloaded",
        error="busy",
        status=503,
        after="asked again after 0.1 s",
    )
    building.fired("overloaded", "next candidate", 100.13)
    building.attempted("groq/llama", 100.121, 100.13, "cut", ttft_ms=5.0, error_kind="connection cut", cost_usd=0.0)
    building.note("Went on from 120 characters", 100.131)
    building.attempted("mistral/small", 100.132, 101.632, "answered", ttft_ms=400.0, cost_usd=0.0012)
    assert building.attempts == 3
    return building.finish(101.633, "mistral/small")


def test_a_trace_holds_what_was_noted_in_its_order(trace: DecisionTrace) -> None:
    assert (trace.request_id, trace.route, trace.strategy) == ("r1", "fast", "lowest latency")
    assert [choice.candidate for choice in trace.ranked] == ["groq/llama", "mistral/small"]
    assert [attempt.number for attempt in trace.attempts] == [1, 2, 3]
    assert trace.attempts[2].began_ms == pytest.approx(32.0 + 100.0)
    assert trace.attempts[2].duration_ms == pytest.approx(1_500.0)
    assert trace.duration_ms == pytest.approx(1_633.0)
    assert trace.answered_by == "mistral/small"


def test_a_trace_survives_being_stored(trace: DecisionTrace) -> None:
    stored = msgspec.json.encode(trace)
    assert msgspec.json.decode(stored, type=DecisionTrace) == trace
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(trace), type=DecisionTrace) == trace
    assert len(stored) < 1_000


def test_a_trace_reads_as_sentences_in_the_order_of_events(trace: DecisionTrace) -> None:
    assert trace.told() == (
        "Asked for fast, by lowest latency.",
        "1. groq/llama: 210 ms.",
        "2. mistral/small: 420 ms; late.",
        "Left out cohere/command: its context of 4,096 tokens is too small for about 9,000.",
        "Attempt 1: groq/llama failed after 20 ms (overloaded, status 503: busy); asked again after 0.1 s.",
        "Attempt 2: groq/llama broke off in the middle after 9 ms, first token after 5 ms (connection cut).",
        "Rule “overloaded”: next candidate.",
        "Went on from 120 characters.",
        "Attempt 3: mistral/small answered after 1.5 s, first token after 400 ms, cost $0.0012.",
        "mistral/small answered, after 1.6 s in all.",
    )


def test_a_request_nobody_answered_says_so() -> None:
    trace = TraceBuilder("r2", "fast", "priority", 0.0, began=5.0).finish(5.002)
    assert trace.told() == ("Asked for fast, by priority.", "Nobody answered, after 2 ms in all.")
    assert msgspec.json.decode(msgspec.json.encode(trace), type=DecisionTrace) == trace
