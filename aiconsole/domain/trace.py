"""Why a request went where it went: what was considered, what was tried, and what came of it.

A `DecisionTrace` is stored with its request and is what “why” opens. It holds no content and no key. While the request runs,
a `TraceBuilder` collects it; that costs a small tuple a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal

import msgspec

Outcome = Literal["answered", "failed", "cancelled", "cut", "lost the race"]


Basis = tuple[str | float | None, ...]
"""What a place in a ranking stands on: the measure's name and its figures. Its words are made when somebody reads them."""


class Choice(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """A candidate (``provider/model``) in its place, with its score in this ranking (0 to 1).

    ``basis`` is what that stands on, as text or as a measure with its figures: "latency" (ms or None, requests in flight),
    "cost" (USD or None), "headroom" (0 to 1), "reliability" (0 to 100), "weight" (own, of all), "place" (from 1), "blend"
    (speed, cost, headroom, reliability, each 0 to 1); for "latency", "headroom" and "blend" may follow from how many equals it
    was drawn. ``note`` is anything else that decided its place.
    """

    candidate: str
    score: float
    basis: str | Basis
    note: str = ""

    @property
    def why(self) -> str:
        """What its place stands on, in words."""
        basis = self.basis
        told = basis if isinstance(basis, str) else _WORDS[basis[0]](*basis[1:])
        return f"{told}; {self.note}" if self.note else told


def _latency(ms: float | None, in_flight: int, drawn: int = 0) -> str:
    told = "not measured yet" if ms is None else f"{ms:.0f} ms"
    return _drawn(f"{told}, {in_flight:g} in flight" if in_flight else told, drawn)


def _headroom(left: float, drawn: int = 0) -> str:
    return _drawn(f"{left * 100:.0f} % of its limits left", drawn)


def _blend(speed: float, thrift: float, headroom: float, trust: float, drawn: int = 0) -> str:
    told = f"speed {speed:.2f}, cost {thrift:.2f}, headroom {headroom:.2f}, reliability {trust:.2f}"
    return _drawn(told, drawn)


def _drawn(told: str, drawn: int) -> str:
    return f"{told}; drawn from {drawn:g} about equal" if drawn else told


_WORDS: Final[dict[str | float | None, Callable[..., str]]] = {
    "latency": _latency,
    "cost": lambda usd: "price unknown" if usd is None else f"about ${usd:.3g}",
    "headroom": _headroom,
    "reliability": lambda score: f"reliability {score:.0f} of 100",
    "weight": lambda own, total: f"weight {own:g} of {total:g}",
    "place": lambda place: f"place {place:g} of the route",
    "blend": _blend,
}


class Skip(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A candidate that was left out, and why."""

    candidate: str
    reason: str


class Attempt(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One attempt. Times in ms: ``began_ms`` since the request's start; ``ttft_ms`` None where no token came.

    ``outcome`` is "cut" where part of the answer was shown before it failed. ``after`` says what followed, and why (a retry,
    the next candidate, the end). ``cost_usd`` None is unknown.
    """

    candidate: str
    number: int
    began_ms: float
    duration_ms: float
    outcome: Outcome
    ttft_ms: float | None = None
    error_kind: str | None = None
    error: str = ""
    status: int | None = None
    cost_usd: float | None = None
    after: str = ""


class Fired(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A rule that fired, what it did, and when (ms since the request's start)."""

    rule: str
    action: str
    at_ms: float


class Note(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Anything else worth telling: a seam, a hedge, a wait for a limit. ``at_ms`` since the request's start."""

    text: str
    at_ms: float


class DecisionTrace(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The way of one request. ``started_at`` in epoch seconds; ``answered_by`` None where nobody answered."""

    request_id: str
    route: str
    strategy: str
    started_at: float
    duration_ms: float
    answered_by: str | None = None
    ranked: tuple[Choice, ...] = ()
    skipped: tuple[Skip, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    rules: tuple[Fired, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def stopped(self) -> bool:
        """Whether the caller left before there was a whole answer."""
        return self.answered_by is None and bool(self.attempts) and self.attempts[-1].outcome == "cancelled"

    def told(self) -> tuple[str, ...]:
        """The trace in sentences, in the order of events."""
        lines = [f"Asked for {self.route}, by {self.strategy}."]
        lines += [f"{place}. {choice.candidate}: {choice.why}." for place, choice in enumerate(self.ranked, 1)]
        lines += [f"Left out {skip.candidate}: {skip.reason}." for skip in self.skipped]
        steps = [(attempt.began_ms, _attempt_told(attempt)) for attempt in self.attempts]
        steps += [(fired.at_ms, f"Rule “{fired.rule}”: {fired.action}.") for fired in self.rules]
        steps += [(note.at_ms, f"{note.text}.") for note in self.notes]
        steps.sort(key=lambda step: step[0])
        lines += [line for _, line in steps]
        end = f"{self.answered_by} answered" if self.answered_by is not None else "Nobody answered"
        if self.stopped:
            end = "It was stopped"
        return (*lines, f"{end}, after {_seconds(self.duration_ms)} in all.")


Traced = Callable[[Callable[[], DecisionTrace]], object]
"""Takes what tells a running request's way so far, for a caller that may leave before its end."""


class TraceBuilder:
    """Collects the trace of one request while it runs.

    Args:
        request_id, route, strategy: as in `DecisionTrace`.
        started_at: wall time in epoch seconds.
        began: monotonic seconds at the same moment; all later moments are given in those.
    """

    __slots__ = ("_attempts", "_began", "_head", "_notes", "_ranked", "_rules", "_skipped", "_started_at")

    def __init__(self, request_id: str, route: str, strategy: str, started_at: float, began: float) -> None:
        self._head = (request_id, route, strategy)
        self._started_at = started_at
        self._began = began
        self._ranked: tuple[Choice, ...] = ()
        self._skipped: tuple[Skip, ...] = ()
        self._attempts: tuple[Attempt, ...] = ()
        self._rules: tuple[Fired, ...] = ()
        self._notes: tuple[Note, ...] = ()

    @property
    def attempts(self) -> int:
        """How many attempts have ended so far."""
        return len(self._attempts)

    def ranked(self, choices: tuple[Choice, ...]) -> None:
        """Note the ranking; a later one replaces it."""
        self._ranked = choices

    def skipped(self, candidate: str, reason: str) -> None:
        """Note that a candidate was left out."""
        self._skipped += (Skip(candidate, reason),)

    def attempted(
        self,
        candidate: str,
        began: float,
        ended: float,
        outcome: Outcome,
        *,
        ttft_ms: float | None = None,
        error_kind: str | None = None,
        error: str = "",
        status: int | None = None,
        cost_usd: float | None = None,
        after: str = "",
    ) -> None:
        """Note an attempt that ended, and what follows; ``began`` and ``ended`` in monotonic seconds."""
        began_ms, took_ms = self._ms(began), (ended - began) * 1e3
        number = len(self._attempts) + 1
        attempt = Attempt(
            candidate, number, began_ms, took_ms, outcome, ttft_ms, error_kind, error, status, cost_usd, after
        )
        self._attempts += (attempt,)

    def fired(self, rule: str, action: str, at: float) -> None:
        """Note that a rule fired."""
        self._rules += (Fired(rule, action, self._ms(at)),)

    def note(self, text: str, at: float) -> None:
        """Note anything else."""
        self._notes += (Note(text, self._ms(at)),)

    def finish(
        self,
        ended: float,
        answered_by: str | None = None,
        *,
        running: Iterable[tuple[str, float, float | None]] = (),
    ) -> DecisionTrace:
        """The trace as far as it goes, with the end at ``ended`` (monotonic seconds). ``running`` are attempts left under way:
        candidate, begin (monotonic seconds) and TTFT in ms."""
        left = [
            Attempt(name, number, self._ms(began), (ended - began) * 1e3, "cancelled", ttft_ms)
            for number, (name, began, ttft_ms) in enumerate(running, len(self._attempts) + 1)
        ]
        return DecisionTrace(
            *self._head,
            self._started_at,
            self._ms(ended),
            answered_by,
            self._ranked,
            self._skipped,
            (*self._attempts, *left),
            self._rules,
            self._notes,
        )

    def _ms(self, moment: float) -> float:
        return (moment - self._began) * 1e3


_OUTCOMES: dict[Outcome, str] = {
    "answered": "answered",
    "failed": "failed",
    "cancelled": "was cancelled",
    "cut": "broke off in the middle",
    "lost the race": "lost the race",
}


def _attempt_told(attempt: Attempt) -> str:
    words = [f"Attempt {attempt.number}: {attempt.candidate} {_OUTCOMES[attempt.outcome]}"]
    words.append(f" after {_seconds(attempt.duration_ms)}")
    if attempt.ttft_ms is not None:
        words.append(f", first token after {_seconds(attempt.ttft_ms)}")
    if attempt.error_kind is not None:
        status = "" if attempt.status is None else f", status {attempt.status}"
        words.append(f" ({attempt.error_kind}{status}{': ' if attempt.error else ''}{attempt.error})")
    if attempt.cost_usd:
        words.append(f", cost ${attempt.cost_usd:.4g}")
    if attempt.after:
        words.append(f"; {attempt.after}")
    words.append(".")
    return "".join(words)


def _seconds(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 999.5 else f"{ms / 1e3:.1f} s"
