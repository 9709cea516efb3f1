"""What selection and the gate ask about a candidate of one request: measured, listed, or expected."""

from __future__ import annotations

from typing import Protocol

from aiconsole.domain.chat import Cost, Usage
from aiconsole.domain.models import ModelInfo, Prices
from aiconsole.routing.candidates import Candidate
from aiconsole.routing.fitness import Needs, expected_usd
from aiconsole.routing.gate import Gate
from aiconsole.routing.policy import Policy


class Knowledge(Protocol):
    """What is known of models without asking anybody."""

    def known(self, provider: str, model: str) -> ModelInfo | None: ...

    def prices(self, provider: str, model: str) -> Prices | None: ...

    def cost(self, provider: str, model: str, usage: Usage) -> Cost | None: ...


class RequestFacts:
    """The `selection.Facts` of one request.

    Attributes:
        needs: what the request needs; replaced when a candidate turned out to be too small for it.
    """

    __slots__ = ("_gate", "_knowledge", "_latency_ms", "_policy", "_stream", "needs")

    def __init__(self, gate: Gate, knowledge: Knowledge, policy: Policy, needs: Needs, *, stream: bool) -> None:
        self.needs = needs
        self._gate = gate
        self._knowledge = knowledge
        self._latency_ms = gate.reliability.latency_ms
        self._policy = policy
        self._stream = stream

    def known(self, candidate: Candidate) -> ModelInfo | None:
        """The model as far as it is known."""
        return self._knowledge.known(candidate.provider.name, candidate.model)

    def latency_ms(self, candidate: Candidate) -> float | None:
        return self._latency_ms(candidate.name, streamed=self._stream)

    def in_flight(self, candidate: Candidate) -> int:
        return self._gate.flying.get(candidate.name, 0)

    def cost_usd(self, candidate: Candidate) -> float | None:
        return expected_usd(self.needs, self._knowledge.prices(candidate.provider.name, candidate.model))

    def headroom(self, candidate: Candidate) -> float:
        return self._gate.limits.headroom(candidate.name)

    def score(self, candidate: Candidate, headroom: float | None = None) -> float:
        left = self._gate.limits.headroom(candidate.name) if headroom is None else headroom
        return self._gate.reliability.score(candidate.name, left).value

    def weight(self, candidate: Candidate) -> float:
        return self._policy.weights.get(candidate.name, 1.0)

    def recent_success(self, candidate: Candidate) -> float:
        return self._gate.reliability.recent_success(candidate.name)
