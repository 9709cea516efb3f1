"""Candidates of which only name and features matter: nothing is sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import get_args

from aiconsole.domain.chat import ChatRequest, ChatResult, StreamEvent
from aiconsole.domain.models import Feature, ModelInfo, ProbeResult
from aiconsole.routing.candidates import Candidate

ALL: frozenset[Feature] = frozenset(get_args(Feature))


class Paper:
    """A provider on paper: it has a name and features, and cannot be asked."""

    simulated = True

    def __init__(self, name: str, features: frozenset[Feature] = ALL) -> None:
        self.name = name
        self.features = features

    async def complete(self, request: ChatRequest) -> ChatResult:
        raise NotImplementedError

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        raise NotImplementedError
        yield

    async def models(self) -> tuple[ModelInfo, ...]:
        raise NotImplementedError

    async def probe(self) -> ProbeResult:
        raise NotImplementedError

    async def count_tokens(self, request: ChatRequest) -> int:
        raise NotImplementedError

    async def aclose(self) -> None: ...


def candidate(name: str, features: frozenset[Feature] = ALL) -> Candidate:
    """A candidate from ``provider/model``, or from a provider's name with a model called ``m``."""
    provider, _, model = name.partition("/")
    return Candidate(Paper(provider, features), model or "m")
