"""What has been seen of a running drill, ready to be drawn: counts, who answered, breakers as spans, first tokens. No Qt."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from math import ceil
from typing import Final

import msgspec

from ...domain.events import BreakerState
from ...drill.record import Change, Sample
from ...drill.run import Answered, Asked, Began, BreakerTurned, Done, FaultChanged, Step
from ...drill.scenarios import provider_of
from ...drill.summary import Summary

_GRAVEST: Final[tuple[BreakerState, ...]] = ("forced open", "open", "half-open", "forced closed", "closed")


class Span(msgspec.Struct, frozen=True):
    """A state, or a fault's name, over a time in s from the drill's beginning."""

    what: str
    from_s: float
    to_s: float


class Seen:
    """Takes the steps of one drill. Where it is run twice, the second run begins anew.

    Attributes:
        now_s: how far the drill is, in its own time.
        asked, good, by, attempts: requests sent; answers as they should be; answers by provider; attempts made in all.
        first_tokens: (at_s, ms, provider) of each answer.
        failed_at: the times of requests that failed.
        faults: provider -> its faults; one that goes on ends at infinity.
    """

    def __init__(self) -> None:
        self.began: Began | None = None
        self.summary: Summary | None = None
        self._clear()

    def _clear(self) -> None:
        self.now_s = 0.0
        self.asked = self.good = self.attempts = self.answered = 0
        self.by: Counter[str] = Counter()
        self.first_tokens: list[tuple[float, float, str]] = []
        self._ordered_ms: list[float] = []
        self.failed_at: list[float] = []
        self.faults: dict[str, list[Span]] = {}
        self._changes: list[Change] = []

    @property
    def candidates(self) -> tuple[str, ...]:
        return () if self.began is None else self.began.candidates

    @property
    def duration_s(self) -> float:
        """The length of the time axis: the drill's, or more where answers came later."""
        return max(self.now_s, 0.0 if self.began is None else self.began.duration_s)

    @property
    def availability(self) -> float | None:
        """The share of requests ended so far that were answered as they should be."""
        return self.good / self.answered if self.answered else None

    def first_token_ms(self, share: float) -> float | None:
        """A percentile of the time to the first token so far, by nearest rank; 0 is the least and 1 the most."""
        ordered = self._ordered_ms
        return ordered[max(1, ceil(share * len(ordered))) - 1] if ordered else None

    def add(self, step: Step) -> None:
        """Take in what happened."""
        if isinstance(step, Began):
            self.began = step
            self._clear()
        elif isinstance(step, Asked):
            self.asked += 1
            self._at(step.at_s)
        elif isinstance(step, Answered):
            self._answer(step.sample)
        elif isinstance(step, BreakerTurned):
            self._changes.append(step.change)
            self._at(step.change.at_s)
        elif isinstance(step, FaultChanged):
            self._fault(step)
        elif isinstance(step, Done):
            self.summary = step.summary

    def spans(self, candidate: str) -> list[Span]:
        """The breaker states of a candidate up to now, the graver of its own and its provider's."""
        states: dict[str, BreakerState] = {candidate: "closed", provider_of(candidate): "closed"}
        found: list[Span] = []
        state, since = "closed", 0.0
        for change in self._changes:
            if change.key in states:
                states[change.key] = change.after
                worst = next(one for one in _GRAVEST if one in states.values())
                if worst != state:
                    found.append(Span(state, since, change.at_s))
                    state, since = worst, change.at_s
        found.append(Span(state, since, self.now_s))
        return found

    def told_at(self, at_s: float) -> str:
        """In words how things stood at a moment."""
        states = [
            f"{provider_of(candidate)} {span.what}"
            for candidate in self.candidates
            for span in self.spans(candidate)
            if span.from_s <= at_s < span.to_s
        ]
        faulty = [
            f"{provider}: {span.what}"
            for provider, spans in self.faults.items()
            for span in spans
            if span.from_s <= at_s < span.to_s
        ]
        answers = [(ms, by) for at, ms, by in self.first_tokens if at_s <= at < at_s + 1]
        failed = sum(at_s <= at < at_s + 1 for at in self.failed_at)
        words = [f"first token {min(answers)[0]:.0f} to {max(answers)[0]:.0f} ms"] if answers else []
        words += [f"answered by {', '.join(sorted({by for _, by in answers}))}"] if answers else []
        words += [f"{failed} failed"] if failed else []
        return f"At {at_s:.0f} s: " + "; ".join([*([f"fault {', '.join(faulty)}"] if faulty else []), *words, *states])

    def _at(self, at_s: float) -> None:
        self.now_s = max(self.now_s, at_s)

    def _answer(self, sample: Sample) -> None:
        self.answered += 1
        self.attempts += len(sample.tries)
        self._at(sample.at_s + sample.total_ms / 1000)
        if sample.outcome in ("complete", "noted"):
            self.good += 1
        else:
            self.failed_at.append(sample.at_s)
        if sample.answered_by is not None:
            self.by[sample.answered_by] += 1
            if sample.ttft_ms is not None:
                insort(self._ordered_ms, sample.ttft_ms)
                self.first_tokens.append((sample.at_s, sample.ttft_ms, sample.answered_by))

    def _fault(self, step: FaultChanged) -> None:
        spans = self.faults.setdefault(step.fault.provider, [])
        if step.on:
            spans.append(Span(step.fault.kind, step.at_s, float("inf")))
        else:
            at = next(at for at, span in enumerate(spans) if span.what == step.fault.kind and span.to_s == float("inf"))
            spans[at] = msgspec.structs.replace(spans[at], to_s=step.at_s)
        self._at(step.at_s)
