"""The test bench's door: plan, predict, run, stop, and what was kept.

    run = await engine.bench.start(Plan(kind="bench", targets=("groq", "mistral")))
    async for happening in run.happenings():  # Planned, Checked or Progress, then Over
        ...
    run.stop()  # at any moment; Over still comes, with what there is

A run belongs to the loop it was started in.
"""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final

import msgspec

from aiconsole import __version__
from aiconsole.bench import asserts
from aiconsole.bench.certificate import Certificate, certify
from aiconsole.bench.compare import compare
from aiconsole.bench.health import CHECKS, HealthCheck, Patient, cheapest, examine
from aiconsole.bench.history import History, KeptPlan
from aiconsole.bench.load.order import Aim, Order, Told, Wire
from aiconsole.bench.plan import Plan, checked
from aiconsole.bench.prediction import Prediction, predict
from aiconsole.bench.process import LoadProcess
from aiconsole.bench.progress import Checked, Happening, Over, Planned, Watch
from aiconsole.bench.report import Report, TargetReport, target_report, typical_ms
from aiconsole.domain.clock import Clock
from aiconsole.domain.errors import ConfigError
from aiconsole.domain.events import BenchFinished, Event, HealthSeen
from aiconsole.domain.models import ModelInfo, ProviderState
from aiconsole.providers.catalogue import Catalogue
from aiconsole.providers.registry import Registry
from aiconsole.secrets import REDACTOR

_LOOK_S: Final = 0.25

Models = Callable[[str], Awaitable[tuple[ModelInfo, ...]]]


