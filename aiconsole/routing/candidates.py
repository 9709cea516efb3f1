"""From what a person calls a model to the candidates that can answer: provider and model, in order.

A name is tried as a route, then as ``provider/model``, then as a bare model name, which stands for that model at every
provider known to offer it. The full selection (strategies, scores, breakers) will take these candidates and rank them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from difflib import get_close_matches
from typing import NamedTuple

from aiconsole.domain.errors import ConfigError
from aiconsole.domain.models import ModelInfo
from aiconsole.providers.base import Provider
from aiconsole.routing.policy import Policy


class Candidate(NamedTuple):
    """One provider that may answer, and the model's name there."""

    provider: Provider
    model: str

    @property
    def name(self) -> str:
        return f"{self.provider.name}/{self.model}"


class Route(NamedTuple):
    """What a name stands for. ``direct`` where it names one model of one provider."""

    name: str
    candidates: tuple[Candidate, ...]
    policy: Policy
    direct: bool = False


class Directory:
    """Knows the providers that are switched on, the routes, and which provider offers which model.

    Args:
        providers: by name; the mapping is read at every look-up, so it may change while requests run.
        routes: route name -> ``provider/model`` names in order, read at every look-up.
        policy: how requests of a route, or of any other name, are to be treated.
        list_models: returns the models known so far, asking the providers where it has to; awaited for bare names only.

    ``prepare``, where it is set, is awaited with the names of the providers a look-up concerns (none: all) before it is
    answered; the engine uses it while keys are still being read.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        routes: Callable[[], Mapping[str, tuple[str, ...]]],
        policy: Callable[[str], Policy],
        list_models: Callable[[], Awaitable[tuple[ModelInfo, ...]]],
    ) -> None:
        self._providers = providers
        self._routes = routes
        self._policy = policy
        self._list_models = list_models
        self.prepare: Callable[[tuple[str, ...]], Awaitable[None]] | None = None

    async def route(self, name: str) -> Route:
        """What ``name`` stands for, with at least one candidate.

        Raises:
            ConfigError: nothing answers to this name; the advice names what comes near.
        """
        if not name:
            raise ConfigError("No model was chosen.", advice="Name a model as provider/model, or a route.")
        route = self._routes().get(name)
        provider, _, model = name.partition("/")
        if self.prepare is not None:
            named = (provider,) if route is None else tuple(entry.partition("/")[0] for entry in route)
            await self.prepare(tuple(known for known in named if known in self._providers))
        if route is not None:
            return Route(name, self._of_route(name, route), self._policy(name))
        if model and provider in self._providers:
            return Route(name, (Candidate(self._providers[provider], model),), self._policy(name), direct=True)
        found = await self._of_bare_name(name)
        return Route(name, found, self._policy(name), direct=len(found) == 1)

    def named(self, name: str) -> tuple[Candidate, ...]:
        """The candidates of a route, or the one that ``provider/model`` names; none where the name says nothing."""
        entries = self._routes().get(name, (name,))
        parts = [entry.partition("/") for entry in entries]
        return tuple(
            Candidate(self._providers[provider], model)
            for provider, _, model in parts
            if model and provider in self._providers
        )

    def _of_route(self, name: str, route: tuple[str, ...]) -> tuple[Candidate, ...]:
        found = self.named(name)
        if not found:
            wanted = ", ".join(entry.partition("/")[0] for entry in route) or "none"
            raise ConfigError(
                f"The route “{name}” has no candidate that is switched on (it names: {wanted}).",
                advice="Switch one of its providers on, or edit the route in the settings.",
            )
        return found

    async def _of_bare_name(self, name: str) -> tuple[Candidate, ...]:
        models = await self._list_models()
        found = tuple(
            Candidate(self._providers[info.provider], info.id)
            for info in models
            if info.provider in self._providers and (info.id == name or info.id.rpartition("/")[2] == name)
        )
        if not found:
            known = [f"{info.provider}/{info.id}" for info in models] + list(self._routes())
            near = get_close_matches(name, known, n=3, cutoff=0.5)
            raise ConfigError(
                f"No provider that is switched on offers “{name}”.",
                advice=f"Did you mean {', '.join(near)}?" if near else "See `aiconsole models` for the names.",
            )
        return found
