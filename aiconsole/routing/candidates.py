"""From what a person calls a model to the candidates that can answer: provider and model, in order.

A name is tried as a route, then as ``provider/model``, then as a bare model name, which stands for that model at every
provider known to offer it. The full selection (strategies, scores, breakers) will take these candidates and rank them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final, NamedTuple

from aiconsole.domain.errors import ConfigError
from aiconsole.domain.models import ModelInfo
from aiconsole.providers.base import Provider
from aiconsole.routing.policy import Policy

_KEPT: Final = 1000


@dataclass(frozen=True, slots=True)
class Candidate:
    """One provider that may answer, and the model's name there; ``name`` is ``provider/model``."""

    provider: Provider
    model: str
    name: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.provider.name}/{self.model}")


class Route(NamedTuple):
    """What a name stands for. ``direct`` where it names one model of one provider."""

    name: str
    candidates: tuple[Candidate, ...]
    policy: Policy
    direct: bool = False


class Directory:
    """Knows the providers that are switched on, the routes, and which provider offers which model.

    Args:
        providers: by name. What was found is kept until ``forget`` is called.
        routes: route name -> ``provider/model`` names in order.
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
        self._kept: dict[str, Route] = {}
        self.prepare: Callable[[tuple[str, ...]], Awaitable[None]] | None = None

    def forget(self) -> None:
        """Look everything up again: providers, routes or policies have changed."""
        self._kept.clear()

    async def route(self, name: str) -> Route:
        """What ``name`` stands for, with at least one candidate.

        Raises:
            ConfigError: nothing answers to this name; the advice names what comes near.
        """
        kept = self._kept.get(name)
        if kept is not None:
            return kept
        if not name:
            raise ConfigError("No model was chosen.", advice="Name a model as provider/model, or a route.")
        route = self._routes().get(name)
        provider, _, model = name.partition("/")
        if self.prepare is not None:
            named = (provider,) if route is None else tuple(entry.partition("/")[0] for entry in route)
            await self.prepare(tuple(known for known in named if known in self._providers))
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        if route is not None:
            found = self._kept[name] = Route(name, self._of_route(name, route), self._policy(name))
            return found
        if model and provider in self._providers:
            asked = (Candidate(self._providers[provider], model),)
            found = self._kept[name] = Route(name, asked, self._policy(name), direct=True)
            return found
        offered = await self._of_bare_name(name)
        return Route(name, offered, self._policy(name), direct=len(offered) == 1)

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