class Bench:
    """All runs of one console.

    Args:
        folder: where runs are kept.
        states: the providers as the person sees them.
        models: a provider's model list, once its key is read.
        ready: waits until keys are read.

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

    async def start(self, plan: Plan, *, baseline: Report | None = None) -> BenchRun:
        """Begin a run.

        Args:
            baseline: a run to compare with, and what assertions on a baseline are held against.

        Raises:
            ConfigError: as `resolve`; the run's folder cannot be written.
            ProviderError: as `resolve`.
        """
        plan = await self.resolve(plan)
        run = BenchRun(self, plan, baseline)
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

    def order(self, plan: Plan, prediction: Prediction) -> Order:
        """What the load process is told; holds keys, so it goes nowhere else."""
        aims = []
        for target in plan.targets:
            provider, _, model = target.partition("/")
            wire = Wire.of(self._registry.config(provider))
            aims.append(Aim(target, model, wire, prediction.usd_each.get(target)))
        return Order(plan, tuple(aims), self._plugins)

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
    return lambda: models(provider)


class BenchRun:
    """One run that goes on.

    Attributes:
        plan: with its targets' models.
        id: as it is kept, "" until `Planned` came.
        task: ends with the run; its result is the report.
    """

    def __init__(self, bench: Bench, plan: Plan, baseline: Report | None) -> None:
        self.plan = plan
        self.id = ""
        self._bench = bench
        self._baseline = baseline
        self._happenings: asyncio.Queue[Happening | None] = asyncio.Queue()
        self._stop = asyncio.Event()
        self._process: LoadProcess | None = None
        self.task = asyncio.ensure_future(self._go())

    async def happenings(self) -> AsyncIterator[Happening]:
        """What happens, from `Planned` to `Over`. For one reader; leaving early does not end the run.

        Raises:
            ConsoleError: the run could not be made.
        """
        while (happening := await self._happenings.get()) is not None:
            yield happening
        await self.task

    async def report(self) -> Report:
        """Wait for the end. Raises as `happenings`."""
        return await asyncio.shield(self.task)

    def stop(self) -> None:
        """End the run now; what there is is kept and reported."""
        self._stop.set()
        if self._process is not None:
            self._process.stop()

    @property
    def process_id(self) -> int | None:
        """Of the load process, None where there is none."""
        return None if self._process is None else self._process.pid

    async def _go(self) -> Report:
        try:
            bench, plan = self._bench, self.plan
            started_at = bench.clock.now()
            self.id = await asyncio.to_thread(bench.history.new_id, started_at)
            prediction = Prediction(0, True, None) if plan.kind == "health" else await bench.predict(plan)
            kept = KeptPlan(self.id, plan, started_at, bench.simulated(plan), prediction.usd)
            self._happenings.put_nowait(Planned(self.id, plan, prediction))
            report = await (self._examine(kept) if plan.kind == "health" else self._load(kept, prediction))
            report = await asyncio.to_thread(self._complete, report)
            bench.tell(_finished(report, bench.clock.now()))
            self._happenings.put_nowait(Over(report))
            return report
        finally:
            self._happenings.put_nowait(None)

    async def _examine(self, kept: KeptPlan) -> Report:
        bench = self._bench
        (await asyncio.to_thread(bench.history.begin, kept)).close()
        checks: list[HealthCheck] = []
        patients = bench.patients(self.plan)
        total = len(CHECKS) * len(patients)

        async def look() -> None:
            async with aclosing(examine(patients, bench.clock)) as found:
                async for check in found:
                    checks.append(check)
                    self._happenings.put_nowait(Checked(check, len(checks), total))

        looking = asyncio.ensure_future(look())
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait((looking, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopped = not looking.done()
        for task in (looking, stopping):
            task.cancel()
        await asyncio.gather(looking, stopping, return_exceptions=True)
        if not stopped:
            looking.result()
        for seen in _health_seen(checks, bench.clock.now(), kept.simulated):
            bench.tell(seen)
        order = {
            (patient.provider.name, name): index
            for index, (patient, name) in enumerate((patient, name) for patient in patients for name in CHECKS)
        }
        checks.sort(key=lambda check: order[check.provider, check.check])
        why = "Stopped." if stopped else ""
        return self._report(
            kept, why, partial=stopped, health=tuple(checks), seconds=bench.clock.now() - kept.started_at
        )

    async def _load(self, kept: KeptPlan, prediction: Prediction) -> Report:
        bench, plan = self._bench, self.plan
        file = await asyncio.to_thread(bench.history.begin, kept)
        watch = Watch(plan, prediction)
        looked_at = asyncio.get_running_loop().time()

        def deliver(messages: Sequence[Told]) -> None:
            nonlocal looked_at
            ticked = watch.take(messages)
            now = asyncio.get_running_loop().time()
            if ticked and now - looked_at >= _LOOK_S:
                looked_at = now
                self._happenings.put_nowait(watch.progress())

        self._process = LoadProcess(bench.order(plan, prediction), deliver, file, REDACTOR.redact)
        if self._stop.is_set():
            self._process.stop()
        try:
            code = await self._process.ended()
        except asyncio.CancelledError:
            self._process.kill()
            raise
        self._happenings.put_nowait(watch.progress())
        return await asyncio.to_thread(self._made, kept, watch, code, self._process.complaint)

    def _made(self, kept: KeptPlan, watch: Watch, code: int, complaint: str) -> Report:
        """The report of a load, from its kept samples."""
        plan = self.plan
        samples = self._bench.history.samples(self.id)
        targets = []
        for target in plan.targets:
            judged = {told.level: (told.kept_up, told.why) for told in watch.judged if told.target == target}
            own = [sample for sample in samples if sample.target == target]
            targets.append(target_report(target, own, plan, judged))
        seconds = max((sample.ended_s for sample in samples), default=0.0)
        if watch.ended is None:
            how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
            because = f": {complaint}" if complaint else "."
            stopped = f"The load process ended unexpectedly ({how}){because} What it had measured until then is kept."
            words = "The load process ended before it could be judged."
            certificate = Certificate("invalid", calibration=watch.calibration, words=words)
            return self._report(kept, stopped, partial=True, targets=targets, seconds=seconds, certificate=certificate)
        certificate = certify(
            watch.ended.gauged, watch.calibration, typical_ms=typical_ms(samples), wanted=plan.calibrate
        )
        stopped = watch.ended.stopped
        partial = self._stop.is_set() and bool(stopped)
        return self._report(kept, stopped, partial=partial, targets=targets, seconds=seconds, certificate=certificate)

    def _report(
        self,
        kept: KeptPlan,
        stopped: str,
        *,
        partial: bool,
        seconds: float,
        targets: Sequence[TargetReport] = (),
        health: tuple[HealthCheck, ...] = (),
        certificate: Certificate | None = None,
    ) -> Report:
        return Report(
            id=kept.id,
            plan=self.plan,
            started_at=kept.started_at,
            seconds=round(seconds, 3),
            stopped=stopped,
            partial=partial,
            simulated=kept.simulated,
            console=__version__,
            machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
            certificate=certificate or Certificate("unproven", words="A health check makes no load."),
            targets=tuple(targets),
            health=health,
            predicted_usd=kept.predicted_usd,
        )

    def _complete(self, report: Report) -> Report:
        """Compare with the baseline, judge the assertions, and keep it."""
        baseline = self._baseline
        conditions = [asserts.read(text) for text in self.plan.asserts]
        report = msgspec.structs.replace(
            report,
            assertions=asserts.judged(conditions, report, baseline),
            comparison=() if baseline is None else compare(baseline, report),
            compared_with="" if baseline is None else baseline.id,
        )
        self._bench.history.finish(report)
        return report


def _health_seen(checks: Sequence[HealthCheck], now: float, simulated: bool) -> list[HealthSeen]:
    """What the health checks say of each provider, for those who watch health."""
    seen = []
    for provider in dict.fromkeys(check.provider for check in checks):
        own = [check for check in checks if check.provider == provider]
        bad = next((check for check in own if check.result == "fail"), None)
        chat = next((check for check in own if check.check == "chat" and check.ms is not None), None)
        kind, reason = (None, "") if bad is None else (bad.error_kind, f"{bad.check}: {bad.reason}")
        latency = chat.ms if chat is not None and bad is None else None
        seen.append(HealthSeen(provider, now, bad is None, latency, kind, reason, simulated))
    return seen


def _finished(report: Report, now: float) -> BenchFinished:
    requests = sum(target.requests for target in report.targets)
    errors = sum(target.errors for target in report.targets)
    ttft = [found.p95.value for target in report.targets if (found := target.spreads.get("ttft")) is not None]
    worse = sum(change.verdict == "worse" for change in report.comparison)
    return BenchFinished(
        run=report.id,
        kind=report.plan.kind,
        at=now,
        name=report.plan.name,
        targets=report.plan.targets,
        requests=requests,
        error_share=errors / requests if requests else None,
        ttft_p95_ms=max(ttft, default=None),
        valid=report.certificate.verdict != "invalid",
        passed=report.passed,
        worse=worse,
        partial=report.partial,
        simulated=report.simulated,
    )
