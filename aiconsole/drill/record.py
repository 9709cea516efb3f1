"""What a drill saw, request by request: the raw material of its summary. Times are s from the drill's beginning, or ms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from aiconsole.domain.chat import Usage
from aiconsole.domain.events import BreakerState
from aiconsole.domain.models import Prices
from aiconsole.domain.trace import DecisionTrace, Outcome

SampleOutcome = Literal["complete", "noted", "truncated", "garbled", "failed"]
"""``noted`` lacks what one unreadable event held, and its warnings say so. ``truncated`` and ``garbled`` were reported as
success without a word: a beginning of the known text only, or another text."""


class Try(msgspec.Struct, frozen=True):
    """One attempt of one request. ``sent_ms`` since the request's beginning, ``at_s`` since the drill's."""

    candidate: str
    at_s: float
    sent_ms: float
    duration_ms: float
    outcome: Outcome
    error_kind: str | None = None
    cost_usd: float | None = None


class Sample(msgspec.Struct, frozen=True):
    """One request as its asker saw it.

    Attributes:
        at_s: when it was asked.
        gap_ms: the longest silence after its first token.
        ttft_ms: to the first text seen, None where none came.
        answered_by: the provider, None where it failed.
        named: the providers that the final error tells of, and whether it is one error over all of them.
        continued: seams in the answer.
        usage, cost_usd: of the whole answer; the cost None where unknown.
    """

    number: int
    at_s: float
    outcome: SampleOutcome
    total_ms: float
    ttft_ms: float | None = None
    gap_ms: float = 0.0
    answered_by: str | None = None
    error_kind: str | None = None
    tries: tuple[Try, ...] = ()
    named: frozenset[str] = frozenset()
    continued: int = 0
    usage: Usage = Usage()
    cost_usd: float | None = None


class Change(msgspec.Struct, frozen=True):
    """A circuit breaker changed its state."""

    key: str
    at_s: float
    before: BreakerState
    after: BreakerState


class Record(msgspec.Struct, frozen=True):
    """All that one drill saw. ``reached`` is how many requests of any sort, health checks included, the preferred provider
    received while it failed all; ``hedges`` how many requests were asked twice, ``hedging_usd`` what the losers of these
    races cost by estimate; ``prices`` are by provider."""

    samples: tuple[Sample, ...]
    changes: tuple[Change, ...] = ()
    reached: int = 0
    hedges: int = 0
    hedging_usd: float = 0.0
    prices: Mapping[str, Prices] = {}


def tries_of(trace: DecisionTrace | None, origin: float) -> tuple[Try, ...]:
    """The attempts of a trace; ``origin`` is the drill's beginning in epoch seconds."""
    if trace is None:
        return ()
    at_s = trace.started_at - origin
    return tuple(
        Try(
            attempt.candidate,
            at_s + attempt.began_ms / 1000,
            attempt.began_ms,
            attempt.duration_ms,
            attempt.outcome,
            attempt.error_kind,
            attempt.cost_usd,
        )
        for attempt in trace.attempts
    )
