"""The test bench's door: plan, predict, run, stop, and what was kept.

    run = await engine.bench.start(Plan(kind="bench", targets=("groq", "mistral")))
    async for happening in run.happenings():  # Planned, Checked or Progress, then Over
        ...
    run.stop()  # at any moment; Over still comes, with what there is

A run belongs to the loop it was started in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from aiconsole.bench import asserts
from aiconsole.bench.health import Patient, cheapest
from aiconsole.bench.history import History
from aiconsole.bench.load.order import Aim, Order, Wire
from aiconsole.bench.plan import Plan, checked
from aiconsole.bench.prediction import Prediction, predict
from aiconsole.bench.report import Report
from aiconsole.bench.running import BenchRun
from aiconsole.bench.shapes import segments
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.events import Event
from aiconsole.domain.models import ModelInfo, ProviderState
from aiconsole.providers.catalogue import Catalogue
from aiconsole.providers.registry import Registry
from aiconsole.simulator import Behaviour


class Models(Protocol):
    """A provider's model list; ``refresh`` asks the provider again where it is known."""

    def __call__(self, provider: str, *, refresh: bool = False) -> Awaitable[tuple[ModelInfo, ...]]: ...


class Bench:
    """All runs of one console.

    Args:
        folder: where runs are kept.
        states: the providers as the person sees them.
        models: a provider's model list, once its key is read.
        ready: waits until keys are read.
        demo: how the console's own simulated providers behave at the moment; None where it talks to others.

    Attributes:
        history: kept runs and baselines; its methods block, call them in a thread.
        clock: the console's.
    """

    def __init__(
        self,
        folder: Path,
        registry: Registry,
        catalogue: Catalogue,
        clock: Clock,
        *,
        states: Callable[[], Sequence[ProviderState]],
        models: Models,
        ready: Callable[[], Awaitable[None]],
        plugins: Mapping[str, str],
        demo: Callable[[], Mapping[str, Behaviour] | None],
        publish: Callable[[Event], object],
    ) -> None:
        self.history = History(folder)
        self._registry = registry
        self._catalogue = catalogue
        self.clock = clock
        self._states = states
        self._models = models
        self._ready = ready
        self._plugins = dict(plugins)
        self.demo = demo
        self._publish = publish
        self._runs: set[BenchRun] = set()

    async def resolve(self, plan: Plan) -> Plan:
        """The plan with every target as ``provider/model``; without targets, all usable providers. Of a health plan, targets
        without a model stay so, and providers without a key too, since that is what is to be found out.

        Raises:
            ConfigError: the plan makes no sense, or a target is unknown.
            ProviderError: a provider's model list is needed and cannot be had.
        """
        plan = checked(plan)
        await self._ready()
        states = {state.name: state for state in self._states()}
        targets = plan.targets or tuple(name for name, state in states.items() if state.usable)
        if not targets:
            raise ConfigError(
                "No provider has a key yet.", advice="Set one with `aiconsole keys set NAME`, or try --demo."
            )
        for target in targets:
            self._known(target.partition("/")[0], states)
        if plan.kind != "health":
            targets = tuple(await asyncio.gather(*(self._with_model(target) for target in targets)))
        for text in plan.asserts:
            asserts.read(text)
        return msgspec.structs.replace(plan, targets=tuple(dict.fromkeys(targets)))

    async def predict(self, plan: Plan) -> Prediction:
        """What a resolved plan will send and cost at most; asks providers for their model lists where these are not known."""
        providers = dict.fromkeys(target.partition("/")[0] for target in plan.targets)
        await asyncio.gather(*(self._models(name) for name in providers), return_exceptions=True)
        prices = {}
        for target in plan.targets:
            provider, _, model = target.partition("/")
            prices[target] = self._catalogue.prices(provider, model)
        return predict(plan, prices)

    async def start(self, plan: Plan, *, baseline: Report | None = None, scheduled: bool = False) -> BenchRun:
        """Begin a run.

        Args:
            baseline: a run to compare with, and what assertions on a baseline are held against.
            scheduled: whether a background job begins it, so that alert rules judge what it finds.

        Raises:
            ConfigError: as `resolve`; the run's folder cannot be written.
            ProviderError: as `resolve`.
        """
        plan = await self.resolve(plan)
        run = BenchRun(self, plan, baseline, scheduled=scheduled)
        self._runs.add(run)
        run.task.add_done_callback(lambda _: self._runs.discard(run))
        return run

    async def aclose(self) -> None:
        """Stop all runs and wait until they are kept."""
        runs = tuple(self._runs)
        for run in runs:
            run.stop()
        await asyncio.gather(*(run.task for run in runs), return_exceptions=True)

    def simulated(self, plan: Plan) -> bool:
        """Whether a plan's answers come from the built-in simulator."""
        return any(self._registry.config(target.partition("/")[0]).simulated for target in plan.targets)

    def patients(self, plan: Plan) -> list[Patient]:
        """Whom a health plan looks at."""
        states = {state.name: state for state in self._states()}
        found = []
        for target in plan.targets:
            provider, _, model = target.partition("/")
            state = states[provider]
            missing = state.key_needed and state.key_source is None and not state.simulated
            found.append(Patient(self._registry[provider], _list_of(self._models, provider), model, missing))
        return found

    def order(self, plan: Plan, prediction: Prediction, base_urls: Mapping[str, str]) -> Order:
        """What the load process is told; holds keys, so it goes nowhere else. ``base_urls`` lead providers elsewhere."""
        aims = []
        for target in plan.targets:
            provider, _, model = target.partition("/")
            config = self._registry.config(provider)
            wire = Wire.of(msgspec.structs.replace(config, base_url=base_urls.get(provider, config.base_url)))
            aims.append(Aim(target, model, wire, prediction.usd_each.get(target)))
        long_enough_s = min(2.5, max(1.0, sum(part.seconds for part in segments(plan.load))))
        return Order(plan, tuple(aims), self._plugins, calibration_s=long_enough_s)

    def tell(self, event: Event) -> None:
        """Publish what happened."""
        self._publish(event)

    def _known(self, provider: str, states: Mapping[str, ProviderState]) -> None:
        state = states.get(provider)
        if state is None or provider not in self._registry:
            raise ConfigError(
                f"No provider called “{provider}” is switched on.",
                advice=f"Switched on are: {', '.join(self._registry)}.",
            )

    async def _with_model(self, target: str) -> str:
        if "/" in target:
            return target
        model = cheapest(await self._models(target))
        if not model:
            raise ConfigError(f"{target} lists no models.", advice=f"Name one: {target}/MODEL.")
        return f"{target}/{model}"


def _list_of(models: Models, provider: str) -> Callable[[], Awaitable[tuple[ModelInfo, ...]]]:
    return lambda: models(provider, refresh=True)
