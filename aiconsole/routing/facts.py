"""What selection and the gate ask about a candidate of one request: measured, listed, or expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from aiconsole.domain.chat import Cost, Usage
from aiconsole.domain.models import Feature, ModelInfo, Prices
from aiconsole.routing.candidates import Candidate, Route
from aiconsole.routing.fitness import Needs, expected_usd, fits_all
from aiconsole.routing.gate import Gate
from aiconsole.routing.policy import Policy

_KEPT: Final = 100


class Knowledge(Protocol):
    """What is known of models without asking anybody; ``revision`` differs whenever that has changed."""

    @property
    def revision(self) -> int: ...

    def known(self, provider: str, model: str) -> ModelInfo | None: ...

    def prices(self, provider: str, model: str) -> Prices | None: ...

    def cost(self, provider: str, model: str, usage: Usage) -> Cost | None: ...


class RequestFacts:
    """The `selection.Facts` of one request.

    Attributes:
        needs: what the request needs; replaced when a candidate turned out to be too small for it.
    """

    __slots__ = ("_gate", "_knowledge", "_policy", "_stream", "needs")

    def __init__(self, gate: Gate, knowledge: Knowledge, policy: Policy, needs: Needs, *, stream: bool) -> None:
        self.needs = needs
        self._gate = gate
        self._knowledge = knowledge
        self._policy = policy
        self._stream = stream

    def known(self, candidate: Candidate) -> ModelInfo | None:
        """The model as far as it is known."""
        return self._knowledge.known(candidate.provider.name, candidate.model)

    def latency_ms(self, candidates: Sequence[Candidate]) -> list[float | None]:
        names = [candidate.name for candidate in candidates]
        return self._gate.reliability.latencies(names, streamed=self._stream)

    def in_flight(self, candidates: Sequence[Candidate]) -> list[int]:
        flying = self._gate.flying
        return [flying.get(candidate.name, 0) for candidate in candidates]

    def expected_usd(self, candidate: Candidate) -> float | None:
        """What the request is expected to cost there, None where unknown."""
        return expected_usd(self.needs, self._knowledge.prices(candidate.provider.name, candidate.model))

    def cost_usd(self, candidates: Sequence[Candidate]) -> list[float | None]:
        needs, prices = self.needs, self._knowledge.prices
        return [expected_usd(needs, prices(candidate.provider.name, candidate.model)) for candidate in candidates]

    def headroom(self, candidates: Sequence[Candidate]) -> list[float]:
        return self._gate.limits.headrooms([candidate.name for candidate in candidates])

    def score(self, candidates: Sequence[Candidate], headroom: Sequence[float] | None = None) -> list[float]:
        names = [candidate.name for candidate in candidates]
        left = self._gate.limits.headrooms(names) if headroom is None else headroom
        return self._gate.reliability.scores(names, left)

    def weight(self, candidate: Candidate) -> float:
        return self._policy.weights.get(candidate.name, 1.0)

    def recent_success(self, candidate: Candidate) -> float:
        return self._gate.reliability.recent_success(candidate.name)


class Fits:
    """Tells at once that all candidates of a route can serve a request, where that is so; worked out anew when another kind
    of request comes, or more is known of models."""

    __slots__ = ("_kept", "_knowledge")

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._kept: dict[str, tuple[Route, frozenset[Feature], int, float]] = {}

    def all(self, route: Route, needs: Needs) -> bool:
        """False where one cannot, or may not be able to."""
        knowledge = self._knowledge
        route_then, features, revision, most = self._kept.get(route.name) or (None, None, 0, 0.0)
        if route_then is not route or features != needs.features or revision != knowledge.revision:
            known = [(one, knowledge.known(one.provider.name, one.model)) for one in route.candidates]
            most = fits_all(known, needs.features)
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[route.name] = (route, needs.features, knowledge.revision, most)
        return not needs.room and needs.prompt_tokens + (needs.max_tokens or 0) <= most
